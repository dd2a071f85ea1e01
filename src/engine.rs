//! The vocabulary that layers, losses and optimizers are written in.

use crate::gates::{
    Compare, Local, OpenBit, Opening, Pool, Product, RangeCheck, Rescale, Reveal, Select, Softmax, Winner,
};

/// All gates. A layer is written once over an engine, and every interpreter of [`crate::party`] runs it.
pub trait Engine:
    Compare + Local + OpenBit + Opening + Pool + Product + RangeCheck + Rescale + Reveal + Select + Softmax + Winner
{
}

impl<E> Engine for E where
    E: Compare + Local + OpenBit + Opening + Pool + Product + RangeCheck + Rescale + Reveal + Select + Softmax + Winner
{
}
