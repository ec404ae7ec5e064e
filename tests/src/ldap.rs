//! A real directory: OpenLDAP in the office's server room, with a certificate of a private authority; where a test wants, a second server
//! with the same people, which learns nothing of what the first is told later.
//!
//! Everybody's password is `pw-NAME`. What its binds answer is told in the password-policy control only, never in the
//! text; the accounts below have one trouble each.

use std::{
    fs::{self, Permissions},
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::{
    netns::{Computer, Process},
    wait,
    world::{SERVERS, World},
};

/// The tree's root.
pub const BASE: &str = "dc=azienda,dc=test";
/// Who are in it; the last four are in trouble.
pub const PEOPLE: [&str; 7] = ["svc", "m.rossi", "g.verdi", "n.agreement", "locked", "expired", "mustchange"];
/// The group that the workers are in.
pub const GROUP: &str = "cn=smart,ou=groups,dc=azienda,dc=test";

/// Where the second server is.
const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 3, 6));

/// A running slapd on port 389 (with StartTLS) and 636.
#[derive(Debug)]
pub struct Directory {
    folder: PathBuf,
    address: IpAddr,
    server: Process,
}

impl Directory {
    /// Starts it with its people in it.
    ///
    /// # Panics
    /// When it does not answer soon.
    pub fn start(world: &World) -> Self {
        let folder = world.folder().join("ldap");
        fs::create_dir_all(folder.join("db")).expect("the world's folder is writable");
        certificates(&folder);
        fs::write(folder.join("slapd.conf"), configuration(&folder)).expect("the world's folder is writable");
        fs::write(folder.join("seed.ldif"), seed()).expect("the world's folder is writable");
        fs::write(folder.join("later.ldif"), LATER).expect("the world's folder is writable");
        let at = folder.display();
        world.office.sh(&format!("slapadd -q -f {at}/slapd.conf -l {at}/seed.ldif"));
        let server = Self::serve(&world.office, &folder, SERVERS);
        world.office.sh(&format!(
            "ldapmodify -x -H ldap://{SERVERS} -D cn=admin,{BASE} -w rootpw -f {at}/later.ldif >/dev/null"
        ));
        Self { folder, address: SERVERS, server }
    }

    /// A second server, with everybody who is in this one now, by the same identities.
    ///
    /// # Panics
    /// When it does not answer soon.
    pub fn copy(&self, world: &World) -> Self {
        let folder = world.folder().join("second-ldap");
        fs::create_dir_all(folder.join("db")).expect("the world's folder is writable");
        for file in ["ca.pem", "server.pem", "server.key"] {
            fs::copy(self.folder.join(file), folder.join(file)).expect("the world's folder is writable");
        }
        fs::write(folder.join("slapd.conf"), configuration(&folder)).expect("the world's folder is writable");
        world.office.ip(&format!("addr add {SECOND}/24 dev lan"));
        let (at, first) = (folder.display(), self.folder.display());
        world.office.sh(&format!("slapcat -f {first}/slapd.conf -l {at}/seed.ldif"));
        world.office.sh(&format!("slapadd -q -f {at}/slapd.conf -l {at}/seed.ldif"));
        let server = Self::serve(&world.office, &folder, SECOND);
        Self { folder, address: SECOND, server }
    }

    /// Where it is.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How often somebody has connected.
    pub fn connections(&self) -> usize {
        self.server.stderr().matches(" ACCEPT from ").count()
    }

    /// The file of the authority that signed the server's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Switches the server off, as a power cut would.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Changes entries as the directory's administrator does.
    ///
    /// # Panics
    /// When the directory refuses.
    pub fn modify(&self, world: &World, ldif: &str) {
        let file = self.folder.join("change.ldif");
        fs::write(&file, ldif).expect("the world's folder is writable");
        world.office.sh(&format!(
            "ldapmodify -x -H ldap://{} -D cn=admin,{BASE} -w rootpw -f {} >/dev/null",
            self.address,
            file.display()
        ));
    }

    /// Starts it again with rules that let nobody see anything, as a slip in them would.
    pub fn restart_blind(&mut self, world: &World) {
        self.server.stop();
        let text = configuration(&self.folder).replace("by users read", "by users auth");
        fs::write(self.folder.join("slapd.conf"), text).expect("the world's folder is writable");
        self.server = Self::serve(&world.office, &self.folder, self.address);
    }

