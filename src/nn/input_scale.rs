//! The scale of a model's input: other units, and normalization as part of the first layer.

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
        let Normalization { mean, deviation } = self.normalization.unwrap_or_else(|| Normalization::uniform(0.0, 1.0));
        // 255 times a division by 255 in single precision
        let round = |x: f64| if (x - x.round()).abs() < 1e-6 { x.round() } else { x };
        let [mean, deviation] = [mean, deviation].map(|all| all.into_iter().map(|x| round(x / most)).collect());
        let scale = Normalization { mean, deviation };
        if !scale.fits(self.model.features()) {
            return Err(Error::Usage(format!("inputs up to {most} leave nothing of the model's scale; use 1 or 255")));
        }
        let none = scale == Normalization::uniform(0.0, 1.0);
        Ok(Self { normalization: (!none).then_some(scale), ..self })
    }

    /// The same model whose normalization is part of its first layer: `x w + b` of `(x - mean) / deviation` is
    /// `x (w / deviation) + b - mean / deviation sum w`.
    ///
    /// # Errors
    /// [`Error::Usage`] if the first layer is not dense or a convolution, or if it is a convolution and adds zeros around images
    /// that are not 0 before the normalization, or features have scales of their own.
    pub fn with_folded_normalization(mut self) -> Result<Self> {
        self.check()?;
        let Some(scale) = self.normalization.take() else { return Ok(self) };
        let stages = self.model.stages();
        let linear = stages.first().map(|stage| &stage.linear);
        let conv = linear.and_then(|linear| linear.conv);
        let (padded, shifts) =
            (conv.is_some_and(|conv| conv.window.padding != [0, 0]), scale.mean.iter().any(|m| *m != 0.0));
        if conv.is_some() && scale.as_uniform().is_none() {
            return Err(cannot(self.model.name(), "the features of its images have scales of their own"));
        }
        let first = self.model.layers().iter().position(|layer| layer.is_product());
        let (Some(linear), Some(first)) = (linear.filter(|linear| linear.linear_maps.is_empty()), first) else {
            return Err(cannot(self.model.name(), "it starts with another layer than dense or conv2d"));
        };
        if padded && shifts {
            return Err(cannot(self.model.name(), "its first layer puts zeros around normalized images"));
        }
        if !linear.bias && shifts {
            let with_bias = self.model.layers[first].with_bias();
            self.model.layers[first] =
                with_bias.ok_or_else(|| cannot(self.model.name(), "its first layer has no bias"))?;
        }
        let (weight, bias) = self.parameters.first_mut().expect("a checked model has its parameters");
        for (feature, mut own) in weight.rows_mut().into_iter().enumerate() {
            let [mean, deviation] = scale.of(feature);
            #[expect(clippy::cast_possible_truncation, reason = "a model has single precision")]
            let [mean, times] = [mean as f32, (1.0 / deviation) as f32];
            own *= times;
            bias.scaled_add(-mean, &own);
        }
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
            let scale = Some(Normalization::uniform(0.5, 0.25));
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
        // every feature with a scale of its own
        let model = Model::dense("rows", 2, &[], 2).unwrap();
        let scale = Some(Normalization { mean: vec![0.5, -3.0], deviation: vec![0.25, 2.0] });
        let model = TrainedModel::new(model, scale, &[vec![1.0, -2.0, 0.5, 4.0], vec![0.5, 0.0]]).unwrap();
        let rows = ndarray::arr2(&[[0.5f32, -1.0], [1.0, 0.0]]);
        let (want, folded) = (model.logits(rows.view()).unwrap(), model.clone().with_folded_normalization().unwrap());
        let got = folded.logits(rows.view()).unwrap();
        assert!(
            folded.normalization.is_none() && want.iter().zip(&got).all(|(a, b)| (a - b).abs() < 1e-5),
            "{want} {got}"
        );
        let conv = Conv2d { channels: 1, kernel: [1, 2], stride: [1, 1], padding: [0, 1], bias: true };
        let layers = vec![conv.into(), Relu.into(), Dense { outputs: 2, bias: false }.into()];
        let model = Model::new("padded", [1, 1, 1], layers, 2, Loss::Square, Init::He).unwrap();
        let scale = Some(Normalization::uniform(0.5, 0.25));
        let model = TrainedModel::new(model, scale, &[vec![1.0; 2], vec![0.0], vec![1.0; 4]]).unwrap();
        assert!(model.with_folded_normalization().unwrap_err().to_string().contains("zeros around"));
    }
}
