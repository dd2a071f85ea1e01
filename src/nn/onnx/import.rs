//! A model from an ONNX file.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use ndarray::Array1;

use crate::error::{Error, Result};
use crate::input;
use crate::net::{is_printable, printable};
use crate::nn::layers::Sigmoid;
use crate::nn::network_text::file_name;
use crate::nn::onnx::constant::Constant;
use crate::nn::onnx::export::{DATASET, LOSS, TASK};
use crate::nn::onnx::graph::Graph;
use crate::nn::onnx::messages::{ModelProto, decode};
use crate::nn::onnx::node::Node;
use crate::nn::onnx::operators;
use crate::nn::onnx::step::{Layers, Step, What};
use crate::nn::{Init, Loss, Model, Normalization, Task, TrainedModel};
use crate::shape::Shape;

/// A model of another program.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedModel {
    /// The model.
    pub model: TrainedModel,
    /// Where it differs from what the file describes, for people.
    pub remarks: Vec<String>,
    /// Whether the model's task is a guess from its outputs, as the file names none.
    pub guessed_task: bool,
}

impl TrainedModel {
    /// Reads a model from an ONNX file, of one input `[batch, features]` or `[batch, channels, height, width]` and one output
    /// `[batch, outputs]`.
    ///
    /// Rows of an imported model have the channels last, as all images of ppdnn. A scale of the input becomes the model's
    /// normalization, batch normalization part of the product before it; a softmax at the end is left out. The network has the name
    /// of the file, and the task that the file names. Where it names none, several outputs are of classes, a single one is of a
    /// regression; behind a sigmoid, several are of labels and a single one is of two classes.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read, [`Error::Format`] naming the node that ppdnn has no layer for.
    pub fn load_onnx(path: &Path) -> Result<ImportedModel> {
        load(path, None)
    }

    /// Reads a model from an ONNX file as [`TrainedModel::load_onnx`] does, and gives it a task.
    ///
    /// # Errors
    /// As [`TrainedModel::load_onnx`]; [`Error::Format`] if the file names another task, or ends with a softmax or sigmoid that no
    /// network of this task has.
    pub fn load_onnx_for(path: &Path, task: Task) -> Result<ImportedModel> {
        load(path, Some(task))
    }
}

fn load(path: &Path, task: Option<Task>) -> Result<ImportedModel> {
    let bytes = input::read(path, MOST_BYTES).map_err(|e| Error::file(path, e))?;
    let name = file_name(&path.file_stem().unwrap_or_default().to_string_lossy());
    of_bytes(bytes, &name, task).map_err(|reason| Error::format(path, reason))
}

/// The most that a message may have.
const MOST_BYTES: u64 = 2 << 30;

/// The model of a file's bytes, of a task if that is known.
pub(super) fn of_bytes(bytes: Vec<u8>, name: &str, task: Option<Task>) -> std::result::Result<ImportedModel, String> {
    let budget = bytes.len().saturating_mul(2).max(LEAST_BUDGET);
    let proto = decode(bytes)?;
    let graph = Graph::new(&proto)?;
    let mut import = Import::new(&graph, budget);
    for node in &graph.proto.node {
        import.node(&mut Node::new(node))?;
    }
    let model = import.model(&graph, name, (&proto, task))?;
    let guessed_task = task.or(named_task(&proto)).is_none();
    Ok(ImportedModel {
        model: TrainedModel { dataset: dataset(&proto), ..model },
        remarks: import.remarks,
        guessed_task,
    })
}

/// Values that may be computed while a file is read, in any case.
const LEAST_BUDGET: usize = 1 << 16;

/// The values of a graph as far as they are known.
pub(super) struct Import<'a> {
    graph: &'a Graph<'a>,
    operands: HashMap<&'a str, Operand>,
    values: Vec<Value>,
    /// How many numbers may still be computed, which bounds memory.
    budget: usize,
    pub(super) remarks: Vec<String>,
}

/// What a node takes.
#[derive(Clone)]
pub(super) enum Operand {
    /// Numbers of the file.
    Constant(Rc<Constant>),
    /// A value that depends on the input.
    Value(usize),
}

/// A value that depends on the input.
#[derive(Clone)]
pub(super) struct Value {
    /// The step to it.
    pub(super) step: Step,
    /// The value before the step.
    pub(super) from: usize,
    /// Its shape, in the layout of ppdnn.
    pub(super) shape: Shape,
    /// Height, width and channels of the image whose values it has, channel by channel.
    pub(super) flattened: Option<[usize; 3]>,
}

impl<'a> Import<'a> {
    fn new(graph: &'a Graph<'a>, budget: usize) -> Self {
        let step = Step { what: What::Input, node: "the input".into() };
        let input = Value { step, from: 0, shape: graph.shape.clone(), flattened: None };
        let operands = HashMap::from([(graph.input, Operand::Value(0))]);
        Self { graph, operands, values: vec![input], budget, remarks: Vec::new() }
    }

