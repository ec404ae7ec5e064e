//! Mail to whom a review concerned, by a real server that asks for TLS and an account.

use std::{
    fs,
    net::TcpStream,
    process::{Child, Command},
};

use serde_json::Value;

use crate::{
    export::certificates,
    house::*,
    notices::{mark, pending},
    review_steps::{Office, WHY, about_rossi, yesterday},
};

/// The office's mail server; killed with the value.
struct MailServer(Child);

impl MailServer {
    fn start(office: &Office, port: u16) -> Self {
        let log = fs::File::options().create(true).append(true).open(office.path("smtp.log")).unwrap();
        // Not another Python that may come first in the path: this one has Debian's package.
        let mut command = Command::new("/usr/bin/python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/serve/smtp.py"));
        command.arg(office.path("smtp")).arg(port.to_string());
        let server = Self(command.stderr(log).spawn().expect("python3-aiosmtpd is installed"));
        wait("the mail server to listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        server
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn who_was_concerned_is_told_by_mail_as_well_once_whatever_becomes_of_the_server() {
    let office = Office::settled();
    let house = &office.house;
    fs::create_dir(house.path("smtp")).unwrap();
    certificates(&house.path("smtp"), "mail.comune.example");
    fs::copy(house.path("smtp/ca.pem"), house.path("trusted.pem")).unwrap();
    fs::write(house.path("password"), "pw-mail\n").unwrap();
    house.set_mode("password", 0o600);
    let people = fs::read_to_string(house.path("people.toml")).unwrap();
    let (before, after) = people.split_once("[people.\"m.rossi\"]\n").unwrap();
    let mail = "mail = \"m.rossi@comune.example\"\n";
    fs::write(house.path("people.toml"), format!("{before}[people.\"m.rossi\"]\n{mail}{after}")).unwrap();
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();
    let with = |port: u16| {
        let mail = format!(
            "\n[mail]\nserver = \"localhost:{port}\"\nfrom = \"Lavoro da casa <deskgate@comune.example>\"\nuser = \"deskgate\"\n\
             password_file = \"password\"\nca = \"trusted.pem\"\nwait = \"0h\"\n"
        );
        fs::write(house.path("gateway.toml"), format!("{config}{mail}")).unwrap();
    };
    with(587);
    let mut gateway = house.serve();
    assert_eq!(block_on(login("m.rossi", "pw-wrong")).status, 401);
    office.done("d.head", &about_rossi(&yesterday(), "b"));
    office.done("d.general", &["approve", "1"]);
    office.done("r.office", &["open", "--request", "1", "--to", &office.path("opened")]);
    let standing = |house: &House| house.json(&["status", "--json"])["mail"].clone();
    wait("the alarm", || standing(house)["trouble"].as_str().is_some_and(|why| why.contains("localhost:587")));
    assert!(house.log().contains("MAIL TO WORKERS IS LATE"));
    assert_eq!(standing(house)["waiting"], 1);
    // A server by another name than its certificate's gets nothing, not even the password.
    let other = MailServer::start(&office, 587);
    let again = |gateway: &mut Gateway| {
        office.stop(gateway);
        *gateway = house.serve();
    };
    again(&mut gateway);
    let refused = |words: &str| standing(house)["trouble"].as_str().is_some_and(|why| why.contains(words));
    wait("its name to be checked", || refused("certificate"));
    drop(other);
    certificates(&house.path("smtp"), "localhost");
    fs::copy(house.path("smtp/ca.pem"), house.path("trusted.pem")).unwrap();
    let received = || -> Vec<Value> {
        let text = fs::read_to_string(house.path("smtp/received")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let _server = MailServer::start(&office, 587);
    again(&mut gateway);
    wait("the mail", || office.story().contains(&"message_mailed".to_owned()));
    let mails = received();
    assert_eq!((mails.len(), &mails[0]["login"]), (1, &"deskgate".into()), "{mails:?}");
    assert_eq!(
        (&mails[0]["from"], &mails[0]["to"][0]),
        (&"deskgate@comune.example".into(), &"m.rossi@comune.example".into())
    );
    let said = mails[0]["text"].as_str().unwrap();
    assert!(
        said.contains("minute no. 1")
            && said.contains("verbale n. 1")
            && said.contains("Message-ID: <deskgate-review-1-"),
        "{said}"
    );
    assert!(!said.contains("d.head"), "{said}");
    assert!(standing(house)["trouble"].is_null() && standing(house)["waiting"] == 0);
    // Once: also by a gateway that starts again, and on the other port.
    let _tls_first = MailServer::start(&office, 465);
    with(465);
    again(&mut gateway);
    let (_, number) = block_on(async {
        let (notices, token) = pending("m.rossi").await;
        assert_eq!(notices.len(), 1, "the message at the login stays");
        assert_eq!(mark(&token, &notices).await.status, 200);
        open("m.rossi").await
    });
    office.done("d.general", &["request", "--session", &number, "--ground", "b", "--reason", WHY]);
    office.done("d.head", &["approve", "2"]);
    office.done("r.office", &["open", "--request", "2", "--to", &office.path("second")]);
    assert_eq!(received().len(), 1, "nobody knows whose the session was");
    block_on(pending("m.rossi"));
    wait("the mail about a session", || received().len() == 2);
    assert!(received()[1]["text"].as_str().unwrap().contains("minute no. 2"));
}
