//! The configuration as meant: every value checked, every default filled in.
//!
//! `config/file.rs` says what may be written; here it gets its meaning, and every mistake of the file is reported in one
//! go, with the place underlined. Whether the files that it names exist is for those who open them.

mod console;
mod directory;
mod file;
mod mail;
mod mistake;
mod record;

use std::{
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use gateway_core::{Family, Pools};
use ipnet::{Ipv4Net, Ipv6Net};
use toml::Spanned;

pub(crate) use console::Console;
pub(crate) use directory::{Directory, Ldap, LdapBind, LdapSecurity, LdapServer, Leavers};
pub(crate) use mail::Mail;
pub(crate) use mistake::{Mistake, Mistakes};
pub(crate) use record::{Export, Record, Syslog};

/// Where the configuration lies unless `--config` says otherwise.
pub(crate) const DEFAULT_FILE: &str = "/etc/deskgate/gateway.toml";

/// Everything an administrator may settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// Folder of the database and of the keys made at first start.
    pub(crate) state: PathBuf,
    /// Folder of the policy files.
    pub(crate) policy: PathBuf,
    pub(crate) control: Control,
    pub(crate) tunnel: Tunnel,
    pub(crate) office: Office,
    pub(crate) directory: Directory,
    pub(crate) leavers: Leavers,
    pub(crate) reload: Reload,
    pub(crate) record: Record,
    pub(crate) export: Export,
    /// None: workers are told at their next login alone.
    pub(crate) mail: Option<Mail>,
    pub(crate) admin: Admin,
    pub(crate) metrics: Metrics,
    pub(crate) console: Console,
    pub(crate) log: Log,
}

/// The control API: logins and session channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Control {
    pub(crate) listen: SocketAddr,
    /// As seen from the Internet; its host is the name in a self-signed certificate.
    pub(crate) public: Public,
    /// None: self-signed, made at first start.
    pub(crate) certificate: Option<CertificateFiles>,
    /// The office's authorities of home computers' certificates, besides the gateway's own: a PEM file.
    pub(crate) device_ca: Option<PathBuf>,
}

/// A certificate that the administrator keeps: PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// WireGuard, towards the Internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tunnel {
    pub(crate) listen: SocketAddr,
    /// As seen from the Internet: handed to each client.
    pub(crate) public: Public,
    /// Where sessions' addresses are lent from.
    pub(crate) pools: Pools,
    /// The largest IP packet inside the tunnel, in bytes: 1280 to 1420.
    pub(crate) mtu: u16,
    /// Threads that carry packets, each with sessions of its own: 1 to [`Tunnel::most_loops`].
    pub(crate) loops: u8,
    /// Handshakes that each of them lets in a second before it asks for cookies: 1 to 100,000.
    pub(crate) handshakes: u32,
}

/// More loops than this only make sessions lie further apart.
const MOST_LOOPS: u8 = 16;
/// Tunnel addresses that a loop must have at least, so that none is short of them while others are not.
const ADDRESSES_PER_LOOP: usize = 5;

impl Tunnel {
    /// As many as there are processors, where the pools suffice for so many.
    fn default_loops(pools: &Pools) -> u8 {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        u8::try_from(processors).unwrap_or(MOST_LOOPS).min(most_loops(pools))
    }

    /// How many loops each pool has addresses for, at most 16.
    pub(crate) fn most_loops(&self) -> u8 {
        most_loops(&self.pools)
    }
}

fn most_loops(pools: &Pools) -> u8 {
    let addresses = |family: Family| pools.shares(family, 1).iter().sum::<usize>();
    let fewest = pools.families().map(addresses).min().unwrap_or_default();
    u8::try_from(fewest / ADDRESSES_PER_LOOP).unwrap_or(MOST_LOOPS).clamp(1, MOST_LOOPS)
}

/// The side of the workstations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Office {
    /// Name of the TUN device.
    pub(crate) device: String,
    /// Whether workstations see the gateway's own address instead of the session's.
    pub(crate) masquerade: bool,
    /// Whether the gateway keeps an nftables table of its own.
    pub(crate) firewall: bool,
}

/// How a changed policy comes into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reload {
    /// Whether the gateway watches the policy folder and applies what is saved there.
    pub(crate) follow: bool,
    /// The share of live sessions, in percent, that a change may end without being confirmed: 0 to 100.
    pub(crate) brake: u8,
}

/// The administrators' socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admin {
    pub(crate) socket: PathBuf,
    /// A system group allowed besides root and the daemon's own user.
    pub(crate) group: Option<String>,
}

