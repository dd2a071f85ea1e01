//! What a network is: its layers with their sizes, its loss, how it begins.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::nn::layer::walk;
use crate::nn::layer_check::{LayerMismatch, checked_len, lead, of_batch};
use crate::nn::layers::{BatchNorm, Dense, MOST_LAYERS, Relu};
use crate::nn::{Factor, Flow, LayerSpec, Loss, Task};
use crate::shape::Shape;

/// How weights begin; biases begin at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Init {
    /// Normal, variance `2 / (inputs + outputs)` (Glorot and Bengio, 2010).
    Glorot,
    /// Normal, variance `2 / inputs` (He et al., 2015).
    He,
    /// Uniform in `+- 1 / sqrt(inputs)`.
    Uniform,
}

impl Init {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Glorot => "glorot",
            Self::He => "he",
            Self::Uniform => "uniform",
        }
    }
}

/// A network, and what it learns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    pub(crate) name: String,
    pub(crate) input: Shape,
    #[serde(default)]
    pub(crate) task: Task,
    pub(crate) outputs: usize,
    pub(crate) layers: Vec<LayerSpec>,
    pub(crate) loss: Loss,
    pub(crate) init: Init,
}

impl Model {
    /// A network of the layers for classification, for examples of a shape: a number of columns, or axes. With one output it is
    /// of two classes.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the first layer that does not fit, and what would.
    pub fn new(
        name: impl Into<String>,
        input: impl Into<Shape>,
        layers: Vec<LayerSpec>,
        outputs: usize,
        loss: Loss,
        init: Init,
    ) -> Result<Self> {
        let task = Task::Classification;
        let model = Self { name: name.into(), input: input.into(), task, outputs, layers, loss, init };
        model.check()?;
        Ok(model)
    }

    /// Dense layers with ReLU between them: `features - hidden - outputs`, under softmax cross-entropy, or sigmoid cross-entropy of
    /// one output.
    ///
    /// # Errors
    /// [`Error::Usage`] if a size is 0, or softmax cross-entropy does not support so many outputs.
    pub fn dense(name: impl Into<String>, features: usize, hidden: &[usize], outputs: usize) -> Result<Self> {
        let dense = |outputs| LayerSpec::from(Dense { outputs, bias: true });
        let hidden = hidden.iter().flat_map(|outputs| [dense(*outputs), Relu.into()]);
        let layers = hidden.chain([dense(outputs)]).collect();
        Self::new(name, features, layers, outputs, Task::Classification.losses(outputs)[0], Init::He)
    }

    /// The same layers under another loss.
    #[must_use]
    pub fn with_loss(self, loss: Loss) -> Self {
        Self { loss, ..self }
    }

    /// The same layers for another task, under the first loss that the task can be learned with ([`Task::losses`]) if the present
    /// one does not fit it.
    #[must_use]
    pub fn with_task(self, task: Task) -> Self {
        let losses = task.losses(self.outputs);
        let loss = if losses.contains(&self.loss) { self.loss } else { losses[0] };
        Self { task, loss, ..self }
    }

    /// The same layers with another initialization.
    #[must_use]
    pub fn with_init(self, init: Init) -> Self {
        Self { init, ..self }
    }

    /// Checks a network: every layer takes what the one before it gives, dense layers and activations take turns, and the
    /// loss can take the outputs.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the first layer that does not fit, and what would.
    pub fn check(&self) -> Result<()> {
        let lists = self.layers.iter().map(|layer| layer.body().len()).chain([self.layers.len()]);
        if lists.max().is_some_and(|most| most > MOST_LAYERS) {
            let text = format!("`{}`: at most {MOST_LAYERS} layers are supported, and as many in a block", self.name);
            return Err(Error::Usage(text));
        }
        if let Some(mismatch) = self.mismatch() {
            return Err(Error::Usage(format!("`{}`: {mismatch}", self.name)));
        }
        if self.factors().any(|f| f.shift > MOST_EXTRA || f.times >= 1 << MOST_EXTRA) {
            return Err(Error::Usage(format!(
                "`{}`: the pools and dropouts of one product need more than {MOST_EXTRA} bits; put an activation between them, \
                 or make windows smaller",
                self.name
            )));
        }
        self.check_norms(&self.layers)?;
        self.check_loss()
    }

