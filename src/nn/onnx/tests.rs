//! Files that are no models of ours are errors that name the node; what computes the right thing is in `tests/onnx`.

use prost::Message;

use super::import::of_bytes;
use super::messages::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};
use crate::nn::layers::{Conv2d, Dense, LayerNorm, Relu};
use crate::nn::{Init, Loss, Model, Task, TrainedModel};

/// An exported network of a convolution and a dense layer: nodes Conv1, Relu2, Flatten3, Gemm4.
fn exported() -> ModelProto {
    let conv = Conv2d { channels: 2, kernel: [2, 2], stride: [1, 1], padding: [0, 0], bias: true };
    let layers = vec![conv.into(), Relu.into(), Dense { outputs: 2, bias: true }.into()];
    let model = Model::new("tiny", [3, 3, 1], layers, 2, Loss::SigmoidCrossEntropy, Init::He).unwrap();
    let parameters: Vec<Vec<f64>> = model.parameters().iter().map(|shape| vec![0.5; shape.len()]).collect();
    TrainedModel::new(model, None, &parameters).unwrap().onnx_model().unwrap()
}

/// The error of an exported network that is changed.
#[track_caller]
fn error(change: impl FnOnce(&mut GraphProto)) -> String {
    let mut model = exported();
    change(model.graph.as_mut().unwrap());
    refused(&model)
}

#[track_caller]
fn refused(model: &ModelProto) -> String {
    of_bytes(model.encode_to_vec(), "x", None).unwrap_err()
}

#[track_caller]
fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    let input = inputs.iter().map(|name| (*name).to_owned()).collect();
    NodeProto { input, output: vec![output.to_owned()], op_type: op.to_owned(), ..NodeProto::default() }
}

#[test]
fn the_loss_comes_back() {
    let model = of_bytes(exported().encode_to_vec(), "x", None).unwrap().model.model;
    assert_eq!((model.loss(), model.name(), model.layers().len()), (Loss::SigmoidCrossEntropy, "x", 3));
}

/// What a file of another program learns follows from its outputs; one of ppdnn names it.
#[test]
fn tasks_come_back_or_follow_from_the_outputs() {
    let network = |outputs| Model::dense("own", 3, &[4], outputs).unwrap();
    let read = |model: &Model, sigmoid: bool, named: bool| {
        let parameters: Vec<Vec<f64>> = model.parameters().iter().map(|shape| vec![0.5; shape.len()]).collect();
        let mut file = TrainedModel::new(model.clone(), None, &parameters).unwrap().onnx_model().unwrap();
        if !named {
            file.metadata_props.clear();
        }
        if sigmoid {
            let graph = file.graph.as_mut().expect("a graph");
            graph.node.push(node("Sigmoid", &[&graph.output[0].name], "p"));
            graph.output[0].name = "p".into();
        }
        let model = of_bytes(file.encode_to_vec(), "x", None).unwrap().model.model;
        (model.task(), model.loss(), model.outputs())
    };
    for task in Task::ALL {
        for outputs in [1, 3] {
            let model = network(outputs).with_task(task);
            assert_eq!(read(&model, false, true), (task, model.loss(), outputs));
        }
    }
    assert_eq!(read(&network(1), true, false), (Task::Classification, Loss::SigmoidCrossEntropy, 1));
    assert_eq!(read(&network(3), true, false), (Task::MultiLabel, Loss::SigmoidCrossEntropy, 3));
    assert_eq!(read(&network(1), false, false), (Task::Regression, Loss::Square, 1));
    assert_eq!(read(&network(3), false, false), (Task::Classification, Loss::SoftmaxCrossEntropy, 3));
}

