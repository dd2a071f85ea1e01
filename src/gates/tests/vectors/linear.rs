//! Openings, products, extension, rescaling, and what is local.

use super::*;
use crate::gates::{Bilinear, Chunks, Conv, DropoutMask, ImageWindows, Layout, Pass, Scaling, Window2d};

pub(super) fn sessions(p: &Profile) -> Vec<Session> {
    let long = |shape: &[usize]| input(&[0, 1, -1, i64::MAX, i64::MIN], 64, shape);
    let local = |gate, seed| session(p, gate, seed, &[long(&[3, 5]), long(&[5]), long(&[3, 5])], &Locals { gate });
    let local = [("narrow", 16), ("add_row", 17), ("sum_rows", 19), ("combine", 20), ("share", 21), ("sum_chunks", 42)]
        .map(|(gate, seed)| local(gate, seed));
    [opens(p), products(p), dots(p), scales(p), convolutions(p), boxes(p), drops(p), extends(p), rescales(p)]
        .into_iter()
        .chain(local)
        .collect()
}

program! {
    /// All ways of opening, in one round.
    Opens { len: usize } |this, e| {
        let (p, shape) = (*e.profile(), [this.len]);
        let w = e.parameter(0, &shape.into())?;
        let x = ring_at(e, 1, &shape, p.frac)?;
        let (z, v) = (ring_at(e, 2, &shape, 2 * p.frac)?, ring_at(e, 3, &shape, 2 * p.frac + 2)?);
        let list = [
            OpenRequest::operand(&w, &p), OpenRequest::operand(&x, &p),
            OpenRequest::product(&z, &p), OpenRequest::product(&v, &p)
        ];
        e.open_all(&list)?;
    }
}

fn opens(p: &Profile) -> Session {
    let (len, end) = ([11], 1i64 << (p.ring - 1));
    let top = |cut: u32| 1i64 << (p.wire_after(cut) - 2 + cut);
    let (z, v) = (top(p.frac), top(p.frac + 2));
    let weight = 1 << (p.ring - 1 + 32 - p.frac);
    let inputs = [
        input(&[0, 1, -1, weight - 1, -weight, 1 << (32 - p.frac)], p.ring, &len),
        input(&[0, 1, -1, end - 1, -end], p.ring, &len),
        input(&[0, 1, -1, z, -z, z - 1, 1 - z, 1 << p.frac], p.ring - 2, &len),
        input(&[0, 1, -1, v, -v, v - 1, 1 - v, -1 << (p.frac + 2)], p.ring - 2, &len),
    ];
    session(p, "open", 1, &inputs, &Opens { len: len[0] })
}

program! {
    /// A layer's three products.
    Products { m: usize, k: usize, n: usize } |this, e| {
        let Products { m, k, n } = *this;
        let (x, w, dy) = (operand(e, 0, &[m, k])?, operand(e, 1, &[k, n])?, operand(e, 2, &[m, n])?);
        e.product(&x, &w, Layout::Plain)?;
        e.product(&x, &dy, Layout::LeftTransposed)?;
        e.product(&dy, &w, Layout::RightTransposed)?;
    }
}

fn products(p: &Profile) -> Session {
    let ([m, k, n], end) = ([3, 5, 4], 1 << (p.ring - 1));
    let all = |shape: &[usize]| input(&[0, 1, -1, end - 1, -end], p.ring, shape);
    session(p, "product", 2, &[all(&[m, k]), all(&[k, n]), all(&[m, n])], &Products { m, k, n })
}

program! {
    /// Dot products of columns and of rows, of whole chunks and of a broken one.
    Dots { shape: [usize; 2] } |this, e| {
        let [rows, cols] = this.shape;
        let (x, y) = (operand(e, 0, &this.shape)?, operand(e, 1, &this.shape)?);
        for chunks in [Chunks { cols, chunk: 2 }, Chunks { cols, chunk: rows }, Chunks { cols: 1, chunk: cols }] {
            e.product(&x, &y, Bilinear::Dot(chunks))?;
        }
    }
}

