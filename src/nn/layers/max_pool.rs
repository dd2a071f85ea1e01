//! Max pools.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::gates::{Engine, ImageWindows, OpenRequest};
use crate::nn::inference::pool;
use crate::nn::layer::{Layer, Named};
use crate::nn::layers::windows;
use crate::nn::lowered::Lowered;
use crate::nn::range_check::{RangeWatch, compared, whole};
use crate::nn::{Activation, Flow, LineError, Module, TomlTable};
use crate::shape::Shape;

/// How the largest of a window is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoolMethod {
    /// Pair by pair, in as many levels as it takes: fewer comparisons.
    Tree,
    /// All pairs at once: fewer rounds.
    OneShot,
}

impl PoolMethod {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::OneShot => "one-shot",
        }
    }
}

/// The largest of windows of images, by channel; with a ReLU before it or behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaxPool {
    /// Rows and columns of a window.
    pub window: [usize; 2],
    /// Distance of neighbouring windows.
    pub stride: [usize; 2],
    /// How the largest is found.
    pub method: PoolMethod,
}

impl Layer for MaxPool {
    fn follow(&self, before: Flow) -> std::result::Result<Flow, String> {
        match before {
            Flow::Product { images: true } | Flow::Normalized { images: true } | Flow::Sum { images: true } => {
                Ok(Flow::Max)
            }
            Flow::Rectified => Ok(Flow::Operand),
            _ => Err("a max pool follows a conv2d, before or behind its relu; put it there".into()),
        }
    }

    fn output(&self, input: &Shape) -> std::result::Result<Shape, String> {
        let most = match self.method {
            PoolMethod::Tree => MOST_IN_TREE,
            PoolMethod::OneShot => MOST_AT_ONCE,
        };
        windows::pooled(Self::NAME, input, self.window, self.stride, most)
    }

    fn lower(&self, _: Flow, input: &Shape) -> Lowered {
        let boxes = windows::boxes(input, self.window, self.stride);
        Lowered::Activation(Pooled { boxes, method: self.method }.into())
    }

    fn takes_images(&self) -> bool {
        true
    }

    fn size(&self) -> String {
        let [h, w] = self.window;
        format!("max{h}x{w}")
    }
}

impl Named for MaxPool {
    const NAME: &'static str = "max-pool";

    fn read(table: &mut TomlTable<'_>, _: Option<usize>) -> std::result::Result<Self, LineError> {
        let methods = [PoolMethod::Tree, PoolMethod::OneShot].map(|method| (method.name(), method));
        let method = table.word("method", &methods)?.unwrap_or(PoolMethod::Tree);
        let (window, stride) = windows::read(table)?;
        Ok(Self { window, stride, method })
    }
}

/// A max pool of images of a shape, with ReLU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pooled {
    /// The windows, none of which is on padding.
    pub(crate) boxes: ImageWindows,
    /// How the largest is found.
    pub(crate) method: PoolMethod,
}

impl Activation for Pooled {
    fn name(&self) -> &'static str {
        "pool"
    }

    /// Values are compared with each other, and the largest with 0.
    fn looks(&self) -> [usize; 2] {
        [2, 1]
    }

    fn reference(&self, z: Array2<f32>) -> Array2<f32> {
        pool(&z, self.boxes, 0.0, f32::max)
    }

    fn module<E: Engine>(&self) -> Box<dyn Module<E>> {
        Box::new(Pool { boxes: self.boxes, method: self.method, won: Vec::new() })
    }
}

/// `y = max(max over a window of z, 0)`, from a product's share to an opened wire.
///
/// By [`PoolMethod::Tree`], in each of whose levels half of the candidates go on: 4 + 3 log2(taps) rounds; or by
/// [`PoolMethod::OneShot`], which compares all pairs: 5 rounds. 2 back. Backward: `dz` at the winner is `[y >= 0] dy`. Keeps an
/// opened bit for every candidate that says both (protocols.md 3.3). Ties go to the candidate that comes first in a pair.
struct Pool<E: Engine> {
    boxes: ImageWindows,
    method: PoolMethod,
    won: Vec<E::Selectors>,
}