    /// Asserts that the directory itself has not locked somebody out.
    ///
    /// # Panics
    /// When it has.
    pub fn assert_not_locked(&self, world: &World, user: &str) {
        let search = format!(
            "ldapsearch -x -LLL -H ldap://{} -D cn=admin,{BASE} -w rootpw -b uid={user},ou=people,{BASE}",
            self.address
        );
        assert!(
            world.office.succeeds(&format!("! {search} pwdAccountLockedTime | grep -q pwdAccountLockedTime")),
            "{user} is locked in the directory"
        );
    }

    /// Switches it on again.
    pub fn restart(&mut self, world: &World) {
        self.server = Self::serve(&world.office, &self.folder, self.address);
    }

    fn serve(office: &Computer, folder: &Path, address: IpAddr) -> Process {
        let mut command = office.command("slapd");
        command.arg("-f").arg(folder.join("slapd.conf"));
        // It says who connects and what they ask.
        command.args(["-h", &format!("ldap://{address}/ ldaps://{address}/"), "-d", "stats"]);
        let server = office.spawn(&format!("slapd-{address}"), command, "");
        wait::until("the directory", wait::SOON, || {
            office.succeeds(&format!("ldapsearch -x -H ldap://{address} -b '' -s base")).then_some(())
        });
        server
    }
}

/// `ca.pem`, `server.pem`, `server.key`: a leaf with the servers' addresses among its alternative names.
fn certificates(folder: &Path) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_certificate = authority.self_signed(&authority_key).expect("an authority");
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate().expect("a key");
    let names = vec![SERVERS.to_string(), SECOND.to_string(), "ldap.azienda.test".to_owned()];
    let leaf = CertificateParams::new(names).expect("names").signed_by(&key, &issuer).expect("a certificate");
    for (file, text) in
        [("ca.pem", authority_certificate.pem()), ("server.pem", leaf.pem()), ("server.key", key.serialize_pem())]
    {
        fs::write(folder.join(file), text).expect("the world's folder is writable");
    }
    fs::set_permissions(folder.join("server.key"), Permissions::from_mode(0o600)).expect("our own file");
}

fn configuration(folder: &Path) -> String {
    let at = folder.display();
    format!(
        r#"include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
moduleload memberof
pidfile {at}/slapd.run
TLSCACertificateFile {at}/ca.pem
TLSCertificateFile {at}/server.pem
TLSCertificateKeyFile {at}/server.key
TLSVerifyClient never
database mdb
maxsize 67108864
suffix "{BASE}"
rootdn "cn=admin,{BASE}"
rootpw rootpw
directory {at}/db
index objectClass,uid,member eq
overlay ppolicy
ppolicy_default "cn=default,ou=policies,{BASE}"
ppolicy_use_lockout
overlay memberof
access to attrs=userPassword by self =xw by anonymous auth by * none
access to * by users read by anonymous auth by * none
"#
    )
}

fn seed() -> String {
    let mut ldif = format!(
        "dn: {BASE}\nobjectClass: domain\ndc: azienda\n\n\
         dn: ou=policies,{BASE}\nobjectClass: organizationalUnit\nou: policies\n\n\
         dn: ou=people,{BASE}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,{BASE}\nobjectClass: organizationalUnit\nou: groups\n\n\
         dn: cn=default,ou=policies,{BASE}\nobjectClass: device\nobjectClass: pwdPolicy\ncn: default\n\
         pwdAttribute: userPassword\npwdLockout: TRUE\npwdMaxFailure: 20\npwdLockoutDuration: 900\npwdMustChange: TRUE\n\n\
         dn: cn=oldage,ou=policies,{BASE}\nobjectClass: device\nobjectClass: pwdPolicy\ncn: oldage\n\
         pwdAttribute: userPassword\npwdMaxAge: 1\npwdGraceAuthNLimit: 0\n"
    );
    for name in PEOPLE {
        ldif += &format!(
            "\ndn: uid={name},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n\
             mail: {name}@azienda.test\nuserPassword: pw-{name}\n"
        );
    }
    ldif
}

/// What slapadd does not do, for overlays act only on writes to the running server. m.rossi is in the group by way of
/// another one.
const LATER: &str = "\
dn: uid=mustchange,ou=people,dc=azienda,dc=test
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
member: uid=m.rossi,ou=people,dc=azienda,dc=test

dn: cn=smart,ou=groups,dc=azienda,dc=test
changetype: add
objectClass: groupOfNames
cn: smart
member: cn=inner,ou=groups,dc=azienda,dc=test
member: uid=g.verdi,ou=people,dc=azienda,dc=test
member: uid=mustchange,ou=people,dc=azienda,dc=test
member: uid=expired,ou=people,dc=azienda,dc=test
member: uid=locked,ou=people,dc=azienda,dc=test
";
