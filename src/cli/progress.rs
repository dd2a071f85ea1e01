//! What a person or a script sees: a progress bar on a terminal, plain lines elsewhere, JSON lines where asked for.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::format::{MOST_SIZES, bytes, count, loss, percent, seconds};
use crate::cli::print::{json, say, say_fitted, warn};
use crate::cli::wrap::shortened;
use crate::data::Download;
use crate::nn::Task;
use crate::roles::{Bytes, Event, TRAINER};

/// Shows the progress of a run.
pub(super) struct ProgressView {
    mode: Mode,
    bar: ProgressBar,
    phase: Option<Phase>,
    last: Instant,
    epoch_start: (u64, f64),
    /// When an evaluation told of rows first, and how many.
    evaluation: Option<(Instant, u32)>,
    /// Whom somebody waits for and since when; `None` once a line has said so.
    waits: HashMap<String, Option<Instant>>,
    /// What people should know of the job besides.
    remarks: Vec<String>,
    /// The steps before which an interrupted run has no model, in a job that reveals one.
    model_from: Option<u64>,
    /// Steps done.
    step: u64,
    task: Task,
}

/// What the line at the bottom of a terminal is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Downloading,
    Evaluating,
    Training,
    Waiting,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Json,
    Plain,
    Quiet,
    Terminal,
}

impl ProgressView {
    pub(super) fn new(json: bool, quiet: bool) -> Self {
        let mode = match (json, quiet) {
            (true, _) => Mode::Json,
            (_, true) => Mode::Quiet,
            _ if std::io::stderr().is_terminal() => Mode::Terminal,
            _ => Mode::Plain,
        };
        Self {
            mode,
            bar: ProgressBar::hidden(),
            phase: None,
            last: Instant::now(),
            epoch_start: (0, 0.0),
            evaluation: None,
            waits: HashMap::new(),
            remarks: Vec::new(),
            model_from: None,
            step: 0,
            task: Task::default(),
        }
    }

    /// Shows these lines below the job.
    pub(super) fn remarks(self, remarks: Vec<String>) -> Self {
        Self { remarks, ..self }
    }

    /// Steps after which the model of an interrupted run is revealed.
    pub(super) fn model_from(self, step: Option<u64>) -> Self {
        Self { model_from: step, ..self }
    }

    /// Shows an event.
    pub(super) fn show(&mut self, event: &Event) {
        match self.mode {
            Mode::Json => {
                if !matches!(event, Event::Summary(_)) {
                    json(event);
                }
            }
            Mode::Quiet => {
                if let Event::Warning { text } = event {
                    warn(text);
                }
            }
            Mode::Plain | Mode::Terminal => self.tell(event),
        }
    }

    /// Shows an event that is for people only.
    pub(super) fn draw(&mut self, event: &Event) {
        if matches!(self.mode, Mode::Plain | Mode::Terminal) {
            self.tell(event);
        }
    }

    /// Shows a line.
    pub(super) fn note(&mut self, line: &str) {
        match self.mode {
            Mode::Plain => say_fitted(line),
            Mode::Terminal => self.bar.suspend(|| say_fitted(line)),
            Mode::Json | Mode::Quiet => {}
        }
    }

    /// Shows how far a download is.
    pub(super) fn download(&mut self, d: &Download) {
        if self.mode == Mode::Terminal {
            self.line(Phase::Downloading, d.total, d.bytes, d.file, "bytes");
        } else if d.bytes == d.total {
            self.note(&format!("downloaded {} ({})", d.file, bytes(d.total as f64)));
        }
    }

    /// Takes the line at the bottom away.
    pub(super) fn clear(&mut self) {
        self.bar.finish_and_clear();
        self.phase = None;
    }

