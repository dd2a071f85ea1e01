//! The messages of an ONNX file that are read or written here; fields of others are skipped.
//!
//! Names and numbers of the fields are those of `onnx.proto`, <https://github.com/onnx/onnx>.

use prost::Message;
use prost::bytes::{Buf, Bytes};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// A model of a file's bytes.
pub(super) fn decode(bytes: Vec<u8>) -> Result<ModelProto, String> {
    let bytes = Bytes::from(bytes);
    let wrong = |e| format!("is not an ONNX model, or is truncated: {e}");
    let all = count(&mut bytes.clone(), MESSAGES).map_err(wrong)?;
    if all > MOST_MESSAGES {
        return Err(format!("has {all} nodes, attributes and tensors; at most {MOST_MESSAGES} are supported"));
    }
    ModelProto::decode(bytes).map_err(wrong)
}

/// An empty message takes two bytes of a file and a hundred times as many in memory.
const MOST_MESSAGES: usize = 100_000;

/// What a message contains: the numbers of fields that are counted, and those of the messages whose fields are, too.
struct Contents(&'static [(u32, &'static Self)]);

/// The graph of a model; nodes with their inputs, outputs and attributes, initializers, and the graph's inputs and outputs.
const MESSAGES: &Contents = &Contents(&[(7, GRAPH), (8, NOTHING), (14, NOTHING)]);
const GRAPH: &Contents = &Contents(&[(1, NODE), (5, TENSOR), (11, VALUE), (12, VALUE)]);
const NODE: &Contents = &Contents(&[(1, NOTHING), (2, NOTHING), (5, ATTRIBUTE)]);
const ATTRIBUTE: &Contents = &Contents(&[(5, TENSOR)]);
const TENSOR: &Contents = &Contents(&[(13, NOTHING)]);
const VALUE: &Contents = &Contents(&[(2, &Contents(&[(1, &Contents(&[(2, &Contents(&[(1, NOTHING)]))]))]))]);
const NOTHING: &Contents = &Contents(&[]);

/// The fields in a message that are counted, before memory is spent on them.
fn count(bytes: &mut Bytes, contents: &Contents) -> Result<usize, prost::DecodeError> {
    let mut all = 0usize;
    while bytes.has_remaining() {
        let (number, wire) = decode_key(bytes)?;
        match contents.0.iter().find(|(field, _)| *field == number) {
            Some((_, inner)) if wire == WireType::LengthDelimited => {
                let len = usize::try_from(decode_varint(bytes)?).unwrap_or(usize::MAX);
                // decoding says what is wrong with a length
                let mut part = bytes.split_to(len.min(bytes.len()));
                let inside = if inner.0.is_empty() { 0 } else { count(&mut part, inner)? };
                all = all.saturating_add(1).saturating_add(inside);
            }
            _ => skip_field(wire, number, bytes, DecodeContext::default())?,
        }
    }
    Ok(all)
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ModelProto {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(string, tag = "2")]
    pub producer_name: String,
    #[prost(string, tag = "3")]
    pub producer_version: String,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StringStringEntryProto {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    #[prost(string, tag = "10")]
    pub doc_string: String,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    pub domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AttributeProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub s: Option<Bytes>,
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorProto>,
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    pub kind: i32,
}

/// Kinds of attributes.
pub(super) const FLOAT_ATTRIBUTE: i32 = 1;
pub(super) const INT_ATTRIBUTE: i32 = 2;
pub(super) const INTS_ATTRIBUTE: i32 = 7;

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "bytes", optional, tag = "9")]
    pub raw_data: Option<Bytes>,
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringStringEntryProto>,
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

/// Types of tensors.
pub(super) const FLOAT: i32 = 1;
pub(super) const INT32: i32 = 6;
pub(super) const INT64: i32 = 7;
pub(super) const DOUBLE: i32 = 11;

/// Where a tensor's data are: in another file.
pub(super) const EXTERNAL: i32 = 1;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub kind: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<DimensionProto>,
}

/// A size, or the name of one that is not fixed.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DimensionProto {
    #[prost(int64, optional, tag = "1")]
    pub dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub dim_param: Option<String>,
}