    /// The factors of the products in training.
    fn factors(&self) -> impl Iterator<Item = Factor> {
        self.stages().into_iter().flat_map(|stage| stage.linears().map(|l| l.factor(true)).collect::<Vec<_>>())
    }

    /// Fraction bits that a gradient of a checked network may have, more than a product's.
    pub(crate) fn most_extra_bits(&self) -> u32 {
        self.factors().map(|factor| factor.shift).max().unwrap_or(0)
    }

    /// Checks that running statistics can go into the products before them when the model is saved.
    fn check_norms(&self, layers: &[LayerSpec]) -> Result<()> {
        layers.iter().try_for_each(|layer| self.check_norms(layer.body()))?;
        match layers.windows(2).find(|pair| pair[1].is::<BatchNorm>() && pair[0].with_bias().is_none()) {
            Some(pair) => Err(Error::Usage(format!(
                "`{}`: batch-norm must directly follow a layer with a bias, such as dense or conv2d, not `{}`; move it there",
                self.name,
                pair[0].kind()
            ))),
            None => Ok(()),
        }
    }

    /// Checks that the loss is one of the task, and supports the number of outputs.
    fn check_loss(&self) -> Result<()> {
        let (name, outputs, loss) = (&self.name, self.outputs, self.loss);
        let losses = self.task.losses(outputs);
        if !losses.contains(&loss) {
            let of = if self.task == Task::Classification { " with one output" } else { "" };
            return Err(Error::Usage(format!(
                "`{name}`: {}{of} cannot be learned with the loss {}; use {}, the default",
                self.task,
                loss.name(),
                losses[0].name()
            )));
        }
        let most = loss.most_classes();
        if outputs > most {
            let others = losses.iter().rev().filter(|other| outputs <= other.most_classes());
            return Err(Error::Usage(format!(
                "`{name}`: the loss {} supports 2 to {most} classes, not {outputs}; for more, use {}",
                loss.name(),
                others.map(|other| other.name()).collect::<Vec<_>>().join(" or ")
            )));
        }
        Ok(())
    }

    /// The first layer that does not fit.
    pub(crate) fn mismatch(&self) -> Option<LayerMismatch> {
        let outputs = self.outputs;
        let wrong = |layer: usize, kind, input: &Shape, reason: String| {
            Some(LayerMismatch { layer, kind, input: input.clone(), reason })
        };
        if !matches!(checked_len(&self.input), Some(1..)) {
            let reason = "examples have no features, or too many".into();
            return wrong(0, self.layers.first().map_or("none", LayerSpec::kind), &self.input, reason);
        }
        let Some((last, before)) = self.layers.split_last() else {
            let reason = format!("there are no layers; the last must be dense, with {outputs} outputs");
            return wrong(0, "none", &self.input, reason);
        };
        let (output, flow) = match lead(&self.layers, &self.input) {
            Ok(end) => end,
            Err(mismatch) => return Some(mismatch),
        };
        let input = walk(before, &self.input, |_, _| ());
        if !last.is_product() || flow != (Flow::Product { images: false }) {
            let reason = format!("the last layer must be dense, with {outputs} outputs, {}", self.task.per_output());
            return wrong(before.len(), last.kind(), &input, reason);
        }
        if output.axes() != [outputs] {
            let (gives, per) = (of_batch(&output), self.task.per_output());
            let reason = format!(
                "the last layer gives {gives}, but {outputs} outputs are needed, {per}; use `outputs = {outputs}`"
            );
            return wrong(before.len(), last.kind(), &input, reason);
        }
        None
    }

