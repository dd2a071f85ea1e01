//! Batch normalization as part of the products before it, as saved models have it.

use crate::nn::inverse_sqrt::LEAST_VARIANCE;
use crate::nn::layers::Over;
use crate::nn::layers::{BatchNorm, Residual};
use crate::nn::stage::Part;
use crate::nn::{LayerSpec, Model};

/// The same network without batch normalization, and its parameters: with `s = g / sqrt(variance)`, a weight `w s` and a bias
/// `(b - mean) s + addend`, column by column.
pub(super) fn folded(model: &Model, parameters: &[Vec<f64>]) -> (Model, Vec<Vec<f64>>) {
    let mut given = parameters.iter().cloned();
    let mut next = || given.next().expect("as many parameters as the model has");
    let mut all: Vec<Vec<f64>> = Vec::new();
    // whether the product before has a bias
    let mut bias = false;
    for (_, part) in model.parts() {
        match part {
            Part::Linear(linear) => {
                bias = linear.bias;
                all.extend((0..1 + usize::from(bias)).map(|_| next()));
            }
            Part::Norm(norm) => {
                let parameters: Vec<_> = norm.parameters().iter().map(|_| next()).collect();
                match norm.over {
                    Over::Batch { .. } => fold(&mut all, bias, &parameters),
                    Over::Row => all.extend(parameters),
                }
            }
        }
    }
    (Model { layers: without(model.layers()), ..model.clone() }, all)
}

/// Takes a batch normalization into the last product.
fn fold(all: &mut Vec<Vec<f64>>, bias: bool, parameters: &[Vec<f64>]) {
    let [gain, addend, mean, variance] = parameters else { unreachable!("a batch normalization has four parameters") };
    let before = if bias { all.pop() } else { None };
    let weight = all.last_mut().expect("a product comes before its normalization");
    let scale: Vec<f64> = gain.iter().zip(variance).map(|(g, v)| g / v.max(LEAST_VARIANCE.into()).sqrt()).collect();
    weight.iter_mut().zip(scale.iter().cycle()).for_each(|(w, s)| *w *= s);
    let before = before.unwrap_or_else(|| vec![0.0; scale.len()]);
    let shifted = (before.iter().zip(mean)).zip(scale.iter().zip(addend)).map(|((b, m), (s, a))| (b - m) * s + a);
    all.push(shifted.collect());
}

/// Layers without batch normalization; the products before it have a bias.
fn without(layers: &[LayerSpec]) -> Vec<LayerSpec> {
    let mut all: Vec<LayerSpec> = Vec::with_capacity(layers.len());
    for layer in layers {
        if layer.is::<BatchNorm>() {
            let product = all.pop().and_then(|before| before.with_bias());
            all.extend(product);
        } else if let Some(block) = layer.get::<Residual>() {
            all.push(Residual { body: without(&block.body), ..block.clone() }.into());
        } else {
            all.push(layer.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layers::{Dense, Relu};
    use crate::nn::{Init, Loss, TrainedModel};

    /// By hand: the middle layer's outputs are (z - mean) / sqrt(variance) g + b.
    #[test]
    fn a_folded_network_computes_the_same() {
        for bias in [true, false] {
            let layers = vec![
                Dense { outputs: 2, bias }.into(),
                BatchNorm { momentum: 3 }.into(),
                Relu.into(),
                Dense { outputs: 2, bias: true }.into(),
            ];
            let model = Model::new("tiny", 2, layers, 2, Loss::SoftmaxCrossEntropy, Init::He).unwrap();
            let mut parameters = vec![vec![1.0, 2.0, -1.0, 0.5]];
            parameters.extend(bias.then(|| vec![0.5, -0.25]));
            parameters.extend([vec![2.0, -1.0], vec![0.25, 1.0], vec![1.0, -2.0], vec![4.0, 0.25]]);
            parameters.extend([vec![1.0, 0.0, 0.0, 1.0], vec![0.0, 0.0]]);
            let saved = TrainedModel::new(model.clone(), None, &parameters).unwrap();
            assert_eq!(saved.model.layers().len(), 3);
            assert!(saved.model.layers()[0].get::<Dense>().unwrap().bias && saved.model.check().is_ok());
            let rows = [[3.0f32, -1.0], [0.5, 2.0]];
            let got = saved.logits(ndarray::arr2(&rows).view()).unwrap();
            for (x, got) in rows.iter().zip(got.rows()) {
                let [x, y] = x.map(f64::from);
                let b = if bias { [0.5, -0.25] } else { [0.0; 2] };
                let z = [x - y + b[0], 2.0 * x + 0.5 * y + b[1]];
                let want = [(z[0] - 1.0) / 2.0 * 2.0 + 0.25, 1.0 - (z[1] + 2.0) / 0.5].map(|v| v.max(0.0));
                assert!(got.iter().zip(want).all(|(g, w)| (f64::from(*g) - w).abs() < 1e-5), "{got} {want:?}");
            }
            let wrong = [&parameters[1..], &[Vec::new()]].concat();
            assert!(TrainedModel::new(model, None, &wrong).is_err());
        }
    }
}
