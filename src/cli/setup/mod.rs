//! Setting up a party on its machine: its configuration, the keys of the others, and whether all is as it should be.

pub(super) mod configuration;
pub(super) mod doctor;
pub(super) mod init;
pub(super) mod keys;
pub(super) mod place;
mod template;
