//! The entry point for other programs: describe what is asked of a model, then ask it in this process.
//!
//! What a prediction does is implemented with the roles: [`Prediction::run`] and [`Prediction::start`] in
//! `roles/prediction/threads.rs`.

use std::fmt;

use crate::data::Description;
use crate::error::Result;
use crate::fixed::Profile;
use crate::nn::TrainedModel;
use crate::prediction::{AnswerKind, ModelCard, PredictionJob};

/// Describes private predictions of a model. What is not set has the value of [`ModelCard::of`]; answers are classes.
///
/// ```
/// use ppdnn::layer::{dense, relu};
/// use ppdnn::ndarray::arr2;
/// use ppdnn::{Answers, Model, Prediction, TrainedModel};
///
/// // the first output is x - y, the second y - x
/// let model = Model::sequential(2, vec![dense(2), relu(), dense(2)])?;
/// let parameters = [vec![1.0, -1.0, -1.0, 1.0], vec![0.0; 2], vec![1.0, 0.0, 0.0, 1.0], vec![0.0; 2]];
/// let model = TrainedModel::new(model, None, &parameters)?;
///
/// let mut session = Prediction::new(model).start(100)?;
/// let answers = session.predict(arr2(&[[3.0, 1.0], [0.5, 2.0]]).view())?;
/// assert_eq!(answers, Answers::Classes(vec![0, 1]));
/// println!("{:?}", session.finish()?.bytes_per_request);
/// # Ok::<(), ppdnn::Error>(())
/// ```
#[derive(Clone)]
pub struct Prediction {
    model: TrainedModel,
    card: ModelCard,
    answers: AnswerKind,
    batch: Option<u32>,
}

impl Prediction {
    /// Private predictions of a model.
    pub fn new(model: TrainedModel) -> Self {
        let card = ModelCard::of(&model);
        let answers = AnswerKind::of(model.model.task());
        Self { model, card, answers, batch: None }
    }

    /// What is asked about a row.
    #[must_use]
    pub fn answers(mut self, kind: AnswerKind) -> Self {
        self.card.answers = vec![kind];
        self.answers = kind;
        self
    }

    /// The number format of the computation.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.card.profile = profile;
        self
    }

    /// Whether the model is public: its weights lie in the clear at both servers, and nothing is dealt for their products.
    #[must_use]
    pub fn public_model(mut self, public: bool) -> Self {
        self.card.public_model = public;
        self
    }

    /// What the columns of a client's table mean.
    #[must_use]
    pub fn description(mut self, description: Option<Description>) -> Self {
        self.card.description = description;
        self
    }

    /// Rows of a request at most, at least 1; by default as many as keep its values small, and 1000 at most.
    #[must_use]
    pub fn batch(self, rows: u32) -> Self {
        Self { batch: Some(rows.max(1)), ..self }
    }

    /// The model.
    pub fn model(&self) -> &TrainedModel {
        &self.model
    }

    /// The card that the job has.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// The job for at most so many rows.
    ///
    /// # Errors
    /// As [`PredictionJob::check`].
    pub fn job(&self, rows: usize) -> Result<PredictionJob> {
        let most = u32::try_from(rows).unwrap_or(u32::MAX).clamp(1, 1 << 27);
        let card = ModelCard { max_rows: self.card.max_rows.max(most), ..self.card.clone() };
        let batch = self.batch.unwrap_or_else(|| self.card.default_batch());
        PredictionJob::new(card, self.answers, rows, batch)
    }
}

impl fmt::Debug for Prediction {
    /// What is public of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prediction({:?}, {})", self.card.model.name(), self.answers)
    }
}

impl ModelCard {
    /// Rows of a request where nobody says how many: as many as keep the values of a layer few, and 1000 at most.
    pub fn default_batch(&self) -> u32 {
        u32::try_from(MOST_VALUES / self.model.widest().max(1)).map_or(1000, |rows| rows.clamp(1, 1000))
    }
}

/// Values of a layer that are computed at once.
const MOST_VALUES: usize = 1 << 22;
