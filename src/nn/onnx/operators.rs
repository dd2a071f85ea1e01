//! The operators of ONNX that become layers.

use std::rc::Rc;

use ndarray::{Array1, Array2, Array4};

use crate::nn::layers::{
    AveragePool, Conv2d, GlobalAveragePool, HardTanh, LeakyRelu, MaxPool, PoolMethod, Relu, Sigmoid, Square,
    ZeroPadding,
};
use crate::nn::mean_ratio::mean_ratio;
use crate::nn::onnx::constant::Constant;
use crate::nn::onnx::import::{Import, Operand, Value};
use crate::nn::onnx::node::Node;
use crate::nn::onnx::step::{Product, Step, What};
use crate::nn::onnx::windows::Moves;
use crate::nn::onnx::{scale, shapes};
use crate::nn::{Flow, LayerSpec};

/// What a node makes of its inputs.
pub(super) fn apply<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    match node.op() {
        "Add" | "Div" | "Mul" | "Sub" => scale::arithmetic(import, node),
        "AveragePool" => average_pool(import, node),
        "BatchNormalization" => scale::batch_norm(import, node),
        "Clip" => clip(import, node),
        "Constant" => constant(node),
        "Conv" => conv(import, node),
        "Dropout" => dropout(import, node),
        "Flatten" => shapes::flatten(import, node),
        "Gemm" => gemm(import, node),
        "GlobalAveragePool" => global_average_pool(import, node),
        "HardSigmoid" => hard_sigmoid(import, node),
        "Identity" => import.operand(node, 0),
        "LeakyRelu" => leaky_relu(import, node),
        "MatMul" => matmul(import, node),
        "MaxPool" => max_pool(import, node),
        "Pad" => pad(import, node),
        "Pow" => power(import, node),
        "Relu" => layer(import, node, Relu),
        "Reshape" => shapes::reshape(import, node),
        "Sigmoid" => sigmoid(import, node),
        "Softmax" | "LogSoftmax" => softmax(import, node),
        _ => Err(node.wrong(format!("the operator is not supported; supported are {}", OPERATORS.join(", ")))),
    }
}

/// A value or a constant, or what is wrong with the node.
pub(super) type Made = Result<Operand, String>;

/// The supported operators.
const OPERATORS: [&str; 25] = [
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Clip",
    "Constant",
    "Conv",
    "Div",
    "Dropout",
    "Flatten",
    "Gemm",
    "GlobalAveragePool",
    "HardSigmoid",
    "Identity",
    "LeakyRelu",
    "LogSoftmax",
    "MatMul",
    "MaxPool",
    "Mul",
    "Pad",
    "Pow",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "Sub",
];

/// A layer without parameters behind the first input.
pub(super) fn layer<'a>(import: &mut Import<'a>, node: &Node<'a>, layer: impl Into<LayerSpec>) -> Made {
    let from = import.value(node, 0)?;
    behind(import, node, from, What::Layer(layer.into()))
}

/// The value behind a layer.
fn behind<'a>(import: &mut Import<'a>, node: &Node<'a>, from: usize, what: What) -> Made {
    let Value { shape, flattened, .. } = import.get(from).clone();
    let shape = match &what {
        What::Layer(layer) | What::Mean { layer, .. } => layer.output(&shape).map_err(|e| node.wrong(e))?,
        _ => shape,
    };
    let step = Step { what, node: node.name().into() };
    Ok(import.add(Value { step, from, shape, flattened }))
}

/// Height, width and channels of a value that is an image.
fn image(import: &Import<'_>, node: &Node<'_>, value: usize) -> Result<[usize; 3], String> {
    let axes = import.get(value).shape.axes().try_into();
    axes.map_err(|_| node.wrong("takes images, [batch, channels, height, width]; its input has other axes"))
}

