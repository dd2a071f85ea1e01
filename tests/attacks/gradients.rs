//! Attack (a): the trainer sees the training images.
//!
//! In the original the trainer keeps its data from the clouds by a secret matrix `A` and a secret number `gamma`: they get
//! `A^-1 x`, and the first layer's gradient comes back to the trainer per example, as `v (A^-1 x)^T / gamma`, with `v` what was
//! propagated back. But whoever trains need not own the images, and `A` and `gamma` are the trainer's. It multiplies by `A^T`:
//! `v (A^-1 x)^T A^T / gamma = v x^T / gamma`, a matrix of rank one. Every row of it that is not 0 is the image, up to scale.
//!
//! Here the trainer gets progress, counts, and the model, which comes in halves and sealed. Read as numbers of any of four
//! types, from any byte on, as they are or multiplied by `A^T`, what it receives is like no image.

use ppdnn::fixed::Profile;
use ppdnn::nn::Model;
use ppdnn::roles::Training;
use ppdnn::train::Reveals;

use crate::tapped::tapped;
use crate::{Normal, mnist};

/// Pixels.
const D: usize = 784;

/// A square matrix of `D` rows.
struct Matrix(Vec<f64>);

impl Matrix {
    /// `self x`.
    fn times(&self, x: &[f64]) -> Vec<f64> {
        self.0.chunks_exact(D).map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
    }

    /// Solves `self z = x` for many `x`, by Gaussian elimination with pivots.
    fn solve(&self, mut x: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        let mut rows: Vec<Vec<f64>> = self.0.chunks_exact(D).map(<[f64]>::to_vec).collect();
        for k in 0..D {
            let pivot = (k..D).max_by(|a, b| rows[*a][k].abs().total_cmp(&rows[*b][k].abs())).unwrap();
            rows.swap(k, pivot);
            x.iter_mut().for_each(|x| x.swap(k, pivot));
            let (top, below) = rows.split_at_mut(k + 1);
            let top = &top[k];
            for (i, row) in below.iter_mut().enumerate() {
                let factor = row[k] / top[k];
                row[k..].iter_mut().zip(&top[k..]).for_each(|(a, b)| *a -= factor * b);
                x.iter_mut().for_each(|x| x[k + 1 + i] -= factor * x[k]);
            }
        }
        for x in &mut x {
            for k in (0..D).rev() {
                let known: f64 = rows[k][k + 1..].iter().zip(&x[k + 1..]).map(|(a, b)| a * b).sum();
                x[k] = (x[k] - known) / rows[k][k];
            }
        }
        x
    }
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length.is_normal() { dot(a, b) / length } else { 0.0 }
}

/// The attack: the rows of what was received, multiplied by `A^T`: `A` times each row.
fn unmask(rows: &[Vec<f64>], a: &Matrix) -> Vec<Vec<f64>> {
    rows.iter().map(|row| a.times(row)).collect()
}

/// Single precision, in which the original sends.
#[expect(clippy::cast_possible_truncation, reason = "that is what it is for")]
fn single(x: f64) -> f32 {
    x as f32
}

fn images(count: usize) -> Vec<Vec<f64>> {
    mnist(count).features().rows().into_iter().map(|row| row.iter().map(|x| f64::from(*x)).collect()).collect()
}

/// What was propagated back to 16 hidden units of a network with one hidden layer, at its first step.
fn propagated(x: &[f64], label: usize, w: &[Vec<f64>; 2]) -> Vec<f64> {
    let layer = |w: &[f64], x: &[f64]| -> Vec<f64> {
        w.chunks_exact(x.len()).map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
    };
    let hidden: Vec<f64> = layer(&w[0], x);
    let logits = layer(&w[1], &hidden.iter().map(|h| h.max(0.0)).collect::<Vec<_>>());
    let sum: f64 = logits.iter().map(|y| y.exp()).sum();
    let error: Vec<f64> = (0..10).map(|i| logits[i].exp() / sum - f64::from(u8::from(i == label))).collect();
    let back = |j: usize| error.iter().enumerate().map(|(i, e)| e * w[1][i * hidden.len() + j]).sum::<f64>();
    hidden.iter().enumerate().map(|(j, h)| if *h > 0.0 { back(j) } else { 0.0 }).collect()
}

