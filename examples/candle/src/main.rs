//! Trains a network of candle on rows that no other party sees: its parameters go to ppdnn and come back trained.
//!
//! `cargo run --release --manifest-path examples/candle/Cargo.toml`

use candle_core::{DType, Device::Cpu, Tensor};
use candle_nn::{Activation, Module, VarBuilder, VarMap, linear, seq};
use ppdnn::layer::{dense, relu};
use ppdnn::ndarray::Array2;
use ppdnn::{Data, Model, Training};

/// Points of the unit square; whether they lie inside a circle around its middle.
fn circle(rows: usize, turn: f32) -> ppdnn::Result<Data> {
    let points =
        Array2::from_shape_fn((rows, 2), |(row, axis)| (row as f32 * [0.754_877_7, 0.569_840_3][axis] + turn).fract());
    let inside = points.rows().into_iter().map(|p| u32::from((p[0] - 0.5).hypot(p[1] - 0.5) < 0.4)).collect();
    Data::new(points, inside, 2)
}

/// What candle computes: the fraction of the rows whose largest logit is at the label.
fn accuracy(network: &impl Module, data: &Data) -> candle_core::Result<f64> {
    let rows = Tensor::from_iter(data.features().iter().copied(), &Cpu)?.reshape(data.features().dim())?;
    let hits = network.forward(&rows)?.argmax(1)?.eq(&Tensor::new(data.labels(), &Cpu)?)?;
    hits.to_dtype(DType::F64)?.mean_all()?.to_scalar()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut variables = VarMap::new();
    let builder = VarBuilder::from_varmap(&variables, DType::F32, &Cpu);
    let [first, last] = [linear(2, 16, builder.pp("dense1"))?, linear(16, 2, builder.pp("dense2"))?];
    let network = seq().add(first).add(Activation::Relu).add(last);
    let (train, test) = (circle(800, 0.0)?, circle(500, 0.5)?);
    let untrained = accuracy(&network, &test)?;

    let model = Model::sequential(2, vec![dense(16), relu(), dense(2)])?;
    let mut initial = Vec::new();
    for name in model.parameter_names() {
        // weights of candle are `[outputs, inputs]`, those of ppdnn `[inputs, outputs]`
        let tensor = variables.data().lock().unwrap()[&name].to_dtype(DType::F64)?;
        initial.push(if tensor.rank() == 2 { tensor.t()? } else { tensor }.flatten_all()?.to_vec1()?);
    }
    let training = Training::new(model).initial(initial).owners(2).epochs(12).batch(32).learning_rate(0.25);
    let outcome = training.run(&train, &test, |_| ())?;
    // an error where values left their range, or the model is not what the servers scored
    outcome.check()?;
    let trained = outcome.model.expect("a job reveals its model unless it is told otherwise");
    for (i, (weight, bias)) in (1..).zip(&trained.parameters) {
        let weight = Tensor::from_iter(weight.iter().copied(), &Cpu)?.reshape(weight.dim())?.t()?;
        variables.set_one(format!("dense{i}.weight"), weight)?;
        variables.set_one(format!("dense{i}.bias"), Tensor::from_iter(bias.iter().copied(), &Cpu)?)?;
    }

    let (candle, ppdnn) = (100.0 * accuracy(&network, &test)?, 100.0 * trained.score(&test)?);
    println!("{:.1} % before; after: {candle:.1} % in candle, {ppdnn:.1} % in ppdnn", 100.0 * untrained);
    // one row may lie where both classes are equal
    assert!(candle > 85.0 && (candle - ppdnn).abs() < 0.21, "{candle} {ppdnn}");
    Ok(())
}