/// A file that names no task is given one, unless its last node is of another.
#[test]
fn a_task_is_given_unless_the_file_contradicts() {
    use Task::{Classification, MultiLabel, Regression};
    let read = |outputs: u32, end: &str, own: Option<Task>, wanted: Task| {
        let model = Model::dense("own", 3, &[4], outputs as usize).unwrap().with_task(own.unwrap_or_default());
        let parameters: Vec<Vec<f64>> = model.parameters().iter().map(|shape| vec![0.5; shape.len()]).collect();
        let mut file = TrainedModel::new(model, None, &parameters).unwrap().onnx_model().unwrap();
        if own.is_none() {
            file.metadata_props.clear();
        }
        if !end.is_empty() {
            let graph = file.graph.as_mut().expect("a graph");
            graph.node.push(node(end, &[&graph.output[0].name], "p"));
            graph.output[0].name = "p".into();
        }
        of_bytes(file.encode_to_vec(), "x", Some(wanted)).map(|imported| {
            assert!(!imported.guessed_task);
            (imported.model.model.task(), imported.model.model.loss())
        })
    };
    for (outputs, task) in [1, 3].into_iter().flat_map(|n| Task::ALL.map(|task| (n, task))) {
        let first = task.losses(outputs as usize)[0];
        assert_eq!(read(outputs, "", None, task), Ok((task, first)), "{outputs} outputs of products fit every task");
        assert_eq!(read(outputs, "", Some(task), task), Ok((task, first)));
    }
    for (outputs, task) in [(1, Classification), (3, Classification), (1, MultiLabel), (3, MultiLabel)] {
        assert_eq!(read(outputs, "Sigmoid", None, task), Ok((task, Loss::SigmoidCrossEntropy)));
    }
    assert_eq!(read(3, "Softmax", None, Classification), Ok((Classification, Loss::SoftmaxCrossEntropy)));
    let refused = |outputs, end, own, wanted| read(outputs, end, own, wanted).unwrap_err();
    says(&refused(1, "Sigmoid", None, Regression), &["ends with a sigmoid", "regression"]);
    says(&refused(3, "Softmax", None, Regression), &["ends with a softmax", "regression"]);
    says(&refused(3, "Softmax", None, MultiLabel), &["ends with a softmax", "multi-label"]);
    says(&refused(3, "", Some(Classification), Regression), &["names its task, classification", "regression"]);
}

#[test]
fn truncated_files_and_other_bytes_are_errors() {
    let bytes = exported().encode_to_vec();
    for len in 0..bytes.len() {
        let short = of_bytes(bytes[..len].to_vec(), "x", None);
        // without what comes last, which is about the model, it is whole
        assert!(short.is_err() || len > bytes.len() - 100, "{len} of {}", bytes.len());
        let mut flipped = bytes.clone();
        flipped[len] ^= 0x55;
        let _ = of_bytes(flipped, "x", None);
    }
    says(&of_bytes(b"PK\x03\x04 and so on".to_vec(), "x", None).unwrap_err(), &["not an ONNX model"]);
    says(&of_bytes(Vec::new(), "x", None).unwrap_err(), &["no graph"]);
}

#[test]
fn many_empty_messages_are_refused_before_they_take_memory() {
    // two bytes each: nodes without fields
    let nodes = [0x0a, 0].repeat(200_000);
    let mut bytes = vec![0x3a];
    prost::encoding::encode_varint(nodes.len() as u64, &mut bytes);
    bytes.extend(nodes);
    says(&of_bytes(bytes, "x", None).unwrap_err(), &["at most 100000"]);
}

