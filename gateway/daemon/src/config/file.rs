//! The configuration as written: every table and key of `gateway.toml`, nothing checked but the shape.
//!
//! Unknown keys are refused, so that a misspelt limit is never silently absent. Values keep their place in the file,
//! so that [`super`] can underline the ones that make no sense.

use serde::Deserialize;
use toml::Spanned;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) state: Option<Spanned<String>>,
    pub(super) policy: Option<Spanned<String>>,
    pub(super) control: Control,
    pub(super) tunnel: Tunnel,
    pub(super) office: Office,
    pub(super) directory: Directory,
    pub(super) reload: Reload,
    pub(super) record: Record,
    pub(super) export: Export,
    pub(super) mail: Mail,
    pub(super) admin: Admin,
    pub(super) metrics: Metrics,
    pub(super) console: Console,
    pub(super) log: Log,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Control {
    pub(super) listen: Option<Spanned<String>>,
    pub(super) public: Option<Spanned<String>>,
    pub(super) certificate: Option<Spanned<String>>,
    pub(super) key: Option<Spanned<String>>,
    pub(super) device_ca: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Tunnel {
    pub(super) listen: Option<Spanned<String>>,
    pub(super) public: Option<Spanned<String>>,
    pub(super) pool: Option<Spanned<String>>,
    pub(super) pool_ipv6: Option<Spanned<String>>,
    pub(super) mtu: Option<Spanned<i64>>,
    pub(super) loops: Option<Spanned<i64>>,
    pub(super) handshakes: Option<Spanned<i64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Office {
    pub(super) device: Option<Spanned<String>>,
    pub(super) masquerade: Option<bool>,
    pub(super) firewall: Option<bool>,
}

/// Both kinds in one: which keys belong to which is for the meaning to say, with better words than a mismatch of shapes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Directory {
    pub(super) kind: Option<Spanned<String>>,
    pub(super) file: Option<Spanned<String>>,
    pub(super) servers: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) starttls: Option<Spanned<bool>>,
    pub(super) ca: Option<Spanned<String>>,
    pub(super) bind_dn: Option<Spanned<String>>,
    pub(super) bind_password_file: Option<Spanned<String>>,
    pub(super) search_bases: Option<Spanned<Vec<String>>>,
    pub(super) user_filter: Option<Spanned<String>>,
    pub(super) connect_limit: Option<Spanned<String>>,
    pub(super) answer_limit: Option<Spanned<String>>,
    pub(super) recheck: Option<Spanned<String>>,
    pub(super) deadline: Option<Spanned<String>>,
    pub(super) most_leavers: Option<Spanned<i64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Reload {
    pub(super) follow: Option<bool>,
    pub(super) brake: Option<Spanned<i64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Record {
    pub(super) witness: Option<Spanned<String>>,
    pub(super) witness_ca: Option<Spanned<String>>,
    pub(super) administrators: Option<Spanned<String>>,
    pub(super) reviews: Option<Spanned<String>>,
    pub(super) controllers: Option<Spanned<Vec<String>>>,
    pub(super) reviewers: Option<Spanned<Vec<String>>>,
    pub(super) day_keys: Option<Spanned<String>>,
    pub(super) norms_sha256: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Export {
    pub(super) journals: Option<Spanned<Vec<String>>>,
    pub(super) file: Option<Spanned<String>>,
    pub(super) syslog: Option<Spanned<String>>,
    pub(super) syslog_ca: Option<Spanned<String>>,
    pub(super) syslog_certificate: Option<Spanned<String>>,
    pub(super) syslog_key: Option<Spanned<String>>,
    pub(super) journald: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Mail {
    pub(super) server: Option<Spanned<String>>,
    pub(super) from: Option<Spanned<String>>,
    pub(super) user: Option<Spanned<String>>,
    pub(super) password_file: Option<Spanned<String>>,
    pub(super) ca: Option<Spanned<String>>,
    pub(super) attribute: Option<Spanned<String>>,
    pub(super) wait: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) socket: Option<Spanned<String>>,
    pub(super) group: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Metrics {
    pub(super) socket: Option<Spanned<String>>,
    pub(super) group: Option<Spanned<String>>,
    pub(super) listen: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Console {
    pub(super) listen: Option<Spanned<String>>,
    pub(super) certificate: Option<Spanned<String>>,
    pub(super) key: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    pub(super) format: Option<Spanned<String>>,
    pub(super) level: Option<Spanned<String>>,
}
