//! A workstation that sleeps is woken when its worker comes.

use std::os::fd::AsRawFd as _;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, socket};

use crate::house::*;

#[test]
fn a_session_that_opens_wakes_its_workstation_on_the_offices_side() {
    let house = House::new();
    sh("ip link set office1 up");
    let asleep = "services = [\"rdp\"]\nmac = \"00:11:22:33:44:55\"";
    house.set_policy(&POLICY.replacen("services = [\"rdp\"]", asleep, 1));
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
