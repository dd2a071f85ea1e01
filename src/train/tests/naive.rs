//! A network in f64 as its definitions say, a batch at a time.

use crate::nn::layers::{
    AveragePool, BatchNorm, Conv2d, Dense, Dropout, Flatten, GlobalAveragePool, HardTanh, LayerNorm, LeakyRelu,
    MaxPool, Relu, Residual, Sigmoid, Square, ZeroPadding,
};
use crate::nn::{DropoutMasks, Factor, LayerSpec, Model};
use crate::shape::Shape;

/// A network as its definitions say, for one example.
pub(super) struct Naive<'a> {
    pub(super) parameters: std::slice::Iter<'a, Vec<f64>>,
    /// The least distance of a pre-activation from a knot, and of the largest of a window from the next: how sure its branches
    /// are.
    pub(super) sure: f64,
    /// The row of the batch, its rows, its coins, and dropouts so far; `None` if nothing is dropped.
    pub(super) coins: Option<(usize, usize, &'a DropoutMasks, u64)>,
}

impl Naive<'_> {
    /// What the layers make of the rows of a batch.
    pub(super) fn run(&mut self, layers: &[LayerSpec], input: &Shape, rows: &[Vec<f64>]) -> (Shape, Vec<Vec<f64>>) {
        let mut input = input.clone();
        // values, and a bias that is still to be added to them
        let mut all: Vec<_> = rows.iter().map(|x| (x.clone(), Vec::new())).collect();
        for (i, layer) in layers.iter().enumerate() {
            all = if let Some(Residual { body, projection }) = layer.get() {
                self.block(body, *projection, &input, all)
            } else if layer.is::<BatchNorm>() {
                self.batch_norm(*input.axes().last().unwrap(), all)
            } else {
                self.each_row(layer, &input, all)
            };
            // the mean is of what a bias is added to: a sum's factor is not exactly its inverse length
            let mean = layers.get(i + 1).is_some_and(|l| l.is::<AveragePool>() || l.is::<GlobalAveragePool>());
            for (x, bias) in all.iter_mut().filter(|(_, bias)| !mean && !bias.is_empty()) {
                x.iter_mut().zip(bias.iter().cycle()).for_each(|(x, b)| *x += b);
                bias.clear();
            }
            input = layer.output(&input).unwrap();
        }
        (input, all.into_iter().map(|(x, _)| x).collect())
    }

    /// A layer that takes every row by itself.
    fn each_row(&mut self, layer: &LayerSpec, input: &Shape, all: Vec<Row>) -> Vec<Row> {
        let (parameters, coins) = (self.parameters.clone(), self.coins);
        let one = |(row, (x, bias)): (usize, Row)| {
            self.parameters = parameters.clone();
            self.coins = coins.map(|(_, rows, coins, dropouts)| (row, rows, coins, dropouts));
            self.layer(layer, input, x, bias)
        };
        all.into_iter().enumerate().map(one).collect()
    }

    /// `body(x) + x`, or plus a product of x.
    fn block(&mut self, body: &[LayerSpec], projection: bool, input: &Shape, all: Vec<Row>) -> Vec<Row> {
        let rows: Vec<_> = all.into_iter().map(|(x, _)| x).collect();
        let (shape, mut sums) = self.run(body, input, &rows);
        let w = if projection { self.next() } else { Vec::new() };
        for (y, x) in sums.iter_mut().zip(&rows) {
            let shortcut = match (projection, input.axes(), shape.axes()) {
                (false, ..) => x.clone(),
                (true, _, [outputs]) => product(x, &w, *outputs),
                (true, [height, width, channels], [rows, columns, outputs]) => {
                    let stride = [height.div_ceil(*rows), width.div_ceil(*columns)];
                    Self::convolve(x, [*height, *width, *channels], &w, *outputs, [[1, 1], stride, [0, 0]])
                }
                _ => panic!("images and rows have three axes or one"),
            };
            y.iter_mut().zip(&shortcut).for_each(|(y, x)| *y += x);
        }
        sums.into_iter().map(|y| (y, Vec::new())).collect()
    }

    /// Batch normalization: of the batch's own mean and variance in training, of the running ones else.
    fn batch_norm(&mut self, channels: usize, mut all: Vec<Row>) -> Vec<Row> {
        let [gain, addend, mean, variance] = [(); 4].map(|()| self.next());
        for c in 0..channels {
            let values = || all.iter().flat_map(|(x, _)| x.iter().skip(c).step_by(channels).copied());
            let n = values().count() as f64;
            let own = values().sum::<f64>() / n;
            let of_batch = (own, values().map(|x| (x - own).powi(2)).sum::<f64>() / n);
            let (mean, variance) = if self.coins.is_some() { of_batch } else { (mean[c], variance[c]) };
            self.sure = self.sure.min((variance - 1.0 / 2048.0) * 16.0);
            for x in all.iter_mut().flat_map(|(x, _)| x.iter_mut().skip(c).step_by(channels)) {
                *x = (*x - mean) / variance.max(1.0 / 2048.0).sqrt() * gain[c] + addend[c];
            }
        }
        all
    }

    fn next(&mut self) -> Vec<f64> {
        self.parameters.next().unwrap().clone()
    }

    fn convolve(x: &[f64], axes: [usize; 3], w: &[f64], channels: usize, window: [[usize; 2]; 3]) -> Vec<f64> {
        let [kernel, stride, padding] = window;
        let [rows, columns] = [0, 1].map(|a| (axes[a] + 2 * padding[a] - kernel[a]) / stride[a] + 1);
        let mut out = vec![0.0; rows * columns * channels];
        for ((oy, ox), out) in
            (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))).zip(out.chunks_exact_mut(channels))
        {
            for (ky, kx) in (0..kernel[0]).flat_map(|y| (0..kernel[1]).map(move |x| (y, x))) {
                let (sy, sx) = (oy * stride[0] + ky, ox * stride[1] + kx);
                let inside = |s: usize, a: usize| s >= padding[a] && s - padding[a] < axes[a];
                if inside(sy, 0) && inside(sx, 1) {
                    let pixel = ((sy - padding[0]) * axes[1] + sx - padding[1]) * axes[2];
                    let tap = (ky * kernel[1] + kx) * axes[2];
                    for c in 0..axes[2] {
                        let w = &w[(tap + c) * channels..][..channels];
                        out.iter_mut().zip(w).for_each(|(o, w)| *o += x[pixel + c] * w);
                    }
                }
            }
        }
        out
    }

    fn pool(&mut self, x: &[f64], axes: [usize; 3], window: [usize; 2], stride: [usize; 2], largest: bool) -> Vec<f64> {
        let at = |y: usize, x0: usize, c: usize| (y * axes[1] + x0) * axes[2] + c;
        let [rows, columns] = [0, 1].map(|a| (axes[a] - window[a]) / stride[a] + 1);
        let mut out = Vec::new();
        for (oy, ox) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            for c in 0..axes[2] {
                let pixels = (0..window[0]).flat_map(|y| (0..window[1]).map(move |x| (y, x)));
                let mut values: Vec<f64> =
                    pixels.map(|(dy, dx)| x[at(oy * stride[0] + dy, ox * stride[1] + dx, c)]).collect();
                values.sort_by(f64::total_cmp);
                let top = values[values.len() - 1];
                if largest {
                    // where the largest is negative (or ReLU came first), ReLU does not care which it is
                    if top > 0.0 {
                        let second = values.iter().rev().nth(1);
                        self.sure = self.sure.min(second.map_or(1.0, |second| top - second) / 2.0);
                    }
                    out.push(top);
                } else {
                    out.push(values.iter().sum::<f64>() * Factor::mean(values.len()).value());
                }
            }
        }
        out
    }

    /// What a layer makes of values that a bias is still to be added to; and that bias.
    fn layer(&mut self, layer: &LayerSpec, input: &Shape, x: Vec<f64>, mut bias: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
        let axes = match *input.axes() {
            [h, w, c] => [h, w, c],
            _ => [1, 1, input.len()],
        };
        let y = if let Some(Dense { outputs, bias: biased }) = layer.get() {
            let w = self.next();
            bias = if *biased { self.next() } else { Vec::new() };
            product(&x, &w, *outputs)
        } else if let Some(Conv2d { channels, kernel, stride, padding, bias: biased }) = layer.get() {
            let w = self.next();
            bias = if *biased { self.next() } else { Vec::new() };
            Self::convolve(&x, axes, &w, *channels, [*kernel, *stride, *padding])
        } else if let Some(AveragePool { window, stride }) = layer.get() {
            self.pool(&x, axes, *window, *stride, false)
        } else if layer.is::<GlobalAveragePool>() {
            self.pool(&x, axes, [axes[0], axes[1]], [1, 1], false)
        } else if let Some(MaxPool { window, stride, .. }) = layer.get() {
            self.pool(&x, axes, *window, *stride, true)
        } else if let Some(ZeroPadding { padding }) = layer.get() {
            // every channel's image in the middle of a larger one
            let one: Vec<f64> = (0..axes[2] * axes[2]).map(|i| f64::from(u8::from(i % (axes[2] + 1) == 0))).collect();
            Self::convolve(&x, axes, &one, axes[2], [[1, 1], [1, 1], *padding])
        } else if let Some(Dropout { factor }) = layer.get() {
            let Some((row, rows, coins, layer)) = &mut self.coins else { return (x, bias) };
            let bits = coins.kept(*layer, *factor).bits(*rows * x.len());
            *layer += 1;
            let kept = |i: usize| bits[i / 32] >> (i % 32) & 1 == 1;
            let value = |(i, x): (usize, f64)| if kept(i) { x * factor.value() } else { 0.0 };
            let first = *row * x.len();
            (first..).zip(x).map(value).collect()
        } else if layer.is::<LayerNorm>() {
            let [gain, addend] = [(); 2].map(|()| self.next());
            let n = x.len() as f64;
            let mean = x.iter().sum::<f64>() / n;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            self.sure = self.sure.min((variance - 1.0 / 2048.0) * 16.0);
            let root = 1.0 / variance.max(1.0 / 2048.0).sqrt();
            x.iter().zip(gain.iter().zip(&addend)).map(|(x, (g, b))| (x - mean) * root * g + b).collect()
        } else if layer.is::<Square>() {
            x.iter().map(|z| z * z).collect()
        } else if layer.is::<Relu>() {
            x.iter().map(|z| (self.sure = self.sure.min(z.abs()), z.max(0.0)).1).collect()
        } else if layer.is::<Sigmoid>() {
            let knot = |z: &f64| (z.abs() - 2.0).abs();
            x.iter().map(|z| (self.sure = self.sure.min(knot(z)), (z / 4.0 + 0.5).clamp(0.0, 1.0)).1).collect()
        } else if let Some(LeakyRelu { shift }) = layer.get() {
            let slope = f64::exp2(-f64::from(*shift));
            x.iter().map(|z| (self.sure = self.sure.min(z.abs()), if *z < 0.0 { slope * z } else { *z }).1).collect()
        } else if layer.is::<HardTanh>() {
            let knot = |z: &f64| (z.abs() - 1.0).abs();
            x.iter().map(|z| (self.sure = self.sure.min(knot(z)), z.clamp(-1.0, 1.0)).1).collect()
        } else {
            assert!(layer.is::<Flatten>(), "{layer:?} is not what this model is of");
            x
        };
        (y, bias)
    }
}