fn conv<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let (from, filter) = (import.value(node, 0)?, import.constant(node, 1)?);
    let [h, w, channels] = image(import, node, from)?;
    node.only("group", 1)?;
    let [outputs, taken, rows, columns] = filter.dims[..] else {
        return Err(node.wrong(format!("its filter is {:?}; only filters of images are supported", filter.dims)));
    };
    let kernel = [rows, columns];
    if filter.values.is_empty() || taken != channels || node.sizes("kernel_shape")?.is_some_and(|k| k != kernel) {
        let dims = &filter.dims;
        return Err(node.wrong(format!("its filter {dims:?} does not fit {channels} channels and `kernel_shape`")));
    }
    let Moves { stride, padding } = Moves::read(node, [h, w], kernel)?;
    import.spend(node, filter.values.len())?;
    let conv = Conv2d { channels: outputs, kernel, stride, padding, bias: false };
    let by_channel = Array4::from_shape_vec([outputs, channels, rows, columns], filter.values.clone());
    let turned = by_channel.map_err(|e| node.wrong(e))?.permuted_axes([2, 3, 1, 0]);
    let weight = turned.as_standard_layout().into_owned().into_shape_with_order([rows * columns * channels, outputs]);
    let weight = Rc::new(weight.map_err(|e| node.wrong(e))?);
    let bias = bias(import, node, 2, outputs)?;
    let shape = LayerSpec::from(conv.clone()).output(&import.get(from).shape).map_err(|e| node.wrong(e))?;
    let step = Step { what: What::Product(Product { conv: Some(conv), weight, bias }), node: node.name().into() };
    Ok(import.add(Value { step, from, shape, flattened: None }))
}

/// A bias of so many columns, if the node has one.
fn bias<'a>(
    import: &mut Import<'a>,
    node: &Node<'a>,
    at: usize,
    columns: usize,
) -> Result<Option<Array1<f64>>, String> {
    if node.input(at).is_none() {
        return Ok(None);
    }
    let bias = import.constant(node, at)?;
    let row = scale::row_of(&bias, columns).ok_or_else(|| {
        node.wrong(format!("its bias {:?} must be one number, or {columns} in the last axis", bias.dims))
    })?;
    Ok(Some(row))
}

fn gemm<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let (from, weight) = (import.value(node, 0)?, import.constant(node, 1)?);
    node.only("transA", 0)?;
    let turned = match node.whole("transB", 0)? {
        0 => false,
        1 => true,
        other => return Err(node.wrong(format!("its `transB` is {other}; it must be 0 or 1"))),
    };
    let (alpha, beta) = (node.number("alpha", 1.0)?, node.number("beta", 1.0)?);
    let weight = matrix(import, node, &weight)?;
    let weight = if turned { weight.reversed_axes() } else { weight };
    let bias = bias(import, node, 2, weight.ncols())?.map(|bias| bias * beta);
    dense(import, node, from, weight * alpha, bias)
}

fn matmul<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let (from, weight) = (import.value(node, 0)?, import.constant(node, 1)?);
    let weight = matrix(import, node, &weight)?;
    dense(import, node, from, weight, None)
}

fn matrix(import: &mut Import<'_>, node: &Node<'_>, weight: &Constant) -> Result<Array2<f64>, String> {
    import.spend(node, weight.values.len())?;
    match weight.dims[..] {
        [rows, columns] if !weight.values.is_empty() => {
            Array2::from_shape_vec([rows, columns], weight.values.clone()).map_err(|e| node.wrong(e))
        }
        _ => Err(node.wrong(format!("its weight is {:?}; it must be a matrix", weight.dims))),
    }
}

