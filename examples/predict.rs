//! Asks a model private questions, row by row: the answers are its class probabilities, and nobody else learns them. All roles run as
//! threads of this process; on machines of their own, `ppdnn::roles::Node` has the same client and model owner.
//!
//! `cargo run --release --example predict`

use std::time::Instant;

use ppdnn::ndarray::array;
use ppdnn::{AnswerKind, Answers, Model, Prediction, Result, TrainedModel};

/// A model of points of the plane: class 1 lies right of the diagonal.
fn model() -> Result<TrainedModel> {
    let model = Model::dense("diagonal", 2, &[2], 2)?;
    TrainedModel::new(model, None, &[vec![4.0, -4.0, -4.0, 4.0], vec![0.0; 2], vec![0.0, 1.0, 1.0, 0.0], vec![0.0; 2]])
}

#[expect(clippy::print_stdout, reason = "a program tells what it found")]
fn main() -> Result<()> {
    // links, shares of the model and what the dealer deals ahead are in place before the first row
    let mut session = Prediction::new(model()?).answers(AnswerKind::Probabilities).batch(1).start(100)?;
    for point in [[0.9f32, 0.1], [0.2, 0.7], [0.55, 0.5]] {
        let start = Instant::now();
        if let Answers::Probabilities(p) = session.predict(array![point].view())? {
            println!("{point:?}: {:.1} % right of the diagonal, after {:.1?}", 100.0 * p[[0, 1]], start.elapsed());
        }
    }
    let summary = session.finish()?;
    let (rounds, dealt) = (summary.rounds_per_request, summary.bytes_per_request.dealer_to_server1);
    println!("{rounds} rounds and {dealt} dealt bytes for each");
    Ok(())
}