    fn node(&mut self, node: &mut Node<'a>) -> std::result::Result<(), String> {
        node.check_domain()?;
        let made = operators::apply(self, node)?;
        node.finish()?;
        let output = node.output()?;
        if self.operands.contains_key(output) || self.graph.tensors.contains_key(output) {
            return Err(node.wrong(format!("its output `{}` already exists", printable(output))));
        }
        self.operands.insert(output, made);
        Ok(())
    }

    /// An input of a node, which has to be there.
    pub(super) fn operand(&mut self, node: &Node<'a>, at: usize) -> std::result::Result<Operand, String> {
        let name = node.input(at).ok_or_else(|| node.wrong(format!("has no input {}", at + 1)))?;
        if let Some(operand) = self.operands.get(name) {
            return Ok(operand.clone());
        }
        let Some(tensor) = self.graph.tensors.get(name) else {
            return Err(node.wrong(format!(
                "its input `{}` is neither a tensor of the file nor the output of a node before it; is the graph complete, and \
                 without a cycle?",
                printable(name)
            )));
        };
        let constant = Constant::read(tensor).map_err(|e| node.wrong(e))?;
        let operand = Operand::Constant(Rc::new(constant));
        self.operands.insert(name, operand.clone());
        Ok(operand)
    }

    /// An input that depends on the graph's.
    pub(super) fn value(&mut self, node: &Node<'a>, at: usize) -> std::result::Result<usize, String> {
        match self.operand(node, at)? {
            Operand::Value(value) if matches!(self.values[value].step.what, What::End) => {
                Err(node.wrong("takes the output of a softmax, which is only supported at the end"))
            }
            Operand::Value(value) => Ok(value),
            Operand::Constant(_) => Err(node.wrong(format!("its input {} must depend on the graph's input", at + 1))),
        }
    }

    /// An input whose numbers are in the file.
    pub(super) fn constant(&mut self, node: &Node<'a>, at: usize) -> std::result::Result<Rc<Constant>, String> {
        match self.operand(node, at)? {
            Operand::Constant(constant) => Ok(constant),
            Operand::Value(_) => {
                Err(node
                    .wrong(format!("its input {} must be a tensor of the file, not computed from the input", at + 1)))
            }
        }
    }

    pub(super) fn get(&self, value: usize) -> &Value {
        &self.values[value]
    }

    pub(super) fn opset(&self) -> i64 {
        self.graph.opset
    }

    /// Adds a value.
    pub(super) fn add(&mut self, value: Value) -> Operand {
        self.values.push(value);
        Operand::Value(self.values.len() - 1)
    }

    /// Takes numbers that are about to be computed off the budget.
    pub(super) fn spend(&mut self, node: &Node<'_>, numbers: usize) -> std::result::Result<(), String> {
        let left = self.budget.checked_sub(numbers);
        self.budget = left.ok_or_else(|| node.wrong("the graph changes its weights too often; simplify the model"))?;
        Ok(())
    }

    /// The steps that lead from one value to another.
    pub(super) fn path(&self, from: usize, to: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut at = to;
        while at != from {
            steps.push(self.values[at].step.clone());
            at = self.values[at].from;
        }
        steps.reverse();
        steps
    }

    /// The model whose output is the graph's.
    fn model(
        &self,
        graph: &Graph<'_>,
        name: &str,
        (file, task): (&ModelProto, Option<Task>),
    ) -> std::result::Result<TrainedModel, String> {
        let Some(Operand::Value(output)) = self.operands.get(graph.output) else {
            return Err(format!("its output `{}` does not depend on its input", printable(graph.output)));
        };
        let steps = self.path(0, *output);
        let Layers { mut layers, parameters, nodes } = Layers::of(&steps);
        let bits = layers.pop_if(|last| last.is::<Sigmoid>()).is_some();
        let end = match steps.iter().any(|step| matches!(step.what, What::End)) {
            true => LastNode::Softmax,
            false if bits => LastNode::Sigmoid,
            false => LastNode::Linear,
        };
        let outputs = match self.values[*output].shape.axes() {
            [outputs] => *outputs,
            _ => return Err("its output must be [batch, outputs]; flatten it".into()),
        };
        let shape = self.input_shape(graph, *output);
        let input = if layers.iter().any(|layer| layer.takes_images()) { shape } else { shape.len().into() };
        let (task, loss) = learned(file, outputs, end, task)?;
        let model = Model { name: name.to_owned(), input, task, outputs, layers, loss, init: Init::Glorot };
        if let Some(mismatch) = model.mismatch() {
            let node = nodes.get(mismatch.layer).map_or("", |node| node);
            return Err(format!("{node}: the layers of ppdnn do not fit: {mismatch}"));
        }
        model.check().map_err(|e| e.to_string())?;
        let normalization = normalization(&steps)?;
        #[expect(clippy::cast_possible_truncation, reason = "as they are kept")]
        if parameters.iter().flatten().any(|x| !(*x as f32).is_finite()) {
            return Err(
                "has parameters that are too large for single precision once scales are folded into them".into()
            );
        }
        TrainedModel::new(model, normalization, &parameters).map_err(|e| e.to_string())
    }

