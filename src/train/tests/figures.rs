//! Figures on test rows: what is counted on shares and in the clear against counts over the rows, and that it is uniform to the
//! servers. That gates keep their laws and cost what is planned is asserted in every run ([`World::run`]).

use std::sync::{Arc, Mutex};

use super::privacy::assert_uniform;
use super::*;
use crate::fixed::MASTER_FRAC;
use crate::gates::MOST_COMPARED;
use crate::nn::{Counted, Loss, thresholds};
use crate::party::{Figure, Revealed};

/// Figures of rows of logits, parameter 0, and labels, set `TestLabels`.
struct Counting {
    shape: [usize; 2],
    loss: Loss,
    accuracy: bool,
    figures: Vec<Figure>,
}

impl Program for Counting {
    fn run<E: Engine>(&self, e: &mut E) -> Result<()> {
        let frac = e.profile().frac;
        let z = e.parameter(0, &self.shape.into())?;
        let z = e.narrow(&z, 2 * frac)?;
        let rows: Vec<u32> = (0..).take(self.shape[0]).collect();
        let labels = e.rows(Set::TestLabels, &rows)?;
        let counted = Counted::of(e, &of(self.shape[1], self.loss), (&z, &labels), self.accuracy, &self.figures)?;
        let (first, again) = (counted.add(e, &counted)?, counted);
        // twice the rows, less the rows
        let once = |e: &mut E, twice, once| e.subtract(twice, once);
        for (figure, (a, b)) in self.figures.iter().zip(first.figures.iter().zip(&again.figures)) {
            let sums = once(e, a, b)?;
            e.reveal(Revealed::Figure(*figure), &sums)?;
        }
        match (&first.hits, &again.hits) {
            (Some(a), Some(b)) => once(e, a, b).and_then(|hits| e.reveal(Revealed::Hits { epoch: 1 }, &hits)),
            _ => Ok(()),
        }
    }
}

/// A network of so many outputs.
fn of(outputs: usize, loss: Loss) -> Model {
    Model::dense("own", 1, &[], outputs).unwrap().with_loss(loss)
}

/// Logits in 64ths, and labels.
struct Rows {
    logits: Vec<Vec<i64>>,
    labels: Vec<usize>,
}

impl Rows {
    fn random(seed: u64, [rows, classes]: [usize; 2], spread: i64) -> Self {
        let words = random(&public_seed(seed, "figures"), rows * (classes + 1));
        let number = |word: u64, most: i64| i64::try_from(word >> 33).unwrap() % most;
        let row = |w: &[u64]| w[1..].iter().map(|w| number(*w, 2 * spread + 1) - spread).collect();
        let label = |w: &[u64]| usize::try_from(number(w[0], i64::try_from(classes).unwrap())).unwrap();
        let words = || words.chunks_exact(classes + 1);
        Self { logits: words().map(row).collect(), labels: words().map(label).collect() }
    }

    fn world(&self, p: &Profile, seed: u64) -> World {
        let (rows, classes, grid) = (self.labels.len(), self.logits[0].len(), 1i64 << p.frac);
        let mut world = World::new(p, seed);
        let z = self.logits.iter().flatten().map(|z| z << (MASTER_FRAC - 6)).collect();
        world.parameters = vec![ClearTensor::master(z, [rows, classes])];
        let one_hot = |label: &usize| (0..classes).map(|c| i64::from(c == *label) * grid).collect::<Vec<_>>();
        push(&mut world, Set::TestLabels, classes, self.labels.iter().flat_map(one_hot).collect());
        world
    }

    fn each(&self) -> impl Iterator<Item = (&[i64], usize)> {
        self.logits.iter().map(Vec::as_slice).zip(self.labels.iter().copied())
    }

    /// The first of the largest.
    fn predicted(row: &[i64]) -> usize {
        (0..row.len()).rev().max_by_key(|i| row[*i]).unwrap()
    }

