//! Rows of many classes: softmax and the count of right answers against f64, on shares and in the clear, and what a run of them
//! counts and plans ([`World::run`] holds every gate against its law, and the cost against the plan).

use super::*;
use crate::fixed::MASTER_FRAC;
use crate::gates::OpenRequest;
use crate::gates::harness::{Gate, Record};
use crate::nn::{hits_of_many, softmax_of_many};
use crate::party::Scaled;

/// Softmax of rows of logits, parameter 0.
struct Soft {
    rows: usize,
    classes: usize,
}

/// Logits at the profile's scale, from a parameter's lowest bits.
fn logits<E: Engine>(e: &mut E, shape: [usize; 2]) -> Result<E::Wire> {
    let p = *e.profile();
    let y = e.parameter(0, &shape.into())?.with_frac(MASTER_FRAC);
    let y = e.narrow(&y, p.frac)?;
    let [y] = e.open([OpenRequest::product(&y, &p)])?;
    Ok(y)
}

impl Program for Soft {
    fn run<E: Engine>(&self, e: &mut E) -> Result<()> {
        let y = logits(e, [self.rows, self.classes])?;
        softmax_of_many(e, &y).map(drop)
    }
}

/// The count of rows of logits, parameter 0, whose largest is at the label: set `TestLabels`.
struct Right {
    rows: usize,
    classes: usize,
}

impl Program for Right {
    fn run<E: Engine>(&self, e: &mut E) -> Result<()> {
        let y = logits(e, [self.rows, self.classes])?;
        let rows: Vec<u32> = (0..).take(self.rows).collect();
        let labels = e.rows(Set::TestLabels, &rows)?;
        hits_of_many(e, y, &labels).map(drop)
    }
}

/// Rows of logits, in real numbers, that are hard: equal, far apart, near each other, few large ones.
fn hard(classes: usize) -> Vec<Vec<f64>> {
    let row = |f: &dyn Fn(usize) -> f64| (0..classes).map(f).collect::<Vec<_>>();
    vec![
        row(&|_| 0.0),
        row(&|_| -57.0),
        row(&|i| if i == 0 { 57.0 } else { -57.0 }),
        row(&|i| if i == classes - 1 { 57.0 } else { -57.0 }),
        row(&|i| if i == classes / 2 { 57.0 } else { -57.0 }),
        // sums of exponentials around 15 and 240, where their scale changes
        row(&|i| if i < 14 { 2.0 } else { -90.0 }),
        row(&|i| if i < 15 { 2.0 } else { -90.0 }),
        row(&|i| if i < 239 { 2.0 } else { -90.0 }),
        row(&|i| if i < 240 { 2.0 } else { -90.0 }),
        row(&|i| 111.9 - 223.8 * (i as f64 / (classes - 1) as f64)),
        row(&|i| 1.0 + i as f64 / 256.0),
        row(&|i| (i % 3) as f64 / 256.0),
        row(&|i| (i as f64 * 1.7).sin() * 3.0),
        row(&|i| (i as f64 * 0.9).cos() * 9.0),
    ]
}

/// Logits as integers of the profile, and as the parameter that they are taken from.
#[expect(clippy::cast_possible_truncation, reason = "logits are small")]
fn encoded(rows: &[Vec<f64>], p: &Profile) -> (Vec<f64>, ClearTensor) {
    let scale = f64::exp2(f64::from(p.frac));
    let y: Vec<i64> = rows.iter().flatten().map(|y| (y * scale).round() as i64).collect();
    let lifted = y.iter().map(|y| y << (MASTER_FRAC - p.frac)).collect();
    (y.iter().map(|y| *y as f64 / scale).collect(), ClearTensor::master(lifted, [rows.len(), rows[0].len()]))
}

/// How far from f64's softmax a row may be: one unit, the table of `1 / S`, and the exponentials' errors in the sum, of a unit of
/// 2^-16 each and independent: ten standard deviations.
fn bound(p: &Profile, classes: usize) -> f64 {
    let unit = f64::exp2(-f64::from(p.frac));
    let table = if p.frac <= 8 { 1.6e-3 } else { 8e-4 };
    unit + table + 10.0 * (classes as f64).sqrt() * f64::exp2(-17.0)
}

