//! Sums and shifts of shares: no rounds, nothing opened, nothing dealt.
//!
//! What is added has one scale. `narrow` cuts a 64-bit share into the ring: P0 shifts, P1 rounds up (protocols.md 2.4).

use crate::error::Result;
use crate::fixed::Profile;
use crate::gates::{Chunks, DropoutMask, ImageWindows};
use crate::kernel::twin::chunks::{SUM_CHUNKS, SUM_CHUNKS_WIDE, SumChunksParams};
use crate::kernel::twin::linear::{
    ADD_ROW, AddRowParams, COMBINE, COMBINE_WIDE, CombineParams, NARROW, NarrowParams, SUM_ROWS, SumRowsParams,
};
use crate::kernel::{Operand, count, low};
use crate::party::{
    AdditiveShare, Clear, ClearTensor, Dealer, DealtShare, DealtWire, Interpreter, MaskedWire, Plan, Scaled, Server,
    largest, planned,
};
use crate::tensor::Tensor;

use super::dropout::{keep, keep_numbers};
use super::image_windows::{box_shape, box_sum, box_sums, summed};
use super::{check_rings, check_scales};

/// Adds and shifts shares.
pub trait Local: Interpreter {
    /// A 64-bit share in the ring of products, cut to `frac` fraction bits.
    ///
    /// # Errors
    /// [`Error::Scale`](crate::error::Error::Scale) if it has fewer.
    fn narrow(&mut self, x: &Self::Share, frac: u32) -> Result<Self::Share>;

    /// `z[i, j] + b[j]` in the ring.
    ///
    /// # Errors
    /// [`Error::Scale`](crate::error::Error::Scale) if their numbers of fraction bits differ.
    fn add_row(&mut self, z: &Self::Share, b: &Self::Share) -> Result<Self::Share>;

    /// `sum_i x[i, j]` of a wire in the ring, as a matrix of `cols` columns, at a scale of `frac` fraction bits.
    ///
    /// # Errors
    /// [`Error::Scale`](crate::error::Error::Scale) if the wire has more.
    fn sum_rows(&mut self, x: &Self::Wire, cols: usize, frac: u32) -> Result<Self::Share>;

    /// Sums over chunks of rows, `[chunks, cols]`; also of shares of `Z_2^64`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::error::Error::Shape) if the values are not a matrix of `chunks.cols` columns.
    fn sum_chunks(&mut self, x: &Self::Share, chunks: Chunks) -> Result<Self::Share>;

    /// Sums of boxes of images, `[n, positions channels]`, of a plain wire `[n, height width channels]`; its masks add up
    /// likewise.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn box_sum(&mut self, x: &Self::Wire, boxes: ImageWindows) -> Result<Self::Wire>;

    /// The same of a share.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn box_sum_share(&mut self, x: &Self::Share, boxes: ImageWindows) -> Result<Self::Share>;

    /// The values of a plain wire that public coins keep, 0 in place of the others; its masks likewise.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn dropout(&mut self, x: &Self::Wire, kept: &DropoutMask) -> Result<Self::Wire>;

    /// The same of a share.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn dropout_share(&mut self, x: &Self::Share, kept: &DropoutMask) -> Result<Self::Share>;

    /// `kx x + ky y` of two shares of the same ring and scale.
    ///
    /// # Errors
    /// [`Error::Scale`](crate::error::Error::Scale) if their numbers of fraction bits differ.
    fn combine(&mut self, x: &Self::Share, y: &Self::Share, kx: i64, ky: i64) -> Result<Self::Share>;

    /// `x + y`.
    ///
    /// # Errors
    /// As [`Local::combine`].
    fn add(&mut self, x: &Self::Share, y: &Self::Share) -> Result<Self::Share> {
        self.combine(x, y, 1, 1)
    }

    /// `x - y`.
    ///
    /// # Errors
    /// As [`Local::combine`].
    fn subtract(&mut self, x: &Self::Share, y: &Self::Share) -> Result<Self::Share> {
        self.combine(x, y, 1, -1)
    }

    /// `x + y` where `y` has as many fraction bits as `x` or fewer: it is brought to the scale of `x`.
    ///
    /// # Errors
    /// [`Error::Scale`](crate::error::Error::Scale) if it has more.
    fn add_raised(&mut self, x: &Self::Share, y: &Self::Share) -> Result<Self::Share> {
        let ky = raised_by("add_raised", y.frac(), x.frac())?;
        self.combine(x, &y.clone().with_frac(x.frac()), 1, ky)
    }

