//! Sums and shifts of shares: no rounds, nothing opened, nothing dealt.
//!
//! `narrow` cuts a 64-bit share into the ring: P0 shifts, P1 rounds up (protocols.md 1.3).

use std::cell::OnceCell;

use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::gates::{Boxes, Kept};
use crate::kernel::Operand;
use crate::kernel::fast::bits::bit;
use crate::kernel::table::{
    ADD_ROW, AddRowParams, BOX_SUM, COMBINE, COMBINE_WIDE, CombineParams, KEEP, KeepParams, NARROW, NarrowParams,
    PatchParams, SUM_ROWS, SumRowsParams,
};
use crate::party::{Clear, Dealer, DealtWire, Half, Number, OpenWire, Plan, Server, Values, count, largest};
use crate::shape::Shape;
use crate::tensor::{Device, Tensor};

use super::width;

/// Adds and shifts shares.
pub trait Local: Values {
    /// A 64-bit share without its lowest `cut` bits, in the ring of products.
    ///
    /// # Errors
    /// What the device says.
    fn narrow(&mut self, x: &Self::Share, cut: u32) -> Result<Self::Share>;

    /// `z[i, j] + b[j]` in the ring.
    ///
    /// # Errors
    /// What the device says.
    fn add_row(&mut self, z: &Self::Share, b: &Self::Share) -> Result<Self::Share>;

    /// `2^shift sum_i x[i, j]` of a wire in the ring, as a matrix of `cols` columns.
    ///
    /// # Errors
    /// What the device says.
    fn sum_rows(&mut self, x: &Self::Wire, cols: usize, shift: u32) -> Result<Self::Share>;

    /// Sums of boxes of images, `[n, positions channels]`, of a plain wire `[n, height width channels]`; its masks add up
    /// likewise.
    ///
    /// # Errors
    /// What the device says.
    fn box_sum(&mut self, x: &Self::Wire, boxes: Boxes) -> Result<Self::Wire>;

    /// The same of a share.
    ///
    /// # Errors
    /// What the device says.
    fn box_sum_share(&mut self, x: &Self::Share, boxes: Boxes) -> Result<Self::Share>;

    /// The values of a plain wire that public coins keep, 0 in place of the others; its masks likewise.
    ///
    /// # Errors
    /// What the device says.
    fn dropout(&mut self, x: &Self::Wire, kept: &Kept) -> Result<Self::Wire>;

    /// The same of a share.
    ///
    /// # Errors
    /// What the device says.
    fn dropout_share(&mut self, x: &Self::Share, kept: &Kept) -> Result<Self::Share>;

    /// `kx x + ky y` of two shares of the same ring.
    ///
    /// # Errors
    /// What the device says.
    fn combine(&mut self, x: &Self::Share, y: &Self::Share, kx: i64, ky: i64) -> Result<Self::Share>;

    /// `x + y` of two products, or sums of products, of the same shape.
    ///
    /// # Errors
    /// What the device says.
    fn add_products(&mut self, x: &Self::Share, y: &Self::Share) -> Result<Self::Share> {
        self.combine(x, y, 1, 1)
    }

    /// A plain wire as a share: `x_hat - [r]`.
    ///
    /// # Errors
    /// What the device says.
    fn share(&mut self, x: &Self::Wire) -> Result<Self::Share>;
}

/// The shape of the sums of boxes of images.
fn box_shape(x: &Shape, boxes: Boxes) -> Result<Shape> {
    let (rows, columns) = x.matrix();
    if columns == boxes.image_len() {
        return Ok([rows, boxes.output_len()].into());
    }
    Err(Error::Shape { op: "boxes", lhs: x.clone(), rhs: [rows, boxes.image_len()].into() })
}

/// Checks that a wire is an operand, or lifted where every box has one value: a sum has several lifts.
fn summed(bits: u32, boxes: Boxes, p: &Profile) -> Result<()> {
    if boxes.len() == 1 { Ok(()) } else { width::operand("box_sum", bits, p) }
}

