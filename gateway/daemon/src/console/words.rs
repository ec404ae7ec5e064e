//! Every sentence of the page, named here and written in `words/italian.rs` and `words/english.rs`. Adding one here without writing it in both
//! languages does not compile.

mod english;
mod italian;

use gateway_api::login::Language;
use gateway_core::Phase;
use gateway_record::{
    Journal, Kind,
    review::{Ground, Refusal, Role, Stage, figures::Cause},
};

use super::page::Tab;
use crate::control::NotIn;

/// One language.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) language: Language,
    /// As HTML names it.
    pub(super) tag: &'static str,
    /// In its own words.
    pub(super) name: &'static str,
    /// How a moment is written, as `strftime` has it.
    pub(super) moment: &'static str,
    /// How a day is.
    pub(super) day: &'static str,
    pub(super) skip: &'static str,
    pub(super) menu: &'static str,
    pub(super) languages: &'static str,
    pub(super) footer: &'static str,
    pub(super) signed_in_as: &'static str,
    pub(super) sign_out: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) go_on: &'static str,
    pub(super) not_done: &'static str,
    pub(super) optional: &'static str,
    pub(super) unavailable: &'static str,
    pub(super) foreign_form: &'static str,
    pub(super) unreadable_form: &'static str,
    pub(super) not_found: &'static str,
    pub(super) login_lead: &'static str,
    pub(super) user: &'static str,
    pub(super) password: &'static str,
    pub(super) code: &'static str,
    pub(super) code_hint: &'static str,
    pub(super) code_again: &'static str,
    pub(super) code_wrong: &'static str,
    pub(super) support: &'static str,
    pub(super) visit_over: &'static str,
    pub(super) visit_changed: &'static str,
    pub(super) visit_refused: &'static str,
    pub(super) signed_out: &'static str,
    pub(super) overview: &'static str,
    pub(super) sessions: &'static str,
    pub(super) figures: &'static str,
    pub(super) requests: &'static str,
    pub(super) notices: &'static str,
    pub(super) record: &'static str,
    pub(super) policy: &'static str,
    pub(super) own: &'static str,
    pub(super) your_roles: &'static str,
    pub(super) no_roles: &'static str,
    pub(super) since: &'static str,
    pub(super) new_roles: &'static str,
    pub(super) new_roles_lead: &'static str,
    pub(super) what_you_may: &'static str,
    pub(super) session: &'static str,
    pub(super) structure: &'static str,
    pub(super) structures: &'static str,
    pub(super) state: &'static str,
    pub(super) opened: &'static str,
    pub(super) ends: &'static str,
    pub(super) profile: &'static str,
    pub(super) way: &'static str,
    pub(super) sessions_caption: &'static str,
    pub(super) sessions_lead: &'static str,
    pub(super) sessions_open: &'static str,
    pub(super) no_sessions: &'static str,
    pub(super) no_such_session: &'static str,
    pub(super) close_session: &'static str,
    pub(super) close_lead: &'static str,
    pub(super) why: &'static str,
    pub(super) close_why: &'static str,
    pub(super) close_why_missing: &'static str,
    pub(super) session_ending: &'static str,
    pub(super) figures_lead: &'static str,
    pub(super) figures_rules: &'static str,
    pub(super) no_figures: &'static str,
    pub(super) figures_pdf: &'static str,
    pub(super) figures_caption: &'static str,
    pub(super) refused_logins: &'static str,
    pub(super) sessions_had: &'static str,
    pub(super) assistances: &'static str,
    /// In a list of sessions: a technician's, for that one.
    pub(super) assists: &'static str,
    pub(super) workers: &'static str,
    pub(super) period: &'static str,
    pub(super) anomaly: &'static str,
    pub(super) not_shown: &'static str,
    pub(super) none: &'static str,
    pub(super) requests_lead: &'static str,
    pub(super) requests_caption: &'static str,
    pub(super) no_requests: &'static str,
    pub(super) no_such_request: &'static str,
    pub(super) request: &'static str,
    pub(super) number: &'static str,
    pub(super) days: &'static str,
    pub(super) ground: &'static str,
    pub(super) asked_by: &'static str,
    pub(super) new_request: &'static str,
    pub(super) new_request_lead: &'static str,
    pub(super) worker: &'static str,
    pub(super) worker_hint: &'static str,
    pub(super) of_sessions: &'static str,
    pub(super) of_sessions_hint: &'static str,
    pub(super) structure_of_worker: &'static str,
    pub(super) first_day: &'static str,
    pub(super) last_day: &'static str,
    pub(super) events: &'static str,
    pub(super) events_hint: &'static str,
    pub(super) ground_hint: &'static str,
    pub(super) reason: &'static str,
    pub(super) reason_hint: &'static str,
    pub(super) send_request: &'static str,
    pub(super) no_such_event: &'static str,
    pub(super) no_session_number: &'static str,
    pub(super) no_date: &'static str,
    pub(super) steps: &'static str,
    pub(super) step_requested: &'static str,
    pub(super) step_approved: &'static str,
    pub(super) step_refused: &'static str,
    pub(super) step_opened: &'static str,
    pub(super) step_kept: &'static str,
    pub(super) records: &'static str,
    pub(super) opens_until: &'static str,
    pub(super) kept_until: &'static str,
    pub(super) message: &'static str,
    pub(super) message_read: &'static str,
    pub(super) message_mailed: &'static str,
    pub(super) message_off: &'static str,
    pub(super) message_overdue: &'static str,
    pub(super) message_waits: &'static str,
    pub(super) minute: &'static str,
    pub(super) answer: &'static str,
    pub(super) approve: &'static str,
    pub(super) approve_lead: &'static str,
    pub(super) refuse: &'static str,
    pub(super) open: &'static str,
    pub(super) open_lead: &'static str,
    pub(super) open_button: &'static str,
    pub(super) extract: &'static str,
    pub(super) extract_lead: &'static str,
    pub(super) extract_until: &'static str,
    pub(super) extract_why: &'static str,
    pub(super) extract_button: &'static str,
    pub(super) postpone: &'static str,
    pub(super) postpone_lead: &'static str,
    pub(super) postpone_until: &'static str,
    pub(super) notices_lead: &'static str,
    pub(super) notices_caption: &'static str,
    pub(super) no_notices: &'static str,
    pub(super) give_notice: &'static str,
    pub(super) given: &'static str,
    pub(super) text: &'static str,
    pub(super) text_italian: &'static str,
    pub(super) text_english: &'static str,
    pub(super) text_hint: &'static str,
    pub(super) text_missing: &'static str,
    pub(super) text_too_long: &'static str,
    pub(super) record_lead: &'static str,
    pub(super) record_now: &'static str,
    pub(super) verification: &'static str,
    pub(super) signed_at: &'static str,
    pub(super) checkpoint: &'static str,
    pub(super) witness: &'static str,
    pub(super) no_witness: &'static str,
    pub(super) witness_elsewhere: &'static str,
    pub(super) witness_strangers: &'static str,
    pub(super) not_yet: &'static str,
    pub(super) names_sealed: &'static str,
    pub(super) sealed_to_nobody: &'static str,
    pub(super) witness_trouble: &'static str,
    pub(super) disk_full: &'static str,
    pub(super) clock_behind: &'static str,
    pub(super) not_verified: &'static str,
    pub(super) verified_at: &'static str,
    pub(super) verify_failed: &'static str,
    pub(super) verifying: &'static str,
    pub(super) verify_now: &'static str,
    pub(super) record_whole: &'static str,
    pub(super) record_not_whole: &'static str,
    pub(super) gateway: &'static str,
    pub(super) checkpoints_hold: &'static str,
    pub(super) of_witness: &'static str,
    pub(super) journals_caption: &'static str,
    pub(super) journal: &'static str,
    pub(super) begins: &'static str,
    pub(super) from_first: &'static str,
    pub(super) at_cut: &'static str,
    pub(super) signed_to: &'static str,
    pub(super) end: &'static str,
    pub(super) outcome: &'static str,
    pub(super) whole: &'static str,
    pub(super) not_whole: &'static str,
    pub(super) end_proven: &'static str,
    pub(super) end_proven_to: &'static str,
    pub(super) end_not_proven: &'static str,
    pub(super) policy_in_force: &'static str,
    pub(super) since_when: &'static str,
    pub(super) agreements: &'static str,
    pub(super) timezone: &'static str,
    pub(super) hash: &'static str,
    pub(super) policy_rejected: &'static str,
    pub(super) policy_folder: &'static str,
    pub(super) policy_mistakes: &'static str,
    pub(super) policy_same: &'static str,
    pub(super) policy_other: &'static str,
    pub(super) policy_left_out: &'static str,
    pub(super) policy_warnings: &'static str,
    pub(super) own_lead: &'static str,
    pub(super) who_looked: &'static str,
    pub(super) nobody_looked: &'static str,
    pub(super) own_records: &'static str,
    pub(super) own_caption: &'static str,
    pub(super) no_own_records: &'static str,
    pub(super) own_page: &'static str,
    pub(super) own_of: &'static str,
    pub(super) own_newer: &'static str,
    pub(super) own_older: &'static str,
    pub(super) when: &'static str,
    pub(super) what: &'static str,
    pub(super) details: &'static str,
    pub(super) opened_on: &'static str,
    pub(super) asked_as: &'static str,
    pub(super) approved_as: &'static str,
}

