//! Sums and products with the numbers of a file: biases, scales of the input, batch normalization; and sums and products of values.

use std::rc::Rc;

use ndarray::{Array1, s};

use crate::nn::layers::{Flatten, Square};
use crate::nn::onnx::block;
use crate::nn::onnx::constant::Constant;
use crate::nn::onnx::import::{Import, Operand, Value};
use crate::nn::onnx::node::Node;
use crate::nn::onnx::operators::{Made, layer};
use crate::nn::onnx::step::{Product, Step, What};

/// `Add`, `Div`, `Mul` or `Sub`.
pub(super) fn arithmetic<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let op = node.op();
    match (import.operand(node, 0)?, import.operand(node, 1)?) {
        (Operand::Value(a), Operand::Value(b)) if op == "Mul" && a == b => layer(import, node, Square),
        (Operand::Value(_), Operand::Value(_)) if op == "Add" => {
            let (a, b) = (import.value(node, 0)?, import.value(node, 1)?);
            block::sum(import, node, a, b)
        }
        (Operand::Value(_), Operand::Constant(c)) => with_constant(import, node, 0, op, &c),
        (Operand::Constant(c), Operand::Value(_)) if ["Add", "Mul"].contains(&op) => {
            with_constant(import, node, 1, op, &c)
        }
        _ => Err(node.wrong(
            "is only supported with numbers of the file, as the sum that ends a residual block, and as the square of a value",
        )),
    }
}

/// Input number `at`, changed by a constant.
fn with_constant<'a>(import: &mut Import<'a>, node: &Node<'a>, at: usize, op: &str, c: &Constant) -> Made {
    let from = import.value(node, at)?;
    let c = columns(c, import.get(from)).ok_or_else(|| {
        let shape = &c.dims;
        node.wrong(format!(
            "the numbers of shape {shape:?} must be one, or one for every channel or column of its input"
        ))
    })?;
    let (zero, one) = (Array1::zeros(c.len()), Array1::ones(c.len()));
    let (times, plus) = match op {
        "Add" => (None, c),
        "Sub" => (None, -c),
        "Mul" => (Some(c), zero),
        _ if c.iter().any(|c| *c == 0.0) => return Err(node.wrong("divides by 0")),
        _ => (Some(one / c), zero),
    };
    affine(import, node, from, times, plus)
}

/// `BatchNormalization`, with the statistics of training.
pub(super) fn batch_norm<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let from = import.value(node, 0)?;
    let epsilon = node.number("epsilon", 1e-5)?;
    let _ = node.attribute("momentum");
    node.only("training_mode", 0)?;
    node.only("spatial", 1)?;
    let channels = import.get(from).shape.axes().last().copied().unwrap_or(1);
    let mut row = |at| {
        let constant = import.constant(node, at)?;
        let row = Array1::from_vec(constant.values.clone());
        let claim = || node.wrong(format!("its input {} must have {channels} numbers, one for every channel", at + 1));
        Some(row).filter(|row| row.len() == channels && constant.dims.len() == 1).ok_or_else(claim)
    };
    let [gain, addend, mean, variance] = [row(1)?, row(2)?, row(3)?, row(4)?];
    let deviation = (variance + epsilon).mapv_into(f64::sqrt);
    if !deviation.iter().all(|d| d.is_finite() && *d > 0.0) {
        return Err(node.wrong("its input 5 holds variances, which cannot be negative"));
    }
    let times = gain / deviation;
    let plus = addend - mean * &times;
    affine(import, node, from, Some(times), plus)
}

/// `x times + plus`, column by column: part of the product before it, or the scale of the input.
fn affine(
    import: &mut Import<'_>,
    node: &Node<'_>,
    from: usize,
    times: Option<Array1<f64>>,
    plus: Array1<f64>,
) -> Made {
    let value = import.get(from).clone();
    if let What::Product(product) = &value.step.what {
        import.spend(node, plus.len() + times.as_ref().map_or(0, |_| product.weight.len()))?;
        let product = changed(product, times.as_ref(), &plus);
        let step = Step { what: What::Product(product), ..value.step };
        return Ok(import.add(Value { step, ..value }));
    }
    let plain = |step: &Step| match &step.what {
        What::Scale { .. } | What::Images => true,
        What::Layer(layer) => layer.is::<Flatten>(),
        _ => false,
    };
    if !import.path(0, from).iter().all(plain) {
        return Err(node.wrong("is only supported for the input, and directly behind a Conv, Gemm or MatMul"));
    }
    let is_uniform = |row: &Array1<f64>| row.iter().all(|x| *x == row[0]);
    let times = times.unwrap_or_else(|| Array1::ones(plus.len()));
    let scale = match is_uniform(&times) && is_uniform(&plus) {
        true => [times, plus].map(|row| row.slice_move(s![..1])),
        false if value.shape.axes().len() == 1 && import.path(0, from).iter().all(of_rows) => {
            import.spend(node, plus.len())?;
            [times, plus]
        }
        false => {
            return Err(node.wrong(
                "scales the channels of the input differently; only one number for all is supported: make it part of the first \
                 layer",
            ));
        }
    };
    let [times, plus] = scale.map(Rc::new);
    let step = Step { what: What::Scale { times, plus }, node: node.name().into() };
    Ok(import.add(Value { step, from, ..value }))
}

/// Whether an input is still rows as they came.
fn of_rows(step: &Step) -> bool {
    matches!(step.what, What::Input | What::Scale { .. })
}

/// A product, and what is multiplied and added.
fn changed(product: &Product, times: Option<&Array1<f64>>, plus: &Array1<f64>) -> Product {
    let bias = product.bias.as_ref();
    match times {
        None => product.plus(plus),
        Some(times) => {
            let bias = bias.map_or_else(|| plus.clone(), |bias| bias * times + plus);
            // a scale alone adds nothing
            let bias = Some(bias).filter(|bias| product.bias.is_some() || bias.iter().any(|b| *b != 0.0));
            Product { conv: product.conv.clone(), weight: Rc::new(&*product.weight * times), bias }
        }
    }
}

/// The numbers for the columns of rows, or the channels of images, as they are broadcast.
fn columns(constant: &Constant, value: &Value) -> Option<Array1<f64>> {
    match value.shape.axes() {
        [columns] => row_of(constant, *columns),
        [_, _, channels] => match constant.dims[..] {
            [.., 1, 1] => row_of(
                &Constant { dims: constant.dims[..constant.dims.len() - 2].to_vec(), ..constant.clone() },
                *channels,
            ),
            _ => row_of(constant, *channels).filter(|_| constant.values.len() == 1),
        },
        _ => None,
    }
}

/// One number for all columns, or those of the last axis.
pub(super) fn row_of(constant: &Constant, columns: usize) -> Option<Array1<f64>> {
    if let Some(one) = constant.single() {
        return Some(Array1::from_elem(columns, one));
    }
    let fits = constant.dims.last() == Some(&columns) && constant.values.len() == columns;
    fits.then(|| Array1::from_vec(constant.values.clone()))
}
