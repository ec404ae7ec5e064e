//! A session from login to close, and logins that are refused.

use std::time::Instant;

use futures_util::{SinkExt as _, StreamExt as _};
use gateway_api::proof;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

use crate::{bad_record::hold, house::*};

pub(crate) type Channel = WebSocketStream<TlsStream<TcpStream>>;

pub(crate) async fn channel(token: &str) -> Channel {
    resume(token).await.expect("a session channel").0
}

/// A channel and, where there was one before, the next token.
async fn resume(token: &str) -> Option<(Channel, Option<String>)> {
    let stream = connect().await;
    let proved = proved(&stream, "GET", "/v1/session", token);
    attach(stream, proved).await
}

/// A channel on this connection with these headers. None where it is refused for them.
async fn attach(
    stream: TlsStream<TcpStream>,
    headers: [(&'static str, String); 2],
) -> Option<(Channel, Option<String>)> {
    let mut request = "wss://127.0.0.1/v1/session".into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    match client_async(request, stream).await {
        Ok((channel, answer)) => {
            let next = answer.headers().get(proof::NEXT_TOKEN);
            Some((channel, next.map(|next| next.to_str().unwrap().to_owned())))
        }
        Err(Error::Http(answer)) if answer.status() == 401 => None,
        Err(other) => panic!("{other}"),
    }
}

/// The next event, or what ended the channel.
pub(crate) async fn event(channel: &mut Channel) -> String {
    loop {
        match tokio::time::timeout(SOON, channel.next()).await.expect("an event") {
            Some(Ok(Message::Text(text))) => return text.to_string(),
            Some(Ok(Message::Close(frame))) => {
                return format!("close: {}", frame.map(|frame| frame.reason.to_string()).unwrap_or_default());
            }
            Some(Ok(_)) => {}
            other => return format!("{other:?}"),
        }
    }
}

#[test]
fn a_session_opens_is_held_by_its_channel_and_is_closed_by_the_client() {
    let house = House::new();
    let _gateway = house.serve();
    block_on(async {
        let answer = login("M.Rossi", "pw-m.rossi").await;
        assert!(answer.head.to_lowercase().contains("cache-control: no-store"), "{}", answer.head);
        let session = answer.json();
        assert_eq!(session["workstation"]["name"], "anagrafe-07");
        assert_eq!(session["workstation"]["services"][0]["tcp"][0], 3389);
        assert_eq!(session["limits"]["idle_s"], 900);
        let (token, number) = (session["token"].as_str().unwrap(), session["number"].as_str().unwrap());
        let mut channel = channel(token).await;
        assert_eq!(event(&mut channel).await, r#"{"event":"attached"}"#);
        let shown = house.json(&["session", "show", number, "--json"]);
        assert_eq!((&shown["phase"], shown.get("workstation")), (&"attached".into(), None));
        assert_eq!(house.json(&["session", "show", "--worker", "m.rossi", "--json"])["workstation"], "anagrafe-07");
        assert_eq!(close(token, "?reason=idle").await, 400, "a client gives its own reasons only");
        assert_eq!(close(token, "?reason=program_ended").await, 204);
        assert_eq!(house.story(), ["session_opened", "session_closed program_ended"], "recorded when the answer comes");
        assert_eq!(event(&mut channel).await, r#"{"event":"closed","reason":"program_ended"}"#);
        assert_eq!(event(&mut channel).await, "close: closed");
        assert_eq!(close(token, "").await, 401, "a token goes with its session");
    });
    assert_eq!(house.open_sessions(), 0);
}

#[test]
fn a_login_that_nobody_waits_for_any_more_leaves_no_session() {
    let house = House::new();
    let _gateway = house.serve();
    // While somebody else holds the database, no session can be recorded.
    let held = hold(&house);
    block_on(async {
        let mut line = connect().await;
        let body = login_body("m.rossi", "pw-m.rossi");
        let head = format!("POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
        line.write_all((head + &body).as_bytes()).await.unwrap();
        line.flush().await.unwrap();
        wait("the session to wait for its record", || house.open_sessions() == 1);
    });
    // Connections to port 443 that the gateway has not let go of: established, or closed by the other end; proc(5).
    let is_there = || {
        let sockets = std::fs::read_to_string("/proc/thread-self/net/tcp").unwrap();
        sockets.lines().any(|socket| {
            let fields: Vec<&str> = socket.split_whitespace().collect();
            fields[1].ends_with(":01BB") && matches!(fields[3], "01" | "08")
        })
    };
    wait("the gateway to see that nobody waits", || !is_there());
    drop(held);
    wait("the end", || house.story().len() == 2);
    assert_eq!(house.story(), ["session_opened", "session_closed client_lost"]);
    assert_eq!(house.open_sessions(), 0);
}

#[test]
fn a_new_login_and_a_new_channel_take_the_place_of_the_old() {
    let house = House::new();
    let _gateway = house.serve();
    block_on(async {
        let (first, _) = open("m.rossi").await;
        let mut one = channel(&first).await;
        assert_eq!(event(&mut one).await, r#"{"event":"attached"}"#);
        let mut two = channel(&first).await;
        assert_eq!(event(&mut two).await, r#"{"event":"attached"}"#);
        assert_eq!(event(&mut one).await, "close: no longer held by this channel");
        open("m.rossi").await;
        assert_eq!(event(&mut two).await, r#"{"event":"closed","reason":"replaced"}"#);
    });
    assert_eq!(house.open_sessions(), 1);
}

#[test]
fn a_channel_is_no_way_into_anybody_elses_session() {
    let house = House::new();
    let _gateway = house.serve();
    block_on(async {
        let (mine, number) = open("m.rossi").await;
        let mut channel = channel(&mine).await;
        assert_eq!(event(&mut channel).await, r#"{"event":"attached"}"#);
        // Data under each index that a session may have here: one is mine, and says nothing either, for it has no keys.
        let mut datagram = [0u8; 48];
        datagram[0] = 4;
        for index in 0..4u8 {
            datagram[6] = index;
            channel.send(Message::binary(datagram.to_vec())).await.unwrap();
        }
        channel.send(Message::binary(vec![1; 148])).await.unwrap();
        channel.send(Message::binary(vec![4; 60_000])).await.unwrap();
        let drops = |number: &str| house.json(&["session", "show", number, "--json"])["drops"].clone();
        wait("what is not mine to be refused", || drops(&number)["other_session"] == 3);
        assert_eq!(house.open_sessions(), 1);
    });
}

#[test]
fn a_channel_understands_its_requests_and_ends_at_anything_else() {
    let house = House::new();
    let _gateway = house.serve();
    block_on(async {
        let (token, _) = open("m.rossi").await;
        for wrong in ["", "{}", r#"{"request":"prolong"}"#, r#"{"request":"confirm","nonce":"00"}"#] {
            let mut channel = channel(&token).await;
            assert_eq!(event(&mut channel).await, r#"{"event":"attached"}"#);
            // A probe that never was: understood, and of no use.
            let confirm = format!(r#"{{"request":"confirm","nonce":"{:032}"}}"#, 7);
            channel.send(Message::text(confirm)).await.unwrap();
            channel.send(Message::Ping(Default::default())).await.unwrap();
            assert!(matches!(channel.next().await, Some(Ok(Message::Pong(_)))), "it goes on");
            channel.send(Message::text(wrong)).await.unwrap();
            let end = async { while let Some(Ok(_)) = channel.next().await {} };
            tokio::time::timeout(SOON, end).await.expect("the channel ends");
        }
        assert_eq!(house.open_sessions(), 1, "the session itself goes on");
    });
}

#[test]
fn a_token_counts_for_its_owner_alone_and_only_until_the_next_one_is_used() {
    let house = House::new();
    let _gateway = house.serve();
    block_on(async {
        let (token, _) = open("m.rossi").await;
        let elsewhere = proved(&connect().await, "GET", "/v1/session", &token);
        assert!(attach(connect().await, elsewhere).await.is_none(), "a proof is for one connection");
        let unproved = [("Authorization", format!("Bearer {token}")), ("X-Nothing", String::new())];
        assert!(attach(connect().await, unproved).await.is_none(), "a token alone is none");
        let stream = connect().await;
        let for_a_close = proved(&stream, "DELETE", "/v1/session", &token);
        assert!(attach(stream, for_a_close).await.is_none(), "a proof is for one use");
        let (_one, next) = resume(&token).await.unwrap();
        assert_eq!(next, None, "a first channel resumes nothing");
        let (_two, lost) = resume(&token).await.unwrap();
        let (_three, next) = resume(&token).await.unwrap();
        let (lost, next) = (lost.unwrap(), next.unwrap());
        assert!(resume(&next).await.is_some());
        assert!(resume(&token).await.is_none(), "the next one was used");
        assert!(resume(&lost).await.is_none());
        assert_eq!(close(&token, "").await, 401);
        assert_eq!(close(&next, "").await, 204);
    });
    assert_eq!(house.open_sessions(), 0);
}

#[test]
fn a_policy_that_requires_a_post_quantum_key_exchange_gets_one_and_the_record_says_which() {
    let house = House::new();
    let gateway = house.serve();
    let key_exchanges = || -> Vec<String> {
        let records = house.json(&["log", "show", "--json"]);
        let records = records.as_array().unwrap().iter().filter(|record| record["kind"] == "session_opened");
        records.map(|record| record["fields"]["key_exchange"].as_str().unwrap().to_owned()).collect()
    };
    let classically = || async {
        let body = login_body("m.rossi", "pw-m.rossi");
        request_on(connect_classically().await, "POST /v1/login HTTP/1.1", body.as_bytes()).await
    };
    block_on(async {
        open("m.rossi").await;
        assert_eq!(classically().await.status, 200, "where nothing is required");
    });
    assert_eq!(key_exchanges(), ["X25519MLKEM768", "X25519"]);
    drop(gateway);
    house.set_policy(&POLICY.replace("longest = \"10h\"", "longest = \"10h\"\nrequire_post_quantum = true"));
    let _gateway = house.serve();
    block_on(async {
        let refused = classically().await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &"key_exchange_not_accepted".into()));
        open("m.rossi").await;
    });
    assert!(house.story().contains(&"login_refused no_post_quantum".to_owned()), "{:?}", house.story());
    assert_eq!(key_exchanges().last().unwrap(), "X25519MLKEM768");
}

#[test]
fn an_administrator_closes_a_session_and_that_is_recorded() {
    let house = House::new();
    let _gateway = house.serve();
    let (token, number) = block_on(open("m.rossi"));
    block_on(async {
        let mut channel = channel(&token).await;
        assert_eq!(event(&mut channel).await, r#"{"event":"attached"}"#);
        house.says(&["session", "close", &number]);
        assert_eq!(event(&mut channel).await, r#"{"event":"closed","reason":"administrator"}"#);
    });
    let acts = house.says(&["log", "show", "--journal", "administrators"]);
    assert!(acts.contains("session_closed_by_order") && acts.contains("uid=0"), "{acts}");
    assert_eq!(house.run(&["session", "close", &number], "").status.code(), Some(1));
}

#[test]
fn wrong_credentials_are_alike_in_words_and_time_and_the_truth_is_found_by_the_support_number() {
    let house = House::new();
    let _gateway = house.serve();
    let wrong = [
        ("m.rossi", "wrong", "wrong_password"),
        ("nobody", "wrong", "unknown_user"),
        ("g.verdi", "", "empty_password"),
    ];
    // Answers come at a pulse, and a busy machine may miss one: what differs by itself differs in each of ten rounds.
    let alike_in_time = (0..10).any(|_| {
        let mut seen = Vec::new();
        let mut pulses = Vec::new();
        for (user, password, truth) in wrong {
            let (answer, waited) = block_on(async {
                let stream = connect().await;
                let began = Instant::now();
                let body = login_body(user, password);
                let answer = request_on(stream, "POST /v1/login HTTP/1.1", body.as_bytes()).await;
                (answer, began.elapsed())
            });
            pulses.push(waited.as_millis() / 250);
            let mut body = answer.json();
            let support = body["support"].as_str().unwrap().to_owned();
            let record = house.json(&["log", "show", "--support", &support, "--names", "--json"]);
            assert_eq!(record[0]["fields"]["reason"], truth);
            assert_eq!(record[0]["names"].get("worker").is_some(), truth == "wrong_password", "{record}");
            assert!(!record.to_string().contains("nobody"), "a name that matches nobody is never recorded");
            body["support"] = "".into();
            seen.push((answer.status, answer.head.lines().count(), body));
        }
        assert_eq!(seen[0].0, 401);
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0], seen[2]);
        pulses[0] == pulses[1] && pulses[0] == pulses[2]
    });
    assert!(alike_in_time);
    assert!(!house.log().contains("m.rossi"), "names are not in the gateway's own log");
}

#[test]
fn more_is_told_after_the_right_password_only() {
    let house = House::new();
    let _gateway = house.serve();
    block_on(async {
        let answer = login("n.agreement", "pw-n.agreement").await;
        assert_eq!((answer.status, answer.json()["code"].clone()), (403, "no_agreement".into()));
        let answer = login("g.verdi", "pw-g.verdi").await;
        assert_eq!((answer.status, answer.json()["code"].clone()), (403, "no_agreement".into()));
        assert!(answer.json()["message"].as_str().unwrap().contains("31 December 2020"), "{}", answer.json());
        assert_eq!(login("g.verdi", "wrong").await.json()["code"], "wrong_credentials");
    });
    house.set_policy(&POLICY.replace("hours = \"00:00-24:00\"\n", "hours = \"00:00-00:01\"\n"));
    house.says(&["reload"]);
    let answer = block_on(login("m.rossi", "pw-m.rossi"));
    // One minute of the day it would be let in; then the test has nothing to say.
    if answer.status != 200 {
        assert_eq!(answer.json()["code"], "outside_hours");
        assert!(answer.json()["message"].as_str().unwrap().contains("at 00:00"), "{}", answer.json());
    }
    assert_eq!(house.story().iter().filter(|line| *line == "login_refused no_agreement").count(), 1);
}

/// The policy of an office whose workers show a second factor.
fn with_second_factor() -> String {
    POLICY.replace("grace = \"10m\"", "grace = \"10m\"\nsecond_factor = \"totp\"")
}

/// What an authenticator app holds.
struct App(totp_rs::Totp);

impl App {
    fn new(secret: &str) -> Self {
        let bits: Vec<u8> = secret
            .bytes()
            .flat_map(|letter| {
                let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == letter).unwrap();
                (0..5).rev().map(move |bit| u8::try_from((value >> bit) & 1).unwrap())
            })
            .collect();
        let bytes: Vec<u8> = bits.chunks(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | bit)).collect();
        let secret: [u8; 20] = bytes.try_into().unwrap();
        Self(totp_rs::Builder::new().with_secret(secret).build().unwrap())
    }

    /// The code of so many steps from now.
    fn code(&self, steps: i64) -> String {
        let now = jiff::Timestamp::now().as_second() + 30 * steps;
        self.0.generate(u64::try_from(now).unwrap()).to_string()
    }
}

async fn login_with(user: &str, password: &str, code: &str) -> Answer {
    let mut body: serde_json::Value = serde_json::from_str(&login_body(user, password)).unwrap();
    body["second_factor"] = code.into();
    request("POST /v1/login HTTP/1.1", body.to_string().as_bytes()).await
}

async fn factor(path: &str, body: serde_json::Value) -> Answer {
    request(&format!("POST /v1/factor{path} HTTP/1.1"), body.to_string().as_bytes()).await
}

fn offered(house: &House, order: &str, user: &str) -> String {
    house.json(&["factor", order, user, "--json"])["code"].as_str().unwrap().to_owned()
}

/// Enrols a worker over the API: the app, and the recovery codes.
async fn enrol(user: &str, enrolment_code: &str) -> (App, Vec<String>) {
    let begin = serde_json::json!({ "user": user, "password": format!("pw-{user}"), "enrolment_code": enrolment_code });
    let begun = factor("", begin.clone()).await;
    assert_eq!(begun.status, 200, "{}", text(&begun.body));
    let app = App::new(begun.json()["secret"].as_str().unwrap());
    let mut confirm = begin;
    // The next step is left for a login: it counts already, and whatever time passes meanwhile.
    confirm["code"] = app.code(0).into();
    let confirmed = factor("/confirmation", confirm).await;
    assert_eq!(confirmed.status, 200, "{}", text(&confirmed.body));
    let codes = confirmed.json()["recovery_codes"].as_array().unwrap().clone();
    (app, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

#[test]
fn a_second_factor_lets_in_once_and_a_restart_forgets_nothing() {
    let house = House::new();
    house.set_policy(&with_second_factor());
    let mut gateway = house.serve();
    let code = offered(&house, "enrol", "m.rossi");
    let (app, recovery) = block_on(enrol("m.rossi", &code));
    let shown = app.code(1);
    let opened = block_on(login_with("m.rossi", "pw-m.rossi", &shown));
    assert_eq!(opened.status, 200, "{}", text(&opened.body));
    assert_eq!(opened.json()["factor_news"][0]["what"], "enrolled", "told at the next login");
    assert_eq!(block_on(login_with("m.rossi", "pw-m.rossi", &shown)).status, 401);
    gateway.signal(nix::sys::signal::Signal::SIGKILL);
    gateway.ended();
    let _gateway = house.serve();
    block_on(async {
        assert_eq!(login_with("m.rossi", "pw-m.rossi", &shown).await.status, 401, "also after a crash");
        assert_eq!(login_with("m.rossi", "pw-m.rossi", &recovery[0]).await.status, 200);
        assert_eq!(login_with("m.rossi", "pw-m.rossi", &recovery[0]).await.status, 401);
    });
    let refusals: Vec<String> = house.story().into_iter().filter(|line| line.starts_with("login_refused")).collect();
    assert_eq!(
        refusals,
        ["login_refused second_factor_used", "login_refused second_factor_used", "login_refused recovery_code_wrong"]
    );
    let acts = house.says(&["log", "show", "--journal", "administrators", "--names"]);
    assert!(acts.contains("factor_offered") && acts.contains("m.rossi"), "{acts}");
}

#[test]
fn without_the_second_factor_nothing_is_told_and_a_right_password_looks_like_a_wrong_one() {
    let house = House::new();
    // g.verdi's agreement is over: told once all factors were shown.
    house.set_policy(&with_second_factor());
    let _gateway = house.serve();
    let code = offered(&house, "enrol", "m.rossi");
    let (app, _) = block_on(enrol("m.rossi", &code));
    let other = app.code(1);
    let shown = [
        ("m.rossi", "wrong", "", "wrong_password"),
        ("m.rossi", "pw-m.rossi", "", "second_factor_missing"),
        ("m.rossi", "pw-m.rossi", "000000", "second_factor_wrong"),
        ("m.rossi", "pw-m.rossi", "AAAAA-AAAAA", "recovery_code_wrong"),
        ("nobody", "wrong", "AAAAA-AAAAA", "unknown_user"),
        ("g.verdi", "pw-g.verdi", &other, "second_factor_not_enrolled"),
    ];
    // Answers come at a pulse, and a busy machine may miss one: what differs by itself differs in each round.
    let mut soonest = vec![u128::MAX; shown.len()];
    for _ in 0..2 {
        let mut seen = Vec::new();
        for ((user, password, code, truth), soonest) in shown.iter().zip(&mut soonest) {
            let began = Instant::now();
            let answer = block_on(login_with(user, password, code));
            *soonest = (*soonest).min(began.elapsed().as_millis() / 250);
            let mut body = answer.json();
            let support = body["support"].as_str().unwrap().to_owned();
            let record = house.json(&["log", "show", "--support", &support, "--json"]);
            assert_eq!(record[0]["fields"]["reason"], *truth);
            body["support"] = "".into();
            seen.push((answer.status, answer.head.lines().count(), body));
        }
        assert_eq!(seen[0].0, 401);
        assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
    }
    assert!(soonest.iter().all(|pulse| *pulse == soonest[0]), "{soonest:?}");
    // Whoever shows all of it is told the rest.
    let code = offered(&house, "enrol", "g.verdi");
    let (app, _) = block_on(enrol("g.verdi", &code));
    assert_eq!(block_on(login_with("g.verdi", "pw-g.verdi", &app.code(1))).json()["code"], "no_agreement");
}

#[test]
fn guesses_at_a_second_factor_are_stopped_as_those_at_a_password_are() {
    let house = House::new();
    house.set_policy(&with_second_factor());
    let _gateway = house.serve();
    let code = offered(&house, "enrol", "m.rossi");
    let (app, _) = block_on(enrol("m.rossi", &code));
    block_on(async {
        let guesses = (0..12).map(|_| async { login_with("m.rossi", "pw-m.rossi", "000000").await.status });
        let answers = futures_util::future::join_all(guesses).await;
        let asked = answers.iter().filter(|status| **status == 401).count();
        let stopped = answers.iter().filter(|status| **status == 429).count();
        // Where the worker enrolled is an address that they come from.
        assert_eq!((asked, stopped), (8, 4), "though the password was right: {answers:?}");
        assert_eq!(login_with("m.rossi", "pw-m.rossi", &app.code(1)).await.status, 429, "the right one waits too");
    });
}

#[test]
fn guesses_for_one_user_are_stopped_and_a_flood_is_one_record() {
    let house = House::new();
    let _gateway = house.serve();
    block_on(async {
        let guesses = (0..12).map(|guess| async move { login("m.rossi", &format!("guess-{guess}")).await });
        let answers = futures_util::future::join_all(guesses).await;
        let asked = answers.iter().filter(|answer| answer.status == 401).count();
        let stopped: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
        assert_eq!((asked, stopped.len()), (4, 8), "also in parallel");
        assert!(stopped[0].head.to_lowercase().contains("retry-after: "), "{}", stopped[0].head);
        let mut supports: Vec<String> = stopped.iter().map(|answer| answer.json()["support"].to_string()).collect();
        supports.dedup();
        assert_eq!(supports.len(), 1);
        assert_eq!(login("n.agreement", "pw-n.agreement").await.status, 403, "others are not concerned");
    });
    assert_eq!(house.story().iter().filter(|line| *line == "login_refused too_many_attempts").count(), 1);
}