/// All languages, in the order of the switch.
pub(super) const ALL: [&Words; 2] = [&italian::WORDS, &english::WORDS];

/// The words of a language.
pub(super) fn of(language: Language) -> &'static Words {
    match language {
        Language::It => &italian::WORDS,
        Language::En => &english::WORDS,
    }
}

/// The language of a tag, if it is one of ours.
pub(super) fn language(tag: &str) -> Option<Language> {
    ALL.into_iter().find(|words| words.tag.eq_ignore_ascii_case(tag)).map(|words| words.language)
}

macro_rules! in_both {
    ($($(#[$doc:meta])* $name:ident($what:ty) -> $said:ty;)*) => {
        $($(#[$doc])*
        pub(super) fn $name(words: &Words, what: $what) -> $said {
            match words.language {
                Language::It => italian::$name(what),
                Language::En => english::$name(what),
            }
        })*
    };
}

in_both! {
    /// What a page is for, in a sentence.
    about(Tab) -> &'static str;
    /// What somebody does besides working.
    role(&Role) -> &'static str;
    /// Why a step is refused: what is missing.
    refusal(Refusal) -> String;
    /// How far a request has come.
    stage(&Stage) -> &'static str;
    /// Where in its life a session is.
    phase(Phase) -> &'static str;
    /// Which way a session's datagrams take: by UDP, by the channel, or none yet.
    way(Option<bool>) -> &'static str;
    /// Why logins were refused, in few words.
    cause(Cause) -> &'static str;
    /// What happened.
    kind(Kind) -> &'static str;
    /// A journal.
    journal(Journal) -> &'static str;
    /// A holder of keys, by the word of the record.
    key_role(&str) -> &'static str;
}

/// What a ground says.
pub(super) fn ground(words: &Words, ground: Ground) -> &'static str {
    match words.language {
        Language::It => ground.italian(),
        Language::En => ground.english(),
    }
}

/// The same after its letter.
pub(super) fn ground_in_full(words: &Words, of: Ground) -> String {
    format!("{}) {}", of.letter(), ground(words, of))
}

/// Why somebody is not let in, with the number that finds the truth.
pub(super) fn with_support(words: &Words, refused: &NotIn) -> String {
    format!("{} ({} {})", refused.words(words.language), words.support, refused.support)
}

/// Why another code does not count.
pub(super) fn code_refused(words: &Words, refused: &NotIn) -> String {
    match refused.is_wrong() {
        true => format!("{} ({} {})", words.code_wrong, words.support, refused.support),
        false => with_support(words, refused),
    }
}
