//! Models on disk (safetensors) and in the clear.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use ndarray::{Array1, Array2, ArrayView2, Axis};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use tempfile::NamedTempFile;

use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::net::{is_printable, printable};
use crate::nn::fold_batch_norm::folded;
use crate::nn::foreign_file::{CONVERT, origin, read, turned};
use crate::nn::layers::BatchNorm;
use crate::nn::stage::Part;
use crate::nn::{Model, Named, Normalization, inference};
use crate::shape::Shape;

/// A trained model in the clear.
///
/// As a file: tensors `conv1.weight` `[kernel rows kernel columns channels, outputs]`, `conv1.bias` `[outputs]`,
/// `dense2.weight` `[inputs, outputs]`, `layer-norm2.weight` `[features]`, .. of `F32`, numbered by product; the layers as JSON
/// under `ppdnn.model` in the metadata, the name of the data set under `ppdnn.dataset`, the fingerprint of its description under
/// `ppdnn.description`, and the number format under `ppdnn.profile`. Batch normalization is part of the weight and the bias of the product before it.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedModel {
    /// The network.
    pub model: Model,
    /// How features are normalized before they enter the network; `None` if they are not.
    pub normalization: Option<Normalization>,
    /// Name of the data set that it was trained on, if known.
    pub dataset: Option<String>,
    /// What the data description of its training says of features and targets, as
    /// [`Description::fingerprint`](crate::data::Description::fingerprint); `None` if it had none.
    pub description: Option<String>,
    /// The number format of its training on shares, if that counted values out of range and found none; private predictions use
    /// the same, unless another one is chosen.
    pub profile: Option<Profile>,
    /// Weight and bias of every layer with parameters; zeros for a missing bias, a weight of one row for a normalization.
    pub parameters: Vec<(Array2<f32>, Array1<f32>)>,
}

/// Initial parameters from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct InitialParameters {
    /// The parameters, in the order of [`Model::parameters`].
    pub parameters: Vec<Vec<f64>>,
    /// How features are normalized for them; the outer `None` if the file does not specify it.
    pub normalization: Option<Option<Normalization>>,
    /// Square weights of a file that ppdnn did not write: they may be `[inputs, outputs]` or `[outputs, inputs]`.
    pub square: Vec<String>,
}

impl Model {
    /// Names of the parameters in a file, such as `dense1.weight`, in the order of [`Model::parameters`].
    pub fn parameter_names(&self) -> Vec<String> {
        self.named_parameters().into_iter().map(|(name, _)| name).collect()
    }

    /// Names and shapes of the parameters.
    fn named_parameters(&self) -> Vec<(String, Shape)> {
        let names = |(i, part): (usize, Part)| {
            let name = part.name();
            part.parameters().into_iter().map(move |p| (format!("{name}{i}.{}", p.name), p.shape))
        };
        self.parts().into_iter().flat_map(names).collect()
    }
}

impl TrainedModel {
    /// A model from its parameters in the order of [`Model::parameters`]. Batch normalization is folded into the products before
    /// it.
    ///
    /// # Errors
    /// [`Error::Usage`] if their number or sizes are not the model's.
    pub fn new(model: Model, normalization: Option<Normalization>, parameters: &[Vec<f64>]) -> Result<Self> {
        let name = model.name().to_owned();
        let wrong = || Error::Usage(format!("the parameters do not have the shapes of `{name}`"));
        if !model.parameters().iter().map(Shape::len).eq(parameters.iter().map(Vec::len)) {
            return Err(wrong());
        }
        let (model, parameters) = folded(&model, parameters);
        #[expect(clippy::cast_possible_truncation, reason = "a model file holds single precision")]
        let single = |x: &Vec<f64>| x.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        let mut all = Vec::new();
        let mut parameters = parameters.iter();
        for (_, part) in model.parts() {
            let ([inputs, outputs], bias) = weight_of(&part);
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
        Ok(Self { model, normalization, dataset: None, description: None, profile: None, parameters: all })
    }

    /// The parameters in the order of [`Model::parameters`].
    ///
    /// # Errors
    /// [`Error::Usage`] if their shapes, which are public fields, are not the model's.
    pub fn parameter_list(&self) -> Result<Vec<Vec<f64>>> {
        self.check()?;
        let wide = |x: &f32| f64::from(*x);
        let mut all = Vec::new();
        for ((weight, bias), (_, part)) in self.parameters.iter().zip(self.model.parts()) {
            all.push(weight.iter().map(wide).collect());
            all.extend(weight_of(&part).1.then(|| bias.iter().map(wide).collect()));
        }
        Ok(all)
    }

    /// The same model, with the name of the data set that it was trained on; an empty name stands for none.
    #[must_use]
    pub fn trained_on(self, dataset: &str) -> Self {
        Self { dataset: (!dataset.is_empty()).then(|| dataset.to_owned()), ..self }
    }

    /// Writes the model atomically. Only its owner can read the file.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written; [`Error::Usage`] if the parameters' shapes are not the model's.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.written(path)?.persist(path).map_err(|e| Error::file(path, e.error)).map(drop)
    }

