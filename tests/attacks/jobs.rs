//! Attack (d): a trainer that is curious about rows writes the job so that its results are the rows.
//!
//! | job | what the model tells | what owners refuse by default |
//! |---|---|---|
//! | one row, one step, weights of 0 | step of W / step of b is the row, exactly | rows, steps, weights of the trainer |
//! | one batch of 128, one step, private weights whose units are thresholds of one direction ("imprint", as in Fowl et al., Robbing the Fed, 2022) | differences of neighbouring units are single rows | steps, weights of the trainer |
//!
//! | 100 steps of 16 rows, weight decay that forgets all but the last | the model is the gradient of 16 rows, and of a class that only one of them has, that row | a model of the last steps |
//! | 100 steps of 16 rows, dropout that lets a unit see one in 400 | steps of a unit's weights are single rows | rows that reach a unit |
//!
//! Nothing is wrong with the protocol in any of them: the model is what the job says it is. So the same code rebuilds the rows
//! where owners allow anything, the control, and the default policy refuses all four jobs. `tests/cli/owners.rs` has the first
//! one by processes with keys.

use ppdnn::data::Examples;
use ppdnn::fixed::{Profile, decode};
use ppdnn::nn::layers::{Dense, Dropout, Relu};
use ppdnn::nn::{Factor, Init, LayerSpec, Loss, Model};
use ppdnn::roles::Training;
use ppdnn::train::{InitialPolicy, Policy, Reveals, Schedule};

use crate::{Normal, mnist};

/// Pixels.
const D: usize = 784;

/// One step over all rows, whose result is the model.
fn one_step(model: Model, rows: usize, rate: f64) -> Training {
    let training = Training::new(model).profile(Profile::deep()).epochs(1).batch(u32::try_from(rows).unwrap());
    let training = training.learning_rate(rate).momentum(0.0).schedule(Schedule::Constant);
    training.reveal(Reveals { model: true, ..Reveals::NOTHING })
}

fn image(rows: &Examples, row: usize) -> Vec<f64> {
    rows.features().row(row).iter().map(|x| f64::from(*x)).collect()
}

/// The largest difference of two images' pixels.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Claims that owners refuse a training by default, for each of these reasons alone.
fn refused(training: &Training, rows: &Examples, rules: &[&str]) {
    let job = training.job(rows.len(), 0).unwrap();
    let mut policy = Policy { least_rows: 0, ..Policy::default() };
    assert!(Policy::default().check(&job, 0).is_err());
    Policy::anything().check(&job, 0).unwrap();
    for rule in rules {
        let reason = policy.check(&job, 0).unwrap_err().to_string();
        assert!(reason.contains(&format!("`{rule} = ")), "{rule}: {reason}");
        match *rule {
            "least_step_rows" => policy.least_step_rows = 0,
            "least_steps" => policy.least_steps = 0,
            "least_epochs" => policy.least_epochs = 0,
            _ => policy.initial = InitialPolicy::Private,
        }
    }
    policy.check(&job, 0).unwrap();
}

#[test]
fn a_model_after_one_step_on_one_row_is_the_row_and_such_a_job_is_refused() {
    let rows = mnist(1);
    let model = Model::dense("one layer", D, &[], 10).unwrap();
    let training = one_step(model, 1, 8.0).initial(vec![vec![0.0; D * 10], vec![0.0; 10]]);
    // the control: where owners allow anything, the attack works
    let outcome = training.run(&rows, &rows.slice(0..0), &mut |_| ()).unwrap();
    let [w, b] = &outcome.parameters[..] else { panic!("{} parameters", outcome.parameters.len()) };
    let label = (0..10).max_by(|i, j| b[*i].total_cmp(&b[*j])).unwrap();
    let rebuilt: Vec<f64> = w.chunks_exact(10).map(|row| row[label] / b[label]).collect();
    assert_eq!(label, rows.labels()[0] as usize);
    let worst = apart(&rebuilt, &image(&rows, 0));
    println!("the row's label, and its pixels up to {worst}");
    assert!(worst < 0.005, "{worst}");
    refused(&training, &rows, &["least_step_rows", "least_steps", "initial"]);
}

