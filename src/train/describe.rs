//! A job in plain words, for an owner who is asked for rows; and how numbers of settings are written.

use crate::party::Figure;
use crate::train::{InitialSource, Job};

impl Job {
    /// What the job does with the rows of owner `number`, a line each.
    pub fn in_words(&self, number: u32) -> Vec<String> {
        let parameters: usize = self.model.parameters().iter().map(crate::shape::Shape::len).sum();
        let own = self.owners.get(number as usize).map_or([0; 2], |own| [own.train, own.test]);
        let (steps, rows) = (self.total_steps(), self.rows_per_step());
        let (epochs, smallest) = (self.epochs_begun(), self.least_step_rows());
        let used = self.used_settings();
        let learns = match self.model.classes() {
            0 => format!("{} with {} outputs", self.model.task(), self.model.outputs()),
            classes => format!("{classes} classes"),
        };
        let mut lines = vec![
            format!("network {:?}, profile {:?}:", self.model.name(), used.profile.name),
            format!("  {} features, {learns}, {parameters} parameters", self.model.features()),
            format!("data set {:?}: {} training rows, {} test rows", self.dataset, self.train_rows(), self.test_rows()),
            format!("  of this owner: {} training rows, {} test rows", own[0], own[1]),
        ];
        lines.extend(self.description_in_words());
        lines.extend([
            format!("training: epochs {epochs}, steps {steps}, rows per step {rows}, in the smallest step {smallest}"),
            format!("  {}", if used.shuffle { "rows shuffled for every epoch" } else { "rows in original order" }),
            format!("  learning rate {}, {}", used.lr, used.schedule),
            format!("  optimizer {}, momentum {}, weight decay {}", used.optimizer, used.momentum, used.weight_decay),
            format!("  loss {}", self.model.loss().name()),
        ]);
        let weights = used.class_weights.iter().map(f64::to_string).collect::<Vec<_>>();
        lines.extend((!weights.is_empty()).then(|| format!("  weights of the classes {}", weights.join(", "))));
        lines.extend(self.forgotten_in_words());
        lines.extend(self.normalization().map(|n| format!("  features scaled: {}", n.in_words())));
        lines.push("layers:".into());
        lines.extend(self.layers_in_words());
        lines.extend(used.early_stop().map(|stop| format!("  early stop: {stop}")));
        lines.extend(self.initial_in_words());
        lines.extend(self.reveals_in_words());
        lines
    }

    /// What the model does not hold of the rows, and what makes single ones stand out.
    fn forgotten_in_words(&self) -> Vec<String> {
        let (held, kept) = (self.steps_held(), self.least_rows_kept());
        let forgets =
            (held < self.total_steps()).then(|| format!("  weight decay forgets all but the last {held} steps"));
        let spread = self.class_weights().spread();
        let weights = (spread > 1.0).then(|| format!("  rows of a class count up to {spread} times as much as others"));
        let drops = (kept < self.least_step_rows() && self.model.kept_by_dropout() < 1.0)
            .then(|| format!("  dropout lets {kept} rows of the smallest step reach a unit"));
        forgets.into_iter().chain(weights).chain(drops).collect()
    }

    /// The layers, in lines that fit a terminal.
    fn layers_in_words(&self) -> Vec<String> {
        let mut lines = vec![String::from(" ")];
        for layer in self.model.layers().iter().map(ToString::to_string) {
            if lines.last().is_some_and(|line| line.len() > 2 && line.len() + layer.len() > MOST_LETTERS) {
                lines.push(" ".into());
            }
            let last = lines.last_mut().expect("a line");
            *last += " ";
            last.extend(layer.chars().take(MOST_LETTERS));
        }
        if lines.len() > MOST_LINES {
            let more = lines.len() - MOST_LINES;
            lines.truncate(MOST_LINES);
            lines.push(format!("  and {more} more lines of layers"));
        }
        lines
    }

    fn initial_in_words(&self) -> Vec<String> {
        match &self.initial {
            InitialSource::Private => vec!["initial weights: chosen by the trainer, secret".into()],
            InitialSource::Public { blake3 } => {
                vec!["initial weights: chosen by the trainer, public; their BLAKE3:".into(), format!("  {blake3}")]
            }
            InitialSource::Seed => vec![format!("initial weights: random, from the public seed {}", self.seed)],
        }
    }

    fn reveals_in_words(&self) -> Vec<String> {
        let reveals = [
            (
                self.reveal.accuracy,
                "accuracy: the number of test rows, or their labels, predicted right, after every epoch",
            ),
            (self.reveal.ranges, "ranges: the number of sampled values out of range, after every epoch"),
            (self.reveal.model, "model: the parameters after training"),
        ];
        let listed = reveals.iter().filter(|(listed, _)| *listed).map(|(_, what)| *what);
        let figures = self.reveal.figures();
        let lines = listed.chain(figures.iter().map(|figure| in_words(*figure)));
        let lines: Vec<_> = lines.map(|what| format!("  {what}")).collect();
        if lines.is_empty() {
            return vec!["revealed: nothing".into()];
        }
        let first = format!("revealed, to the trainer only, after {} steps at the earliest:", self.least_steps());
        std::iter::once(first).chain(lines).collect()
    }
}

/// What is revealed of a figure, of the model after training.
fn in_words(figure: Figure) -> &'static str {
    match figure {
        Figure::Confusion => "confusion: at the end, the number of test rows by label and prediction",
        Figure::R2 => "r2: at the end, sums of squared errors, of targets and their squares over all test rows",
        Figure::Roc => "roc: at the end, the number of test rows by class and score (387 thresholds)",
        Figure::SquaredError => "squared-error: after every epoch, of all test rows together",
        Figure::TopFive => "top5: at the end, the number of test rows with the label in the top five",
    }
}

/// Letters of a line of layers.
const MOST_LETTERS: usize = 80;
/// Lines of layers.
const MOST_LINES: usize = 12;

/// `1 epoch`, `2 epochs`.
pub(crate) fn count(n: impl Into<u64>, what: &str) -> String {
    let n = n.into();
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// `batches of 128, 4 per step`.
pub(crate) fn batches(batch: u32, accumulate: u32) -> String {
    let summed = if accumulate > 1 { format!(", {accumulate} per step") } else { String::new() };
    format!("batches of {batch}{summed}")
}

/// Four digits, and no zeros behind the point that say nothing.
pub(crate) fn short(x: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 40")]
    let places = (3.0 - x.abs().log10().floor()).clamp(0.0, 40.0) as usize;
    let text = format!("{x:.places$}");
    if places > 0 { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_four_digits_at_most() {
        let cases =
            [(0.0625, "0.0625"), (0.062_588, "0.06259"), (1.0, "1"), (0.001_953_125, "0.001953"), (1234.5, "1234")];
        for (x, text) in cases {
            assert_eq!(short(x), text);
        }
    }
}
