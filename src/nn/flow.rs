//! What flows between layers, and so which layer may follow which.

/// What a layer gets from those before it, and gives to those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// An operand of products: before the first layer, or behind an activation.
    Operand,
    /// The same behind the ReLU of images, which a max pool may still follow.
    Rectified,
    /// A public linear map of an operand, which products take.
    Folded,
    /// A product, a share at twice the scale.
    Product {
        /// Of images.
        images: bool,
    },
    /// A product that is normalized.
    Normalized {
        /// Of images.
        images: bool,
    },
    /// An average pool of a product.
    Average,
    /// A max pool of a product.
    Max,
    /// A residual block's sum, which is like a product.
    Sum {
        /// Of images.
        images: bool,
    },
}

impl Flow {
    /// Behind a product with parameters.
    ///
    /// # Errors
    /// A message if it does not follow an operand: what to put there.
    pub fn product(self, images: bool) -> Result<Self, String> {
        match self {
            Self::Operand | Self::Rectified | Self::Folded => Ok(Self::Product { images }),
            _ => Err("put an activation (relu, sigmoid) between it and the layer before it".into()),
        }
    }

    /// Behind an activation: a function of every value of a product.
    ///
    /// # Errors
    /// A message if it does not follow a product: what to put there.
    pub fn activation(self) -> Result<Self, String> {
        match self {
            Self::Product { .. } | Self::Normalized { .. } | Self::Sum { .. } | Self::Average => Ok(Self::Operand),
            Self::Max => Err("a max pool can only be combined with relu; use relu here".into()),
            _ => Err("an activation follows a dense or conv2d layer; put one before it".into()),
        }
    }

    /// Behind a mean over windows of images, before a product or behind it.
    ///
    /// # Errors
    /// A message if it follows neither: what to put there.
    pub fn average(self) -> Result<Self, String> {
        match self {
            Self::Product { images: true } => Ok(Self::Average),
            Self::Operand | Self::Rectified | Self::Folded => Ok(Self::Folded),
            Self::Normalized { .. } => {
                Err("put the average pool behind the activation, or before the normalization".into())
            }
            _ => Err("an average pool follows a conv2d or an activation; put one before it".into()),
        }
    }

    /// Behind the normalization of a product.
    ///
    /// # Errors
    /// A message if it does not follow a product: what to put there.
    pub fn normalization(self) -> Result<Self, String> {
        match self {
            Self::Product { images } => Ok(Self::Normalized { images }),
            _ => Err("a normalization follows a dense or conv2d layer; put one right before it".into()),
        }
    }

    /// Behind a public linear map of an operand.
    ///
    /// # Errors
    /// A message if it does not follow an operand: what to put there.
    pub fn fold(self) -> Result<Self, String> {
        match self {
            Self::Operand | Self::Rectified | Self::Folded => Ok(Self::Folded),
            _ => Err("it must start the network or follow an activation; put one before it".into()),
        }
    }

    /// Whether a residual block's body may end here.
    pub(crate) fn is_product(self) -> bool {
        matches!(self, Self::Product { .. } | Self::Normalized { .. } | Self::Average)
    }
}