/// Units of the trap.
const UNITS: usize = 512;

/// Weights whose first layer measures one random direction at many thresholds, and whose second passes gradients on to all of
/// them alike; with the thresholds.
fn trap(public: &Examples) -> Vec<Vec<f64>> {
    let direction: Vec<f64> = Normal::new("direction").take(D).into_iter().map(|x| x / 30.0).collect();
    let score = |row: usize| image(public, row).iter().zip(&direction).map(|(x, d)| x * d).sum::<f64>();
    let mut scores: Vec<f64> = (0..public.len()).map(score).collect();
    scores.sort_by(f64::total_cmp);
    let threshold = |unit: usize| scores[unit * (scores.len() - 1) / (UNITS - 1)];
    let first = direction.iter().flat_map(|d| [*d; UNITS]).collect();
    let second = |class: usize| {
        let sign = if class.is_multiple_of(2) { 1.0 } else { -1.0 };
        sign * (1.0 + class as f64 / 10.0) / 61.0
    };
    let second = (0..UNITS).flat_map(|_| (0..10).map(second)).collect();
    vec![first, (0..UNITS).map(|unit| -threshold(unit)).collect(), second, vec![0.0; 10]]
}

/// What neighbouring units' steps differ by: one row's gradient where one row lies between two thresholds.
fn rebuilt(before: &[Vec<f64>], after: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let step = |parameter: usize, at: usize| after[parameter][at] - before[parameter][at];
    let between = |unit: usize| {
        let b = step(1, unit) - step(1, unit + 1);
        let row = move |pixel: usize| (step(0, pixel * UNITS + unit) - step(0, pixel * UNITS + unit + 1)) / b;
        (b.abs() > 1e-3).then(|| (0..D).map(row).collect())
    };
    (0..UNITS - 1).filter_map(between).collect()
}

#[test]
fn private_weights_make_a_trap_for_a_whole_batch_and_such_a_job_is_refused() {
    let all = mnist(4_128);
    let (rows, public) = (all.slice(0..128), all.slice(128..4_128));
    let before = trap(&public);
    let training = one_step(Model::dense("trap", D, &[UNITS], 10).unwrap(), 128, 2_048.0);
    let private = training.clone().private_initial(before.clone());
    let outcome = private.run(&rows, &rows.slice(0..0), &mut |_| ()).unwrap();
    let rebuilt = rebuilt(&before, &outcome.parameters);
    let found = |row: &usize| rebuilt.iter().any(|image_| apart(image_, &image(&rows, *row)) < 0.1);
    let found = (0..rows.len()).filter(found).count();
    println!("{found} of {} images are rebuilt", rows.len());
    assert!(found > rows.len() / 2, "{found} images");
    refused(&private, &rows, &["least_steps", "initial"]);
    // in the open the trap is one, too: owners look at such weights before they allow them
    refused(&training.initial(before), &rows, &["least_steps", "initial"]);
}

/// A job that the rules on rows, steps and weights allow: 100 steps of 16 rows.
fn hundred_steps(model: Model, rate: f64) -> Training {
    let training = Training::new(model).profile(Profile::wide()).epochs(1).batch(16).learning_rate(rate).momentum(0.0);
    training.schedule(Schedule::Constant).shuffle(false).reveal(Reveals { model: true, ..Reveals::NOTHING })
}

/// The rule that a job of 1600 rows breaks by default; it breaks no other.
fn breaks(training: &Training, rule: &str) -> String {
    let job = training.job(1600, 0).unwrap();
    let reason = Policy::default().check(&job, 0).unwrap_err().to_string();
    assert!(reason.contains(&format!("`{rule} = ")), "{reason}");
    let allowed = match rule {
        "least_steps" => Policy { least_steps: 0, ..Policy::default() },
        _ => Policy { least_step_rows: 0, ..Policy::default() },
    };
    allowed.check(&job, 0).unwrap();
    reason
}