#[test]
fn operators_and_attributes_without_a_layer_are_named() {
    says(&error(|g| g.node[1].op_type = "Elu".into()), &["node `Relu2` (Elu)", "not supported", "LeakyRelu"]);
    says(&error(|g| g.node[1].domain = "com.example".into()), &["node `Relu2`", "com.example"]);
    let strange = AttributeProto { name: "strange\u{1b}[31m".into(), ..AttributeProto::default() };
    says(&error(|g| g.node[1].attribute.push(strange.clone())), &["node `Relu2` (Relu)", "`strange?[31m`"]);
    let group = |n| AttributeProto { name: "group".into(), i: Some(n), kind: 2, ..AttributeProto::default() };
    says(&error(|g| g.node[0].attribute.push(group(2))), &["node `Conv1` (Conv)", "`group` is 2"]);
    assert!(error(|g| g.node[0].attribute.push(AttributeProto { kind: 1, ..group(1) })).contains("`group`"));
    let pads = |ints: &[i64], g: &mut GraphProto| {
        let own = g.node[0].attribute.iter_mut().find(|a| a.name == "pads").unwrap();
        own.ints = ints.to_vec();
    };
    says(&error(|g| pads(&[0, 0, 1, 1], g)), &["node `Conv1` (Conv)", "`pads`", "both sides"]);
    says(&error(|g| pads(&[i64::MAX; 4], g)), &["`pads` must be 4 integers"]);
    says(&error(|g| pads(&[1], g)), &["`pads` must be 4 integers"]);
    says(&error(|g| g.node[0].attribute[1].ints = vec![0, 1]), &["`strides`"]);
}

#[test]
fn graphs_that_do_not_hang_together_are_errors() {
    says(&error(|g| g.node[1].input[0] = "Flatten3.out".into()), &["node `Relu2`", "`Flatten3.out`", "cycle"]);
    says(&error(|g| g.node.swap(0, 1)), &["node `Relu2`", "`Conv1.out`"]);
    says(&error(|g| drop(g.initializer.remove(0))), &["node `Conv1` (Conv)", "`weight1`"]);
    says(&error(|g| g.node[1].output[0] = "Conv1.out".into()), &["already exists"]);
    says(&error(|g| g.node[1].output.clear()), &["no output"]);
    says(&error(|g| g.node[1].input.clear()), &["node `Relu2` (Relu)", "no input 1"]);
    let second = |name: &str| ValueInfoProto { name: name.to_owned(), kind: None };
    says(&error(|g| g.input.push(second("y"))), &["one input", "it has 2 (`input`, `y`)"]);
    says(&error(|g| g.output.push(second("y"))), &["one output"]);
    says(&error(|g| g.input.clear()), &["one input", "none"]);
    says(&error(|g| g.output[0].name = "gone".into()), &["`gone`"]);
    says(&error(|g| g.output[0].name = "Relu2.out".into()), &["[batch, outputs]"]);
    // a network whose layers ppdnn does not have in this order
    says(&error(|g| g.node[1].op_type = "Identity".into()), &["node `Gemm4` (Gemm)", "activation"]);
    says(&error(|g| g.node[1] = node("Add", &["Conv1.out", "Conv1.out"], "Relu2.out")), &["(Add)", "to itself"]);
    let softmax = node("Softmax", &["Conv1.out"], "Relu2.out");
    says(&error(|g| g.node[1] = softmax), &["(Softmax)", "[batch, classes]"]);
}

#[test]
fn shapes_that_lie_are_errors() {
    let weight = |g: &mut GraphProto, dims: &[i64]| g.initializer[0].dims = dims.to_vec();
    says(&error(|g| weight(g, &[1 << 62, 4, 1, 1])), &["node `Conv1` (Conv)", "`weight1`", "too large"]);
    says(&error(|g| weight(g, &[-1, 1, 2, 2])), &["negative"]);
    says(&error(|g| weight(g, &[2, 1, 2, 3])), &["has 8 values", "needs 12"]);
    says(&error(|g| weight(g, &[8])), &["its filter is [8]"]);
    says(&error(|g| weight(g, &[1, 2, 2, 2])), &["does not fit 1 channels"]);
    says(&error(|g| g.initializer[0].raw_data = Some(vec![0; 31].into())), &["31 bytes"]);
    says(&error(|g| g.initializer[0].data_type = 10), &["data of type 10"]);
    says(&error(|g| g.initializer[0].data_location = 1), &["another file"]);
    says(&error(|g| g.initializer[0].raw_data = Some([0, 0, 0xc0, 0x7f].repeat(8).into())), &["NaN", "finite"]);
    says(&error(|g| g.initializer[2].dims = vec![4, 4]), &["node `Gemm4` (Gemm)", "its bias [2]"]);
    let short = |g: &mut GraphProto| {
        (g.initializer[2].dims, g.initializer[2].raw_data) = (vec![4, 2], Some(vec![0; 32].into()));
    };
    says(&error(short), &["node `Gemm4` (Gemm)", "4 rows", "8 columns"]);
    says(&error(|g| g.initializer[3].dims = vec![1, 1, 2, 1]), &["its bias"]);
    let size = |g: &mut GraphProto, n: Option<i64>| {
        let tensor = g.input[0].kind.as_mut().unwrap().tensor_type.as_mut().unwrap();
        tensor.shape.as_mut().unwrap().dim[2] = DimensionProto { dim_value: n, dim_param: None };
    };
    for n in [None, Some(0), Some(-1), Some(i64::MAX)] {
        says(&error(|g| size(g, n)), &["its input `input` must be"]);
    }
    says(&error(|g| size(g, Some(1 << 20))), &["node `Conv1` (Conv)"]);
    says(&error(|g| size(g, Some(1))), &["node `Conv1` (Conv)", "kernel"]);
}

