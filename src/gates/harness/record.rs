//! What is recorded of a gate, and how two servers' records become values.

use crate::fixed::{Window, mask, signed};
use crate::gates::{Bilinear, Chunks, DropoutMask, ImageWindows, SamplePositions};
use crate::kernel::packed::{Packed, bit};
use crate::party::ClearTensor;
use crate::shape::Shape;

/// A gate with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Gate {
    AddRow,
    And {
        flips: Vec<bool>,
    },
    BoxSum {
        boxes: ImageWindows,
    },
    AtLeast {
        window: Window,
        threshold: i64,
    },
    BelowMax,
    Combine {
        kx: i64,
        ky: i64,
    },
    /// Of bits, added to what was counted before.
    Count {
        before: bool,
    },
    Dropout {
        kept: DropoutMask,
    },
    Exp,
    Extend,
    Hits,
    Larger {
        window: Window,
    },
    Narrow {
        cut: u32,
    },
    Open {
        cut: u32,
        bits: u32,
        lifted: bool,
    },
    MaskedBits {
        ring: bool,
    },
    Outside {
        bound: u64,
    },
    PairSigns {
        window: Window,
    },
    Pick,
    Probability,
    Product {
        map: Bilinear,
    },
    Reciprocal,
    InverseSqrt,
    Rescale {
        bits: u32,
        scale: u32,
        shift: i32,
        times: u32,
    },
    RowSum,
    SumChunks {
        chunks: Chunks,
    },
    /// Of a wire, of its difference to another, behind what is kept.
    Sample {
        places: SamplePositions,
        difference: bool,
        kept: bool,
    },
    Select,
    Share,
    ShareBits,
    Sign {
        window: Window,
    },
    SumRows {
        cols: usize,
        shift: u32,
    },
    Winner {
        window: Window,
    },
    Xor,
}

/// What one party holds of a value.
#[derive(Clone)]
pub(crate) enum Held {
    Share { x: Vec<u64>, bits: u32, frac: u32, shape: Shape },
    Wire { hat: Vec<u64>, r: Vec<u64>, bits: u32, frac: u32, lifted: bool, shape: Shape },
    Bits { x: Vec<u32>, shape: Shape },
    MaskedBits { hat: Vec<u32>, own: Vec<u32>, lambda: Option<Vec<u32>>, shape: Shape },
    Plain(ClearTensor),
}

/// A gate as one party, or both together, saw it.
#[derive(Clone)]
pub(crate) struct Record<V> {
    pub(crate) scope: String,
    pub(crate) gate: Gate,
    pub(crate) inputs: Vec<V>,
    pub(crate) output: V,
    /// Stream numbers and rounds used until the gate was over.
    pub(crate) place: [u64; 2],
}

/// Puts two servers' records together; `ring` is the width of masks in the ring.
pub(crate) fn join(zero: &[Record<Held>], one: &[Record<Held>], ring: u32) -> Result<Vec<Record<ClearTensor>>, String> {
    if zero.len() != one.len() {
        return Err(format!("server 0 ran {} gates, server 1 {}", zero.len(), one.len()));
    }
    let pair = |(a, b): (&Record<Held>, &Record<Held>)| {
        let place = format!("{}: {:?}", a.scope, a.gate);
        if (&a.scope, &a.gate, a.place) != (&b.scope, &b.gate, b.place) {
            return Err(format!("server 0 is at {place}, server 1 at {}: {:?}", b.scope, b.gate));
        }
        let value = |(a, b): (&Held, &Held)| a.with(b, ring).map_err(|e| format!("{place}: {e}"));
        Ok(Record {
            scope: a.scope.clone(),
            gate: a.gate.clone(),
            inputs: a.inputs.iter().zip(&b.inputs).map(value).collect::<Result<_, _>>()?,
            output: value((&a.output, &b.output))?,
            place: a.place,
        })
    };
    zero.iter().zip(one).map(pair).collect()
}

/// The records of a run in the clear.
pub(crate) fn plain(records: &[Record<Held>]) -> Vec<Record<ClearTensor>> {
    let number = |held: &Held| match held {
        Held::Plain(number) => number.clone(),
        _ => panic!("a run in the clear holds plain numbers"),
    };
    let one = |r: &Record<Held>| Record {
        scope: r.scope.clone(),
        gate: r.gate.clone(),
        inputs: r.inputs.iter().map(number).collect(),
        output: number(&r.output),
        place: r.place,
    };
    records.iter().map(one).collect()
}

impl Held {
    /// The value of which the servers hold these two halves.
    fn with(&self, other: &Self, ring: u32) -> Result<ClearTensor, String> {
        match (self, other) {
            (Self::Share { x, bits, frac, shape }, Self::Share { x: y, bits: b, frac: f, shape: s })
                if (bits, frac, shape) == (b, f, s) =>
            {
                let sum = x.iter().zip(y).map(|(x, y)| signed(x.wrapping_add(*y), *bits));
                Ok(ClearTensor { x: sum.collect(), shape: shape.clone(), bits: *bits, frac: *frac })
            }
            (Self::Wire { hat, r, bits, frac, lifted, shape }, Self::Wire { hat: h, r: q, bits: b, frac: f, .. })
                if (bits, frac) == (b, f) =>
            {
                let m = mask(*bits);
                if hat.iter().zip(h).any(|(a, b)| a & m != b & m) {
                    return Err("the servers opened different values".into());
                }
                let lift = if *lifted { 1u64 << (bits - 2) } else { 0 };
                let value = |((hat, r), q): ((&u64, &u64), &u64)| {
                    signed(hat.wrapping_sub(*r).wrapping_sub(*q).wrapping_sub(lift), *bits)
                };
                let x = hat.iter().zip(r).zip(q).map(value).collect();
                Ok(ClearTensor { x, shape: shape.clone(), bits: *bits, frac: *frac })
            }
            (Self::Bits { x, shape }, Self::Bits { x: y, .. }) => Ok(bits_of(shape, |i| bit(x, i) ^ bit(y, i))),
            (Self::MaskedBits { hat, own, lambda, shape }, Self::MaskedBits { hat: h, own: o, lambda: l, .. }) => {
                let len = shape.len();
                if (0..len).any(|i| bit(hat, i) != bit(h, i)) {
                    return Err("the servers opened different bits".into());
                }
                let mask_bit = |i| bit(own, i) ^ bit(o, i);
                if let (Some(a), Some(b)) = (lambda, l) {
                    let (a, b) = (Packed::new(a, ring), Packed::new(b, ring));
                    let sum = |i| a.at(i).wrapping_add(b.at(i)) & mask(ring);
                    if (0..len).any(|i| sum(i) != u64::from(mask_bit(i))) {
                        return Err("a mask in the ring is not the mask by XOR".into());
                    }
                }
                Ok(bits_of(shape, |i| bit(hat, i) ^ mask_bit(i)))
            }
            _ => Err("the servers hold different kinds of values".into()),
        }
    }
}

fn bits_of(shape: &Shape, bit: impl Fn(usize) -> u32) -> ClearTensor {
    ClearTensor::of_bits((0..shape.len()).map(|i| i64::from(bit(i))).collect(), shape.clone())
}
