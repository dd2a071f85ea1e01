//! The product of two wires: a matrix product or a convolution, `o`.
//!
//!   1. D: C = R_X o R_W; P0 draws C_0, P1 gets C_1 = C - C_0
//!   2. [Z] = X_hat o [W] - [R_X] o W_hat + [C],   [W] = W_hat - [R_W] with W_hat on P0
//!
//! Rounds 0, opens nothing, deals n bits per element of Z. Where W is public ([`PublicWires`](super::PublicWires)), nothing is
//! dealt: [Z] = [X] o W.
//! Source: Turbospeedz, ABY2.0 (masked wires); protocols.md 1.1. Perfect; no error term.

use crate::error::Result;
use crate::fixed::{Profile, mask, signed};
use crate::gates::{Bilinear, Chunks, Layout, Pass};
use crate::kernel::fast::gemm::{convolve, convolve_back, correlate, gemm};
use crate::kernel::packed::words;
use crate::kernel::twin::chunks::{DOT, DotParams, SCALE, ScaleParams};
use crate::kernel::twin::convolution::{CONVOLVE, CORRELATE, PatchParams};
use crate::kernel::twin::linear::{COMBINE, CombineParams, MATMUL_MINUS, MATMUL_PAIR, MatmulParams};
use crate::kernel::{Operand, RingWord, Word, count};
use crate::party::{
    AdditiveShare, Clear, ClearTensor, CostKind, Dealer, DealtShare, DealtWire, Interpreter, MaskedWire, Plan, Server,
    largest, power, unpacked,
};
use crate::shape::Shape;
use crate::tensor::{Device, Tensor};

use super::check_rings;

/// Multiplies wires.
pub trait Product: Interpreter {
    /// A bilinear map of two wires, a share at the sum of their scales.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::error::Error::Shape) if the wires' shapes do not fit `map`.
    fn product(&mut self, x: &Self::Wire, w: &Self::Wire, map: impl Into<Bilinear>) -> Result<Self::Share>;
}

/// Checks that two wires are operands.
fn operands(bits: [u32; 2], p: &Profile) -> Result<()> {
    bits.into_iter().try_for_each(|bits| check_rings::operand("product", bits, p))
}

/// Sizes `[m, k, n]` of a matrix product of the operands.
fn sizes(x: &Shape, w: &Shape, layout: Layout) -> [usize; 3] {
    let ((a, b), (c, d)) = (x.matrix(), w.matrix());
    match layout {
        Layout::Plain => [a, b, d],
        Layout::LeftTransposed => [b, a, d],
        Layout::RightTransposed => [a, b, c],
    }
}

fn matmul(x: &Shape, w: &Shape, layout: Layout) -> MatmulParams {
    let [m, k, n] = sizes(x, w, layout).map(count);
    let (ta, tb) = (layout == Layout::LeftTransposed, layout == Layout::RightTransposed);
    MatmulParams { m, k, n, ta: ta.into(), tb: tb.into() }
}

/// `c + a1 o b1 - a2 o b2`.
fn pair(device: &Device, map: Bilinear, c: &Tensor, [a1, b1, a2, b2]: [&Tensor; 4], shape: Shape) -> Result<Tensor> {
    match map {
        Bilinear::Matrix(layout) => {
            device.run(&MATMUL_PAIR, matmul(a1.shape(), b1.shape(), layout), &[c, a1, b1, a2, b2], shape)
        }
        _ => {
            let sum = added(device, map, [0, 0], [c, a1, b1], shape.clone())?;
            added(device, map, [0, 1], [&sum, a2, b2], shape)
        }
    }
}

/// `a o b - c`.
fn minus(device: &Device, map: Bilinear, [a, b, c]: [&Tensor; 3], shape: Shape) -> Result<Tensor> {
    match map {
        Bilinear::Matrix(layout) => device.run(&MATMUL_MINUS, matmul(a.shape(), b.shape(), layout), &[a, b, c], shape),
        _ => added(device, map, [1, 0], [c, a, b], shape),
    }
}

