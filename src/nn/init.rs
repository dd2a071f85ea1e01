//! Initial parameters, from a public seed.

use crate::fixed::{MASTER_FRAC, encode};
use crate::nn::stage::Part;
use crate::nn::{Init, Model};
use crate::prg::public_seed;

/// The initial parameters of a model in the order of [`Model::parameters`], as elements of `Z_2^64` with 32 fraction bits.
pub fn initial_parameters(model: &Model, seed: u64) -> Vec<Vec<u64>> {
    let seed = public_seed(seed, "initial weights");
    let mut out = Vec::new();
    for (number, part) in model.parts() {
        let linear = match part {
            Part::Linear(linear) => linear,
            Part::Norm(norm) => {
                out.extend(norm.initial().map(|x| vec![encode(x, MASTER_FRAC); norm.columns]));
                continue;
            }
        };
        let [inputs, outputs] = linear.weight;
        let len = inputs * outputs;
        // every output of a filter's tap is an output of the input under it
        let fan_out = linear.conv.map_or(outputs, |conv| conv.window.len() * outputs);
        let mut words = vec![0u32; 2 * len];
        seed.stream(number as u64 - 1).fill(0, &mut words);
        let draw = |w: &[u32]| match model.init() {
            Init::Glorot => normal(w[0], w[1]) * (2.0 / (inputs + fan_out) as f64).sqrt(),
            Init::He => normal(w[0], w[1]) * (2.0 / inputs as f64).sqrt(),
            Init::Uniform => (2.0 * unit(w[0]) - 1.0) / (inputs as f64).sqrt(),
        };
        out.push(words.chunks_exact(2).map(|w| encode(draw(w), MASTER_FRAC)).collect());
        out.extend(linear.bias.then(|| vec![0; outputs]));
    }
    out
}

/// A standard normal number from two uniform words (Box and Muller, 1958).
fn normal(a: u32, b: u32) -> f64 {
    (-2.0 * unit(a).ln()).sqrt() * (2.0 * std::f64::consts::PI * unit(b)).cos()
}

/// A number between 0 and 1 from a uniform word.
fn unit(x: u32) -> f64 {
    (f64::from(x) + 0.5) * f64::exp2(-32.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::decode;

    #[test]
    fn weights_have_the_deviation_of_he_and_follow_the_seed() {
        let model = Model::dense("secureml", 784, &[128, 128], 10).unwrap();
        let a = initial_parameters(&model, 7);
        assert_eq!(a, initial_parameters(&model, 7));
        assert_ne!(a, initial_parameters(&model, 8));
        let w: Vec<f64> = a[0].iter().map(|x| decode(*x, 64, 32)).collect();
        let n = w.len() as f64;
        let (mean, square) = (w.iter().sum::<f64>() / n, w.iter().map(|x| x * x).sum::<f64>() / n);
        // four standard errors of a mean and of a variance of n normal numbers
        assert!(mean.abs() < 4.0 * (2.0 / 784.0 / n).sqrt());
        assert!((square * 784.0 / 2.0 - 1.0).abs() < 4.0 * (2.0 / n).sqrt());
        assert!(a[1].iter().all(|b| *b == 0));
    }
}
