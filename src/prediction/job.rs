//! The job of a private prediction: everything that the parties must agree on. All of it is public.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::nn::scaled;

use crate::prediction::{AnswerKind, ModelCard, row_shape};
use crate::shape::Shape;

/// Maximum elements of a parameter.
const MOST_ELEMENTS: u64 = 1 << 30;
/// Maximum rows of a request, and values of a layer in it: what is dealt for them has fewer than 2^32 words.
const MOST_BATCH: u32 = 1 << 16;
const MOST_VALUES: u64 = 1 << 26;
/// Maximum columns of a layer.
const MOST_COLUMNS: usize = 1 << 20;

/// A session of private predictions: a client sends requests of equally many rows, one after the other, until it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredictionJob {
    /// The model, and what may be asked.
    pub card: ModelCard,
    /// What is asked.
    pub answers: AnswerKind,
    /// Rows of a request; a client fills up one that has fewer.
    pub batch: u32,
    /// Requests at most.
    pub requests: u32,
}

impl PredictionJob {
    /// A job for `rows` rows at most, in requests of at most `batch` rows and of equally many, so few that the rows which fill up the
    /// last one are within what the card allows.
    ///
    /// # Errors
    /// As [`PredictionJob::check`].
    pub fn new(card: ModelCard, answers: AnswerKind, rows: usize, batch: u32) -> Result<Self> {
        let many = || Error::Usage("more than 2^27 rows in one job are not supported; ask for fewer at once".into());
        let rows = u32::try_from(rows.max(1)).map_err(|_| many())?;
        let even = |batch: u32| {
            let requests = rows.div_ceil(batch);
            (rows.div_ceil(requests), requests)
        };
        let allowed = |(batch, requests): &(u32, u32)| u64::from(*batch) * u64::from(*requests) <= card.max_rows.into();
        let most = batch.clamp(1, rows);
        let (batch, requests) = (1..=most).rev().map(even).find(allowed).unwrap_or_else(|| even(most));
        let job = Self { card, answers, batch, requests };
        job.check()?;
        Ok(job)
    }

    /// Checks a job from an untrusted source.
    ///
    /// # Errors
    /// [`Error::Usage`] naming what is wrong, or what the card does not allow.
    pub fn check(&self) -> Result<()> {
        self.card.check()?;
        if !self.card.answers.contains(&self.answers) {
            let allowed: Vec<String> = self.card.answers.iter().map(AnswerKind::to_string).collect();
            return Err(Error::Usage(format!(
                "the model's owner does not answer with {}; its card allows {}",
                self.answers,
                allowed.join(", ")
            )));
        }
        if self.batch == 0 || self.requests == 0 {
            return Err(Error::Usage("a job of predictions has at least one request of one row".into()));
        }
        // rows that fill up the last request are answered, too
        if self.rows() > self.card.max_rows.into() {
            return Err(Error::Usage(format!(
                "{} rows were asked about, but the model's owner answers at most {} in one job",
                self.rows(),
                self.card.max_rows
            )));
        }
        self.mistake().map_or(Ok(()), |wrong| Err(Error::Usage(wrong.into())))
    }

