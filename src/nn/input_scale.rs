//! The scale of a model's input: other units, and normalization as part of the first layer.

use ndarray::Axis;

use crate::error::{Error, Result};
use crate::nn::{Normalization, TrainedModel};

impl TrainedModel {
    /// The same model for inputs that are divided by `most`: 255 makes a model of pixels from 0 to 255 one of pixels from 0 to 1.
    ///
    /// # Errors
    /// [`Error::Usage`] if `most` is not positive.
    pub fn with_inputs_up_to(self, most: f64) -> Result<Self> {
        if !(most.is_finite() && most > 0.0) {
            return Err(Error::Usage(format!("the largest value of an input must be positive, not {most}")));
        }
        let Normalization { mean, deviation } =
            self.normalization.unwrap_or(Normalization { mean: 0.0, deviation: 1.0 });
        // 255 times a division by 255 in single precision
        let round = |x: f64| if (x - x.round()).abs() < 1e-6 { x.round() } else { x };
        let scale = Normalization { mean: round(mean / most), deviation: round(deviation / most) };
        if !(scale.deviation > 0.0 && scale.deviation.is_finite()) {
            return Err(Error::Usage(format!("inputs up to {most} leave nothing of the model's scale; use 1 or 255")));
        }
        let none = scale == Normalization { mean: 0.0, deviation: 1.0 };
        Ok(Self { normalization: (!none).then_some(scale), ..self })
    }

    /// The same model whose normalization is part of its first layer: `x w + b` of `(x - mean) / deviation` is
    /// `x (w / deviation) + b - mean / deviation sum w`.
    ///
    /// # Errors
    /// [`Error::Usage`] if the first layer is not dense or a convolution, or if it adds zeros around images that are not 0 before
    /// the normalization.
    pub fn with_folded_normalization(mut self) -> Result<Self> {
        self.check()?;
        let Some(Normalization { mean, deviation }) = self.normalization.take() else { return Ok(self) };
        let stages = self.model.stages();
        let linear = stages.first().map(|stage| &stage.linear);
        let padded = linear.and_then(|linear| linear.conv).is_some_and(|conv| conv.window.padding != [0, 0]);
        let first = self.model.layers().iter().position(|layer| layer.is_product());
        let (Some(linear), Some(first)) = (linear.filter(|linear| linear.linear_maps.is_empty()), first) else {
            return Err(cannot(self.model.name(), "it starts with another layer than dense or conv2d"));
        };
        if padded && mean != 0.0 {
            return Err(cannot(self.model.name(), "its first layer puts zeros around normalized images"));
        }
        let shift = !linear.bias && mean != 0.0;
        if shift {
            let with_bias = self.model.layers[first].with_bias();
            self.model.layers[first] =
                with_bias.ok_or_else(|| cannot(self.model.name(), "its first layer has no bias"))?;
        }
        let (weight, bias) = self.parameters.first_mut().expect("a checked model has its parameters");
        #[expect(clippy::cast_possible_truncation, reason = "a model has single precision")]
        let [mean, scale] = [mean as f32, (1.0 / deviation) as f32];
        *weight *= scale;
        *bias -= &(weight.sum_axis(Axis(0)) * mean);
        Ok(self)
    }
}

fn cannot(name: &str, why: &str) -> Error {
    Error::Usage(format!("the normalization of `{name}` cannot become part of its first layer: {why}; keep it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layers::{Conv2d, Dense, Relu};
    use crate::nn::{Init, Loss, Model};

    #[test]
    fn a_folded_normalization_changes_no_output() {
        for bias in [true, false] {
            let conv = Conv2d { channels: 1, kernel: [1, 2], stride: [1, 1], padding: [0, 0], bias };
            let layers = vec![conv.into(), Relu.into(), Dense { outputs: 2, bias: true }.into()];
            let model = Model::new("tiny", [1, 3, 1], layers, 2, Loss::Square, Init::He).unwrap();
            let mut parameters = vec![vec![1.0, -2.0]];
            parameters.extend(bias.then(|| vec![0.5]));
            parameters.extend([vec![1.0, 2.0, -1.0, 3.0], vec![0.0, 0.25]]);
            let scale = Some(Normalization { mean: 0.5, deviation: 0.25 });
            let model = TrainedModel::new(model, scale, &parameters).unwrap();
            let rows = ndarray::arr2(&[[0.5f32, -1.0, 0.25], [1.0, 0.0, 2.0]]);
            let want = model.logits(rows.view()).unwrap();
            let folded = model.clone().with_folded_normalization().unwrap();
            assert!(folded.normalization.is_none() && folded.model.check().is_ok());
            let got = folded.logits(rows.view()).unwrap();
            assert!(want.iter().zip(&got).all(|(a, b)| (a - b).abs() < 1e-5), "{want} {got}");
            // pixels of 0 to 255 in place of 0 to 1
            let bytes = model.clone().with_inputs_up_to(1.0 / 255.0).unwrap();
            let got = bytes.logits((&rows * 255.0).view()).unwrap();
            assert!(want.iter().zip(&got).all(|(a, b)| (a - b).abs() < 1e-4), "{want} {got}");
            assert_eq!(bytes.with_inputs_up_to(255.0).unwrap().normalization, model.normalization);
            assert!(model.with_inputs_up_to(0.0).is_err());
        }
        let conv = Conv2d { channels: 1, kernel: [1, 2], stride: [1, 1], padding: [0, 1], bias: true };
        let layers = vec![conv.into(), Relu.into(), Dense { outputs: 2, bias: false }.into()];
        let model = Model::new("padded", [1, 1, 1], layers, 2, Loss::Square, Init::He).unwrap();
        let scale = Some(Normalization { mean: 0.5, deviation: 0.25 });
        let model = TrainedModel::new(model, scale, &[vec![1.0; 2], vec![0.0], vec![1.0; 4]]).unwrap();
        assert!(model.with_folded_normalization().unwrap_err().to_string().contains("zeros around"));
    }
}
