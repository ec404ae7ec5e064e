//! The page in English.

use gateway_api::login::Language;
use gateway_core::Phase;
use gateway_record::{
    Journal, Kind,
    review::{Refusal, Role, Stage, figures::Cause},
};

use super::{super::page::Tab, Words};

/// All sentences without an argument.
pub(super) const WORDS: Words = Words {
    language: Language::En,
    tag: "en",
    name: "English",
    moment: "%-d %b %Y, %H:%M",
    day: "%-d %b %Y",
    skip: "Skip to the content",
    menu: "Pages",
    languages: "Language",
    footer: "Deskgate. What is done here is recorded.",
    signed_in_as: "Signed in as",
    sign_out: "Sign out",
    sign_in: "Sign in",
    go_on: "Go on from here",
    not_done: "Not done",
    optional: "(optional)",
    unavailable: "The gateway cannot do this at the moment. Try again in a few minutes; its log says why.",
    foreign_form: "This form is not of your visit: it was open for too long, or another page sent it. Go back, load the page again and repeat what you did.",
    unreadable_form: "What was sent cannot be read. Go back and try again.",
    not_found: "There is no such page.",
    login_lead: "For people with a role in the gateway, and for whoever wants to read what is recorded about them.",
    user: "Office user name",
    password: "Office password",
    code: "Code of the second factor",
    code_hint: "The six digits that your authenticator app shows, or a recovery code.",
    code_again: "Asked for each time. The code that you signed in with counts once: wait for the next.",
    code_wrong: "The code is not right, or has been used. Wait for the next one.",
    support: "support number",
    visit_over: "Your visit is over: nothing was asked for ten minutes, or it lasted an hour. Sign in again.",
    visit_changed: "Your roles or your account have changed. Sign in again.",
    signed_out: "You are signed out.",
    overview: "Overview",
    sessions: "Live sessions",
    figures: "Figures",
    requests: "Requests",
    notices: "General notices",
    record: "Record",
    policy: "Policy",
    own: "My data",
    your_roles: "Your roles",
    no_roles: "None: here you read what is recorded about you.",
    since: "since",
    new_roles: "New roles",
    new_roles_lead: "The gateway has seen these people with these roles for the first time in the last thirty days. An approval counts after seven.",
    what_you_may: "What you may do here",
    session: "Session",
    structure: "Structure",
    structures: "Structures",
    state: "State",
    opened: "Opened",
    ends: "Ends at the latest",
    profile: "Profile",
    way: "Way",
    sessions_caption: "Open sessions",
    sessions_lead: "By number and structure. Whose a session is stands nowhere on this page.",
    sessions_open: "Open",
    no_sessions: "Nobody is connected.",
    no_such_session: "There is no such session: it has ended, or never was.",
    close_session: "Close the session",
    close_lead: "The worker is disconnected at once and told that an administrator closed the session. Reason and name are recorded, sealed.",
    why: "Reason",
    close_why: "Five characters at least. Name nobody.",
    close_why_missing: "Write a reason of 5 to 500 characters.",
    figures_lead: "Fixed periods of two months, published once and never computed again.",
    figures_rules: "“<5” stands for fewer than five people, or for a figure that would tell them. An anomaly is more than twice the mean of the structure's own earlier periods, and ten more at least: it is about the structure, never about a person.",
    no_figures: "Nothing is published yet: a period of two months has to be over.",
    figures_caption: "published figures",
    refused_logins: "Refused logins",
    sessions_had: "Sessions",
    workers: "Workers",
    period: "Period",
    anomaly: "Anomaly",
    not_shown: "not shown (<5)",
    none: "none",
    requests_lead: "Each step is taken by another person, judged by the rules, and recorded.",
    requests_caption: "Requests that you may read",
    no_requests: "There are no requests that you may read.",
    no_such_request: "There is no such request that you may read.",
    request: "Request",
    number: "Number",
    days: "Days",
    ground: "Ground",
    asked_by: "Requested by",
    new_request: "New request",
    new_request_lead: "A request names whose records, which days, on which ground and why. A second person approves it; the reviewer office opens it; the worker is told.",
    worker: "Worker",
    worker_hint: "The user name in the directory. Leave it empty where nobody knows whose a session was.",
    of_sessions: "Sessions",
    of_sessions_hint: "Instead of a worker: their numbers, with blanks between them.",
    structure_of_worker: "As the worker's agreement says",
    first_day: "First day",
    last_day: "Last day, included",
    events: "Only these kinds of record",
    events_hint: "Words of the session log, such as session_opened; empty for all.",
    ground_hint: "One of the four letters of the rules' article 11.",
    reason: "Reason",
    reason_hint: "Twenty characters at least.",
    send_request: "Send the request",
    no_such_event: "One of these is no kind of a worker's record.",
    no_session_number: "One of these is no number of a session.",
    no_date: "Write a day, as 2026-11-30.",
    steps: "Steps",
    step_requested: "Requested",
    step_approved: "Approved",
    step_refused: "Refused",
    step_opened: "Opened",
    step_kept: "Extract kept",
    records: "Records",
    opens_until: "opens until",
    kept_until: "Until",
    message: "Message to the worker:",
    message_read: "read",
    message_mailed: "sent by mail:",
    message_off: "put off until",
    message_overdue: "not read, and overdue: tell the worker otherwise",
    message_waits: "shown at the next login, due",
    minute: "Minute",
    answer: "Answer",
    approve: "Approve",
    approve_lead: "You have read request and reason, and answer for them as the second person.",
    refuse: "Refuse",
    open: "Opening",
    open_lead: "You are handed a file with exactly the records that the request names, sealed to both key holders. The minute is written at the same moment, and shown here when you load this page again.",
    open_button: "Open, and keep the file",
    extract: "Extract for a procedure",
    extract_lead: "The same records, kept until the end of a disciplinary procedure.",
    extract_until: "End of the procedure",
    extract_why: "Which procedure",
    extract_button: "Keep the extract",
    postpone: "Put the message off",
    postpone_lead: "The worker reads of the opening later. The reason is recorded.",
    postpone_until: "Until",
    notices_lead: "What comes before anybody is looked at: everybody in the structure reads the notice before their next session, for sixty days.",
    notices_caption: "Notices that were given",
    no_notices: "None was given.",
    give_notice: "Give a notice",
    given: "Given",
    text: "Text",
    text_italian: "Text in Italian",
    text_english: "Text in English",
    text_hint: "In one language at least.",
    text_missing: "Write the text in one language at least.",
    text_too_long: "This text is too long: 5000 bytes are the most.",
    record_lead: "Whether the record is as it was written, and what proves it.",
    record_now: "Now",
    verification: "Check of all journals",
    signed_at: "End last signed",
    checkpoint: "Checkpoint",
    witness: "Outside witness",
    no_witness: "none: the end of the record is not proven",
    not_yet: "not yet",
    names_sealed: "Names are sealed to",
    sealed_to_nobody: "nobody: administrators can read them",
    witness_trouble: "The witness takes no checkpoint.",
    disk_full: "The disk is full: no session opens until there is room.",
    clock_behind: "The clock stands before what was recorded already.",
    not_verified: "Not checked since the gateway started.",
    verified_at: "Checked",
    verify_failed: "The check could not be made.",
    verifying: "A check runs: load this page again in a while. It began",
    verify_now: "Check now",
    record_whole: "Nothing was altered, removed from inside or moved.",
    record_not_whole: "The record is not as it was written.",
    gateway: "Gateway",
    checkpoints_hold: "checkpoints hold",
    of_witness: "of the witness",
    journals_caption: "Journals",
    journal: "Journal",
    begins: "Begins",
    from_first: "at the first record",
    at_cut: "at cut",
    signed_to: "Signed up to",
    end: "End",
    outcome: "Outcome",
    whole: "whole",
    not_whole: "not whole",
    end_proven: "proven,",
    end_proven_to: "proven up to record",
    end_not_proven: "not proven",
    policy_in_force: "In force",
    since_when: "Since",
    agreements: "Agreements",
    timezone: "Time zone",
    hash: "Hash of its files",
    policy_rejected: "A later one was left aside.",
    policy_folder: "The folder at this moment",
    policy_mistakes: "These files are no policy. The last good one stays in force.",
    policy_same: "The files are those in force, and have no mistakes.",
    policy_other: "The files have no mistakes and are not in force: `deskgate-gateway policy apply` puts them into force.",
    policy_left_out: "Files that are no part of it:",
    policy_warnings: "What it hardly means:",
    own_lead: "Every record that names you, as the session log has it, and every opening that reached you. Your name, computers and addresses are in these records as well, sealed.",
    who_looked: "Who looked",
    nobody_looked: "Nobody has looked at records of yours.",
    own_records: "Records",
    own_caption: "Records that name you, newest first",
    no_own_records: "There are none.",
    own_left_off: "The oldest are left out here; they are recorded all the same.",
    when: "When",
    what: "What",
    details: "Details",
    opened_on: "Opened",
    asked_as: "Requested as",
    approved_as: "Approved as",
};

