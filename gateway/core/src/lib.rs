//! The gateway as a state machine: datagrams, packets, commands and time go in; datagrams, packets and events come out.
//!
//! Pure: it asks nobody anything. Time is an argument, random numbers are arguments, sockets belong to the loop that
//! owns a [`Gateway`] (the known crack is boringtun, which reads its own clock: see `peer`).
//!
//! The map, in the order a packet from home meets it:
//!
//! ```text
//!  datagram ─► intake ─► peer ─► packet ─► filter ─► flows ─► activity ─► office ─► TUN
//!             its turn   decrypt headers   grant?    known?   a mark?     pile up
//!
//!  TUN ─► offload ─► sessions ─► intake ─► filter ─► flows ─► offload ─► peer ─► home ─► datagrams
//!        what is     whose?     its turn   whence?   known?   cut        seal    batch
//!        left to do
//! ```
//!
//! What always holds:
//! - a peer exists exactly while its session is admitted; a packet passes only as part of a session;
//! - every datagram and packet is counted once, as passed or as dropped with one reason;
//! - `Gateway::close` is the only end of a session: it resets the flows, frees address, number, key and worker, and
//!   tells the outside with one `Event::Closed`;
//! - nothing here allocates per packet once its buffers have grown.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::unreachable)
)]

pub mod activity;
mod addresses;
mod answers;
mod checksum;
mod dropped;
mod drops;
mod echo;
mod event;
mod family;
mod filter;
mod flows;
mod gateway;
mod guard;
mod home;
mod icmp;
mod intake;
mod office;
mod offload;
mod packet;
mod path_mtu;
mod peer;
mod recorder;
mod reset;
mod segment_size;
mod session;
mod sessions;
mod silence;
mod timer;
mod turns;
mod ways;

pub use activity::replay::End;
pub use addresses::{LARGEST_POOL, LARGEST_POOL_V6, Pools, SMALLEST_POOL, SMALLEST_POOL_V6};
pub use dropped::{DroppedHeader, DroppedHeaders, LONGEST_LOOK, MOST_HEADERS};
pub use drops::{Counters, Drop, Drops, IdleTotals};
pub use echo::{Echo, EchoKind};
pub use event::{
    Census, Event, KeptFlow, NotRestored, Now, Open, OpenError, Opened, Phase, Restore, Standing, Traffic, View,
};
pub use family::Family;
pub use filter::{Filter, granted};
pub use flows::{Flows, MOST_AWAITED, MOST_FLOWS, Protocol};
pub use gateway::{Gateway, Setup, Shard, Stray};
pub use home::{Transmit, Way};
pub use intake::BATCH;
pub use offload::{Offload, VIRTIO_HEADER};
pub use packet::{Packet, Tcp, Transport};
pub use path_mtu::{About, TooBig};
pub use peer::{INITIATION_SIZE, Identity, LARGEST_DATAGRAM};
pub use recorder::{LONGEST_TRACE, MOST_TRACED, TraceEnd, Traced};
pub use timer::Timer;
