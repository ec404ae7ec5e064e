//! What stands on the window: labels, buttons and questions, all of them in [`Labels`], written once in each language.
//!
//! What happened is said in the sentences of [`super::Text`], the same as in the terminal. Here is only what a window has and a terminal has
//! not. A label that one language lacks does not compile; one that nobody shows is found by the compiler too.

mod english;
mod italian;

use gateway_api::login::Language;

/// The words on the window in one language.
pub(crate) struct Labels {
    /// The name of the other language, in that language.
    pub(crate) other_language: &'static str,
    pub(crate) appearance: &'static str,
    pub(crate) light: &'static str,
    pub(crate) dark: &'static str,
    pub(crate) contrast: &'static str,
    pub(crate) larger: &'static str,
    pub(crate) smaller: &'static str,

    pub(crate) first_use_title: &'static str,
    pub(crate) first_use_task: &'static str,
    pub(crate) first_use_warning: &'static str,
    pub(crate) words_are_same: &'static str,
    pub(crate) words_are_others: &'static str,
    /// What the kind of file that the office sends is called.
    pub(crate) profile: &'static str,
    /// Of the name of another profile's file.
    pub(crate) other_profile: fn(&str) -> String,

    /// Where the profile is another office's.
    pub(crate) forget_office: &'static str,
    pub(crate) forget_question: &'static str,
    pub(crate) forget_consequence: &'static str,
    pub(crate) forget_no: &'static str,
    pub(crate) forget_yes: &'static str,
    pub(crate) forgotten_title: &'static str,
    pub(crate) forgotten_task: &'static str,

    pub(crate) sign_in_title: &'static str,
    pub(crate) server: &'static str,
    pub(crate) server_hint: &'static str,
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    pub(crate) workstation_password: &'static str,
    pub(crate) hand_over: &'static str,
    pub(crate) code: &'static str,
    pub(crate) code_hint: &'static str,
    pub(crate) sign_in: &'static str,
    pub(crate) fill_screen: &'static str,
    /// From a desktop that fills the screen to the other windows.
    pub(crate) way_back: &'static str,
    pub(crate) change_password: &'static str,
    pub(crate) set_up_code: &'static str,
    pub(crate) show_record: &'static str,
    pub(crate) back: &'static str,

    pub(crate) change_title: &'static str,
    pub(crate) present_password: &'static str,
    pub(crate) new_password: &'static str,
    pub(crate) new_password_again: &'static str,
    pub(crate) change: &'static str,
    /// A sign-in was refused for it.
    pub(crate) password_expired: &'static str,
    pub(crate) asking: &'static str,

    pub(crate) enrol_title: &'static str,
    pub(crate) enrolment_code: &'static str,
    pub(crate) enrolment_code_hint: &'static str,
    pub(crate) enrolment_code_missing: &'static str,
    pub(crate) enrol: &'static str,
    /// What the picture is, for whoever cannot see it.
    pub(crate) picture: &'static str,
    pub(crate) first_code: &'static str,
    pub(crate) confirm: &'static str,
    pub(crate) enrolled_title: &'static str,
    pub(crate) written_down: &'static str,

    pub(crate) server_missing: &'static str,
    pub(crate) user_missing: &'static str,
    pub(crate) new_password_missing: &'static str,

    pub(crate) connecting_title: &'static str,
    pub(crate) step_reach: &'static str,
    pub(crate) step_sign_in: &'static str,
    pub(crate) step_way: &'static str,
    pub(crate) step_wake: &'static str,
    pub(crate) step_desktop: &'static str,
    pub(crate) done: &'static str,
    pub(crate) under_way: &'static str,
    /// Of how long already.
    pub(crate) under_way_for: fn(&str) -> String,
    pub(crate) to_come: &'static str,
    pub(crate) cancel: &'static str,

    pub(crate) reading_title: &'static str,
    pub(crate) reading_meaning: &'static str,
    pub(crate) read: &'static str,
    pub(crate) not_read: &'static str,

    /// Of a workstation's name.
    pub(crate) at_work: fn(&str) -> String,
    /// Of a time of day and the time that is left.
    pub(crate) until: fn(&str, &str) -> String,
    pub(crate) desktop_is_open: &'static str,
    pub(crate) line_well: &'static str,
    pub(crate) session_number: fn(&str) -> String,
    pub(crate) close: &'static str,
    /// Of how long it may last, and how long there is to answer.
    pub(crate) trace_question: fn(&str, &str) -> String,
    /// A notification of the desktop says it.
    pub(crate) question_waits: &'static str,
    pub(crate) agree: &'static str,
    pub(crate) disagree: &'static str,
    /// Until it begins.
    pub(crate) trace_agreed: &'static str,
    /// Of how long it may last.
    pub(crate) trace_running: fn(&str) -> String,
    pub(crate) end_trace: &'static str,
    /// Of who asks, what for, how long it may last, and how long there is to answer.
    pub(crate) assistance_question: fn(&str, &str, &str, &str) -> String,
    pub(crate) allow_assistance: &'static str,
    pub(crate) refuse_assistance: &'static str,
    /// Until it begins.
    pub(crate) assistance_agreed: &'static str,
    /// Of who it is, and a time of day.
    pub(crate) assistance_running: fn(&str, &str) -> String,
    pub(crate) end_assistance: &'static str,

    pub(crate) ended_title: &'static str,
    pub(crate) failed_title: &'static str,
    pub(crate) sign_in_again: &'static str,
    pub(crate) leave: &'static str,
    /// Of a program's name and its exit status: nobody sees what it said.
    pub(crate) program_failed: fn(&str, &str) -> String,
    /// Of a program's name.
    pub(crate) program_went_away: fn(&str) -> String,
    pub(crate) no_rdp_program: &'static str,

    pub(crate) close_question: &'static str,
    pub(crate) close_consequence: &'static str,
    pub(crate) stay: &'static str,

    pub(crate) record_title: &'static str,
    pub(crate) record_sealed: &'static str,
    /// Of how many older records are not shown.
    pub(crate) record_left_off: fn(u32) -> String,
    /// What a kind of record is for people; none if it is not known here.
    pub(crate) kind: fn(&str) -> Option<&'static str>,

    /// Why there may be no window.
    pub(crate) no_screen: &'static str,
    /// Of why there is none.
    pub(crate) no_window: fn(&str) -> String,
    /// That there is none any more.
    pub(crate) window_gone: &'static str,
}

/// The words in a language.
pub(crate) fn labels(language: Language) -> &'static Labels {
    match language {
        Language::It => &italian::LABELS,
        Language::En => &english::LABELS,
    }
}
