//! Decisions by sign and regressions: what is counted on shares and in the clear against counts over the rows, and that it is
//! uniform to the servers. That gates keep their laws and cost what is planned is asserted in every run ([`World::run`]).

use std::sync::{Arc, Mutex};

use super::figures::{is_it, prediction};
use super::privacy::assert_uniform;
use super::*;
use crate::fixed::MASTER_FRAC;
use crate::nn::{ClassWeights, Counted, Loss, Task, thresholds};
use crate::party::{Figure, Revealed};

/// Figures of rows of outputs, parameter 0, and targets, set `TestLabels`; and what the loss's gradient opens of them, times the
/// weights of classes.
struct Counting {
    model: Model,
    rows: usize,
    accuracy: bool,
    figures: Vec<Figure>,
}

impl Program for Counting {
    fn run<E: Engine>(&self, e: &mut E) -> Result<()> {
        let frac = e.profile().frac;
        let z = e.parameter(0, &[self.rows, self.model.outputs()].into())?;
        let z = e.narrow(&z, 2 * frac)?;
        let rows: Vec<u32> = (0..).take(self.rows).collect();
        let labels = e.rows(Set::TestLabels, &rows)?;
        let counted = Counted::of(e, &self.model, (&z, &labels), self.accuracy, &self.figures)?;
        for (figure, sums) in self.figures.iter().zip(&counted.figures) {
            e.reveal(Revealed::Figure(*figure), sums)?;
        }
        counted.hits.map_or(Ok(()), |hits| e.reveal(Revealed::Hits { epoch: 1 }, &hits))
    }
}

/// Outputs in 64ths, and targets in 16ths, both by row.
struct Rows {
    outputs: Vec<Vec<i64>>,
    targets: Vec<Vec<i64>>,
}

impl Rows {
    /// Outputs up to `spread`; targets of 0 and 1 (16), or up to `most`.
    fn random(seed: u64, [rows, width]: [usize; 2], spread: i64, most: Option<i64>) -> Self {
        let words = random(&public_seed(seed, "targets"), 2 * rows * width);
        let number = |word: &u64, most: i64| i64::try_from(*word >> 33).unwrap() % (2 * most + 1) - most;
        let target =
            |word: &u64| most.map_or_else(|| 16 * i64::from(number(word, 1 << 20) > 0), |most| number(word, most));
        let (outputs, targets) = words.split_at(rows * width);
        Self {
            outputs: outputs.chunks(width).map(|row| row.iter().map(|w| number(w, spread)).collect()).collect(),
            targets: targets.chunks(width).map(|row| row.iter().map(target).collect()).collect(),
        }
    }

    fn width(&self) -> usize {
        self.outputs[0].len()
    }

    fn world(&self, p: &Profile, seed: u64) -> World {
        let mut world = World::new(p, seed);
        let z = self.outputs.iter().flatten().map(|z| z << (MASTER_FRAC - 6)).collect();
        world.parameters = vec![ClearTensor::master(z, [self.outputs.len(), self.width()])];
        let targets = self.targets.iter().flatten().map(|y| (y << p.frac) / 16).collect();
        push(&mut world, Set::TestLabels, self.width(), targets);
        world
    }

    fn pairs(&self, output: usize) -> impl Iterator<Item = (i64, i64)> {
        self.outputs.iter().zip(&self.targets).map(move |(z, y)| (z[output], y[output]))
    }

    fn count(&self, output: usize, is: impl Fn(bool, bool) -> bool) -> f64 {
        self.pairs(output).filter(|(z, y)| is(*z >= 0, *y > 0)).count() as f64
    }

