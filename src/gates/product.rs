//! The product of two wires.
//!
//!   1. D: C = R_X o R_W; P0 draws C_0, P1 gets C_1 = C - C_0
//!   2. [Z] = X_hat o [W] - [R_X] o W_hat + [C],   [W] = W_hat - [R_W] with W_hat on P0
//!
//! Rounds 0, opens nothing, deals n bits per element of Z.
//! Source: Turbospeedz, ABY2.0 (masked wires); protocols.md 1.1. Perfect; no error term.

use crate::error::{Error, Result};
use crate::kernel::Operand;
use crate::kernel::fast::bits::words;
use crate::kernel::fast::gemm::gemm;
use crate::kernel::table::{COMBINE, CombineParams, MATMUL_MINUS, MATMUL_PAIR, MatmulParams, PACK, PackParams};
use crate::kernel::{RingWord, Word};
use crate::party::{Clear, Dealer, DealtWire, Half, Number, OpenWire, Plan, Server, Values, unpacked};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// How the operands of a matrix product lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `x w`.
    Plain,
    /// `x^T w`.
    LeftTransposed,
    /// `x w^T`.
    RightTransposed,
}

/// Multiplies wires.
pub trait Product: Values {
    /// The matrix product of two wires, a share at the sum of their scales.
    ///
    /// # Errors
    /// [`Error::Shape`] where the wires do not fit; what the device or the link says.
    fn product(&mut self, x: &Self::Wire, w: &Self::Wire, layout: Layout) -> Result<Self::Share>;
}

/// Sizes `[m, k, n]` of a product.
fn sizes(x: &Shape, w: &Shape, layout: Layout) -> Result<[usize; 3]> {
    let ((a, b), (c, d)) = (x.matrix(), w.matrix());
    let (m, k, k2, n) = match layout {
        Layout::Plain => (a, b, c, d),
        Layout::LeftTransposed => (b, a, c, d),
        Layout::RightTransposed => (a, b, d, c),
    };
    if k == k2 { Ok([m, k, n]) } else { Err(Error::Shape { op: "product", lhs: x.clone(), rhs: w.clone() }) }
}

fn params([m, k, n]: [usize; 3], layout: Layout) -> MatmulParams {
    let count = crate::party::count;
    let (ta, tb) = (layout == Layout::LeftTransposed, layout == Layout::RightTransposed);
    MatmulParams { m: count(m), k: count(k), n: count(n), ta: ta.into(), tb: tb.into() }
}

impl Server {
    /// My half of a wire's value in the ring: `x_hat - r`, the public part on server 0.
    pub(crate) fn half<'a>(&self, wire: &'a OpenWire) -> Result<&'a Tensor> {
        if let Some(half) = wire.half.get() {
            return Ok(half);
        }
        let minus = u32::MAX;
        let params = CombineParams { kx_lo: self.first(), kx_hi: 0, ky_lo: minus, ky_hi: minus };
        let half = self.device().run(&COMBINE, params, &[&wire.hat, &wire.r], wire.hat.shape().clone())?;
        Ok(wire.half.get_or_init(|| half))
    }
}

impl Product for Server {
    fn product(&mut self, x: &OpenWire, w: &OpenWire, layout: Layout) -> Result<Half> {
        let mkn @ [m, k, n] = sizes(x.hat.shape(), w.hat.shape(), layout)?;
        let (bits, shape) = (x.bits, Shape::from([m, n]));
        let dealt = self.dealt(words(m * n, bits))?;
        let c = unpacked(self.device(), &dealt, &shape, bits)?;
        let half = self.half(w)?;
        self.count_macs(2 * m * k * n);
        let x = self.device().run(&MATMUL_PAIR, params(mkn, layout), &[&c, &x.hat, half, &x.r, &w.hat], shape)?;
        Ok(Half { x, bits })
    }
}

impl Product for Dealer {
    fn product(&mut self, x: &DealtWire, w: &DealtWire, layout: Layout) -> Result<Shape> {
        let mkn @ [m, k, n] = sizes(x.r.shape(), w.r.shape(), layout)?;
        let (bits, shape) = (x.bits, Shape::from([m, n]));
        let share0 = self.share0(words(m * n, bits))?;
        let c0 = unpacked(self.device(), &share0, &shape, bits)?;
        self.count_macs(m * k * n);
        let c1 = self.device().run(&MATMUL_MINUS, params(mkn, layout), &[&x.r, &w.r, &c0], shape.clone())?;
        let packed = if bits == 32 && self.device().ring() == RingWord::U32 {
            self.device().as_raw(&c1)
        } else {
            self.device().run(&PACK, PackParams { bits }, &[&c1], [words(m * n, bits)])?
        };
        debug_assert_eq!(packed.kind(), Operand::Raw);
        self.ship(&packed)?;
        Ok(shape)
    }
}

impl Product for Clear {
    fn product(&mut self, x: &Number, w: &Number, layout: Layout) -> Result<Number> {
        let mkn @ [m, _, n] = sizes(&x.shape, &w.shape, layout)?;
        let bits = x.bits;
        let z = match RingWord::holding(bits) {
            RingWord::U32 => multiply::<u32>(&x.x, &w.x, mkn, layout),
            RingWord::U64 => multiply::<u64>(&x.x, &w.x, mkn, layout),
        };
        Ok(Number::new(z, [m, n], bits))
    }
}

fn multiply<W: Word>(x: &[i64], w: &[i64], mkn @ [m, _, n]: [usize; 3], layout: Layout) -> Vec<i64> {
    let word = |x: &[i64]| -> Vec<W> { x.iter().map(|x| W::low(x.cast_unsigned())).collect() };
    let mut z = vec![W::default(); m * n];
    let transposed = [layout == Layout::LeftTransposed, layout == Layout::RightTransposed];
    gemm(&mut z, &word(x), &word(w), mkn, transposed, false);
    z.into_iter().map(|z| z.wide().cast_signed()).collect()
}

impl Product for Plan {
    fn product(&mut self, x: &Self::Wire, w: &Self::Wire, layout: Layout) -> Result<Self::Share> {
        Ok((self.server.product(&x.0, &w.0, layout)?, self.dealer.product(&x.1, &w.1, layout)?))
    }
}
