//! Stochastic gradient descent with Nesterov momentum, in the form of `torch.optim.SGD(nesterov=True)` (Sutskever et al., 2013).

use super::UpdateRule;
use crate::error::Result;
use crate::gates::Engine;
use crate::nn::update::{Moving, Step, Term, sum};
use crate::nn::{Dyadic, Momentum};

/// `V <- mu V + G`, `W <- W - (G + mu V)`, where `G = lr (dW / B + wd W)`.
///
/// What is kept is `U = mu V`, so that no velocity has to be multiplied after it has changed: `U <- mu U + mu G`,
/// `W <- W - (G + U)`. With `mu = m / 2^j`, what is rescaled is `G / 2^j`: `mu G` and `G` are `m` and `2^j` times that share. So
/// there is no second round and no more to open than with plain momentum (protocols.md 1.3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nesterov {
    momentum: Momentum,
    /// The momentum as an odd multiple of a power of two.
    mu: Dyadic,
}

impl Nesterov {
    /// A factor over `2^j`.
    fn finer(&self, factor: Dyadic) -> Dyadic {
        Dyadic { shift: factor.shift + self.mu.shift, ..factor }
    }
}

impl UpdateRule for Nesterov {
    fn new(momentum: Momentum) -> Option<Self> {
        Some(Self { momentum, mu: momentum.following(1.0)? })
    }

    fn kept(&self) -> usize {
        1
    }

    fn terms(&self, step: &Step) -> Vec<Term> {
        let velocity = self.momentum.following(step.ratio).map(|factor| Term::state(0, "velocity", factor));
        let decayed = step.decay.map(|decay| Term::decayed(self.finer(decay)));
        let gradient = Term::gradient(self.finer(step.rate.dyadic()));
        velocity.into_iter().chain([gradient]).chain(decayed).collect()
    }

    fn apply<E: Engine>(&self, e: &mut E, _: &Step, all: Vec<Moving<'_, E::Share>>) -> Result<()> {
        let (m, whole) = (i64::from(self.mu.times), 1i64 << self.mu.shift);
        for Moving { parameter, mut terms } in all {
            let velocity = terms.remove(0);
            let part = sum(e, terms)?;
            let velocity = e.combine(&velocity, &part, 1, m)?;
            let moved = e.combine(&velocity, &part, 1, whole)?;
            parameter.value = e.subtract(&parameter.value, &moved)?;
            parameter.state[0] = velocity;
        }
        Ok(())
    }
}
