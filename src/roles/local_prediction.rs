//! Private predictions on one machine: every other role as a process of its own on loopback, with throw-away keys.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use ndarray::ArrayView2;

use crate::error::{Error, Result};
use crate::net::Role;
use crate::prediction::{Answers, PredictionJob};
use crate::roles::event::Event;
use crate::roles::local::{Children, Keys, Local, identity_file, watch};
use crate::roles::prediction::{PredictionClient, PredictionSummary};

impl Local {
    /// Puts all roles of private predictions in place, with the model of a file; `interrupted` ends that.
    ///
    /// # Errors
    /// As [`Local::train`], until the first request can be made.
    pub fn predict(
        &self,
        job: &PredictionJob,
        model: &Path,
        interrupted: &Arc<AtomicBool>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<LocalPrediction> {
        self.memory.check_prediction(job, |_| true)?;
        let roles = [Role::Server(0), Role::Server(1), Role::Dealer, Role::ModelOwner];
        let keys = Keys::new(None)?;
        let place = self.make_keys(keys.path(), &roles, Role::Client)?;
        let card = keys.path().join(CARD);
        job.card.save(&card)?;
        let offer = [format!("--model={}", model.display()), format!("--card={}", card.display())];
        let local = Self { data: offer.to_vec(), state: None, ..self.clone() };
        let mut family = local.start_all(&roles, keys.path())?;
        let (tell, hears) = mpsc::channel();
        let (job, stop) = (job.clone(), interrupted.clone());
        let client = thread::spawn(move || {
            place.predict(&job, &|| stop.load(Ordering::SeqCst), &mut |event| {
                let _ = tell.send(event);
            })
        });
        let client = watch(&mut family, client, interrupted, &hears, on_event)?;
        // by now every role has read its key
        for role in roles.into_iter().chain([Role::Client]) {
            let file = identity_file(keys.path(), role);
            fs::remove_file(&file).map_err(|e| Error::file(file, e))?;
        }
        Ok(LocalPrediction { client, family, logs: keys })
    }
}

/// Private predictions on one machine: every other role is a process of its own. They end with it.
pub struct LocalPrediction {
    client: PredictionClient,
    family: Children,
    /// The folder of keys and logs.
    logs: Keys,
}

impl LocalPrediction {
    /// The folder of its logs, which is removed at the end.
    pub fn folder(&self) -> &Path {
        self.logs.path()
    }

    /// The answers to rows; see [`PredictionClient::predict`].
    ///
    /// # Errors
    /// As [`PredictionClient::predict`]; [`Error::Child`] if a role's process ended.
    pub fn predict(&mut self, rows: ArrayView2<'_, f32>, progress: &mut dyn FnMut(usize)) -> Result<Answers> {
        self.client.predict(rows, progress).map_err(|e| self.family.explain(e))
    }

    /// Ends the session, and says what it cost.
    ///
    /// # Errors
    /// As [`LocalPrediction::predict`].
    pub fn finish(self) -> Result<PredictionSummary> {
        let Self { client, mut family, logs } = self;
        let mut summary = client.finish().map_err(|e| family.explain(e))?;
        for report in family.collect_reports() {
            summary.peak_rss_mib.extend(report.peak_rss_mib.map(|x| (report.role.clone(), x)));
            summary.cpu_seconds.extend(report.cpu_seconds.map(|x| (report.role.clone(), x)));
        }
        drop(logs);
        Ok(summary)
    }
}

/// The card of the model.
const CARD: &str = "card.json";