    /// A share at a scale of `frac` fraction bits.
    ///
    /// # Errors
    /// [`Error::Scale`](crate::error::Error::Scale) if it has more.
    fn raised(&mut self, x: Self::Share, frac: u32) -> Result<Self::Share> {
        let k = raised_by("raised", x.frac(), frac)?;
        let x = x.with_frac(frac);
        if k == 1 { Ok(x) } else { self.combine(&x, &x, k, 0) }
    }

    /// `k x`.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn times(&mut self, x: Self::Share, k: u32) -> Result<Self::Share> {
        if k == 1 { Ok(x) } else { self.combine(&x, &x, k.into(), 0) }
    }

    /// `x + y` of two products, or sums of products, of the same shape.
    ///
    /// # Errors
    /// As [`Local::combine`].
    fn add_products(&mut self, x: &Self::Share, y: &Self::Share) -> Result<Self::Share> {
        self.combine(x, y, 1, 1)
    }

    /// A plain wire as a share: `x_hat - [r]`.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn share(&mut self, x: &Self::Wire) -> Result<Self::Share>;
}

/// What integers of `have` fraction bits are multiplied by to have `want`.
fn raised_by(gate: &'static str, have: u32, want: u32) -> Result<i64> {
    let bits = check_scales::raise(gate, have, want)?;
    Ok(1u64.checked_shl(bits).unwrap_or(0).cast_signed())
}

/// Checks that two shares can be added.
fn alike<S: Scaled>(gate: &'static str, x: &S, y: &S) -> Result<()> {
    check_rings::same(gate, y.bits(), x.bits())?;
    check_scales::same(gate, y.frac(), x.frac())
}

/// Bits that are cut from a share to have `frac` fraction bits in the ring.
fn narrowed<S: Scaled>(x: &S, frac: u32, p: &Profile) -> Result<u32> {
    let cut = check_scales::cut("narrow", x.frac(), frac)?;
    check_rings::holds("narrow", x.bits(), p.ring + cut)?;
    Ok(cut)
}

/// Bits that sums of rows of an operand are shifted by to have `frac` fraction bits.
fn row_shift<W: Scaled>(x: &W, frac: u32, p: &Profile) -> Result<u32> {
    check_rings::operand("sum_rows", x.bits(), p)?;
    check_scales::raise("sum_rows", x.frac(), frac)
}

impl Local for Server {
    fn narrow(&mut self, x: &AdditiveShare, frac: u32) -> Result<AdditiveShare> {
        let (cut, bits) = (narrowed(x, frac, self.profile())?, self.profile().ring);
        let params = NarrowParams { cut, up: self.up(), bits };
        Ok(AdditiveShare { x: self.device().run(&NARROW, params, &[&x.x], x.x.shape().clone())?, bits, frac })
    }

    fn add_row(&mut self, z: &AdditiveShare, b: &AdditiveShare) -> Result<AdditiveShare> {
        alike("add_row", z, b)?;
        let params = AddRowParams { cols: count(b.x.len()) };
        Ok(AdditiveShare { x: self.device().run(&ADD_ROW, params, &[&z.x, &b.x], z.x.shape().clone())?, ..*z })
    }

    fn box_sum(&mut self, x: &MaskedWire, boxes: ImageWindows) -> Result<MaskedWire> {
        summed(x.bits, boxes, self.profile())?;
        let sum = |x: &Tensor| box_sum(self.device(), x, boxes);
        Ok(MaskedWire::new(sum(&x.hat)?, sum(&x.r)?, x.bits, x.frac))
    }

    fn box_sum_share(&mut self, x: &AdditiveShare, boxes: ImageWindows) -> Result<AdditiveShare> {
        Ok(AdditiveShare { x: box_sum(self.device(), &x.x, boxes)?, ..*x })
    }

    fn dropout(&mut self, x: &MaskedWire, kept: &DropoutMask) -> Result<MaskedWire> {
        check_rings::operand("dropout", x.bits, self.profile())?;
        let bits = self.device().upload_raw(&kept.bits(x.hat.len()))?;
        let keep = |x: &Tensor| keep(self.device(), x, &bits);
        Ok(MaskedWire::new(keep(&x.hat)?, keep(&x.r)?, x.bits, x.frac))
    }

    fn dropout_share(&mut self, x: &AdditiveShare, kept: &DropoutMask) -> Result<AdditiveShare> {
        let bits = self.device().upload_raw(&kept.bits(x.x.len()))?;
        Ok(AdditiveShare { x: keep(self.device(), &x.x, &bits)?, ..*x })
    }

    fn sum_rows(&mut self, x: &MaskedWire, cols: usize, frac: u32) -> Result<AdditiveShare> {
        let params = SumRowsParams { cols: count(cols), shift: row_shift(x, frac, self.profile())? };
        let half = self.half(x)?;
        Ok(AdditiveShare { x: self.device().run(&SUM_ROWS, params, &[half], [cols])?, bits: x.bits, frac })
    }

