//! Channels in memory and over TLS on loopback: the same promises, and all that can go wrong.

#![expect(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may stop at anything unexpected, says which channel it ran over, and fills bytes from counters"
)]

mod calls;
mod channels;
mod cluster_file;
mod harness;
mod identity;
mod tampering;
