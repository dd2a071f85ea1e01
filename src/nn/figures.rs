//! Figures on test rows: what a batch of them adds to each (protocols.md 8).

mod confusion;
mod roc;
mod squared_error;
mod top_five;

pub use roc::{BOTH_SIDES, THRESHOLDS, thresholds};

use confusion::confusion;
use roc::roc;
use squared_error::squared_error;
use top_five::top_five;

use crate::error::Result;
use crate::gates::Engine;
use crate::nn::{Loss, hits};
use crate::party::{Figure, Interpreter};

/// Sums over test rows.
pub struct Counted<E: Interpreter> {
    /// How many are classified correctly, scaled like the labels, if that is wanted.
    pub hits: Option<E::Share>,
    /// One for each of the figures that are wanted, in their order.
    pub figures: Vec<E::Share>,
}

impl<E: Engine> Counted<E> {
    /// The sums over a batch of the last product's share and one-hot labels: the count of right answers if `accuracy` is wanted,
    /// and `figures`. The largest outputs are found once for both.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn of(
        e: &mut E,
        loss: Loss,
        (z, labels): (&E::Share, &E::Wire),
        accuracy: bool,
        figures: &[Figure],
    ) -> Result<Self> {
        let mut counted = Self { hits: None, figures: Vec::with_capacity(figures.len()) };
        let accuracy_is_by_class = figures.contains(&Figure::Confusion);
        if accuracy && !accuracy_is_by_class {
            e.scope("hits");
            counted.hits = Some(hits(e, z, labels)?);
        }
        for figure in figures {
            e.scope(figure.scope());
            let sums = match figure {
                Figure::Confusion => {
                    let (hits, counts) = confusion(e, z, labels, accuracy)?;
                    counted.hits = hits;
                    counts
                }
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
