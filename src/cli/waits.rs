//! Waits of a private prediction, in words.

use std::time::{Duration, Instant};

use crate::cli::print::{note, warn};
use crate::roles::Event;

/// Shows for whom somebody waits, once it takes a while.
pub(super) struct Waits {
    quiet: bool,
    start: Instant,
    last: Option<(String, String)>,
}

impl Waits {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, start: Instant::now(), last: None }
    }

    pub(super) fn show(&mut self, event: &Event) {
        match event {
            Event::Waiting { party, what } if !self.quiet && self.start.elapsed() > PATIENCE => {
                let wait = (party.clone(), what.clone());
                if self.last.as_ref() != Some(&wait) {
                    note(&format!("{party} waits for {what}"));
                    self.last = Some(wait);
                }
            }
            Event::Warning { text } => warn(text),
            _ => {}
        }
    }
}

/// Waits that are not worth a word.
const PATIENCE: Duration = Duration::from_millis(1500);
