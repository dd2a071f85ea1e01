//! The graph of an ONNX file: its nodes in order, its tensors, its input and its output.

use std::collections::HashMap;

use crate::net::printable;
use crate::nn::onnx::messages::{GraphProto, ModelProto, TensorProto, ValueInfoProto};
use crate::shape::Shape;

/// A checked graph of one input and one output.
pub(super) struct Graph<'a> {
    /// The version of the operators.
    pub(super) opset: i64,
    /// Its input.
    pub(super) input: &'a str,
    /// Shape of an example: `[height, width, channels]`, or a number of columns.
    pub(super) shape: Shape,
    /// Its output.
    pub(super) output: &'a str,
    /// Its tensors by name.
    pub(super) tensors: HashMap<&'a str, &'a TensorProto>,
    /// Its messages.
    pub(super) proto: &'a GraphProto,
}

impl<'a> Graph<'a> {
    /// The graph of a model.
    pub(super) fn new(model: &'a ModelProto) -> Result<Self, String> {
        let proto = model.graph.as_ref().ok_or("is not an ONNX model: it has no graph")?;
        if proto.node.len() > MOST_NODES {
            return Err(format!("has {} nodes; at most {MOST_NODES} are supported", proto.node.len()));
        }
        let tensors: HashMap<_, _> = proto.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        if tensors.len() < proto.initializer.len() {
            return Err("has two tensors of one name".into());
        }
        // old files list their tensors among the inputs
        let is_input = |input: &&ValueInfoProto| !tensors.contains_key(input.name.as_str());
        let inputs: Vec<&ValueInfoProto> = proto.input.iter().filter(is_input).collect();
        let [input] = only("input", &inputs)?;
        let outputs: Vec<&ValueInfoProto> = proto.output.iter().collect();
        let [output] = only("output", &outputs)?;
        let shape = shape(input)?;
        Ok(Self { opset: opset(model)?, input: &input.name, shape, output: &output.name, tensors, proto })
    }
}

/// The only one of a graph's inputs or outputs.
fn only<'a>(what: &str, all: &[&'a ValueInfoProto]) -> Result<[&'a ValueInfoProto; 1], String> {
    all.try_into().map_err(|_| {
        let names: Vec<_> = all.iter().take(8).map(|value| format!("`{}`", printable(&value.name))).collect();
        let names = if names.is_empty() { "none".into() } else { names.join(", ") };
        format!("must have one {what}; it has {} ({names})", all.len())
    })
}

fn opset(model: &ModelProto) -> Result<i64, String> {
    let own = model.opset_import.iter().find(|set| ["", "ai.onnx"].contains(&set.domain.as_str()));
    let version = own.ok_or("does not state the version of its operators (opset_import)")?.version;
    let (least, most) = OPSETS;
    if (least..=most).contains(&version) {
        return Ok(version);
    }
    Err(format!(
        "has operators of version {version} (opset); {least} to {most} are supported: onnx.version_converter converts it"
    ))
}

/// The shape of an example, whose axis of the batch comes first.
fn shape(input: &ValueInfoProto) -> Result<Shape, String> {
    let name = printable(&input.name);
    let tensor = input.kind.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let dims = tensor.and_then(|tensor| tensor.shape.as_ref()).map_or(&[][..], |shape| &shape.dim);
    let size = |dim: i64| usize::try_from(dim).ok().filter(|n| (1..=MOST_COLUMNS).contains(n));
    let sizes = dims.iter().skip(1).map(|dim| dim.dim_value.and_then(size)).collect::<Option<Vec<_>>>();
    match sizes.as_deref() {
        Some([columns]) => Ok(Shape::from(*columns)),
        Some([c, h, w]) => Ok(Shape::from([*h, *w, *c])),
        _ => Err(format!(
            "its input `{name}` must be [batch, features] or [batch, channels, height, width], with sizes from 1 to \
             {MOST_COLUMNS}; fix the sizes in the program that exports it"
        )),
    }
}

/// Versions of the operators whose meaning is known: before 7, sums and products worked otherwise.
const OPSETS: (i64, i64) = (7, 26);
const MOST_NODES: usize = 10_000;
/// Columns of an input, or values of one of its axes.
const MOST_COLUMNS: usize = 1 << 20;
