//! Layers by name, with the options that most networks have; the types of [`crate::nn::layers`] have all of them.
//!
//! ```
//! use ppdnn::layer::{conv2d, dense, flatten, max_pool, relu};
//! use ppdnn::Model;
//!
//! let layers = vec![conv2d(16, 5), max_pool(2), relu(), flatten(), dense(10)];
//! assert_eq!(Model::sequential([28, 28, 1], layers)?.classes(), 10);
//! # Ok::<(), ppdnn::Error>(())
//! ```

use crate::error::{Error, Result};
use crate::nn::layers::{
    AveragePool, BatchNorm, Conv2d, Dense, Dropout, Flatten, GlobalAveragePool, HardTanh, LayerNorm, LeakyRelu,
    MaxPool, PoolMethod, Relu, Residual, Sigmoid, Square, ZeroPadding,
};
use crate::nn::{Factor, Init, LayerSpec, Model, Task};
use crate::shape::Shape;

/// `y = x w + b` with `outputs` columns.
pub fn dense(outputs: usize) -> LayerSpec {
    Dense { outputs, bias: true }.into()
}

/// A convolution with a square kernel and a bias: stride 1, no padding.
pub fn conv2d(channels: usize, kernel: usize) -> LayerSpec {
    conv2d_with(channels, [kernel; 2], 1, 0)
}

/// The same with a kernel of rows and columns, a stride, and zeros on every side.
pub fn conv2d_with(channels: usize, kernel: [usize; 2], stride: usize, padding: usize) -> LayerSpec {
    Conv2d { channels, kernel, stride: [stride; 2], padding: [padding; 2], bias: true }.into()
}

/// The largest value of every square window; windows do not overlap.
pub fn max_pool(window: usize) -> LayerSpec {
    MaxPool { window: [window; 2], stride: [window; 2], method: PoolMethod::Tree }.into()
}

/// The mean of every square window; windows do not overlap.
pub fn average_pool(window: usize) -> LayerSpec {
    AveragePool { window: [window; 2], stride: [window; 2] }.into()
}

/// The mean of every channel.
pub fn global_average_pool() -> LayerSpec {
    GlobalAveragePool.into()
}

/// Zeros on every side of an image.
pub fn zero_padding(padding: usize) -> LayerSpec {
    ZeroPadding { padding: [padding; 2] }.into()
}

/// An image as one row.
pub fn flatten() -> LayerSpec {
    Flatten.into()
}

/// `max(x, 0)`.
pub fn relu() -> LayerSpec {
    Relu.into()
}

/// The sigmoid in three linear pieces.
pub fn sigmoid() -> LayerSpec {
    Sigmoid.into()
}

/// `x` if it is not negative, else `2^-shift x`, for shifts from 1 to 7; 7 stands for the usual slope of 0.01.
pub fn leaky_relu(shift: u32) -> LayerSpec {
    LeakyRelu { shift }.into()
}

/// `x` cut to -1 .. 1.
pub fn hard_tanh() -> LayerSpec {
    HardTanh.into()
}

/// `x^2`.
pub fn square() -> LayerSpec {
    Square.into()
}

/// Batch normalization of the `dense` or `conv2d` right before it; the running statistics take 1/8 of each batch. The model that
/// comes out has it in the weights.
///
/// ```
/// use ppdnn::layer::{batch_norm, dense, relu};
/// use ppdnn::ndarray::Array2;
/// use ppdnn::{Data, Model, Training};
///
/// let points = Array2::from_shape_fn((240, 2), |(row, axis)| (row as f32 * [0.755, 0.57][axis]).fract());
/// let classes = points.rows().into_iter().map(|p| u32::from(p[0] > p[1])).collect();
/// let data = Data::new(points, classes, 2)?;
///
/// let model = Model::sequential(2, vec![dense(8), batch_norm(), relu(), dense(2)])?;
/// let outcome = Training::new(model).epochs(6).batch(40).learning_rate(0.25).run(&data, &data, |_| ())?;
/// let trained = outcome.model.expect("the model is revealed by default");
/// assert_eq!(trained.model.layers().len(), 3);
/// assert!(trained.score(&data)? > 0.8);
/// # Ok::<(), ppdnn::Error>(())
/// ```
pub fn batch_norm() -> LayerSpec {
    BatchNorm { momentum: 3 }.into()
}

/// Layer normalization of the `dense` or `conv2d` right before it.
pub fn layer_norm() -> LayerSpec {
    LayerNorm.into()
}

/// Dropout: sets this fraction of the values to 0 in training, and scales the others by `1 / (1 - rate)`.
///
/// # Errors
/// [`Error::Usage`] if the rate is not from 0 to 0.95.
pub fn dropout(rate: f64) -> Result<LayerSpec> {
    match (0.0..=0.95).contains(&rate) {
        true => Ok(Dropout { factor: Factor::kept(rate) }.into()),
        false => Err(Error::Usage(format!("the dropout rate must be from 0 to 0.95; it is {rate}"))),
    }
}

/// Layers whose output is added to their input, which has its shape.
pub fn residual(body: Vec<LayerSpec>) -> LayerSpec {
    Residual { body, projection: false }.into()
}

/// Layers whose output is added to a product of their input, of the output's shape.
pub fn projected_residual(body: Vec<LayerSpec>) -> LayerSpec {
    Residual { body, projection: true }.into()
}

impl Model {
    /// A network of layers for classification, for examples of a shape, `[features]` or `[height, width, channels]`, whose classes
    /// are the outputs of the last layer: softmax cross-entropy, Glorot initialization. One output is for two classes: sigmoid
    /// cross-entropy. [`Model::with_task`] makes it a network for several labels, or for regression.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the first layer that does not fit the one before it or the examples.
    pub fn sequential(input: impl Into<Shape>, layers: Vec<LayerSpec>) -> Result<Self> {
        let Some(Dense { outputs, .. }) = layers.last().and_then(LayerSpec::get) else {
            return Err(Error::Usage("the last layer must be dense, with one output per class".into()));
        };
        let outputs = *outputs;
        Self::new("network", input, layers, outputs, Task::Classification.losses(outputs)[0], Init::Glorot)
    }
}