    /// The figure by its definition, and by how much it may be off; as it is revealed.
    fn expected(&self, figure: Figure, loss: Loss, p: &Profile) -> (Vec<f64>, f64) {
        let classes = self.logits[0].len();
        match figure {
            Figure::R2 => unreachable!("of classes"),
            Figure::Confusion => {
                let mut all = vec![0.0; classes * classes];
                self.each()
                    .for_each(|(row, label)| all[Self::predicted(row) * classes + label] += f64::exp2(p.frac.into()));
                (all, 0.0)
            }
            Figure::Roc => {
                let side = |class: usize, t: i64| {
                    self.each().filter(|(row, label)| *label == class && row[1] - row[0] >= t).count() as f64
                };
                ([1, 0].into_iter().flat_map(|class| thresholds().map(move |t| side(class, t))).collect(), 0.0)
            }
            Figure::SquaredError => {
                let (mut sum, mut off) = (0.0, 0.0);
                let unit = f64::exp2(-f64::from(p.frac));
                let error = if loss == Loss::SoftmaxCrossEntropy { 4e-3 } else { 2.0 * unit };
                for (row, label) in self.each() {
                    for (class, y) in prediction(row, loss).into_iter().enumerate() {
                        let d = y - f64::from(u8::from(class == label));
                        sum += d * d;
                        off += 2.0 * d.abs() * error + error * error;
                    }
                }
                let one = f64::exp2(MASTER_FRAC.into());
                (vec![sum * one], off * one)
            }
            Figure::TopFive => {
                let right = |(row, label): &(&[i64], usize)| row.iter().filter(|z| **z > row[*label]).count() < 5;
                (vec![self.each().filter(right).count() as f64], 0.0)
            }
        }
    }
}

/// What the loss makes of a row's outputs, in 64ths.
pub(super) fn prediction(row: &[i64], loss: Loss) -> Vec<f64> {
    let real = row.iter().map(|z| *z as f64 / 64.0);
    match loss {
        Loss::SigmoidCrossEntropy => real.map(|z| (z / 4.0 + 0.5).clamp(0.0, 1.0)).collect(),
        Loss::SoftmaxCrossEntropy => {
            let all: Vec<f64> = real.map(f64::exp).collect();
            let sum: f64 = all.iter().sum();
            all.into_iter().map(|e| e / sum).collect()
        }
        _ => real.collect(),
    }
}

/// What is revealed on shares, and in the clear.
fn revealed(world: &World, program: &Counting) -> [Vec<(Revealed, Vec<f64>)>; 2] {
    let real = |x: &[i64]| x.iter().map(|x| *x as f64).collect::<Vec<_>>();
    let shares = world.run(program).revealed.iter().map(|(what, x)| (*what, real(x))).collect();
    world.run_clear(program);
    let (mut clear, seen) = (world.clear(), Arc::<Mutex<Vec<_>>>::default());
    let sink = seen.clone();
    clear.set_reveal_channel(move |what, number| {
        sink.lock().unwrap().push((what, real(&number.x)));
        Ok(())
    });
    program.run(&mut clear).unwrap();
    [shares, seen.lock().unwrap().clone()]
}

/// The figures that networks of so many classes have.
fn figures_of(classes: usize) -> Vec<Figure> {
    let has = |figure: &Figure| match figure {
        Figure::Confusion => classes <= MOST_COMPARED,
        Figure::R2 => false,
        Figure::Roc => classes == 2,
        Figure::SquaredError => true,
        Figure::TopFive => classes > 5,
    };
    Figure::ALL.into_iter().filter(has).collect()
}

pub(super) fn is_it(got: &[f64], (want, off): &(Vec<f64>, f64)) -> bool {
    got.len() == want.len() && got.iter().zip(want).all(|(got, want)| (got - want).abs() <= *off)
}