    /// What is too large in the job.
    fn mistake(&self) -> Option<&'static str> {
        let widest = self.card.model.widest();
        let size = |shape: &Shape| shape.axes().iter().fold(1u64, |n, axis| n.saturating_mul(*axis as u64));
        let parameters = self.card.model.parameters().iter().map(size).fold(0, u64::saturating_add);
        if widest > MOST_COLUMNS || parameters > MOST_ELEMENTS {
            Some("the network is too large: at most 2^20 columns per layer and 2^30 parameters are supported")
        } else if self.batch > MOST_BATCH || u64::from(self.batch) * widest as u64 > MOST_VALUES {
            Some(
                "a request is too large: at most 2^16 rows and 2^26 values per layer are supported; use a smaller --batch",
            )
        } else if self.rows().saturating_mul(row_shape(self).blocks() as u64) > 1 << 32 {
            Some("too many rows for one job: a mask has at most 2^32 blocks of 64 bytes; ask for fewer at once")
        } else {
            None
        }
    }

    /// Refuses rows that the job's network cannot take: of another number of features, or with values out of the profile's range.
    ///
    /// # Errors
    /// [`Error::Usage`] with row and column, and without values.
    pub fn check_rows(&self, rows: ArrayView2<'_, f32>) -> Result<()> {
        let (model, p) = (&self.card.model, &self.card.profile);
        if rows.ncols() != model.features() {
            let (takes, has) = (model.features(), rows.ncols());
            return Err(Error::Usage(format!("`{}` takes rows with {takes} features; these have {has}", model.name())));
        }
        let bound = f64::exp2(f64::from(p.ring.min(32) - 1 - p.frac));
        let scaled = |feature, x: f32| scaled(self.card.normalization.as_ref(), feature, x);
        let wrong = rows.indexed_iter().find(|((_, feature), x)| x.is_nan() || scaled(*feature, **x).abs() >= bound);
        wrong.map_or(Ok(()), |((row, column), _)| {
            Err(Error::Usage(format!(
                "row {row}, column {column}: features must be numbers below {bound} in the profile `{}`; scale them as the \
                 model's card says",
                p.name
            )))
        })
    }

    /// Rows of all requests.
    pub fn rows(&self) -> u64 {
        u64::from(self.batch) * u64::from(self.requests)
    }

    /// The bytes that the parties compare.
    ///
    /// # Panics
    /// Never: a job has no field that cannot be written.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a job can be written")
    }

    /// A job from its bytes, checked.
    ///
    /// # Errors
    /// [`Error::Usage`] if they do not encode a valid job.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let job: Self =
            postcard::from_bytes(bytes).map_err(|e| Error::Usage(format!("this is not a job of predictions: {e}")))?;
        job.check()?;
        Ok(job)
    }

    /// The job as the model's owner reads it.
    pub fn in_words(&self) -> Vec<String> {
        let Self { card, answers, batch, requests } = self;
        let model = if card.public_model { "public" } else { "private" };
        vec![
            format!("network: `{}`, {}", card.model.name(), card.model.sizes()),
            format!("answers: {answers}; the model is {model}; profile {}", card.profile.name),
            format!("rows: at most {} in {requests} requests of {batch}", self.rows()),
        ]
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::prediction::card::tests::model;

    /// Three requests of two rows each.
    pub(crate) fn job(answers: AnswerKind) -> PredictionJob {
        let card = ModelCard { answers: AnswerKind::ALL.to_vec(), ..ModelCard::of(&model()) };
        PredictionJob::new(card, answers, 6, 2).unwrap()
    }

    #[test]
    fn rows_are_split_into_requests_of_one_size() {
        let card = ModelCard { max_rows: 10, ..ModelCard::of(&model()) };
        let split = |rows, batch| {
            PredictionJob::new(card.clone(), AnswerKind::Class, rows, batch).map(|job| (job.batch, job.requests))
        };
        assert_eq!(split(7, 3).unwrap(), (3, 3));
        assert_eq!(split(10, 6).unwrap(), (5, 2));
        assert_eq!(split(9, 5).unwrap(), (5, 2), "the last request is filled up");
        assert_eq!(split(1, 1000).unwrap(), (1, 1));
        let tight = ModelCard { max_rows: 7, ..card.clone() };
        let job = PredictionJob::new(tight.clone(), AnswerKind::Class, 7, 3).unwrap();
        assert_eq!((job.batch, job.requests), (1, 7), "three requests of three would answer nine rows");
        let filled = PredictionJob { batch: 1000, requests: 1, ..job };
        assert!(filled.check().unwrap_err().to_string().contains("at most 7"));
        assert!(split(16, 5).unwrap_err().to_string().contains("at most 10 in one job"));
        assert!(split(1 << 40, 5).is_err());
    }

    #[test]
    fn a_job_comes_back_from_its_bytes_and_what_its_card_forbids_is_refused() {
        let job = job(AnswerKind::Probabilities);
        assert_eq!(PredictionJob::from_bytes(&job.to_bytes()).unwrap(), job);
        assert!(PredictionJob::from_bytes(&job.to_bytes()[..20]).unwrap_err().is_usage());
        assert!(PredictionJob::from_bytes(&[0xff; 300]).unwrap_err().is_usage());
        let refused = |job: PredictionJob| PredictionJob::from_bytes(&job.to_bytes()).unwrap_err().to_string();
        let card = ModelCard { answers: vec![AnswerKind::Class], ..job.card.clone() };
        assert!(refused(PredictionJob { card, ..job.clone() }).contains("its card allows class"));
        assert!(refused(PredictionJob { batch: 0, ..job.clone() }).contains("at least one"));
        assert!(refused(PredictionJob { requests: 1 << 31, ..job.clone() }).contains("at most 1000000"));
        let card = ModelCard { max_rows: 1 << 27, ..job.card.clone() };
        assert!(refused(PredictionJob { card, batch: 1 << 27, requests: 1, ..job }).contains("too large"));
    }
}
