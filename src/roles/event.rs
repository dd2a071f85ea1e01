//! The events of a run.

use serde::{Deserialize, Serialize};

use crate::net::printable;
use crate::party::Stats;
use crate::train::Settings;

/// Something that happened. As JSON, an object with its name under `event`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The job, before anything runs.
    Job {
        /// Name of the network.
        model: String,
        /// Its sizes, as `784-128-128-10`.
        sizes: String,
        /// Name of the number settings.
        profile: String,
        /// What computes.
        backend: String,
        /// What training makes small.
        loss: String,
        /// The settings as they are used: rates as the ring takes them.
        settings: Box<Settings>,
        /// Rows to train on and to test on.
        rows: [u32; 2],
        /// Steps of the run.
        steps: u64,
        /// Learning rate over the batch size, as it is used.
        step_size: String,
        /// Simultaneous exchanges per step, as planned.
        rounds_per_step: f64,
        /// Bytes per step, as planned.
        bytes_per_step: Bytes,
    },
    /// Something that the user should know before the run: what may go wrong in it, and what to do.
    Warning {
        /// The warning.
        text: String,
    },
    /// A party waits.
    Waiting {
        /// Who.
        party: String,
        /// For whom and what.
        what: String,
    },
    /// Training starts.
    Started,
    /// Steps done.
    Progress {
        /// The epoch, from 1.
        epoch: u32,
        /// Steps done.
        step: u64,
        /// Steps of the run.
        steps: u64,
        /// Seconds of training steps so far.
        seconds: f64,
    },
    /// Test rows scored, within an evaluation.
    Evaluation {
        /// The rows.
        rows: u32,
        /// All of them.
        of: u32,
    },
    /// An epoch is over.
    Epoch {
        /// The epoch, from 1.
        epoch: u32,
        /// Steps done.
        step: u64,
        /// Share of the test rows that are classified right; `None` if it is not revealed.
        test_accuracy: Option<f64>,
        /// Seconds of training steps so far.
        seconds: f64,
        /// Bytes of training steps so far.
        bytes: Bytes,
    },
    /// The user asked for the end of the run, which comes after the next step.
    Interrupted,
    /// How many sampled values of an epoch were out of their range.
    Ranges(OutOfRange),
    /// The run ends early: the accuracy is high enough, or has not become better for too long.
    Stopped {
        /// The last epoch.
        epoch: u32,
        /// The epochs that there might have been.
        epochs: u32,
    },
    /// A part of the run in the clear, for comparison.
    Clear {
        /// The epoch, from 1.
        epoch: u32,
        /// Share of the test rows that are classified right.
        test_accuracy: f64,
        /// The same on shares; `None` if it is not known.
        on_shares: Option<f64>,
    },
    /// The run is over.
    Summary(Box<Summary>),
}

/// Sampled values of an epoch that were out of their range: on shares they are off by multiples of the ring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfRange {
    /// The epoch, from 1.
    pub epoch: u32,
    /// How many.
    pub values: u64,
    /// By place, as `relu1/forward`, in the order of a step; those that have some.
    pub places: Vec<(String, u64)>,
}

impl OutOfRange {
    /// The counts of an epoch by place.
    pub(crate) fn new(epoch: u32, places: &[String], counts: &[u64]) -> Self {
        let mut all = Self { epoch, values: 0, places: Vec::new() };
        for (place, count) in places.iter().zip(counts).filter(|(_, count)| **count > 0) {
            all.values = all.values.saturating_add(*count);
            match all.places.iter_mut().find(|(own, _)| own == place) {
                Some((_, own)) => *own = own.saturating_add(*count),
                None => all.places.push((place.clone(), *count)),
            }
        }
        all
    }
}

/// Bytes by link, as handed to TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bytes {
    /// From server 0 to server 1.
    pub server0_to_server1: f64,
    /// From server 1 to server 0.
    pub server1_to_server0: f64,
    /// From the dealer to server 0.
    pub dealer_to_server0: f64,
    /// From the dealer to server 1.
    pub dealer_to_server1: f64,
}

