//! The events of a run.

use serde::{Deserialize, Serialize};

use crate::net::printable;
use crate::nn::Task;
use crate::party::{Stats, TimeEntry};
use crate::roles::step_times::StepTime;
use crate::train::{FeatureMoments, Settings, TestFigures};

/// Something that happened in a run. As JSON, an object with its name under `event`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The job, before anything runs.
    Job {
        /// Name of the network.
        model: String,
        /// Its layer sizes, such as `784-128-128-10`.
        sizes: String,
        /// Name of the profile (the number format).
        profile: String,
        /// The servers' compute backend.
        backend: String,
        /// What the network learns.
        #[serde(default)]
        task: Task,
        /// Name of the loss function.
        loss: String,
        /// The settings as used, with rounded rates.
        settings: Box<Settings>,
        /// Numbers of training and test rows.
        rows: [u32; 2],
        /// Number of steps of the run.
        steps: u64,
        /// Learning rate divided by the rows of a step, as used.
        step_size: String,
        /// Planned communication rounds per step.
        rounds_per_step: f64,
        /// Planned bytes per step.
        bytes_per_step: Bytes,
    },
    /// A warning: what may go wrong, or did, and what to do about it.
    Warning {
        /// The warning.
        text: String,
    },
    /// A party is waiting.
    Waiting {
        /// The waiting party.
        party: String,
        /// What it waits for.
        what: String,
    },
    /// Mean and deviation of the features that are standardized, over all owners' training rows, as the servers revealed them.
    Moments {
        /// The features.
        features: Vec<FeatureMoments>,
    },
    /// Training starts.
    Started,
    /// Both servers have written a checkpoint, which the run can resume from.
    Checkpoint {
        /// Number of steps done.
        step: u64,
    },
    /// A run that broke off resumes from a checkpoint; what events say of later steps is void.
    Resumed {
        /// Number of steps done; 0 if there is no checkpoint of both servers.
        step: u64,
        /// Seconds of these steps, as far as they are known.
        seconds: f64,
    },
    /// Number of steps done.
    Progress {
        /// The epoch, from 1.
        epoch: u32,
        /// Number of steps done.
        step: u64,
        /// Number of steps of the run.
        steps: u64,
        /// Seconds of training steps so far.
        seconds: f64,
    },
    /// Progress of an evaluation.
    Evaluation {
        /// Test rows scored so far.
        rows: u32,
        /// All test rows.
        of: u32,
    },
    /// An epoch is complete.
    Epoch {
        /// The epoch, from 1.
        epoch: u32,
        /// Number of steps done.
        step: u64,
        /// Fraction of the test rows that are classified correctly; `None` if it is not revealed.
        test_accuracy: Option<f64>,
        /// The squared error of a test row in the mean; `None` if it is not revealed.
        #[serde(default)]
        squared_error: Option<f64>,
        /// Seconds of training steps so far.
        seconds: f64,
        /// Bytes of training steps so far.
        bytes: Bytes,
    },
    /// The user requested the end of the run; it ends after the next step.
    Interrupted,
    /// How many sampled values of an epoch were out of their range.
    Ranges(OutOfRange),
    /// The run stops early: the accuracy has reached its target, or it (in a regression, the squared error) has not improved for too
    /// long.
    Stopped {
        /// The last epoch.
        epoch: u32,
        /// The number of epochs without an early stop.
        epochs: u32,
    },
    /// An epoch of the run in the clear, for comparison.
    Clear {
        /// The epoch, from 1.
        epoch: u32,
        /// Fraction of the test rows that are classified correctly; `None` in a regression.
        test_accuracy: Option<f64>,
        /// The squared error of a test row in the mean; `None` unless the job reveals it, or is a regression.
        #[serde(default)]
        squared_error: Option<f64>,
        /// The accuracy on shares after the same epoch, in a regression the squared error; `None` if it is not known.
        on_shares: Option<f64>,
    },
    /// The run has ended.
    Summary(Box<Summary>),
}

/// The number of sampled values of an epoch that were out of their range. On shares, such values are wrong by multiples of a
/// power of two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfRange {
    /// The epoch, from 1.
    pub epoch: u32,
    /// The number of values.
    pub values: u64,
    /// The number by place, such as `relu1/forward`, in the order of a step; places without such values are left out.
    pub places: Vec<(String, u64)>,
}

impl OutOfRange {
    /// From the counts of an epoch by place.
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