#[test]
fn figures_are_those_of_counts_over_the_rows() {
    for p in Profile::all() {
        let losses = [Loss::SoftmaxCrossEntropy, Loss::SigmoidCrossEntropy, Loss::Square];
        for (seed, (shape, spread)) in
            (1..).zip([([61, 2], 400), ([1, 2], 100), ([200, 2], 40), ([33, 3], 7), ([40, 10], 300), ([35, 17], 200)])
        {
            let rows = Rows::random(seed, shape, spread);
            let loss = losses[usize::try_from(seed).unwrap() % 3];
            let figures = figures_of(shape[1]);
            let program = Counting { shape, loss, accuracy: seed % 2 == 0, figures: figures.clone() };
            for all in revealed(&rows.world(&p, seed), &program) {
                assert_eq!(all.len(), figures.len() + usize::from(program.accuracy));
                for (figure, (what, got)) in figures.iter().zip(&all) {
                    assert_eq!(*what, Revealed::Figure(*figure));
                    let want = rows.expected(*figure, loss, &p);
                    assert!(is_it(got, &want), "{}, {shape:?}, {figure:?}: {got:?} for {want:?}", p.name);
                    // the comparison fails for other labels
                    let moved = rows.labels.iter().map(|label| (label + 1) % shape[1]).collect();
                    let other = Rows { logits: rows.logits.clone(), labels: moved };
                    let other = other.expected(*figure, loss, &p);
                    assert!(shape[0] < 40 || !is_it(got, &other), "{}, {shape:?}, {figure:?}", p.name);
                }
                let right = rows.each().filter(|(row, label)| Rows::predicted(row) == *label).count() << p.frac;
                assert!(!program.accuracy || all[figures.len()].1 == [right as f64]);
            }
        }
    }
}

/// At the edges: scores on thresholds and far out, logits that tie, labels that are fifth and sixth.
#[test]
fn ties_and_scores_on_thresholds_count_as_they_should() {
    for p in Profile::all() {
        let ties: Vec<i64> = thresholds().flat_map(|t| [t, t - 1, t + 1]).filter(|t| t.abs() < 16_384).collect();
        let logits = ties.iter().map(|t| vec![-(t / 2), t - t / 2]).collect();
        let rows = Rows { logits, labels: (0..ties.len()).map(|i| i % 2).collect() };
        let shape = [ties.len(), 2];
        let program = Counting { shape, loss: Loss::Square, accuracy: false, figures: vec![Figure::Roc] };
        for all in revealed(&rows.world(&p, 3), &program) {
            assert!(is_it(&all[0].1, &rows.expected(Figure::Roc, Loss::Square, &p)), "{}", p.name);
        }
        // the label's logit is the largest but 4, and but 5; equal ones are not larger
        let row = [9, 8, 7, 6, 5, 4, 4, -9];
        let labels = vec![0, 3, 4, 5, 6, 7];
        let rows = Rows { logits: vec![row.to_vec(); labels.len()], labels };
        let program = Counting { shape: [6, 8], loss: Loss::Square, accuracy: false, figures: vec![Figure::TopFive] };
        for all in revealed(&rows.world(&p, 4), &program) {
            assert_eq!(all[0].1, [3.0], "{}", p.name);
        }
    }
}

/// Every frame of a count is uniform, on equal rows as on random ones; and plain values are noticed.
#[test]
fn what_a_server_receives_of_figures_is_uniform_whatever_the_rows() {
    for p in profiles() {
        for (seed, classes, spread) in [(1, 2, 0), (2, 2, 3000), (3, 8, 0), (4, 8, 3000)] {
            let mut rows = Rows::random(seed, [64, classes], spread);
            if spread == 0 {
                rows.labels.fill(1);
            }
            let loss = Loss::SoftmaxCrossEntropy;
            let program = Counting { shape: [64, classes], loss, accuracy: true, figures: figures_of(classes) };
            let run = rows.world(&p, seed).run(&program);
            assert_uniform(&run, &format!("{}, {classes} classes", p.name));
        }
    }
}

