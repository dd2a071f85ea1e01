//! `ppdnn doctor`.

mod disk;
mod local;
mod peers;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::configuration::{Configuration, usual_folder};
use crate::cli::print::{json, say_fitted};
use crate::error::{Error, Result};
use crate::net::without_steering;

#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct DoctorArgs {
    /// Folder of the configuration [default: $PPDNN_CONFIG, or ppdnn-config]
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,
    /// Skip the self-test of the device, and measure connections with fewer bytes
    #[arg(long)]
    pub quick: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Checks a party's configuration, its machine, and its connections to the others.
pub(in crate::cli) fn doctor(args: &DoctorArgs) -> Result<()> {
    let folder = args.config.clone().unwrap_or_else(usual_folder);
    let configuration = Configuration::load(&folder)?;
    let mut report = Report { json: args.json, checks: Vec::new() };
    local::check(&configuration, args.quick, &mut report);
    peers::check(&configuration, args.quick, &mut report);
    let failed = report.checks.iter().filter(|check| check.state == State::Failed).count();
    if args.json {
        json(&json!({ "role": configuration.role.slug(), "failed": failed, "checks": report.checks }));
    }
    if failed == 0 {
        return Ok(());
    }
    let [what, them] = if failed == 1 { ["check", "it"] } else { ["checks", "them"] };
    Err(Error::format(
        configuration.path(),
        format!("{failed} {what} failed; the lines above say what to do about {them}"),
    ))
}

/// The checks so far.
struct Report {
    json: bool,
    checks: Vec<Check>,
}

/// A check and its result.
#[derive(Serialize)]
struct Check {
    check: String,
    state: State,
    /// What was found, or what to do.
    text: String,
    /// Figures, if there are any.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    figures: serde_json::Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Failed,
}

impl Report {
    /// Notes a check, and prints its line.
    fn note(&mut self, check: impl Into<String>, state: State, text: impl Into<String>) {
        self.note_figures(check, state, text, serde_json::Value::Null);
    }

    fn note_figures(
        &mut self,
        check: impl Into<String>,
        state: State,
        text: impl Into<String>,
        figures: serde_json::Value,
    ) {
        // reasons quote files and peers
        let (check, text) = (check.into(), without_steering(&text.into()));
        if !self.json {
            let word = match state {
                State::Ok => "ok",
                State::Warning => "warning",
                State::Failed => "FAILED",
            };
            say_fitted(&format!("{word:<8} {check}: {text}"));
        }
        self.checks.push(Check { check, state, text, figures });
    }

    /// Notes a check that is ok or has failed.
    fn note_result(&mut self, check: impl Into<String>, result: std::result::Result<String, String>) {
        match result {
            Ok(text) => self.note(check, State::Ok, text),
            Err(text) => self.note(check, State::Failed, text),
        }
    }
}