/// Values, and a bias that is still to be added to them.
type Row = (Vec<f64>, Vec<f64>);

/// A row times a weight.
fn product(x: &[f64], w: &[f64], outputs: usize) -> Vec<f64> {
    (0..outputs).map(|j| (0..x.len()).map(|i| x[i] * w[i * outputs + j]).sum()).collect()
}

/// The sum over a batch of cross-entropies, and how sure all branches are.
pub(super) fn loss(
    model: &Model,
    parameters: &[Vec<f64>],
    rows: &[(Vec<f64>, usize)],
    coins: &DropoutMasks,
) -> (f64, f64) {
    let coins = Some((0, rows.len(), coins, 0));
    let mut naive = Naive { parameters: parameters.iter(), sure: f64::INFINITY, coins };
    let (features, labels): (Vec<_>, Vec<_>) = rows.iter().cloned().unzip();
    let (_, outputs) = naive.run(model.layers(), model.input(), &features);
    assert!(naive.parameters.next().is_none(), "every parameter is used");
    // what softmax may see, and more than twice as much as it has to
    let spread = |y: &Vec<f64>| y.iter().fold(f64::MIN, |a, b| a.max(*b)) - y.iter().fold(f64::MAX, |a, b| a.min(*b));
    let widest = outputs.iter().map(spread).fold(0.0, f64::max);
    let one = |(y, label): (&Vec<f64>, &usize)| y.iter().map(|y| y.exp()).sum::<f64>().ln() - y[*label];
    (outputs.iter().zip(&labels).map(one).sum(), naive.sure.min(100.0 - widest))
}
