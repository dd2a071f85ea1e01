//! Models on disk (safetensors) and in the clear.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use ndarray::{Array1, Array2, ArrayView2, Axis};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use crate::error::{Error, Result};
use crate::nn::stage::Linear;
use crate::nn::{LayerSpec, Model, Normalization, clear};

/// A trained model in the clear.
///
/// As a file: tensors `conv1.weight` `[kernel rows kernel columns channels, outputs]`, `conv1.bias` `[outputs]`,
/// `dense2.weight` `[inputs, outputs]`, .. of `F32`, numbered by layer with parameters; the layers as JSON under `ppdnn.model`
/// in the metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// The network.
    pub model: Model,
    /// How its features are scaled.
    pub normalization: Option<Normalization>,
    /// Weight and bias of every layer that has some; a bias of zeros where there is none.
    pub parameters: Vec<(Array2<f32>, Array1<f32>)>,
}

impl Saved {
    /// A model from its parameters in the order of [`Model::parameters`].
    ///
    /// # Errors
    /// [`Error::Usage`] where they are not the model's.
    pub fn new(model: Model, normalization: Option<Normalization>, parameters: &[Vec<f64>]) -> Result<Self> {
        let wrong = || Error::Usage(format!("these are not the parameters of `{}`", model.name()));
        #[expect(clippy::cast_possible_truncation, reason = "a model file holds single precision")]
        let single = |x: &Vec<f64>| x.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        let mut all = Vec::new();
        let mut parameters = parameters.iter();
        for Linear { weight: [inputs, outputs], bias, .. } in products(&model) {
            let weight = parameters.next().ok_or_else(wrong)?;
            let none = vec![0.0; outputs];
            let bias = if bias { parameters.next().ok_or_else(wrong)? } else { &none };
            let weight = Array2::from_shape_vec([inputs, outputs], single(weight)).map_err(|_| wrong())?;
            let bias = Array1::from_vec(single(bias));
            if bias.len() != outputs {
                return Err(wrong());
            }
            all.push((weight, bias));
        }
        Ok(Self { model, normalization, parameters: all })
    }

    /// Writes the model, in one piece or not at all.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut named = Vec::new();
        for (i, ((weight, bias), linear)) in (1..).zip(self.parameters.iter().zip(products(&self.model))) {
            let name = linear.name();
            named.push((format!("{name}{i}.weight"), weight.shape().to_vec(), bytes(weight.iter())));
            if linear.bias {
                named.push((format!("{name}{i}.bias"), bias.shape().to_vec(), bytes(bias.iter())));
            }
        }
        let invalid = |e| Error::format(path, format!("cannot be written: {e}"));
        let views = named
            .iter()
            .map(|(name, shape, data)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data)?)))
            .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(invalid)?;
        let mut metadata = HashMap::new();
        metadata.insert(MODEL.to_owned(), serde_json::to_string(&self.model).expect("a model can be written"));
        if let Some(normalization) = &self.normalization {
            let text = serde_json::to_string(normalization).expect("two numbers can be written");
            metadata.insert(NORMALIZATION.to_owned(), text);
        }
        let text = serialize(views, Some(metadata)).map_err(invalid)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let fail = |e| Error::file(path, e);
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
        file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(fail)?;
        file.persist(path).map_err(|e| Error::file(path, e.error))?;
        Ok(())
    }

    /// Reads a model.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Format`].
    pub fn load(path: &Path) -> Result<Self> {
        let text = fs::read(path).map_err(|e| Error::file(path, e))?;
        let wrong = |what: &dyn std::fmt::Display| Error::format(path, format!("is no model of ppdnn: {what}"));
        let (_, metadata) = SafeTensors::read_metadata(&text).map_err(|e| wrong(&e))?;
        let model = metadata.metadata().as_ref().and_then(|m| m.get(MODEL));
        let model: Model =
            serde_json::from_str(model.ok_or_else(|| wrong(&"it does not name its layers"))?).map_err(|e| wrong(&e))?;
        model.check().map_err(|e| wrong(&e))?;
        let normalization = metadata.metadata().as_ref().and_then(|m| m.get(NORMALIZATION));
        let normalization = normalization.map(|text| serde_json::from_str(text)).transpose().map_err(|e| wrong(&e))?;
        let tensors = SafeTensors::deserialize(&text).map_err(|e| wrong(&e))?;
        let mut parameters = Vec::new();
        for (i, linear) in (1..).zip(products(&model)) {
            for part in ["weight", "bias"].into_iter().take(if linear.bias { 2 } else { 1 }) {
                let name = format!("{}{i}.{part}", linear.name());
                let tensor = tensors.tensor(&name).map_err(|e| wrong(&e))?;
                if tensor.dtype() != Dtype::F32 {
                    return Err(wrong(&format!("`{name}` is {:?}, not F32", tensor.dtype())));
                }
                let value = |b: &[u8]| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                parameters.push(tensor.data().chunks_exact(4).map(value).collect());
            }
        }
        Self::new(model, normalization, &parameters).map_err(|e| wrong(&e))
    }

    /// The logits of rows, `[n, classes]`.
    ///
    /// # Errors
    /// [`Error::Usage`] where the rows have other columns than the model.
    pub fn logits(&self, rows: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        if rows.ncols() != self.model.features() {
            let (has, wants) = (rows.ncols(), self.model.features());
            return Err(Error::Usage(format!(
                "`{}` takes rows of {wants} features, these have {has}",
                self.model.name()
            )));
        }
        #[expect(clippy::cast_possible_truncation, reason = "features have single precision")]
        let mut x = rows.mapv(|x| self.normalization.map_or(x, |n| n.apply(x.into()) as f32));
        let mut parameters = self.parameters.iter();
        let mut next = || parameters.next().expect("a checked model has its parameters");
        for (layer, input) in self.model.layers_with_inputs() {
            match layer {
                LayerSpec::Dense { .. } => {
                    let (weight, bias) = next();
                    x = x.dot(weight) + bias;
                }
                LayerSpec::Conv2d { .. } => {
                    let conv = layer.conv(&input).expect("a checked model's convolutions have images");
                    let (weight, bias) = next();
                    x = clear::convolve(&x, conv, weight, bias);
                }
                LayerSpec::AveragePool { .. } | LayerSpec::GlobalAveragePool | LayerSpec::MaxPool { .. } => {
                    let windows = layer.windows(&input).expect("a checked model's pools have images");
                    x = match layer {
                        LayerSpec::MaxPool { .. } => clear::pool(&x, windows, f32::NEG_INFINITY, f32::max, |y| y),
                        _ => clear::pool(&x, windows, 0.0, |a, b| a + b, |y| y / windows.len() as f32),
                    };
                }
                LayerSpec::Flatten => {}
                LayerSpec::Relu => x.mapv_inplace(|v| v.max(0.0)),
                LayerSpec::Sigmoid => x.mapv_inplace(|v| (v / 4.0 + 0.5).clamp(0.0, 1.0)),
            }
        }
        Ok(x)
    }

    /// Share of the rows whose largest logit is at the label.
    ///
    /// # Errors
    /// [`Error::Usage`] where the rows have other columns than the model.
    pub fn accuracy(&self, rows: ArrayView2<'_, f32>, labels: &[u32]) -> Result<f64> {
        let logits = self.logits(rows)?;
        let hit = |(row, label): (ndarray::ArrayView1<'_, f32>, &u32)| {
            let best = row.iter().enumerate().fold(0, |best, (i, x)| if *x > row[best] { i } else { best });
            best == *label as usize
        };
        let hits = logits.axis_iter(Axis(0)).zip(labels).filter(|(row, label)| hit((*row, label))).count();
        Ok(hits as f64 / labels.len().max(1) as f64)
    }
}

