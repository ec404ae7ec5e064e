//! The real daemon, asked over its real sockets. Each test has a network of its own, so that ports and devices collide with nobody;
//! that needs root.

mod house;

mod bad_record;
mod browser;
mod console;
mod console_pages;
mod export;
mod killed;
mod log;
mod logins;
mod mail;
mod metrics;
mod notices;
mod review;
mod review_steps;
mod start;
mod stop;
mod strangers;
mod wake;