/// The squared error is revealed after every epoch; other figures are counted after the last one, with an early stop after each, and
/// revealed once; and only what is listed.
#[test]
fn figures_cost_one_evaluation_more_and_are_revealed_once() {
    let p = Profile::small();
    let owners = vec![Owned { train: 20, test: 1100 }];
    let base = Job { owners, ..job(&p, &[6, 4, 2], 20) }.with(|s| s.epochs = 3);
    let figures = Reveals { confusion: true, roc: true, squared_error: true, ..Reveals::NOTHING };
    let rounds = |job: &Job| plan(job).unwrap().server(RunPhase::Evaluation).rounds;
    let with = |reveal| Job { reveal, ..base.clone() };
    assert_eq!(rounds(&with(Reveals { accuracy: true, ..Reveals::NOTHING })), 3 * (1 + 2 * (4 + 4)));
    assert_eq!(rounds(&with(Reveals { squared_error: true, ..Reveals::NOTHING })), 3 * (1 + 2 * (4 + 9)));
    assert_eq!(rounds(&with(Reveals { confusion: true, ..Reveals::NOTHING })), 1 + 2 * (4 + 5));
    assert_eq!(rounds(&with(Reveals { roc: true, ..Reveals::NOTHING })), 1 + 2 * (4 + 5));
    let both = Reveals { accuracy: true, confusion: true, ..Reveals::NOTHING };
    assert_eq!(rounds(&with(both)), 2 * (1 + 2 * (4 + 4)) + 1 + 2 * (4 + 5), "one winner serves both");
    let stops = with(both).with(|s| s.patience = Some(1));
    assert_eq!(rounds(&stops), 3 * (1 + 2 * (4 + 5)), "any epoch may be the best");
    let run = world(&with(figures), 1).run(&Training(&with(figures)));
    let errors = (1..=3).map(|epoch| Revealed::SquaredError { epoch });
    let listed = errors.chain([Figure::Confusion, Figure::Roc].map(Revealed::Figure));
    assert_eq!(run.revealed.iter().map(|(what, _)| *what).collect::<Vec<_>>(), listed.collect::<Vec<_>>());
}

/// docs/protocols.md 8.
#[test]
fn figures_open_what_the_document_says() {
    for p in profiles() {
        let [n, l] = [p.ring, p.wire].map(u64::from);
        let t = thresholds().count() as u64;
        let said: [(Figure, u64, u64, u64); 3] = [
            (Figure::Confusion, 10, 5, 10 * l + 7 * 45 + 10 + 10 * n),
            (Figure::Roc, 2, 5, 4 * l + 2 * t * 7),
            (Figure::TopFive, 10, 8, 2 * 10 * l + 10 * n + 7 * 10 + 16 + 4 + 1),
        ];
        for (figure, classes, rounds, opened) in said {
            let shape = [64, usize::try_from(classes).unwrap()];
            let program = Counting { shape, loss: Loss::Square, accuracy: false, figures: vec![figure] };
            let plan = Rows::random(1, shape, 9).world(&p, 1).plan(&program);
            let stats = plan.server(RunPhase::Setup);
            let bits = (stats.sent.bytes - 32 * stats.sent.frames) * 8;
            assert_eq!((stats.rounds, bits), (rounds, 64 * opened), "{}, {figure:?}", p.name);
        }
    }
}

#[test]
fn a_figure_that_a_network_does_not_have_is_refused() {
    let p = Profile::small();
    let refused = |classes: usize, test: u32, name: &str| {
        let owners = vec![Owned { train: 20, test }];
        let job = Job { reveal: Reveals::from_names([name]).unwrap(), owners, ..job(&p, &[20, classes], 20) };
        job.with(|_| ()).check().map_err(|e| e.to_string())
    };
    assert!(refused(15, 5, "confusion").unwrap_err().contains("`confusion` is of at most 14 classes"));
    assert!(refused(3, 5, "roc").unwrap_err().contains("`roc` is of two classes, and the network has 3"));
    assert!(refused(5, 5, "top5").unwrap_err().contains("`top5` is of six classes or more"));
    assert!(refused(3, 0, "squared-error").unwrap_err().contains("there are no test rows"));
    assert!(refused(3, 5, "r2").unwrap_err().contains("`r2` is of a regression, and the network has 3"));
    for (classes, name) in [(14, "confusion"), (2, "roc"), (6, "top5"), (2, "squared-error")] {
        refused(classes, 5, name).unwrap();
    }
}
