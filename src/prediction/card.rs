//! The model card: what is public of a model that answers private questions, and what its clients may ask.

use std::path::Path;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::data::Description;
use crate::data::description::Target;
use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::input;
use crate::net::is_printable;
use crate::nn::layers::BatchNorm;
use crate::nn::{Loss, Model, Normalization, Task, TrainedModel};
use crate::prediction::AnswerKind;

/// What is public of a model that answers private questions. Its owner and its clients have the same card.
///
/// In a file it is JSON ([`ModelCard::save`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// The format of the file, [`ModelCard::FORMAT`].
    pub format: u32,
    /// What may be asked, at least one kind.
    pub answers: Vec<AnswerKind>,
    /// Rows that one job may ask about, from 1 to 2^27.
    pub max_rows: u32,
    /// Whether the parameters are public: both servers have them in the clear.
    pub public_model: bool,
    /// The number format of the computation.
    pub profile: Profile,
    /// The name of the data that the model was trained on; empty if it is unknown.
    pub dataset: String,
    /// How a client normalizes its features; `None` if it does not.
    pub normalization: Option<Normalization>,
    /// What the columns of a table mean, and the names of the classes; `None` where the rows are none of a table.
    pub description: Option<Description>,
    /// The network. Batch normalization is part of the weights.
    pub model: Model,
}

impl ModelCard {
    /// The format of files.
    pub const FORMAT: u32 = 1;

    /// The card of a model: private, of 1,000,000 rows a job, that answers with classes alone, or the numbers of a regression; in the
    /// profile of its training, and in `deep`, the most exact, if that is unknown, or for a regression.
    pub fn of(model: &TrainedModel) -> Self {
        Self {
            format: Self::FORMAT,
            answers: vec![AnswerKind::of(model.model.task())],
            max_rows: 1_000_000,
            public_model: false,
            profile: model.profile.filter(|_| model.model.task() != Task::Regression).unwrap_or_else(Profile::deep),
            dataset: model.dataset.clone().unwrap_or_default(),
            normalization: model.normalization.clone(),
            description: None,
            model: model.model.clone(),
        }
    }

    /// Checks a card from an untrusted source.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the entry that is wrong.
    pub fn check(&self) -> Result<()> {
        if self.format != Self::FORMAT {
            let (theirs, ours) = (self.format, Self::FORMAT);
            return Err(Error::Usage(format!("the card has format {theirs}; this program knows format {ours}")));
        }
        if !is_printable(self.model.name()) {
            return Err(Error::Usage("the network's name has control characters or is too long".into()));
        }
        if !Profile::all().contains(&self.profile) {
            return Err(Error::Usage(format!(
                "`profile` is none of this program's that are called `{}`",
                self.profile.name
            )));
        }
        self.model.check()?;
        if postcard::to_stdvec(self).map_or(usize::MAX, |bytes| bytes.len()) > MOST_SENT {
            let text =
                "the card is too long to be sent, mostly its data description; at most 1,000,000 bytes are supported";
            return Err(Error::Usage(text.into()));
        }
        self.wrong().map_or(Ok(()), |what| Err(Error::Usage(what.into())))?;
        self.check_description()
    }

    fn wrong(&self) -> Option<&'static str> {
        let twice = |(at, kind): (usize, &AnswerKind)| self.answers[..at].contains(kind);
        let wrong = if self.answers.is_empty() || self.answers.iter().enumerate().any(twice) {
            "`answers` must have one or more of `class`, `probabilities` and `values`, each once"
        } else if self.answers != [AnswerKind::Values] && self.model.task() == Task::Regression {
            "a regression answers with `values` alone"
        } else if self.answers.contains(&AnswerKind::Probabilities) && self.model.loss() == Loss::Square {
            "a model with the loss `square` has no probabilities; use `class` or `values`"
        } else if !(1..=1 << 27).contains(&self.max_rows) {
            "`max_rows` must be from 1 to 2^27"
        } else if self.dataset.len() > 64 || !self.dataset.chars().all(|c| c.is_ascii_graphic()) {
            "the data set's name must have at most 64 printable ASCII characters, without spaces"
        } else if self.normalization.as_ref().is_some_and(|scale| !scale.fits(self.model.features())) {
            "mean and deviation of `normalization` must be finite, the deviation positive, and one for all features or one for each"
        } else if has_batch_norm(&self.model) {
            "batch normalization must be part of the weights, as `ppdnn card` writes it"
        } else {
            return None;
        };
        Some(wrong)
    }

    fn check_description(&self) -> Result<()> {
        let Some(description) = &self.description else { return Ok(()) };
        description.check()?;
        description.fits(&self.model).map_err(Error::Usage)
    }

    /// Outputs of a regression, `[rows, targets]`, in the units of its targets, as far as the card describes them.
    pub fn in_own_units(&self, mut outputs: Array2<f32>) -> Array2<f32> {
        if let Some(Target::Numbers(numbers)) = self.description.as_ref().map(|description| &description.target) {
            for (mut column, number) in outputs.columns_mut().into_iter().zip(numbers) {
                #[expect(clippy::cast_possible_truncation, reason = "answers have single precision")]
                column.mapv_inplace(|output| number.number(output.into()) as f32);
            }
        }
        outputs
    }

    /// Checks that the card is a model's.
    ///
    /// # Errors
    /// [`Error::Usage`] with what differs.
    pub fn fits(&self, model: &TrainedModel) -> Result<()> {
        let own = Self { normalization: model.normalization.clone(), model: model.model.clone(), ..self.clone() };
        self.same(&own)
            .map_err(|_| Error::Usage("the card is another model's: the network or its normalization differs".into()))
    }

    /// Checks that two cards are the same.
    ///
    /// # Errors
    /// [`Error::Usage`] with the entries that differ.
    pub fn same(&self, other: &Self) -> Result<()> {
        let entries = [
            ("format", self.format == other.format),
            ("answers", self.answers == other.answers),
            ("max_rows", self.max_rows == other.max_rows),
            ("public_model", self.public_model == other.public_model),
            ("profile", self.profile == other.profile),
            ("dataset", self.dataset == other.dataset),
            ("normalization", self.normalization == other.normalization),
            ("description", self.description == other.description),
            ("model", self.model == other.model),
        ];
        let differ: Vec<_> = entries.iter().filter(|(_, same)| !same).map(|(name, _)| format!("`{name}`")).collect();
        if differ.is_empty() {
            return Ok(());
        }
        let text = format!("the model cards differ in {}; use the same --card for both", differ.join(", "));
        Err(Error::Usage(text))
    }

    /// Reads a card.
    ///
    /// # Errors
    /// [`Error::File`], or [`Error::Format`] with the place that is wrong.
    pub fn load(path: &Path) -> Result<Self> {
        let text = input::read_text(path, MOST_BYTES).map_err(|e| Error::file(path, e))?;
        let wrong = |e: &dyn std::fmt::Display| Error::format(path, format!("is no model card: {e}"));
        let card: Self = serde_json::from_str(&text).map_err(|e| wrong(&e))?;
        card.check().map_err(|e| wrong(&e))?;
        Ok(card)
    }

    /// Writes the file that [`ModelCard::load`] reads.
    ///
    /// # Errors
    /// [`Error::File`].
    ///
    /// # Panics
    /// Never: a card has no entry that cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("a card can be written");
        std::fs::write(path, text + "\n").map_err(|e| Error::file(path, e))
    }
}