    /// The figure by its definition, and by how much it may be off.
    fn expected(&self, figure: Figure) -> (Vec<f64>, f64) {
        let all = 0..self.width();
        match figure {
            Figure::Confusion => {
                let parts: [fn(bool, bool) -> bool; 3] = [|z, y| z && y, |_, y| y, |z, y| z || y];
                (parts.iter().flat_map(|is| all.clone().map(move |at| self.count(at, is))).collect(), 0.0)
            }
            Figure::R2 => {
                let one = f64::exp2(MASTER_FRAC.into());
                let parts: [fn(f64, f64) -> f64; 3] = [|z, y| (z - y).powi(2), |_, y| y * y, |_, y| (y + 1.0).powi(2)];
                let sum = |at, f: fn(f64, f64) -> f64| {
                    one * self.pairs(at).map(|(z, y)| f(z as f64 / 64.0, y as f64 / 16.0)).sum::<f64>()
                };
                // outputs are a unit of the fraction off at most
                (
                    parts.iter().flat_map(|f| all.clone().map(move |at| sum(at, *f))).collect(),
                    0.03 * one * self.outputs.len() as f64,
                )
            }
            Figure::Roc => {
                let side =
                    |class: bool, t: i64| self.pairs(0).filter(|(z, y)| (*y > 0) == class && *z >= t).count() as f64;
                ([true, false].into_iter().flat_map(|class| thresholds().map(move |t| side(class, t))).collect(), 0.0)
            }
            other => panic!("{other:?} is tested with classes"),
        }
    }
}

/// A network of so many outputs.
fn model(task: Task, outputs: usize) -> Model {
    Model::dense("own", 1, &[], outputs).unwrap().with_task(task)
}

/// What is revealed on shares, and in the clear.
fn revealed(world: &World, program: &Counting) -> [Vec<Vec<f64>>; 2] {
    let real = |x: &[i64]| x.iter().map(|x| *x as f64).collect::<Vec<_>>();
    let shares = world.run(program).revealed.iter().map(|(_, x)| real(x)).collect();
    world.run_clear(program);
    let (mut clear, seen) = (world.clear(), Arc::<Mutex<Vec<_>>>::default());
    let sink = seen.clone();
    clear.set_reveal_channel(move |_, number| {
        sink.lock().unwrap().push(real(&number.x));
        Ok(())
    });
    program.run(&mut clear).unwrap();
    [shares, seen.lock().unwrap().clone()]
}

#[test]
fn decisions_by_sign_are_counted_as_they_are() {
    for p in Profile::all() {
        for (seed, (task, shape, spread)) in (1..).zip([
            (Task::Classification, [61, 1], 400),
            (Task::MultiLabel, [1, 1], 100),
            (Task::MultiLabel, [200, 5], 40),
            (Task::Classification, [300, 1], 8_000),
            (Task::MultiLabel, [40, 17], 3),
        ]) {
            let rows = Rows::random(seed, shape, spread, None);
            let mut figures = vec![Figure::Confusion];
            figures.extend((task == Task::Classification).then_some(Figure::Roc));
            let accuracy = seed != 3;
            let program = Counting { model: model(task, shape[1]), rows: shape[0], accuracy, figures: figures.clone() };
            for all in revealed(&rows.world(&p, seed), &program) {
                for (figure, got) in figures.iter().zip(&all) {
                    let want = rows.expected(*figure);
                    assert!(is_it(got, &want), "{}, {shape:?}, {figure:?}: {got:?} for {want:?}", p.name);
                    // the comparison fails for other labels
                    let turned = rows.targets.iter().map(|row| row.iter().map(|y| 16 - y).collect()).collect();
                    let other = Rows { outputs: rows.outputs.clone(), targets: turned };
                    assert!(shape[0] < 40 || !is_it(got, &other.expected(*figure)), "{figure:?}");
                }
                let right: f64 = (0..shape[1]).map(|at| rows.count(at, |z, y| z == y)).sum();
                assert!(!accuracy || all[figures.len()] == [right * f64::exp2(p.frac.into())], "{}, {shape:?}", p.name);
            }
            // and without the confusion matrix
            let alone = Counting { accuracy: true, figures: Vec::new(), ..program };
            let right: f64 = (0..shape[1]).map(|at| rows.count(at, |z, y| z == y)).sum();
            for all in revealed(&rows.world(&p, seed), &alone) {
                assert_eq!(all, [[right * f64::exp2(p.frac.into())]], "{}", p.name);
            }
        }
    }
}

