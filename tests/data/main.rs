//! Data sets: what is read, what is refused and how it is said, where sets are found, how they are fetched.

#![allow(clippy::cast_possible_truncation, reason = "sizes here are small")]
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod arrays;
mod downloads;
mod harness;
mod idx;
mod mirror;
mod pictures;
mod places;
mod sets;
mod tables;
mod targets;
