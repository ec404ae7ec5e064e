//! What has to be read before there is a session.

use gateway_api::notice::{Read, Version};
use serde_json::Value;

use crate::house::*;

fn with_notices() -> String {
    POLICY.replace("longest = \"10h\"", "longest = \"10h\"\nnotices = [\"privacy\", \"safety\"]")
        + "\n[notices.privacy]\nit = \"privacy.it.txt\"\nen = \"privacy.en.txt\"\n[notices.safety]\nen = \"safety.en.txt\"\n"
}

fn house() -> House {
    let house = House::new();
    for (file, text) in [
        ("privacy.it.txt", "Leggimi."),
        ("privacy.en.txt", "What is recorded of you: this."),
        ("safety.en.txt", "Sit well."),
    ] {
        std::fs::write(house.path(&format!("policy/{file}")), text).unwrap();
    }
    house.set_policy(&with_notices());
    house
}

/// Signs in where there is something to read: what there is, and the token to answer with.
pub(crate) async fn pending(user: &str) -> (Vec<Value>, String) {
    let answer = login(user, &format!("pw-{user}")).await;
    assert_eq!(answer.status, 202, "{answer:?} {}", text(&answer.body));
    let pending = answer.json();
    (pending["notices"].as_array().unwrap().clone(), pending["token"].as_str().unwrap().to_owned())
}

pub(crate) async fn mark(token: &str, notices: &[Value]) -> Answer {
    let stream = connect().await;
    let proof = proved(&stream, "POST", gateway_api::NOTICES, token);
    mark_with(stream, proof, notices).await
}

async fn mark_with(stream: Line, headers: [(&'static str, String); 2], notices: &[Value]) -> Answer {
    let word = |notice: &Value, field: &str| notice[field].as_str().unwrap().to_owned();
    let version = |notice: &Value| Version { name: word(notice, "name"), version: word(notice, "version") };
    let body = serde_json::to_vec(&Read { read: notices.iter().map(version).collect() }).unwrap();
    let headers = headers.map(|(name, value)| format!("\r\n{name}: {value}")).concat();
    request_on(stream, &format!("POST {} HTTP/1.1{headers}", gateway_api::NOTICES), &body).await
}

#[test]
fn there_is_no_session_before_everything_was_read_and_none_to_read_afterwards() {
    let house = house();
    let _gateway = house.serve();
    block_on(async {
        let (notices, token) = pending("m.rossi").await;
        let texts: Vec<&str> = notices.iter().map(|notice| notice["text"].as_str().unwrap()).collect();
        assert_eq!(texts, ["What is recorded of you: this.", "Sit well."], "in full, in the policy's order");
        assert_eq!(house.open_sessions(), 0, "pending: no peer and no address");
        assert!(house.story().is_empty(), "nothing happened yet");

        // One of the two: the other one is left.
        let answer = mark(&token, &notices[..1]).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let (left, next) = (answer.json()["notices"].clone(), answer.json()["token"].as_str().unwrap().to_owned());
        assert_eq!(left.as_array().unwrap().iter().map(|notice| &notice["name"]).collect::<Vec<_>>(), ["safety"]);
        assert_eq!(mark(&token, &notices[1..]).await.status, 401, "a token counts once");
        assert_eq!(house.open_sessions(), 0);
        let answer = mark(&next, &notices[1..]).await;
        assert_eq!(answer.status, 200, "{answer:?} {}", text(&answer.body));
        assert_eq!(answer.json()["workstation"]["name"], "anagrafe-07");
        assert_eq!(close(answer.json()["token"].as_str().unwrap(), "").await, 204);
        assert_eq!(
            house.story().iter().filter(|line| !line.starts_with("login_refused")).collect::<Vec<_>>(),
            ["notice_read", "notice_read", "session_opened", "session_closed worker_closed"]
        );
        let (again, _) = open("m.rossi").await;
        assert_eq!(close(&again, "").await, 204, "read is read");
    });
    let read = house.json(&["worker", "notices", "M.Rossi", "--json"]);
    assert_eq!(read.as_array().unwrap().len(), 2, "{read}");
    assert!(house.says(&["worker", "notices"]).contains("privacy"));
    let named = house.says(&["log", "show", "--names"]);
    assert!(named.contains("notice_read") && named.contains("worker=m.rossi"), "{named}");
}

#[test]
fn a_text_that_changes_is_read_again_also_by_who_was_just_reading_the_one_before() {
    let house = house();
    let _gateway = house.serve();
    block_on(async {
        let (notices, token) = pending("m.rossi").await;
        std::fs::write(house.path("policy/safety.en.txt"), "Sit well, and stand up every hour.").unwrap();
        house.says(&["reload"]);
        let answer = mark(&token, &notices).await;
        assert_eq!(answer.status, 202, "the text that holds now is unread: {answer:?}");
        let left = answer.json()["notices"].as_array().unwrap().clone();
        assert_eq!(left[0]["text"], "Sit well, and stand up every hour.");
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(mark(&token, &left).await.status, 200);
        std::fs::write(house.path("policy/privacy.it.txt"), "Leggimi meglio.").unwrap();
        house.says(&["reload"]);
        let (again, _) = pending("m.rossi").await;
        assert_eq!(again[0]["name"], "privacy");
        assert_eq!(house.open_sessions(), 1, "who is at work goes on, and reads at the next login");
    });
}

#[test]
fn nobody_reads_for_another_and_a_login_that_waits_is_judged_again() {
    let house = house();
    let _gateway = house.serve();
    block_on(async {
        let (notices, token) = pending("m.rossi").await;
        let elsewhere = proved(&connect().await, "POST", gateway_api::NOTICES, &token);
        assert_eq!(mark_with(connect().await, elsewhere, &notices).await.status, 401, "a proof of another connection");
        let stream = connect().await;
        let unproved = [("Authorization", format!("Bearer {token}")), ("X-Nothing", String::new())];
        assert_eq!(mark_with(stream, unproved, &notices).await.status, 401, "a token alone is none");
        let (_, newer) = pending("m.rossi").await;
        assert_eq!(mark(&token, &notices).await.status, 401, "one login waits at a time");
        house.says(&["worker", "block", "m.rossi"]);
        assert_eq!(mark(&newer, &notices).await.status, 403, "blocked while reading");
    });
    assert_eq!(house.open_sessions(), 0);
    assert!(!house.story().contains(&"session_opened".to_owned()));
}
