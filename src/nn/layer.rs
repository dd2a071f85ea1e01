//! What a layer is, and a layer of any kind.

use std::any::{Any, TypeId};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::nn::lowered::Lowered;
use crate::nn::{Flow, LineError, TomlTable};
use crate::shape::Shape;

/// A layer, independent of its input's shape: what it accepts and returns, its parameters, and what it compiles to.
///
/// A kind of layer is a type with this trait and [`Named`], and a row in [`crate::nn::layers`]; a program registers its own kinds
/// with [`crate::nn::register`]. Images are `[height, width, channels]`.
pub trait Layer: Any + fmt::Debug + Send + Sync {
    /// The kind of value behind the layer, from the kind before it.
    ///
    /// # Errors
    /// A message if the layer cannot be there: why, and what would fit.
    fn follow(&self, before: Flow) -> Result<Flow, String>;

    /// The shape of an example behind the layer, from the shape before it; the same unless a layer overrides it.
    ///
    /// # Errors
    /// A message if the layer does not accept the shape: why, and what would fit.
    fn output(&self, input: &Shape) -> Result<Shape, String> {
        Ok(input.clone())
    }

    /// What the layer compiles to, at a place and for a shape that it accepts.
    fn lower(&self, before: Flow, input: &Shape) -> Lowered;

    /// Its parameters, for a shape that it accepts.
    fn parameters(&self, _input: &Shape) -> Vec<ParameterSpec> {
        Vec::new()
    }

    /// Multiply-accumulate operations of a forward pass of one example, for a shape that it accepts; for a convolution, without
    /// a pool that is folded into it.
    fn macs(&self, _input: &Shape) -> u64 {
        0
    }

    /// Whether it is a product with parameters, which activations follow. In a file, it may have the key `inputs`.
    fn is_product(&self) -> bool {
        false
    }

    /// The same layer with a bias, if it can have one: when a model is saved, a batch normalization behind the layer is folded
    /// into its weight and bias.
    fn with_bias(&self) -> Option<LayerSpec> {
        None
    }

    /// Whether it takes images only, rather than any row of values.
    fn takes_images(&self) -> bool {
        false
    }

    /// The layers that it is made of, for a block.
    fn body(&self) -> &[LayerSpec] {
        &[]
    }

    /// The fraction of a batch's rows that reaches a unit behind it in training, on average; below 1 for dropout.
    fn kept(&self) -> f64 {
        1.0
    }

    /// Its part of a network's sizes, such as `128`, `20c5x5`, `max2x2`; empty for layers that are not listed.
    fn size(&self) -> String {
        String::new()
    }
}

/// The name of a kind of layer, and how it is read from a file. Jobs and model files contain its serde representation.
pub trait Named: Layer + Clone + Eq + Serialize + DeserializeOwned {
    /// Its name in files: lower-case letters and digits, with `-` between words.
    const NAME: &'static str;

    /// Reads a layer of the kind from its section of a file. `classes`, for the last layer, is the number of classes of the data.
    ///
    /// # Errors
    /// The line and the reason, if an entry is invalid or missing.
    fn read(table: &mut TomlTable<'_>, classes: Option<usize>) -> Result<Self, LineError>;
}

/// A parameter of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Its name in the layer, such as `weight`.
    pub name: &'static str,
    /// Its shape.
    pub shape: Shape,
    /// Whether it is a running statistic: gradients do not move it.
    pub statistic: bool,
}

impl ParameterSpec {
    /// A weight `[inputs, outputs]`, or a filter `[kernel rows kernel columns channels, outputs]`; and a bias.
    pub fn weight_and_bias(weight: [usize; 2], bias: bool) -> Vec<Self> {
        let weight_spec = Self { name: "weight", shape: Shape::from(weight), statistic: false };
        let bias = bias.then(|| Self { name: "bias", shape: Shape::from([weight[1]]), statistic: false });
        std::iter::once(weight_spec).chain(bias).collect()
    }
}

/// A layer of any kind.
#[derive(Clone)]
pub struct LayerSpec {
    layer: Arc<dyn Layer>,
    kind: &'static LayerKind,
}

impl<L: Named> From<L> for LayerSpec {
    fn from(layer: L) -> Self {
        Self { layer: Arc::new(layer), kind: const { &LayerKind::of::<L>() } }
    }
}

