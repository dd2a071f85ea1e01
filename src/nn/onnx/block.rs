//! Residual blocks in an ONNX graph: the sums of two values.

use crate::nn::layers::Residual;
use crate::nn::lowered::Lowered;
use crate::nn::onnx::import::{Import, Value};
use crate::nn::onnx::node::Node;
use crate::nn::onnx::operators::Made;
use crate::nn::onnx::step::{Layers, Product, Step, What};
use crate::nn::{Flow, LayerSpec};
use crate::shape::Shape;

/// The sum of two values: of what a block's body makes of a value, and of that value or its product with a weight.
pub(super) fn sum(import: &mut Import<'_>, node: &Node<'_>, a: usize, b: usize) -> Made {
    let (shape, flattened) = (import.get(a).shape.clone(), import.get(a).flattened);
    if shape != import.get(b).shape || flattened.or(import.get(b).flattened).is_some() {
        return Err(node.wrong("adds values of different shapes, or of a flattened image, which is not supported"));
    }
    let from = common(import, a, b);
    let (left, right) = (import.path(from, a), import.path(from, b));
    let (body, other) = match (&left[..], &right[..]) {
        ([], []) => return Err(node.wrong("adds a value to itself; multiply it by 2 in the weights")),
        (_, []) => (left, None),
        ([], _) => (right, None),
        (_, [Step { what: What::Product(product), .. }]) => (left, Some(product.clone())),
        ([Step { what: What::Product(product), .. }], _) => {
            let product = product.clone();
            (right, Some(product))
        }
        _ => return Err(node.wrong(ONE_PRODUCT)),
    };
    if body.iter().any(|step| matches!(step.what, What::Block { .. })) {
        return Err(node.wrong("is a residual block with another in it; only one after the other is supported"));
    }
    let body = with_bias(node, body, other.as_ref())?;
    let projection = other.as_ref().map(|product| product.weight.clone());
    if let Some(product) = &other {
        check(node, &body, product, &import.get(from).shape)?;
    }
    let step = Step { what: What::Block { body, projection }, node: node.name().into() };
    Ok(import.add(Value { step, from, shape, flattened: None }))
}

const ONE_PRODUCT: &str =
    "adds two values that several layers lead to; one must be a residual block's input, or one product with it";

/// The last value that both depend on.
fn common(import: &Import<'_>, mut a: usize, mut b: usize) -> usize {
    // a value comes after the one that it is from
    while a != b {
        let later = if a > b { &mut a } else { &mut b };
        *later = import.get(*later).from;
    }
    a
}

/// The body, whose last product has the bias of the projection, too.
fn with_bias(node: &Node<'_>, mut body: Vec<Step>, other: Option<&Product>) -> Result<Vec<Step>, String> {
    let Some(bias) = other.and_then(|product| product.bias.as_ref()) else { return Ok(body) };
    let last = body.iter_mut().rev().find_map(|step| match &mut step.what {
        What::Product(product) => Some(product),
        _ => None,
    });
    let last = last.ok_or_else(|| node.wrong(ONE_PRODUCT))?;
    *last = last.plus(bias);
    Ok(body)
}

/// Checks that the product is the one that a block of ppdnn has.
fn check(node: &Node<'_>, body: &[Step], product: &Product, input: &Shape) -> Result<(), String> {
    let block = Residual { body: Layers::of(body).layers, projection: true };
    let block = LayerSpec::from(block);
    block.output(input).map_err(|e| node.wrong(e))?;
    let Lowered::Block(Some(own)) = block.lower(Flow::Operand, input) else { return Err(node.wrong(ONE_PRODUCT)) };
    let same = match (own.conv, &product.conv) {
        (None, None) => true,
        (Some(own), Some(theirs)) => {
            theirs.kernel == [1, 1] && theirs.padding == [0, 0] && own.window.stride == theirs.stride
        }
        _ => false,
    };
    match same && own.weight == product.weight.shape() {
        true => Ok(()),
        false => Err(node.wrong(
            "its second summand must be a 1x1 convolution without padding, with the stride that follows from the shapes, or a matrix",
        )),
    }
}