impl<E: Engine> Pool<E> {
    /// Pair by pair: of an odd number of candidates, the last goes on as it is.
    fn tree(
        &mut self,
        e: &mut E,
        taps: Vec<E::Wire>,
        way_back: bool,
        watch: Option<&mut RangeWatch<E>>,
    ) -> Result<E::Wire> {
        let p = *e.profile();
        let (count, mut left) = (taps.len(), taps);
        let mut levels: Vec<Vec<E::MaskedBits>> = Vec::new();
        while left.len() > 1 {
            let (a, b) = left.split_at(left.len() / 2);
            let pairs: Vec<_> = a.iter().zip(b).collect();
            let c = e.larger_all(&pairs, p.window)?;
            let c = e.open_bits_all(&c.iter().collect::<Vec<_>>())?;
            let mut picked = Vec::new();
            for (c, (a, b)) in c.iter().zip(pairs) {
                picked.push(e.pick(c, a, b)?);
            }
            let odd = b.get(a.len()).cloned();
            left = e.open_all(&picked.iter().map(OpenRequest::picked).collect::<Vec<_>>())?;
            left.extend(odd);
            levels.push(c);
        }
        let y = left.pop().expect("a window has values");
        watch.map_or(Ok(()), |watch| watch.see(e, &y, compared(&p, &y)))?;
        let [sign] = e.sign([(&y, p.window)])?;
        let [sign] = e.open_selectors([&sign])?;
        let y = e.select(&sign, &y)?;
        let y = OpenRequest::operand(&y, &p);
        if !way_back {
            let [y] = e.open([y])?;
            return Ok(y);
        }
        let sign = E::bits_of(&sign);
        let mut won = Vec::new();
        for tap in 0..count {
            // the bits on a candidate's way up: of every level the pair it is in, complemented where it is the second
            let mut way = vec![(&sign, false)];
            let mut at = tap;
            for level in &levels {
                let pairs = level.len();
                if at < 2 * pairs {
                    way.push((&level[at % pairs], at >= pairs));
                    at %= pairs;
                } else {
                    at = pairs;
                }
            }
            won.push(e.and(&way)?);
        }
        let ([y], won) = e.open_with_selectors([y], &won.iter().collect::<Vec<_>>())?;
        self.won = won;
        Ok(y)
    }

    /// All pairs, and all signs, at once.
    fn one_shot(&mut self, e: &mut E, taps: &[E::Wire], watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
        let p = *e.profile();
        watch.map_or(Ok(()), |watch| watch.see(e, &taps[0], compared(&p, &taps[0])))?;
        let pairs: Vec<_> = (0..taps.len()).flat_map(|i| (i + 1..taps.len()).map(move |j| (i, j))).collect();
        let wires: Vec<_> = pairs.iter().map(|(i, j)| (&taps[*i], &taps[*j])).collect();
        let (order, signs) = e.compare_batch(&wires, &taps.iter().collect::<Vec<_>>(), p.window)?;
        let bits = e.open_bits_all(&order.iter().chain(&signs).collect::<Vec<_>>())?;
        let (order, signs) = bits.split_at(order.len());
        let mut won = Vec::new();
        for (tap, sign) in signs.iter().enumerate() {
            let beats = |((i, j), c): (&(usize, usize), _)| (*i == tap || *j == tap).then_some((c, *j == tap));
            let all: Vec<_> = pairs.iter().zip(order).filter_map(beats).chain([(sign, false)]).collect();
            won.push(e.and(&all)?);
        }
        self.won = e.open_selectors_all(&won.iter().collect::<Vec<_>>())?;
        let mut y: Option<E::Share> = None;
        for (won, tap) in self.won.iter().zip(taps) {
            let tap = e.select(won, tap)?;
            y = Some(match y {
                Some(sum) => e.add(&sum, &tap)?,
                None => tap,
            });
        }
        let y = y.expect("a window has values");
        let [y] = e.open([OpenRequest::operand(&y, &p)])?;
        Ok(y)
    }
}

impl<E: Engine> Module<E> for Pool<E> {
    fn forward(
        &mut self,
        e: &mut E,
        z: &E::Share,
        training: bool,
        mut watch: Option<&mut RangeWatch<E>>,
    ) -> Result<E::Wire> {
        let p = *e.profile();
        let [z] = e.open([OpenRequest::product(z, &p)])?;
        let mut taps = Vec::new();
        for tap in self.boxes.taps() {
            taps.push(e.box_sum(&z, tap)?);
        }
        if let Some(watch) = watch.as_deref_mut() {
            watch.see_two(e, &taps, compared(&p, &z))?;
        }
        match self.method {
            PoolMethod::Tree => self.tree(e, taps, training, watch),
            PoolMethod::OneShot => self.one_shot(e, &taps, watch),
        }
    }

    fn backward(&mut self, e: &mut E, dy: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
        let p = *e.profile();
        let [dy] = e.open([OpenRequest::product(dy, &p)])?;
        watch.map_or(Ok(()), |watch| watch.see(e, &dy, whole(&dy)))?;
        let mut dz: Option<E::Share> = None;
        for (won, tap) in self.won.drain(..).zip(self.boxes.taps()) {
            let at_tap = e.select(&won, &dy)?;
            let spread = e.box_sum_share(&at_tap, tap.transposed())?;
            dz = Some(match dz {
                Some(sum) => e.add(&sum, &spread)?,
                None => spread,
            });
        }
        let dz = dz.expect("a forward pass with a way back comes before the backward pass");
        let [dz] = e.open([OpenRequest::operand(&dz, &p)])?;
        Ok(dz)
    }
}

/// Values of a window whose largest is found pair by pair.
const MOST_IN_TREE: usize = 64;
/// The same where all pairs are compared at once: every value's bit is the AND of as many, and that deals a bit for every set of
/// them.
const MOST_AT_ONCE: usize = 6;
