//! The figures of a run as TensorBoard shows them: `events.out.tfevents.SECONDS.ppdnn` in the run's folder.
//!
//! The file has records of TensorFlow's format TFRecord, each with a message `Event` of `event.proto`, whose scalars are those
//! of `summary.proto`: <https://github.com/tensorflow/tensorflow>. A record is written as soon as its figures are known, so that
//! TensorBoard shows a run while it trains.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crc::{CRC_32_ISCSI, Crc};
use prost::Message;

use crate::error::{Error, Result};
use crate::roles::{Event, Summary};
use crate::train::{Job, Regression, TestFigures};

/// The file of a run.
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
    job: Job,
}

impl EventFile {
    /// Begins the file of a run in its folder.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub(super) fn create(folder: &Path, job: &Job) -> Result<Self> {
        let time = now();
        let path = folder.join(format!("{PREFIX}{}{SUFFIX}", time.as_secs()));
        let file = File::create(&path).map_err(|e| Error::file(&path, e))?;
        let mut events = Self { path, file, job: job.clone() };
        events.write(&EventMessage { file_version: Some(VERSION.into()), ..EventMessage::at(time, 0) })?;
        Ok(events)
    }

    /// Whether a file with this name is one of these, and no other program's.
    pub(super) fn is(name: &str) -> bool {
        let seconds = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
        seconds.is_some_and(|seconds| !seconds.is_empty() && seconds.bytes().all(|digit| digit.is_ascii_digit()))
    }

    /// Writes the figures that an event has, at the last step of their epoch.
    ///
    /// # Errors
    /// [`Error::File`] if they cannot be written.
    pub(super) fn note(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Clear { epoch, test_accuracy, squared_error, .. } => {
                let accuracy = test_accuracy.map(|accuracy| ("accuracy/test_clear".into(), accuracy));
                let loss = squared_error.map(|error| ("loss/squared_error_clear".into(), error));
                let scalars: Vec<Scalar> = accuracy.into_iter().chain(loss).collect();
                self.scalars(self.job.last_step_of(*epoch), &scalars)
            }
            Event::Epoch { step, test_accuracy, squared_error, seconds, bytes: b, .. } => {
                let accuracy = test_accuracy.map(|accuracy| ("accuracy/test".into(), accuracy));
                let loss = squared_error.map(|error| ("loss/squared_error".into(), error));
                let costs = [
                    ("time/seconds".into(), *seconds),
                    ("bytes/servers".into(), b.server0_to_server1 + b.server1_to_server0),
                    ("bytes/dealer".into(), b.dealer_to_server0 + b.dealer_to_server1),
                ];
                self.scalars(*step, &accuracy.into_iter().chain(loss).chain(costs).collect::<Vec<_>>())
            }
            Event::Ranges(out) => {
                let values = ("ranges/out_of_range".into(), out.values as f64);
                self.scalars(self.job.last_step_of(out.epoch), &[values])
            }
            _ => Ok(()),
        }
    }

    /// Writes the figures of the model, at the step that it is of.
    ///
    /// # Errors
    /// [`Error::File`] if they cannot be written.
    pub(super) fn finish(&mut self, summary: &Summary) -> Result<()> {
        let step = summary.model_epoch.map_or(summary.steps, |epoch| self.job.last_step_of(epoch));
        let figures = of_model(summary);
        if figures.is_empty() { Ok(()) } else { self.scalars(step, &figures) }
    }

    fn scalars(&mut self, step: u64, scalars: &[Scalar]) -> Result<()> {
        self.write(&EventMessage { summary: Some(SummaryMessage::of(scalars)), ..EventMessage::at(now(), step) })
    }

    fn write(&mut self, event: &EventMessage) -> Result<()> {
        self.file.write_all(&record(&event.encode_to_vec())).map_err(|e| Error::file(&self.path, e))
    }
}

/// A figure with its name.
type Scalar = (String, f64);

/// The figures of the model of a run, and of the run in the clear that is compared with it.
fn of_model(summary: &Summary) -> Vec<Scalar> {
    let in_the_clear = [
        ("accuracy/saved_model", summary.scored_accuracy),
        ("figures/squared_error_saved_model", summary.scored_squared_error),
        ("figures/squared_error_clear", summary.clear_squared_error),
    ];
    let in_the_clear = in_the_clear.into_iter().filter_map(|(name, figure)| Some((name.to_owned(), figure?)));
    in_the_clear.chain(figures(&summary.figures)).collect()
}

