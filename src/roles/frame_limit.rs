//! The longest frame that a party takes from another once it knows the job; before, and from all others, it is 1 MiB.

use crate::net::MAX_FRAME;
use crate::nn::Model;
use crate::party::{LargestFrames, SetShape};
use crate::roles::mask_rows::rows_per_frame;
use crate::train::{Job, set_shapes};

/// From the other server: openings.
pub(crate) fn of_server(largest: LargestFrames) -> u64 {
    largest.opened.max(MAX_FRAME)
}

/// From the dealer to server 1: corrections.
pub(crate) fn of_dealer(largest: LargestFrames) -> u64 {
    largest.dealt.max(MAX_FRAME)
}

/// From an owner to a server: masked rows.
pub(crate) fn of_owner(job: &Job) -> u64 {
    set_shapes(job).into_iter().map(|(_, shape)| of_rows(shape)).max().unwrap_or(0)
}

/// Masked rows.
pub(crate) fn of_rows(shape: SetShape) -> u64 {
    4 * (rows_per_frame(shape) * shape.stride()) as u64
}

/// From a server to a client: answers of so many bytes, and what stands around them.
pub(crate) fn of_answers(bytes: usize) -> u64 {
    (bytes as u64 + AROUND).max(MAX_FRAME)
}

/// Between trainer and servers, either way: a parameter's numbers of 64 bits, and what stands around them.
pub(crate) fn of_parameters(model: &Model) -> u64 {
    let bytes = model.parameters().iter().map(|shape| 8 * shape.len()).max();
    (bytes.unwrap_or(0) as u64 + AROUND).max(MAX_FRAME)
}

/// Seals, statistics and lengths.
const AROUND: u64 = 4096;