fn box_sum(device: &Device, x: &Tensor, boxes: Boxes) -> Result<Tensor> {
    let shape = box_shape(x.shape(), boxes)?;
    let params = PatchParams::new(boxes.patches(shape.matrix().0), boxes.channels);
    device.run(&BOX_SUM, params, &[x], shape)
}

fn keep(device: &Device, x: &Tensor, bits: &Tensor) -> Result<Tensor> {
    device.run(&KEEP, KeepParams { len: count(x.len()) }, &[x, bits], x.shape().clone())
}

impl Local for Server {
    fn narrow(&mut self, x: &Half, cut: u32) -> Result<Half> {
        width::holds("narrow", x.bits, self.profile().ring + cut)?;
        let bits = self.profile().ring;
        let params = NarrowParams { cut, up: self.up(), bits };
        Ok(Half { x: self.device().run(&NARROW, params, &[&x.x], x.x.shape().clone())?, bits })
    }

    fn add_row(&mut self, z: &Half, b: &Half) -> Result<Half> {
        width::same("add_row", b.bits, z.bits)?;
        let params = AddRowParams { cols: count(b.x.len()) };
        Ok(Half { x: self.device().run(&ADD_ROW, params, &[&z.x, &b.x], z.x.shape().clone())?, bits: z.bits })
    }

    fn box_sum(&mut self, x: &OpenWire, boxes: Boxes) -> Result<OpenWire> {
        summed(x.bits, boxes, self.profile())?;
        let sum = |x: &Tensor| box_sum(self.device(), x, boxes);
        Ok(OpenWire { hat: sum(&x.hat)?, r: sum(&x.r)?, bits: x.bits, half: OnceCell::new() })
    }

    fn box_sum_share(&mut self, x: &Half, boxes: Boxes) -> Result<Half> {
        Ok(Half { x: box_sum(self.device(), &x.x, boxes)?, bits: x.bits })
    }

    fn dropout(&mut self, x: &OpenWire, kept: &Kept) -> Result<OpenWire> {
        width::operand("dropout", x.bits, self.profile())?;
        let bits = self.device().upload_raw(&kept.bits(x.hat.len()))?;
        let keep = |x: &Tensor| keep(self.device(), x, &bits);
        Ok(OpenWire { hat: keep(&x.hat)?, r: keep(&x.r)?, bits: x.bits, half: OnceCell::new() })
    }

    fn dropout_share(&mut self, x: &Half, kept: &Kept) -> Result<Half> {
        let bits = self.device().upload_raw(&kept.bits(x.x.len()))?;
        Ok(Half { x: keep(self.device(), &x.x, &bits)?, bits: x.bits })
    }

    fn sum_rows(&mut self, x: &OpenWire, cols: usize, shift: u32) -> Result<Half> {
        width::operand("sum_rows", x.bits, self.profile())?;
        let params = SumRowsParams { cols: count(cols), shift };
        let half = self.half(x)?;
        Ok(Half { x: self.device().run(&SUM_ROWS, params, &[half], [cols])?, bits: x.bits })
    }

    fn combine(&mut self, x: &Half, y: &Half, kx: i64, ky: i64) -> Result<Half> {
        width::same("combine", y.bits, x.bits)?;
        let halves = |k: i64| (crate::party::low(k.cast_unsigned()), crate::party::low(k.cast_unsigned() >> 32));
        let ((kx_lo, kx_hi), (ky_lo, ky_hi)) = (halves(kx), halves(ky));
        let params = CombineParams { kx_lo, kx_hi, ky_lo, ky_hi };
        let kernel = if x.x.kind() == Operand::Wide { &COMBINE_WIDE } else { &COMBINE };
        Ok(Half { x: self.device().run(kernel, params, &[&x.x, &y.x], x.x.shape().clone())?, bits: x.bits })
    }

    fn share(&mut self, x: &OpenWire) -> Result<Half> {
        width::operand("share", x.bits, self.profile())?;
        Ok(Half { x: self.half(x)?.clone(), bits: x.bits })
    }
}

impl Local for Dealer {
    fn narrow(&mut self, x: &Shape, _: u32) -> Result<Shape> {
        Ok(x.clone())
    }

    fn add_row(&mut self, z: &Shape, _: &Shape) -> Result<Shape> {
        Ok(z.clone())
    }