/// The figures on the test rows, as far as there are any.
fn figures(figures: &TestFigures) -> impl Iterator<Item = Scalar> {
    let f1 = figures.confusion.as_ref().map(|c| c.macro_f1).or(figures.labels.as_ref().map(|l| l.macro_f1));
    let roc = figures.roc.as_ref();
    let named = [
        ("top5_accuracy", figures.top5_accuracy),
        ("macro_f1", f1),
        ("auc", roc.map(|roc| roc.auc)),
        ("average_precision", roc.map(|roc| roc.average_precision)),
        ("squared_error", figures.squared_error),
    ];
    let named = named.into_iter().filter_map(|(name, figure)| Some((format!("figures/{name}"), figure?)));
    named.chain(figures.regression.iter().flat_map(regression))
}

/// The figures of every target of a regression.
fn regression(figures: &Regression) -> impl Iterator<Item = Scalar> {
    figures.targets.iter().flat_map(|target| {
        let name = |figure: &str| match &*target.name {
            "" => format!("figures/{figure}"),
            name => format!("figures/{figure}/{name}"),
        };
        [Some((name("rmse"), target.rmse)), target.r2.map(|r2| (name("r2"), r2))].into_iter().flatten()
    })
}

/// Seconds since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A record: the length of its data, the data, and a checksum behind each.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), data, &masked_crc(data)].concat()
}

/// A checksum of bytes that may have checksums themselves.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    CRC.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// CRC-32C.
static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// How names of such files begin, for TensorBoard, and end, in place of the machine's name.
const PREFIX: &str = "events.out.tfevents.";
const SUFFIX: &str = ".ppdnn";

/// What the first record says.
const VERSION: &str = "brain.Event:2";

/// `Event`.
#[derive(Clone, PartialEq, Message)]
struct EventMessage {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<SummaryMessage>,
}

impl EventMessage {
    fn at(time: Duration, step: u64) -> Self {
        Self { wall_time: time.as_secs_f64(), step: i64::try_from(step).unwrap_or(i64::MAX), ..Self::default() }
    }
}

/// `Summary`.
#[derive(Clone, PartialEq, Message)]
struct SummaryMessage {
    #[prost(message, repeated, tag = "1")]
    value: Vec<ValueMessage>,
}

impl SummaryMessage {
    fn of(scalars: &[Scalar]) -> Self {
        let value = |(tag, value): &Scalar| {
            #[expect(clippy::cast_possible_truncation, reason = "the file has single precision")]
            let value = *value as f32;
            ValueMessage { tag: tag.clone(), simple_value: Some(value) }
        };
        Self { value: scalars.iter().map(value).collect() }
    }
}

/// `Summary.Value`. Its number is one of several alternatives: it is written even if it is 0.
#[derive(Clone, PartialEq, Message)]
struct ValueMessage {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `tests/tensorboard/make.py` writes the same without a line of this file.
    const PINNED: &[u8] = include_bytes!("../../tests/tensorboard/pinned.tfevents");

    fn bytes(zero: f64) -> Vec<u8> {
        let time = Duration::from_millis(1_700_000_000_500);
        let version = EventMessage { file_version: Some(VERSION.into()), ..EventMessage::at(time, 0) };
        let at = |step: u64, scalars: &[(&str, f64)]| {
            let scalars: Vec<Scalar> = scalars.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
            EventMessage { summary: Some(SummaryMessage::of(&scalars)), ..EventMessage::at(time, step) }
        };
        let epoch = at(468, &[("accuracy/test", 0.912_3), ("time/seconds", 12.5), ("bytes/servers", 2.58e9)]);
        let ranges = at(468, &[("ranges/out_of_range", zero)]);
        let figures = at(1 << 40, &[("figures/r2/größe", -0.25), ("figures/rmse/größe", f64::MAX)]);
        [version, epoch, ranges, figures].iter().flat_map(|event| record(&event.encode_to_vec())).collect()
    }

    #[test]
    fn records_are_those_of_the_format() {
        assert_eq!(CRC.checksum(b"123456789"), 0xe306_9283);
        assert!(bytes(0.0) == PINNED);
        assert!(bytes(1.0) != PINNED, "another number is noticed");
    }

    #[test]
    fn errors_in_the_clear_stand_beside_those_on_shares() {
        let mut summary = Summary { scored_squared_error: Some(0.25), ..Summary::default() };
        summary.clear_squared_error = Some(0.5);
        summary.figures.squared_error = Some(0.125);
        let names = ["figures/squared_error_saved_model", "figures/squared_error_clear", "figures/squared_error"];
        let want = names.into_iter().zip([0.25, 0.5, 0.125]).map(|(name, value)| (name.to_owned(), value));
        assert_eq!(of_model(&summary), want.collect::<Vec<_>>());
        assert!(of_model(&Summary::default()).is_empty());
    }

    #[test]
    fn only_own_files_are_taken_for_those_of_a_run() {
        assert!(EventFile::is("events.out.tfevents.1700000000.ppdnn"));
        for name in
            ["events.out.tfevents.1700000000.host", "events.out.tfevents..ppdnn", "events.out.tfevents.1/2.ppdnn"]
        {
            assert!(!EventFile::is(name), "{name}");
        }
    }
}
