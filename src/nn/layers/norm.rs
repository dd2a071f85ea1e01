//! Batch and layer normalization.

use ndarray::{Array1, Array2};

use crate::error::Result;
use crate::fixed::{MASTER_FRAC, Profile};
use crate::gates::{Bilinear, Chunks, Engine, ImageWindows, OpenRequest, Scaling};
use crate::nn::inverse_sqrt::{LEAST_VARIANCE, inverse_sqrt};
use crate::nn::operand::operand;
use crate::nn::{Parameter, ParameterSpec, RangeWatch};
use crate::party::Scaled;
use crate::shape::Shape;

/// Normalization of a product, and what it has of parameters: a factor and an addend of every column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormSpec {
    /// What is normalized by itself.
    pub(crate) over: Over,
    /// Columns that have a factor and an addend: channels of images, or features.
    pub(crate) columns: usize,
}

/// Over which values mean and variance are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Over a batch and all positions, of every channel; running ones serve for evaluation. A batch has the part
    /// `2^-momentum` in them.
    Batch {
        /// The power of two.
        momentum: u32,
    },
    /// Over a row, of every row.
    Row,
}

impl NormSpec {
    /// Its name in reports and model files.
    pub(crate) fn name(&self) -> &'static str {
        match self.over {
            Over::Batch { .. } => "batch-norm",
            Over::Row => "layer-norm",
        }
    }

    /// The parameters, all of one number a column: those that are trained, and the running statistics.
    pub(crate) fn parameters(&self) -> Vec<ParameterSpec> {
        let of = |name, statistic| ParameterSpec { name, shape: Shape::from([self.columns]), statistic };
        let mut all = vec![of("weight", false), of("bias", false)];
        if matches!(self.over, Over::Batch { .. }) {
            all.extend([of("running_mean", true), of("running_var", true)]);
        }
        all
    }

    /// What the parameters begin with, in that order.
    pub(crate) fn initial(&self) -> impl Iterator<Item = f64> {
        [1.0, 0.0, 0.0, 1.0].into_iter().take(self.parameters().len())
    }

    /// Layer normalization of rows in single precision.
    pub(crate) fn reference(&self, mut z: Array2<f32>, weight: &Array1<f32>, bias: &Array1<f32>) -> Array2<f32> {
        for mut row in z.rows_mut() {
            let mean = row.mean().unwrap_or(0.0);
            let variance = row.mapv(|z| (z - mean).powi(2)).mean().unwrap_or(0.0);
            let root = 1.0 / variance.max(LEAST_VARIANCE).sqrt();
            row.zip_mut_with(weight, |z, w| *z = (*z - mean) * root * w);
            row += bias;
        }
        z
    }

    /// How many wires a [`RangeWatch`] sees, forward and back.
    pub(crate) fn looks(&self) -> [usize; 2] {
        match self.over {
            Over::Batch { .. } => [3, 1],
            Over::Row => [3, 2],
        }
    }

    /// The groups of a product's values that are normalized by themselves.
    fn groups(&self, product: &Shape) -> Groups {
        let (columns, len) = (self.columns, product.len());
        match self.over {
            Over::Batch { .. } => Groups { cols: columns, all: len / columns, part: PART, step: 1, row: None },
            Over::Row => {
                let row = ImageWindows::pool([columns, 1], 1, [columns, 1], [1, 1]);
                Groups { cols: 1, all: columns, part: columns, step: columns, row: Some(row) }
            }
        }
    }
}

/// Values of a channel whose squares add up within the ring, for variances below 128.
const PART: usize = 128;

/// Values that are normalized together: a mean, a variance and a factor for each group.
struct Groups {
    /// Groups that lie side by side.
    cols: usize,
    /// Values of a group.
    all: usize,
    /// Values of a group that are added up at once.
    part: usize,
    /// Consecutive values of one group.
    step: usize,
    /// Where every row is a group, its sum.
    row: Option<ImageWindows>,
}

impl Groups {
    /// The sums that a group's sum is made of.
    fn parts(&self) -> Chunks {
        Chunks { cols: self.cols, chunk: self.part }
    }

    /// Whole sums.
    fn whole(&self) -> Chunks {
        Chunks { cols: self.cols, chunk: self.all }
    }

