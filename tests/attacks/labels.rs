//! Attack (b): a cloud learns the labels by waiting.
//!
//! In the original the labels are shared anew in every epoch, as real numbers, in the same order of samples: of a one-hot label
//! `y` one cloud gets `s_1 = y + r` with `r ~ N(0, 1)`, the other `-r`. After `E` epochs the mean of a label's shares is `y +
//! r'` with `r' ~ N(0, 1/E)`. The largest of its ten entries is the label more and more often: in 34 % of all rows after 1
//! epoch, 74 % after 5, 92 % after 10, 99.8 % after 25.
//!
//! Here a cloud gets a label once, plus a mask that is uniform over the ring, and computes with that in every epoch: a mean of
//! 25 equal numbers is no better than one. What is new in an epoch and holds labels is the gradient at the output, which is
//! opened under a fresh uniform mask: the mean of numbers that are uniform over a ring says nothing of what they hide.

use ppdnn::fixed::Profile;
use ppdnn::nn::Model;
use ppdnn::roles::Training;
use ppdnn::train::{Reveals, Schedule};

use crate::cloud::{Cloud, Opened, Seeds, less};
use crate::{Normal, mnist};

const CLASSES: usize = 10;

/// The attack: the sums of shares of one-hot labels, epoch by epoch.
struct Averaging {
    sum: Vec<f64>,
}

impl Averaging {
    fn new(rows: usize) -> Self {
        Self { sum: vec![0.0; rows * CLASSES] }
    }

    fn hear(&mut self, shares: &[f64]) {
        self.sum.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
    }

    /// The share of labels that are the largest entry of their sum.
    fn right(&self, labels: &[u32]) -> f64 {
        let guess = |row: &[f64]| (0..CLASSES).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        let right = self.sum.chunks_exact(CLASSES).zip(labels).filter(|(row, label)| guess(row) == **label as usize);
        right.count() as f64 / labels.len() as f64
    }
}

/// One-hot labels.
fn one_hot(labels: &[u32]) -> Vec<f64> {
    let entry = |(label, class): (u32, usize)| f64::from(u8::from(class == label as usize));
    labels.iter().flat_map(|label| (0..CLASSES).map(|class| (*label, class))).map(entry).collect()
}

/// Four standard deviations of a share of `n` rows.
fn four_deviations(p: f64, n: usize) -> f64 {
    4.0 * (p * (1.0 - p) / n as f64).sqrt()
}

#[test]
fn in_the_original_a_cloud_learns_the_labels_within_25_epochs() {
    let labels = mnist(20_000).labels().to_vec();
    let (y, mut normal, mut averaging) =
        (one_hot(&labels), Normal::new("shares of labels"), Averaging::new(labels.len()));
    for epoch in 1..=25 {
        let shares: Vec<f64> = y.iter().map(|y| y + normal.next()).collect();
        averaging.hear(&shares);
        let figure = match epoch {
            1 => 0.34,
            5 => 0.74,
            10 => 0.92,
            25 => 0.998,
            _ => continue,
        };
        let right = averaging.right(&labels);
        println!("epoch {epoch}: {right} of the labels");
        // a figure of two digits may be off by half of the last one
        let rounded = if epoch == 25 { 0.0005 } else { 0.005 };
        assert!((right - figure).abs() < rounded + four_deviations(figure, labels.len()), "epoch {epoch}: {right}");
    }
}

#[test]
fn here_25_epochs_tell_a_cloud_no_more_than_chance() {
    const EPOCHS: u32 = 25;
    const BATCH: usize = 100;
    let train = mnist(1_000);
    let (labels, rows) = (train.labels(), train.labels().len());
    let training = Training::new(Model::named("logistic", 784, CLASSES).unwrap())
        .profile(Profile::small())
        .epochs(EPOCHS)
        .batch(100);
    let training = training.shuffle(false).schedule(Schedule::Constant);
    let cloud = Cloud::of(&training.reveal(Reveals::NOTHING), &train);

    // the label, the same in every epoch
    let hat = cloud.labels();
    assert_eq!(hat.len(), rows * CLASSES, "an owner sends a label once");
    let (own, other) = (cloud.own.labels(rows), cloud.other.labels(rows));
    assert_eq!(less(&hat, &[&own, &other]), one_hot(labels), "without both masks it is the label");
    let mut averaging = Averaging::new(rows);
    (0..EPOCHS).for_each(|_| averaging.hear(&less(&hat, &[&own])));
    println!("{} of the labels by 25 epochs of masked labels", averaging.right(labels));
    chance(averaging.right(labels), rows);

    // the gradient at the output, anew in every epoch; its mask is the draw behind what was dealt for the probabilities
    let opened = cloud.opened(BATCH * CLASSES);
    assert_eq!(opened.len(), EPOCHS as usize * rows / BATCH, "one opening a step");
    let [mut masked, mut bare] = [Averaging::new(rows), Averaging::new(rows)];
    for epoch in opened.chunks_exact(rows / BATCH) {
        let mask = |of: &Seeds, at: &Opened| of.mask(at.before.unwrap() + 1, at.hat.len());
        let minus = |x: Vec<f64>| x.into_iter().map(|x| -x).collect::<Vec<_>>();
        let one = |at: &Opened| less(&at.hat, &[&mask(&cloud.own, at)]);
        let both = |at: &Opened| less(&at.hat, &[&mask(&cloud.own, at), &mask(&cloud.other, at)]);
        masked.hear(&minus(epoch.iter().flat_map(one).collect()));
        bare.hear(&minus(epoch.iter().flat_map(both).collect()));
    }
    println!("{} by 25 epochs of masked gradients, {} by bare ones", masked.right(labels), bare.right(labels));
    chance(masked.right(labels), rows);
    // the control: the attack finds the labels where no mask is left
    assert!(bare.right(labels) > 0.99, "{}", bare.right(labels));
}

/// Asserts that one in ten was right, up to six deviations; the masks are the operating system's.
fn chance(right: f64, rows: usize) {
    assert!((right - 0.1).abs() < 1.5 * four_deviations(0.1, rows), "{right} of the labels are found");
}