fn has_batch_norm(model: &Model) -> bool {
    let own = |layer: &crate::nn::LayerSpec| layer.is::<BatchNorm>();
    model.layers().iter().any(|layer| own(layer) || layer.body().iter().any(own))
}

/// Bytes of a file, which has names of entries and spaces besides.
const MOST_BYTES: u64 = 64 << 20;
/// Bytes of a card in a job: a message has a MiB.
const MOST_SENT: usize = 1_000_000;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A model of 4 features, 5 units and 3 classes.
    pub(crate) fn model() -> TrainedModel {
        let model = Model::dense("small", 4, &[5], 3).unwrap();
        let value = |at: usize| (at * 37 % 23) as f64 / 16.0 - 0.7;
        let parameters: Vec<Vec<f64>> =
            model.parameters().iter().map(|shape| (0..shape.len()).map(value).collect()).collect();
        TrainedModel::new(model, Some(Normalization::uniform(0.25, 0.5)), &parameters).unwrap()
    }

    #[test]
    fn the_number_format_is_that_of_the_training_where_its_ranges_are_known() {
        assert_eq!(ModelCard::of(&model()).profile, Profile::deep());
        for profile in Profile::all() {
            let trained = TrainedModel { profile: Some(profile), ..model() };
            assert_eq!(ModelCard::of(&trained).profile, profile);
        }
    }

    #[test]
    fn a_card_comes_back_from_its_file_and_wrong_ones_say_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.json");
        let card = ModelCard::of(&model());
        card.save(&path).unwrap();
        assert_eq!(ModelCard::load(&path).unwrap(), card);
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to, words) in [
            ("\"format\": 1", "\"format\": 2", "format 2"),
            ("\"class\"", "", "`answers` must"),
            ("\"class\"", "\"class\", \"class\"", "each once"),
            ("\"class\"", "\"logits\"", "unknown variant"),
            ("1000000", "0", "`max_rows`"),
            ("\"ring\": 48", "\"ring\": 33", "`profile`"),
            ("\"wire\": 32", "\"wire\": 2", "`profile`"),
            ("\"high\": 30", "\"high\": 50", "`profile`"),
            ("\"name\": \"deep\"", "\"name\": \"vast\"", "vast"),
            ("0.5\n", "0.0\n", "deviation"),
            ("\"public_model\"", "\"public\"", "unknown field"),
            ("{", "[", "is no model card"),
        ] {
            assert!(text.contains(from), "{from}");
            std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
            let error = ModelCard::load(&path).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("card.json"), "{error}");
        }
    }

    #[test]
    fn cards_that_differ_say_where() {
        let (model, card) = (model(), ModelCard::of(&model()));
        card.same(&card).unwrap();
        card.fits(&model).unwrap();
        let other = ModelCard { max_rows: 7, public_model: true, ..card.clone() };
        let error = card.same(&other).unwrap_err().to_string();
        assert!(error.contains("in `max_rows`, `public_model`;"), "{error}");
        let wider = TrainedModel { model: Model::dense("small", 4, &[6], 3).unwrap(), ..model.clone() };
        assert!(card.fits(&wider).is_err());
        assert!(card.fits(&TrainedModel { normalization: None, ..model }).is_err());
        let square = ModelCard {
            model: card.model.clone().with_loss(Loss::Square),
            answers: vec![AnswerKind::Probabilities],
            ..card
        };
        assert!(square.check().unwrap_err().to_string().contains("no probabilities"));
    }
}