impl Bytes {
    /// The bytes of statistics of server 0 and of server 1, divided by `by`.
    pub fn of(servers: [&Stats; 2], by: f64) -> Self {
        let count = |bytes: u64| bytes as f64 / by;
        Self {
            server0_to_server1: count(servers[0].sent.bytes),
            server1_to_server0: count(servers[1].sent.bytes),
            dealer_to_server0: count(servers[0].dealt.bytes),
            dealer_to_server1: count(servers[1].dealt.bytes),
        }
    }
}

/// What one party used.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PartyReport {
    /// Its role.
    #[serde(deserialize_with = "printable::decode")]
    pub role: String,
    /// What computed.
    #[serde(deserialize_with = "printable::decode")]
    pub backend: String,
    /// What training steps cost.
    pub steps: Stats,
    /// What evaluation cost.
    pub evaluation: Stats,
    /// What everything else cost.
    pub setup: Stats,
    /// Peak resident memory in MiB.
    pub peak_rss_mib: Option<f64>,
    /// CPU time in seconds.
    pub cpu_seconds: Option<f64>,
}

/// The figures of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// Name of the network.
    pub model: String,
    /// Name of the data set.
    pub dataset: String,
    /// What computed.
    pub backend: String,
    /// Name of the number settings.
    pub profile: String,
    /// What training makes small.
    pub loss: String,
    /// The settings as they are used: rates as the ring takes them.
    pub settings: Settings,
    /// Epochs begun.
    pub epochs: u32,
    /// Steps done.
    pub steps: u64,
    /// Whether the run ended before its last epoch, by the accuracy.
    pub stopped_early: bool,
    /// Whether the user ended the run before its last step.
    pub interrupted: bool,
    /// The epoch that the model is of, in a run with an early stop: the best one; `None` if it is the model of the last step.
    pub model_epoch: Option<u32>,
    /// Rows of a batch.
    pub batch: u32,
    /// Share of the test rows that the model classifies right; `None` if it is not revealed, or not known because the run was
    /// ended after another step.
    pub test_accuracy: Option<f64>,
    /// The same of the revealed model, scored in the clear on the same rows; `None` if they are not on this machine.
    pub scored_accuracy: Option<f64>,
    /// How far the two may be apart by rounding; the run fails where they are further. None where the model is not scored.
    pub scored_tolerance: Option<f64>,
    /// What shows that the model is wrong; nothing where the run looks right.
    pub faults: Vec<String>,
    /// Sampled values of the steps checked that were out of their range; `None` if it is not revealed, or no step was checked.
    pub out_of_range: Option<u64>,
    /// Steps whose samples are among them: all, but for the last of a run that the user ended. None as above.
    pub steps_checked: Option<u64>,
    /// The epochs that had some, the first first.
    pub epochs_out_of_range: Vec<OutOfRange>,
    /// The same of a run in the clear; none without one.
    pub clear_accuracy: Option<f64>,
    /// The largest difference of the two after any epoch; none without both.
    pub clear_difference: Option<f64>,
    /// Wall time of the run, from the first connection to the last message; none in a plan.
    pub seconds: Option<f64>,
    /// Wall time of a training step; none in a plan.
    pub seconds_per_step: Option<f64>,
    /// The parts of it at server 1: computing, exchanging, waiting for the dealer.
    pub step_parts: Option<StepParts>,
    /// Simultaneous exchanges of the servers per step.
    pub rounds_per_step: f64,
    /// Bytes per step.
    pub bytes_per_step: Bytes,
    /// Rounds of an evaluation of all test rows.
    pub rounds_per_evaluation: f64,
    /// Bytes of an evaluation of all test rows.
    pub bytes_per_evaluation: Bytes,
    /// Peak resident memory by role, in MiB.
    pub peak_rss_mib: std::collections::BTreeMap<String, f64>,
    /// CPU time by role, in seconds.
    pub cpu_seconds: std::collections::BTreeMap<String, f64>,
    /// The path of the model; `None` if it is not revealed or not saved.
    pub model_file: Option<String>,
}

/// Seconds of a step at a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepParts {
    /// Computing.
    pub compute: f64,
    /// Exchanging with the other server, waiting for it included.
    pub exchange: f64,
    /// Waiting for the dealer.
    pub dealer: f64,
}
