//! Models on disk (safetensors) and in the clear.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use ndarray::{Array1, Array2, ArrayView2, Axis};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use crate::error::{Error, Result};
use crate::net::{is_printable, printable};
use crate::nn::foreign::{CONVERT, origin, turned};
use crate::nn::stage::Linear;
use crate::nn::{Model, Normalization, clear};

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

/// Parameters to begin with.
#[derive(Clone, Debug, PartialEq)]
pub struct Beginning {
    /// The parameters, in the order of [`Model::parameters`].
    pub parameters: Vec<Vec<f64>>,
    /// How features are scaled for them; none where the file does not say whether they are.
    pub normalization: Option<Option<Normalization>>,
    /// Square weights of a file that does not say who wrote it: nothing tells `[inputs, outputs]` from `[outputs, inputs]`.
    pub square: Vec<String>,
}

impl Model {
    /// Names of the parameters in a file, as `dense1.weight`, in the order of [`Model::parameters`].
    pub fn parameter_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (i, linear) in (1..).zip(products(self)) {
            names.push(format!("{}{i}.weight", linear.name()));
            names.extend(linear.bias.then(|| format!("{}{i}.bias", linear.name())));
        }
        names
    }
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
    /// [`Error::File`]; [`Error::Usage`] where the parameters are not the model's.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.check()?;
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
        let (model, normalization) = described(&text).map_err(|e| match origin(&text) {
            Some(_) => Error::format(path, e),
            None => wrong(&e),
        })?;
        let model = model.ok_or_else(|| wrong(&"it does not name its layers"))?;
        let parameters = tensors(&text, &model).map_err(|e| wrong(&e))?;
        Self::new(model, normalization, &parameters).map_err(|e| wrong(&e))
    }

    /// Reads parameters for `model`, to begin with: those of a saved model, or of any file with tensors of the names and shapes
    /// that a saved `model` has ([`Saved`]).
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Format`] with the first tensor that does not fit.
    pub fn load_parameters(path: &Path, model: &Model) -> Result<Beginning> {
        let text = fs::read(path).map_err(|e| Error::file(path, e))?;
        let wrong = |what: String| Error::format(path, format!("does not fit `{}`: {what}", model.name()));
        let (saved, normalization) = described(&text).map_err(|e| match origin(&text) {
            Some(_) => Error::format(path, e),
            None => wrong(e),
        })?;
        let parameters = tensors(&text, model).map_err(wrong)?;
        let square = if saved.is_none() { square(model) } else { Vec::new() };
        Ok(Beginning { parameters, normalization: saved.map(|_| normalization), square })
    }

    /// The logits of rows, `[n, classes]`.
    ///
    /// # Errors
    /// [`Error::Usage`] where the rows have other columns than the model, or the parameters are not the model's.
    pub fn logits(&self, rows: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        self.check()?;
        if rows.ncols() != self.model.features() {
            let (has, wants) = (rows.ncols(), self.model.features());
            return Err(Error::Usage(format!(
                "`{}` takes rows of {wants} features, these have {has}",
                self.model.name()
            )));
        }
        #[expect(clippy::cast_possible_truncation, reason = "features have single precision")]
        let scaled = rows.mapv(|x| self.normalization.map_or(x, |n| n.apply(x.into()) as f32));
        Ok(clear::forward(&self.model, scaled, &self.parameters))
    }

    /// Checks that the parameters, which anybody can change, are the model's.
    fn check(&self) -> Result<()> {
        let wanted = products(&self.model).map(|Linear { weight, .. }| (weight.to_vec(), vec![weight[1]]));
        let have = self.parameters.iter().map(|(weight, bias)| (weight.shape().to_vec(), bias.shape().to_vec()));
        match have.eq(wanted) {
            true => Ok(()),
            false => Err(Error::Usage(format!("these are not the parameters of `{}`", self.model.name()))),
        }
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

/// What a file says of its model, if it is one of a model, and of the scale of its features.
fn described(text: &[u8]) -> std::result::Result<(Option<Model>, Option<Normalization>), String> {
    let (_, metadata) = SafeTensors::read_metadata(text).map_err(|e| match origin(text) {
        Some(origin) => format!("is {origin}, no safetensors file; {CONVERT}"),
        None => format!("it is no safetensors file ({e})"),
    })?;
    let metadata = metadata.metadata().as_ref();
    let model = metadata.and_then(|m| m.get(MODEL)).map(|text| serde_json::from_str::<Model>(text));
    let model = model.transpose().map_err(|e| e.to_string())?;
    model.as_ref().map_or(Ok(()), Model::check).map_err(|e| e.to_string())?;
    if model.as_ref().is_some_and(|model| !is_printable(model.name())) {
        return Err("its name has control characters, or is too long".into());
    }
    let normalization = metadata.and_then(|m| m.get(NORMALIZATION));
    let normalization = normalization.map(|text| serde_json::from_str::<Option<Normalization>>(text));
    let normalization = normalization.transpose().map_err(|e| e.to_string())?.flatten();
    match normalization {
        Some(n) if !(n.mean.is_finite() && n.deviation.is_finite() && n.deviation > 0.0) => {
            Err(format!("its features have a mean of {} and a deviation of {}, which cannot be", n.mean, n.deviation))
        }
        normalization => Ok((model, normalization)),
    }
}

/// The parameters of a model in a file, in the order of [`Model::parameters`].
fn tensors(text: &[u8], model: &Model) -> std::result::Result<Vec<Vec<f64>>, String> {
    let tensors = SafeTensors::deserialize(text).map_err(|e| e.to_string())?;
    let (mut shapes, mut known) = (model.parameters().into_iter(), Vec::new());
    let mut parameters = Vec::new();
    for (i, linear) in (1..).zip(products(model)) {
        for part in ["weight", "bias"].into_iter().take(if linear.bias { 2 } else { 1 }) {
            let name = format!("{}{i}.{part}", linear.name());
            let shape = shapes.next().ok_or("a model has a shape for every parameter")?;
            let tensor = tensors.tensor(&name).map_err(|_| format!("it has no `{name}` of shape {shape}"))?;
            if tensor.shape() != shape.axes() {
                let advice = turned(tensor.shape(), &shape);
                return Err(format!("`{name}` is {:?}, it has to be {shape}{advice}", tensor.shape()));
            }
            let values: Vec<f64> = match tensor.dtype() {
                Dtype::F32 => numbers(tensor.data(), |b| f32::from_le_bytes(b).into()),
                Dtype::F64 => numbers(tensor.data(), f64::from_le_bytes),
                other => return Err(format!("`{name}` is {other:?}, it has to be F32 or F64")),
            };
            if let Some(x) = values.iter().find(|x| !x.is_finite()) {
                return Err(format!("`{name}` has a value of {x}; parameters are finite numbers"));
            }
            parameters.push(values);
            known.push(name);
        }
    }
    match tensors.names().into_iter().find(|name| !known.iter().any(|known| known == name)) {
        Some(name) => Err(format!("`{}` is none of its parameters; it has `{}`", printable(name), known.join("`, `"))),
        None => Ok(parameters),
    }
}

/// The names of a model's square weights.
fn square(model: &Model) -> Vec<String> {
    let squares = (1..).zip(products(model)).filter(|(_, linear)| linear.weight[0] == linear.weight[1]);
    squares.map(|(i, linear)| format!("{}{i}.weight", linear.name())).collect()
}

fn numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|b| number(*b)).collect()
}

/// The layers with parameters.
fn products(model: &Model) -> impl Iterator<Item = Linear> {
    model.stages().into_iter().flat_map(|stage| stage.linears().cloned().collect::<Vec<_>>())
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
    fn parameters_that_were_changed_are_an_error_and_no_panic() {
        let model = Model::dense("tiny", 3, &[], 2).unwrap();
        let saved = Saved::new(model, None, &[vec![0.0; 6], vec![0.0; 2]]).unwrap();
        let rows = ndarray::arr2(&[[1.0, 0.0, 1.0]]);
        assert!(saved.logits(rows.view()).is_ok());
        let weight = |rows, columns| (Array2::zeros([rows, columns]), Array1::zeros(columns));
        for parameters in [
            Vec::new(),
            vec![weight(2, 2)],
            vec![weight(3, 2), weight(3, 2)],
            vec![(Array2::zeros([3, 2]), Array1::zeros(3))],
        ] {
            let saved = Saved { parameters, ..saved.clone() };
            assert!(saved.logits(rows.view()).unwrap_err().is_usage());
            assert!(saved.save(Path::new("never")).unwrap_err().is_usage());
        }
    }

    /// A file of tensors of single precision, and of no model.
    fn plain(path: &Path, tensors: &[(&str, &[usize], &[f32])]) {
        let data: Vec<_> = tensors.iter().map(|(.., x)| bytes(x.iter())).collect();
        let mut all = Vec::new();
        for ((name, shape, _), data) in tensors.iter().zip(&data) {
            all.push((*name, TensorView::new(Dtype::F32, shape.to_vec(), data).unwrap()));
        }
        fs::write(path, serialize(all, None).unwrap()).unwrap();
    }

    #[test]
    fn parameters_to_begin_with_come_from_models_and_from_plain_files() {
        let model = Model::dense("tiny", 3, &[], 2).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("start.safetensors");
        let (w, b) = ([1.0f32, -1.0, 0.5, 0.0, 0.0, 2.0], [0.25f32, -0.5]);
        let wide = [w.map(f64::from).to_vec(), b.map(f64::from).to_vec()];
        let normalization = Some(Normalization { mean: 1.0, deviation: 2.0 });
        Saved::new(model.clone(), normalization, &wide).unwrap().save(&path).unwrap();
        let load = || Saved::load_parameters(&path, &model);
        let saved = Beginning { parameters: wide.to_vec(), normalization: Some(normalization), square: Vec::new() };
        assert_eq!(load().unwrap(), saved);
        let (weight, bias): (&[usize], &[usize]) = (&[3, 2], &[2]);
        plain(&path, &[("dense1.weight", weight, &w), ("dense1.bias", bias, &b)]);
        assert_eq!(load().unwrap(), Beginning { normalization: None, ..saved });
        assert!(Saved::load(&path).unwrap_err().to_string().contains("does not name its layers"));
        let refused = |tensors: &[(&str, &[usize], &[f32])], says: &str| {
            plain(&path, tensors);
            let error = load().unwrap_err().to_string();
            assert!(error.contains("start.safetensors") && error.contains(says), "{error}");
        };
        refused(&[("dense1.weight", weight, &w)], "no `dense1.bias` of shape [2]");
        refused(
            &[("dense1.weight", &[2, 3], &w), ("dense1.bias", bias, &b)],
            "`dense1.weight` is [2, 3], it has to be [3, 2]; PyTorch keeps [outputs, inputs]: transpose all weights, square ones too",
        );
        refused(
            &[("dense1.weight", weight, &w), ("dense1.bias", bias, &b), ("dense2.bias", bias, &b)],
            "`dense2.bias` is none of its parameters",
        );
    }

    #[test]
    fn square_weights_of_a_file_that_says_nothing_of_itself_are_named() {
        let model = Model::dense("square", 2, &[2], 2).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("start.safetensors");
        let (w, b) = ([1.0f32, -1.0, 0.5, 0.0], [0.25f32, -0.5]);
        let (weight, bias): (&[usize], &[usize]) = (&[2, 2], &[2]);
        let named = ["dense1", "dense2"].map(|name| [format!("{name}.weight"), format!("{name}.bias")]);
        let all: Vec<(&str, &[usize], &[f32])> =
            named.iter().flat_map(|[a, c]| [(a.as_str(), weight, &w[..]), (c.as_str(), bias, &b[..])]).collect();
        plain(&path, &all);
        let begun = Saved::load_parameters(&path, &model).unwrap();
        assert_eq!(begun.square, ["dense1.weight", "dense2.weight"]);
        Saved::new(model.clone(), None, &begun.parameters).unwrap().save(&path).unwrap();
        assert!(Saved::load_parameters(&path, &model).unwrap().square.is_empty(), "a file of ppdnn says so");
    }

    #[test]
    fn files_of_other_programs_are_named_with_how_to_convert_them() {
        let model = Model::dense("tiny", 3, &[], 2).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.pt");
        let kinds =
            [(&b"PK\x03\x04"[..], "PyTorch"), (b"\x80\x02", "pickle"), (b"\x89HDF", "Keras"), (b"\x93NUMPY", "NumPy")];
        for (start, says) in kinds {
            fs::write(&path, [start, &[0; 200]].concat()).unwrap();
            let error = Saved::load_parameters(&path, &model).unwrap_err().to_string();
            for words in ["model.pt: is a", says, "no safetensors file", "save_file"] {
                assert!(error.contains(words), "`{words}` is not in {error}");
            }
            assert!(Saved::load(&path).unwrap_err().to_string().contains("save_file"));
        }
    }

    #[test]
    fn models_with_values_that_are_no_numbers_or_names_that_steer_a_terminal_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let load = |name: &str, deviation: f64, bias: f64| {
            let model = Model::dense(name, 3, &[], 2).unwrap();
            let scale = Some(Normalization { mean: 0.5, deviation });
            Saved::new(model, scale, &[vec![0.0; 6], vec![0.0, bias]]).unwrap().save(&path).unwrap();
            Saved::load(&path).map(drop).map_err(|e| e.to_string())
        };
        assert_eq!(load("tiny", 0.25, 1.0), Ok(()));
        for bias in [f64::NAN, f64::INFINITY] {
            assert!(load("tiny", 0.25, bias).unwrap_err().contains("`dense1.bias` has a value of"));
        }
        assert!(load("tiny", 0.0, 1.0).unwrap_err().contains("a deviation of 0"));
        let error = load("a\u{1b}[31m\nerror: forged", 0.25, 1.0).unwrap_err();
        assert!(error.contains("control characters") && !error.contains("forged"), "{error}");
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
