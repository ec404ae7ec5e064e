//! Every key of the language, once: what it is called, what it takes, whether it must be there, and what it is for.
//!
//! The reader refuses what is not listed here, the manual's tables and the editors' schema are made from it. The order
//! is the one in which an administrator needs them.

/// The keys of one kind of table.
#[derive(Debug)]
pub(crate) struct Sheet {
    /// How the manual calls the table.
    pub(crate) title: &'static str,
    /// What it is for.
    pub(crate) about: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
    pub(crate) needed: bool,
    /// What holds where it is left out, for the manual.
    pub(crate) default: &'static str,
    pub(crate) about: &'static str,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Takes {
    /// Any text of one line.
    Text,
    /// A list of texts, or one text alone.
    Texts,
    /// A file of the folder.
    File,
    /// `true` or `false`.
    Switch,
    /// A date.
    Date,
    /// A local date and time, or a list of them.
    Moments,
    /// A time of day, `"21:00"`.
    Time,
    /// Days of the week.
    Days,
    /// Windows of the day.
    Hours,
    /// A length of time, `"15m"`.
    Duration,
    /// A list of lengths of time.
    Durations,
    /// How long records are kept, `"30 days"` or `"3 months"`.
    Retention,
    /// Days per week or month, `"2 days a week"`.
    Quota,
    /// A list of holidays.
    Holidays,
    /// A list of ports.
    Ports,
    /// An IP address or a host name.
    Address,
    /// An IP address.
    Ip,
    /// A network card's address.
    Mac,
    /// A certificate's SHA-256.
    Fingerprint,
    /// A list of networks, `"10.20.0.0/16"`.
    Networks,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of these words.
    Words(&'static [&'static str]),
    /// A number of days, 0 to 31.
    Count,
    /// One table.
    Table(&'static Sheet),
    /// Tables by name.
    Named(&'static Sheet),
    /// A list of tables.
    Many(&'static Sheet),
    /// Lists of texts by name.
    TextsByName,
}

const fn needed(name: &'static str, takes: Takes, about: &'static str) -> Key {
    Key { name, takes, needed: true, default: "", about }
}

const fn optional(name: &'static str, takes: Takes, default: &'static str, about: &'static str) -> Key {
    Key { name, takes, needed: false, default, about }
}

/// The words for the kinds of home computer.
pub(crate) const DEVICES: &[&str] = &["managed", "personal"];
/// The words for what an RDP program may share.
pub(crate) const REDIRECTIONS: &[&str] = &["clipboard", "drives", "printers", "audio", "microphone", "smartcards"];
/// The words of `second_factor`.
pub(crate) const SECOND_FACTORS: &[&str] = &["none", "totp"];
/// The words of `second_login`.
pub(crate) const SECOND_LOGINS: &[&str] = &["replace", "refuse"];
/// The words of `unknown_client`.
pub(crate) const UNKNOWN_CLIENTS: &[&str] = &["warn", "twice", "longest-only"];
/// The words of `jiggler`.
pub(crate) const JIGGLERS: &[&str] = &["ignored", "counts"];
/// The words of `expect`.
pub(crate) const EXPECTATIONS: &[&str] = &["permit", "refuse"];

/// What may stand at the top of a file.
pub(crate) static POLICY: Sheet = Sheet {
    title: "top level",
    about: "What holds for the whole office. Each key is said once, in one file.",
    keys: &[
        needed("timezone", Takes::Text, "The zone whose clock all times are read by, as in the IANA database."),
        optional("holidays", Takes::Holidays, "none", "Days without sessions unless an exception says so."),
        optional(
            "retention",
            Takes::Retention,
            "\"30 days\"",
            "How long workers' session records are kept; three months are the most.",
        ),
        optional(
            "workstation_networks",
            Takes::Networks,
            "any",
            "The networks in which every workstation must lie, of IPv4 and IPv6.",
        ),
        optional(
            "test_accounts",
            Takes::Texts,
            "none",
            "Accounts for trials: `idle record` asks nobody before it records sizes and times of their sessions.",
        ),
        optional("services", Takes::Named(&SERVICE), "", "Named sets of ports."),
        optional("workstations", Takes::Named(&WORKSTATION), "", "The office computers that can be reached."),
        optional("profiles", Takes::Named(&PROFILE), "", "Named sets of limits."),
        optional("agreements", Takes::Many(&AGREEMENT), "", "Who works from home, where, when."),
        optional("exceptions", Takes::Many(&EXCEPTION), "", "Days that differ."),
        optional("notices", Takes::Named(&NOTICE), "", "Texts that are read before a session opens."),
        optional("lawful", Takes::Table(&LAWFUL), "", "The acts that the rules rest on."),
        optional("roles", Takes::Table(&ROLES), "", "Who does what besides working."),
        optional(
            "assistance",
            Takes::Table(&ASSISTANCE),
            "nobody assists",
            "What technicians reach with a worker's consent.",
        ),
        optional("tests", Takes::Many(&TEST), "", "What must hold, or the policy is not used."),
    ],
};

/// `[services.NAME]`
pub(crate) static SERVICE: Sheet = Sheet {
    title: "[services.NAME]",
    about: "A named set of ports of a workstation. At least one port, or `echo`.",
    keys: &[
        optional("tcp", Takes::Ports, "none", "TCP ports, 1 to 65535."),
        optional("udp", Takes::Ports, "none", "UDP ports, 1 to 65535. The idle rule does not see UDP."),
        optional(
            "echo",
            Takes::Switch,
            "false",
            "Whether the workstation may be pinged. To the idle rule a ping is nothing.",
        ),
    ],
};

/// `[workstations.NAME]`
pub(crate) static WORKSTATION: Sheet = Sheet {
    title: "[workstations.NAME]",
    about: "One office computer.",
    keys: &[
        needed(
            "address",
            Takes::Address,
            "Its IP address, or a host name that the gateway resolves. One of IPv6 needs `pool_ipv6` in `gateway.toml`.",
        ),
        needed("services", Takes::Texts, "What may be reached there."),
        optional("mac", Takes::Mac, "none", "Its network card, so that it can be woken."),
        optional(
            "wake",
            Takes::Ip,
            "the limited broadcast",
            "The broadcast address of its network, where the waking packet goes.",
        ),
        optional(
            "power_off_after",
            Takes::Time,
            "none",
            "When its own task is to switch it off in the evening if nobody uses it; `policy power-off` prints the task's line.",
        ),
        optional(
            "certificate",
            Takes::Fingerprint,
            "none",
            "The one certificate that it shows to FreeRDP; with another one, or without any, no desktop opens.",
        ),
        optional("shared", Takes::Switch, "false", "Whether several workers may hold it in the same hours."),
    ],
};

/// `[profiles.NAME]`
pub(crate) static PROFILE: Sheet = Sheet {
    title: "[profiles.NAME]",
    about: "A named set of limits.",
    keys: &[
        needed(
            "groups",
            Takes::Texts,
            "Directory groups; the worker is in one of them, directly or through other groups.",
        ),
        optional("devices", Takes::Words(DEVICES), "both", "The kinds of home computer admitted."),
        optional(
            "idle",
            Takes::Duration,
            "\"15m\"",
            "Time without a person after which a session ends; 1 minute to 24 hours.",
        ),
        optional("longest", Takes::Duration, "\"10h\"", "How long one session may last; 1 minute to 24 hours."),
        optional(
            "warnings",
            Takes::Durations,
            "[\"15m\", \"5m\", \"1m\"]",
            "How long before its end the worker is warned.",
        ),
        optional("grace", Takes::Duration, "\"2m\"", "How long a session outlives a lost connection; at most 1 hour."),
        optional(
            "unused",
            Takes::Duration,
            "\"5m\"",
            "Time after which a session ends in which the workstation never answered; 1 minute to 24 hours.",
        ),
        optional(
            "unanswered",
            Takes::Duration,
            "\"5m\"",
            "How long a workstation may leave unanswered what it is sent before the session ends; 1 minute to 24 hours.",
        ),
        optional(
            "second_factor",
            Takes::Word(SECOND_FACTORS),
            "\"none\"",
            "What is asked besides the password: `totp` is the six digits of an authenticator app, at every login.",
        ),
        optional(
            "second_login",
            Takes::Word(SECOND_LOGINS),
            "\"replace\"",
            "What a second login does to the open session.",
        ),
        optional("redirect", Takes::Words(REDIRECTIONS), "[]", "What the RDP program may share with the workstation."),
        optional(
            "single_sign_on",
            Takes::Switch,
            "false",
            "Hands the password over to the RDP program, so that it is typed once.",
        ),
        optional("notices", Takes::Texts, "none", "Notices that must have been read, 8 at most."),
        optional(
            "unknown_client",
            Takes::Word(UNKNOWN_CLIENTS),
            "\"warn\"",
            "What happens to a program whose input the idle rule cannot see.",
        ),
        optional(
            "jiggler",
            Takes::Word(JIGGLERS),
            "\"ignored\"",
            "Whether input at fixed intervals counts as a person.",
        ),
        optional("dry_run", Takes::Switch, "false", "Tries the idle rule without ending anybody's session."),
        optional(
            "wireguard_config",
            Takes::Switch,
            "false",
            "Lets another WireGuard program carry the session; never on a personal device.",
        ),
        optional(
            "require_post_quantum",
            Takes::Switch,
            "false",
            "Refuses a login whose keys were not agreed on in the way that also holds against quantum computers (X25519MLKEM768).",
        ),
        optional("personal", Takes::Table(&PERSONAL), "", "Tighter limits on a personal device."),
    ],
};

/// `[profiles.NAME.personal]`
pub(crate) static PERSONAL: Sheet = Sheet {
    title: "[profiles.NAME.personal]",
    about: "What is tighter on a personal device; the rest is the profile's. Nothing here may be looser.",
    keys: &[
        optional("idle", Takes::Duration, "the profile's", "Time without a person after which a session ends."),
        optional("longest", Takes::Duration, "the profile's", "How long one session may last."),
        optional("grace", Takes::Duration, "the profile's", "How long a session outlives a lost connection."),
        optional(
            "unused",
            Takes::Duration,
            "the profile's",
            "Time after which a session ends in which the workstation never answered.",
        ),
        optional(
            "unanswered",
            Takes::Duration,
            "the profile's",
            "How long a workstation may leave unanswered what it is sent before the session ends.",
        ),
        optional("second_factor", Takes::Word(SECOND_FACTORS), "the profile's", "What is asked besides the password."),
        optional(
            "redirect",
            Takes::Words(REDIRECTIONS),
            "the profile's",
            "What the RDP program may share with the workstation.",
        ),
        optional(
            "single_sign_on",
            Takes::Switch,
            "the profile's",
            "Hands the password over to the RDP program, so that it is typed once.",
        ),
    ],
};

/// `[[agreements]]`, and the columns of a CSV file.
pub(crate) static AGREEMENT: Sheet = Sheet {
    title: "[[agreements]]",
    about: "Who works from home, on which workstation, from when until when, on which days and hours.",
    keys: &[
        needed("worker", Takes::Text, "The directory account."),
        needed("structure", Takes::Text, "The department; reports are made per structure."),
        needed("workstation", Takes::Text, "The one workstation that may be reached."),
        needed("profile", Takes::Text, "The limits."),
        needed("from", Takes::Date, "The first day."),
        needed("until", Takes::Date, "The last day, included."),
        needed("days", Takes::Days, "Days of the week."),
        needed("hours", Takes::Hours, "One window or several; one may run over midnight."),
        optional(
            "phone_app",
            Takes::Switch,
            "true",
            "Whether the phone app is installed; without it nobody is let in.",
        ),
        optional(
            "device",
            Takes::Text,
            "any",
            "The one managed computer that may be used, by the name on its certificate.",
        ),
        optional("quota", Takes::Quota, "none", "How many days a week or month at most."),
    ],
};

/// `[[exceptions]]`
pub(crate) static EXCEPTION: Sheet = Sheet {
    title: "[[exceptions]]",
    about: "Days that differ, for everybody, one structure or one worker. Exactly one of `closed`, `suspended`, `open`, `hours`, `extend`.",
    keys: &[
        optional("worker", Takes::Text, "everybody", "Whom it is for: one worker."),
        optional("structure", Takes::Text, "everybody", "Whom it is for: one structure."),
        optional("on", Takes::Date, "", "The one day; or else `from` and `until`."),
        optional("from", Takes::Date, "", "The first day."),
        optional("until", Takes::Date, "", "The last day, included."),
        optional("closed", Takes::Switch, "", "Nobody works from home on these days."),
        optional("suspended", Takes::Switch, "", "The worker's agreements do not hold on these days."),
        optional("open", Takes::Switch, "", "The usual hours hold although the days are holidays or closed."),
        optional("hours", Takes::Hours, "", "These hours too, whatever the days are."),
        optional("extend", Takes::Time, "", "The day's last window ends at this time instead."),
        optional("authorised_by", Takes::Text, "", "Who said so; needed with `open`, `hours` and `extend`."),
        optional("reason", Takes::Text, "", "Why, for those who read the policy later."),
    ],
};

/// `[notices.NAME]`
pub(crate) static NOTICE: Sheet = Sheet {
    title: "[notices.NAME]",
    about: "A text file of the folder, of 32 KiB at most, in one language or both. It is read, never consented to; a changed text is read again.",
    keys: &[optional("it", Takes::File, "", "The Italian text."), optional("en", Takes::File, "", "The English text.")],
};

/// `[lawful]`
pub(crate) static LAWFUL: Sheet = Sheet {
    title: "[lawful]",
    about: "What the rules rest on. Without this table no worker's records can be reviewed.",
    keys: &[
        needed("act", Takes::Text, "The act by which the office adopted its rules on working from home."),
        needed(
            "from",
            Takes::Date,
            "The day from which they are in force; what happened before it cannot be reviewed.",
        ),
        needed("log_norms", Takes::Text, "The act by which the office adopted its rules on session records."),
    ],
};

/// `[roles]`
pub(crate) static ROLES: Sheet = Sheet {
    title: "[roles]",
    about: "Who does what besides working, by directory group.",
    keys: &[
        optional("administrators", Takes::Texts, "nobody", "Run the gateway."),
        optional("technicians", Takes::Texts, "nobody", "Assist workers who consent."),
        optional(
            "external_technicians",
            Takes::Many(&EXTERNAL),
            "nobody",
            "The same for people of another firm, until a day.",
        ),
        optional("director_general", Takes::Texts, "nobody", "Requests and approves reviews of any structure."),
        optional(
            "head_of_structure",
            Takes::TextsByName,
            "nobody",
            "Requests and approves reviews of their structure.",
        ),
        optional(
            "service_head",
            Takes::TextsByName,
            "nobody",
            "Requests and approves reviews of the workers of their structure.",
        ),
        optional("reviewer_office", Takes::Texts, "nobody", "Executes approved reviews."),
    ],
};

/// `[[roles.external_technicians]]`
pub(crate) static EXTERNAL: Sheet = Sheet {
    title: "[[roles.external_technicians]]",
    about: "Technicians of another firm.",
    keys: &[
        needed("group", Takes::Text, "The directory group."),
        needed("until", Takes::Date, "The last day, included."),
    ],
};

/// `[assistance]`
pub(crate) static ASSISTANCE: Sheet = Sheet {
    title: "[assistance]",
    about: "What technicians reach of a worker's workstation, each time only with that worker's consent.",
    keys: &[
        needed(
            "services",
            Takes::Texts,
            "Services by which two people share one desktop, such as VNC: an RDP login would throw the worker out.",
        ),
        optional("longest", Takes::Duration, "\"30m\"", "How long one assistance may last; 1 minute to 2 hours."),
    ],
};

/// `[[tests]]`
pub(crate) static TEST: Sheet = Sheet {
    title: "[[tests]]",
    about: "A question and the answer it must get, or the policy is not used.",
    keys: &[
        needed("worker", Takes::Text, "Who asks; need not have an agreement."),
        needed("at", Takes::Moments, "When, by the local clock."),
        needed("expect", Takes::Word(EXPECTATIONS), "The answer."),
        optional("name", Takes::Text, "", "What it is about."),
        optional(
            "groups",
            Takes::Texts,
            "those that the worker's agreements ask for",
            "The worker's directory groups.",
        ),
        optional("device", Takes::Word(DEVICES), "\"managed\"", "The kind of home computer."),
        optional("device_name", Takes::Text, "the one the agreement names", "The name on the computer's certificate."),
        optional("days_used", Takes::Count, "0", "Days of the quota used already."),
        optional("reason", Takes::Word(REASONS), "any", "Why it is refused."),
        optional("workstation", Takes::Text, "any", "The workstation that is granted."),
        optional("ends", Takes::Time, "any", "When the grant ends, by the local clock."),
    ],
};

/// The words for why somebody is refused.
pub(crate) const REASONS: &[&str] = &[
    "no_agreement",
    "not_yet",
    "over",
    "wrong_group",
    "device",
    "phone_app",
    "suspended",
    "closed",
    "holiday",
    "outside_hours",
    "quota",
];
