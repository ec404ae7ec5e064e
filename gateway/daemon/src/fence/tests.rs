//! Against a keeper of a few lines, which says `no` to what it is told to.

use policy::Service;
use tokio::task::JoinHandle;

use super::*;
use crate::fixtures;

/// Answers every order, and returns them all when nobody gives any more. Says `no` where an order contains `refused`.
fn keeper(refused: &'static str, most: usize) -> (Fence, JoinHandle<Vec<String>>) {
    let (ours, its) = tokio::net::UnixStream::pair().unwrap();
    let (reads, writes) = ours.into_split();
    let fence = Fence::over(reads, writes);
    let keeper = tokio::spawn(async move {
        let (reads, mut writes) = its.into_split();
        let mut lines = BufReader::new(reads).lines();
        let mut heard = Vec::new();
        while heard.len() < most
            && let Some(line) = lines.next_line().await.unwrap()
        {
            assert!(Order::parse(&line).is_some(), "{line}");
            let answer: &[u8] = if line.contains(refused) { b"no such way\n" } else { b"note hear\nok\n" };
            heard.push(line);
            writes.write_all(answer).await.unwrap();
        }
        heard
    });
    (fence, keeper)
}

fn grant(tcp: &[u16]) -> Grant {
    let service = Service { name: "rdp".into(), tcp: tcp.to_vec(), udp: Vec::new(), echo: false };
    Grant { services: vec![service], ..fixtures::grant(jiff::Timestamp::UNIX_EPOCH) }
}

fn at(address: &str) -> IpAddr {
    address.parse().unwrap()
}

async fn open(fence: &Fence, number: u64, tcp: &[u16]) -> Result<(), NotOpen> {
    fence.open(SessionNumber::new(number), at("100.96.0.2"), at("10.20.3.47"), &grant(tcp)).await
}

#[tokio::test]
async fn ways_open_change_and_shut_in_the_order_they_were_asked() {
    let (fence, keeper) = keeper("nothing", usize::MAX);
    let number = SessionNumber::new(7);
    open(&fence, 7, &[3389]).await.unwrap();
    fence.widen(number, &grant(&[22])).await.unwrap();
    fence.narrow(number, &grant(&[22])).await.unwrap();
    fence.narrow(number, &grant(&[22])).await.unwrap();
    fence.policy_changed().await;
    fence.close(number);
    fence.close(number);
    fence.close(SessionNumber::new(8));
    drop(fence);
    let heard = keeper.await.unwrap();
    assert_eq!(
        heard,
        [
            "put 7 100.96.0.2 10.20.3.47 tcp/3389",
            "put 7 100.96.0.2 10.20.3.47 tcp/22,tcp/3389",
            "put 7 100.96.0.2 10.20.3.47 tcp/22",
            "policy",
            "remove 7",
        ]
    );
}

#[tokio::test]
async fn a_session_that_is_over_is_not_widened() {
    let (fence, keeper) = keeper("nothing", usize::MAX);
    fence.widen(SessionNumber::new(7), &grant(&[22])).await.unwrap();
    open(&fence, 8, &[]).await.unwrap();
    drop(fence);
    assert_eq!(keeper.await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_the_keeper_refuses_is_not_open_and_the_rest_is() {
    let (fence, _keeper) = keeper("tcp/22", usize::MAX);
    let (first, second) = tokio::join!(open(&fence, 7, &[3389]), open(&fence, 8, &[22]));
    assert_eq!(first, Ok(()));
    assert_eq!(second, Err(NotOpen("such way".to_owned())));
}

#[tokio::test]
async fn what_was_refused_is_asked_for_again() {
    let (fence, keeper) = keeper("tcp/22", usize::MAX);
    let number = SessionNumber::new(7);
    open(&fence, 7, &[3389]).await.unwrap();
    for _ in 0..2 {
        fence.widen(number, &grant(&[22])).await.unwrap_err();
    }
    open(&fence, 8, &[22]).await.unwrap_err();
    assert_eq!(fence.count(), 1);
    fence.close(SessionNumber::new(8));
    fence.close(number);
    drop(fence);
    let put = "put 7 100.96.0.2 10.20.3.47 tcp/";
    assert_eq!(
        keeper.await.unwrap(),
        [
            format!("{put}3389"),
            format!("{put}22,tcp/3389"),
            format!("{put}22,tcp/3389"),
            "put 8 100.96.0.2 10.20.3.47 tcp/22".to_owned(),
            "remove 7".to_owned(),
        ]
    );
}

#[tokio::test]
async fn without_its_keeper_nothing_opens() {
    let (fence, keeper) = keeper("nothing", 1);
    open(&fence, 7, &[3389]).await.unwrap();
    keeper.await.unwrap();
    for number in 8..11 {
        let NotOpen(why) = open(&fence, number, &[3389]).await.unwrap_err();
        assert!(why.contains("restart the gateway"), "{why}");
    }
}

#[tokio::test]
async fn without_a_firewall_everything_is_open() {
    assert_eq!(open(&Fence::default(), 7, &[3389]).await, Ok(()));
}