#[test]
fn the_sums_of_a_regression_are_those_over_its_rows() {
    for p in Profile::all() {
        for (seed, (shape, most)) in (1..).zip([([61, 1], 16), ([200, 3], 40), ([1, 1], 16), ([129, 2], 120)]) {
            let rows = Rows::random(seed, shape, 2 * most, Some(most));
            let model = model(Task::Regression, shape[1]);
            let program = Counting { model, rows: shape[0], accuracy: false, figures: vec![Figure::R2] };
            for all in revealed(&rows.world(&p, seed), &program) {
                let want = rows.expected(Figure::R2);
                assert!(is_it(&all[0], &want), "{}, {shape:?}: {:?} for {want:?}", p.name, all[0]);
                let other = Rows::random(seed + 100, shape, 2 * most, Some(most));
                assert!(!is_it(&all[0], &other.expected(Figure::R2)));
            }
        }
    }
}

/// Every frame is uniform, on equal rows as on random ones; and plain values are noticed.
#[test]
fn what_a_server_receives_of_targets_is_uniform_whatever_the_rows() {
    for p in profiles() {
        for (seed, task, spread, most) in [
            (1, Task::MultiLabel, 0, None),
            (2, Task::MultiLabel, 3000, None),
            (3, Task::Regression, 0, Some(0)),
            (4, Task::Regression, 100, Some(100)),
        ] {
            let figure = if task == Task::Regression { Figure::R2 } else { Figure::Confusion };
            let mut rows = Rows::random(seed, [1024, 4], spread.max(1), most);
            if spread == 0 {
                rows.outputs.iter_mut().chain(&mut rows.targets).for_each(|row| row.fill(16));
            }
            let accuracy = task != Task::Regression;
            let program = Counting { model: model(task, 4), rows: 1024, accuracy, figures: vec![figure] };
            let run = rows.world(&p, seed).run(&program);
            assert_uniform(&run, &format!("{}, {task}", p.name));
        }
    }
}

/// A row's gradient times the weight of its class, where one output stands for both.
struct Weighting(usize);

impl Program for Weighting {
    fn run<E: Engine>(&self, e: &mut E) -> Result<()> {
        let frac = e.profile().frac;
        let z = e.parameter(0, &[self.0, 1].into())?;
        let z = e.narrow(&z, 2 * frac)?;
        let labels = e.rows(Set::TestLabels, &(0..).take(self.0).collect::<Vec<_>>())?;
        let weights = ClassWeights::new(&[0.5, 3.0]).unwrap();
        let dz = Loss::SigmoidCrossEntropy.gradient(e, &z, &labels, &weights, None)?;
        let dz = e.share(&dz)?;
        e.reveal(Revealed::Parameter { index: 0 }, &dz)
    }
}

#[test]
fn one_output_has_the_weights_of_both_classes() {
    for p in Profile::all() {
        let rows = Rows::random(5, [50, 1], 100, None);
        let run = rows.world(&p, 5).run(&Weighting(50));
        let unit = f64::exp2(-f64::from(p.frac));
        for (got, (z, y)) in run.revealed[0].1.iter().zip(rows.pairs(0)) {
            let weight = if y > 0 { 3.0 } else { 0.5 };
            let want = weight * (prediction(&[z], Loss::SigmoidCrossEntropy)[0] - y as f64 / 16.0);
            assert!((*got as f64 * unit - want).abs() < 10.0 * unit, "{}: {got} for {want}", p.name);
        }
    }
}

/// docs/protocols.md 8.
#[test]
fn figures_of_targets_open_what_the_document_says() {
    for p in profiles() {
        let [n, l] = [p.ring, p.wire].map(u64::from);
        for (task, figure, rounds, opened) in [
            (Task::MultiLabel, Figure::Confusion, 4, 5 * (2 * l + 21)),
            // and a sum over 128 rows of every target's three squares, in 64 bits, rescaled
            (Task::Regression, Figure::R2, 3, 5 * (l + 3 * n)),
        ] {
            let program = Counting { model: model(task, 5), rows: 64, accuracy: false, figures: vec![figure] };
            let plan = Rows::random(1, [64, 5], 9, Some(9)).world(&p, 1).plan(&program);
            let stats = plan.server(RunPhase::Setup);
            let bits = (stats.sent.bytes - 32 * stats.sent.frames) * 8;
            let sums = if figure == Figure::R2 { bits - 64 * opened } else { 0 };
            assert_eq!((stats.rounds, bits - sums), (rounds, 64 * opened), "{}, {figure:?}", p.name);
            assert!(sums <= 15 * 128, "{sums}");
        }
    }
}
