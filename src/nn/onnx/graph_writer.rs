//! The graph of an ONNX file in the making, node by node.

use crate::nn::onnx::messages::{
    AttributeProto, DimensionProto, FLOAT, FLOAT_ATTRIBUTE, GraphProto, INT64, INTS_ATTRIBUTE, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};
use crate::shape::Shape;

/// A graph with one input, whose nodes follow one another unless they are told to continue from an earlier value.
pub(super) struct GraphWriter {
    graph: GraphProto,
    value: String,
}

/// An attribute of a node.
pub(super) enum Attribute {
    /// A number.
    Float(&'static str, f32),
    /// Sizes.
    Ints(&'static str, Vec<usize>),
}

impl GraphWriter {
    /// A graph for examples of a shape: images, or rows.
    pub(super) fn new(input: &Shape) -> Self {
        let axes = match input.axes() {
            [h, w, c] => vec![*c, *h, *w],
            axes => vec![axes.iter().product()],
        };
        let graph = GraphProto { input: vec![value_info(INPUT, &axes)], ..GraphProto::default() };
        Self { graph, value: INPUT.to_owned() }
    }

    /// The name of the last value.
    pub(super) fn value(&self) -> String {
        self.value.clone()
    }

    /// Makes the next node take an earlier value.
    pub(super) fn continue_from(&mut self, value: String) {
        self.value = value;
    }

    /// A node that takes the last value and others.
    pub(super) fn node(&mut self, op: &str, others: &[String], attributes: &[Attribute]) {
        let name = format!("{op}{}", self.graph.node.len() + 1);
        let output = format!("{name}.out");
        let input = [std::slice::from_ref(&self.value), others].concat();
        self.graph.node.push(NodeProto {
            input,
            output: vec![output.clone()],
            name,
            op_type: op.to_owned(),
            attribute: attributes.iter().map(AttributeProto::from).collect(),
            domain: String::new(),
        });
        self.value = output;
    }

    /// A node that takes the last value and a number, or a number for each of its columns.
    pub(super) fn with_numbers(&mut self, op: &str, numbers: &[f64]) {
        #[expect(clippy::cast_possible_truncation, reason = "the file has single precision")]
        let single: Vec<f32> = numbers.iter().map(|x| *x as f32).collect();
        let (name, dims) = if let [_] = numbers { ("scalar", vec![]) } else { ("row", vec![numbers.len()]) };
        let constant = self.constant(name, &dims, single.iter());
        self.node(op, &[constant], &[]);
    }

    /// Adds a tensor of a shape; its name.
    pub(super) fn constant<'a>(&mut self, what: &str, dims: &[usize], values: impl Iterator<Item = &'a f32>) -> String {
        self.tensor(what, dims, FLOAT, values.flat_map(|x| x.to_le_bytes()).collect())
    }

    /// Adds a list of integers; its name.
    pub(super) fn integers(&mut self, what: &str, values: &[usize]) -> String {
        self.tensor(what, &[values.len()], INT64, values.iter().flat_map(|n| signed(*n).to_le_bytes()).collect())
    }

    fn tensor(&mut self, what: &str, dims: &[usize], data_type: i32, bytes: Vec<u8>) -> String {
        let name = format!("{what}{}", self.graph.initializer.len() + 1);
        self.graph.initializer.push(TensorProto {
            dims: dims.iter().map(|n| signed(*n)).collect(),
            data_type,
            name: name.clone(),
            raw_data: Some(bytes.into()),
            ..TensorProto::default()
        });
        name
    }

    /// The file: its output is the last value, `[batch, classes]`.
    pub(super) fn finish(mut self, name: &str, classes: usize, about: &[(&str, Option<&str>)]) -> ModelProto {
        if let Some(last) = self.graph.node.last_mut() {
            last.output = vec![OUTPUT.to_owned()];
        }
        self.graph.name = name.to_owned();
        self.graph.output = vec![value_info(OUTPUT, &[classes])];
        let entry = |(key, value): &(&str, Option<&str>)| {
            let value = value.as_ref()?.to_string();
            Some(StringStringEntryProto { key: (*key).to_owned(), value })
        };
        ModelProto {
            ir_version: IR_VERSION,
            producer_name: "ppdnn".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            metadata_props: about.iter().filter_map(entry).collect(),
        }
    }
}

impl From<&Attribute> for AttributeProto {
    fn from(attribute: &Attribute) -> Self {
        match attribute {
            Attribute::Float(name, x) => {
                Self { name: (*name).to_owned(), f: Some(*x), kind: FLOAT_ATTRIBUTE, ..Self::default() }
            }
            Attribute::Ints(name, all) => {
                let ints = all.iter().map(|n| signed(*n)).collect();
                Self { name: (*name).to_owned(), ints, kind: INTS_ATTRIBUTE, ..Self::default() }
            }
        }
    }
}

/// Examples of a shape, in batches of any size.
fn value_info(name: &str, axes: &[usize]) -> ValueInfoProto {
    let batch = DimensionProto { dim_value: None, dim_param: Some("batch".to_owned()) };
    let size = |n: &usize| DimensionProto { dim_value: Some(signed(*n)), dim_param: None };
    let shape = TensorShapeProto { dim: std::iter::once(batch).chain(axes.iter().map(size)).collect() };
    let tensor_type = Some(TensorTypeProto { elem_type: FLOAT, shape: Some(shape) });
    ValueInfoProto { name: name.to_owned(), kind: Some(TypeProto { tensor_type }) }
}

/// A size, which memory bounds.
fn signed(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

const INPUT: &str = "input";
const OUTPUT: &str = "logits";
/// The versions of a file that programs of 2020 and later read.
const IR_VERSION: i64 = 7;
const OPSET: i64 = 13;