/// The product of rows with a matrix `[inputs, outputs]`.
fn dense(
    import: &mut Import<'_>,
    node: &Node<'_>,
    from: usize,
    weight: Array2<f64>,
    bias: Option<Array1<f64>>,
) -> Made {
    let Value { shape, flattened, .. } = import.get(from);
    let [columns] = shape.axes() else {
        return Err(node.wrong("takes rows, [batch, columns]; its input is an image: put a Flatten before it"));
    };
    if weight.nrows() != *columns {
        return Err(node.wrong(format!("its weight has {} rows; its input has {columns} columns", weight.nrows())));
    }
    let weight = flattened.map_or_else(|| weight.clone(), |image| shapes::channels_last(&weight, image));
    let shape = weight.ncols().into();
    let product = Product { conv: None, weight: Rc::new(weight), bias };
    let step = Step { what: What::Product(product), node: node.name().into() };
    Ok(import.add(Value { step, from, shape, flattened: None }))
}

/// The window of a pool, which may not hang over the edge of an image.
fn pooled(node: &mut Node<'_>, [h, w, _]: [usize; 3]) -> Result<([usize; 2], Moves), String> {
    let window = node.sizes("kernel_shape")?.ok_or_else(|| node.wrong("has no attribute `kernel_shape`"))?;
    let moves = Moves::read(node, [h, w], window)?;
    let Moves { stride, padding } = &moves;
    let over = |a: usize, size: usize| (size + 2 * padding[a]).saturating_sub(window[a]) % stride[a] != 0;
    if node.whole("ceil_mode", 0)? != 0 && (over(0, h) || over(1, w)) {
        return Err(node.wrong("attribute `ceil_mode` adds windows that hang over the edge; only 0 is supported"));
    }
    Ok((window, moves))
}

fn max_pool<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let from = import.value(node, 0)?;
    let (window, Moves { stride, padding }) = pooled(node, image(import, node, from)?)?;
    node.only("storage_order", 0)?;
    if padding != [0, 0] {
        return Err(node.wrong(format!("pads images by {padding:?}; max pools cannot pad")));
    }
    layer(import, node, MaxPool { window, stride, method: PoolMethod::Tree })
}

fn average_pool<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let mut from = import.value(node, 0)?;
    let (window, Moves { stride, padding }) = pooled(node, image(import, node, from)?)?;
    let counted = node.whole("count_include_pad", 0)? != 0;
    if padding != [0, 0] {
        if !counted {
            return Err(node.wrong("pads images, and `count_include_pad` is 0; only 1 is supported with padding"));
        }
        let padded = behind(import, node, from, What::Layer(ZeroPadding { padding }.into()))?;
        from = if let Operand::Value(padded) = padded { padded } else { from };
    }
    mean(import, node, from, AveragePool { window, stride }.into())
}

fn global_average_pool<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let from = import.value(node, 0)?;
    mean(import, node, from, GlobalAveragePool.into())
}

/// A pool of means, which ppdnn may compute with another factor.
fn mean<'a>(import: &mut Import<'a>, node: &Node<'a>, from: usize, layer: LayerSpec) -> Made {
    let shape = import.get(from).shape.clone();
    layer.output(&shape).map_err(|e| node.wrong(e))?;
    let ratio = mean_ratio(&layer, Flow::Operand, &shape);
    behind(import, node, from, What::Mean { layer, ratio })
}

fn pad<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    if node.word("mode").is_some_and(|mode| mode != "constant") {
        return Err(node.wrong("attribute `mode` must be `constant`"));
    }
    if node.input(3).is_some() {
        return Err(node.wrong("has a list of axes, which is not supported"));
    }
    let (pads, value) = if import.opset() < 11 {
        (node.integers("pads")?.map(<[i64]>::to_vec), node.number("value", 0.0)?)
    } else {
        let value = if node.input(2).is_some() { import.constant(node, 2)?.single() } else { Some(0.0) };
        (import.constant(node, 1)?.integers(), value.unwrap_or(f64::NAN))
    };
    let sizes = |n: &i64| usize::try_from(*n).ok();
    let pads: Vec<usize> = pads.iter().flatten().map_while(sizes).collect();
    match pads[..] {
        [0, 0, top, left, 0, 0, bottom, right] if top == bottom && left == right && value == 0.0 => {
            layer(import, node, ZeroPadding { padding: [top, left] })
        }
        _ => Err(node.wrong(format!("pads {pads:?} with {value}; it must put as many zeros on both sides of images"))),
    }
}

