//! The gateway: daemon and administrator's commands in one program.
#![allow(dead_code, reason = "the rooms are furnished one by one; this line goes with the last of them")]

mod clock;
mod command;
mod config;
mod directory;
mod event_loop;
mod firewall;
mod idle_commands;
mod policy_files;
mod secret_file;
mod store;
mod tun;
mod udp;

fn main() {}
