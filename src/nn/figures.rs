//! Figures on test rows: what a batch of them adds to each (protocols.md 8).

mod confusion;
mod confusion_by_sign;
mod r2;
mod roc;
mod squared_error;
mod top_five;

pub use roc::{BOTH_SIDES, THRESHOLDS, thresholds};

use confusion::confusion;
use confusion_by_sign::confusion_by_sign;
use r2::r2;
use roc::roc;
use squared_error::squared_error;
use top_five::top_five;

use crate::error::Result;
use crate::gates::Engine;
use crate::nn::Model;
use crate::nn::hits::{hits, hits_by_sign};
use crate::party::{Figure, Interpreter};

/// Sums over test rows.
pub struct Counted<E: Interpreter> {
    /// How many decisions are right, scaled like the labels, if that is wanted.
    pub hits: Option<E::Share>,
    /// One for each of the figures that are wanted, in their order.
    pub figures: Vec<E::Share>,
}

impl<E: Engine> Counted<E> {
    /// The sums over a batch of the last product's share and labels, one-hot if outputs are compared with each other: the count of
    /// right decisions if `accuracy` is wanted, and `figures`. Decisions are made once for both.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn of(
        e: &mut E,
        model: &Model,
        (z, labels): (&E::Share, &E::Wire),
        accuracy: bool,
        figures: &[Figure],
    ) -> Result<Self> {
        let mut counted = Self { hits: None, figures: Vec::with_capacity(figures.len()) };
        let (loss, by_sign) = (model.loss(), model.decides_by_sign());
        let accuracy_is_by_class = figures.contains(&Figure::Confusion);
        if accuracy && !accuracy_is_by_class {
            e.scope("hits");
            counted.hits = Some(if by_sign { hits_by_sign(e, z, labels)? } else { hits(e, z, labels)? });
        }
        for figure in figures {
            e.scope(figure.scope());
            let sums = match figure {
                Figure::Confusion => {
                    let confusion = if by_sign { confusion_by_sign } else { confusion };
                    let (hits, counts) = confusion(e, z, labels, accuracy)?;
                    counted.hits = hits;
                    counts
                }
                Figure::R2 => r2(e, loss, z, labels)?,
                Figure::Roc => roc(e, z, labels)?,
                Figure::SquaredError => squared_error(e, loss, z, labels)?,
                Figure::TopFive => top_five(e, z, labels)?,
            };
            counted.figures.push(sums);
        }
        Ok(counted)
    }

    /// The sums over the rows of both, locally.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn add(&self, e: &mut E, more: &Self) -> Result<Self> {
        let hits = self.hits.as_ref().zip(more.hits.as_ref()).map(|(a, b)| e.add(a, b)).transpose()?;
        let figures = self.figures.iter().zip(&more.figures).map(|(a, b)| e.add(a, b)).collect::<Result<_>>()?;
        Ok(Self { hits, figures })
    }
}