    /// How values are multiplied with their group's factor.
    fn scale(&self) -> Bilinear {
        Bilinear::Scale { step: self.step }
    }

    /// The mean of every group, times `2^-over`, from sums of its parts.
    fn mean<'a, S: Scaled>(&self, share: &'a S, what: &'static str, over: u32) -> Scaling<'a, S> {
        // what is left of the ring for the cut
        let most = (share.bits() + MASTER_FRAC).saturating_sub(1 + share.frac() + over);
        let (times, shift) = inverse(self.all, most);
        Scaling { share, what, scale: 1, over: shift + over.cast_signed(), times }
    }

    /// What is left to be added up of the groups' means.
    fn added<E: Engine>(&self, e: &mut E, parts: E::Share) -> Result<E::Share> {
        let rows = parts.shape().len() / self.cols;
        if self.row.is_some() || rows == 1 {
            return Ok(parts);
        }
        e.sum_chunks(&parts, Chunks { cols: self.cols, chunk: rows })
    }

    /// `x` less a number of its group.
    fn subtract<E: Engine>(&self, e: &mut E, x: &E::Share, number: &E::Share) -> Result<E::Share> {
        match self.row {
            Some(row) => {
                let spread = e.box_sum_share(number, row.transposed())?;
                e.subtract(x, &spread)
            }
            None => {
                let minus = e.combine(number, number, -1, 0)?;
                e.add_row(x, &minus)
            }
        }
    }
}

/// `1 / n` as `times 2^-shift`: exact for a power of two, else within 2^-12 of itself, or as near as a shift of at most `most` goes.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 2^12")]
fn inverse(n: usize, most: u32) -> (u32, i32) {
    let shift = if n.is_power_of_two() { n.ilog2() } else { (n.ilog2() + 12).min(most.max(n.ilog2())) };
    ((f64::exp2(shift.into()) / n as f64).round() as u32, shift.cast_signed())
}

/// Mean and variance that evaluation uses, of `Z_2^64`.
#[derive(Clone)]
struct Running<S> {
    mean: S,
    variance: S,
}

/// `y = g x + b`, `x = (z - mean) / sqrt(variance)`, for a product `z`; shares of shape `[rows, values]`.
///
/// Forward, 13 rounds: mean, `z - mean` twice (cut, then as an operand), variance, its inverse root (7), `x` twice. What is done
/// for every value is two openings and two products; the rest is done once a group (protocols.md 3.8). Backward, with `dx = g dy`
/// and the factor `r = 1 / sqrt(variance)`: `dz = r (dx - mean(dx) - x mean(dx x))`. Keeps `x` and `r`.
pub(crate) struct Norm<E: Engine> {
    spec: NormSpec,
    weight: Parameter<E::Share>,
    bias: Parameter<E::Share>,
    running: Option<Running<E::Share>>,
    kept: Option<[E::Wire; 2]>,
}

impl<E: Engine> Norm<E> {
    /// A layer whose factors are the trainer's parameter number `index`; the others are the next.
    pub(crate) fn new(e: &mut E, index: usize, spec: NormSpec) -> Result<Self> {
        let shape = Shape::from([spec.columns]);
        let (weight, bias) = (Parameter::new(e, index, &shape)?, Parameter::new(e, index + 1, &shape)?);
        let running = match spec.over {
            Over::Batch { .. } => {
                Some(Running { mean: e.parameter(index + 2, &shape)?, variance: e.parameter(index + 3, &shape)? })
            }
            Over::Row => None,
        };
        Ok(Self { spec, weight, bias, running, kept: None })
    }