#[test]
fn in_the_original_the_trainer_sees_every_image() {
    let (x, labels) = (images(20), mnist(20).labels().to_vec());
    let mut normal = Normal::new("the trainer's matrix");
    let (a, gamma) = (Matrix(normal.take(D * D)), 3.7);
    let w = [(D, 16), (16, 10)].map(|(from, to)| -> Vec<f64> {
        normal.take(from * to).into_iter().map(|w| w * (2.0 / from as f64).sqrt()).collect()
    });
    let (mut seen, mut worst) = (0, 1f64);
    for ((z, x), label) in a.solve(x.clone()).iter().zip(&x).zip(labels) {
        assert!(cosine(z, x).abs() < 0.9, "a cloud does not see the image");
        let v = propagated(x, label as usize, &w);
        let received: Vec<Vec<f64>> =
            v.iter().map(|v| z.iter().map(|z| f64::from(single(v * z / gamma))).collect()).collect();
        for (row, v) in unmask(&received, &a).iter().zip(v).filter(|(_, v)| *v != 0.0) {
            let cosine = cosine(row, x).abs();
            assert!(cosine > 0.999, "row of {v}: {cosine}");
            (seen, worst) = (seen + 1, worst.min(cosine));
        }
    }
    println!("{seen} rows are images, with cosines of {worst} and more");
    assert!(seen >= 20 * 4, "{seen} rows were images");
}

/// Everything in a frame that could be `D` numbers: of 1, 4 or 8 bytes, from any byte on.
fn rows_in(body: &[u8]) -> Vec<Vec<f64>> {
    let mut rows = Vec::new();
    let mut read = |width: usize, number: &dyn Fn(&[u8]) -> f64| {
        for from in 0..width.min(body.len()) {
            let windows = body[from..].chunks_exact(D * width);
            rows.extend(windows.map(|row| row.chunks_exact(width).map(number).collect::<Vec<_>>()));
        }
    };
    read(1, &|b| f64::from(b[0].cast_signed()));
    read(4, &|b| f64::from(i32::from_le_bytes(b.try_into().unwrap())));
    read(4, &|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())));
    read(8, &|b| i64::from_le_bytes(b.try_into().unwrap()) as f64);
    rows
}

#[test]
fn here_the_trainer_receives_nothing_that_is_like_an_image() {
    let (train, test, x) = (mnist(200), mnist(250), images(200));
    let a = Matrix(Normal::new("the trainer's matrix").take(D * D));
    for model in [false, true] {
        let reveal = Reveals { accuracy: true, model, ..Reveals::NOTHING };
        let training = Training::new(Model::dense("small", D, &[16], 10).unwrap())
            .profile(Profile::small())
            .epochs(2)
            .batch(20)
            .reveal(reveal);
        let heard = tapped(&training, &train, &test);
        let received: Vec<_> = heard.iter().filter(|h| h.to == "trainer").map(|h| &h.frame.body).collect();
        let rows: Vec<Vec<f64>> = received.iter().flat_map(|body| rows_in(body)).collect();
        assert!(received.len() > 10, "it hears of progress and counts");
        if !model {
            assert!(rows.is_empty(), "no frame has room for a row");
            continue;
        }
        assert!(rows.len() > 100, "sealed parameters have room");
        let best =
            |rows: &[Vec<f64>]| rows.iter().flat_map(|row| x.iter().map(|x| cosine(row, x).abs())).fold(0.0, f64::max);
        // numbers without a pattern have a cosine of 0 with an image, give or take 784^-1/2 = 0.036
        let (plain, unmasked) = (best(&rows), best(&unmask(&rows, &a)));
        println!("cosines of at most {plain} as received, {unmasked} times A^T, of {} rows", rows.len());
        assert!(plain < 0.4 && unmasked < 0.4, "{plain} as received, {unmasked} times A^T");
    }
    // the control: an image on its way would be found
    let body: Vec<u8> = [7, 9].into_iter().chain(x[3].iter().flat_map(|x| single(*x).to_le_bytes())).collect();
    assert!(rows_in(&body).iter().any(|row| cosine(row, &x[3]) > 0.999));
}
