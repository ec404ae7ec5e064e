//! Sessions of technicians beside the worker's that each is for.

use gateway_record::Journal;

use super::*;
use crate::assistance::{self, Question};

const SOON: Duration = Duration::from_secs(10);

/// A worker with a channel.
async fn at_work(ledger: &Ledger) -> (SessionNumber, Token, Attached) {
    let admitted = ledger.open(opening("m.rossi")).await.unwrap();
    let channel = ledger.attach(shows(ledger, &admitted.token).unwrap()).await.unwrap();
    (admitted.number, admitted.token, channel)
}

fn of(ledger: &Ledger, technician: &str) -> Opening {
    let assisted = ledger.assistable("m.rossi", technician).unwrap();
    Opening { assists: Some(assisted), ..opening(technician) }
}

async fn event(channel: &mut Attached) -> session::Event {
    tokio::time::timeout(SOON, channel.events.recv()).await.expect("an event").expect("a channel")
}

/// Why assistances ended, by the administrators' journal.
async fn ended(ledger: &Ledger) -> Vec<String> {
    let mut rows = ledger.store.read(Query { journal: Some(Journal::Administrators), ..Query::default() });
    let mut ended = Vec::new();
    while let Some(Kept { record, .. }) = rows.recv().await.transpose().unwrap() {
        assert_eq!(record.kind.word(), "assistance_ended");
        ended.extend(record.fields.value("why").map(ToString::to_string));
    }
    ended
}

fn is_begun(event: &session::Event) -> bool {
    matches!(event, session::Event::AssistanceBegun { technician, seconds: 1..=3600 } if technician == "t.neri")
}

#[tokio::test]
async fn a_technicians_session_takes_nobodys_place_and_is_nobodys_own() {
    let world = world(Mood::Good).await;
    let (worker, _, mut channel) = at_work(&world.ledger).await;
    let own = world.ledger.open(opening("t.neri")).await.unwrap().number;
    let assisting = world.ledger.open(of(&world.ledger, "t.neri")).await.unwrap().number;
    assert!(is_begun(&event(&mut channel).await));
    assert_eq!(world.ledger.live().sessions.len(), 3);
    assert_eq!(world.ledger.session_of("m.rossi"), Some(worker));
    assert_eq!(world.ledger.session_of("t.neri"), Some(own));
    assert_eq!(world.ledger.sessions_of("T.Neri").len(), 2);
    assert_eq!(world.ledger.assisting(), BTreeMap::from([(assisting, worker)]));
    assert_eq!(*world.ledger.workers()[&assisting].id, *"t.neri", "whom the directory is asked about");
    assert_eq!(world.ledger.assistable("m.rossi", "another").unwrap_err(), NotAssisted::Busy);
    // An end comes after all that went before it: whoever was replaced would be over by then.
    assert!(world.ledger.close(assisting, CloseReason::LongestSession).await);
    assert!(world.ledger.goes_on(own) && world.ledger.goes_on(worker));
}

#[tokio::test]
async fn nobody_is_assisted_alone_or_without_a_client_that_shows_it() {
    let world = world(Mood::Good).await;
    assert_eq!(world.ledger.assistable("m.rossi", "t.neri").unwrap_err(), NotAssisted::NotConnected);
    let (number, _, channel) = at_work(&world.ledger).await;
    assert_eq!(world.ledger.assistable("m.rossi", "m.rossi").unwrap_err(), NotAssisted::Own);
    let late = of(&world.ledger, "t.neri");
    world.ledger.detach(number, channel.id()).await;
    assert_eq!(world.ledger.assistable("m.rossi", "t.neri").unwrap_err(), NotAssisted::NotConnected);
    assert_eq!(world.ledger.open(late).await.unwrap_err(), NotOpened::Ended);
    assert_eq!(ended(&world.ledger).await, ["assistance_ended"]);
}

#[tokio::test]
async fn the_workers_end_and_the_workers_word_end_the_assistance() {
    for reason in [None, Some(CloseReason::Idle)] {
        let world = world(Mood::Good).await;
        let (worker, _, mut channel) = at_work(&world.ledger).await;
        let technician = world.ledger.open(of(&world.ledger, "t.neri")).await.unwrap();
        let mut theirs = world.ledger.attach(shows(&world.ledger, &technician.token).unwrap()).await.unwrap();
        assert!(is_begun(&event(&mut channel).await));
        match reason {
            None => channel.inlet().end_assistance(),
            Some(reason) => assert!(world.ledger.close(worker, reason).await),
        }
        assert_eq!(event(&mut theirs).await, session::Event::Closed { reason: CloseReason::AssistanceEnded });
        if reason.is_none() {
            assert_eq!(event(&mut channel).await, session::Event::AssistanceEnded);
            assert_eq!(world.ledger.session_of("m.rossi"), Some(worker), "the worker goes on");
        }
        let story = world.story().await;
        assert!(story.contains(&"session_closed assistance_ended".to_owned()), "{story:?}");
        assert_eq!(ended(&world.ledger).await, ["assistance_ended"]);
    }
}