    /// `y` at twice the profile's scale; `weight` is the opened one. In training, of the batch's own mean and variance.
    pub(crate) fn forward(
        &mut self,
        e: &mut E,
        z: &E::Share,
        weight: &E::Wire,
        training: bool,
        mut watch: Option<&mut RangeWatch<E>>,
    ) -> Result<E::Share> {
        let groups = self.spec.groups(z.shape());
        let of_run = self.running.as_ref().filter(|_| !training).cloned();
        let mean = match &of_run {
            Some(of_run) => of_run.mean.clone(),
            None => {
                let sums = e.sum_chunks(z, groups.parts())?;
                self.statistic(e, &groups, &sums, "sum", |running| &mut running.mean)?
            }
        };
        let mean = at_scale(e, &mean, z.frac())?;
        let centred = groups.subtract(e, z, &mean)?;
        let centred = operand(e, &centred, watch.as_deref_mut())?;
        let variance = match of_run {
            Some(of_run) => of_run.variance,
            None => {
                let squares = e.product(&centred, &centred, Bilinear::Dot(groups.parts()))?;
                self.statistic(e, &groups, &squares, "sum of squares", |running| &mut running.variance)?
            }
        };
        let root = inverse_sqrt(e, &variance, watch.as_deref_mut())?;
        let x = e.product(&centred, &root, groups.scale())?;
        let x = operand(e, &x, watch)?;
        let y = e.product(&x, weight, Bilinear::Scale { step: 1 })?;
        let bias = e.narrow(&self.bias.value, y.frac())?;
        self.kept = training.then_some([x, root]);
        e.add_row(&y, &bias)
    }

    /// A mean of the groups from sums of their parts; it goes into the running one, where there is one, in the same round.
    fn statistic(
        &mut self,
        e: &mut E,
        groups: &Groups,
        sums: &E::Share,
        what: &'static str,
        of: impl Fn(&mut Running<E::Share>) -> &mut E::Share,
    ) -> Result<E::Share> {
        let mean = groups.mean(sums, what, 0);
        let (Over::Batch { momentum }, Some(running)) = (self.spec.over, &mut self.running) else {
            let mean = e.rescale(&[mean])?.remove(0);
            return groups.added(e, mean);
        };
        let running = of(running);
        let lost = Scaling { share: &*running, what: "running", scale: 1, over: momentum.cast_signed(), times: 1 };
        let list = e.rescale(&[mean, groups.mean(sums, what, momentum), lost])?;
        let [mean, gained, lost] =
            <[_; 3]>::try_from(list).unwrap_or_else(|_| unreachable!("rescale answers its list"));
        let gained = groups.added(e, gained)?;
        let kept = e.subtract(running, &lost)?;
        *running = e.add(&kept, &gained)?;
        groups.added(e, mean)
    }

    /// The gradients by factors and addends, and the one by `z`, an operand.
    pub(crate) fn backward(
        &mut self,
        e: &mut E,
        dy: &E::Wire,
        weight: &E::Wire,
        mut watch: Option<&mut RangeWatch<E>>,
    ) -> Result<([E::Share; 2], E::Wire)> {
        let p = *e.profile();
        let [x, root] = self.kept.take().expect("a forward pass comes before the backward pass");
        let groups = self.spec.groups(dy.shape());
        let columns = Chunks { cols: self.spec.columns, chunk: dy.shape().len() / self.spec.columns };
        let by_weight = e.product(dy, &x, Bilinear::Dot(columns))?;
        let by_bias = e.sum_rows(dy, self.spec.columns, 2 * p.frac)?;
        let dz = match self.spec.over {
            Over::Batch { .. } => {
                // the factor of a channel goes out of its sums: r g in place of r, dy in place of dx
                let factor = e.product(weight, &root, Bilinear::Scale { step: 1 })?;
                through(e, &groups, [dy, &x], Factor::Share(&factor), [&by_weight, &by_bias])?
            }
            Over::Row => {
                let dx = e.product(dy, weight, Bilinear::Scale { step: 1 })?;
                let dx = operand(e, &dx, watch.as_deref_mut())?;
                let products = e.product(&dx, &x, Bilinear::Dot(groups.whole()))?;
                let sums = e.share(&dx)?;
                let sums = e.sum_chunks(&sums, groups.whole())?;
                through(e, &groups, [&dx, &x], Factor::Wire(&root), [&products, &sums])?
            }
        };
        let dz = operand(e, &dz, watch)?;
        Ok(([by_weight, by_bias], dz))
    }

    /// The opened parameter: the factors.
    pub(crate) fn weight(&self) -> &Parameter<E::Share> {
        &self.weight
    }