    fn sum_chunks(&mut self, x: &AdditiveShare, chunks: Chunks) -> Result<AdditiveShare> {
        let shape = chunks.shape(x.x.shape())?;
        let params = SumChunksParams { cols: count(chunks.cols), chunk: count(chunks.chunk) };
        let kernel = if x.x.kind() == Operand::Wide { &SUM_CHUNKS_WIDE } else { &SUM_CHUNKS };
        Ok(AdditiveShare { x: self.device().run(kernel, params, &[&x.x], shape)?, ..*x })
    }

    fn combine(&mut self, x: &AdditiveShare, y: &AdditiveShare, kx: i64, ky: i64) -> Result<AdditiveShare> {
        alike("combine", x, y)?;
        let halves = |k: i64| (low(k.cast_unsigned()), low(k.cast_unsigned() >> 32));
        let ((kx_lo, kx_hi), (ky_lo, ky_hi)) = (halves(kx), halves(ky));
        let params = CombineParams { kx_lo, kx_hi, ky_lo, ky_hi };
        let kernel = if x.x.kind() == Operand::Wide { &COMBINE_WIDE } else { &COMBINE };
        Ok(AdditiveShare { x: self.device().run(kernel, params, &[&x.x, &y.x], x.x.shape().clone())?, ..*x })
    }

    fn share(&mut self, x: &MaskedWire) -> Result<AdditiveShare> {
        check_rings::operand("share", x.bits, self.profile())?;
        Ok(AdditiveShare { x: self.half(x)?.clone(), bits: x.bits, frac: x.frac })
    }
}

impl Local for Dealer {
    fn narrow(&mut self, x: &DealtShare, frac: u32) -> Result<DealtShare> {
        narrowed(x, frac, self.profile())?;
        Ok(DealtShare { shape: x.shape.clone(), bits: self.profile().ring, frac })
    }

    fn add_row(&mut self, z: &DealtShare, b: &DealtShare) -> Result<DealtShare> {
        alike("add_row", z, b)?;
        Ok(z.clone())
    }

    fn box_sum(&mut self, x: &DealtWire, boxes: ImageWindows) -> Result<DealtWire> {
        summed(x.bits, boxes, self.profile())?;
        Ok(DealtWire { r: box_sum(self.device(), &x.r, boxes)?, ..*x })
    }

    fn box_sum_share(&mut self, x: &DealtShare, boxes: ImageWindows) -> Result<DealtShare> {
        Ok(DealtShare { shape: box_shape(&x.shape, boxes)?, ..*x })
    }

    fn dropout(&mut self, x: &DealtWire, kept: &DropoutMask) -> Result<DealtWire> {
        check_rings::operand("dropout", x.bits, self.profile())?;
        let bits = self.device().upload_raw(&kept.bits(x.r.len()))?;
        Ok(DealtWire { r: keep(self.device(), &x.r, &bits)?, ..*x })
    }

    fn dropout_share(&mut self, x: &DealtShare, _: &DropoutMask) -> Result<DealtShare> {
        Ok(x.clone())
    }

    fn sum_rows(&mut self, x: &DealtWire, cols: usize, frac: u32) -> Result<DealtShare> {
        row_shift(x, frac, self.profile())?;
        Ok(DealtShare { shape: [cols].into(), bits: x.bits, frac })
    }

    fn sum_chunks(&mut self, x: &DealtShare, chunks: Chunks) -> Result<DealtShare> {
        Ok(DealtShare { shape: chunks.shape(&x.shape)?, ..*x })
    }

    fn combine(&mut self, x: &DealtShare, y: &DealtShare, _: i64, _: i64) -> Result<DealtShare> {
        alike("combine", x, y)?;
        Ok(x.clone())
    }

    fn share(&mut self, x: &DealtWire) -> Result<DealtShare> {
        check_rings::operand("share", x.bits, self.profile())?;
        Ok(DealtShare { shape: x.r.shape().clone(), bits: x.bits, frac: x.frac })
    }
}

impl Local for Clear {
    fn narrow(&mut self, x: &ClearTensor, frac: u32) -> Result<ClearTensor> {
        let cut = narrowed(x, frac, self.profile())?;
        let y = x.x.iter().map(|x| self.round(*x, cut)).collect();
        Ok(ClearTensor::new(y, x.shape.clone(), self.profile().ring, frac))
    }

