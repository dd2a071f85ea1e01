//! Learning settings by `ppdnn::roles::Training`: summed batches, schedules, weight decay.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use ndarray::Array2;
use ppdnn::data::Examples;
use ppdnn::fixed::Profile;
use ppdnn::layer::dense;
use ppdnn::nn::{Init, Loss, Model, Optimizer};
use ppdnn::roles::{Event, Outcome, Training};
use ppdnn::train::{EarlyStop, Reveals, Schedule};

/// Rows of their own kind each, so that another order gives another model.
fn examples(rows: usize, skip: usize) -> Examples {
    let value = |(i, j): (usize, usize)| (((i + skip) * 37 + j * 101 + (i + skip) * j * 13) % 256) as f32 / 256.0;
    let features = Array2::from_shape_fn((rows, 12), value);
    let labels = (0..rows).map(|i| u32::try_from((i + skip) * 7 % 5).unwrap()).collect();
    Examples::new(features, labels, 5).unwrap()
}

/// A training whose shares follow the clear closely: no ReLU, the wide profile.
fn smooth() -> Training {
    let training = Training::new(Model::named("logistic", 12, 5).unwrap()).profile(Profile::wide());
    let training = training.epochs(1).batch(7).learning_rate(0.5).momentum(0.0).schedule(Schedule::Constant);
    training.reveal(Reveals { model: true, ..Reveals::NOTHING })
}

fn run(training: &Training, rows: usize) -> Outcome {
    training.run(&examples(rows, 0), &examples(0, 100), &mut |_| ()).unwrap()
}

