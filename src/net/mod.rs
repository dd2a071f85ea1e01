//! Channels between roles: in memory, and over mutual TLS 1.3 on TCP.
//!
//! A [`Channel`] carries [`Frame`]s, each of which says its session, step and gate. [`pair`] makes two ends in
//! memory, [`Listener`] and [`dial`] make a [`Link`] over the network, [`Faulty`] breaks any of them for tests.
//! Who may talk is in the [`Cluster`] file: the SHA-256 of every party's public key. Who we are is an [`Identity`].

mod bell;
mod channel;
mod cluster;
mod dial;
mod fault;
mod free;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod hello;
mod hex;
mod identity;
mod link;
mod listener;
mod loopback;
mod memory;
mod phase;
mod presence;
pub mod printable;
mod queue;
mod role;
mod seal;
mod signs;
mod strangers;
mod tls;

pub use channel::{Channel, Frame, HEADER_BYTES, Head, Kind, MAX_FRAME, Traffic, receive_exactly};
pub use cluster::{Cluster, OwnerEntry, Parts, Post, TrainerEntry};
pub use dial::dial;
pub use fault::{Fault, Faulty};
pub use free::free_addresses;
pub use hello::PROTOCOL;
#[cfg(test)]
pub(crate) use hello::tests::first_bytes;
pub use identity::{Fingerprint, Identity};
pub use link::Link;
pub use listener::Listener;
pub use loopback::loopback;
pub use memory::{Memory, hung_up, pair};
pub use phase::Phase;
pub use presence::Presence;
pub use printable::{is_printable, printable};
pub use role::Role;
pub use seal::SealingKey;