pub(super) fn about(tab: Tab) -> &'static str {
    match tab {
        Tab::Overview => "Who you are here.",
        Tab::Sessions => "See which sessions are open, and close one with a reason.",
        Tab::Figures => "Anonymous figures of structures, over fixed periods of two months.",
        Tab::Requests => "Requests for the records of a person: ask, answer, open, read minutes.",
        Tab::Notices => "Tell everybody in a structure something before anybody is looked at.",
        Tab::Record => "See whether the record is as it was written, and have it checked.",
        Tab::Policy => "See which policy is in force, and what is wrong with the files.",
        Tab::Own => "Read what is recorded about you, and who looked at it.",
    }
}

pub(super) fn role(role: &Role) -> &'static str {
    match role {
        Role::Administrator => "Administrator",
        Role::Technician => "Technician",
        Role::ExternalTechnician => "Technician of another firm",
        Role::DirectorGeneral => "Director general",
        Role::HeadOfStructure(_) => "Head of structure",
        Role::ServiceHead(_) => "Service head",
        Role::ReviewerOffice => "Reviewer office",
    }
}

/// As the commands say it, as a sentence.
pub(super) fn refusal(refusal: Refusal) -> String {
    let said = refusal.to_string();
    let mut letters = said.chars();
    letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())).unwrap_or_default()
}

