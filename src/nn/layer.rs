//! Kinds of layers: what each does to a shape, which parameters it has, what it costs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::shape::Shape;

/// One layer, without what follows from its input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerSpec {
    /// `y = x w + b`, x `[n, inputs]`, y `[n, outputs]`.
    Dense {
        /// Columns of the output.
        outputs: usize,
        /// Whether there is a `b`.
        bias: bool,
    },
    /// `max(x, 0)`.
    Relu,
    /// `x / 4 + 1/2` cut to `0 ..= 1`: the sigmoid in three pieces.
    Sigmoid,
}

impl LayerSpec {
    /// Its kind, as model files name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dense { .. } => "dense",
            Self::Relu => "relu",
            Self::Sigmoid => "sigmoid",
        }
    }

    /// Whether it is made of products with parameters, which activations follow.
    pub fn is_product(&self) -> bool {
        matches!(self, Self::Dense { .. })
    }

    /// The shape of an example behind the layer, from the shape before it.
    ///
    /// # Errors
    /// What is wrong with the shape, and what would fit.
    pub fn output(&self, input: &Shape) -> Result<Shape, String> {
        match (self, input.axes()) {
            (Self::Dense { outputs: 0, .. }, _) => Err("`outputs` has to be at least 1".into()),
            (Self::Dense { .. }, [0]) => Err("a dense layer takes rows of at least one column".into()),
            (Self::Dense { outputs, .. }, [_]) => Ok(Shape::from([*outputs])),
            (Self::Dense { .. }, axes) => {
                let columns = axes.iter().try_fold(1usize, |n, axis| n.checked_mul(*axis));
                let columns = columns.map_or("columns".into(), |n| n.to_string());
                Err(format!("a dense layer takes rows; [batch, {columns}] fits"))
            }
            (Self::Relu | Self::Sigmoid, _) => Ok(input.clone()),
        }
    }

    /// Shapes of its parameters for a shape that [`LayerSpec::output`] takes.
    pub fn parameters(&self, input: &Shape) -> Vec<Shape> {
        match self {
            Self::Dense { outputs, bias } => {
                let weight = Shape::from([input.len(), *outputs]);
                std::iter::once(weight).chain(bias.then(|| Shape::from([*outputs]))).collect()
            }
            Self::Relu | Self::Sigmoid => Vec::new(),
        }
    }

    /// Multiplications and additions of a forward pass of one example, for a shape that [`LayerSpec::output`] takes.
    pub fn macs(&self, input: &Shape) -> u64 {
        match self {
            Self::Dense { outputs, .. } => (input.len() as u64).saturating_mul(*outputs as u64),
            Self::Relu | Self::Sigmoid => 0,
        }
    }
}

impl fmt::Display for LayerSpec {
    /// What a list of layers calls it: the columns of a dense layer, the kind of an activation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense { outputs, .. } => write!(f, "{outputs}"),
            Self::Relu | Self::Sigmoid => f.write_str(self.kind()),
        }
    }
}
