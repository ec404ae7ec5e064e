use gateway_record::Journal;

use super::*;
use crate::witness::Witness;

const SHIPPED: &str = include_str!("../../../../deploy/etc/gateway.toml");

fn parse(text: &str) -> Result<Config, Mistakes> {
    Config::parse(text, Path::new("/etc/deskgate/gateway.toml"))
}

fn mistakes(text: &str) -> String {
    parse(text).expect_err("the file should be refused").to_string()
}

#[test]
fn the_shipped_file_says_what_holds_without_it() {
    assert_eq!(parse(SHIPPED).expect("the shipped file"), parse("").expect("an empty file"));
}

/// Every commented-out example parses too, so that taking the `#` away never leads into a mistake.
#[test]
fn the_shipped_examples_can_be_uncommented() {
    let is_key = |line: &str| {
        line.split_once(" = ")
            .is_some_and(|(key, _)| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    };
    let text: String = SHIPPED
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(example) if is_key(example) => format!("{example}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let ldap = text.replace("kind = \"file\"\n", "kind = \"ldap\"\n").replace("file = \"people.toml\"\n", "");
    let config = parse(&ldap).expect("the shipped examples");
    let Directory::Ldap(directory) = config.directory else { panic!("not an LDAP directory") };
    assert_eq!(directory.servers.len(), 2);
    assert_eq!(config.control.certificate.expect("a certificate").key, Path::new("/etc/deskgate/tls/key.pem"));
    assert_eq!(config.admin.group.as_deref(), Some("deskgate-admin"));
}

#[test]
fn an_unknown_key_is_underlined() {
    let said = mistakes("[tunnel]\nmtu = 1312\nmtuu = 1\n");
    assert_eq!(
        said,
        "error: unknown key `mtuu`\n --> /etc/deskgate/gateway.toml:3:1\n  |\n3 | mtuu = 1\n  | ^^^^ write one of: `listen`, `public`, `pool`, `pool_ipv6`, `mtu`, `loops`, `handshakes`"
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let said = mistakes(
        "[control]\nlisten = \"443\"\npublic = \"desk\"\ncertificate = \"a.pem\"\n[tunnel]\npool = \"10.0.0.1/24\"\nmtu = 9000\nloops = 17\nhandshakes = 0\n[office]\ndevice = \"a/b\"\n[log]\nlevel = \"loud\"\n",
    );
    for expected in [
        "not an address and port to listen on",
        "not a public name and port",
        "a certificate without its key",
        "did you mean \"10.0.0.0/24\"?",
        "not an MTU for a tunnel",
        "not a number of packet threads",
        "not a number of handshakes a second",
        "not a name for a network device",
        "not a level",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn a_small_pool_is_not_shared_out_to_many_loops() {
    let loops = |text: &str| parse(&format!("[tunnel]\n{text}\n")).map(|config| config.tunnel.loops).ok();
    assert_eq!(loops("loops = 16"), Some(16));
    assert_eq!(loops("pool = \"100.96.0.0/29\""), Some(1));
    assert_eq!(loops("pool = \"100.96.0.0/29\"\nloops = 2"), None);
    assert_eq!(loops("pool = \"100.96.0.0/28\"\nloops = 2"), Some(2));
    assert_eq!(loops("pool_ipv6 = \"fd5e:93a1:c07d::/125\"\nloops = 2"), None);
}

#[test]
fn a_pool_is_neither_larger_than_the_gateway_lends_from_nor_too_small_for_anybody() {
    for (pool, fits) in [
        ("10.0.0.0/8", false),
        ("100.96.0.0/15", false),
        ("100.96.0.0/16", true),
        ("10.0.0.0/29", true),
        ("10.0.0.0/30", false),
    ] {
        let read = parse(&format!("[tunnel]\npool = \"{pool}\"\n"));
        assert_eq!(read.is_ok(), fits, "{pool}");
        assert!(fits || read.unwrap_err().to_string().contains("write a prefix from /16 to /29"), "{pool}");
    }
}

#[test]
fn an_ipv6_pool_is_there_only_where_somebody_wrote_one() {
    assert_eq!(parse("").unwrap().tunnel.pools.v6, None);
    for (pool, said) in [
        ("fd5e:93a1:c07d::/64", None),
        ("fd5e:93a1:c07d::/48", None),
        ("fd5e:93a1:c07d::8/125", None),
        ("fd5e:93a1:c07d::/47", Some("write a prefix from /48 to /125")),
        ("fd5e:93a1:c07d::/126", Some("write a prefix from /48 to /125")),
        ("fd5e:93a1:c07d::1/64", Some("did you mean \"fd5e:93a1:c07d::/64\"?")),
        ("100.96.0.0/20", Some("not an IPv6 network")),
    ] {
        match (parse(&format!("[tunnel]\npool_ipv6 = \"{pool}\"\n")), said) {
            (Ok(config), None) => assert_eq!(config.tunnel.pools.v6, Some(pool.parse().unwrap())),
            (Err(mistakes), Some(said)) => assert!(mistakes.to_string().contains(said), "{pool}: {mistakes}"),
            (read, said) => panic!("{pool}: {read:?} and not {said:?}"),
        }
    }
}

#[test]
fn a_password_never_crosses_the_network_in_the_clear() {
    let ldap = |server: &str, rest: &str| {
        parse(&format!("[directory]\nkind = \"ldap\"\nservers = [\"{server}\"]\nsearch_bases = [\"DC=x\"]\n{rest}"))
    };
    let security = |server: &str, rest: &str| match ldap(server, rest).expect("accepted").directory {
        Directory::Ldap(ldap) => (ldap.servers[0].security, ldap.servers[0].port),
        Directory::File { .. } => panic!("not an LDAP directory"),
    };
    assert!(ldap("ldap://dc1.comune.example", "").unwrap_err().to_string().contains("in the clear"));
    assert_eq!(security("ldap://127.0.0.1:3890", ""), (LdapSecurity::PlainLoopback, 3890));
    assert_eq!(security("ldap://dc1.comune.example", "starttls = true"), (LdapSecurity::StartTls, 389));
    assert_eq!(security("ldaps://dc1.comune.example/", ""), (LdapSecurity::Ldaps, 636));
    assert_eq!(security("ldaps://[2001:db8::1]:10636", ""), (LdapSecurity::Ldaps, 10636));
    assert_eq!(security("ldaps://[2001:db8::1]", ""), (LdapSecurity::Ldaps, 636));
}

#[test]
fn keys_of_the_other_kind_of_directory_are_refused() {
    assert!(
        mistakes("[directory]\nkind = \"file\"\nservers = [\"ldaps://x\"]\n")
            .contains("means nothing to the embedded directory")
    );
    assert!(mistakes("[directory]\nkind = \"ldap\"\nfile = \"x\"\n").contains("means nothing to an LDAP directory"));
    assert!(mistakes("[directory]\nkind = \"ldap\"\n").contains("without servers"));
}

#[test]
fn a_missing_file_is_told_with_what_to_do() {
    let error = Config::read(Path::new("/nonexistent/gateway.toml")).expect_err("no such file").to_string();
    assert!(error.contains("`/nonexistent/gateway.toml`") && error.contains("--config"), "{error}");
}

#[test]
fn a_record_is_kept_six_months_at_least_and_its_witness_is_a_file_the_system_log_or_a_server() {
    let config =
        parse("[record]\nwitness = \"file:witness\"\nadministrators = \"1 year\"\nreviews = \"6 months\"\n").unwrap();
    assert_eq!(config.record.witness, Some(Witness::File("/etc/deskgate/witness".into())));
    assert_eq!((config.record.administrators, config.record.reviews), (12, 6));
    assert_eq!(parse("[record]\nwitness = \"syslog\"\n").unwrap().record.witness, Some(Witness::Syslog));
    let hash = "0f".repeat(32);
    let norms = parse(&format!("[record]\nnorms_sha256 = \"{hash}\"\n")).unwrap().record.norms;
    assert_eq!(norms.map(|norms| norms.to_string()), Some(hash));
    assert!(mistakes("[record]\nnorms_sha256 = \"0f\"\n").contains("not a SHA-256"));
    let told = mistakes("[record]\nwitness = \"mail\"\nadministrators = \"5 months\"\nreviews = \"200 days\"\n");
    for wrong in [
        "https://",
        "https://a b/",
        "https://user:word@witness.example/",
        "http://witness.example",
        "https://w/#x",
        "https://w/<token>",
    ] {
        assert!(mistakes(&format!("[record]\nwitness = \"{wrong}\"\n")).contains("not a witness"), "{wrong}");
    }
    for (url, said) in [
        ("https://witness.example", "https://witness.example:443/"),
        ("https://[2001:db8::5]:8443/a/b?c=d", "https://[2001:db8::5]:8443/a/b?…"),
    ] {
        let witness =
            parse(&format!("[record]\nwitness = \"{url}\"\nwitness_ca = \"ca.pem\"\n")).unwrap().record.witness;
        assert_eq!(witness.map(|witness| witness.to_string()).as_deref(), Some(said));
    }
    assert!(mistakes("[record]\nwitness = \"syslog\"\nwitness_ca = \"ca.pem\"\n").contains("for no server"));
    assert!(told.contains("not a witness") && told.matches("not a time to keep records").count() == 2, "{told}");
}

#[test]
fn records_go_nowhere_unless_somebody_says_where() {
    let export = |text: &str| parse(&format!("[export]\n{text}\n")).map(|config| config.export);
    let nowhere = parse("").unwrap().export;
    assert_eq!((nowhere.file, nowhere.syslog, nowhere.journald), (None, None, false));
    assert_eq!(nowhere.journals, [Journal::Workers, Journal::Administrators]);
    let all = export(
        "journals = [\"workers\"]\nfile = \"out\"\nsyslog = \"[2001:db8::5]:6514\"\nsyslog_ca = \"ca.pem\"\njournald = true",
    )
    .unwrap();
    assert_eq!(all.file.as_deref(), Some(Path::new("/etc/deskgate/out")));
    let syslog = all.syslog.unwrap();
    assert_eq!(
        (syslog.at.to_string(), &*syslog.ca),
        ("[2001:db8::5]:6514".to_owned(), Path::new("/etc/deskgate/ca.pem"))
    );
    assert_eq!(all.journals, [Journal::Workers]);
    for journals in ["[]", "[\"reviews\"]", "[\"workers\", \"all\"]"] {
        assert!(mistakes(&format!("[export]\njournals = {journals}\n")).contains("not journals that are exported"));
    }
    assert!(mistakes("[export]\nsyslog = \"siem\"\n").contains("not a name and port"));
    assert!(mistakes("[export]\nsyslog_ca = \"ca.pem\"\n").contains("for no server"));
    let alone = mistakes("[export]\nsyslog = \"siem:6514\"\nsyslog_certificate = \"own.pem\"\n");
    assert!(alone.contains("a certificate without its key") && alone.contains("add `syslog_key`"), "{alone}");
}

#[test]
fn figures_are_read_nowhere_unless_somebody_says_where_and_never_by_everybody() {
    let metrics = |text: &str| parse(&format!("[metrics]\n{text}\n")).map(|config| config.metrics);
    assert_eq!(parse("").unwrap().metrics, Metrics { socket: None, group: None, listen: None });
    let both = metrics("socket = \"m.sock\"\nlisten = \"10.20.3.1:9586\"").unwrap();
    assert_eq!(both.socket.as_deref(), Some(Path::new("/etc/deskgate/m.sock")));
    assert_eq!(both.listen, Some("10.20.3.1:9586".parse().unwrap()));
    for everywhere in ["0.0.0.0:9586", "[::]:9586"] {
        assert!(mistakes(&format!("[metrics]\nlisten = \"{everywhere}\"\n")).contains("not for the Internet"));
    }
    assert!(mistakes("[metrics]\nlisten = \"9586\"\n").contains("not an address and port"));
    assert!(mistakes("[metrics]\ngroup = \"prometheus\"\n").contains("a group without a socket"));
}