    fn box_sum(&mut self, x: &DealtWire, boxes: Boxes) -> Result<DealtWire> {
        summed(x.bits, boxes, self.profile())?;
        Ok(DealtWire { r: box_sum(self.device(), &x.r, boxes)?, bits: x.bits })
    }

    fn box_sum_share(&mut self, x: &Shape, boxes: Boxes) -> Result<Shape> {
        box_shape(x, boxes)
    }

    fn dropout(&mut self, x: &DealtWire, kept: &Kept) -> Result<DealtWire> {
        width::operand("dropout", x.bits, self.profile())?;
        let bits = self.device().upload_raw(&kept.bits(x.r.len()))?;
        Ok(DealtWire { r: keep(self.device(), &x.r, &bits)?, bits: x.bits })
    }

    fn dropout_share(&mut self, x: &Shape, _: &Kept) -> Result<Shape> {
        Ok(x.clone())
    }

    fn sum_rows(&mut self, x: &DealtWire, cols: usize, _: u32) -> Result<Shape> {
        width::operand("sum_rows", x.bits, self.profile())?;
        Ok([cols].into())
    }

    fn combine(&mut self, x: &Shape, _: &Shape, _: i64, _: i64) -> Result<Shape> {
        Ok(x.clone())
    }

    fn share(&mut self, x: &DealtWire) -> Result<Shape> {
        width::operand("share", x.bits, self.profile())?;
        Ok(x.r.shape().clone())
    }
}

impl Local for Clear {
    fn narrow(&mut self, x: &Number, cut: u32) -> Result<Number> {
        width::holds("narrow", x.bits, self.profile().ring + cut)?;
        let y = x.x.iter().map(|x| self.round(*x, cut)).collect();
        Ok(Number::new(y, x.shape.clone(), self.profile().ring))
    }

    fn add_row(&mut self, z: &Number, b: &Number) -> Result<Number> {
        width::same("add_row", b.bits, z.bits)?;
        let sum: Vec<i64> = z.x.iter().zip(b.x.iter().cycle()).map(|(z, b)| z.wrapping_add(*b)).collect();
        self.check_product(largest(&sum));
        Ok(Number::new(sum, z.shape.clone(), z.bits))
    }

    fn box_sum(&mut self, x: &Number, boxes: Boxes) -> Result<Number> {
        summed(x.bits, boxes, self.profile())?;
        let (sums, shape) = box_sums(x, boxes)?;
        // a wire of one value a box stays the integer that it is
        let bits = if boxes.len() == 1 { 64 } else { x.bits };
        Ok(Number { bits: x.bits, ..Number::new(sums, shape, bits) })
    }

    fn box_sum_share(&mut self, x: &Number, boxes: Boxes) -> Result<Number> {
        let (sums, shape) = box_sums(x, boxes)?;
        self.check_product(largest(&sums));
        Ok(Number::new(sums, shape, x.bits))
    }

    fn dropout(&mut self, x: &Number, kept: &Kept) -> Result<Number> {
        width::operand("dropout", x.bits, self.profile())?;
        Ok(keep_numbers(x, kept))
    }

    fn dropout_share(&mut self, x: &Number, kept: &Kept) -> Result<Number> {
        Ok(keep_numbers(x, kept))
    }

    fn sum_rows(&mut self, x: &Number, cols: usize, shift: u32) -> Result<Number> {
        width::operand("sum_rows", x.bits, self.profile())?;
        let mut sum = vec![0i64; cols];
        for row in x.x.chunks_exact(cols) {
            sum.iter_mut().zip(row).for_each(|(s, x)| *s = s.wrapping_add(*x));
        }
        sum.iter_mut().for_each(|s| *s <<= shift);
        self.check_product(largest(&sum));
        Ok(Number::new(sum, [cols], x.bits))
    }

    fn combine(&mut self, x: &Number, y: &Number, kx: i64, ky: i64) -> Result<Number> {
        width::same("combine", y.bits, x.bits)?;
        let sum = |(x, y): (&i64, &i64)| kx.wrapping_mul(*x).wrapping_add(ky.wrapping_mul(*y));
        let sums: Vec<i64> = x.x.iter().zip(&y.x).map(sum).collect();
        if x.bits == self.profile().ring {
            self.check_product(largest(&sums));
        }
        Ok(Number::new(sums, x.shape.clone(), x.bits))
    }