    /// The sum of both.
    pub(crate) fn plus(self, more: Self) -> Self {
        Self {
            server0_to_server1: self.server0_to_server1 + more.server0_to_server1,
            server1_to_server0: self.server1_to_server0 + more.server1_to_server0,
            dealer_to_server0: self.dealer_to_server0 + more.dealer_to_server0,
            dealer_to_server1: self.dealer_to_server1 + more.dealer_to_server1,
        }
    }
}

/// The resources that one party used.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PartyReport {
    /// Its role.
    #[serde(deserialize_with = "printable::decode")]
    pub role: String,
    /// Its compute backend.
    #[serde(deserialize_with = "printable::decode")]
    pub backend: String,
    /// Cost of the training steps.
    pub steps: Stats,
    /// Cost of the evaluations.
    pub evaluation: Stats,
    /// Cost of everything else.
    pub setup: Stats,
    /// Of the training steps of a server, the time by place and kind.
    pub step_times: Vec<TimeEntry>,
    /// Peak resident memory in MiB.
    pub peak_rss_mib: Option<f64>,
    /// CPU time in seconds.
    pub cpu_seconds: Option<f64>,
}

/// The figures of a run, or of a plan.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// Name of the network.
    pub model: String,
    /// Name of the data set.
    pub dataset: String,
    /// The servers' compute backend.
    pub backend: String,
    /// Name of the profile (the number format).
    pub profile: String,
    /// What the network learned.
    #[serde(default)]
    pub task: Task,
    /// Name of the loss function.
    pub loss: String,
    /// The settings as used, with rounded rates.
    pub settings: Settings,
    /// Number of epochs started.
    pub epochs: u32,
    /// Number of steps done.
    pub steps: u64,
    /// Of a run that broke off and resumed, the step of the checkpoint; times, bytes and rounds are those of the steps since. `None`
    /// if it did not.
    #[serde(default)]
    pub resumed_from: Option<u64>,
    /// Whether the run stopped before its last epoch because of the accuracy.
    pub stopped_early: bool,
    /// Whether the user ended the run before its last step.
    pub interrupted: bool,
    /// In a run with an early stop, the epoch of the model, which is the best one; `None` if it is the model of the last step.
    pub model_epoch: Option<u32>,
    /// Rows per batch.
    pub batch: u32,
    /// Fraction of the test rows that the model classifies correctly, or of their labels that it predicts; `None` if it is not
    /// revealed, in a regression, or not known because the run was ended at a later step.
    pub test_accuracy: Option<f64>,
    /// Other figures of the model on the test rows, as far as they are revealed.
    pub figures: TestFigures,
    /// The accuracy of the revealed model, scored in the clear on the same rows; `None` if they are not on this machine.
    pub scored_accuracy: Option<f64>,
    /// The largest difference of the two that rounding explains; beyond it, the run fails. `None` if the model is not scored.
    pub scored_tolerance: Option<f64>,
    /// The squared error of the revealed model of a regression, scored in the clear on the same rows, of scaled targets; `None` if
    /// they are not on this machine.
    pub scored_squared_error: Option<f64>,
    /// Indications that the model is wrong; empty if there are none.
    pub faults: Vec<String>,
    /// Number of sampled values out of range in the checked steps; `None` if it is not revealed, or no step was checked.
    pub out_of_range: Option<u64>,
    /// Number of checked steps: all, except for the last ones of a run that the user ended. `None` as above.
    pub steps_checked: Option<u64>,
    /// The epochs with values out of range, in order.
    pub epochs_out_of_range: Vec<OutOfRange>,
    /// The accuracy of the run in the clear; `None` without one.
    pub clear_accuracy: Option<f64>,
    /// The squared error of a regression that ran in the clear, as [`TestFigures::squared_error`]; `None` without one.
    pub clear_squared_error: Option<f64>,
    /// The largest difference of the two accuracies after any epoch; `None` without both.
    pub clear_difference: Option<f64>,
    /// Wall-clock seconds of the run, from the first connection to the last message; `None` in a plan.
    pub seconds: Option<f64>,
    /// Wall-clock seconds per training step; `None` in a plan.
    pub seconds_per_step: Option<f64>,
    /// How server 1 spent a step: computing, exchanging, waiting for the dealer.
    pub step_parts: Option<StepParts>,
    /// Where the time of a step went at server 1, by layer and kind; empty in a plan, and if its report could not be used.
    #[serde(default)]
    pub step_times: Vec<StepTime>,
    /// Communication rounds of the servers per step.
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