    /// Writes the model to a new file; never overwrites one.
    ///
    /// # Errors
    /// As [`TrainedModel::save`], and [`Error::File`] if the file exists.
    pub fn save_new(&self, path: &Path) -> Result<()> {
        self.written(path)?.persist_noclobber(path).map_err(|e| Error::file(path, e.error)).map(drop)
    }

    /// A temporary file with the model, beside `path`.
    fn written(&self, path: &Path) -> Result<NamedTempFile> {
        self.check()?;
        let mut named = Vec::new();
        let names = self.model.named_parameters();
        let mut names = names.into_iter().map(|(name, shape)| (name, shape.axes().to_vec()));
        let mut next = |data| named.extend(names.next().map(|(name, shape)| (name, shape, data)));
        for ((weight, bias), (_, part)) in self.parameters.iter().zip(self.model.parts()) {
            next(bytes(weight.iter()));
            if weight_of(&part).1 {
                next(bytes(bias.iter()));
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
        if let Some(dataset) = &self.dataset {
            metadata.insert(DATASET.to_owned(), dataset.clone());
        }
        if let Some(description) = &self.description {
            metadata.insert(DESCRIPTION.to_owned(), description.clone());
        }
        if let Some(profile) = &self.profile {
            metadata.insert(PROFILE.to_owned(), profile.name.to_string());
        }
        let text = serialize(views, Some(metadata)).map_err(invalid)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let fail = |e| Error::file(path, e);
        let file = NamedTempFile::new_in(folder).map_err(fail)?;
        file.as_file().write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(fail)?;
        Ok(file)
    }

    /// Reads a model.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read, [`Error::Format`] if it is not a model of ppdnn.
    pub fn load(path: &Path) -> Result<Self> {
        let text = read(path)?;
        let wrong = |what: &dyn std::fmt::Display| Error::format(path, format!("is not a ppdnn model: {what}"));
        let Description { model, normalization, dataset, description, profile } =
            described(&text).map_err(|e| match origin(&text) {
                Some(_) => Error::format(path, e),
                None => wrong(&e),
            })?;
        let model = model.ok_or_else(|| wrong(&"it does not name its layers"))?;
        let parameters = tensors(&text, &model).map_err(|e| wrong(&e))?;
        let saved = Self::new(model, normalization, &parameters).map_err(|e| wrong(&e))?;
        Ok(Self { dataset, description, profile, ..saved })
    }

    /// Reads initial parameters for `model`: from a saved model, or from any safetensors file whose tensors have the names and
    /// shapes of a saved `model` ([`TrainedModel`]).
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read, [`Error::Format`] naming the first tensor that does not fit.
    pub fn load_parameters(path: &Path, model: &Model) -> Result<InitialParameters> {
        let text = read(path)?;
        let wrong = |what: String| Error::format(path, format!("does not fit `{}`: {what}", model.name()));
        let Description { model: saved, normalization, .. } = described(&text).map_err(|e| match origin(&text) {
            Some(_) => Error::format(path, e),
            None => wrong(e),
        })?;
        let parameters = tensors(&text, model).map_err(wrong)?;
        let square = if saved.is_none() { square(model) } else { Vec::new() };
        Ok(InitialParameters { parameters, normalization: saved.map(|_| normalization), square })
    }

    /// The outputs of rows, `[n, outputs]`: logits, or the targets of a regression, scaled as in training.
    ///
    /// # Errors
    /// [`Error::Usage`] if the rows do not have the model's number of features, or the parameters' shapes are not the model's.
    pub fn logits(&self, rows: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        self.check()?;
        if rows.ncols() != self.model.features() {
            let (has, wants) = (rows.ncols(), self.model.features());
            return Err(Error::Usage(format!(
                "`{}` takes rows with {wants} features; these have {has}",
                self.model.name()
            )));
        }
        #[expect(clippy::cast_possible_truncation, reason = "features have single precision")]
        let scaled = |(_, feature): (usize, usize), x: f32| match &self.normalization {
            Some(scale) => scale.apply(feature, x.into()) as f32,
            None => x,
        };
        let mut logits = Array2::zeros([rows.nrows(), self.model.outputs()]);
        // as many rows at once as keep the values of a layer small
        let at_once = (MOST_VALUES / self.model.widest().max(1)).clamp(1, 1000);
        for (rows, mut out) in
            rows.axis_chunks_iter(Axis(0), at_once).zip(logits.axis_chunks_iter_mut(Axis(0), at_once))
        {
            let rows = Array2::from_shape_fn(rows.raw_dim(), |at| scaled((at.0, at.1), rows[at]));
            out.assign(&inference::forward(&self.model, rows, &self.parameters));
        }
        Ok(logits)
    }

    /// Checks that the parameters, a public field, have the model's shapes.
    pub(super) fn check(&self) -> Result<()> {
        let parts = self.model.parts();
        let wanted = parts.iter().map(|(_, part)| weight_of(part).0).map(|weight| (weight.to_vec(), vec![weight[1]]));
        let have = self.parameters.iter().map(|(weight, bias)| (weight.shape().to_vec(), bias.shape().to_vec()));
        match have.eq(wanted) {
            true => Ok(()),
            false => Err(Error::Usage(format!("the parameters do not have the shapes of `{}`", self.model.name()))),
        }
    }
}

/// The metadata of a file.
struct Description {
    model: Option<Model>,
    normalization: Option<Normalization>,
    dataset: Option<String>,
    description: Option<String>,
    profile: Option<Profile>,
}

/// The metadata of a file, which may be missing.
fn described(text: &[u8]) -> std::result::Result<Description, String> {
    let (_, metadata) = SafeTensors::read_metadata(text).map_err(|e| match origin(text) {
        Some(origin) => format!("is {origin}, not a safetensors file; {CONVERT}"),
        None => format!("it is not a safetensors file ({e})"),
    })?;
    let metadata = metadata.metadata().as_ref();
    let model = metadata.and_then(|m| m.get(MODEL)).map(|text| serde_json::from_str::<Model>(text));
    let model = model.transpose().map_err(|e| e.to_string())?;
    model.as_ref().map_or(Ok(()), Model::check).map_err(|e| e.to_string())?;
    if model.as_ref().is_some_and(|model| !is_printable(model.name())) {
        return Err("its name has control characters, or is too long".into());
    }
    let dataset = metadata.and_then(|m| m.get(DATASET)).cloned();
    if dataset.as_ref().is_some_and(|name| !is_printable(name)) {
        return Err("the name of its data set has control characters, or is too long".into());
    }
    let description = metadata.and_then(|m| m.get(DESCRIPTION)).cloned();
    let is_hash = |text: &String| text.len() == 64 && text.bytes().all(|c| c.is_ascii_hexdigit());
    if !description.as_ref().is_none_or(is_hash) {
        return Err("the fingerprint of its data description is none".into());
    }
    let profile = metadata.and_then(|m| m.get(PROFILE)).map(|name| Profile::named(name));
    // the name, which may have control characters, is not repeated
    let profile = profile.transpose().map_err(|_| "its number format is none of `small`, `wide` and `deep`")?;
    let normalization = metadata.and_then(|m| m.get(NORMALIZATION));
    let normalization = normalization.map(|text| serde_json::from_str::<Option<Normalization>>(text));
    let normalization = normalization.transpose().map_err(|e| e.to_string())?.flatten();
    // without the network, any number of them may be right
    let features = |scale: &Normalization| model.as_ref().map_or(scale.mean.len(), Model::features);
    match normalization {
        Some(scale) if !scale.fits(features(&scale)) => {
            Err("its features have means and deviations that are impossible: one for all, or one for each, positive"
                .into())
        }
        normalization => Ok(Description { model, normalization, dataset, description, profile }),
    }
}

/// The parameters of a model in a file, in the order of [`Model::parameters`].
fn tensors(text: &[u8], model: &Model) -> std::result::Result<Vec<Vec<f64>>, String> {
    let tensors = SafeTensors::deserialize(text).map_err(|e| e.to_string())?;
    let (mut parameters, mut known) = (Vec::new(), Vec::new());
    for (name, shape) in model.named_parameters() {
        let folded = if name.starts_with(BatchNorm::NAME) { FOLDED } else { "" };
        let tensor = tensors.tensor(&name).map_err(|_| format!("it has no `{name}` of shape {shape}{folded}"))?;
        let values = finite_values(&name, &shape, &tensor)?;
        if name.ends_with("running_var") && values.iter().any(|v| *v < 0.0) {
            return Err(format!("`{name}` has a negative value; it holds variances"));
        }
        parameters.push(values);
        known.push(name);
    }
    match tensors.names().into_iter().find(|name| !known.iter().any(|known| known == name)) {
        Some(name) => {
            Err(format!("`{}` is not one of its parameters; it has `{}`", printable(name), known.join("`, `")))
        }
        None => Ok(parameters),
    }
}

/// The finite numbers of a tensor of a shape.
pub(super) fn finite_values(
    name: &str,
    shape: &Shape,
    tensor: &TensorView<'_>,
) -> std::result::Result<Vec<f64>, String> {
    if tensor.shape() != shape.axes() {
        let advice = turned(tensor.shape(), shape);
        return Err(format!("`{name}` is {:?}, it must be {shape}{advice}", tensor.shape()));
    }
    let values: Vec<f64> = match tensor.dtype() {
        Dtype::F32 => numbers(tensor.data(), |b| f32::from_le_bytes(b).into()),
        Dtype::F64 => numbers(tensor.data(), f64::from_le_bytes),
        other => return Err(format!("`{name}` is {other:?}, it must be F32 or F64")),
    };
    match values.iter().find(|x| !x.is_finite()) {
        Some(x) => Err(format!("`{name}` has a value of {x}; parameters must be finite")),
        None => Ok(values),
    }
}

/// Why a saved model may lack parameters of batch normalization.
const FOLDED: &str =
    "; a saved model has its batch normalization in the weights before it, and training cannot go on from there";

/// The names of a model's square weights.
fn square(model: &Model) -> Vec<String> {
    let named = model.named_parameters().into_iter();
    named.filter(|(_, shape)| matches!(shape.axes(), [a, b] if a == b)).map(|(name, _)| name).collect()
}

fn numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|b| number(*b)).collect()
}

/// Rows and columns of the weight of what has parameters in a saved model, and whether there is a bias.
fn weight_of(part: &Part) -> ([usize; 2], bool) {
    match part {
        Part::Linear(linear) => (linear.weight, linear.bias),
        Part::Norm(norm) => ([1, norm.columns], true),
    }
}

const MODEL: &str = "ppdnn.model";
const NORMALIZATION: &str = "ppdnn.normalization";
const DATASET: &str = "ppdnn.dataset";
const DESCRIPTION: &str = "ppdnn.description";
const PROFILE: &str = "ppdnn.profile";

fn bytes<'a>(values: impl Iterator<Item = &'a f32>) -> Vec<u8> {
    values.flat_map(|x| x.to_le_bytes()).collect()
}

/// Values of a layer that are computed at once.
const MOST_VALUES: usize = 1 << 20;

#[cfg(test)]
mod tests;
