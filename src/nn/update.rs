//! One step of an optimizer: all parameters are rescaled in one round, and move (protocols.md 1.3).

use crate::error::{Error, Result};
use crate::fixed::{MASTER_BITS, MASTER_FRAC, Profile};
use crate::gates::{Engine, Scaling};
use crate::nn::optimizers::Rule;
use crate::nn::{Dyadic, LearningRate, Momentum, Optimizer, Parameter};
use crate::party::Scaled;

/// The public numbers of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The learning rate over the rows of a step.
    pub rate: LearningRate,
    /// That rate over the one of the step before: what is kept and has a rate in it, follows.
    pub ratio: f64,
    /// Learning rate times weight decay: the part of itself that a parameter loses; none without weight decay.
    pub decay: Option<Dyadic>,
}

/// Something of a parameter times a number, at the scale of the master weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    of: Of,
    /// What it is of, for range reports.
    what: &'static str,
    factor: Dyadic,
}

/// Of what a term is.
#[derive(Clone, Copy, Debug)]
enum Of {
    /// The gradient, summed over the rows of the step.
    Gradient,
    /// What is kept with the parameter, by number.
    State(usize),
    /// The parameter itself.
    Value,
}

impl Term {
    /// The gradient. Its ring has no room for the odd multiple, which comes after the shift: so does an error of as many units.
    pub(super) fn gradient(factor: Dyadic) -> Self {
        Self { of: Of::Gradient, what: "gradient", factor }
    }

    /// What is kept, by number.
    pub(super) fn state(number: usize, what: &'static str, factor: Dyadic) -> Self {
        Self { of: Of::State(number), what, factor }
    }

    /// What the parameter loses of itself.
    pub(super) fn decayed(factor: Dyadic) -> Self {
        Self { of: Of::Value, what: "decayed", factor }
    }

    /// What is divided by.
    pub(crate) fn shift(&self) -> i32 {
        self.factor.shift
    }

    fn scaling<'a, S>(&self, parameter: &'a Parameter<S>, gradient: &'a S) -> Scaling<'a, S> {
        let Dyadic { times, shift: over } = self.factor;
        let (share, scale, times) = match self.of {
            Of::Gradient => (gradient, 1, times),
            Of::State(number) => (&parameter.state[number], times, 1),
            Of::Value => (&parameter.value, times, 1),
        };
        Scaling { share, what: self.what, scale, over, times }
    }
}

/// A parameter on its way.
pub(crate) struct Moving<'a, S> {
    pub(super) parameter: &'a mut Parameter<S>,
    /// What the rule asked for, in its order.
    pub(super) terms: Vec<S>,
}

/// An optimizer at one step.
#[derive(Clone, Copy, Debug)]
pub struct Update {
    rule: Rule,
    /// The numbers of the step.
    pub step: Step,
}

impl Update {
    /// The optimizer with a momentum, at a step; without momentum if it does not support one (see [`Optimizer::check`]).
    pub(crate) fn new(optimizer: Optimizer, momentum: Momentum, step: Step) -> Self {
        Self { rule: optimizer.rule(momentum).unwrap_or(Rule::PLAIN), step }
    }

    /// Checks that all terms of a parameter fit `Z_2^64` at steps of this rate and of larger ones, where its gradient has up to
    /// `more` fraction bits more than a product.
    ///
    /// # Errors
    /// [`Error::Usage`] if they do not.
    pub(crate) fn check(&self, profile: &Profile, more: u32) -> Result<()> {
        let fits = self.terms().iter().all(|term| {
            let (ring, frac) = match term.of {
                Of::Gradient => (profile.ring, 2 * profile.frac + more),
                Of::State(_) | Of::Value => (MASTER_BITS, MASTER_FRAC),
            };
            let cut = frac.cast_signed() - MASTER_FRAC.cast_signed() + term.factor.longest_shift();
            (MASTER_BITS - ring).cast_signed() + cut < MASTER_BITS.cast_signed()
        });
        if fits {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "the learning rate divided by the rows of a step, {}, is too small for the profile `{}` and this optimizer; \
             raise the learning rate, or use the optimizer `sgd`",
            self.step.rate, profile.name
        )))
    }

    /// How many values are kept with every parameter.
    pub(crate) fn kept(&self) -> usize {
        self.rule.kept()
    }

    /// What is asked for of every parameter.
    pub(crate) fn terms(&self) -> Vec<Term> {
        self.rule.terms(&self.step)
    }

    /// What something of a parameter is multiplied by, by its name in range reports.
    #[cfg(test)]
    pub(crate) fn factor(&self, what: &str) -> Option<f64> {
        self.terms().iter().find(|term| term.what == what).map(|term| term.factor.value())
    }

    /// Moves all parameters by their gradients, summed over the rows of the step.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn run<E: Engine>(&self, e: &mut E, mut all: Vec<(&mut Parameter<E::Share>, E::Share)>) -> Result<()> {
        for (parameter, _) in &mut all {
            while parameter.state.len() < self.kept() {
                let zeros = e.zeros(&parameter.value.shape().clone())?;
                parameter.state.push(zeros);
            }
        }
        let terms = self.terms();
        let of_all = all.iter().flat_map(|(parameter, gradient)| terms.iter().map(|t| t.scaling(parameter, gradient)));
        let list: Vec<_> = of_all.collect();
        let mut scaled = e.rescale(&list)?.into_iter();
        let mut moving = |(parameter, _)| Moving { parameter, terms: scaled.by_ref().take(terms.len()).collect() };
        let all = all.into_iter().map(&mut moving).collect();
        self.rule.apply(e, &self.step, all)
    }
}

