//! Residual blocks.

use std::cell::Cell;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::gates::{Conv, Window2d};
use crate::nn::layer::{Layer, Named, ParameterSpec, walk};
use crate::nn::layer_check::{lead, of_batch};
use crate::nn::layers::read::body;
use crate::nn::lowered::{LinearSpec, Lowered};
use crate::nn::{Flow, LayerSpec, LineError, TomlTable};
use crate::shape::Shape;

/// `body(x) + x` (He et al., 2016); the body ends with a product. An activation follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Residual {
    /// The layers whose output is added to; no block is among them.
    #[serde(deserialize_with = "one_level")]
    pub body: Vec<LayerSpec>,
    /// Whether `x` is multiplied with a weight first, so that it has the body's shape: a convolution of 1x1 whose stride
    /// follows from the two shapes, or a matrix.
    pub projection: bool,
}

impl Residual {
    /// What the input is multiplied with, for a shape that the block takes.
    fn projected(&self, input: &Shape) -> Option<LinearSpec> {
        let output = walk(&self.body, input, |_, _| ());
        self.projection.then(|| projection(input, &output)).flatten()
    }
}

impl Layer for Residual {
    fn follow(&self, before: Flow) -> Result<Flow, String> {
        match before {
            Flow::Operand | Flow::Rectified => {
                Ok(Flow::Sum { images: self.body.iter().any(|l| l.is_product() && l.takes_images()) })
            }
            Flow::Folded => {
                Err("a residual block starts after an activation; move the layer before it into its body".into())
            }
            _ => before.product(false),
        }
    }

    fn output(&self, input: &Shape) -> Result<Shape, String> {
        if self.body.iter().any(LayerSpec::is::<Self>) {
            return Err(NESTED.into());
        }
        let (output, after) = lead(&self.body, input).map_err(|mismatch| format!("in its body, {mismatch}"))?;
        if !after.is_product() {
            return Err("its body must end with a dense or conv2d layer, or an average pool of one".into());
        }
        let (from, to) = (of_batch(input), of_batch(&output));
        match (self.projection, projection(input, &output)) {
            (false, _) if output.axes() != input.axes() => {
                Err(format!("its body turns {from} into {to}, which cannot be added; set `projection = true`"))
            }
            (true, None) => Err(format!("no 1x1 convolution turns {from} into {to}")),
            _ => Ok(output),
        }
    }

    fn lower(&self, _: Flow, input: &Shape) -> Lowered {
        Lowered::Block(self.projected(input))
    }

    fn parameters(&self, input: &Shape) -> Vec<ParameterSpec> {
        let mut all = Vec::new();
        walk(&self.body, input, |layer, input| all.extend(layer.parameters(input)));
        let projection = self.projected(input);
        all.extend(projection.into_iter().flat_map(|p| ParameterSpec::weight_and_bias(p.weight, false)));
        all
    }

    fn macs(&self, input: &Shape) -> u64 {
        let mut all = 0u64;
        let output = walk(&self.body, input, |layer, input| all = all.saturating_add(layer.macs(input)));
        let of = |p: LinearSpec| (p.weight[0] as u64).saturating_mul(output.len() as u64);
        all.saturating_add(self.projected(input).map_or(0, of))
    }

    fn takes_images(&self) -> bool {
        self.body.iter().any(|layer| layer.takes_images())
    }

    fn body(&self) -> &[LayerSpec] {
        &self.body
    }

    fn kept(&self) -> f64 {
        self.body.iter().map(|layer| layer.kept()).product()
    }

    fn size(&self) -> String {
        let body: Vec<_> = self.body.iter().map(|layer| layer.size()).filter(|l| !l.is_empty()).collect();
        format!("({})", body.join("-"))
    }
}

impl Named for Residual {
    const NAME: &'static str = "residual";

    fn read(table: &mut TomlTable<'_>, _: Option<usize>) -> Result<Self, LineError> {
        let projection = table.flag("projection")?.unwrap_or(false);
        Ok(Self { body: body(table)?, projection })
    }
}

/// Reads a block's body. Files and jobs are not trusted: blocks in blocks in blocks must not use up the stack.
fn one_level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LayerSpec>, D::Error> {
    if INSIDE.replace(true) {
        return Err(D::Error::custom(NESTED));
    }
    let body = Vec::deserialize(deserializer);
    INSIDE.set(false);
    body
}

thread_local! {
    /// Whether a block's body is being read.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

const NESTED: &str = "its body contains a residual block; put the two one after the other";

/// What turns a block's input into the shape of its output: a convolution of 1x1, or a matrix.
fn projection(input: &Shape, output: &Shape) -> Option<LinearSpec> {
    match (input.axes(), output.axes()) {
        ([inputs], [outputs]) => Some(LinearSpec::matrix(*inputs, *outputs, false)),
        ([height, width, channels], [rows, columns, outputs]) => {
            let stride = |from: usize, to: usize| (1..=from).find(|s| (from - 1) / s + 1 == to);
            let (image, stride) = ([*height, *width], [stride(*height, *rows)?, stride(*width, *columns)?]);
            let (channels, outputs) = (*channels, *outputs);
            let conv = Conv { image, channels, window: Window2d::new([1, 1], stride), outputs };
            Some(LinearSpec::conv(conv, false))
        }
        _ => None,
    }
}
