//! A session from login to close, and logins that are refused.

use std::time::Instant;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::house::*;

type Channel = WebSocketStream<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>;

async fn channel(token: &str) -> Channel {
    let mut request = "wss://127.0.0.1/v1/session".into_client_request().unwrap();
    request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
    client_async(request, connect().await).await.expect("a session channel").0
}

/// The next event, or what ended the channel.
async fn event(channel: &mut Channel) -> String {
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
    // Answers come at a pulse, and a busy machine may miss one: what differs by itself differs in each of three rounds.
    let alike_in_time = (0..3).any(|_| {
        let mut seen = Vec::new();
        let mut pulses = Vec::new();
        for (user, password, truth) in wrong {
            let began = Instant::now();
            let answer = block_on(login(user, password));
            pulses.push(began.elapsed().as_millis() / 250);
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

#[test]
fn what_this_version_cannot_check_lets_nobody_in() {
    let house = House::new();
    house.set_policy(&POLICY.replace("grace = \"1s\"", "grace = \"1s\"\nsecond_factor = \"totp\""));
    let _gateway = house.serve();
    assert_eq!(block_on(login("m.rossi", "pw-m.rossi")).json()["code"], "unavailable");
    assert_eq!(house.story(), ["login_refused second_factor_unsupported"]);
    assert!(house.log().contains("second factor"));
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
