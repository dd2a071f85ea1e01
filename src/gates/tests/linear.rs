//! Products, and what is local.

use super::*;
use crate::gates::{Bilinear, Chunks, Conv, ImageWindows, Layout, Pass, Window2d};

program! {
    /// All three products that a layer needs, as it needs them.
    Products { m: usize, k: usize, n: usize } |this, e| {
        let Products { m, k, n } = *this;
        let (x, w, dy) = (operand(e, 0, &[m, k])?, operand(e, 1, &[k, n])?, operand(e, 2, &[m, n])?);
        e.product(&x, &w, Layout::Plain)?;
        e.product(&x, &dy, Layout::LeftTransposed)?;
        e.product(&dy, &w, Layout::RightTransposed)?;
        // of columns, and of rows
        e.product(&x, &x, Bilinear::Dot(Chunks { cols: k, chunk: m.div_ceil(2) }))?;
        e.product(&x, &x, Bilinear::Dot(Chunks { cols: 1, chunk: k }))?;
        let by_column = e.product(&x, &x, Bilinear::Dot(Chunks { cols: k, chunk: m }))?;
        let by_column = e.open([OpenRequest::operand(&by_column.with_frac(e.profile().frac), e.profile())])?;
        e.product(&x, &by_column[0], Bilinear::Scale { step: 1 })?;
        let by_row = operand(e, 3, &[m])?;
        e.product(&x, &by_row, Bilinear::Scale { step: k })?;
        e.product(&x, &x, Bilinear::Scale { step: 1 })?;
    }
}

program! {
    /// Sums and shifts.
    Sums { rows: usize, cols: usize } |this, e| {
        let Sums { rows, cols } = *this;
        let (z, b) = (ring(e, 0, &[rows, cols])?, ring(e, 1, &[cols])?);
        e.add_row(&z, &b)?;
        e.combine(&z, &z, 3, -1)?;
        let (v, w) = (e.parameter(0, &[rows, cols].into())?, e.parameter(2, &[rows, cols].into())?);
        e.combine(&v, &w, 1, -1)?;
        let x = operand(e, 0, &[rows, cols])?;
        e.share(&x)?;
        let frac = e.profile().frac;
        e.sum_rows(&x, cols, 2 * frac)?;
        e.sum_rows(&x, 1, frac)?;
        for chunks in [Chunks { cols, chunk: 2 }, Chunks { cols: 1, chunk: cols }, Chunks { cols, chunk: rows }] {
            e.sum_chunks(&z, chunks)?;
            e.sum_chunks(&v, chunks)?;
        }
    }
}

#[test]
fn products_are_exact_in_the_ring() {
    for p in profiles() {
        let end = 1i64 << (p.ring - 1);
        let hard = [0, 1, -1, -end, end - 1, 1 << (p.ring - 2), 1 - end];
        for (m, k, n) in [(1, 1, 1), (1, 33, 1), (31, 1, 32), (33, 17, 10), (5, 64, 31)] {
            let all = |len, seed| values(&hard, p.ring, len, seed);
            let (x, w, dy) = (all(m * k, 1), all(k * n, 2), all(m * n, 3));
            let rows = all(m, 4);
            let world = World::new(&p, 11).with(&[(&x, &[m, k]), (&w, &[k, n]), (&dy, &[m, n]), (&rows, &[m])]);
            world.run(&Products { m, k, n });
            world.run_clear(&Products { m, k, n });
        }
    }
}

#[test]
fn sums_are_exact_in_their_rings() {
    for p in profiles() {
        for (rows, cols) in [(1, 1), (33, 7), (1, 31), (32, 32)] {
            let hard = [0, i64::MAX, i64::MIN, -1, 1];
            let (z, w) = (values(&hard, 64, rows * cols, 1), values(&[-1, 1, i64::MIN], 64, rows * cols, 2));
            let b = values(&hard[2..], 64, cols, 3);
            let world = World::new(&p, 12).with(&[(&z, &[rows, cols]), (&b, &[cols]), (&w, &[rows, cols])]);
            world.run(&Sums { rows, cols });
        }
    }
}

program! {
    /// A convolution forward and its two gradients, and sums of boxes of wires and shares.
    Convolutions { batch: usize, conv: Conv, boxes: ImageWindows } |this, e| {
        let (n, conv) = (this.batch, this.conv);
        let x = operand(e, 0, &[n, conv.image_len()])?;
        let w = operand(e, 1, &[conv.taps(), conv.outputs])?;
        let dy = operand(e, 2, &[n, conv.output_len()])?;
        e.product(&x, &w, Bilinear::Conv(conv, Pass::Forward))?;
        e.product(&x, &dy, Bilinear::Conv(conv, Pass::Filter))?;
        e.product(&dy, &w, Bilinear::Conv(conv, Pass::Image))?;
        let boxes = this.boxes;
        let sums = e.box_sum(&x, boxes)?;
        e.share(&sums)?;
        let share = e.share(&x)?;
        let sums = e.box_sum_share(&share, boxes)?;
        e.box_sum_share(&sums, boxes.transposed())?;
        for tap in boxes.taps() {
            e.box_sum(&x, tap)?;
        }
    }
}

#[test]
fn convolutions_are_exact_in_the_ring() {
    let conv = |image, [channels, outputs]: [usize; 2], kernel, stride, padding| Conv {
        image,
        channels,
        window: Window2d::new(kernel, stride).padded(padding),
        outputs,
    };
    let convs = [
        (1, conv([1, 1], [1, 1], [1, 1], [1, 1], [0, 0]), [1, 1]),
        (2, conv([7, 5], [3, 4], [3, 2], [2, 1], [1, 0]), [2, 2]),
        (3, conv([6, 6], [2, 5], [5, 5], [1, 1], [2, 2]), [2, 3]),
        (2, conv([4, 5], [2, 3], [2, 1], [1, 2], [3, 2]), [3, 1]),
    ];
    for p in profiles() {
        for (seed, (batch, conv, window)) in (20..).zip(convs) {
            let boxes = ImageWindows::new(conv.image, conv.channels, Window2d::new(window, [2, 2]).padded([1, 0]));
            let lens = [batch * conv.image_len(), conv.taps() * conv.outputs, batch * conv.output_len()];
            let end = 1i64 << (p.ring - 1);
            let hard = [0, 1, -1, end - 1, -end, 1 - end];
            let [x, w, dy] = [0, 1, 2].map(|i: usize| values(&hard, p.ring, lens[i], seed + i as u64));
            let world = World::new(&p, seed).with(&[(&x, &[lens[0]]), (&w, &[lens[1]]), (&dy, &[lens[2]])]);
            let program = Convolutions { batch, conv, boxes };
            world.run(&program);
            world.run_clear(&program);
        }
    }
}
