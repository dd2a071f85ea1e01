//! Attack (c): a cloud learns the output weights by waiting.
//!
//! In the original the weights of the output layer go to one cloud in every step as `s_1 = W + r`, real numbers, with a fresh
//! `r ~ N(0, 1)`. Weights move slowly. The mean of the shares of 2,500 steps is a mean of the weights plus noise of deviation
//! 2500^-1/2 = 0.020, against weights of 0.052 (rms).
//!
//! Here weights are opened under a fresh mask in every step too, but the mask is uniform over the ring of 32 bits. The mean of
//! 2,500 of them is the mean of as many uniform guesses; and a mean that knows of the ring, the direction of the sum of the
//! numbers as points on a circle, is one uniform guess.

use std::f64::consts::TAU;

use ndarray::Array2;
use ppdnn::data::Examples;
use ppdnn::fixed::Profile;
use ppdnn::nn::Model;
use ppdnn::roles::Training;
use ppdnn::train::{Reveals, Schedule};

use crate::cloud::{Cloud, less};
use crate::{Normal, mnist, rms};

const STEPS: usize = 2_500;

/// The attack: the mean of all shares.
fn mean(shares: &[Vec<f64>]) -> Vec<f64> {
    let mut mean = vec![0.0; shares[0].len()];
    shares.iter().for_each(|s| mean.iter_mut().zip(s).for_each(|(m, s)| *m += s / shares.len() as f64));
    mean
}

/// The same on a circle of so many units.
fn circular_mean(shares: &[Vec<f64>], around: f64) -> Vec<f64> {
    let one = |i: usize| {
        let (sin, cos) = shares.iter().fold((0.0, 0.0), |(sin, cos), s| {
            let (a, b) = (s[i] / around * TAU).sin_cos();
            (sin + a, cos + b)
        });
        f64::atan2(sin, cos) / TAU * around
    };
    (0..shares[0].len()).map(one).collect()
}

fn error(guess: &[f64], weights: &[f64]) -> f64 {
    rms(guess.iter().zip(weights).map(|(a, b)| a - b))
}

/// A step of softmax regression on a row, with a learning rate at which weights move slowly.
fn step(w: &mut [f64], x: &[f64], label: usize) {
    const RATE: f64 = 5e-4;
    let mut y = [0.0; 10];
    for (x, w) in x.iter().zip(w.chunks_exact(10)).filter(|(x, _)| **x != 0.0) {
        y.iter_mut().zip(w).for_each(|(y, w)| *y += x * w);
    }
    let sum: f64 = y.iter().map(|y| y.exp()).sum();
    let dy: Vec<f64> = (0..10).map(|i| y[i].exp() / sum - f64::from(u8::from(i == label))).collect();
    for (x, w) in x.iter().zip(w.chunks_exact_mut(10)).filter(|(x, _)| **x != 0.0) {
        w.iter_mut().zip(&dy).for_each(|(w, dy)| *w -= RATE * x * dy);
    }
}

#[test]
fn in_the_original_2_500_steps_tell_a_cloud_the_weights() {
    let train = mnist(STEPS);
    let mut normal = Normal::new("shares of weights");
    // as He begins a layer of 784 inputs: deviation 0.0505
    let mut w: Vec<f64> = normal.take(7_840).into_iter().map(|w| w * (2.0f64 / 784.0).sqrt()).collect();
    let (mut sum, begin) = (vec![0.0; w.len()], w.clone());
    for (x, label) in train.features().rows().into_iter().zip(train.labels()) {
        let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        step(&mut w, &x, *label as usize);
        sum.iter_mut().zip(&w).for_each(|(sum, w)| *sum += w + normal.next());
    }
    let mean: Vec<f64> = sum.iter().map(|sum| sum / STEPS as f64).collect();
    let (size, left) = (rms(w.iter().copied()), error(&mean, &w));
    println!("weights of {size}, {} from where they began; an error of {left}", error(&begin, &w));
    assert!(error(&begin, &w) > 0.005, "the weights move");
    assert!((size - 0.052).abs() < 0.002, "weights of {size}");
    assert!((left - 0.020).abs() < 0.002, "an error of {left}");
}

#[test]
fn here_2_500_steps_tell_a_cloud_no_more_than_a_uniform_guess() {
    const INPUTS: usize = 16;
    const OUTPUT: usize = 32 * 10;
    let features = Array2::from_shape_fn((80, INPUTS), |(i, j)| ((i * 37 + j * 11 + i * j) % 64) as f32 / 64.0);
    let train = Examples::new(features, (0..10).cycle().take(80).collect(), 10).unwrap();
    let training =
        Training::new(Model::dense("small", INPUTS, &[32], 10).unwrap()).profile(Profile::small()).epochs(250).batch(8);
    let training = training.learning_rate(f64::exp2(-10.0)).momentum(0.0).schedule(Schedule::Constant);
    let cloud = Cloud::of(&training.reveal(Reveals::NOTHING), &train);

    // a step opens the weights of both layers at once, under the draws just before the first thing that is dealt
    let opened = cloud.opened(INPUTS * 32 + OUTPUT);
    assert_eq!(opened.len(), STEPS);
    let (mut shares, mut weights) = (Vec::new(), Vec::new());
    for at in &opened {
        let hat = &at.hat[INPUTS * 32..];
        let stream = at.behind.unwrap() - 1;
        let (own, other) = (cloud.own.mask(stream, OUTPUT), cloud.other.mask(stream, OUTPUT));
        shares.push(less(hat, &[&own]));
        weights.push(less(hat, &[&own, &other]));
    }
    assert!(opened.windows(2).all(|w| w[0].head.step + 1 == w[1].head.step), "one opening a step");
    // without both masks they are the weights, and a mean tells them
    let last = weights.last().unwrap();
    let size = rms(last.iter().copied());
    assert!((0.1..0.4).contains(&size), "weights of {size}, begun at a deviation of {}", (2.0f64 / 32.0).sqrt());
    assert!(error(&mean(&weights), last) < 0.2 * size);

    // 24 integer bits: a uniform guess is off by 2^24 / 12^1/2 = 4.8 million
    let around = f64::exp2(24.0);
    let guess = around / 12f64.sqrt();
    let left = error(&mean(&shares), last);
    let expected = guess / (STEPS as f64).sqrt();
    println!("weights of {size}; an error of {left}, of as many uniform guesses {expected}");
    // the rms of 320 normal numbers is within a quarter of its deviation, beyond six times its own
    assert!((left / expected - 1.0).abs() < 0.25, "an error of {left}, of as many uniform guesses {expected}");
    let left = error(&circular_mean(&shares, around), last);
    // of uniform ones it is even closer
    assert!((left / guess - 1.0).abs() < 0.25, "an error of {left}, of a uniform guess {guess}");
    let correlation =
        mean(&shares).iter().zip(last).map(|(a, b)| a * b).sum::<f64>() / (expected * size * OUTPUT as f64);
    assert!(correlation.abs() < 6.0 / (OUTPUT as f64).sqrt(), "a correlation of {correlation}");
}
