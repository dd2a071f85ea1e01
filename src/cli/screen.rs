//! What a person or a script sees: a progress bar on a terminal, plain lines elsewhere, JSON lines where asked for.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::data::Download;
use crate::error::Error;
use crate::roles::{Bytes, Event};

/// Prints a line. A reader that is gone is none of our business.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a JSON line.
pub(super) fn json(value: &impl Serialize) {
    say(&serde_json::to_string(value).expect("an event can be written"));
}

/// Prints an error.
pub(super) fn error(e: &Error) {
    let _ = writeln!(std::io::stderr(), "error: {e}");
}

/// Shows a run while it goes on.
pub(super) struct Screen {
    mode: Mode,
    bar: ProgressBar,
    last: Instant,
    epoch_start: (u64, f64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Json,
    Plain,
    Quiet,
    Terminal,
}

impl Screen {
    pub(super) fn new(json: bool, quiet: bool) -> Self {
        let mode = match (json, quiet) {
            (true, _) => Mode::Json,
            (_, true) => Mode::Quiet,
            _ if std::io::stderr().is_terminal() => Mode::Terminal,
            _ => Mode::Plain,
        };
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{prefix} [{bar:28}] {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        Self { mode, bar, last: Instant::now(), epoch_start: (0, 0.0) }
    }

    /// Shows an event.
    pub(super) fn show(&mut self, event: &Event) {
        match self.mode {
            Mode::Json => {
                if !matches!(event, Event::Summary(_)) {
                    json(event);
                }
            }
            Mode::Quiet => {}
            Mode::Plain | Mode::Terminal => self.tell(event),
        }
    }

    /// Shows a line.
    pub(super) fn note(&mut self, line: &str) {
        match self.mode {
            Mode::Plain => say(line),
            Mode::Terminal => self.bar.suspend(|| say(line)),
            Mode::Json | Mode::Quiet => {}
        }
    }

    /// Shows how far a download is.
    pub(super) fn download(&mut self, d: &Download) {
        if self.mode == Mode::Terminal || self.mode == Mode::Plain && d.bytes == d.total {
            self.start_bar(d.total);
            self.bar.set_prefix(d.file.to_owned());
            self.bar.set_position(d.bytes);
        }
    }

    /// Takes the progress bar away.
    pub(super) fn clear(&mut self) {
        self.bar.finish_and_clear();
    }

    fn tell(&mut self, event: &Event) {
        match event {
            Event::Job { model, sizes, profile, backend, rows, steps, step_size, rounds_per_step, bytes_per_step } => {
                let [train, test] = rows;
                self.note(&format!(
                    "{model} {sizes}, {train} rows to train on, {test} to test on, {steps} steps of {step_size}"
                ));
                self.note("roles: two servers, dealer, owners, trainer; mutual TLS between all of them");
                self.note(&format!("profile {profile}, backend {backend}"));
                let b = bytes_per_step;
                let (open, dealt) = (bytes(b.server0_to_server1), bytes(b.dealer_to_server1));
                self.note(&format!(
                    "planned per step: {rounds_per_step:.0} rounds, {open} each way, {dealt} from the dealer"
                ));
            }
            Event::Waiting { party, what } => {
                if self.mode == Mode::Terminal {
                    self.start_bar(1);
                    self.bar.set_prefix("starting");
                    self.bar.set_message(format!("{party} waits for {what}"));
                }
            }
            Event::Started => self.note("training starts: the owners have left"),
            Event::Progress { epoch, step, steps, seconds } => self.progress(*epoch, *step, *steps, *seconds),
            Event::Epoch { epoch, step, test_accuracy, seconds, bytes } => {
                self.epoch(*epoch, *step, *test_accuracy, *seconds, bytes);
            }
            Event::Clear { epoch, test_accuracy } => {
                self.note(&format!("epoch {epoch} in the clear  accuracy {}", percent(*test_accuracy)));
            }
            Event::Summary(_) => {}
        }
    }

    fn progress(&mut self, epoch: u32, step: u64, steps: u64, spent: f64) {
        let rate = step as f64 / spent.max(1e-9);
        let left = (steps - step) as f64 / rate;
        if self.mode == Mode::Terminal {
            self.start_bar(steps);
            self.bar.set_prefix(format!("epoch {epoch}"));
            self.bar.set_position(step);
            self.bar.set_message(format!("{rate:.0} steps/s, {} left", seconds(left)));
        } else if self.last.elapsed() > PLAIN_EVERY {
            self.last = Instant::now();
            say(&format!("epoch {epoch}  step {step}/{steps}  {rate:.0} steps/s  {} left", seconds(left)));
        }
    }

    fn epoch(&mut self, epoch: u32, step: u64, accuracy: Option<f64>, spent: f64, b: &Bytes) {
        let (before, since) = self.epoch_start;
        let n = (step - before).max(1) as f64;
        self.epoch_start = (step, spent);
        let accuracy = accuracy.map_or("not revealed".into(), percent);
        let time = format!("{} ({:.1} ms a step)", seconds(spent - since), 1e3 * (spent - since) / n);
        let open = format!("{} / {}", bytes(b.server0_to_server1), bytes(b.server1_to_server0));
        let dealt = format!("{} / {}", bytes(b.dealer_to_server0), bytes(b.dealer_to_server1));
        self.note(&format!("epoch {epoch}  accuracy {accuracy}  {time}  so far: servers {open}, dealer {dealt}"));
    }

    fn start_bar(&self, len: u64) {
        if self.bar.is_hidden() && self.mode == Mode::Terminal {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_length(len);
    }
}

/// How often a plain line tells of progress.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// `12.3 MB`.
pub(super) fn bytes(x: f64) -> String {
    match x {
        x if x >= 1e9 => format!("{:.2} GB", x / 1e9),
        x if x >= 1e6 => format!("{:.2} MB", x / 1e6),
        x if x >= 1e3 => format!("{:.1} kB", x / 1e3),
        x => format!("{x:.0} B"),
    }
}

/// `98.02 %`.
pub(super) fn percent(x: f64) -> String {
    format!("{:.2} %", 100.0 * x)
}

/// `1 min 05 s`.
pub(super) fn seconds(x: f64) -> String {
    if x < 60.0 { format!("{x:.1} s") } else { format!("{:.0} min {:02.0} s", (x / 60.0).floor(), x % 60.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(bytes(1_000_632.0), "1.00 MB");
        assert_eq!(bytes(999.0), "999 B");
        assert_eq!(percent(0.9802), "98.02 %");
        assert_eq!(seconds(65.4), "1 min 05 s");
    }
}