    fn tell(&mut self, event: &Event) {
        match event {
            Event::Job { .. } => self.job(event),
            Event::Warning { text } => self.bar.suspend(|| warn(text)),
            Event::Waiting { party, what } => {
                if self.mode == Mode::Terminal {
                    self.line(Phase::Waiting, 0, 0, "starting", &format!("{party} waits for {what}"));
                } else {
                    self.waits(party, what);
                }
            }
            Event::Moments { features } => {
                let features = count(features.len() as u64, "feature");
                let text =
                    format!("revealed mean and deviation of {features}, over all owners' rows; owners scale by them");
                self.milestone(&text);
            }
            Event::Started => self.milestone("training starts: the servers have all rows, the owners disconnect"),
            Event::Resumed { step, seconds } => self.resumed(*step, *seconds),
            Event::Evaluation { rows, of } => self.evaluation(*rows, *of),
            Event::Progress { epoch, step, steps, seconds } => self.progress(*epoch, *step, *steps, *seconds),
            Event::Epoch { epoch, step, test_accuracy, squared_error, seconds, bytes } => {
                self.epoch(*epoch, *step, [*test_accuracy, *squared_error], *seconds, bytes);
            }
            Event::Interrupted => self.interrupted(),
            Event::Ranges(out) if out.values > 0 => {
                let places: Vec<String> = out.places.iter().map(|(place, n)| format!("{place} {n}")).collect();
                let (values, places) = (count(out.values, "value"), places.join(", "));
                self.note(&format!("epoch {}  {values} out of range: {places}", out.epoch));
            }
            Event::Stopped { epoch, epochs } => {
                self.milestone(&format!("stopped early, after epoch {epoch} of {epochs}"));
            }
            Event::Clear { epoch, test_accuracy, squared_error, on_shares } => {
                self.clear_epoch(*epoch, [*test_accuracy, *squared_error], *on_shares);
            }
            Event::Checkpoint { .. } | Event::Ranges(_) | Event::Summary(_) => {}
        }
    }

    /// A line in place of the one at the bottom.
    fn milestone(&mut self, text: &str) {
        self.clear();
        self.note(text);
    }

    fn resumed(&mut self, step: u64, seconds: f64) {
        self.epoch_start = (step, seconds);
        self.milestone(&match step {
            0 => "no checkpoint of both servers: the run resumes from its first step".to_owned(),
            step => format!("resuming from the checkpoint of step {step}"),
        });
    }

    /// An epoch in the clear, with what it was on shares.
    fn clear_epoch(&mut self, epoch: u32, [accuracy, squared_error]: [Option<f64>; 2], on_shares: Option<f64>) {
        let (name, shown): (_, fn(f64) -> String) =
            if accuracy.is_some() { ("accuracy", percent) } else { ("squared error", loss) };
        let shares = on_shares.map_or(String::new(), |shares| format!(", on shares {}", shown(shares)));
        let clear = accuracy.or(squared_error).map_or(String::new(), shown);
        self.note(&format!("epoch {epoch} in the clear  {name} {clear}{shares}"));
    }

    /// The lines of a job, which is the first event.
    fn job(&mut self, event: &Event) {
        let Event::Job {
            model,
            sizes,
            profile,
            backend,
            task,
            loss,
            settings,
            rows: [train, test],
            steps,
            step_size,
            rounds_per_step,
            bytes_per_step: b,
        } = event
        else {
            return;
        };
        self.task = *task;
        let sizes = shortened(sizes, MOST_SIZES);
        self.note(&format!("{model} {sizes}, profile {profile}, backend {backend}"));
        let [often, rows, rate, more] = settings.in_words(loss);
        for line in [format!("{often}, {rows}"), rate, more].iter().filter(|line| !line.is_empty()) {
            self.note(line);
        }
        self.note(&format!("{train} training rows, {test} test rows; {steps} steps of {step_size} times the gradient"));
        for line in std::mem::take(&mut self.remarks) {
            self.note(&line);
        }
        self.note("roles: two servers, dealer, owners, trainer; all connections use mutual TLS");
        let (open, dealt) = (bytes(b.server0_to_server1), bytes(b.dealer_to_server1));
        self.note(&format!("planned per step: {rounds_per_step:.0} rounds, {open} each way, {dealt} from the dealer"));
    }

    /// Says that the run ends, and whether there will be a model.
    fn interrupted(&mut self) {
        self.clear();
        self.note("interrupted: the run ends after the next step; a second Ctrl-C stops it at once");
        if let Some(first) = self.model_from.filter(|first| self.step + 1 < *first) {
            self.note(&format!("the job reveals no model before step {first}, so there will be none"));
        }
    }

    fn progress(&mut self, epoch: u32, step: u64, steps: u64, spent: f64) {
        self.step = step;
        let (pace, left) = pace(step, steps, spent);
        if self.mode == Mode::Terminal {
            let what = if step < steps { format!("{pace}, {left}") } else { "finishing".into() };
            self.line(Phase::Training, steps, step, &format!("epoch {epoch}"), &what);
        } else if self.last.elapsed() > PLAIN_EVERY {
            self.last = Instant::now();
            say(&format!("epoch {epoch}  step {step}/{steps}  {pace}  {left}"));
        }
    }

