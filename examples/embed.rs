//! Trains on arrays of your own: all roles as threads of this process, every owner's rows masked before they leave it.
//!
//! `cargo run --release --example embed`

use ndarray::Array2;
use ppdnn::data::Examples;
use ppdnn::error::Result;
use ppdnn::nn::Model;
use ppdnn::roles::{Outcome, Training};

/// Points of the unit square; whether they lie inside a circle around its middle.
fn circle(rows: usize, turn: f32) -> Result<Examples> {
    let points =
        Array2::from_shape_fn((rows, 2), |(row, axis)| (row as f32 * [0.754_877_7, 0.569_840_3][axis] + turn).fract());
    let inside = points.rows().into_iter().map(|p| u32::from((p[0] - 0.5).hypot(p[1] - 0.5) < 0.4));
    let labels = inside.collect();
    Examples::new(points, labels, 2)
}

fn train() -> Result<Outcome> {
    let training =
        Training::new(Model::dense("circle", 2, &[32], 2)?).owners(2).epochs(20).batch(32).learning_rate(0.25);
    training.run(&circle(2000, 0.0)?, &circle(500, 0.5)?, &mut |_| ())
}

#[expect(clippy::print_stdout, reason = "a program tells what it found")]
fn main() -> Result<()> {
    let outcome = train()?;
    for (epoch, accuracy) in (1..).zip(&outcome.accuracy) {
        println!("epoch {epoch}: {:.1} % of the test rows are classified right", 100.0 * accuracy);
    }
    println!("the model has {} parameters", outcome.parameters.iter().map(Vec::len).sum::<usize>());
    Ok(())
}

#[test]
fn the_circle_is_learned() {
    let outcome = train().expect("all roles are here");
    let last = outcome.accuracy.last().expect("accuracy is revealed");
    // the larger class alone has half of the rows
    assert!(*last > 0.9, "{last}");
    main().expect("it prints");
}
