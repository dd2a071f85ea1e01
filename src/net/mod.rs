//! Channels between roles: in memory, and over mutual TLS 1.3 on TCP.
//!
//! A [`Channel`] carries [`Frame`]s, each of which names its session, step and gate. [`pair`] makes two ends in
//! memory, [`Listener`] and [`dial`] make a [`Link`] over the network, [`Faulty`] breaks any of them for tests.
//! Who may talk is in the [`Cluster`] file: the SHA-256 of every party's public key. Who we are is an [`Identity`].

#![cfg_attr(
    not(feature = "network"),
    expect(dead_code, reason = "frames, queues and signs of life have parts that only links over TCP use")
)]

mod channel;
#[cfg(feature = "network")]
mod cluster;
#[cfg(feature = "network")]
mod cluster_file;
#[cfg(feature = "network")]
mod dial;
mod durable_file;
mod fault;
mod fingerprint;
mod frame;
#[cfg(feature = "network")]
mod free_port;
#[cfg(all(feature = "network", any(test, feature = "fuzzing")))]
pub(crate) mod fuzzing;
#[cfg(feature = "network")]
mod hello;
mod hex;
#[cfg(feature = "network")]
mod hpke;
#[cfg(feature = "network")]
mod identity;
mod inbox;
#[cfg(feature = "network")]
mod keep_alive;
#[cfg(feature = "network")]
mod known_parties;
#[cfg(feature = "network")]
mod link;
#[cfg(feature = "network")]
mod listener;
#[cfg(feature = "network")]
mod loopback;
#[cfg(feature = "network")]
mod mailbox;
mod memory;
#[cfg(not(feature = "network"))]
mod no_hpke;
#[cfg(not(feature = "network"))]
mod no_sealed_file;
#[cfg(feature = "network")]
mod party_entry;
mod phase;
mod presence;
pub mod printable;
#[cfg(feature = "network")]
mod probe;
#[cfg(feature = "network")]
mod probe_answer;
mod queue;
mod role;
mod seal;
#[cfg(feature = "network")]
mod sealed_file;
#[cfg(feature = "network")]
mod timed_socket;
#[cfg(feature = "network")]
mod tls;
#[cfg(feature = "network")]
mod unauthenticated;
mod wakeup;

pub use channel::{Channel, ChannelBytes, receive_exactly};
#[cfg(feature = "network")]
pub use cluster::{Cluster, ClusterSpec, ListenerEntry, OwnerEntry, TrainerEntry};
#[cfg(feature = "network")]
pub use dial::{dial, dial_patiently};
pub use durable_file::replace_file;
pub use fault::{Fault, Faulty};
pub use fingerprint::Fingerprint;
pub use frame::{Frame, FrameHeader, FrameKind, HEADER_BYTES, MAX_FRAME, PROTOCOL};
#[cfg(feature = "network")]
pub use free_port::{check_listen, free_addresses};
#[cfg(all(test, feature = "network"))]
pub(crate) use hello::tests::first_bytes;
#[cfg(feature = "network")]
pub use identity::Identity;
#[cfg(feature = "network")]
pub use known_parties::{Change, Distrust, KnownParties};
#[cfg(feature = "network")]
pub use link::Link;
#[cfg(feature = "network")]
pub use listener::Listener;
#[cfg(feature = "network")]
pub use loopback::loopback;
pub use memory::{Memory, hung_up, pair};
#[cfg(not(feature = "network"))]
pub use no_sealed_file::{SealedReader, SealedWriter, StorageKey};
#[cfg(feature = "network")]
pub use party_entry::PartyEntry;
pub use phase::Phase;
pub use presence::Presence;
pub use printable::{is_printable, printable, without_steering};
#[cfg(feature = "network")]
pub use probe::{Extent, Measured, ProbeFailure, ProbeStage, probe};
pub use seal::{SealingKey, UnsealingKey};
#[cfg(feature = "network")]
pub use sealed_file::{SealedReader, SealedWriter, StorageKey};

pub use crate::peer::{Peer, Role};
