//! Trains a network of burn on rows that no other party sees: its parameters go to ppdnn and come back trained.
//!
//! `cargo run --release --manifest-path examples/burn/Cargo.toml`

use burn::module::Param;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData, activation};
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

/// What burn computes: the fraction of the rows whose largest logit is at the label.
fn accuracy([first, last]: &[Linear; 2], data: &Data) -> f64 {
    let values = data.features().iter().copied().collect::<Vec<_>>();
    let rows = Tensor::<2>::from_data(TensorData::new(values, data.features().shape()), &Device::flex());
    let classes = last.forward(activation::relu(first.forward(rows))).argmax(1).into_data();
    let hits = classes.iter::<u32>().zip(data.labels()).filter(|(class, label)| class == *label).count();
    hits as f64 / data.len() as f64
}

fn main() -> ppdnn::Result<()> {
    let device = Device::flex();
    device.seed(1);
    let mut network = [LinearConfig::new(2, 16).init(&device), LinearConfig::new(16, 2).init(&device)];
    let (train, test) = (circle(800, 0.0)?, circle(500, 0.5)?);
    let untrained = accuracy(&network, &test);

    // burn's weights are `[inputs, outputs]`, as those of ppdnn are
    let bias = |layer: &Linear| layer.bias.as_ref().expect("the default has one").val().into_data();
    let initial = network.iter().flat_map(|layer| [layer.weight.val().into_data(), bias(layer)]);
    let initial = initial.map(|tensor| tensor.iter::<f64>().collect()).collect();
    let model = Model::sequential(2, vec![dense(16), relu(), dense(2)])?;
    let training = Training::new(model).initial(initial).owners(2).epochs(12).batch(32).learning_rate(0.25);
    let outcome = training.run(&train, &test, |_| ())?;
    // an error where values left their range, or the model is not what the servers scored
    outcome.check()?;
    let trained = outcome.model.expect("a job reveals its model unless it is told otherwise");
    for (layer, (weight, bias)) in network.iter_mut().zip(&trained.parameters) {
        let values = weight.iter().copied().collect::<Vec<_>>();
        layer.weight = Param::from_data(TensorData::new(values, weight.shape()), &device);
        layer.bias = Some(Param::from_data(TensorData::new(bias.to_vec(), [bias.len()]), &device));
    }

    let (burn, ppdnn) = (100.0 * accuracy(&network, &test), 100.0 * trained.score(&test)?);
    println!("{:.1} % before; after: {burn:.1} % in burn, {ppdnn:.1} % in ppdnn", 100.0 * untrained);
    // one row may lie where both classes are equal
    assert!(burn > 85.0 && (burn - ppdnn).abs() < 0.21, "{burn} {ppdnn}");
    Ok(())
}