#[tokio::test]
async fn an_end_that_moves_is_told_to_the_worker_at_once_and_no_other_change_is() {
    let world = world(Mood::Good).await;
    let (_, _, mut channel) = at_work(&world.ledger).await;
    let opening = of(&world.ledger, "t.neri");
    let grant = opening.grant.clone();
    let technician = world.ledger.open(opening).await.unwrap();
    let mut theirs = world.ledger.attach(shows(&world.ledger, &technician.token).unwrap()).await.unwrap();
    let assisting = technician.number;
    assert!(is_begun(&event(&mut channel).await));
    let other = Grant { warnings: Vec::new(), ..grant.clone() };
    world.ledger.change_grant(assisting, other).await;
    let ends_at = clock::now().wall + jiff::SignedDuration::from_secs(300);
    world.ledger.change_grant(assisting, Grant { ends_at, ..grant }).await;
    let told = event(&mut channel).await;
    assert!(matches!(told, session::Event::AssistanceBegun { seconds: 200..=300, .. }), "{told:?}");
    let is_moved = |told: &session::Event| matches!(told, session::Event::EndMoved { seconds: 200..=300 });
    assert!(is_moved(&event(&mut theirs).await), "whose session it is knows as well");
    let mut again = world.ledger.attach(shows(&world.ledger, &technician.token).unwrap()).await.unwrap();
    assert!(is_moved(&event(&mut again).await), "and by each channel that comes later");
}

#[tokio::test]
async fn a_session_that_ended_meanwhile_is_assisted_by_nobody() {
    let world = world(Mood::Good).await;
    let (worker, ..) = at_work(&world.ledger).await;
    let late = of(&world.ledger, "t.neri");
    world.ledger.close(worker, CloseReason::WorkerClosed).await;
    assert_eq!(world.ledger.open(late).await.unwrap_err(), NotOpened::Ended);
    assert_eq!(world.story().await, ["session_opened", "session_closed worker_closed"]);
}

#[tokio::test]
async fn a_channel_in_the_place_of_another_knows_no_question() {
    let world = world(Mood::Good).await;
    let (_, token, mut channel) = at_work(&world.ledger).await;
    let assisted = world.ledger.assistable("m.rossi", "t.neri").unwrap();
    let question =
        Question { assisted, technician: "t.neri".into(), reason: "x".to_owned(), span: Duration::from_secs(60) };
    let ledger = world.ledger.clone();
    let asking = tokio::spawn(async move {
        assistance::ask(&ledger, &question, std::future::pending()).await.map(drop).map_err(|why| format!("{why:?}"))
    });
    assert!(matches!(event(&mut channel).await, session::Event::AssistanceAsked { .. }));
    let _other = world.ledger.attach(shows(&world.ledger, &token).unwrap()).await.unwrap();
    let refused = tokio::time::timeout(SOON, asking).await.expect("at once").unwrap();
    assert_eq!(refused, Err("Refused(Gone)".to_owned()));
}

#[tokio::test]
async fn assistance_goes_on_over_a_restart_and_is_told_to_the_channel_that_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = another_run(folder.path()).await;
    let (worker, token, _channel) = at_work(&ledger).await;
    let technician = ledger.open(of(&ledger, "t.neri")).await.unwrap();
    let (after, restored) = another_run(folder.path()).await;
    assert_eq!(restored, (2, 0));
    assert_eq!(after.assisting(), BTreeMap::from([(technician.number, worker)]));
    let mut channel = after.attach(shows(&after, &token).unwrap()).await.unwrap();
    assert!(is_begun(&event(&mut channel).await));
    assert!(matches!(event(&mut channel).await, session::Event::EndMoved { .. }));
    assert!(after.close(technician.number, CloseReason::LongestSession).await);
    assert_eq!(event(&mut channel).await, session::Event::AssistanceEnded);
}

#[tokio::test]
async fn assistance_of_a_session_that_does_not_go_on_ends_with_the_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = another_run(folder.path()).await;
    let (worker, _, _channel) = at_work(&ledger).await;
    ledger.open(of(&ledger, "t.neri")).await.unwrap();
    // What of the worker's was kept is lost.
    ledger.kept.note(kept_sessions::Change::Ended(worker));
    ledger.kept.flush().await.unwrap();
    let (after, restored) = another_run(folder.path()).await;
    assert_eq!((restored, after.live().sessions.len()), ((0, 2), 0));
    assert_eq!(another_run(folder.path()).await.1, (0, 0), "each has its one end");
}