/// The cosine of the angle between two vectors.
fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt().max(1e-9)
}

#[test]
fn weight_decay_that_forgets_all_but_the_last_step_shows_its_rows_and_is_refused() {
    let all = mnist(4_000);
    // the last 16 rows have one class once
    let once = |at: usize| {
        let last = &all.labels()[at + 1584..at + 1600];
        (0..10).find(|class| last.iter().filter(|label| *label == class).count() == 1)
    };
    let (start, class) = (0..2_400).find_map(|at| once(at).map(|class| (at, class as usize))).unwrap();
    let rows = all.slice(start..start + 1600);
    let target = (1584..1600).find(|row| rows.labels()[*row] as usize == class).unwrap();
    let model = || Model::dense("one layer", D, &[], 10).unwrap();
    let column = |parameters: &[Vec<f64>]| parameters[0].chunks_exact(10).map(|row| row[class]).collect::<Vec<_>>();
    // other rows of the batch push the class down a little, all of them alike
    let found = |training: &Training| {
        let outcome = training.run(&rows, &rows.slice(0..0), &mut |_| ()).unwrap();
        let column = column(&outcome.parameters);
        let near = |row: &usize| cosine(&column, &image(&rows, *row));
        let best = (0..1600).max_by(|a, b| near(a).total_cmp(&near(b))).unwrap();
        println!(
            "row {best} is the nearest, {} by its cosine; the target, {target}, has {}",
            near(&best),
            near(&target)
        );
        best == target
    };
    let forgets = hundred_steps(model(), 1.0).weight_decay(0.98);
    assert!(found(&forgets), "the control");
    assert!(breaks(&forgets, "least_steps").contains("weight decay"));
    // as people use it, it says nothing
    let usual = hundred_steps(model(), 1.0).weight_decay(5e-4);
    assert!(!found(&usual));
    Policy::default().check(&usual.job(1600, 0).unwrap(), 0).unwrap();
}

#[test]
fn dropout_that_shows_a_unit_single_rows_is_refused() {
    let rows = mnist(1600);
    let model = |rate: f64| {
        let dropout = || LayerSpec::from(Dropout { factor: Factor::kept(rate) });
        let dense = |outputs| LayerSpec::from(Dense { outputs, bias: true });
        let layers = vec![dense(256), LayerSpec::from(Relu), dropout(), dropout(), dense(10)];
        Model::new("dropout", D, layers, 10, Loss::SoftmaxCrossEntropy, Init::Glorot).unwrap()
    };
    let found = |training: &Training| {
        let job = training.job(1600, 0).unwrap();
        let before = training.initial_parameters(&job).unwrap();
        let outcome = training.run(&rows, &rows.slice(0..0), &mut |_| ()).unwrap();
        let (before, after) = (&before[0], &outcome.parameters[0]);
        let step = |pixel: usize, unit: usize| after[pixel * 256 + unit] - decode(before[pixel * 256 + unit], 64, 32);
        let images: Vec<_> = (0..1600).map(|row| image(&rows, row)).collect();
        let mut read: Vec<usize> = (0..256)
            .filter_map(|unit| {
                let step: Vec<f64> = (0..D).map(|pixel| step(pixel, unit)).collect();
                images.iter().position(|image| cosine(&step, image).abs() > 0.99)
            })
            .collect();
        read.sort_unstable();
        read.dedup();
        println!("{} rows are read", read.len());
        read.len()
    };
    let attack = hundred_steps(model(0.95), 0.03);
    assert!(found(&attack) > 50, "the control");
    assert!(breaks(&attack, "least_step_rows").contains("dropout"));
    let usual = hundred_steps(model(0.5), 0.03).batch(80).epochs(5);
    assert_eq!(found(&usual), 0);
    Policy::default().check(&usual.job(1600, 0).unwrap(), 0).unwrap();
}