fn dots(p: &Profile) -> Session {
    let (shape, end) = ([3, 5], 1 << (p.ring - 1));
    let x = || input(&[0, 1, -1, end - 1, -end], p.ring, &shape);
    session(p, "dot", 40, &[x(), x()], &Dots { shape })
}

program! {
    /// Products with factors of columns, of rows, and of every value.
    Scales { shape: [usize; 2] } |this, e| {
        let [rows, cols] = this.shape;
        let (x, y) = (operand(e, 0, &this.shape)?, operand(e, 1, &[cols])?);
        e.product(&x, &y, Bilinear::Scale { step: 1 })?;
        let y = operand(e, 2, &[rows])?;
        e.product(&x, &y, Bilinear::Scale { step: cols })?;
        e.product(&x, &x, Bilinear::Scale { step: 1 })?;
    }
}

fn scales(p: &Profile) -> Session {
    let (shape, end) = ([3, 5], 1 << (p.ring - 1));
    let all = |shape: &[usize]| input(&[0, 1, -1, end - 1, -end], p.ring, shape);
    session(p, "scale", 41, &[all(&shape), all(&[5]), all(&[3])], &Scales { shape })
}

program! {
    /// A convolution and its two gradients.
    Convolutions { batch: usize, conv: Conv } |this, e| {
        let (n, conv) = (this.batch, this.conv);
        let x = operand(e, 0, &[n, conv.image_len()])?;
        let w = operand(e, 1, &[conv.taps(), conv.outputs])?;
        let dy = operand(e, 2, &[n, conv.output_len()])?;
        e.product(&x, &w, Bilinear::Conv(conv, Pass::Forward))?;
        e.product(&x, &dy, Bilinear::Conv(conv, Pass::Filter))?;
        e.product(&dy, &w, Bilinear::Conv(conv, Pass::Image))?;
    }
}

program! {
    /// Sums of boxes of a wire, of a share, and what leads back; a lifted wire's values one by one.
    Sums { batch: usize, boxes: ImageWindows } |this, e| {
        let (n, boxes, bits) = (this.batch, this.boxes, e.profile().wire);
        let x = operand(e, 0, &[n, boxes.image_len()])?;
        let sums = e.box_sum(&x, boxes)?;
        let sums = e.share(&sums)?;
        e.box_sum_share(&sums, boxes.transposed())?;
        let y = wire(e, 1, &[n, boxes.image_len()], bits)?;
        let pool = ImageWindows::pool(boxes.image, boxes.channels, [2, 2], [2, 2]);
        for tap in pool.taps() {
            e.box_sum(&y, tap)?;
        }
    }
}

/// Two images of 4 x 5 and 2 channels, under a filter of 3 x 2 that moves by 2 and 1.
const CONV: Conv =
    Conv { image: [4, 5], channels: 2, window: Window2d::new([3, 2], [2, 1]).padded([1, 0]), outputs: 2 };

fn convolutions(p: &Profile) -> Session {
    let end = 1 << (p.ring - 1);
    let all = |shape: &[usize]| input(&[0, 1, -1, end - 1, -end], p.ring, shape);
    let inputs = [all(&[2, CONV.image_len()]), all(&[CONV.taps(), 2]), all(&[2, CONV.output_len()])];
    session(p, "convolution", 24, &inputs, &Convolutions { batch: 2, conv: CONV })
}

fn boxes(p: &Profile) -> Session {
    let (end, shape) = (1 << (p.ring - 1), [2, CONV.image_len()]);
    let (boxes, _) = ImageWindows::before(CONV, Window2d::new([2, 2], [2, 2]));
    let inputs = [input(&[0, 1, -1, end - 1, -end], p.ring, &shape), input(&[0, 1, -1], p.wire - 2, &shape)];
    session(p, "box_sum", 25, &inputs, &Sums { batch: 2, boxes })
}

