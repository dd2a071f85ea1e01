//! Parameters as PyTorch has them, in a safetensors file: weights `[outputs, inputs]`, filters `[outputs, channels, rows, columns]`,
//! and images with the channels first.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array2, Array4};
use safetensors::SafeTensors;

use crate::error::{Error, Result};
use crate::input;
use crate::net::printable;
use crate::nn::foreign_file::{CONVERT, origin, read};
use crate::nn::layers::{Flatten, Over};
use crate::nn::lowered::{LinearSpec, Lowered};
use crate::nn::mean_ratio::mean_ratio;
use crate::nn::model_file::finite_values;
use crate::nn::{Flow, LayerSpec, Model, TrainedModel};
use crate::shape::Shape;

/// The names of parameters in a file: those of ppdnn, or of their layers, and what the file calls them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameMap(BTreeMap<String, String>);

impl NameMap {
    /// Reads a TOML file of lines such as `"conv1" = "features.0"` or `"conv1.weight" = "features.0.weight"`.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read, [`Error::Format`] with the line that is wrong.
    pub fn load(path: &Path) -> Result<Self> {
        let text = input::read_text(path, MOST_BYTES).map_err(|e| Error::file(path, e))?;
        toml::from_str(&text).map(Self).map_err(|e| {
            let line = 1 + text.get(..e.span().map_or(0, |span| span.start)).unwrap_or("").matches('\n').count();
            let reason = e.message().to_owned();
            let advice = "lines are \"conv1.weight\" = \"features.0.weight\", with both names in quotes";
            Error::format(path, format!("line {line}: {reason}; {advice}"))
        })
    }

    /// What the file calls a parameter; its own name unless the map has another.
    fn of(&self, name: &str) -> String {
        let layer = || {
            let (layer, parameter) = name.rsplit_once('.')?;
            Some(format!("{}.{parameter}", self.0.get(layer)?))
        };
        self.0.get(name).cloned().or_else(layer).unwrap_or_else(|| name.to_owned())
    }

    /// The first entry that is none of a model's parameters.
    fn unknown(&self, names: &[String]) -> Option<&String> {
        let known = |key: &&String| {
            names.iter().any(|name| name == *key || name.rsplit_once('.').is_some_and(|(layer, _)| layer == *key))
        };
        self.0.keys().find(|key| !known(key))
    }
}

/// Bytes of a map.
const MOST_BYTES: u64 = 1 << 20;

impl TrainedModel {
    /// Reads parameters for `model` as PyTorch saves them with safetensors. The model has no normalization.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read, [`Error::Format`] naming the first tensor that does not fit.
    pub fn load_pytorch(path: &Path, model: &Model, names: &NameMap) -> Result<Self> {
        let text = read(path)?;
        let wrong = |reason: String| Error::format(path, reason);
        let tensors = SafeTensors::deserialize(&text).map_err(|e| match origin(&text) {
            Some(origin) => wrong(format!("is {origin}, not a safetensors file; {CONVERT}")),
            None => wrong(format!("is not a safetensors file ({e})")),
        })?;
        let own = model.parameter_names();
        if let Some(key) = names.unknown(&own) {
            let (key, own) = (printable(key), own.join("`, `"));
            return Err(Error::Usage(format!("the names have `{key}`, which `{}` does not: `{own}`", model.name())));
        }
        let mut all = Vec::new();
        for (name, wanted) in own.iter().zip(wanted(model)?) {
            all.push(wanted.read(name, &names.of(name), &tensors).map_err(wrong)?);
        }
        let used: Vec<String> = own.iter().map(|name| names.of(name)).collect();
        let counts = |name: &str| name.ends_with("num_batches_tracked");
        match tensors.names().into_iter().find(|name| !counts(name) && !used.iter().any(|used| used == name)) {
            Some(name) => Err(wrong(format!("has `{}`, which no parameter is read from; name it", printable(name)))),
            None => Self::new(model.clone(), None, &all),
        }
    }
}

/// A parameter as it is in the file.
struct Wanted {
    layout: Layout,
    /// What it is multiplied with.
    factor: f64,
}

/// How PyTorch stores a parameter.
enum Layout {
    /// A filter `[outputs, channels, rows, columns]`, here with its rows, columns, channels and outputs.
    Filter([usize; 4]),
    /// A matrix `[outputs, inputs]`, here with its inputs and outputs, and the image that the inputs are.
    Matrix([usize; 2], Option<[usize; 3]>),
    /// A number for every column, or for every value of an image.
    Row(usize, Option<[usize; 3]>),
}