    fn evaluation(&mut self, rows: u32, of: u32) {
        let (since, first) = *self.evaluation.get_or_insert((Instant::now(), rows));
        let rate = f64::from(rows - first) / since.elapsed().as_secs_f64().max(1e-9);
        let left = if rows > first { format!("{} left", seconds(f64::from(of - rows) / rate)) } else { String::new() };
        if self.mode == Mode::Terminal {
            self.line(Phase::Evaluating, of.into(), rows.into(), "test rows", &left);
        } else if self.last.elapsed() > PLAIN_EVERY {
            self.last = Instant::now();
            say(format!("evaluation  row {rows}/{of}  {left}").trim_end());
        }
    }

    /// A wait that lasts is said in a line, once.
    fn waits(&mut self, party: &str, what: &str) {
        let since = self.waits.entry(what.to_owned()).or_insert_with(|| Some(Instant::now()));
        // the trainer says so only once a call was not answered
        if since.is_some_and(|since| party == TRAINER || since.elapsed() > LONG_WAIT) {
            *since = None;
            self.note(&format!("waiting for {what}; Ctrl-C ends the run"));
        }
    }

    fn epoch(&mut self, epoch: u32, step: u64, [accuracy, squared_error]: [Option<f64>; 2], spent: f64, b: &Bytes) {
        self.evaluation = None;
        let (before, since) = self.epoch_start;
        let n = (step - before).max(1) as f64;
        self.epoch_start = (step, spent);
        let accuracy = match self.task {
            Task::Regression => String::new(),
            _ => format!("accuracy {}  ", accuracy.map_or("not revealed".into(), percent)),
        };
        let error = squared_error.map_or(String::new(), |x| format!("squared error {}  ", loss(x)));
        let time = format!("{}, {:.1} ms per step", seconds(spent - since), 1e3 * (spent - since) / n);
        self.note(&format!("epoch {epoch}  {accuracy}{error}{time}"));
        let (open0, open1) = (bytes(b.server0_to_server1), bytes(b.server1_to_server0));
        let (dealt0, dealt1) = (bytes(b.dealer_to_server0), bytes(b.dealer_to_server1));
        self.note(&format!("  so far 0 to 1 {open0}, 1 to 0 {open1}, dealer to 0 {dealt0}, to 1 {dealt1}"));
    }

    /// The line at the bottom of a terminal; a new one is made complete before it is drawn.
    fn line(&mut self, phase: Phase, len: u64, at: u64, prefix: &str, message: &str) {
        if self.phase == Some(phase) {
            self.bar.set_length(len);
            self.bar.set_position(at);
            self.bar.set_prefix(prefix.to_owned());
            self.bar.set_message(message.to_owned());
            return;
        }
        self.clear();
        let template = match phase {
            Phase::Waiting => "{prefix}: {wide_msg}",
            Phase::Downloading | Phase::Evaluating | Phase::Training => "{prefix} [{bar:24}] {pos}/{len} {wide_msg}",
        };
        let style = ProgressStyle::with_template(template).expect("the templates are valid").progress_chars("=> ");
        self.bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::stderr())
            .with_style(style)
            .with_position(at)
            .with_prefix(prefix.to_owned())
            .with_message(message.to_owned());
        self.phase = Some(phase);
        self.bar.tick();
    }
}

/// How fast steps are, and how long those that are left take at that pace.
fn pace(step: u64, steps: u64, spent: f64) -> (String, String) {
    if step == 0 {
        return ("in the first step".into(), "time left not known yet".into());
    }
    let each = spent.max(1e-9) / step as f64;
    let pace = match 1.0 / each {
        rate if rate >= 9.95 => format!("{rate:.0} steps/s"),
        rate if rate >= 0.995 => format!("{rate:.1} steps/s"),
        _ => format!("{each:.1} s per step"),
    };
    (pace, format!("{} left", seconds(steps.saturating_sub(step) as f64 * each)))
}

/// How often a plain line tells of progress.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// A wait that is worth a line.
const LONG_WAIT: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pace_is_of_0_steps() {
        let shown = |step, steps, spent| {
            let (pace, left) = pace(step, steps, spent);
            format!("{pace}, {left}")
        };
        assert_eq!(shown(0, 100, 3.0), "in the first step, time left not known yet");
        assert_eq!(shown(50, 100, 1.0), "50 steps/s, 1.0 s left");
        assert_eq!(shown(3, 9, 2.0), "1.5 steps/s, 4.0 s left");
        assert_eq!(shown(2, 32, 8.0), "4.0 s per step, 2 min 00 s left");
        assert_eq!(shown(4, 4, 0.0), "4000000000 steps/s, 0.0 s left");
    }
}
