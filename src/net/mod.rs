//! Channels.
mod channel;
pub use channel::*;