pub(super) fn stage(stage: &Stage) -> &'static str {
    match stage {
        Stage::Requested => "waits for an answer",
        Stage::Refused { .. } => "refused",
        Stage::Approved { .. } => "approved",
        Stage::Opened { .. } => "opened, minute missing",
        Stage::Minuted { .. } => "opened and minuted",
    }
}

pub(super) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "opening",
        Phase::Attached => "connected",
        Phase::Away => "away",
    }
}

pub(super) fn way(is_udp: Option<bool>) -> &'static str {
    match is_udp {
        Some(true) => "UDP",
        Some(false) => "session channel (TLS)",
        None => "none yet",
    }
}

pub(super) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Credentials => "Credentials",
        Cause::Hours => "Outside hours",
        Cause::Agreement => "Agreement",
        Cause::Device => "Device",
        Cause::Other => "Other",
    }
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::LoginRefused => "Login refused",
        Kind::PasswordChanged => "Password changed",
        Kind::FactorEnrolled => "Second factor enrolled",
        Kind::RecoveryCodeUsed => "Recovery code used",
        Kind::DeviceEnrolled => "Computer enrolled",
        Kind::NoticeRead => "Notice read",
        Kind::SessionOpened => "Session opened",
        Kind::ChannelLost => "Connection lost",
        Kind::ChannelResumed => "Connection resumed",
        Kind::SessionResumed => "Session resumed",
        Kind::GrantChanged => "Grant changed",
        Kind::SessionClosed => "Session closed",
        other => other.word(),
    }
}

pub(super) fn journal(journal: Journal) -> &'static str {
    match journal {
        Journal::Workers => "Workers",
        Journal::Administrators => "Administrators",
        Journal::Reviews => "Reviews",
    }
}

pub(super) fn key_role(word: &str) -> &'static str {
    if word == gateway_record::Role::Controllers.word() { "those who control" } else { "the reviewer office" }
}
