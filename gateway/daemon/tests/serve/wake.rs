//! A workstation that sleeps is woken when its worker comes, who is told when it answers.

use std::{net::TcpListener, os::fd::AsRawFd as _};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, socket};

use crate::{
    house::*,
    logins::{channel, event},
};

/// A house whose workstation can be woken.
fn house() -> House {
    let house = House::new();
    sh("ip link set office1 up");
    let asleep = "services = [\"rdp\"]\nmac = \"00:11:22:33:44:55\"";
    house.set_policy(&POLICY.replacen("services = [\"rdp\"]", asleep, 1));
    house
}

/// It is there: its desktop service listens.
fn awake() -> TcpListener {
    sh("ip addr add 10.20.3.47/32 dev lo");
    TcpListener::bind("10.20.3.47:3389").unwrap()
}

#[test]
fn a_session_that_opens_wakes_its_workstation_on_the_offices_side() {
    let house = house();
    let _gateway = house.serve();
    let all = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_NONBLOCK, SockProtocol::EthAll).unwrap();
    block_on(open("m.rossi"));
    let magic = [[0xff; 6].to_vec(), [0x00, 0x11, 0x22, 0x33, 0x44, 0x55].repeat(16)].concat();
    let mut frame = [0; 2048];
    wait("the workstation to be woken", || {
        while let Ok(length) = recv(all.as_raw_fd(), &mut frame, MsgFlags::empty()) {
            if frame.starts_with(&[0xff; 6]) && frame[..length].ends_with(&magic) {
                return true;
            }
        }
        false
    });
}

#[test]
fn a_worker_is_told_that_the_workstation_sleeps_and_by_every_channel_that_it_has_woken() {
    let house = house();
    let _gateway = house.serve();
    block_on(async {
        let session = login("m.rossi", "pw-m.rossi").await.json();
        assert_eq!(session["workstation"]["state"], "waking");
        let token = session["token"].as_str().unwrap();
        let mut first = channel(token).await;
        assert_eq!(event(&mut first).await, r#"{"event":"attached"}"#);
        let _desktop = awake();
        assert_eq!(event(&mut first).await, r#"{"event":"workstation_ready"}"#);
        drop(first);
        let mut second = channel(token).await;
        assert_eq!(event(&mut second).await, r#"{"event":"attached"}"#);
        assert_eq!(event(&mut second).await, r#"{"event":"workstation_ready"}"#);
    });
    assert!(house.log().contains("workstation woken"), "{}", house.log());
}

#[test]
fn nobody_waits_for_a_workstation_that_is_awake() {
    let house = house();
    let _desktop = awake();
    let _gateway = house.serve();
    let session = block_on(login("m.rossi", "pw-m.rossi")).json();
    assert_eq!(session["workstation"]["name"], "anagrafe-07");
    assert!(session["workstation"]["state"].is_null(), "{session}");
}
