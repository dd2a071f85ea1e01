//! Trains on arrays of your own: all roles as threads of this process, every owner's rows masked before they leave it.
//!
//! `cargo run --release --example embed`

use ppdnn::layer::{dense, relu};
use ppdnn::ndarray::Array2;
use ppdnn::{Data, Event, Model, Result, TrainedModel, Training};

/// Points of the unit square; whether they lie inside a circle around its middle.
fn circle(rows: usize, turn: f32) -> Result<Data> {
    let points =
        Array2::from_shape_fn((rows, 2), |(row, axis)| (row as f32 * [0.754_877_7, 0.569_840_3][axis] + turn).fract());
    let inside = points.rows().into_iter().map(|p| u32::from((p[0] - 0.5).hypot(p[1] - 0.5) < 0.4));
    let labels = inside.collect();
    Data::new(points, labels, 2)
}

/// Trains with two owners, and passes every epoch's accuracy on.
fn train(on_epoch: &mut dyn FnMut(u32, f64)) -> Result<TrainedModel> {
    let model = Model::sequential(2, vec![dense(32), relu(), dense(2)])?;
    let training = Training::new(model).owners(2).epochs(20).batch(32).learning_rate(0.25);
    let outcome = training.run(&circle(2000, 0.0)?, &circle(500, 0.5)?, |event| {
        if let Event::Epoch { epoch, test_accuracy: Some(accuracy), .. } = event {
            on_epoch(epoch, accuracy);
        }
    })?;
    // an error where values left their range, or the model is not what the servers scored
    outcome.check()?;
    Ok(outcome.model.expect("a job reveals its model unless it is told otherwise"))
}

#[expect(clippy::print_stdout, reason = "a program tells what it found")]
fn main() -> Result<()> {
    let model = train(&mut |epoch, accuracy| {
        println!("epoch {epoch}: {:.1} % of the test rows are classified correctly", 100.0 * accuracy);
    })?;
    let points = ppdnn::ndarray::array![[0.5, 0.5], [0.02, 0.02]];
    println!("the middle and a corner are of the classes {:?}", model.predict(points.view())?);
    Ok(())
}

#[test]
fn the_circle_is_learned_and_the_model_predicts_and_comes_back_from_its_file() {
    let mut last = 0.0;
    let model = train(&mut |_, accuracy| last = accuracy).expect("all roles are here");
    // the larger class alone has half of the rows
    assert!(last > 0.9, "{last}");
    let test = circle(500, 0.5).expect("points");
    let scored = model.score(&test).expect("the model's rows");
    assert!((scored - last).abs() < 0.03, "{scored} in the clear, {last} on shares");
    let predicted = model.predict(test.features().view()).expect("the model's rows");
    let hits = predicted.iter().zip(test.labels()).filter(|(a, b)| a == b).count();
    assert!((hits as f64 / 500.0 - scored).abs() < 1e-9);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("circle.safetensors");
    model.save(&file).expect("a file");
    assert_eq!(TrainedModel::load(&file).expect("a model"), model);
    main().expect("it prints");
}
