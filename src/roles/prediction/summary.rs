//! What a session of private predictions cost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::party::RunPhase;
use crate::prediction::{PredictionJob, plan};
use crate::roles::event::{Bytes, PartyReport, StepParts};
use crate::roles::trainer::receive_results::parts;

/// The figures of a session of private predictions, or of its plan.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PredictionSummary {
    /// Name of the network.
    pub model: String,
    /// What was answered: `class`, `probabilities` or `values`.
    pub answers: String,
    /// Whether the model is public.
    pub public_model: bool,
    /// The servers' compute backend.
    pub backend: String,
    /// Name of the profile (the number format).
    pub profile: String,
    /// Rows that were answered.
    pub rows: u64,
    /// Requests that they came in.
    pub requests: u32,
    /// Rows of a request; the last may have been filled up.
    pub batch: u32,
    /// Wall-clock seconds until the first request could be made, from the first connection; `None` in a plan.
    pub setup_seconds: Option<f64>,
    /// Wall-clock seconds from the first request to the last answer, at the client; `None` in a plan.
    pub seconds: Option<f64>,
    /// Wall-clock seconds of a request at the servers, on average; `None` in a plan.
    pub seconds_per_request: Option<f64>,
    /// How server 1 spent a request: computing, exchanging, waiting for the dealer.
    pub request_parts: Option<StepParts>,
    /// Communication rounds of the servers per request.
    pub rounds_per_request: f64,
    /// Bytes per request.
    pub bytes_per_request: Bytes,
    /// Bytes of the set-up, the opening of the weights.
    pub bytes_of_setup: Bytes,
    /// Bytes from the client to servers and dealer, of all requests.
    pub client_sent: u64,
    /// Bytes from servers and dealer to the client.
    pub client_received: u64,
    /// Seconds that the dealer computed and sent.
    pub dealer_seconds: Option<f64>,
    /// Peak resident memory by role, in MiB.
    pub peak_rss_mib: BTreeMap<String, f64>,
    /// CPU time by role, in seconds.
    pub cpu_seconds: BTreeMap<String, f64>,
}

impl PredictionSummary {
    /// What the job says.
    fn of(job: &PredictionJob) -> Self {
        Self {
            model: job.card.model.name().into(),
            answers: job.answers.to_string(),
            public_model: job.card.public_model,
            profile: job.card.profile.name.into(),
            batch: job.batch,
            ..Self::default()
        }
    }

    /// From the reports of server 0, server 1 and the dealer.
    pub(super) fn reported(job: &PredictionJob, requests: u32, reports: &[PartyReport; 3]) -> Self {
        let [zero, one, dealer] = reports;
        let per = f64::from(requests.max(1));
        let by_role = |figure: fn(&PartyReport) -> Option<f64>| {
            reports.iter().filter_map(|report| Some((report.role.clone(), figure(report)?))).collect()
        };
        Self {
            backend: zero.backend.clone(),
            requests,
            seconds_per_request: Some(zero.steps.seconds.max(one.steps.seconds) / per),
            request_parts: Some(parts(&one.steps, per)),
            rounds_per_request: zero.steps.rounds as f64 / per,
            bytes_per_request: Bytes::of([&zero.steps, &one.steps], per),
            bytes_of_setup: Bytes::of([&zero.setup, &one.setup], 1.0),
            dealer_seconds: Some(dealer.steps.seconds),
            peak_rss_mib: by_role(|report| report.peak_rss_mib),
            cpu_seconds: by_role(|report| report.cpu_seconds),
            ..Self::of(job)
        }
    }
}

/// What a session costs, without running it: of one request, in the names of its summary.
///
/// # Errors
/// As [`plan`].
pub fn plan_predictions(job: &PredictionJob) -> Result<PredictionSummary> {
    let plan = plan(job)?;
    let bytes = |phase| {
        // server 0 opens as much as server 1, and nothing is dealt to it
        let stats = plan.server(phase);
        let mut zero = stats;
        zero.dealt = crate::party::Traffic::default();
        Bytes::of([&zero, &stats], 1.0)
    };
    Ok(PredictionSummary {
        requests: job.requests,
        rows: job.rows(),
        rounds_per_request: plan.server(RunPhase::Step).rounds as f64,
        bytes_per_request: bytes(RunPhase::Step),
        bytes_of_setup: bytes(RunPhase::Setup),
        ..PredictionSummary::of(job)
    })
}