program! {
    /// A wire and a share under the same public coins.
    Drops { len: usize } |this, e| {
        let kept = DropoutMask::new(public_seed(26, "coins"), 3 << 16 | 1, 0.8);
        let x = operand(e, 0, &[this.len])?;
        let x = e.dropout(&x, &kept)?;
        e.share(&x)?;
        let y = ring(e, 1, &[this.len])?;
        e.dropout_share(&y, &kept)?;
    }
}

fn drops(p: &Profile) -> Session {
    let end = 1 << (p.ring - 1);
    let inputs = [1, 2].map(|_| input(&[0, 1, -1, end - 1, -end], p.ring, &[40]));
    session(p, "dropout", 26, &inputs, &Drops { len: 40 })
}

program! {
    /// A wire of full length and a shorter one.
    Extends { len: usize } |this, e| {
        let bits = e.profile().wire;
        let (y, short) = (wire(e, 0, &[this.len], bits)?, wire(e, 1, &[this.len], bits - 3)?);
        e.extend(&y)?;
        e.extend(&short)?;
    }
}

fn extends(p: &Profile) -> Session {
    let (len, end) = ([13], |bits: u32| 1i64 << (bits - 2));
    let all = |bits| input(&[0, 1, -1, end(bits), -end(bits), end(bits) - 1, 1 - end(bits)], bits - 1, &len);
    session(p, "extend", 3, &[all(p.wire), all(p.wire - 3)], &Extends { len: len[0] })
}

program! {
    /// Rescales parameters in one round: `(wide, scale, shift, times)`.
    Rescales { len: usize, cases: Vec<(bool, u32, i32, u32)> } |this, e| {
        let mut shares = Vec::new();
        for (index, (wide, ..)) in this.cases.iter().enumerate() {
            shares.push(if *wide { e.parameter(index, &[this.len].into())? } else { ring(e, index, &[this.len])? });
        }
        let list = shares.iter().zip(&this.cases);
        let list = list.map(|(share, (_, scale, shift, times))| Scaling {
            share,
            what: "x",
            scale: *scale,
            over: *shift,
            times: *times,
        });
        let list: Vec<_> = list.collect();
        e.rescale(&list)?;
    }
}

fn rescales(p: &Profile) -> Session {
    let (len, n) = (9, p.ring);
    let cases = vec![(false, 1, 0, 1), (false, 1, -5, 1), (false, 1, 12, 41), (false, 1, 2, 63), (true, 29, 5, 1)];
    let ends =
        cases.iter().map(|(wide, scale, ..)| ((1i64 << (if *wide { 64 } else { n } - 2)) - 1) / i64::from(*scale));
    let inputs: Vec<_> = ends.map(|end| input(&[0, 1, -1, end, -end, end - 1, 4096], n - 3, &[len])).collect();
    session(p, "rescale", 15, &inputs, &Rescales { len, cases })
}

program! {
    /// What is local.
    Locals { gate: &'static str } |this, e| {
        let (frac, shape) = (e.profile().frac, [3, 5]);
        let v = e.parameter(0, &shape.into())?;
        match this.gate {
            "narrow" => {
                e.narrow(&v, MASTER_FRAC)?;
                e.narrow(&v, frac)?;
            }
            "add_row" => {
                let (z, b) = (ring(e, 0, &shape)?, ring(e, 1, &[5])?);
                e.add_row(&z, &b)?;
            }
            "sum_chunks" => {
                let z = ring(e, 0, &shape)?;
                for chunks in [Chunks { cols: 5, chunk: 2 }, Chunks { cols: 1, chunk: 5 }] {
                    e.sum_chunks(&z, chunks)?;
                    e.sum_chunks(&v, chunks)?;
                }
            }
            "combine" => {
                let z = ring(e, 0, &shape)?;
                e.combine(&z, &z, 3, -1)?;
                let w = e.parameter(2, &shape.into())?;
                e.combine(&v, &w, 1, -1)?;
            }
            gate => {
                let x = operand(e, 0, &shape)?;
                if gate == "share" {
                    e.share(&x)?;
                } else {
                    e.sum_rows(&x, 5, frac)?;
                    e.sum_rows(&x, 1, 2 * frac)?;
                }
            }
        }
    }
}
