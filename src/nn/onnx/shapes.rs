//! Images as rows, and rows as images.

use std::rc::Rc;

use ndarray::Array2;

use crate::nn::layers::Flatten;
use crate::nn::onnx::constant::Constant;
use crate::nn::onnx::import::{Import, Operand, Value};
use crate::nn::onnx::node::{MOST, Node};
use crate::nn::onnx::operators::Made;
use crate::nn::onnx::step::{Step, What};
use crate::shape::Shape;

/// `Flatten`.
pub(super) fn flatten<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let from = import.value(node, 0)?;
    node.only("axis", 1)?;
    Ok(rows(import, node, from))
}

/// `Reshape`, of the file's tensors or of examples.
pub(super) fn reshape<'a>(import: &mut Import<'a>, node: &mut Node<'a>) -> Made {
    let shape = import.constant(node, 1)?.integers().ok_or_else(|| node.wrong("its shape must be integers"))?;
    node.only("allowzero", 0)?;
    let value = match import.operand(node, 0)? {
        Operand::Constant(constant) => return reshaped(import, node, &constant, &shape),
        Operand::Value(_) => import.value(node, 0)?,
    };
    let Value { shape: axes, .. } = import.get(value);
    let len = i64::try_from(axes.len()).unwrap_or(i64::MAX);
    let batch = |n: i64| [0, 1, -1].contains(&n);
    match shape[..] {
        // 0 keeps an axis, -1 is what is left
        [n, columns] if batch(n) && (columns == len || columns == -1 && n != -1) => Ok(rows(import, node, value)),
        [n, 0] if batch(n) && axes.axes().len() == 1 => Ok(Operand::Value(value)),
        [n, c, h, w] if batch(n) => images(import, node, value, [c, h, w]),
        _ => {
            Err(node.wrong(format!("to {shape:?} is not supported; only [batch, columns] and images of the input are")))
        }
    }
}

/// A tensor of the file in another shape.
fn reshaped(import: &mut Import<'_>, node: &Node<'_>, constant: &Constant, shape: &[i64]) -> Made {
    import.spend(node, constant.values.len())?;
    let len = constant.values.len();
    let kept = |(at, n): (usize, &i64)| match n {
        0 => constant.dims.get(at).copied(),
        -1 => Some(1),
        n => usize::try_from(*n).ok(),
    };
    let mut dims = shape.iter().enumerate().map(kept).collect::<Option<Vec<_>>>().unwrap_or_default();
    let known = dims.iter().try_fold(1usize, |n, dim| n.checked_mul(*dim)).unwrap_or(0);
    let open: Vec<usize> = (0..dims.len()).filter(|at| shape[*at] == -1).collect();
    if let [at] = open[..] {
        dims[at] = len.checked_div(known).unwrap_or(0);
    }
    let whole = dims.iter().try_fold(1usize, |n, dim| n.checked_mul(*dim));
    if dims.len() != shape.len() || whole != Some(len) || open.len() > 1 {
        return Err(node.wrong(format!("a tensor of shape {:?} cannot be {shape:?}", constant.dims)));
    }
    Ok(Operand::Constant(Rc::new(Constant { dims, values: constant.values.clone() })))
}

/// Images as rows; rows stay.
fn rows(import: &mut Import<'_>, node: &Node<'_>, from: usize) -> Operand {
    let Value { shape, .. } = import.get(from);
    let Ok(image @ [h, w, c]) = <[usize; 3]>::try_from(shape.axes()) else { return Operand::Value(from) };
    // the two orders are the same for one channel, and for one position
    let flattened = (c > 1 && (h > 1 || w > 1)).then_some(image);
    let shape = Shape::from(shape.len());
    let step = Step { what: What::Layer(Flatten.into()), node: node.name().into() };
    import.add(Value { step, from, shape, flattened })
}

/// Rows of the input as images of one channel; images stay.
fn images(import: &mut Import<'_>, node: &Node<'_>, from: usize, [c, h, w]: [i64; 3]) -> Made {
    let value = import.get(from).clone();
    let size = |n: i64| usize::try_from(n).ok().filter(|n| (1..=MOST).contains(n));
    let image = [size(h), size(w), size(c)];
    let [Some(h), Some(w), Some(c)] = image else {
        return Err(node.wrong(format!("to images of {c} channels of {h} x {w} is not supported")));
    };
    let shape = Shape::from([h, w, c]);
    if shape == value.shape {
        return Ok(Operand::Value(from));
    }
    let of_input = import.path(0, from).iter().all(|step| matches!(step.what, What::Scale { .. }));
    if !of_input || value.shape.axes() != [shape.len()] || c != 1 {
        return Err(node.wrong("to images is only supported for the input, with one channel"));
    }
    let step = Step { what: What::Images, node: node.name().into() };
    Ok(import.add(Value { step, from, shape, flattened: None }))
}

/// The rows of a weight for an image's values, channel by channel, in the order that ppdnn has: channels last.
pub(super) fn channels_last(weight: &Array2<f64>, [h, w, c]: [usize; 3]) -> Array2<f64> {
    let columns = weight.ncols();
    let all = weight.as_standard_layout().into_owned().into_shape_with_order([c, h * w, columns]);
    let turned = all.expect("a row for every value").permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
    turned.into_shape_with_order([h * w * c, columns]).expect("as many values as before")
}