/// The largest difference of two runs' parameters.
fn apart(a: &Outcome, b: &Outcome) -> f64 {
    let pairs = a.parameters.iter().flatten().zip(b.parameters.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// As in `tests/training.rs`: three steps at 0.5 are off by 1.5e-3 in a run.
const SAME: f64 = 6e-3;

#[test]
fn summed_batches_are_one_large_batch() {
    for momentum in [0.0, 0.5] {
        // 50 rows: two steps of 21, and a last one of a batch of 7 and one of 1
        let training = smooth().momentum(momentum);
        let summed = run(&training.clone().accumulate(3), 50);
        let large = run(&training.clone().batch(21), 50);
        assert!(apart(&summed, &large) < SAME, "{}", apart(&summed, &large));
        assert_eq!((summed.summary.steps, large.summary.steps), (3, 3));
        // the control: every batch moves the parameters
        let small = run(&training, 50);
        assert_eq!(small.summary.steps, 8);
        assert!(apart(&summed, &small) > 3.0 * SAME, "{}", apart(&summed, &small));
    }
}

#[test]
fn every_setting_costs_what_was_planned_and_none_costs_nothing() {
    let rows = 50;
    let decay = smooth().momentum(0.9).weight_decay(0.01);
    let all = [
        smooth().accumulate(3).epochs(2),
        decay.clone().schedule(Schedule::Cosine).epochs(3),
        decay.clone().schedule(Schedule::Step { epochs: 1, factor: 0.3 }).epochs(3).accumulate(2),
        decay.clone().optimizer(Optimizer::Nesterov).schedule(Schedule::Cosine).epochs(3),
        decay.clone().steps(Some(5)),
        decay.class_weights(vec![1.0, 0.5, 16.0, 2.0, 1.0]),
    ];
    for training in all {
        let (planned, ran) = (training.plan(rows, 0, "cpu").unwrap(), run(&training, rows).summary);
        assert_eq!(planned.bytes_per_step, ran.bytes_per_step);
        assert_eq!((planned.steps, planned.rounds_per_step), (ran.steps, ran.rounds_per_step));
    }
    let bytes = |training: Training| training.plan(rows, 0, "cpu").unwrap().bytes_per_step;
    assert_eq!(bytes(smooth().weight_decay(0.0).accumulate(1)), bytes(smooth()));
    assert!(bytes(smooth().weight_decay(0.01)).server0_to_server1 > bytes(smooth()).server0_to_server1);
}

/// With a decay of a half of everything a step, next to nothing is left of the weights; without, they stay.
#[test]
fn weight_decay_takes_its_part_of_every_parameter() {
    let size = |outcome: &Outcome| outcome.parameters.iter().flatten().map(|x| x * x).sum::<f64>().sqrt();
    let slow = smooth().learning_rate(1e-3);
    let (kept, gone) = (run(&slow, 70), run(&slow.clone().weight_decay(500.0), 70));
    assert_eq!(kept.summary.steps, 10);
    let left = size(&gone) / size(&kept);
    // 2^-10, and ten steps of at most 1e-3 in any parameter
    assert!(left < 0.01 + 10.0 * 1e-3, "{left}");
    // what is used is told
    assert!((gone.summary.settings.weight_decay * gone.summary.settings.lr / 0.5 - 1.0).abs() < 0.02);
}

/// The sum of the rates of all steps is what a parameter moves by where the gradient stays the same.
#[test]
fn a_falling_rate_moves_less() {
    let moved = |schedule: Schedule| {
        let still = smooth().learning_rate(1e-2).batch(5).schedule(schedule);
        let outcome = run(&still.epochs(8), 20);
        let start = run(&smooth().learning_rate(1e-6).batch(20), 20);
        apart(&outcome, &start)
    };
    let constant = moved(Schedule::Constant);
    let cases =
        [(Schedule::Cosine, 0.5), (Schedule::Halving, 0.6875), (Schedule::Step { epochs: 2, factor: 0.5 }, 0.46875)];
    for (schedule, part) in cases {
        let have = moved(schedule) / constant;
        assert!((have - part).abs() < 0.1, "{schedule}: {have} of the way, not {part}");
    }
}

/// A row with the weight 3 is a row that is there three times.
#[test]
fn the_weight_of_a_class_is_how_often_its_rows_count() {
    let all = examples(20, 0);
    let times = [1, 3, 1, 2, 1];
    let weights = times.map(f64::from);
    let again = |row: &usize| times[all.labels()[*row] as usize];
    let rows: Vec<usize> = (0..20).flat_map(|row| (0..again(&row)).map(move |_| row)).collect();
    let labels = rows.iter().map(|row| all.labels()[*row]).collect();
    let repeated = Examples::new(all.features().select(ndarray::Axis(0), &rows), labels, 5).unwrap();
    let nothing = examples(0, 100);
    for loss in [Loss::SoftmaxCrossEntropy, Loss::Square, Loss::SigmoidCrossEntropy] {
        let model = Model::new("own", 12, vec![dense(5)], 5, loss, Init::Glorot).unwrap();
        let training = Training::new(model).profile(Profile::wide()).epochs(4).batch(20).learning_rate(0.5);
        let training = training.momentum(0.0).schedule(Schedule::Constant).shuffle(false);
        let training = training.reveal(Reveals { model: true, ..Reveals::NOTHING });
        let weighted = training.clone().class_weights(weights.to_vec());
        let weighted = weighted.run(&all, &nothing, &mut |_| ()).unwrap();
        let n = rows.len();
        let often = training.clone().batch(u32::try_from(n).unwrap()).learning_rate(0.5 * n as f64 / 20.0);
        let often = often.run(&repeated, &nothing, &mut |_| ()).unwrap();
        assert!(apart(&weighted, &often) < SAME, "{loss:?}: {}", apart(&weighted, &often));
        assert_eq!(weighted.summary.settings.class_weights, weights);
        // the control: all weights 1
        let plain = training.run(&all, &nothing, &mut |_| ()).unwrap();
        assert!(apart(&weighted, &plain) > 3.0 * SAME, "{loss:?}: {}", apart(&weighted, &plain));
    }
    for wrong in [vec![1.0; 4], vec![1.0, 1.0, 1.0, 1.0, 0.0], vec![1.0, 1.0, 1.0, 1.0, f64::NAN], vec![17.0; 5]] {
        assert!(smooth().class_weights(wrong).job(20, 0).unwrap_err().to_string().contains("class weights"));
    }
}

/// Against a run in f64 of the public API's own steps: shares follow Nesterov, and not plain momentum.
#[test]
fn nesterov_moves_ahead_of_its_velocity() {
    let start = smooth().learning_rate(1e-6).batch(20);
    let first = run(&start, 20);
    let training = smooth().learning_rate(0.5).momentum(0.75).weight_decay(0.125).batch(20).epochs(6);
    let training = training.initial(first.parameters.clone());
    let exact = |ahead: bool| Softmax::new(&examples(20, 0), &first.parameters).run(6, [0.5, 0.75, 0.125], ahead);
    let far = |outcome: &Outcome, exact: &[f64]| {
        let pairs = outcome.parameters.iter().flatten().zip(exact);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    for (optimizer, ahead) in [(Optimizer::Sgd, false), (Optimizer::Nesterov, true)] {
        let outcome = run(&training.clone().optimizer(optimizer), 20);
        assert_eq!(outcome.summary.settings.optimizer, optimizer);
        assert!(far(&outcome, &exact(ahead)) < SAME, "{optimizer}: {}", far(&outcome, &exact(ahead)));
        // the control: the other optimizer
        assert!(far(&outcome, &exact(!ahead)) > 3.0 * SAME, "{optimizer}: {}", far(&outcome, &exact(!ahead)));
    }
    let unmoved = smooth().optimizer(Optimizer::Nesterov).momentum(0.0).job(20, 0).unwrap_err();
    assert!(unmoved.is_usage() && unmoved.to_string().contains("momentum of 0"), "{unmoved}");
}

/// Softmax regression in f64, on all rows in every step.
struct Softmax<'a> {
    rows: &'a Examples,
    /// The weights `[columns, classes]`, and the biases behind them.
    w: Vec<f64>,
}

impl<'a> Softmax<'a> {
    fn new(rows: &'a Examples, parameters: &[Vec<f64>]) -> Self {
        Self { rows, w: parameters.concat() }
    }

    /// The mean gradient of cross-entropy.
    fn gradient(&self) -> Vec<f64> {
        let (mut sum, columns, classes) = (vec![0.0; self.w.len()], 12, 5);
        for (x, label) in self.rows.features().rows().into_iter().zip(self.rows.labels()) {
            // with a column of ones, whose weights are the biases
            let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).chain([1.0]).collect();
            let logit = |c: usize| (0..=columns).map(|i| x[i] * self.w[i * classes + c]).sum::<f64>();
            let exps: Vec<f64> = (0..classes).map(|c| logit(c).exp()).collect();
            for at in 0..sum.len() {
                let class = at % classes;
                let hot = if class == *label as usize { 1.0 } else { 0.0 };
                sum[at] += x[at / classes] * (exps[class] / exps.iter().sum::<f64>() - hot);
            }
        }
        sum.into_iter().map(|g| g / self.rows.len() as f64).collect()
    }

    /// Steps of `torch.optim.SGD`, whose velocity is without the rate.
    fn run(mut self, steps: u32, [lr, mu, decay]: [f64; 3], nesterov: bool) -> Vec<f64> {
        let mut velocity = vec![0.0; self.w.len()];
        for _ in 0..steps {
            for (at, gradient) in self.gradient().into_iter().enumerate() {
                let gradient = gradient + decay * self.w[at];
                velocity[at] = mu * velocity[at] + gradient;
                self.w[at] -= lr * if nesterov { gradient + mu * velocity[at] } else { velocity[at] };
            }
        }
        self.w
    }
}

#[test]
fn a_training_starts_from_the_given_parameters() {
    let learned = run(&smooth().epochs(6), 70);
    let going_on = smooth().initial(learned.parameters.clone());
    // what is shared is what was given, to the last bit
    let job = going_on.job(70, 0).unwrap();
    let shared = going_on.initial_parameters(&job).unwrap();
    let back = |x: &u64| x.cast_signed() as f64 * f64::exp2(-32.0);
    let given = shared.iter().map(|all| all.iter().map(back).collect()).collect::<Vec<Vec<f64>>>();
    assert_eq!(given, learned.parameters);
    // ten steps of 1e-6 move nothing by more than a unit of what is revealed
    let still = run(&going_on.clone().learning_rate(1e-6), 70);
    assert!(apart(&still, &learned) <= f64::exp2(-16.0), "{}", apart(&still, &learned));
    // the control: from random parameters
    assert!(apart(&run(&smooth().learning_rate(1e-6), 70), &learned) > 0.1);

    let refused = |parameters: Vec<Vec<f64>>| {
        let training = smooth().initial(parameters);
        let error = training.run(&examples(70, 0), &examples(0, 0), &mut |_| ()).unwrap_err();
        assert!(error.is_usage(), "{error}");
        error.to_string()
    };
    assert!(refused(vec![vec![0.0; 60]]).contains("`logistic`"));
    assert!(refused(vec![vec![0.0; 59], vec![0.0; 6]]).contains("`logistic`"));
    assert!(refused(vec![vec![f64::NAN; 60], vec![0.0; 5]]).contains("NaN"));
    assert!(refused(vec![vec![3e9; 60], vec![0.0; 5]]).contains("below 2147483648"));
}

#[test]
fn a_run_ends_early_by_the_accuracy_that_is_revealed() {
    let (train, test) = (examples(35, 0), examples(20, 100));
    let seen = Reveals::default();
    // nothing moves and no two logits are close, so that no epoch is better than the first
    let far = (0..65).map(|i| f64::from(i * i * 37 % 101) / 10.0 - 5.0).collect::<Vec<_>>();
    let still = smooth().initial(vec![far[..60].to_vec(), far[60..].to_vec()]);
    let still = still.epochs(6).learning_rate(1e-6).reveal(seen);
    let ran = |training: &Training| {
        let mut stopped = None;
        let outcome = training
            .run(&train, &test, &mut |e| {
                if let Event::Stopped { epoch, epochs } = e {
                    stopped = Some((epoch, epochs));
                }
            })
            .unwrap();
        let planned = training.plan(35, 20, "cpu").unwrap();
        assert_eq!(planned.bytes_per_step, outcome.summary.bytes_per_step, "planned is counted");
        assert_eq!(planned.bytes_per_evaluation, outcome.summary.bytes_per_evaluation);
        assert!(planned.epochs == 6 && outcome.parameters.len() == 2);
        assert_eq!(outcome.summary.stopped_early, stopped.is_some());
        assert_eq!(outcome.summary.steps, 5 * u64::from(outcome.summary.epochs));
        (outcome.accuracy.len(), outcome.summary.epochs, stopped)
    };
    let patient = |n| EarlyStop { patience: Some(n), target: None };
    assert_eq!(ran(&still), (6, 6, None));
    assert_eq!(ran(&still.clone().stop(patient(2))), (3, 3, Some((3, 6))));
    // the last epoch ends by itself
    assert_eq!(ran(&still.clone().stop(patient(5))), (6, 6, None));
    let target = |target| EarlyStop { patience: None, target: Some(target) };
    assert_eq!(ran(&still.clone().stop(target(1e-9))), (1, 1, Some((1, 6))));
    assert_eq!(ran(&still.clone().stop(target(1.0))), (6, 6, None));
    let (clear, _) = still.clone().stop(patient(2)).run_clear(&train, &test, &mut |_| ()).unwrap();
    assert_eq!(clear.len(), 3);
    let unseen = still.stop(patient(2)).reveal(Reveals { model: true, ..Reveals::NOTHING });
    assert!(unseen.run(&train, &test, &mut |_| ()).unwrap_err().is_usage());
}