    fn add_products(&mut self, x: &Number, y: &Number) -> Result<Number> {
        width::same("add_products", y.bits, x.bits)?;
        let sum: Vec<i64> = x.x.iter().zip(&y.x).map(|(x, y)| x.wrapping_add(*y)).collect();
        self.check_product(largest(&sum));
        Ok(Number::new(sum, x.shape.clone(), x.bits))
    }

    fn share(&mut self, x: &Number) -> Result<Number> {
        width::operand("share", x.bits, self.profile())?;
        Ok(x.clone())
    }
}

/// The numbers that are kept, 0 in place of the others.
fn keep_numbers(x: &Number, kept: &Kept) -> Number {
    let bits = kept.bits(x.x.len());
    let one = |(i, x): (usize, &i64)| if bit(&bits, i) == 1 { *x } else { 0 };
    Number { x: x.x.iter().enumerate().map(one).collect(), ..x.clone() }
}

/// Sums of boxes, not reduced.
fn box_sums(x: &Number, boxes: Boxes) -> Result<(Vec<i64>, Shape)> {
    let shape = box_shape(&x.shape, boxes)?;
    let patches = boxes.patches(shape.matrix().0);
    let mut sums = Vec::with_capacity(shape.len());
    for row in 0..patches.rows() {
        let mut sum = vec![0i64; boxes.channels];
        patches.runs(row, &(0..patches.taps()), |_, run| {
            for x in x.x[run].chunks_exact(boxes.channels) {
                sum.iter_mut().zip(x).for_each(|(s, x)| *s = s.wrapping_add(*x));
            }
        });
        sums.extend(sum);
    }
    Ok((sums, shape))
}

impl Local for Plan {
    fn narrow(&mut self, x: &Self::Share, cut: u32) -> Result<Self::Share> {
        Ok((self.server.narrow(&x.0, cut)?, self.dealer.narrow(&x.1, cut)?))
    }

    fn add_row(&mut self, z: &Self::Share, b: &Self::Share) -> Result<Self::Share> {
        Ok((self.server.add_row(&z.0, &b.0)?, self.dealer.add_row(&z.1, &b.1)?))
    }

    fn box_sum(&mut self, x: &Self::Wire, boxes: Boxes) -> Result<Self::Wire> {
        Ok((self.server.box_sum(&x.0, boxes)?, self.dealer.box_sum(&x.1, boxes)?))
    }

    fn box_sum_share(&mut self, x: &Self::Share, boxes: Boxes) -> Result<Self::Share> {
        Ok((self.server.box_sum_share(&x.0, boxes)?, self.dealer.box_sum_share(&x.1, boxes)?))
    }

    fn dropout(&mut self, x: &Self::Wire, kept: &Kept) -> Result<Self::Wire> {
        Ok((self.server.dropout(&x.0, kept)?, self.dealer.dropout(&x.1, kept)?))
    }

    fn dropout_share(&mut self, x: &Self::Share, kept: &Kept) -> Result<Self::Share> {
        Ok((self.server.dropout_share(&x.0, kept)?, self.dealer.dropout_share(&x.1, kept)?))
    }

    fn sum_rows(&mut self, x: &Self::Wire, cols: usize, shift: u32) -> Result<Self::Share> {
        Ok((self.server.sum_rows(&x.0, cols, shift)?, self.dealer.sum_rows(&x.1, cols, shift)?))
    }

    fn combine(&mut self, x: &Self::Share, y: &Self::Share, kx: i64, ky: i64) -> Result<Self::Share> {
        Ok((self.server.combine(&x.0, &y.0, kx, ky)?, self.dealer.combine(&x.1, &y.1, kx, ky)?))
    }

    fn share(&mut self, x: &Self::Wire) -> Result<Self::Share> {
        Ok((self.server.share(&x.0)?, self.dealer.share(&x.1)?))
    }
}