/// `+-c +- a o b` of a map that is no matrix product.
fn added(
    device: &Device,
    map: Bilinear,
    [minus_c, minus]: [u32; 2],
    [c, a, b]: [&Tensor; 3],
    shape: Shape,
) -> Result<Tensor> {
    let operands = [c, a, b];
    match map {
        Bilinear::Matrix(_) => unreachable!("matrix products have kernels of their own"),
        Bilinear::Conv(conv, pass) => {
            let patches = conv.patches(a.shape().matrix().0, pass);
            let back = u32::from(pass == Pass::Image);
            let params = PatchParams { back, minus_c, minus, ..PatchParams::new(patches, conv.columns(pass)) };
            let kernel = if pass == Pass::Filter { &CORRELATE } else { &CONVOLVE };
            device.run(kernel, params, &operands, shape)
        }
        Bilinear::Dot(Chunks { cols, chunk }) => {
            device.run(&DOT, DotParams { cols: count(cols), chunk: count(chunk), minus_c, minus }, &operands, shape)
        }
        Bilinear::Scale { step } => {
            device.run(&SCALE, ScaleParams { step: count(step), minus_c, minus }, &operands, shape)
        }
    }
}

impl Server {
    /// My half of a wire's value in the ring: `x_hat - r`, the public part on server 0.
    pub(crate) fn half<'a>(&self, wire: &'a MaskedWire) -> Result<&'a Tensor> {
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
    fn product(&mut self, x: &MaskedWire, w: &MaskedWire, map: impl Into<Bilinear>) -> Result<AdditiveShare> {
        let _gate = self.gate(CostKind::Products);
        let map = map.into();
        let (shape, macs) = map.shape(x.hat.shape(), w.hat.shape())?;
        operands([x.bits, w.bits], self.profile())?;
        let bits = x.bits;
        if w.public {
            self.session.count_macs(macs);
            let zeros = self.device().zeros(Operand::Ring, shape.clone())?;
            let z = minus(self.device(), map, [self.half(x)?, &w.hat, &zeros], shape)?;
            return Ok(AdditiveShare { x: z, bits, frac: x.frac + w.frac });
        }
        let dealt = self.dealt(words(shape.len(), bits))?;
        let c = unpacked(self.device(), &dealt, &shape, bits)?;
        let half = self.half(w)?;
        self.session.count_macs(2 * macs);
        let z = pair(self.device(), map, &c, [&x.hat, half, &x.r, &w.hat], shape)?;
        Ok(AdditiveShare { x: z, bits, frac: x.frac + w.frac })
    }
}

impl Product for Dealer {
    fn product(&mut self, x: &DealtWire, w: &DealtWire, map: impl Into<Bilinear>) -> Result<DealtShare> {
        let map = map.into();
        let (shape, macs) = map.shape(x.r.shape(), w.r.shape())?;
        operands([x.bits, w.bits], self.profile())?;
        let bits = x.bits;
        if w.public {
            return Ok(DealtShare { shape, bits, frac: x.frac + w.frac });
        }
        self.session.count_macs(macs);
        self.deal_elements(&shape, bits, |device, c0| minus(device, map, [&x.r, &w.r, c0], shape.clone()))?;
        Ok(DealtShare { shape, bits, frac: x.frac + w.frac })
    }
}

impl Product for Clear {
    fn product(&mut self, x: &ClearTensor, w: &ClearTensor, map: impl Into<Bilinear>) -> Result<ClearTensor> {
        let map = map.into();
        let (shape, _) = map.shape(&x.shape, &w.shape)?;
        operands([x.bits, w.bits], self.profile())?;
        let reach = reach(x, w, map);
        let z = match RingWord::holding(x.bits) {
            RingWord::U32 if reach < f64::exp2(31.0) => multiply::<u32>(x, w, map, shape.len()),
            _ => multiply::<u64>(x, w, map, shape.len()),
        };
        let top = if reach < f64::exp2(63.0) { largest(&z) } else { about_largest(x, w, map, shape.len(), reach) };
        self.check_product(top, x.frac + w.frac);
        Ok(ClearTensor::new(z, shape, x.bits, x.frac + w.frac))
    }
}

