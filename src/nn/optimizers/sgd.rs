//! Stochastic gradient descent.

use super::UpdateRule;
use crate::error::Result;
use crate::gates::Engine;
use crate::nn::Momentum;
use crate::nn::update::{Moving, Step, Term, sum};

/// `W <- W - lr (dW / B + wd W)`. Weight decay is that of `torch.optim.SGD`: of all parameters, biases included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sgd;

impl UpdateRule for Sgd {
    fn new(momentum: Momentum) -> Option<Self> {
        (momentum.value() == 0.0).then_some(Self)
    }

    fn kept(&self) -> usize {
        0
    }

    fn terms(&self, step: &Step) -> Vec<Term> {
        let decayed = step.decay.map(Term::decayed);
        [Term::gradient(step.rate.dyadic())].into_iter().chain(decayed).collect()
    }

    fn apply<E: Engine>(&self, e: &mut E, _: &Step, all: Vec<Moving<'_, E::Share>>) -> Result<()> {
        for Moving { parameter, terms } in all {
            let step = sum(e, terms)?;
            parameter.value = e.subtract(&parameter.value, &step)?;
        }
        Ok(())
    }
}
