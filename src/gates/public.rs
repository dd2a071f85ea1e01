//! Public values as wires: the mask is 0, and so is all that the dealer knows of them.
//!
//!   1. x_hat = x at both servers, r = 0
//!
//! Rounds 0, opens nothing, deals nothing, nor do products with such an operand. A public parameter is rounded to the nearest.

use crate::error::{Error, Result};
use crate::fixed::{MASTER_FRAC, mask, signed};
use crate::kernel::{Operand, RingWord};
use crate::party::{Clear, ClearTensor, Dealer, DealtWire, Interpreter, MaskedWire, Plan, Server};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Makes wires of public values.
pub trait PublicWires: Interpreter {
    /// Parameter number `index` of a public model, an operand of products at the profile's scale.
    ///
    /// # Errors
    /// [`Error::Peer`] if the model's owner sent no parameter of this shape.
    fn public_parameter(&mut self, index: usize, shape: &Shape) -> Result<Self::Wire>;

    /// Numbers that the program knows, `x` in units of `2^-frac`, an operand of products.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn public_numbers(&mut self, x: &[i64], frac: u32, shape: &Shape) -> Result<Self::Wire>;
}

/// A parameter of 32 fraction bits, rounded to `frac`.
fn rounded(x: u64, frac: u32) -> i64 {
    let cut = MASTER_FRAC - frac;
    if cut == 0 { x.cast_signed() } else { (x.cast_signed() >> (cut - 1)).wrapping_add(1) >> 1 }
}

impl Server {
    /// A wire of numbers that both servers know.
    fn public_wire(&self, x: impl Iterator<Item = i64>, shape: &Shape, frac: u32) -> Result<MaskedWire> {
        let (device, bits) = (self.device(), self.profile().ring);
        let x: Vec<u64> = x.map(|x| x.cast_unsigned() & mask(bits)).collect();
        let hat = upload_ring(self, &x, shape)?;
        let r = device.zeros(Operand::Ring, shape.clone())?;
        Ok(MaskedWire { public: true, ..MaskedWire::new(hat, r, bits, frac) })
    }
}

/// Elements of the ring on a server's device.
fn upload_ring(server: &Server, x: &[u64], shape: &Shape) -> Result<Tensor> {
    match server.device().ring() {
        RingWord::U32 => {
            let x: Vec<u32> = x.iter().map(|x| crate::kernel::low(*x)).collect();
            server.device().upload(bytemuck::cast_slice(&x), Operand::Ring, shape.clone())
        }
        RingWord::U64 => server.device().upload(bytemuck::cast_slice(x), Operand::Ring, shape.clone()),
    }
}

impl PublicWires for Server {
    fn public_parameter(&mut self, index: usize, shape: &Shape) -> Result<MaskedWire> {
        let frac = self.profile().frac;
        if self.is_planned() {
            return self.public_wire(std::iter::repeat_n(0, shape.len()), shape, frac);
        }
        let missing = || Error::peer("model owner", format!("sent no public parameter {index} of shape {shape}"));
        let x = self.public_values(index, shape.len()).ok_or_else(missing)?;
        self.public_wire(x.iter().map(|x| rounded(*x, frac)), shape, frac)
    }

    fn public_numbers(&mut self, x: &[i64], frac: u32, shape: &Shape) -> Result<MaskedWire> {
        self.public_wire(x.iter().copied(), shape, frac)
    }
}

impl Dealer {
    fn public_wire(&self, shape: &Shape, frac: u32) -> Result<DealtWire> {
        let r = self.device().zeros(Operand::Ring, shape.clone())?;
        Ok(DealtWire { r, bits: self.profile().ring, frac, public: true })
    }
}

impl PublicWires for Dealer {
    fn public_parameter(&mut self, _: usize, shape: &Shape) -> Result<DealtWire> {
        self.public_wire(shape, self.profile().frac)
    }

    fn public_numbers(&mut self, _: &[i64], frac: u32, shape: &Shape) -> Result<DealtWire> {
        self.public_wire(shape, frac)
    }
}

impl PublicWires for Clear {
    fn public_parameter(&mut self, index: usize, shape: &Shape) -> Result<ClearTensor> {
        let p = *self.profile();
        let x = self.parameter(index, shape)?.x;
        let x = x.iter().map(|x| signed(rounded(x.cast_unsigned(), p.frac).cast_unsigned(), p.ring));
        Ok(ClearTensor::new(x.collect(), shape.clone(), p.ring, p.frac))
    }

    fn public_numbers(&mut self, x: &[i64], frac: u32, shape: &Shape) -> Result<ClearTensor> {
        Ok(ClearTensor::new(x.to_vec(), shape.clone(), self.profile().ring, frac))
    }
}

impl PublicWires for Plan {
    fn public_parameter(&mut self, index: usize, shape: &Shape) -> Result<Self::Wire> {
        Ok((self.server.public_parameter(index, shape)?, self.dealer.public_parameter(index, shape)?))
    }

    fn public_numbers(&mut self, x: &[i64], frac: u32, shape: &Shape) -> Result<Self::Wire> {
        Ok((self.server.public_numbers(x, frac, shape)?, self.dealer.public_numbers(x, frac, shape)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::encode;

    #[test]
    fn a_parameter_is_rounded_to_the_nearest() {
        for (x, want) in
            [(0.25, 64), (-0.25, -64), (1.0 / 512.0, 1), (0.9 / 512.0, 0), (-0.9 / 512.0, 0), (-1.1 / 512.0, -1)]
        {
            assert_eq!(rounded(encode(x, MASTER_FRAC), 8), want, "{x}");
        }
        assert_eq!(rounded(u64::MAX, MASTER_FRAC), -1);
    }
}