    /// The values of all parameters, in the order of [`NormSpec::parameters`], and whether each is a running statistic.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&E::Share, bool)> {
        let running = self.running.iter().flat_map(|running| [&running.mean, &running.variance]);
        let trained = [&self.weight.value, &self.bias.value].into_iter().map(|value| (value, false));
        trained.chain(running.map(|value| (value, true)))
    }

    /// The running statistics, in order, to be replaced.
    pub(crate) fn statistics_mut(&mut self) -> impl Iterator<Item = &mut E::Share> {
        self.running.iter_mut().flat_map(|running| [&mut running.mean, &mut running.variance])
    }

    /// The parameters that are trained, in the order of [`Norm::backward`].
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Parameter<E::Share>> {
        [&self.weight, &self.bias].into_iter()
    }

    /// The same, to be moved.
    pub(crate) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter<E::Share>> {
        [&mut self.weight, &mut self.bias].into_iter()
    }

    /// Its name in reports.
    pub(crate) fn name(&self) -> &'static str {
        self.spec.name()
    }

    /// How many parameters it has.
    pub(crate) fn count(&self) -> usize {
        self.spec.parameters().len()
    }
}

/// The factor of every group: a product that is not open yet, or an operand.
enum Factor<'a, E: Engine> {
    Share(&'a E::Share),
    Wire(&'a E::Wire),
}

/// `a (dx - mean(dx) - x mean(dx x))` for the factors `a`, from `dx`, `x` and the sums of `dx x` and of `dx`.     4 rounds
///
/// What belongs to a group goes through `Z_2^64`: the means, `a mean(dx x)` and `a mean(dx)`.
fn through<E: Engine>(
    e: &mut E,
    groups: &Groups,
    [dx, x]: [&E::Wire; 2],
    factor: Factor<'_, E>,
    [products, sums]: [&E::Share; 2],
) -> Result<E::Share> {
    let p = *e.profile();
    let frac = p.frac + MORE;
    let mut list = vec![groups.mean(products, "gradient", 0), groups.mean(sums, "gradient", 0)];
    if let Factor::Share(share) = &factor {
        list.push(master(share));
    }
    let means = e.rescale(&list)?;
    let opened: Vec<_> = means.iter().map(|share| fine(share, frac, &p)).collect();
    let opened = e.open_all(&opened)?;
    let a = match &factor {
        Factor::Share(_) => &opened[2],
        Factor::Wire(wire) => *wire,
    };
    let [along, shift] = [&opened[0], &opened[1]].map(|mean| e.product(a, mean, Bilinear::Scale { step: 1 }));
    let (along, shift) = (along?, shift?);
    let list = e.rescale(&[master(&along), master(&shift)])?;
    let [along] = e.open([fine(&list[0], a.frac(), &p)])?;
    let own = e.product(dx, a, groups.scale())?;
    let along = e.product(x, &along, groups.scale())?;
    let own = e.subtract(&own, &along)?;
    let shift = at_scale(e, &list[1], own.frac())?;
    groups.subtract(e, &own, &shift)
}

/// A product of factors, to be brought into `Z_2^64`.
fn master<S>(share: &S) -> Scaling<'_, S> {
    Scaling { share, what: "factor", scale: 1, over: 0, times: 1 }
}

/// Fraction bits beyond the profile's that factors and means of gradients have.
const MORE: u32 = 4;

/// A value of `Z_2^64` as an operand of more fraction bits than the profile's.
fn fine<'a, S>(share: &'a S, frac: u32, p: &Profile) -> OpenRequest<'a, S> {
    OpenRequest { share, frac, bits: p.ring, lifted: false, argument: false }
}

/// A value of `Z_2^64` in the ring, at any scale.
fn at_scale<E: Engine>(e: &mut E, x: &E::Share, frac: u32) -> Result<E::Share> {
    let narrow = e.narrow(x, frac.min(MASTER_FRAC))?;
    e.raised(narrow, frac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverses_are_near_and_leave_room_for_the_cut() {
        for n in (1..2000).chain([131_072, 131_073, (1 << 30) - 1]) {
            let (times, shift) = inverse(n, 63);
            let value = f64::from(times) * f64::exp2(-f64::from(shift));
            assert!((value * n as f64 - 1.0).abs() <= f64::exp2(-12.0), "{n}: {times} 2^-{shift}");
            let (times, shift) = inverse(n, 31);
            assert!(shift <= 31 && (1..=1 << 12).contains(&times), "{n}: {times} 2^-{shift}");
        }
        assert_eq!([inverse(1, 63), inverse(8, 63), inverse(3, 63)], [(1, 0), (1, 3), (2731, 13)]);
    }
}