fn leaky_relu<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let alpha = node.number("alpha", 0.01)?;
    let slope = |shift: u32| f64::exp2(-f64::from(shift));
    let near = (1..=7).find(|shift| (0.75..=1.5).contains(&(alpha / slope(*shift))));
    let Some(shift) = near else {
        return Err(node.wrong(format!("attribute `alpha` is {alpha}; it must be from 0.006 to 0.75")));
    };
    if slope(shift) != alpha {
        let remark = format!("the slope {alpha} becomes {}: slopes are powers of two", slope(shift));
        import.remarks.push(node.wrong(remark));
    }
    layer(import, node, LeakyRelu { shift })
}

fn clip<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let ends = if import.opset() < 11 {
        let most = f64::from(f32::MAX);
        let ends = [node.number("min", -most)?, node.number("max", most)?];
        ends.map(|end| Some(end).filter(|end| end.abs() < most))
    } else {
        let mut end = |at| if node.input(at).is_some() { import.constant(node, at).map(Some) } else { Ok(None) };
        let ends = [end(1)?, end(2)?];
        ends.map(|end| end.map(|end| end.single().unwrap_or(f64::NAN)))
    };
    match ends {
        [Some(low), Some(high)] if [low, high] == [-1.0, 1.0] => layer(import, node, HardTanh),
        [Some(0.0), None] => layer(import, node, Relu),
        [low, high] => {
            let end = |end: Option<f64>| end.map_or("none".to_owned(), |end| end.to_string());
            let (low, high) = (end(low), end(high));
            Err(node.wrong(format!(
                "cuts values to {low} and {high}; only -1 to 1, and 0 without an upper end, are layers"
            )))
        }
    }
}

fn hard_sigmoid<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let pieces = [node.number("alpha", 0.2)?, node.number("beta", 0.5)?];
    if pieces != [0.25, 0.5] {
        return Err(node.wrong(format!("`alpha` and `beta` are {pieces:?}; only 0.25 and 0.5 are supported")));
    }
    layer(import, node, Sigmoid)
}

fn sigmoid<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let remark = "becomes the piecewise-linear sigmoid of ppdnn, which differs by up to 0.12; train a few more epochs";
    import.remarks.push(node.wrong(remark));
    layer(import, node, Sigmoid)
}

/// `x^2`.
fn power<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    if import.constant(node, 1)?.single() != Some(2.0) {
        return Err(node.wrong("only a power of 2 is supported"));
    }
    layer(import, node, Square)
}

/// An end that does not change which output is largest; training has it in the loss.
fn softmax<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let from = import.value(node, 0)?;
    let default = if import.opset() < 13 { 1 } else { -1 };
    let axis = node.whole("axis", default)?;
    if import.get(from).shape.axes().len() != 1 || ![1, -1].contains(&axis) {
        return Err(node.wrong("must be over the classes of [batch, classes]"));
    }
    import.remarks.push(node.wrong("is left out: the outputs are logits"));
    behind(import, node, from, What::End)
}

/// Dropout of an exported network, which does nothing.
fn dropout<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let _ = (node.attribute("ratio"), node.attribute("seed"));
    if node.input(2).is_some() {
        return Err(node.wrong("has an input `training_mode`; export the network for inference"));
    }
    import.operand(node, 0)
}

fn constant<'a>(node: &mut Node<'a>) -> Made {
    let tensor = node.attribute("value").and_then(|attribute| attribute.t.as_ref());
    let tensor = tensor.ok_or_else(|| node.wrong("has no tensor as attribute `value`"))?;
    Ok(Operand::Constant(Rc::new(Constant::read(tensor).map_err(|e| node.wrong(e))?)))
}