impl LayerSpec {
    /// Its kind, as files name it.
    pub fn kind(&self) -> &'static str {
        self.kind.name()
    }

    /// The layer, where it is of this type.
    pub fn get<L: Layer>(&self) -> Option<&L> {
        let any: &dyn Any = &*self.layer;
        any.downcast_ref()
    }

    /// Whether it is of this type.
    pub fn is<L: Layer>(&self) -> bool {
        self.get::<L>().is_some()
    }

    /// Values of the largest operand or output in the layer, for a shape that it takes.
    pub(crate) fn widest(&self, input: &Shape) -> usize {
        let mut most = input.len();
        walk(self.body(), input, |layer, input| most = most.max(layer.widest(input)));
        self.output(input).map_or(most, |output| most.max(output.len()))
    }

    /// Its row.
    pub(super) fn row(&self) -> &'static LayerKind {
        self.kind
    }

    /// A layer with a row that is not its type's own: of an unknown kind.
    pub(super) fn with_row(layer: impl Layer, kind: &'static LayerKind) -> Self {
        Self { layer: Arc::new(layer), kind }
    }
}

impl Deref for LayerSpec {
    type Target = dyn Layer;

    fn deref(&self) -> &Self::Target {
        &*self.layer
    }
}

impl fmt::Debug for LayerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.layer.fmt(f)
    }
}

impl fmt::Display for LayerSpec {
    /// [`Layer::size`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.layer.size())
    }
}

impl PartialEq for LayerSpec {
    fn eq(&self, other: &Self) -> bool {
        (self.kind.equal)(&*self.layer, &*other.layer)
    }
}

impl Eq for LayerSpec {}

/// A kind of layer, by the name of its type of layers: how one is read, written and compared.
pub struct LayerKind {
    pub(super) name: &'static str,
    pub(super) id: fn() -> TypeId,
    pub(super) read: fn(&mut TomlTable<'_>, Option<usize>) -> Result<LayerSpec, LineError>,
    pub(super) from_json: fn(Value) -> serde_json::Result<LayerSpec>,
    pub(super) to_json: fn(&dyn Any) -> serde_json::Result<Box<RawValue>>,
    pub(super) from_bytes: fn(&[u8]) -> postcard::Result<LayerSpec>,
    pub(super) to_bytes: fn(&dyn Any) -> postcard::Result<Vec<u8>>,
    pub(super) equal: fn(&dyn Any, &dyn Any) -> bool,
    /// Whether layers of the kind are all the same.
    pub(super) plain: bool,
}

impl LayerKind {
    /// The row of a type of layers.
    pub const fn of<L: Named>() -> Self {
        fn this<L: Named>(layer: &dyn Any) -> &L {
            layer.downcast_ref().expect("a layer has the row of its type")
        }
        Self {
            name: L::NAME,
            id: TypeId::of::<L>,
            read: |table, classes| L::read(table, classes).map(LayerSpec::from),
            from_json: |value| serde_json::from_value::<L>(value).map(LayerSpec::from),
            to_json: |layer| to_raw_value(this::<L>(layer)),
            from_bytes: |bytes| match postcard::take_from_bytes::<L>(bytes)? {
                (layer, []) => Ok(layer.into()),
                _ => Err(postcard::Error::DeserializeBadEncoding),
            },
            to_bytes: |layer| postcard::to_stdvec(this::<L>(layer)),
            equal: |a, b| a.downcast_ref::<L>().is_some_and(|a| b.downcast_ref() == Some(a)),
            plain: size_of::<L>() == 0,
        }
    }

    /// Its name in files.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its name in saved models, which name types: `MaxPool` for `max-pool`.
    pub(super) fn type_name(&self) -> String {
        let word = |word: &str| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
        };
        self.name.split('-').map(word).collect::<Vec<String>>().concat()
    }
}

impl fmt::Debug for LayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kind").field(&self.name).finish()
    }
}

/// Calls `f` with every layer and its input; returns the output of the last.
pub(crate) fn walk<'a>(layers: &'a [LayerSpec], input: &Shape, mut f: impl FnMut(&'a LayerSpec, &Shape)) -> Shape {
    layers.iter().fold(input.clone(), |input, layer| {
        f(layer, &input);
        layer.output(&input).expect("a checked model's layers fit")
    })
}
