//! The figures of a run that is over.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Collector;
use crate::party::Stats;
use crate::roles::event::{Bytes, PartyReport, StepParts, Summary};
use crate::roles::history::epochs_of;
use crate::roles::process::{cpu_seconds, peak_rss_mib};
use crate::roles::step_times::step_times;
use crate::train::TestFigures;

impl Collector<'_> {
    /// The figures of the run, from the reports of the servers and the dealer.
    pub(super) fn summary(&self, reports: &[PartyReport], wall: Duration, checked: Option<u64>) -> Summary {
        let (job, done) = (self.job, &self.outcome);
        let ended = self.ended.or_else(|| self.stopped.map(|epoch| job.last_step_of(epoch)));
        let steps = ended.unwrap_or_else(|| job.total_steps());
        let resumed_from = self.resumes[0];
        let per = steps.saturating_sub(resumed_from.unwrap_or(0)).max(1) as f64;
        let (zero, one) = (&reports[0], &reports[1]);
        let before = resumed_from.map_or(0, |step| epochs_of(job, step));
        let evaluations = done.accuracy.len().max(done.squared_errors.len()).saturating_sub(before).max(1) as f64;
        let (model_epoch, [test_accuracy, squared_error]) = self.model_of();
        Summary {
            model: job.model.name().into(),
            backend: zero.backend.clone(),
            profile: job.settings.profile.name.into(),
            task: job.model.task(),
            loss: job.model.loss().name().into(),
            settings: job.used_settings(),
            epochs: job.epoch_of(steps),
            steps,
            resumed_from,
            stopped_early: self.stopped.is_some(),
            batch: job.settings.batch,
            interrupted: self.ended.is_some(),
            model_epoch,
            test_accuracy,
            out_of_range: checked.map(|_| done.out_of_range.iter().map(|o| o.values).sum()),
            steps_checked: checked,
            epochs_out_of_range: done.out_of_range.iter().filter(|o| o.values > 0).cloned().collect(),
            seconds: Some(wall.as_secs_f64()),
            seconds_per_step: Some(zero.steps.seconds.max(one.steps.seconds) / per),
            step_parts: Some(parts(&one.steps, per)),
            step_times: step_times(one, per),
            rounds_per_step: zero.steps.rounds as f64 / per,
            bytes_per_step: Bytes::of([&zero.steps, &one.steps], per),
            rounds_per_evaluation: zero.evaluation.rounds as f64 / evaluations,
            bytes_per_evaluation: Bytes::of([&zero.evaluation, &one.evaluation], evaluations),
            peak_rss_mib: by_role(reports, peak_rss_mib(), |report| report.peak_rss_mib),
            cpu_seconds: by_role(reports, cpu_seconds(), |report| report.cpu_seconds),
            figures: TestFigures {
                squared_error: squared_error.or(done.summary.figures.squared_error),
                ..done.summary.figures.clone()
            },
            ..Summary::default()
        }
    }
}

/// A figure of every process that tells it, by role; this one is the trainer.
fn by_role(
    reports: &[PartyReport],
    own: Option<f64>,
    figure: impl Fn(&PartyReport) -> Option<f64>,
) -> BTreeMap<String, f64> {
    let others = reports.iter().filter_map(|report| Some((report.role.clone(), figure(report)?)));
    others.chain(own.map(|own| ("trainer".into(), own))).collect()
}

/// The seconds of a step at server 1, which gets the corrections, by what it did.
pub(crate) fn parts(stats: &Stats, steps: f64) -> StepParts {
    let rest = stats.seconds - stats.exchange_seconds - stats.dealer_seconds;
    StepParts { compute: rest / steps, exchange: stats.exchange_seconds / steps, dealer: stats.dealer_seconds / steps }
}
