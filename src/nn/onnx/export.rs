//! A model as an ONNX file.

use std::io::Write as _;
use std::path::Path;

use ndarray::{Array1, Array2, Axis};
use prost::Message;
use tempfile::NamedTempFile;

use crate::error::{Error, Result};
use crate::gates::Conv;
use crate::nn::inverse_sqrt::LEAST_VARIANCE;
use crate::nn::layers::{
    AveragePool, Flatten, GlobalAveragePool, HardTanh, LeakyRelu, MaxPool, Over, Relu, Sigmoid, Square, ZeroPadding,
};
use crate::nn::lowered::{LinearSpec, Lowered};
use crate::nn::mean_ratio::mean_ratio;
use crate::nn::onnx::graph_writer::{Attribute, GraphWriter};
use crate::nn::onnx::messages::ModelProto;
use crate::nn::{Flow, LayerSpec, Normalization, TrainedModel};
use crate::shape::Shape;

impl TrainedModel {
    /// Writes the model as an ONNX file, of opset 13: atomically, and only its owner can read it.
    ///
    /// The input `input` is `[batch, features]` for a network of rows, and `[batch, channels, height, width]` for one of images; its
    /// values are those that [`TrainedModel::logits`] takes, for the data sets of ppdnn pixels from 0 to 1. The normalization is
    /// part of the network. The output `logits` is `[batch, outputs]`. Piecewise-linear activations stay what they are: `sigmoid`
    /// becomes `HardSigmoid` with a slope of 1/4.
    ///
    /// # Errors
    /// [`Error::Usage`] naming a layer that ONNX files cannot have: one of the program's own. [`Error::File`] if the file cannot be
    /// written.
    pub fn save_onnx(&self, path: &Path) -> Result<()> {
        let bytes = self.to_onnx()?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let fail = |e| Error::file(path, e);
        let mut file = NamedTempFile::new_in(folder).map_err(fail)?;
        file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(fail)?;
        file.persist(path).map_err(|e| fail(e.error)).map(drop)
    }

    /// The bytes of the file.
    pub(crate) fn to_onnx(&self) -> Result<Vec<u8>> {
        self.check()?;
        Ok(self.onnx_model()?.encode_to_vec())
    }

    /// The file as a message.
    pub(super) fn onnx_model(&self) -> Result<ModelProto> {
        let input = self.model.input();
        let mut graph = GraphWriter::new(input);
        if let Some(Normalization { mean, deviation }) = &self.normalization {
            if mean.len() > 1 && input.axes().len() > 1 {
                let text =
                    "features of images with scales of their own cannot be exported; convert with --fold-normalization";
                return Err(Error::Usage(text.into()));
            }
            if mean.iter().any(|mean| *mean != 0.0) {
                graph.with_numbers("Sub", mean);
            }
            if deviation.iter().any(|deviation| *deviation != 1.0) {
                graph.with_numbers("Div", deviation);
            }
        }
        let image = input.axes().try_into().ok();
        let parameters = self.parameters.iter();
        let mut export = Export { graph, parameters, image, flattened: None, mean: 1.0 };
        export.layers(self.model.layers(), input, Flow::Operand)?;
        let about = [
            (DATASET, self.dataset.as_deref()),
            (LOSS, Some(self.model.loss().name())),
            (TASK, Some(self.model.task().name())),
        ];
        Ok(export.graph.finish(self.model.name(), self.model.outputs(), &about))
    }
}

/// Entries of the file's metadata: the data set of the model, its loss and its task.
pub(super) const DATASET: &str = "ppdnn.dataset";
pub(super) const LOSS: &str = "ppdnn.loss";
pub(super) const TASK: &str = "ppdnn.task";

/// A graph in the making: its last value is `[batch, channels, height, width]` or `[batch, columns]`.
struct Export<'a> {
    graph: GraphWriter,
    parameters: std::slice::Iter<'a, (Array2<f32>, Array1<f32>)>,
    /// Height, width and channels of the last value, if it is an image.
    image: Option<[usize; 3]>,
    /// Those of the image that the last value was, if it is a row of such values, channel by channel.
    flattened: Option<[usize; 3]>,
    /// What the weight of the next product is multiplied with: means before it are not exact ([`ratio`]).
    mean: f32,
}

