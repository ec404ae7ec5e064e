//! Where a notification stays until it is taken away: one banner for the session, which says what is true at the moment.
//!
//! GNOME shows the next one only when none is up, and a critical one stays up until somebody clicks it away. Of several, all but the
//! first would wait unseen behind it, and the first would stay when it is not true any more. So a sentence takes the place of the one
//! before, and what else stands is said with it.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{sync::watch, time::timeout};

use super::{Matter, Unshown, Urgency, system::Desktop};

/// For the desktop to show what it is given.
const PATIENCE: Duration = Duration::from_secs(5);
/// For the desktop to take the last one away, when everything else is done.
const PARTING: Duration = Duration::from_millis(200);

/// What the banner is to say; from the first sentence on somebody brings it there.
#[derive(Default)]
pub(super) struct Banner {
    board: OnceLock<watch::Sender<Board>>,
}

impl Banner {
    pub(super) fn show(&self, sentence: &str, urgency: Urgency, unshown: &Arc<Unshown>) {
        let board = self.board.get_or_init(|| {
            let (board, boards) = watch::channel(Board::default());
            drop(tokio::spawn(follow(boards, Arc::clone(unshown))));
            board
        });
        board.send_modify(|board| board.put(sentence.to_owned(), urgency));
    }

    pub(super) fn withdraw(&self, matter: Matter) {
        self.board.get().map(|board| board.send_if_modified(|board| board.withdraw(matter)));
    }

    pub(super) fn close(&self) {
        self.board.get().map(|board| board.send_replace(Board { is_over: true, ..Board::default() }));
    }

    pub(super) async fn closed(&self) {
        if let Some(board) = self.board.get() {
            let _ = timeout(PARTING, board.closed()).await;
        }
    }
}

/// What is to be said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Board {
    /// What stands until it is withdrawn, the newest last.
    standing: Vec<(Matter, String)>,
    /// What has happened since the newest of these.
    news: Option<String>,
    /// The session ends.
    is_over: bool,
}

impl Board {
    fn put(&mut self, sentence: String, urgency: Urgency) {
        match urgency {
            Urgency::Normal => self.news = Some(sentence),
            Urgency::Critical(matter) => {
                self.standing.retain(|(known, _)| *known != matter);
                self.standing.push((matter, sentence));
                self.news = None;
            }
        }
    }

    /// Whether it stood there.
    fn withdraw(&mut self, matter: Matter) -> bool {
        let before = self.standing.len();
        self.standing.retain(|(known, _)| *known != matter);
        let stood = self.standing.len() < before;
        if stood {
            self.news = None;
        }
        stood
    }

    /// The newest first, if there is anything to say; and whether it is critical.
    fn words(&self) -> Option<(String, bool)> {
        let standing = self.standing.iter().rev().map(|(_, sentence)| sentence);
        let sentences: Vec<&str> = self.news.iter().chain(standing).map(String::as_str).collect();
        (!sentences.is_empty()).then(|| (sentences.join("\n"), !self.standing.is_empty()))
    }
}

/// Has the desktop show what the board says, as it says at last, until the session is over.
async fn follow(mut boards: watch::Receiver<Board>, unshown: Arc<Unshown>) {
    let mut desktop = Desktop::default();
    while boards.changed().await.is_ok() {
        let (words, is_over) = {
            let board = boards.borrow_and_update();
            (board.words(), board.is_over)
        };
        match words {
            Some((sentences, is_critical)) => match timeout(PATIENCE, desktop.show(&sentences, is_critical)).await {
                Ok(Ok(())) => {}
                failed => {
                    tracing::debug!(?failed, "no notification");
                    desktop = Desktop::default();
                    unshown.tell();
                }
            },
            // One that was clicked away cannot be taken away.
            None => drop(timeout(PATIENCE, desktop.take_away()).await),
        }
        if is_over {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use gateway_api::session::Limit;

    use super::*;
    use crate::answers::About;

    const IDLE: Matter = Matter::Warning(Limit::Idle);
    const QUESTION: Matter = Matter::Question(About::Assistance);

    #[test]
    fn all_that_stands_is_said_and_nothing_that_does_not() {
        let mut board = Board::default();
        assert_eq!(board.words(), None);
        board.put("5 minutes".into(), Urgency::Critical(IDLE));
        board.put("asked".into(), Urgency::Critical(QUESTION));
        assert_eq!(board.words(), Some(("asked\n5 minutes".into(), true)));
        board.put("1 minute".into(), Urgency::Critical(IDLE));
        assert_eq!(board.words(), Some(("1 minute\nasked".into(), true)));
        assert!(board.withdraw(QUESTION) && !board.withdraw(QUESTION));
        assert_eq!(board.words(), Some(("1 minute".into(), true)));
        board.put("somebody came".into(), Urgency::Normal);
        assert_eq!(board.words(), Some(("somebody came\n1 minute".into(), true)));
        assert!(board.withdraw(IDLE));
        assert_eq!(board.words(), None);
        board.put("welcome back".into(), Urgency::Normal);
        assert_eq!(board.words(), Some(("welcome back".into(), false)));
    }
}