/// The layers with parameters.
fn products(model: &Model) -> impl Iterator<Item = Linear> {
    model.stages().into_iter().map(|stage| stage.linear)
}

const MODEL: &str = "ppdnn.model";
const NORMALIZATION: &str = "ppdnn.normalization";

fn bytes<'a>(values: impl Iterator<Item = &'a f32>) -> Vec<u8> {
    values.flat_map(|x| x.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_comes_back_from_its_file() {
        let model = Model::dense("tiny", 3, &[2], 2).unwrap();
        let parameters =
            [vec![1.0, -1.0, 0.5, 0.0, 0.0, 2.0], vec![0.0, -0.5], vec![1.0, 0.0, 0.0, 1.0], vec![0.25, 0.0]];
        let saved = Saved::new(model, None, &parameters).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        saved.save(&path).unwrap();
        assert_eq!(Saved::load(&path).unwrap(), saved);
        // relu([1, 0, 1] w + b) = relu([1, 0.5]), by hand
        let rows = ndarray::arr2(&[[1.0, 0.0, 1.0]]);
        assert_eq!(saved.logits(rows.view()).unwrap(), ndarray::arr2(&[[1.25, 0.5]]));
        assert_eq!(saved.accuracy(rows.view(), &[0]).unwrap(), 1.0);
        assert_eq!(saved.accuracy(rows.view(), &[1]).unwrap(), 0.0);
        // (x - 1) / 2 turns [3, 1, 3] into [1, 0, 1]
        let scaled = Saved { normalization: Some(Normalization { mean: 1.0, deviation: 2.0 }), ..saved };
        scaled.save(&path).unwrap();
        let rows = ndarray::arr2(&[[3.0, 1.0, 3.0]]);
        assert_eq!(Saved::load(&path).unwrap().logits(rows.view()).unwrap(), ndarray::arr2(&[[1.25, 0.5]]));
    }

    #[test]
    fn files_that_are_no_models_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        for text in [&b""[..], b"garbage", &[255; 64]] {
            fs::write(&path, text).unwrap();
            let error = Saved::load(&path).unwrap_err().to_string();
            assert!(error.contains("model.safetensors"), "{error}");
        }
    }
}
