//! An independent model of training in f64, with a bound on how far the fixed-point run may be from it.
//!
//! Every number carries the largest error that it may have in the run: what is opened or cut is off by less than a unit of its
//! grid, the softmax by its tables, everything else by what went in. Both take the same branch of a ReLU where every
//! pre-activation is farther from 0 than its error and the comparison's window unit; [`Exact::step`] says whether that is so.

use crate::fixed::Profile;
use crate::gates::harness::law::softmax_error;
use crate::nn::layers::{Dense, Relu, Sigmoid};
use crate::nn::{LayerSpec, Loss, Model};

/// A matrix of numbers, or of errors.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    pub(super) cols: usize,
    pub(super) x: Vec<f64>,
}

impl Matrix {
    pub(super) fn new(cols: usize, x: Vec<f64>) -> Self {
        Self { cols, x }
    }

    fn rows(&self) -> usize {
        self.x.len() / self.cols
    }

    fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { cols: self.cols, x: self.x.iter().map(|x| f(*x)).collect() }
    }

    fn with(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self { cols: self.cols, x: self.x.iter().zip(&other.x).map(|(a, b)| f(*a, *b)).collect() }
    }

    fn abs(&self) -> Self {
        self.map(f64::abs)
    }

    fn add(&self, other: &Self) -> Self {
        self.with(other, |a, b| a + b)
    }

    fn times(&self, other: &Self) -> Self {
        let (k, n) = (self.cols, other.cols);
        let sum = |i: usize, j: usize| (0..k).map(|t| self.x[i * k + t] * other.x[t * n + j]).sum();
        Self { cols: n, x: (0..self.rows() * n).map(|at| sum(at / n, at % n)).collect() }
    }

    fn turned(&self) -> Self {
        let rows = self.rows();
        Self { cols: rows, x: (0..self.x.len()).map(|at| self.x[at % rows * self.cols + at / rows]).collect() }
    }

    /// Adds a row to every row.
    fn plus_row(&self, row: &Self) -> Self {
        let x = self.x.iter().enumerate().map(|(i, x)| x + row.x[i % self.cols]);
        Self { cols: self.cols, x: x.collect() }
    }

    fn sum_rows(&self) -> Self {
        let sum = |j: usize| self.x.iter().skip(j).step_by(self.cols).sum();
        Self { cols: self.cols, x: (0..self.cols).map(sum).collect() }
    }
}

/// Numbers with their errors.
#[derive(Clone, Debug)]
pub(super) struct Bounded {
    pub(super) value: Matrix,
    pub(super) error: Matrix,
}

impl Bounded {
    pub(super) fn exact(value: Matrix) -> Self {
        Self { error: value.map(|_| 0.0), value }
    }

    /// The product of two, each of which may be off by its error.
    fn times(&self, other: &Self) -> Self {
        let (x, w) = (&self.value.abs(), &other.value.abs());
        let error = x.times(&other.error).add(&self.error.times(&w.add(&other.error)));
        Self { value: self.value.times(&other.value), error }
    }

    fn turned(&self) -> Self {
        Self { value: self.value.turned(), error: self.error.turned() }
    }

    /// Rounded to a grid of `unit`.
    fn rounded(mut self, unit: f64) -> Self {
        self.error.x.iter_mut().for_each(|e| *e += unit);
        self
    }

    /// Kept where `on` is 1.
    fn gated(&self, on: &Matrix) -> Self {
        Self { value: self.value.with(on, |x, b| x * b), error: self.error.with(on, |x, b| x * b) }
    }

    fn combine(&self, other: &Self, k: f64) -> Self {
        Self {
            value: self.value.with(&other.value, |a, b| a + k * b),
            error: self.error.with(&other.error, |a, b| a + k.abs() * b),
        }
    }
}

/// An activation's values and slopes, and whether all its branches are sure.
fn activate(kind: &LayerSpec, z: &Bounded, window: f64) -> (Bounded, Matrix, bool) {
    let far = |knot: f64, window: f64| z.value.x.iter().zip(&z.error.x).all(|(z, e)| (z - knot).abs() > e + window);
    if kind.is::<Relu>() {
        let on = z.value.map(|z| if z > 0.0 { 1.0 } else { 0.0 });
        (z.gated(&on), on, far(0.0, window))
    } else if kind.is::<Sigmoid>() {
        let slope = z.value.map(|z| if z.abs() < 2.0 { 0.25 } else { 0.0 });
        let value = z.value.map(|z| (z / 4.0 + 0.5).clamp(0.0, 1.0));
        // what is cut is z / 4, to the same grid
        let error = z.error.with(&slope, |e, s| if s > 0.0 { e } else { 0.0 });
        // a unit of the window of z / 4 is one of the window of z; a quarter more is room for the cut
        let window = 1.25 * window;
        (Bounded { value, error }, slope, far(-2.0, window) && far(2.0, window))
    } else {
        unreachable!("{} is not what this model is of", kind.kind())
    }
}