#[test]
fn versions_that_are_not_known_are_refused() {
    let with = |sets: Vec<(&str, i64)>| {
        let set = |(domain, version): (&str, i64)| OperatorSetIdProto { domain: domain.to_owned(), version };
        refused(&ModelProto { opset_import: sets.into_iter().map(set).collect(), ..exported() })
    };
    says(&with(vec![("", 6)]), &["version 6", "7 to 26"]);
    says(&with(vec![("ai.onnx", i64::MAX)]), &["7 to 26"]);
    says(&with(vec![("ai.onnx.ml", 3)]), &["opset_import"]);
}

#[test]
fn weights_that_are_changed_without_end_use_up_a_budget() {
    let sum = |g: &mut GraphProto| {
        let scalar = TensorProto { name: "two".into(), data_type: 1, float_data: vec![2.0], ..TensorProto::default() };
        g.initializer.push(TensorProto { name: "large".into(), dims: vec![9, 4000], ..scalar.clone() });
        g.initializer.last_mut().unwrap().float_data = vec![1.0; 36_000];
        g.initializer.push(scalar);
        g.node = vec![node("Flatten", &["input"], "rows"), node("MatMul", &["rows", "large"], "v0")];
        g.node.extend((0..100).map(|i| node("Mul", &[&format!("v{i}"), "two"], &format!("v{}", i + 1))));
    };
    says(&error(sum), &["(Mul)", "too often"]);
}

#[test]
fn sums_that_are_no_residual_blocks_are_errors() {
    // x + x w + x v, and a block in a block
    let branches = |g: &mut GraphProto| {
        g.node.insert(2, node("Relu", &["Relu2.out"], "left"));
        g.node.insert(3, node("Relu", &["Relu2.out"], "right"));
        g.node.insert(4, node("Add", &["left", "right"], "both"));
    };
    says(&error(branches), &["node `both` (Add)", "several layers"]);
    let other = |g: &mut GraphProto| g.node.insert(1, node("Add", &["Conv1.out", "input"], "sum"));
    says(&error(other), &["node `sum` (Add)", "different shapes"]);
}

#[test]
fn layers_of_a_program_are_named() {
    let layers = vec![
        Dense { outputs: 2, bias: true }.into(),
        LayerNorm.into(),
        Relu.into(),
        Dense { outputs: 2, bias: true }.into(),
    ];
    let model = Model::new("norm", 2, layers, 2, Loss::Square, Init::He).unwrap();
    let parameters: Vec<Vec<f64>> = model.parameters().iter().map(|shape| vec![0.5; shape.len()]).collect();
    let saved = TrainedModel::new(model, None, &parameters).unwrap();
    // it is written as its steps, which are not read again
    let error = refused(&saved.onnx_model().unwrap());
    says(&error, &["(ReduceMean)", "not supported"]);
}