    fn add_row(&mut self, z: &ClearTensor, b: &ClearTensor) -> Result<ClearTensor> {
        alike("add_row", z, b)?;
        let sum: Vec<i64> = z.x.iter().zip(b.x.iter().cycle()).map(|(z, b)| z.wrapping_add(*b)).collect();
        self.check_product(largest(&sum), z.frac);
        Ok(ClearTensor::new(sum, z.shape.clone(), z.bits, z.frac))
    }

    fn box_sum(&mut self, x: &ClearTensor, boxes: ImageWindows) -> Result<ClearTensor> {
        summed(x.bits, boxes, self.profile())?;
        let (sums, shape) = box_sums(x, boxes)?;
        // a wire of one value a box stays the integer that it is
        let bits = if boxes.len() == 1 { 64 } else { x.bits };
        Ok(ClearTensor { bits: x.bits, ..ClearTensor::new(sums, shape, bits, x.frac) })
    }

    fn box_sum_share(&mut self, x: &ClearTensor, boxes: ImageWindows) -> Result<ClearTensor> {
        let (sums, shape) = box_sums(x, boxes)?;
        self.check_product(largest(&sums), x.frac);
        Ok(ClearTensor::new(sums, shape, x.bits, x.frac))
    }

    fn dropout(&mut self, x: &ClearTensor, kept: &DropoutMask) -> Result<ClearTensor> {
        check_rings::operand("dropout", x.bits, self.profile())?;
        Ok(keep_numbers(x, kept))
    }

    fn dropout_share(&mut self, x: &ClearTensor, kept: &DropoutMask) -> Result<ClearTensor> {
        Ok(keep_numbers(x, kept))
    }

    fn sum_rows(&mut self, x: &ClearTensor, cols: usize, frac: u32) -> Result<ClearTensor> {
        let shift = row_shift(x, frac, self.profile())?;
        let mut sum = vec![0i64; cols];
        for row in x.x.chunks_exact(cols) {
            sum.iter_mut().zip(row).for_each(|(s, x)| *s = s.wrapping_add(*x));
        }
        sum.iter_mut().for_each(|s| *s <<= shift);
        self.check_product(largest(&sum), frac);
        Ok(ClearTensor::new(sum, [cols], x.bits, frac))
    }

    fn sum_chunks(&mut self, x: &ClearTensor, chunks: Chunks) -> Result<ClearTensor> {
        let shape = chunks.shape(&x.shape)?;
        let mut sums = vec![0i64; shape.len()];
        for (i, x) in x.x.iter().enumerate() {
            let sum = &mut sums[chunks.sum_of(i)];
            *sum = sum.wrapping_add(*x);
        }
        if x.bits == self.profile().ring {
            self.check_product(largest(&sums), x.frac);
        }
        Ok(ClearTensor::new(sums, shape, x.bits, x.frac))
    }

    fn combine(&mut self, x: &ClearTensor, y: &ClearTensor, kx: i64, ky: i64) -> Result<ClearTensor> {
        alike("combine", x, y)?;
        let sum = |(x, y): (&i64, &i64)| kx.wrapping_mul(*x).wrapping_add(ky.wrapping_mul(*y));
        let sums: Vec<i64> = x.x.iter().zip(&y.x).map(sum).collect();
        if x.bits == self.profile().ring {
            self.check_product(largest(&sums), x.frac);
        }
        Ok(ClearTensor::new(sums, x.shape.clone(), x.bits, x.frac))
    }

    fn add_products(&mut self, x: &ClearTensor, y: &ClearTensor) -> Result<ClearTensor> {
        alike("add_products", x, y)?;
        let sum: Vec<i64> = x.x.iter().zip(&y.x).map(|(x, y)| x.wrapping_add(*y)).collect();
        self.check_product(largest(&sum), x.frac);
        Ok(ClearTensor::new(sum, x.shape.clone(), x.bits, x.frac))
    }

    fn share(&mut self, x: &ClearTensor) -> Result<ClearTensor> {
        check_rings::operand("share", x.bits, self.profile())?;
        Ok(x.clone())
    }
}

impl Local for Plan {
    planned! {
        fn narrow(x: Share; frac: u32) -> Share;
        fn add_row(z: Share, b: Share) -> Share;
        fn box_sum(x: Wire; boxes: ImageWindows) -> Wire;
        fn box_sum_share(x: Share; boxes: ImageWindows) -> Share;
        fn dropout(x: Wire; kept: &DropoutMask) -> Wire;
        fn dropout_share(x: Share; kept: &DropoutMask) -> Share;
        fn sum_rows(x: Wire; cols: usize, frac: u32) -> Share;
        fn sum_chunks(x: Share; chunks: Chunks) -> Share;
        fn combine(x: Share, y: Share; kx: i64, ky: i64) -> Share;
        fn share(x: Wire) -> Share;
    }
}
