//! The gateway: daemon and administrator's commands in one program.
#![allow(dead_code, reason = "the rooms are furnished one by one; this line goes with the last of them")]

mod command;
mod config;

fn main() {}