    /// The shape of the input, as the layers up to a value take it.
    fn input_shape(&self, graph: &Graph<'_>, output: usize) -> Shape {
        let mut at = output;
        while at != 0 {
            if matches!(self.values[at].step.what, What::Images) {
                return self.values[at].shape.clone();
            }
            at = self.values[at].from;
        }
        graph.shape.clone()
    }
}

/// The scale of the input.
fn normalization(steps: &[Step]) -> std::result::Result<Option<Normalization>, String> {
    let scales = steps.iter().filter_map(|step| match &step.what {
        What::Scale { times, plus } => Some((times, plus)),
        _ => None,
    });
    // rows of one number, or of one for each feature
    let one = |x: f64| Array1::from_elem(1, x);
    let all = scales.fold((one(1.0), one(0.0)), |(t, p), (times, plus)| {
        let [t, p] = [t, p].map(|row| if row.len() < times.len() { &**times * 0.0 + row[0] } else { row });
        (t * &**times, p * &**times + &**plus)
    });
    let (times, plus) = all;
    if times.iter().all(|x| *x == 1.0) && plus.iter().all(|x| *x == 0.0) {
        return Ok(None);
    }
    let mean = plus.iter().zip(&times).map(|(plus, times)| 0.0 - plus / times).collect();
    let deviation = times.iter().map(|times| 1.0 / times).collect();
    let scale = Normalization { mean, deviation };
    match scale.fits(plus.len()) {
        true => Ok(Some(scale)),
        false => Err("its input is multiplied by a number that is not positive, or too large".into()),
    }
}

/// The data set that the file names, if it is one of ppdnn.
fn dataset(model: &ModelProto) -> Option<String> {
    metadata(model, DATASET).filter(|name| !name.is_empty() && is_printable(name)).map(str::to_owned)
}

/// The task and the loss that the file names, if they are of ppdnn and fit its outputs; else the task that was `wanted`, or a guess
/// from the outputs, with the loss of a sigmoid or its first loss.
fn learned(
    file: &ModelProto,
    outputs: usize,
    end: LastNode,
    wanted: Option<Task>,
) -> std::result::Result<(Task, Loss), String> {
    let named = metadata(file, LOSS).and_then(|name| Loss::ALL.iter().find(|loss| loss.name() == name)).copied();
    let task = match (wanted, named_task(file)) {
        (Some(task), Some(own)) if task != own => {
            return Err(format!("names its task, {own} (`{TASK}` in its metadata): it cannot be read as {task}"));
        }
        (Some(task), _) if !end.fits(task) => {
            return Err(format!("ends with a {}, as no network of the task {task} does; choose another", end.name()));
        }
        (task, own) => task.or(own).unwrap_or_else(|| end.guess(outputs, named)),
    };
    let losses = task.losses(outputs);
    let of_end = (end == LastNode::Sigmoid).then_some(Loss::SigmoidCrossEntropy);
    let fits = |loss: &Loss| losses.contains(loss);
    Ok((task, named.filter(fits).or(of_end.filter(fits)).unwrap_or(losses[0])))
}

/// What the outputs of a file come from; it is left out of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastNode {
    /// A layer of products.
    Linear,
    /// Every output is a probability.
    Sigmoid,
    /// The outputs are the probabilities of classes.
    Softmax,
}

impl LastNode {
    fn name(self) -> &'static str {
        match self {
            Self::Linear => "layer of products",
            Self::Sigmoid => "sigmoid",
            Self::Softmax => "softmax",
        }
    }

    fn fits(self, task: Task) -> bool {
        match self {
            Self::Linear => true,
            Self::Sigmoid => task != Task::Regression,
            Self::Softmax => task == Task::Classification,
        }
    }

    /// The task of a file that names none, but perhaps its loss.
    fn guess(self, outputs: usize, loss: Option<Loss>) -> Task {
        match (self, outputs, loss) {
            (Self::Linear, 1, None) => Task::Regression,
            (Self::Sigmoid, 2.., None) => Task::MultiLabel,
            _ => Task::Classification,
        }
    }
}

/// The task that a file names, if it is one of ppdnn.
fn named_task(file: &ModelProto) -> Option<Task> {
    metadata(file, TASK).and_then(|name| Task::ALL.into_iter().find(|task| task.name() == name))
}

fn metadata<'a>(model: &'a ModelProto, key: &str) -> Option<&'a str> {
    model.metadata_props.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
}