fn last(records: &[Record<ClearTensor>]) -> Vec<f64> {
    let record = records.iter().rfind(|r| r.gate == Gate::Probability).unwrap();
    let frac = record.output.frac;
    record.output.x.iter().map(|x| *x as f64 * f64::exp2(-f64::from(frac))).collect()
}

#[test]
fn softmax_of_many_classes_is_that_of_f64() {
    for p in profiles() {
        for classes in [15, 16, 17, 26, 100, 300, 1000] {
            let rows = hard(classes);
            let (y, parameter) = encoded(&rows, &p);
            let mut world = World::new(&p, classes as u64);
            world.parameters = vec![parameter];
            let program = Soft { rows: rows.len(), classes };
            for records in [world.run(&program).records, world.run_clear(&program)] {
                let got = last(&records);
                for (row, (y, got)) in y.chunks_exact(classes).zip(got.chunks_exact(classes)).enumerate() {
                    let top = y.iter().copied().fold(f64::MIN, f64::max);
                    let sum: f64 = y.iter().map(|y| (y - top).exp()).sum();
                    let worst =
                        y.iter().zip(got).map(|(y, got)| (got - (y - top).exp() / sum).abs()).fold(0.0, f64::max);
                    assert!(worst <= bound(&p, classes), "{}, {classes} classes, row {row}: off by {worst}", p.name);
                    // and the bound notices a row whose sum had the wrong scale
                    let wrong = y.iter().zip(got).map(|(y, got)| (got / 16.0 - (y - top).exp() / sum).abs());
                    let largest = y.iter().map(|y| (y - top).exp() / sum).fold(0.0, f64::max);
                    assert!(largest < 4.0 * bound(&p, classes) || wrong.fold(0.0, f64::max) > bound(&p, classes));
                }
            }
        }
    }
}

/// The rows whose logit at the label is the largest, as the tournament finds it: of equal ones the one in the first half.
fn count(rows: &[Vec<f64>], labels: &[usize]) -> usize {
    let winner = |row: &Vec<f64>| {
        let mut left: Vec<usize> = (0..row.len()).collect();
        while left.len() > 1 {
            let half = left.len().div_ceil(2);
            let (a, b) = (&left[..half], &left[left.len() - half..]);
            left = a.iter().zip(b).map(|(a, b)| if row[*a] >= row[*b] { *a } else { *b }).collect();
        }
        left[0]
    };
    rows.iter().zip(labels).filter(|(row, label)| winner(row) == **label).count()
}

#[test]
fn right_answers_of_many_classes_are_counted_each_row_once() {
    for p in profiles() {
        let grid = 1i64 << p.frac;
        for classes in [15, 17, 26, 100] {
            let rows = hard(classes);
            let (_, parameter) = encoded(&rows, &p);
            let mut all = 0;
            for shift in 0..classes {
                let labels: Vec<usize> = (0..rows.len()).map(|row| (row + shift) % classes).collect();
                let one_hot =
                    |label: &usize| (0..classes).map(|c| if c == *label { grid } else { 0 }).collect::<Vec<_>>();
                let mut world = World::new(&p, 5 + shift as u64);
                world.parameters = vec![parameter.clone()];
                push(&mut world, Set::TestLabels, classes, labels.iter().flat_map(one_hot).collect());
                let program = Right { rows: rows.len(), classes };
                let of = |records: &[Record<ClearTensor>]| records.last().unwrap().output.x[0];
                let want = i64::try_from(count(&rows, &labels)).unwrap() * grid;
                assert_eq!(of(&world.run_clear(&program)), want, "{}, {classes} classes, in the clear", p.name);
                // on shares the first and the last few labels
                if shift < 2 || shift + 2 > classes {
                    assert_eq!(of(&world.run(&program).records), want, "{}, {classes} classes, shares", p.name);
                }
                all += want / grid;
            }
            assert_eq!(usize::try_from(all).unwrap(), rows.len(), "every row has one label that is right");
        }
    }
}
