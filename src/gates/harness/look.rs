//! Looking into the values of an engine.

use super::record::Held;
use crate::gates::Engine;
use crate::party::{AdditiveShare, BitShare, Clear, ClearTensor, MaskedBits, MaskedWire, Selectors, Server};
use crate::tensor::Tensor;

/// An engine whose values can be looked into.
pub(crate) trait Look: Engine {
    fn share(&self, x: &Self::Share) -> Held;
    fn wire(&self, x: &Self::Wire, lifted: bool) -> Held;
    fn bits(&self, x: &Self::Bits) -> Held;
    fn opened(&self, x: &Self::MaskedBits) -> Held;
    fn selectors(&self, x: &Self::Selectors) -> Held;
    /// Stream numbers and rounds used so far.
    fn place(&self) -> [u64; 2];
}

impl Look for Server {
    fn share(&self, x: &AdditiveShare) -> Held {
        Held::Share { x: values(self, &x.x), bits: x.bits, frac: x.frac, shape: x.x.shape().clone() }
    }

    fn wire(&self, x: &MaskedWire, lifted: bool) -> Held {
        let (hat, r) = (values(self, &x.hat), values(self, &x.r));
        Held::Wire { hat, r, bits: x.bits, frac: x.frac, lifted, shape: x.hat.shape().clone() }
    }

    fn bits(&self, x: &BitShare) -> Held {
        Held::Bits { x: words(self, &x.x), shape: x.shape.clone() }
    }

    fn opened(&self, x: &MaskedBits) -> Held {
        Held::MaskedBits { hat: words(self, &x.hat), own: words(self, &x.own), lambda: None, shape: x.shape.clone() }
    }

    fn selectors(&self, x: &Selectors) -> Held {
        let (bits, lambda) = (&x.bits, Some(words(self, &x.lambda)));
        Held::MaskedBits { hat: words(self, &bits.hat), own: words(self, &bits.own), lambda, shape: bits.shape.clone() }
    }

    fn place(&self) -> [u64; 2] {
        Self::place(self)
    }
}

impl Look for Clear {
    fn share(&self, x: &ClearTensor) -> Held {
        Held::Plain(x.clone())
    }

    fn wire(&self, x: &ClearTensor, _: bool) -> Held {
        Held::Plain(x.clone())
    }

    fn bits(&self, x: &ClearTensor) -> Held {
        Held::Plain(x.clone())
    }

    fn opened(&self, x: &ClearTensor) -> Held {
        Held::Plain(x.clone())
    }

    fn selectors(&self, x: &ClearTensor) -> Held {
        Held::Plain(x.clone())
    }

    fn place(&self) -> [u64; 2] {
        [0; 2]
    }
}

fn values(server: &Server, x: &Tensor) -> Vec<u64> {
    server.device().download(x).unwrap()
}

fn words(server: &Server, x: &Tensor) -> Vec<u32> {
    values(server, x).into_iter().map(|w| u32::try_from(w).unwrap()).collect()
}
