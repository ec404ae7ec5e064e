//! A throwaway OpenLDAP: a folder and ports of its own, ended with the value, also when a test fails.
//!
//! Everybody's password is `pw-NAME`. What its binds answer is told in the password-policy control only, never in the text; the
//! accounts have one trouble each. Needs Debian's `slapd` and `ldap-utils`.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// The tree's root.
pub(super) const BASE: &str = "dc=azienda,dc=test";
const PEOPLE: [&str; 7] = ["svc", "mario", "giulia", "expired", "mustchange", "locked", "lockme"];

pub(super) struct OpenLdap {
    folder: tempfile::TempDir,
    server: Child,
    pub(super) port: u16,
    pub(super) tls_port: u16,
}

impl OpenLdap {
    /// Starts one with its people in it.
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("db")).unwrap();
        certificates(folder.path());
        fs::write(folder.path().join("slapd.conf"), configuration(folder.path())).unwrap();
        fs::write(folder.path().join("seed.ldif"), seed()).unwrap();
        fs::write(folder.path().join("later.ldif"), LATER).unwrap();
        fs::write(folder.path().join("svc.password"), "pw-svc\n").unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder.path().join("svc.password"), fs::Permissions::from_mode(0o600)).unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        run("slapadd", &["-q", "-f", &at("slapd.conf"), "-l", &at("seed.ldif")]);
        let started = Self::listening(folder);
        let (url, file) =
            (format!("ldap://127.0.0.1:{}", started.port), started.path("later.ldif").display().to_string());
        run("ldapmodify", &["-x", "-H", &url, "-D", &format!("cn=admin,{BASE}"), "-w", "rootpw", "-f", &file]);
        started
    }

    /// Serves on two ports of its own; where another program took one of them meanwhile, on two others.
    fn listening(folder: tempfile::TempDir) -> Self {
        let (port, tls_port) = (free_port(), free_port());
        let server = serve(folder.path(), port, tls_port);
        let mut started = Self { folder, server, port, tls_port };
        for _ in 0..20 {
            if started.comes_up() {
                return started;
            }
            (started.port, started.tls_port) = (free_port(), free_port());
            started.server = serve(started.folder.path(), started.port, started.tls_port);
        }
        panic!("slapd ends at once");
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Ends the server, whose connections all break.
    pub(super) fn stop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }

    /// Starts it again on the same ports.
    pub(super) fn start_again(&mut self) {
        self.server = serve(self.folder.path(), self.port, self.tls_port);
        assert!(self.comes_up(), "slapd ends at once");
    }

    /// Waits until it listens; false when it ended instead.
    fn comes_up(&mut self) -> bool {
        let until = Instant::now() + Duration::from_secs(60);
        while self.server.try_wait().unwrap().is_none() {
            // Its own file first, written once it has its ports: whoever answers there without it is somebody else.
            if self.path("slapd.run").exists() && TcpStream::connect(("127.0.0.1", self.tls_port)).is_ok() {
                return true;
            }
            assert!(Instant::now() < until, "slapd does not listen");
            std::thread::yield_now();
        }
        false
    }
}

impl Drop for OpenLdap {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn serve(folder: &Path, port: u16, tls_port: u16) -> Child {
    let log = fs::File::create(folder.join("slapd.log")).unwrap();
    // One that was killed left it behind.
    let _ = fs::remove_file(folder.join("slapd.run"));
    Command::new("/usr/sbin/slapd")
        .args(["-d", "0", "-f"])
        .arg(folder.join("slapd.conf"))
        .args(["-h", &format!("ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/")])
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("slapd; install Debian's slapd and ldap-utils")
}

fn run(program: &str, arguments: &[&str]) {
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let output =
        Command::new(program).args(arguments).env("PATH", path).output().expect("install slapd and ldap-utils");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An authority of our own and a certificate for 127.0.0.1; another authority that vouched for nothing.
pub(super) fn certificates(folder: &Path) {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), Issuer::new(params, key))
    };
    let (pem, issuer) = authority("Throwaway authority");
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("ca.pem"), pem).unwrap();
    fs::write(folder.join("other-ca.pem"), authority("Somebody else").0).unwrap();
    fs::write(folder.join("server.pem"), leaf.pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}