/// Where figures of the whole gateway are read; nowhere by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metrics {
    pub(crate) socket: Option<PathBuf>,
    /// A system group that may read from the socket, besides root and the daemon's own user.
    pub(crate) group: Option<String>,
    /// One address of the office, by HTTP.
    pub(crate) listen: Option<SocketAddr>,
}

/// How the daemon tells what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) level: tracing::level_filters::LevelFilter,
}

/// The shape of the daemon's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// `host:port` as others reach it. The host may be a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Public {
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Public {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Some(Self { host: address.ip().to_string(), port: address.port() });
        }
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        is_host_name(host).then(|| Self { host: host.to_owned(), port })
    }

    /// Whether this is still the name that the shipped file shows.
    pub(crate) fn is_example(&self) -> bool {
        self.host == "example" || self.host.ends_with(".example")
    }
}

impl std::fmt::Display for Public {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    (1..=253).contains(&text.len()) && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

impl Config {
    /// Reads the file at `path`. Paths in it that are not absolute start at its folder.
    pub(crate) fn read(path: &Path) -> Result<Self, ReadError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ReadError::Unreadable { path: path.to_owned(), error })?;
        Self::parse(&text, path).map_err(ReadError::Mistakes)
    }

    /// Gives `text` its meaning; `path` is only named, and lends its folder to relative paths.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, Mistakes> {
        let file: file::File =
            toml::from_str(text).map_err(|error| Mistakes::new(path, text, vec![Mistake::syntax(&error)]))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut reader = Reader { folder, mistakes: Vec::new() };
        let config = reader.config(file);
        if reader.mistakes.is_empty() { Ok(config) } else { Err(Mistakes::new(path, text, reader.mistakes)) }
    }
}

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The file is not there or not ours to read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// It is there, and says what makes no sense.
    Mistakes(Mistakes),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable { path, error } => write!(
                f,
                "cannot read the configuration `{}`: {error}; name another with --config, or start from the one that was installed",
                path.display()
            ),
            Self::Mistakes(mistakes) => mistakes.fmt(f),
        }
    }
}

