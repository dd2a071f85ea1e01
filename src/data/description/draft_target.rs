//! What a drafted description has to be learned: guessed from the values of columns.

use std::fmt::Write as _;
use std::path::Path;

use crate::data::description::check::MOST_CLASSES;
use crate::data::description::draft::{MOST_CATEGORIES, Seen, list, quoted};
use crate::error::{Error, Result};
use crate::nn::Task;

/// What is to be learned, as far as the user says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Learn<'a> {
    /// The column of the label, or those of labels or targets; of arrays the array of them. The last column, or the usual array,
    /// if there is none.
    pub labels: &'a [String],
    /// The task; guessed from the values if `None`.
    pub task: Option<Task>,
}

/// The parts of a description that say what is to be learned: keys at the top, and sections.
pub(super) struct DraftTarget {
    pub(super) keys: String,
    pub(super) sections: String,
}

impl DraftTarget {
    /// Of columns of a table.
    ///
    /// # Errors
    /// [`Error::Format`] if the columns do not have values of the task.
    pub(super) fn of_columns(path: &Path, columns: &[Seen], task: Option<Task>) -> Result<Self> {
        let guessed = match columns {
            [single] if single.is_continuous() => Task::Regression,
            [_] => Task::Classification,
            several if several.iter().all(Seen::is_label) => Task::MultiLabel,
            _ => Task::Regression,
        };
        match (task.unwrap_or(guessed), columns) {
            (Task::Classification, [label]) => Self::classes(path, label),
            (Task::Classification, _) => Err(Error::format(
                path,
                "classification has one label; for several, use --task multi-label or --task regression",
            )),
            (Task::MultiLabel, labels) => Self::labels(path, labels),
            (Task::Regression, targets) => {
                let range = |target: &Seen| {
                    let name = &target.name;
                    target.numbers().ok_or_else(|| {
                        let reason = format!(
                            "column `{name}` cannot be a target: not all of its values are numbers, or all are the same"
                        );
                        Error::format(path, reason)
                    })
                };
                let ranges = targets.iter().map(|target| Ok((target.name.clone(), range(target)?)));
                Ok(Self::numbers(&ranges.collect::<Result<Vec<_>>>()?))
            }
        }
    }

    fn classes(path: &Path, label: &Seen) -> Result<Self> {
        let classes = label.texts.as_ref().filter(|texts| texts.len() >= 2).ok_or_else(|| {
            let reason = format!(
                "column `{}` cannot be the label: it has fewer than 2 or more than {MOST_CLASSES} different values, or values that are \
                 not short texts; name another with --label, or learn its numbers with --task regression",
                label.name
            );
            Error::format(path, reason)
        })?;
        let (label, classes) = (quoted(&label.name), list(classes.keys()));
        let keys = format!("task = \"{}\"\nlabel = {label}\nclasses = {classes}\n", Task::Classification);
        Ok(Self { keys, sections: String::new() })
    }

    fn labels(path: &Path, labels: &[Seen]) -> Result<Self> {
        if let Some(label) = labels.iter().find(|label| !label.is_label()) {
            let reason = format!("column `{}` cannot be one of several labels: its values are not 0 and 1", label.name);
            return Err(Error::format(path, reason));
        }
        Ok(Self::of_labels(labels.iter().map(|label| &label.name)))
    }

    /// Of the names of labels.
    pub(super) fn of_labels<'a>(names: impl IntoIterator<Item = &'a String>) -> Self {
        let keys = format!("task = \"{}\"\nlabels = {}\n", Task::MultiLabel, list(names));
        Self { keys, sections: String::new() }
    }

    /// Of the names and the ranges of numbers.
    pub(super) fn numbers(targets: &[(String, [f64; 2])]) -> Self {
        let mut sections = String::new();
        for (name, [low, high]) in targets {
            let _ = writeln!(sections, "\n[[targets]]\nname = {}\nrange = [{low:?}, {high:?}]", quoted(name));
        }
        Self { keys: format!("task = \"{}\"\n", Task::Regression), sections }
    }
}

impl Seen {
    /// Whether its values say yes or no.
    fn is_label(&self) -> bool {
        let says = |text: &String| ["0", "1", "no", "yes", "false", "true"].contains(&text.to_lowercase().as_str());
        self.texts.as_ref().is_some_and(|texts| texts.keys().all(says))
    }

    /// Whether its values look like those of a scale: numbers of which some are no integers, or many differ.
    fn is_continuous(&self) -> bool {
        let integer = |text: &String| text.parse::<i64>().is_ok();
        self.numbers().is_some()
            && self.texts.as_ref().is_none_or(|texts| texts.len() > MOST_CATEGORIES || !texts.keys().all(integer))
    }
}