impl Wanted {
    fn read(&self, name: &str, theirs: &str, tensors: &SafeTensors<'_>) -> std::result::Result<Vec<f64>, String> {
        let shown = printable(theirs);
        let tensor = tensors.tensor(theirs).map_err(|_| {
            let there: Vec<String> = tensors.names().into_iter().take(MOST_NAMES).map(printable).collect();
            format!("has no `{shown}` for `{name}`; it has `{}`", there.join("`, `"))
        })?;
        let dims = match self.layout {
            Layout::Filter([rows, columns, channels, outputs]) => vec![outputs, channels, rows, columns],
            Layout::Matrix([inputs, outputs], _) => vec![outputs, inputs],
            Layout::Row(_, Some([h, w, c])) if tensor.shape().len() == 3 => vec![c, h, w],
            Layout::Row(columns, _) => vec![columns],
        };
        let values = finite_values(&shown, &Shape::new(dims), &tensor)?;
        let turned = self.turned(values);
        if name.ends_with("running_var") {
            if turned.iter().any(|v| *v < 0.0) {
                return Err(format!("`{shown}` has a negative value; it holds variances"));
            }
            return Ok(turned.into_iter().map(|v| v + EPSILON).collect());
        }
        Ok(turned.into_iter().map(|x| x * self.factor).collect())
    }

    /// The values in the order of ppdnn.
    fn turned(&self, values: Vec<f64>) -> Vec<f64> {
        const FITS: &str = "the shape was compared";
        match self.layout {
            Layout::Filter([rows, columns, channels, outputs]) => {
                let filter = Array4::from_shape_vec([outputs, channels, rows, columns], values).expect(FITS);
                filter.permuted_axes([2, 3, 1, 0]).iter().copied().collect()
            }
            Layout::Matrix([inputs, outputs], image) => {
                let [h, w, c] = image.unwrap_or([1, 1, inputs]);
                let weight = Array4::from_shape_vec([outputs, c, h, w], values).expect(FITS);
                weight.permuted_axes([2, 3, 1, 0]).iter().copied().collect()
            }
            Layout::Row(_, Some([h, w, c])) => {
                Array2::from_shape_vec([c, h * w], values).expect(FITS).t().iter().copied().collect()
            }
            Layout::Row(..) => values,
        }
    }
}

/// Names that an error lists.
const MOST_NAMES: usize = 20;
/// What PyTorch adds to variances.
const EPSILON: f64 = 1e-5;

/// How the parameters of a model are in a file, in the order of [`Model::parameters`].
fn wanted(model: &Model) -> Result<Vec<Wanted>> {
    let mut all = Wants { all: Vec::new(), flattened: None, factor: 1.0 };
    all.layers(model.layers(), model.input(), Flow::Operand)?;
    Ok(all.all)
}

/// Parameters, while layers are read.
struct Wants {
    all: Vec<Wanted>,
    /// The image whose values a row has.
    flattened: Option<[usize; 3]>,
    /// What the next weight is multiplied with, for the pools before it.
    factor: f64,
}

impl Wants {
    fn layers(&mut self, layers: &[LayerSpec], input: &Shape, flow: Flow) -> Result<()> {
        let (mut input, mut flow) = (input.clone(), flow);
        for (at, layer) in layers.iter().enumerate() {
            let output = layer.output(&input).expect("a checked model's layers fit");
            let after = layer.follow(flow).expect("a checked model's layers follow each other");
            let pool = layers.get(at + 1).map_or(1.0, |next| mean_ratio(next, after, &output));
            self.layer(layer, &input, flow, pool)?;
            (input, flow) = (output, after);
        }
        Ok(())
    }

    fn layer(&mut self, layer: &LayerSpec, input: &Shape, flow: Flow, pool: f64) -> Result<()> {
        let image = input.axes().try_into().ok();
        match layer.lower(flow, input) {
            Lowered::Product(linear) => self.product(&linear, image, pool),
            Lowered::Norm(norm) => {
                let order = if matches!(norm.over, Over::Row) { image.or(self.flattened) } else { None };
                self.all.extend(norm.parameters().iter().map(|_| row(norm.columns, order)));
            }
            Lowered::Sums(..) if !matches!(flow, Flow::Product { .. }) => {
                self.factor /= mean_ratio(layer, flow, input);
            }
            Lowered::Block(projection) => {
                if self.flattened.is_some() {
                    let reason = "a residual block on flattened images cannot be read from a PyTorch file";
                    return Err(Error::Usage(reason.into()));
                }
                self.layers(layer.body(), input, Flow::Operand)?;
                if let Some(projection) = projection {
                    self.product(&projection, None, 1.0);
                }
            }
            _ if layer.is::<Flatten>() => self.flattened = image.or(self.flattened),
            _ => {}
        }
        Ok(())
    }

    fn product(&mut self, linear: &LinearSpec, image: Option<[usize; 3]>, pool: f64) {
        let flattened = self.flattened.take();
        let layout = match linear.conv {
            Some(conv) => {
                let [rows, columns] = conv.window.kernel;
                Layout::Filter([rows, columns, conv.channels, conv.outputs])
            }
            None => Layout::Matrix(linear.weight, image.or(flattened)),
        };
        let factor = std::mem::replace(&mut self.factor, 1.0) / pool;
        self.all.push(Wanted { layout, factor });
        self.all.extend(linear.bias.then(|| row(linear.weight[1], None)));
    }
}

fn row(columns: usize, image: Option<[usize; 3]>) -> Wanted {
    Wanted { layout: Layout::Row(columns, image), factor: 1.0 }
}