/// The sum of terms: of one at least.
pub(super) fn sum<E: Engine>(e: &mut E, terms: Vec<E::Share>) -> Result<E::Share> {
    let mut terms = terms.into_iter();
    let first = terms.next().expect("a rule asks for the gradient");
    terms.try_fold(first, |sum, term| e.add(&sum, &term))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::party::{Clear, ClearTensor};
    use crate::prg::public_seed;
    use crate::shape::Shape;

    /// A parameter of 8 with a raw gradient of 1, moved twice with a rate of 1/4; and what is kept with it.
    fn moved(optimizer: Optimizer, momentum: f64, decay: f64) -> [f64; 3] {
        let (p, shape) = (Profile::small(), Shape::from([1]));
        let mut e = Clear::new(p, public_seed(1, "coins"));
        let master = |x: i64| ClearTensor::master(vec![x << MASTER_FRAC], shape.clone());
        let real = |n: &ClearTensor| n.x[0] as f64 * f64::exp2(-f64::from(MASTER_FRAC));
        e.set_parameters(vec![master(8)]);
        let mut parameter = Parameter::new(&mut e, 0, &shape).unwrap();
        let step = Step { rate: LearningRate::new(0.25, 1).unwrap(), ratio: 1.0, decay: Dyadic::near(decay) };
        let update = Update::new(optimizer, Momentum::new(momentum).unwrap(), step);
        let mut values = Vec::new();
        for _ in 0..2 {
            let gradient = ClearTensor::new(vec![1 << (2 * p.frac)], [1], p.ring, 2 * p.frac);
            update.run(&mut e, vec![(&mut parameter, gradient)]).unwrap();
            values.push(real(&parameter.value));
        }
        assert_eq!(parameter.state.len(), update.kept());
        [values[0], values[1], parameter.state.first().map_or(0.0, real)]
    }

    #[test]
    fn parameters_move_by_their_rules() {
        let sgd = Optimizer::Sgd;
        assert_eq!(moved(sgd, 0.0, 0.0), [7.75, 7.5, 0.0]);
        assert_eq!(moved(sgd, 0.5, 0.0), [7.75, 7.375, 0.375]);
        // an eighth of itself
        assert_eq!(moved(sgd, 0.0, 0.125), [6.75, 6.75 - 0.25 - 0.84375, 0.0]);
        assert_eq!(moved(sgd, 0.5, 0.125)[0], 6.75);
        // V = 1/4, 3/8; W - 1/4 - V / 2; V / 2 is kept
        let nesterov = Optimizer::Nesterov;
        assert_eq!(moved(nesterov, 0.5, 0.0), [7.625, 7.625 - 0.25 - 0.1875, 0.1875]);
        // G = 1/4 + 1, V = 5/4
        assert_eq!(moved(nesterov, 0.5, 0.125)[0], 8.0 - 1.25 - 0.625);
        // m = 29: V = 1/4
        assert_eq!(moved(nesterov, 0.90625, 0.0)[0], 7.75 - 0.2265625);
    }

    #[test]
    fn nesterov_needs_momentum_and_room_for_a_finer_gradient() {
        let momentum = |mu| Momentum::new(mu).unwrap();
        assert!(Optimizer::Nesterov.check(momentum(0.01)).unwrap_err().to_string().contains("at least 1/32"));
        Optimizer::Nesterov.check(momentum(0.02)).unwrap();
        Optimizer::Sgd.check(momentum(0.0)).unwrap();
        // an odd multiple of 2^-35 over 2^5, of a gradient with 8 more bits, is just what fits 64 bits of a ring of 48
        let rate = LearningRate::new(63.0 * f64::exp2(-35.0), 1).unwrap();
        let update = |optimizer| Update::new(optimizer, momentum(0.90625), Step { rate, ratio: 1.0, decay: None });
        let p = Profile::wide();
        update(Optimizer::Nesterov).check(&p, 7).unwrap();
        assert!(update(Optimizer::Nesterov).check(&p, 8).unwrap_err().is_usage());
        update(Optimizer::Sgd).check(&p, 10).unwrap();
        // a larger rate has a longer shift than this one
        let least = LearningRate::new(f64::exp2(-30.0), 1).unwrap();
        let update = Update::new(Optimizer::Nesterov, momentum(0.90625), Step { rate: least, ratio: 1.0, decay: None });
        update.check(&p, 7).unwrap();
        assert!(update.check(&p, 8).unwrap_err().is_usage());
    }
}