/// A network in training, in f64.
#[derive(Clone)]
pub(super) struct Exact {
    activations: Vec<LayerSpec>,
    loss: Loss,
    window: f64,
    /// Largest error of a rounding to the profile's grid.
    pub(super) unit: f64,
    /// Largest error of a softmax.
    pub(super) soft: f64,
    /// Weight, bias, weight, bias ..
    pub(super) parameters: Vec<Bounded>,
    velocity: Vec<Bounded>,
    /// Leaves something out, for tests of the tests.
    pub(super) flaw: Option<Flaw>,
}

/// What a wrong program might do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Flaw {
    GradientWithoutLabels,
    NoActivationBackward,
    BiasStays,
    LastBatchOnly,
    MomentumLate,
    MomentumStays,
    NoDecay,
    OtherOptimizer,
}

impl Flaw {
    pub(super) const ALL: [Self; 8] = [
        Self::GradientWithoutLabels,
        Self::NoActivationBackward,
        Self::BiasStays,
        Self::LastBatchOnly,
        Self::MomentumLate,
        Self::MomentumStays,
        Self::NoDecay,
        Self::OtherOptimizer,
    ];
}

/// What a step does with a gradient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    /// The learning rate over the rows of the step.
    pub(super) rate: f64,
    /// A bound on its odd multiple.
    pub(super) times: f64,
    /// What the velocity is multiplied by.
    pub(super) momentum: f64,
    /// The momentum by which the parameters run ahead, and the parts in which the step is rounded: Nesterov's.
    pub(super) ahead: Option<(f64, f64)>,
    /// The part of itself that a parameter loses.
    pub(super) decay: f64,
}

impl Exact {
    pub(super) fn new(profile: &Profile, model: &Model, parameters: Vec<Matrix>) -> Self {
        let parameters: Vec<_> = parameters.into_iter().map(Bounded::exact).collect();
        let velocity = parameters.iter().map(|p| Bounded::exact(p.value.map(|_| 0.0))).collect();
        let unit = f64::exp2(-f64::from(profile.frac));
        let window = f64::from(profile.window.low).exp2() * unit;
        let activations = model.layers().iter().filter(|l| !l.is::<Dense>()).cloned().collect();
        let (loss, soft) = (model.loss(), softmax_error(profile));
        Self { activations, loss, window, unit, soft, parameters, velocity, flaw: None }
    }