impl Export<'_> {
    fn layers(&mut self, layers: &[LayerSpec], input: &Shape, flow: Flow) -> Result<()> {
        let (mut input, mut flow) = (input.clone(), flow);
        for (at, layer) in layers.iter().enumerate() {
            let output = layer.output(&input).expect("a checked model's layers fit");
            let after = layer.follow(flow).expect("a checked model's layers follow each other");
            let pool = layers.get(at + 1).map_or(1.0, |next| ratio(next, after, &output));
            self.layer(layer, &input, flow, pool)?;
            (input, flow) = (output, after);
        }
        Ok(())
    }

    /// A layer, before one of whose mean is `pool` times the true one.
    fn layer(&mut self, layer: &LayerSpec, input: &Shape, flow: Flow, pool: f32) -> Result<()> {
        match layer.lower(flow, input) {
            Lowered::Product(linear) => {
                let mean = std::mem::replace(&mut self.mean, 1.0);
                self.product(&linear, mean * pool);
            }
            Lowered::Norm(norm) if matches!(norm.over, Over::Row) => self.row_norm(),
            Lowered::Sums(..) => {
                if !matches!(flow, Flow::Product { .. }) {
                    self.mean *= ratio(layer, flow, input);
                }
                self.windows(layer)?;
                self.image = layer.output(input).ok().and_then(|output| output.axes().try_into().ok());
            }
            Lowered::Dropout(_) => {}
            Lowered::Block(projection) => self.block(layer, projection, input)?,
            Lowered::Activation(_) | Lowered::Nothing => self.activation(layer, input)?,
            Lowered::Norm(_) => return Err(not_in_onnx(layer)),
        }
        Ok(())
    }

    fn product(&mut self, linear: &LinearSpec, factor: f32) {
        let (weight, bias) = self.parameters.next().expect("a checked model has its parameters");
        let bias = linear.bias.then_some(bias);
        match linear.conv {
            Some(conv) => self.convolution(conv, weight, bias, factor),
            None => {
                self.flatten();
                let weight = self.flattened.take().map_or_else(|| weight.clone(), |image| by_channel(weight, image));
                let weight = weight.mapv_into(|w| w * factor);
                let weight = self.graph.constant("weight", &[weight.nrows(), weight.ncols()], weight.iter());
                let bias = bias.map(|bias| self.graph.constant("bias", &[bias.len()], bias.iter()));
                self.graph.node("Gemm", &[&[weight], bias.as_slice()].concat(), &[]);
            }
        }
    }

    fn convolution(&mut self, conv: Conv, weight: &Array2<f32>, bias: Option<&Array1<f32>>, factor: f32) {
        let ([rows, columns], outputs) = (conv.window.kernel, conv.outputs);
        let weight = weight.mapv(|w| w * factor);
        let filter = weight.into_shape_with_order([rows, columns, conv.channels, outputs]);
        let filter = filter.expect("a filter has rows, columns and channels").permuted_axes([3, 2, 0, 1]);
        let filter = self.graph.constant("weight", &[outputs, conv.channels, rows, columns], filter.iter());
        let bias = bias.map(|bias| self.graph.constant("bias", &[bias.len()], bias.iter()));
        let padding = conv.window.padding.map(isize::unsigned_abs);
        let attributes = [
            Attribute::Ints("kernel_shape", vec![rows, columns]),
            Attribute::Ints("strides", conv.window.stride.to_vec()),
            Attribute::Ints("pads", [padding, padding].concat()),
        ];
        self.graph.node("Conv", &[&[filter], bias.as_slice()].concat(), &attributes);
        let [height, width] = conv.window.output(conv.image);
        self.image = Some([height, width, outputs]);
    }

    /// What has windows and no parameters.
    fn windows(&mut self, layer: &LayerSpec) -> Result<()> {
        if let Some(AveragePool { window, stride }) = layer.get() {
            self.graph.node("AveragePool", &[], &pool(*window, *stride));
        } else if layer.is::<GlobalAveragePool>() {
            self.graph.node("GlobalAveragePool", &[], &[]);
        } else if let Some(ZeroPadding { padding: [h, w] }) = layer.get() {
            let pads = self.graph.integers("pads", &[0, 0, *h, *w, 0, 0, *h, *w]);
            self.graph.node("Pad", &[pads], &[]);
        } else {
            return Err(not_in_onnx(layer));
        }
        Ok(())
    }

    /// A residual block: its body's layers, and the sum.
    fn block(&mut self, layer: &LayerSpec, projection: Option<LinearSpec>, input: &Shape) -> Result<()> {
        self.restore_order();
        let (from, image) = (self.graph.value(), self.image);
        self.layers(layer.body(), input, Flow::Operand)?;
        let (body, after) = (self.graph.value(), self.image);
        self.graph.continue_from(from);
        self.image = image;
        if let Some(projection) = projection {
            self.product(&projection, 1.0);
        }
        self.graph.node("Add", &[body], &[]);
        self.image = after;
        Ok(())
    }

    fn activation(&mut self, layer: &LayerSpec, input: &Shape) -> Result<()> {
        if layer.is::<Relu>() {
            self.graph.node("Relu", &[], &[]);
        } else if let Some(LeakyRelu { shift }) = layer.get() {
            let slope = (0..*shift).fold(1.0, |slope, _| slope / 2.0);
            self.graph.node("LeakyRelu", &[], &[Attribute::Float("alpha", slope)]);
        } else if layer.is::<Sigmoid>() {
            let pieces = [Attribute::Float("alpha", 0.25), Attribute::Float("beta", 0.5)];
            self.graph.node("HardSigmoid", &[], &pieces);
        } else if layer.is::<HardTanh>() {
            let ends = [-1.0, 1.0].map(|end| self.graph.constant("end", &[], [end].iter()));
            self.graph.node("Clip", &ends, &[]);
        } else if layer.is::<Square>() {
            let x = self.graph.value();
            self.graph.node("Mul", &[x], &[]);
        } else if let Some(MaxPool { window, stride, .. }) = layer.get() {
            self.graph.node("MaxPool", &[], &pool(*window, *stride));
            self.image = layer.output(input).ok().and_then(|output| output.axes().try_into().ok());
        } else if layer.is::<Flatten>() {
            self.flatten();
        } else {
            return Err(not_in_onnx(layer));
        }
        Ok(())
    }

    /// Layer normalization step by step: `LayerNormalization` adds to a variance, and does not bound it below.
    fn row_norm(&mut self) {
        let (gain, addend) = self.parameters.next().expect("a checked model has its parameters");
        let (axes, dims) = match self.image {
            Some([h, w, c]) => (vec![1, 2, 3], vec![1, c, h, w]),
            None => (vec![1], vec![1, gain.len()]),
        };
        let order = self.image.or(self.flattened);
        let by_channel = |row: Array2<f32>| order.map_or(row.clone(), |image| by_channel(&row.t().to_owned(), image));
        let gain = self.graph.constant("weight", &dims, by_channel(gain.clone()).iter());
        let addend = addend.clone().insert_axis(Axis(0));
        let addend = self.graph.constant("bias", &dims, by_channel(addend).iter());
        let least = self.graph.constant("least", &[], [LEAST_VARIANCE].iter());
        let axes = [Attribute::Ints("axes", axes)];
        let z = self.graph.value();
        self.graph.node("ReduceMean", &[], &axes);
        let mean = self.graph.value();
        self.graph.continue_from(z);
        self.graph.node("Sub", &[mean], &[]);
        let centred = self.graph.value();
        self.graph.node("Mul", std::slice::from_ref(&centred), &[]);
        self.graph.node("ReduceMean", &[], &axes);
        self.graph.node("Max", &[least], &[]);
        self.graph.node("Sqrt", &[], &[]);
        let deviation = self.graph.value();
        self.graph.continue_from(centred);
        self.graph.node("Div", &[deviation], &[]);
        self.graph.node("Mul", &[gain], &[]);
        self.graph.node("Add", &[addend], &[]);
    }

    /// Makes an image a row of its values, channel by channel.
    fn flatten(&mut self) {
        if let Some(image) = self.image.take() {
            self.graph.node("Flatten", &[], &[]);
            self.flattened = Some(image);
        }
    }

    /// Brings a row of an image's values into the order that ppdnn has, which a block's sum needs.
    fn restore_order(&mut self) {
        let Some([h, w, c]) = self.flattened.take().filter(|image| has_order(*image)) else { return };
        let shape = self.graph.integers("shape", &[0, c, h, w]);
        self.graph.node("Reshape", &[shape], &[]);
        self.graph.node("Transpose", &[], &[Attribute::Ints("perm", vec![0, 2, 3, 1])]);
        self.graph.node("Flatten", &[], &[]);
    }
}