/// Gathers mistakes while it gives values their meaning. A wrong value stands in as its default, so that the rest is
/// still looked at; the result is thrown away whenever there was a mistake.
struct Reader<'a> {
    folder: &'a Path,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn config(&mut self, file: file::File) -> Config {
        let state = self.path(file.state, "/var/lib/deskgate");
        let (control, tunnel) = (self.control(file.control), self.tunnel(file.tunnel));
        Config {
            record: self.record(file.record, &state),
            state,
            policy: self.path(file.policy, "/etc/deskgate/policy"),
            console: self.console(file.console, &control, &tunnel),
            control,
            tunnel,
            office: self.office(file.office),
            leavers: self.leavers(&file.directory),
            directory: self.directory(file.directory),
            reload: self.reload(&file.reload),
            export: self.export(file.export),
            mail: self.mail(file.mail),
            admin: self.admin(file.admin),
            metrics: self.metrics(file.metrics),
            log: self.log(file.log),
        }
    }

    fn control(&mut self, written: file::Control) -> Control {
        let certificate = self.certificate((written.certificate, written.key), ("certificate", "key"));
        Control {
            listen: self.socket_address(written.listen, ([0u16; 8], 443)),
            public: self.public(written.public, 443),
            certificate,
            device_ca: written.device_ca.map(|file| self.path(Some(file), "")),
        }
    }

    /// A certificate and its key, or neither.
    fn certificate(
        &mut self,
        written: (Option<Spanned<String>>, Option<Spanned<String>>),
        (certificate_is, key_is): (&str, &str),
    ) -> Option<CertificateFiles> {
        match written {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                Some(CertificateFiles { certificate: self.path(Some(certificate), ""), key: self.path(Some(key), "") })
            }
            (Some(alone), None) => {
                let advice = format!("add `{key_is}`, the PEM file of its private key");
                self.wrong(&alone, "a certificate without its key", &advice)
            }
            (None, Some(alone)) => {
                let advice = format!("add `{certificate_is}`, the PEM file of the chain");
                self.wrong(&alone, "a key without its certificate", &advice)
            }
        }
    }

    fn tunnel(&mut self, written: file::Tunnel) -> Tunnel {
        const MTU: RangeInclusive<i64> = 1280..=1420;
        let mtu = match written.mtu {
            None => 1312,
            Some(mtu) if MTU.contains(mtu.get_ref()) => *mtu.get_ref(),
            Some(mtu) => self.wrong(&mtu, "not an MTU for a tunnel", "write 1280 to 1420 bytes; 1312 suits most lines"),
        };
        let pools =
            Pools { v4: self.pool(written.pool), v6: written.pool_ipv6.map(|written| self.pool_ipv6(&written)) };
        Tunnel {
            listen: self.socket_address(written.listen, ([0u16; 8], 51820)),
            public: self.public(written.public, 51820),
            loops: self.loops(written.loops, &pools),
            pools,
            mtu: u16::try_from(mtu).unwrap_or(1280),
            handshakes: self.handshakes(written.handshakes),
        }
    }

    fn handshakes(&mut self, written: Option<Spanned<i64>>) -> u32 {
        // A quarter of what a core can do.
        let Some(written) = written else { return 1000 };
        match u32::try_from(*written.get_ref()) {
            Ok(handshakes) if (1..=100_000).contains(&handshakes) => handshakes,
            _ => self.wrong(&written, "not a number of handshakes a second", "write 1 to 100000; 1000 suits most"),
        }
    }

    fn loops(&mut self, written: Option<Spanned<i64>>, pools: &Pools) -> u8 {
        let Some(written) = written else { return Tunnel::default_loops(pools) };
        let most = most_loops(pools);
        match u8::try_from(*written.get_ref()) {
            Ok(loops) if (1..=most).contains(&loops) => loops,
            _ => {
                let advice = format!("with this `pool` write 1 to {most}, or take the key out: one for each processor");
                self.wrong(&written, "not a number of packet threads", &advice)
            }
        }
    }

    fn pool(&mut self, written: Option<Spanned<String>>) -> Ipv4Net {
        let default = Ipv4Net::new_assert(std::net::Ipv4Addr::new(100, 96, 0, 0), 20);
        let Some(written) = written else { return default };
        let Ok(pool) = written.get_ref().parse::<Ipv4Net>() else {
            self.mistake(&written, "not an IPv4 network", "write one such as \"100.96.0.0/20\"");
            return default;
        };
        if !(gateway_core::LARGEST_POOL..=gateway_core::SMALLEST_POOL).contains(&pool.prefix_len()) {
            self.mistake(&written, "too large or too small to lend addresses from", "write a prefix from /16 to /29");
        }
        if pool.trunc() != pool {
            self.inside_network(&written, &pool.trunc());
        }
        pool
    }

    fn pool_ipv6(&mut self, written: &Spanned<String>) -> Ipv6Net {
        let Ok(pool) = written.get_ref().parse::<Ipv6Net>() else {
            self.mistake(written, "not an IPv6 network", "write one such as \"fd5e:93a1:c07d::/64\"");
            return Ipv6Net::default();
        };
        if !(gateway_core::LARGEST_POOL_V6..=gateway_core::SMALLEST_POOL_V6).contains(&pool.prefix_len()) {
            self.mistake(written, "too large or too small to lend addresses from", "write a prefix from /48 to /125");
        }
        if pool.trunc() != pool {
            self.inside_network(written, &pool.trunc());
        }
        pool
    }

    fn inside_network(&mut self, written: &Spanned<String>, network: &dyn std::fmt::Display) {
        let advice = format!("did you mean \"{network}\"?");
        self.mistake(written, "an address inside a network, not the network", &advice);
    }

    fn office(&mut self, written: file::Office) -> Office {
        let device = match written.device {
            None => "deskgate0".to_owned(),
            Some(device) if is_device_name(device.get_ref()) => device.into_inner(),
            Some(device) => self.wrong(
                &device,
                "not a name for a network device",
                "write 1 to 15 letters, digits, `-`, `_` or `.`, such as \"deskgate0\"",
            ),
        };
        Office { device, masquerade: written.masquerade.unwrap_or(true), firewall: written.firewall.unwrap_or(true) }
    }

    fn reload(&mut self, written: &file::Reload) -> Reload {
        let brake = match &written.brake {
            None => 20,
            Some(brake) => match u8::try_from(*brake.get_ref()) {
                Ok(percent) if percent <= 100 => percent,
                _ => self.wrong(brake, "not a share", "write 0 to 100: percent of the live sessions"),
            },
        };
        Reload { follow: written.follow.unwrap_or(false), brake }
    }

    fn admin(&mut self, written: file::Admin) -> Admin {
        Admin {
            socket: self.socket(written.socket, "/run/deskgate/admin.sock"),
            group: written.group.map(Spanned::into_inner),
        }
    }

    fn socket(&mut self, written: Option<Spanned<String>>, default: &str) -> PathBuf {
        // sockaddr_un holds 107 bytes and the closing zero.
        if let Some(socket) = written.as_ref().filter(|socket| socket.get_ref().len() > 107) {
            self.mistake(socket, "too long for a socket", "write at most 107 bytes");
        }
        self.path(written, default)
    }

    fn metrics(&mut self, written: file::Metrics) -> Metrics {
        if let (None, Some(group)) = (&written.socket, &written.group) {
            self.mistake(group, "a group without a socket", "add `socket`, the path of the socket that it may use");
        }
        Metrics {
            socket: written.socket.map(|socket| self.socket(Some(socket), "")),
            group: written.group.map(Spanned::into_inner),
            listen: written.listen.and_then(|listen| self.own_address(&listen)),
        }
    }

    fn log(&mut self, written: file::Log) -> Log {
        use tracing::level_filters::LevelFilter;
        let levels = [
            ("info", LevelFilter::INFO),
            ("error", LevelFilter::ERROR),
            ("warn", LevelFilter::WARN),
            ("debug", LevelFilter::DEBUG),
            ("trace", LevelFilter::TRACE),
        ];
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        Log {
            format: self.choice(written.format, &formats, "not a format"),
            level: self.choice(written.level, &levels, "not a level"),
        }
    }

    /// One of a few words; the first is the default, and `choices` is never empty.
    fn choice<T: Copy, const N: usize>(
        &mut self,
        written: Option<Spanned<String>>,
        choices: &[(&str, T); N],
        what: &str,
    ) -> T {
        const { assert!(N > 0) };
        let Some(written) = written else { return choices[0].1 };
        match choices.iter().find(|(word, _)| word == written.get_ref()) {
            Some((_, choice)) => *choice,
            None => {
                let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
                self.mistake(&written, what, &format!("write one of {}", words.join(", ")));
                choices[0].1
            }
        }
    }

    fn path(&mut self, written: Option<Spanned<String>>, default: &str) -> PathBuf {
        let Some(written) = written else { return self.folder.join(default) };
        if written.get_ref().is_empty() {
            self.mistake(&written, "no path at all", "write one, or take the key out");
        }
        self.folder.join(written.get_ref())
    }

    /// One address of this machine, and a port.
    fn own_address(&mut self, written: &Spanned<String>) -> Option<SocketAddr> {
        match written.get_ref().parse() {
            Ok(SocketAddr::V4(address)) if !address.ip().is_unspecified() => return Some(address.into()),
            Ok(SocketAddr::V6(address)) if !address.ip().is_unspecified() => return Some(address.into()),
            Ok(_) => self.mistake(
                written,
                "every address of this machine",
                "write its address in the office: figures are not for the Internet",
            ),
            Err(_) => self.mistake(written, "not an address and port", "write one as \"10.20.3.1:9586\""),
        }
        None
    }

    fn socket_address(&mut self, written: Option<Spanned<String>>, default: ([u16; 8], u16)) -> SocketAddr {
        let default = SocketAddr::from(default);
        let Some(written) = written else { return default };
        match written.get_ref().parse() {
            Ok(address) => address,
            Err(_) => {
                let advice = format!(
                    "write \"{default}\" for every address of this machine, or one address as \"192.0.2.1:{}\"",
                    default.port()
                );
                self.mistake(&written, "not an address and port to listen on", &advice);
                default
            }
        }
    }

    fn public(&mut self, written: Option<Spanned<String>>, port: u16) -> Public {
        let default = Public { host: "desk.comune.example".to_owned(), port };
        let Some(written) = written else { return default };
        match Public::parse(written.get_ref()) {
            Some(public) => public,
            None => {
                let advice = format!("write a name and port as \"{default}\", or an address as \"192.0.2.1:{port}\"");
                self.mistake(&written, "not a public name and port", &advice);
                default
            }
        }
    }

    fn time(
        &mut self,
        written: Option<&Spanned<String>>,
        default: Duration,
        range: RangeInclusive<Duration>,
        advice: &str,
    ) -> Duration {
        let Some(written) = written else { return default };
        let parsed =
            written.get_ref().parse::<jiff::SignedDuration>().ok().and_then(|limit| Duration::try_from(limit).ok());
        match parsed {
            Some(time) if range.contains(&time) => time,
            _ => {
                self.mistake(written, "not a time limit", advice);
                default
            }
        }
    }

    fn mistake<T>(&mut self, at: &Spanned<T>, what: &str, advice: &str) {
        self.mistakes.push(Mistake::new(at.span(), what, advice));
    }

    fn wrong<T, D: Default>(&mut self, at: &Spanned<T>, what: &str, advice: &str) -> D {
        self.mistake(at, what, advice);
        D::default()
    }

    fn missing<D: Default>(&mut self, near: std::ops::Range<usize>, what: &str, advice: &str) -> D {
        self.mistakes.push(Mistake::new(near, what, advice));
        D::default()
    }
}

/// What Linux takes as the name of an interface (IFNAMSIZ is 16 with the closing zero).
fn is_device_name(text: &str) -> bool {
    (1..=15).contains(&text.len())
        && text != "."
        && text != ".."
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests;