impl Clear {
    /// Notes the largest magnitude of sums of products of so many fraction bits: beyond the ring they wrap. In another profile they
    /// have as many more or fewer than twice the operands'.
    pub(crate) fn check_product(&mut self, top: u64, frac: u32) {
        let p = *self.profile();
        let theirs = |q: &Profile| (2 * q.frac + frac).saturating_sub(2 * p.frac);
        self.check_largest("product", top, frac, mask(p.ring - 1), |q| power(q.ring - 1, theirs(q)));
    }
}

/// What no element of a product exceeds; a word that holds it gives the integers themselves.
fn reach(x: &ClearTensor, w: &ClearTensor, map: Bilinear) -> f64 {
    let terms = match map {
        Bilinear::Matrix(layout) => sizes(&x.shape, &w.shape, layout)[1],
        // an output meets every element of the second operand once at most
        Bilinear::Conv(..) | Bilinear::Dot(_) => w.x.len(),
        Bilinear::Scale { .. } => 1,
    };
    terms as f64 * largest(&x.x) as f64 * largest(&w.x) as f64
}

/// The largest magnitude of a product that no word holds, of operands without their low bits.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "magnitudes; the cast saturates")]
fn about_largest(x: &ClearTensor, w: &ClearTensor, map: Bilinear, len: usize, reach: f64) -> u64 {
    let cut = ((reach.log2() - 62.0) / 2.0).ceil() as u32;
    let coarse = |x: &ClearTensor| ClearTensor { x: x.x.iter().map(|x| x >> cut.min(63)).collect(), ..x.clone() };
    let z = multiply::<u64>(&coarse(x), &coarse(w), map, len);
    (largest(&z) as f64 * f64::exp2(2.0 * f64::from(cut))) as u64
}

fn multiply<W: Word>(x: &ClearTensor, w: &ClearTensor, map: Bilinear, len: usize) -> Vec<i64> {
    let word = |x: &[i64]| -> Vec<W> { x.iter().map(|x| W::low(x.cast_unsigned())).collect() };
    let mut z = vec![W::default(); len];
    let (a, b) = (word(&x.x), word(&w.x));
    match map {
        Bilinear::Matrix(layout) => {
            let transposed = [layout == Layout::LeftTransposed, layout == Layout::RightTransposed];
            gemm(&mut z, &a, &b, sizes(&x.shape, &w.shape, layout), transposed, false);
        }
        Bilinear::Conv(conv, pass) => {
            let (patches, columns) = (conv.patches(x.shape.matrix().0, pass), conv.columns(pass));
            let add = match pass {
                Pass::Forward => convolve,
                Pass::Filter => correlate,
                Pass::Image => convolve_back,
            };
            add(&mut z, &a, &b, patches, columns, false);
        }
        Bilinear::Dot(chunks) => {
            for (i, (a, b)) in a.iter().zip(&b).enumerate() {
                let z = &mut z[chunks.sum_of(i)];
                *z = z.add(a.mul(*b));
            }
        }
        Bilinear::Scale { step } => {
            let factors = (0..a.len()).map(|i| b[i / step % b.len()]);
            z.iter_mut().zip(&a).zip(factors).for_each(|((z, a), b)| *z = a.mul(b));
        }
    }
    z.into_iter().map(|z| signed(z.wide(), W::BITS)).collect()
}

impl Product for Plan {
    fn product(&mut self, x: &Self::Wire, w: &Self::Wire, map: impl Into<Bilinear>) -> Result<Self::Share> {
        let map = map.into();
        self.gate(|s| s.product(&x.0, &w.0, map), |d| d.product(&x.1, &w.1, map))
    }
}