fn pool(window: [usize; 2], stride: [usize; 2]) -> [Attribute; 2] {
    [Attribute::Ints("kernel_shape", window.to_vec()), Attribute::Ints("strides", stride.to_vec())]
}

/// Rows of a matrix, one for every value of an image with channels last, in the order of one with channels first.
fn by_channel(rows: &Array2<f32>, [h, w, c]: [usize; 3]) -> Array2<f32> {
    let columns = rows.ncols();
    let all = rows.as_standard_layout().into_shape_with_order([h * w, c, columns]).expect("a row for every value");
    let turned = all.permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
    turned.into_shape_with_order([rows.nrows(), columns]).expect("as many values as before")
}

/// Whether the two orders of an image's values differ.
fn has_order([h, w, c]: [usize; 3]) -> bool {
    c > 1 && (h > 1 || w > 1)
}

/// [`mean_ratio`] in single precision, as parameters are.
fn ratio(layer: &LayerSpec, flow: Flow, input: &Shape) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "a parameter has single precision")]
    let ratio = mean_ratio(layer, flow, input) as f32;
    ratio
}

fn not_in_onnx(layer: &LayerSpec) -> Error {
    Error::Usage(format!("the layer `{}` cannot be exported to ONNX; save the model as safetensors", layer.kind()))
}
