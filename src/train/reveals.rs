//! What a job reveals, and when figures on the test rows are counted.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::gates::MOST_COMPARED;
use crate::nn::Task;
use crate::party::{Figure, Revealed};
use crate::train::Job;

/// The results that are revealed to the trainer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reveals {
    /// The accuracy on the owners' test rows, after every epoch; there is none in regression.
    pub accuracy: bool,
    /// The final model.
    pub model: bool,
    /// The number of sampled values out of range, by layer, after every epoch.
    pub ranges: bool,
    /// [`Figure::Confusion`], of up to 14 classes, or of any number of labels.
    pub confusion: bool,
    /// Mean and deviation of the features that the data description standardizes so, to trainer and owners, before training; a
    /// training lists it where the description does.
    pub moments: bool,
    /// [`Figure::R2`], of a regression.
    pub r2: bool,
    /// [`Figure::Roc`], of two classes.
    pub roc: bool,
    /// [`Figure::SquaredError`].
    pub squared_error: bool,
    /// [`Figure::TopFive`], of six classes or more.
    pub top5: bool,
}

impl Default for Reveals {
    /// The accuracy, the model and the ranges.
    fn default() -> Self {
        Self { accuracy: true, model: true, ranges: true, ..Self::NOTHING }
    }
}

impl Reveals {
    /// Nothing at all.
    pub const NOTHING: Self = Self {
        accuracy: false,
        model: false,
        ranges: false,
        confusion: false,
        moments: false,
        r2: false,
        roc: false,
        squared_error: false,
        top5: false,
    };

    /// What is revealed of a task where nothing else is asked for: the model, the ranges, and the accuracy, or the squared error of
    /// a regression.
    pub fn of(task: Task) -> Self {
        match task {
            Task::Classification | Task::MultiLabel => Self::default(),
            Task::Regression => Self { accuracy: false, squared_error: true, ..Self::default() },
        }
    }

    /// From a list of `accuracy`, `model`, `ranges`, `moments` and the names of figures.
    ///
    /// # Errors
    /// [`Error::Usage`] for any other word.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut reveals = Self::NOTHING;
        let names: Vec<&str> = names.into_iter().collect();
        if names.contains(&"none") && names.len() > 1 {
            let text = "`none` cannot be combined with other items; to reveal something, list it without `none`";
            return Err(Error::Usage(text.into()));
        }
        for name in names {
            match name {
                "accuracy" => reveals.accuracy = true,
                "model" => reveals.model = true,
                "moments" => reveals.moments = true,
                "ranges" => reveals.ranges = true,
                "none" => {}
                _ => match Figure::ALL.into_iter().find(|figure| figure.name() == name) {
                    Some(figure) => *reveals.figure_mut(figure) = true,
                    None => return Err(Error::Usage(unknown(name))),
                },
            }
        }
        Ok(reveals)
    }

    /// All that is listed, by name.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let first =
            [(self.accuracy, "accuracy"), (self.model, "model"), (self.ranges, "ranges"), (self.moments, "moments")];
        let first = first.into_iter().filter_map(|(listed, name)| listed.then_some(name));
        first.chain(self.figures().into_iter().map(Figure::name))
    }

    /// The figures that are revealed once, after training, in the order of [`Figure::ALL`].
    pub fn final_figures(&self) -> Vec<Figure> {
        self.figures().into_iter().filter(|figure| *figure != Figure::SquaredError).collect()
    }

    /// All figures that are revealed, in the order of [`Figure::ALL`]: the squared error after every epoch, the others after training.
    pub fn figures(&self) -> Vec<Figure> {
        let mut own = *self;
        Figure::ALL.into_iter().filter(|figure| *own.figure_mut(*figure)).collect()
    }

    /// Whether something on test rows is listed.
    #[cfg(feature = "cli")]
    pub(crate) fn reads_test_rows(&self) -> bool {
        self.accuracy || !self.figures().is_empty()
    }

    /// No figures: what else is listed.
    #[must_use]
    pub fn without_figures(self) -> Self {
        let Self { accuracy, model, ranges, moments, .. } = self;
        Self { accuracy, model, ranges, moments, ..Self::NOTHING }
    }

    /// Whether a figure is listed.
    fn figure_mut(&mut self, figure: Figure) -> &mut bool {
        match figure {
            Figure::Confusion => &mut self.confusion,
            Figure::R2 => &mut self.r2,
            Figure::Roc => &mut self.roc,
            Figure::SquaredError => &mut self.squared_error,
            Figure::TopFive => &mut self.top5,
        }
    }

    /// Whether `what` is revealed.
    pub fn allows(&self, what: Revealed) -> bool {
        match what {
            Revealed::Figure(figure) => figure != Figure::SquaredError && self.figures().contains(&figure),
            Revealed::Hits { .. } => self.accuracy,
            Revealed::SquaredError { .. } => self.squared_error,
            Revealed::Answers { .. } => false,
            Revealed::Moments => self.moments,
            Revealed::OutOfRange { .. } => self.ranges,
            Revealed::Parameter { .. } => self.model,
        }
    }
}

/// What a word is told that cannot be revealed.
fn unknown(name: &str) -> String {
    let figures = Figure::ALL.map(|figure| format!("`{}`", figure.name())).join(", ");
    format!("`{name}` cannot be revealed; choose among `accuracy`, `model`, `ranges`, `moments`, {figures} and `none`")
}

impl Job {
    /// The figures that are counted after an epoch: the squared error after each; the others after the last one, as they are
    /// revealed once, and with an early stop after each, as any may turn out to be the one whose model is revealed.
    pub fn figures_after(&self, epoch: u32) -> Vec<Figure> {
        let all = epoch == self.epochs_begun() || self.settings.early_stop().is_some();
        let figures = self.reveal.figures().into_iter();
        figures.filter(|figure| all || *figure == Figure::SquaredError).collect()
    }

    /// The number of evaluations on the test rows.
    pub fn evaluations(&self) -> u32 {
        match self.reveal.accuracy || self.reveal.squared_error {
            true => self.epochs_begun(),
            false => u32::from(!self.reveal.figures().is_empty()),
        }
    }

    /// A figure that is not one of such a network, or on no rows.
    pub(super) fn figure_mistake(&self) -> Option<String> {
        let (task, classes) = (self.model.task(), self.model.classes());
        let learns = if classes > 0 { format!("has {classes}") } else { format!("learns {task}") };
        let wrong = |figure: Figure| {
            let of = match figure {
                _ if self.test_rows() == 0 => return Some("is to be revealed, but there are no test rows".to_owned()),
                Figure::Confusion if task == Task::Regression => "is of classes or labels".into(),
                Figure::Confusion if classes > MOST_COMPARED => format!("is of at most {MOST_COMPARED} classes"),
                Figure::R2 if task != Task::Regression => "is of a regression".into(),
                Figure::Roc if classes != 2 => "is of two classes".into(),
                Figure::TopFive if classes < 6 => "is of six classes or more".into(),
                _ => return None,
            };
            Some(format!("{of}, and the network {learns}; take it out of --reveal"))
        };
        if self.reveal.accuracy && task == Task::Regression {
            return Some("a regression has no accuracy; reveal `squared-error` or `r2` instead".into());
        }
        self.reveal.figures().into_iter().find_map(|f| Some(format!("`{}` {}", f.name(), wrong(f)?)))
    }
}
