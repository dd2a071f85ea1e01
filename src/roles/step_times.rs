//! Where the time of a training step goes, by layer and by kind of gate: from a server's report.

use serde::{Deserialize, Serialize};

use crate::party::{CostKind, MOST_PLACES, TimeEntry, layer_and_pass};
use crate::roles::event::PartyReport;

/// Wall-clock time of a training step at a server. It includes waiting for the other server and for the dealer; on a GPU, the
/// time of work that is queued counts where the server waits for its result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// The layer, or `rows`, `weights`, `loss`, `update`, `ranges`; `None` between steps.
    pub layer: Option<String>,
    /// Which way through the layer: `forward` or `backward`.
    pub pass: Option<String>,
    /// The kind of the gates; `None` is what the server computes between gates.
    pub kind: Option<CostKind>,
    /// Seconds of a step, the mean of all steps.
    pub seconds: f64,
}

/// The times of a step that a server reports, in the order in which the layers came first; none at all if there are too many, if a
/// name is too long, or if a time is negative, longer than centuries or no number.
pub(crate) fn step_times(report: &PartyReport, steps: f64) -> Vec<StepTime> {
    let all = &report.step_times;
    if all.len() > MOST_PLACES * KINDS || !all.iter().all(is_plausible) {
        return Vec::new();
    }
    all.iter().map(|entry| StepTime::of(entry, steps)).collect()
}

impl StepTime {
    /// An entry of all steps, divided by their number.
    fn of(entry: &TimeEntry, steps: f64) -> Self {
        let (layer, pass) = layer_and_pass(&entry.place);
        Self {
            layer: Some(layer).filter(|layer| !layer.is_empty()).map(str::to_owned),
            pass: pass.map(str::to_owned),
            kind: entry.kind,
            seconds: entry.seconds / steps,
        }
    }
}

fn is_plausible(entry: &TimeEntry) -> bool {
    (0.0..=MOST_SECONDS).contains(&entry.seconds) && entry.place.len() <= LONGEST_PLACE
}

/// Kinds of a place, with what is between gates.
const KINDS: usize = CostKind::ALL.len() + 1;

/// Seconds of all steps: three hundred years.
const MOST_SECONDS: f64 = 1e10;

/// Bytes of the name of a place.
const LONGEST_PLACE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(place: &str, seconds: f64) -> TimeEntry {
        TimeEntry { place: place.into(), kind: Some(CostKind::Products), seconds }
    }

    fn taken(step_times: Vec<TimeEntry>) -> Vec<StepTime> {
        super::step_times(&PartyReport { step_times, ..PartyReport::default() }, 4.0)
    }

    #[test]
    fn times_are_those_of_a_step() {
        let times = taken(vec![entry("", 2.0), entry("relu1/backward", 6.0), entry("loss", 0.0)]);
        let names = times.iter().map(|t| (t.layer.as_deref(), t.pass.as_deref(), t.seconds));
        let want = [(None, None, 0.5), (Some("relu1"), Some("backward"), 1.5), (Some("loss"), None, 0.0)];
        assert_eq!(names.collect::<Vec<_>>(), want);
    }

    #[test]
    fn times_that_no_server_measures_are_left_out() {
        for seconds in [f64::NAN, f64::INFINITY, 1e300, -1e-9] {
            assert!(taken(vec![entry("loss", 1.0), entry("update", seconds)]).is_empty(), "{seconds}");
        }
        assert!(taken(vec![entry(&"x".repeat(LONGEST_PLACE + 1), 1.0)]).is_empty());
        assert!(taken(vec![entry("loss", 1.0); MOST_PLACES * KINDS + 1]).is_empty());
        assert_eq!(taken(vec![entry(&"x".repeat(LONGEST_PLACE), 1.0)]).len(), 1);
    }
}