    /// The shape behind layers, where each may follow the one before.
    #[cfg(test)]
    pub(crate) fn leads_to(layers: &[LayerSpec], input: &Shape) -> Option<Shape> {
        lead(layers, input).ok().map(|(shape, _)| shape)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Columns of its input.
    pub fn features(&self) -> usize {
        self.input.len()
    }

    /// Shape of an example.
    pub fn input(&self) -> &Shape {
        &self.input
    }

    /// What its outputs say of a row.
    pub fn task(&self) -> Task {
        self.task
    }

    /// Columns of its output.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Classes of rows: as many as outputs, and 2 of one output; 0 if the task is not classification.
    pub fn classes(&self) -> usize {
        match self.task {
            Task::Classification => self.outputs.max(2),
            Task::MultiLabel | Task::Regression => 0,
        }
    }

    /// Whether every output decides by its sign, instead of being compared with the others.
    pub(crate) fn decides_by_sign(&self) -> bool {
        self.task == Task::MultiLabel || (self.task == Task::Classification && self.outputs == 1)
    }

    /// What is right or wrong of a row in its accuracy: its class, or each of its labels; nothing in regression.
    pub(crate) fn decisions(&self) -> usize {
        match self.task {
            Task::Classification => 1,
            Task::MultiLabel => self.outputs,
            Task::Regression => 0,
        }
    }

    /// Its layers.
    pub fn layers(&self) -> &[LayerSpec] {
        &self.layers
    }

    /// Rows that a batch must have: two where a batch normalization gets one value per example and channel, else one.
    pub(crate) fn least_batch(&self) -> u32 {
        if has_single_values(&self.layers, &self.input) { 2 } else { 1 }
    }

    /// The part of a batch's rows that reaches a unit behind every dropout of the network, on average: 1 without dropout.
    pub fn kept_by_dropout(&self) -> f64 {
        self.layers.iter().map(|layer| layer.kept()).product()
    }

    /// What training makes small.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// How its weights begin.
    pub fn init(&self) -> Init {
        self.init
    }

    /// Its layers with the shape of an example before each.
    pub fn layers_with_inputs(&self) -> impl Iterator<Item = (&LayerSpec, Shape)> {
        let mut shape = self.input.clone();
        self.layers.iter().map(move |layer| {
            let output = layer.output(&shape).expect("a checked model's layers fit");
            (layer, std::mem::replace(&mut shape, output))
        })
    }

    /// Shapes of its parameters: of every layer that has some, see [`Layer::parameters`](crate::nn::Layer::parameters).
    pub fn parameters(&self) -> Vec<Shape> {
        self.layers_with_inputs().flat_map(|(layer, input)| layer.parameters(&input)).map(|p| p.shape).collect()
    }

    /// Fraction bits with which parameter number `index` is revealed.
    pub(crate) fn parameter_frac(&self, index: usize, p: &Profile) -> u32 {
        let mut all = self.layers_with_inputs().flat_map(|(layer, input)| layer.parameters(&input));
        revealed_frac(all.nth(index).is_some_and(|parameter| parameter.statistic), p)
    }

    /// Fraction bits of the last product, outside training.
    pub(crate) fn output_frac(&self, p: &Profile) -> u32 {
        let last = self.stages().last().map_or(0, |stage| stage.linear.factor(false).shift);
        2 * p.frac + last
    }

    /// Multiplications and additions of a forward pass of one example.
    pub fn macs(&self) -> u64 {
        self.layers_with_inputs().map(|(layer, input)| layer.macs(&input)).fold(0, u64::saturating_add)
    }

    /// Values of the largest operand or output of a layer, for one example.
    pub fn widest(&self) -> usize {
        self.layers_with_inputs().map(|(layer, input)| layer.widest(&input)).max().unwrap_or(0)
    }

    /// As people write it: `784-128-128-10`, `28x28x1-20c5x5-max2x2-10`.
    pub fn sizes(&self) -> String {
        let images = self.layers.iter().any(|layer| layer.takes_images());
        let axes: Vec<String> = self.input.axes().iter().map(usize::to_string).collect();
        let input = if images { axes.join("x") } else { self.features().to_string() };
        let layers = self.layers.iter().map(LayerSpec::to_string).filter(|l| !l.is_empty());
        std::iter::once(input).chain(layers).collect::<Vec<_>>().join("-")
    }
}

/// Fraction bits with which a parameter is revealed: those of operands, and for variances, which are divided by, twice as many.
pub(crate) fn revealed_frac(statistic: bool, p: &Profile) -> u32 {
    if statistic { 2 * p.frac } else { p.frac }
}

/// Whether a batch normalization is among the layers whose variance is that of as many values as a batch has rows.
fn has_single_values(layers: &[LayerSpec], input: &Shape) -> bool {
    let mut found = false;
    walk(layers, input, |layer, input| {
        let single = input.axes().last().is_some_and(|channels| *channels == input.len());
        found |= layer.is::<BatchNorm>() && single || has_single_values(layer.body(), input);
    });
    found
}

/// Bits that averages and dropout may take from a product.
const MOST_EXTRA: u32 = 10;

#[cfg(test)]
mod tests;
