//! Stochastic gradient descent with momentum (Polyak, 1964, as in `torch.optim.SGD`).

use super::UpdateRule;
use crate::error::Result;
use crate::gates::Engine;
use crate::nn::Momentum;
use crate::nn::update::{Moving, Step, Term, sum};

/// `V <- mu V + lr (dW / B + wd W)`, `W <- W - V`. The learning rate is inside `V`, so that a change of the rate changes the
/// factor of `V` in that step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WithMomentum {
    momentum: Momentum,
}

impl UpdateRule for WithMomentum {
    fn new(momentum: Momentum) -> Option<Self> {
        (momentum.value() > 0.0).then_some(Self { momentum })
    }

    fn kept(&self) -> usize {
        1
    }

    fn terms(&self, step: &Step) -> Vec<Term> {
        let velocity = self.momentum.following(step.ratio).map(|factor| Term::state(0, "velocity", factor));
        let decayed = step.decay.map(Term::decayed);
        [Term::gradient(step.rate.dyadic())].into_iter().chain(velocity).chain(decayed).collect()
    }

    fn apply<E: Engine>(&self, e: &mut E, _: &Step, all: Vec<Moving<'_, E::Share>>) -> Result<()> {
        for Moving { parameter, terms } in all {
            let velocity = sum(e, terms)?;
            parameter.value = e.subtract(&parameter.value, &velocity)?;
            parameter.state[0] = velocity;
        }
        Ok(())
    }
}
