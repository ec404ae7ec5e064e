//! The window's labels in English.

use super::Labels;

pub(super) static LABELS: Labels = Labels {
    other_language: "Italiano",
    appearance: "Appearance",
    light: "Light",
    dark: "Dark",
    contrast: "High contrast",
    larger: "Larger text",
    smaller: "Smaller text",

    first_use_title: "Is this your office?",
    first_use_task: "Compare these six words with those in your office's letter.",
    first_use_warning: "If one differs, somebody else may have sent you this profile. Do not call a phone number that came with it.",
    words_are_same: "All six are the same",
    words_are_others: "They are others, or I have no letter",
    profile: "Deskgate profile",
    other_profile: |name| {
        format!(
            "You opened {name}, and this window follows another profile. To use that one, close this window and open it again."
        )
    },

    forget_office: "Forget the office",
    forget_question: "Forget the office that you know?",
    forget_consequence: "Say yes if you have changed offices, or if your office told you to, by a phone number that you already had. Its profile is deleted from this computer.",
    forget_no: "No, keep it",
    forget_yes: "Yes, forget it",
    forgotten_title: "The office is forgotten",
    forgotten_task: "Close this window, and open your office's profile once more.",

    sign_in_title: "Go to your office computer",
    server: "Your office's gateway",
    server_hint: "as in your office's letter",
    user: "Office user name",
    password: "Office password",
    workstation_password: "Password of your office computer",
    hand_over: "Go on",
    code: "Code from your phone",
    code_hint: "leave empty if you have none",
    sign_in: "Sign in",
    fill_screen: "The desktop fills the screen",
    way_back: "To get back: the bar at the top; in FreeRDP also Ctrl+Alt+Enter.",
    change_password: "Change your password",
    set_up_code: "Set up the code from your phone",
    show_record: "What is recorded about you",
    back: "Back",

    change_title: "Change your office password",
    present_password: "Present password",
    new_password: "New password",
    new_password_again: "New password once more",
    change: "Change password",
    password_expired: "Your password has expired, or must be changed first. Choose another one here, then sign in with it.",
    asking: "Asking your office…",

    enrol_title: "Set up the code from your phone",
    enrolment_code: "One-time code from your office",
    enrolment_code_hint: "as your office handed it over",
    enrolment_code_missing: "Write the one-time code that your office handed over. Without one, ask the help desk.",
    enrol: "Show me the picture",
    picture: "Picture for the authenticator app; the key below says the same",
    first_code: "The code that the app shows now",
    confirm: "Confirm",
    enrolled_title: "Your phone is set up",
    written_down: "I have written them down",

    server_missing: "Write the gateway's name as it stands in your office's letter.",
    user_missing: "Write your office user name.",
    new_password_missing: "Write the new password, twice.",

    connecting_title: "On the way to your office computer",
    step_reach: "Reach your office",
    step_sign_in: "Check who you are",
    step_way: "Open the protected way",
    step_wake: "Wake your office computer",
    step_desktop: "Open your desktop",
    done: "done",
    under_way: "under way",
    under_way_for: |time| format!("under way, {time}"),
    to_come: "to come",
    cancel: "Cancel",

    reading_title: "Please read this first",
    reading_meaning: "The button says that you have read it, not that you agree.",
    read: "I have read it",
    not_read: "Not now",

    at_work: |workstation| format!("You are at {workstation}"),
    until: |time, left| format!("until {time} at most, {left} from now"),
    desktop_is_open: "Your desktop is in its own window. Close that window when you are done, or press the button below.",
    line_well: "The line to your office works.",
    session_number: |number| format!("Session number {number}"),
    close: "Close the session",
    trace_question: |length, answer| {
        format!(
            "Your office asks to record this session for up to {length}, to test how it tells that nobody is at work.\n\
             Recorded are sizes and times of packets: they show when you press a key or move the mouse, but not which or where, and nothing of what you see, write or say.\n\
             The recording is deleted after seven days, and you can end it at any time.\n\
             No answer within {answer} is a no."
        )
    },
    question_waits: "Your office asks you something: please look at the Deskgate window.",
    agree: "I agree",
    disagree: "No",
    trace_agreed: "You agreed: the recording begins.",
    trace_running: |length| {
        format!("Sizes and times of this session's packets are being recorded, for up to {length}.")
    },
    end_trace: "End the recording",
    assistance_question: |technician, reason, length, answer| {
        format!(
            "{technician}, a technician of your office, asks to reach your office computer for up to {length}: to see what is on it, and to use it.\n\
             What for: “{reason}”\n\
             That and when it was is recorded, and you can end it at any time.\n\
             No answer within {answer} is a no."
        )
    },
    allow_assistance: "Yes, the technician may",
    refuse_assistance: "No, not now",
    assistance_agreed: "You agreed: the technician comes in a moment.",
    assistance_running: |technician, until| {
        format!("{technician} reaches your office computer, until {until} at most.")
    },
    end_assistance: "End the assistance",

    ended_title: "The session is closed",
    failed_title: "That did not work",
    sign_in_again: "Sign in again",
    leave: "Close this window",
    program_failed: |program, status| {
        format!(
            "The program that shows your desktop ({program}) ended at once with an error ({status}), and the session with it. Try again; if it recurs, call the help desk."
        )
    },
    program_went_away: |program| {
        format!(
            "The program that shows your desktop ({program}) ended at once, and the session with it. Ask the help desk for one that stays open."
        )
    },
    no_rdp_program: "The program that shows your desktop is not installed on this computer. Install FreeRDP (package freerdp2-x11 or freerdp3-x11; on a Mac, Windows App does as well), or ask the help desk.",

    close_question: "Close the session?",
    close_consequence: "The way to your office computer is closed. Your programs there stay open.",
    stay: "Stay at work",

    record_title: "What is recorded about you",
    record_sealed: "Your name and addresses are in these records as well, sealed.",
    record_left_off: |records| match records {
        1 => "1 older one is not shown.".to_owned(),
        _ => format!("{records} older ones are not shown."),
    },
    kind: |word| {
        Some(match word {
            "login_refused" => "A sign-in was refused",
            "password_changed" => "You changed your password",
            "factor_enrolled" => "You enrolled an authenticator app",
            "recovery_code_used" => "A recovery code was used",
            "device_enrolled" => "A computer became a managed one",
            "notice_read" => "You marked a text as read",
            "session_opened" => "A session opened",
            "session_assisted" => "A technician reached your office computer",
            "channel_lost" => "The line was lost",
            "channel_resumed" => "The line came back",
            "session_resumed" => "The session went on after a restart",
            "grant_changed" => "Your permission changed",
            "session_closed" => "A session was closed",
            _ => return None,
        })
    },

    no_screen: "there is no screen",
    no_window: |cause| {
        format!(
            "A window cannot be opened here ({cause}). In a terminal, `deskgate connect` does the same without one."
        )
    },
    window_gone: "The screen went away, and the window with it. A session that was open has been closed.",
};