fn configuration(folder: &Path) -> String {
    let at = folder.display();
    format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
pidfile {at}/slapd.run
TLSCACertificateFile {at}/ca.pem
TLSCertificateFile {at}/server.pem
TLSCertificateKeyFile {at}/server.key
TLSVerifyClient never
database mdb
maxsize 67108864
suffix \"{BASE}\"
rootdn \"cn=admin,{BASE}\"
rootpw rootpw
directory {at}/db
overlay ppolicy
ppolicy_default \"cn=default,ou=policies,{BASE}\"
ppolicy_use_lockout
access to attrs=userPassword by self =xw by anonymous auth by * none
access to * by users read by anonymous auth by * none
"
    )
}

fn seed() -> String {
    let mut text = format!(
        "dn: {BASE}
objectClass: domain
dc: azienda

dn: ou=policies,{BASE}
objectClass: organizationalUnit
ou: policies

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{BASE}
objectClass: organizationalUnit
ou: groups

dn: cn=default,ou=policies,{BASE}
objectClass: device
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 3
pwdLockoutDuration: 900
pwdFailureCountInterval: 900
pwdMustChange: TRUE

dn: cn=oldage,ou=policies,{BASE}
objectClass: device
objectClass: pwdPolicy
cn: oldage
pwdAttribute: userPassword
pwdMaxAge: 1
pwdGraceAuthNLimit: 0
"
    );
    for user in PEOPLE {
        text += &format!(
            "\ndn: uid={user},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {user}\ncn: {user}\nsn: {user}\nuserPassword: pw-{user}\n"
        );
    }
    // `nicolò`, with one character for its last letter.
    text += &format!(
        "\ndn: cn=nicolo,ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid:: bmljb2zDsg==\ncn: nicolo\nsn: nicolo\nuserPassword:: cHctbmljb2zDsg==\n"
    );
    // Two people of one name, so that it means neither.
    for place in ["people", "groups"] {
        text += &format!(
            "\ndn: cn=twin,ou={place},{BASE}\nobjectClass: inetOrgPerson\nuid: twin\ncn: twin\nsn: twin\nuserPassword: pw-twin\n"
        );
    }
    text
}

/// What slapadd does not do: overlays act only on writes to the running server. `inner` and `circle` hold each other.
const LATER: &str = "dn: uid=mustchange,ou=people,dc=azienda,dc=test
changetype: modify
replace: pwdReset
pwdReset: TRUE

dn: uid=locked,ou=people,dc=azienda,dc=test
changetype: modify
add: pwdAccountLockedTime
pwdAccountLockedTime: 000001010000Z

dn: uid=expired,ou=people,dc=azienda,dc=test
changetype: modify
add: pwdPolicySubentry
pwdPolicySubentry: cn=oldage,ou=policies,dc=azienda,dc=test

dn: uid=expired,ou=people,dc=azienda,dc=test
changetype: modify
replace: userPassword
userPassword: pw-expired

dn: cn=inner,ou=groups,dc=azienda,dc=test
changetype: add
objectClass: groupOfNames
cn: inner
member: uid=mario,ou=people,dc=azienda,dc=test
member: cn=circle,ou=groups,dc=azienda,dc=test

dn: cn=circle,ou=groups,dc=azienda,dc=test
changetype: add
objectClass: groupOfNames
cn: circle
member: cn=inner,ou=groups,dc=azienda,dc=test

dn: cn=smart,ou=groups,dc=azienda,dc=test
changetype: add
objectClass: groupOfNames
cn: smart
member: cn=inner,ou=groups,dc=azienda,dc=test
member: uid=giulia,ou=people,dc=azienda,dc=test

dn: cn=Remote  Desk,ou=groups,dc=azienda,dc=test
changetype: add
objectClass: groupOfUniqueNames
cn: Remote  Desk
uniqueMember: uid=giulia,ou=people,dc=azienda,dc=test

dn: cn=unix,ou=groups,dc=azienda,dc=test
changetype: add
objectClass: posixGroup
cn: unix
cn: linux
gidNumber: 700
memberUid: mario
";
