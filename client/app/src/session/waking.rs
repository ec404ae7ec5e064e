//! A workstation that sleeps when its session opens: what waits for it, and the knocks at it.
//!
//! The gateway wakes it and says when it answers. It looks by itself, but a workstation's firewall may let in tunnel addresses alone; so that
//! there is an answer in the session, which it notices as well, we knock by a door of our own.

use std::time::Duration;

use gateway_api::login::WorkstationState;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};

use super::doors::rdp_door;
use crate::listener::Address;

/// Between knocks.
const KNOCK: Duration = Duration::from_secs(5);

/// A workstation that is being woken.
#[derive(Debug)]
pub(super) struct Waking {
    since: Instant,
    /// When to knock next.
    next: Instant,
    /// What waits for it, once the tunnel is up.
    pub(super) doors: Option<Vec<Address>>,
}

impl Waking {
    /// None where the gateway knows of nobody who sleeps.
    pub(super) fn of(workstation: WorkstationState) -> Option<Self> {
        let now = Instant::now();
        match workstation {
            WorkstationState::Ready => None,
            WorkstationState::Waking => Some(Self { since: now, next: now, doors: None }),
        }
    }

    /// For how long already.
    pub(super) fn seconds(&self) -> u32 {
        u32::try_from(self.since.elapsed().as_secs()).unwrap_or(u32::MAX)
    }
}

/// Knocks once, where somebody sleeps and the doors are open.
///
/// It is dropped and begun anew by whatever happens meanwhile, a refusal above all, so the next moment is kept: a computer that starts
/// refuses for minutes.
pub(super) async fn knock(waking: Option<&mut Waking>) {
    let Some(waking) = waking else { return std::future::pending().await };
    let Some(door) = waking.doors.as_deref().and_then(rdp_door) else { return std::future::pending().await };
    sleep_until(waking.next).await;
    waking.next = Instant::now() + KNOCK;
    let knock = TcpStream::connect(door).await;
    // Taken back whole: one that is still asked for would go on asking.
    let _ = knock.as_ref().map(TcpStream::set_zero_linger);
    sleep_until(waking.next).await;
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use gateway_api::login::RDP;
    use tokio::{net::TcpListener, time::sleep};

    use super::*;

    #[tokio::test]
    async fn a_knock_that_is_dropped_and_begun_anew_keeps_its_pause() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let door = Address { name: RDP.to_owned(), address: listener.local_addr().unwrap() };
        let mut waking = Waking::of(WorkstationState::Waking).unwrap();
        let is_knocked_at = async |waking: &mut Waking, patience| {
            tokio::select! {
                () = knock(Some(waking)) => panic!("a knock lasts until the next"),
                accepted = listener.accept() => accepted.is_ok(),
                () = sleep(patience) => false,
            }
        };
        let short = Duration::from_millis(100);
        assert!(!is_knocked_at(&mut waking, short).await, "no door is open yet");
        waking.doors = Some(vec![door]);
        assert!(is_knocked_at(&mut waking, Duration::from_secs(30)).await);
        assert!(!is_knocked_at(&mut waking, short).await, "by news, such as a refusal");
    }
}