    /// One step. Whether all branches are sure.
    pub(super) fn step(&mut self, x: &Matrix, labels: &Matrix, by: Move) -> bool {
        let (unit, window) = (self.unit, self.window);
        let layers = self.parameters.len() / 2;
        // weights are opened on the profile's grid
        let weights: Vec<Bounded> = (0..layers).map(|j| self.parameters[2 * j].clone().rounded(unit)).collect();
        let (mut inputs, mut branches) = (vec![Bounded::exact(x.clone())], Vec::new());
        let mut sure = true;
        let logits = loop {
            let j = inputs.len() - 1;
            let bias = &self.parameters[2 * j + 1];
            let z = inputs[j].times(&weights[j]);
            let z = Bounded { value: z.value.plus_row(&bias.value), error: z.error.plus_row(&bias.error) };
            // a bias is cut to twice the fraction bits, the sum to the wire's
            let z = z.rounded(unit * unit).rounded(unit);
            if j + 1 == layers {
                break z;
            }
            let (y, slope, decided) = activate(&self.activations[j], &z, window);
            sure &= decided;
            inputs.push(y);
            branches.push(slope);
        };
        let (mut dy, decided) = self.loss(&logits, labels);
        sure &= decided;
        let mut gradients = Vec::new();
        for j in (0..layers).rev() {
            let db = Bounded { value: dy.value.sum_rows(), error: dy.error.sum_rows() };
            gradients.push(db);
            gradients.push(inputs[j].turned().times(&dy));
            if j > 0 {
                let ones = branches[j - 1].map(|_| 1.0);
                let slope = if self.flaw == Some(Flaw::NoActivationBackward) { &ones } else { &branches[j - 1] };
                // the product is divided by the slope's power of two, and then cut
                let on = slope.map(|s| if s > 0.0 { 1.0 } else { 0.0 });
                dy = dy.times(&weights[j].turned()).gated(slope).rounded(unit).gated(&on);
            }
        }
        gradients.reverse();
        for (at, gradient) in gradients.into_iter().enumerate() {
            if self.flaw == Some(Flaw::BiasStays) && at % 2 == 1 {
                continue;
            }
            let zero = Bounded::exact(gradient.value.map(|_| 0.0));
            let before = self.velocity[at].clone();
            // momentum and weight decay are off by one unit of 2^-32 each, the gradient by one times the rate's odd multiple;
            // with Nesterov's, gradient and decay by so many times the parts, and what is kept is the momentum times the velocity
            let (mu, parts) = by.ahead.unwrap_or((1.0, 1.0));
            let unit = f64::exp2(-32.0);
            let decay = if self.flaw == Some(Flaw::NoDecay) { 0.0 } else { by.decay };
            let step = zero.combine(&gradient, by.rate).combine(&self.parameters[at], decay);
            let step = step.rounded((by.times + 1.0) * parts * unit);
            self.velocity[at] = step.combine(&before, by.momentum).rounded(unit / mu);
            let ahead = if self.flaw == Some(Flaw::OtherOptimizer) { by.ahead.is_none() } else { by.ahead.is_some() };
            let moved = match ahead {
                _ if self.flaw == Some(Flaw::MomentumLate) => step,
                true => step.combine(&self.velocity[at], by.ahead.map_or(by.momentum, |(mu, _)| mu)),
                false => self.velocity[at].clone(),
            };
            self.parameters[at] = self.parameters[at].combine(&moved, -1.0);
        }
        sure
    }

    /// What the loss makes of the logits, minus labels; and whether all branches are sure. Where all logits move by `e` at
    /// most, a probability moves by `e / 2` at most: `p (1 - p) 2 e`.
    fn loss(&self, logits: &Bounded, labels: &Matrix) -> (Bounded, bool) {
        let (y, decided) = match self.loss {
            Loss::SoftmaxCrossEntropy => (self.softmax(logits), true),
            Loss::Square => (logits.clone(), true),
            Loss::SigmoidCrossEntropy => {
                let (y, _, decided) = activate(&LayerSpec::from(Sigmoid), logits, self.window);
                (y, decided)
            }
        };
        let labels = if self.flaw == Some(Flaw::GradientWithoutLabels) { labels.map(|_| 0.0) } else { labels.clone() };
        (y.combine(&Bounded::exact(labels), -1.0), decided)
    }

    fn softmax(&self, logits: &Bounded) -> Bounded {
        let classes = logits.value.cols;
        let (mut value, mut error) = (Vec::new(), Vec::new());
        let rows = logits.value.x.chunks_exact(classes).zip(logits.error.x.chunks_exact(classes));
        for (y, off) in rows {
            let exps: Vec<f64> = y.iter().map(|y| y.exp()).collect();
            let sum: f64 = exps.iter().sum();
            let largest = off.iter().copied().fold(0.0, f64::max);
            value.extend(exps.iter().map(|e| e / sum));
            error.extend(exps.iter().map(|_| self.soft + largest / 2.0));
        }
        Bounded { value: Matrix::new(classes, value), error: Matrix::new(classes, error) }
    }

    /// All parameters and their errors.
    pub(super) fn flat(&self) -> (Vec<f64>, Vec<f64>) {
        let all = |of: fn(&Bounded) -> &Matrix| self.parameters.iter().flat_map(|p| of(p).x.clone()).collect();
        (all(|p| &p.value), all(|p| &p.error))
    }

    /// The largest of `|got - value| - error` over all parameters: what is above 0 is out of bounds.
    pub(super) fn excess(&self, got: &[Vec<f64>]) -> f64 {
        let far = |(p, got): (&Bounded, &Vec<f64>)| {
            let each = p.value.x.iter().zip(&p.error.x).zip(got);
            each.map(|((value, error), got)| (got - value).abs() - error).fold(f64::NEG_INFINITY, f64::max)
        };
        self.parameters.iter().zip(got).map(far).fold(f64::NEG_INFINITY, f64::max)
    }
}
