//! Gates by dealer and two servers in lockstep, on values that are hard for them; every gate is held against its law.

mod broken;
mod compare;
mod cost;
mod linear;
mod opening;
mod range;
mod rescale;
mod softmax;
mod vectors;
mod views;
mod width;

use super::OpenRequest;
use super::harness::{Gate, Program, Record, World, random};
use crate::error::Result;
use crate::fixed::{MASTER_FRAC, Profile, Window, signed};
use crate::gates::Engine;
use crate::party::{ClearTensor, Scaled};
use crate::prg::public_seed;
use crate::shape::Shape;

/// Defines a program over any engine.
macro_rules! program {
    ($(#[$doc:meta])* $name:ident { $($field:ident : $t:ty),* } |$this:ident, $e:ident| $body:block) => {
        $(#[$doc])*
        struct $name { $($field: $t),* }

        impl Program for $name {
            fn run<E: Engine>(&self, $e: &mut E) -> Result<()> {
                let $this = self;
                $body
                Ok(())
            }
        }
    };
}
pub(crate) use program;

/// Both profiles.
fn profiles() -> [Profile; 2] {
    [Profile::small(), Profile::wide()]
}

/// The windows that comparisons use in a profile.
fn windows(p: &Profile) -> Vec<Window> {
    let mut windows = vec![p.window, p.argmax_window()];
    if p.name == "wide" {
        windows.push(Window { low: 6, high: 30 });
    }
    windows
}

/// A parameter's low bits as a share of the ring, at the scale of a parameter.
fn ring<E: Engine>(e: &mut E, index: usize, shape: &[usize]) -> Result<E::Share> {
    let x = e.parameter(index, &Shape::new(shape))?;
    e.narrow(&x, MASTER_FRAC)
}

/// The same integers at another scale.
fn ring_at<E: Engine>(e: &mut E, index: usize, shape: &[usize], frac: u32) -> Result<E::Share> {
    Ok(ring(e, index, shape)?.with_frac(frac))
}

/// Opens all integers of a share that `bits` bits hold.
fn exactly<S: Scaled>(share: &S, bits: u32, lifted: bool) -> OpenRequest<'_, S> {
    OpenRequest { share, frac: share.frac(), bits, lifted, argument: false }
}

/// A parameter as a lifted wire of `bits` bits, exactly.
fn wire<E: Engine>(e: &mut E, index: usize, shape: &[usize], bits: u32) -> Result<E::Wire> {
    let frac = e.profile().frac;
    let x = ring_at(e, index, shape, frac)?;
    let [y] = e.open([exactly(&x, bits, true)])?;
    Ok(y)
}

/// A parameter as an operand of products.
fn operand<E: Engine>(e: &mut E, index: usize, shape: &[usize]) -> Result<E::Wire> {
    let p = *e.profile();
    let x = ring_at(e, index, shape, p.frac)?;
    let [y] = e.open([OpenRequest::operand(&x, &p)])?;
    Ok(y)
}

/// The given values, then uniform ones of `bits` bits, to a length.
fn values(hard: &[i64], bits: u32, len: usize, seed: u64) -> Vec<i64> {
    let uniform = random(&public_seed(seed, "values"), len);
    let mut all: Vec<i64> = uniform.into_iter().map(|x| signed(x, bits)).collect();
    all.iter_mut().zip(hard).for_each(|(x, hard)| *x = *hard);
    all
}

/// The outputs of the gates that `which` picks.
fn outputs(records: &[Record<ClearTensor>], which: impl Fn(&Gate) -> bool) -> Vec<ClearTensor> {
    records.iter().filter(|r| which(&r.gate)).map(|r| r.output.clone()).collect()
}

/// Asserts that the mean of `errors`, each at most `unit` apart from 0, is 0 up to five standard errors.
///
/// An error is a rounding by less than a unit, so its variance is at most `unit^2 / 4`; beyond 5 sigma lie 6e-7.
fn assert_unbiased(errors: &[f64], unit: f64, what: &str) {
    let (n, sum) = (errors.len() as f64, errors.iter().sum::<f64>());
    assert!(sum.abs() <= 5.0 * unit / 2.0 * n.sqrt(), "{what}: the mean of {n} errors is {} units", sum / n / unit);
}
