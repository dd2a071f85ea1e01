//! Three attacks on the masked training that ppdnn replaces, and the same attacks on ppdnn.
//!
//! | | what the attacker has in the original | what becomes of it here |
//! |---|---|---|
//! | [`gradients`] | the trainer, every example's gradient, masked by a matrix of its own | counts and a sealed model |
//! | [`labels`] | a cloud, every epoch, a fresh real-valued share of each label | one masked label for all epochs |
//! | [`weights`] | a cloud, every step, a fresh real-valued share of the output weights | a uniform number, every step |
//!
//! [`jobs`] has attacks of another kind, by jobs that are written for them: there the owners' policy is what stops them.
//!
//! Each of the three has a small faithful model of the original, in which it succeeds, and runs the same code on what a party
//! received in a real run by its roles. Seeds of the models are fixed; those of the real runs come from the operating system,
//! as always.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod cloud;
mod gradients;
mod jobs;
mod labels;
#[path = "../tapped/mod.rs"]
mod tapped;
mod weights;

use std::path::Path;

use ppdnn::data::{Examples, SearchPath, load};
use ppdnn::prg::{Keystream, public_seed};

/// The first rows of MNIST's training set.
fn mnist(rows: usize) -> Examples {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let places = SearchPath { chosen: None, folders: vec![folder], ..SearchPath::new(None) };
    load("mnist", &places, &mut |_| ()).unwrap().train.first(rows)
}

/// Standard normal numbers from a fixed seed (Box and Muller, 1958).
struct Normal {
    stream: Keystream,
    block: u64,
    ready: Vec<f64>,
}

impl Normal {
    fn new(name: &str) -> Self {
        Self { stream: public_seed(0, name).stream(0), block: 0, ready: Vec::new() }
    }

    fn next(&mut self) -> f64 {
        if self.ready.is_empty() {
            let mut words = [0u32; 64];
            self.stream.fill(self.block, &mut words);
            self.block += 4;
            let unit = |x: u32| (f64::from(x) + 0.5) * f64::exp2(-32.0);
            let pair = |w: &[u32]| {
                let (radius, angle) = ((-2.0 * unit(w[0]).ln()).sqrt(), std::f64::consts::TAU * unit(w[1]));
                [radius * angle.cos(), radius * angle.sin()]
            };
            self.ready = words.chunks_exact(2).flat_map(pair).collect();
        }
        self.ready.pop().unwrap()
    }

    fn take(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.next()).collect()
    }
}

/// The root of the mean square.
fn rms(x: impl Iterator<Item = f64>) -> f64 {
    let (sum, len) = x.fold((0.0, 0.0), |(sum, len), x| (sum + x * x, len + 1.0));
    f64::sqrt(sum / len)
}
