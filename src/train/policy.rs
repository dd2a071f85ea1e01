//! An owner's policy: what jobs may do with its rows.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::input;
use crate::party::Figure;
use crate::train::{InitialSource, Job, Reveals};

/// An owner's rules for jobs. [`Policy::DEFAULT`] (`policy.toml`) explains every rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Name of the data set; `None` for any.
    pub dataset: Option<String>,
    /// Exact number of training rows of this owner; `None` for any.
    pub train_rows: Option<u32>,
    /// Exact number of test rows of this owner; `None` for any.
    pub test_rows: Option<u32>,
    /// Minimum number of training rows of all owners together.
    pub least_rows: u32,
    /// Minimum number of training rows of this owner, and of its test rows if it has any.
    pub least_own_rows: u32,
    /// Minimum number of rows of a step.
    pub least_step_rows: u64,
    /// Minimum number of steps before anything is revealed.
    pub least_steps: u64,
    /// Minimum number of passes over all rows before anything is revealed.
    pub least_epochs: u64,
    /// What may be revealed: `accuracy`, `model`, `ranges`, `moments`, and the names of figures.
    pub reveal: Vec<String>,
    /// Minimum number of test rows behind an accuracy or another figure.
    pub least_test_rows: u32,
    /// Whether the accuracy may end the run early.
    pub early_stop: bool,
    /// Which sources of initial parameters are allowed.
    pub initial: InitialPolicy,
}

/// The allowed sources of initial parameters; each also allows those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialPolicy {
    /// From the job's seed.
    Seed,
    /// Chosen by the trainer, public.
    Public,
    /// Chosen by the trainer, secret.
    Private,
}

impl Default for Policy {
    /// Safe rules, which the named networks satisfy with their own settings.
    fn default() -> Self {
        Self {
            dataset: None,
            train_rows: None,
            test_rows: None,
            least_rows: 1000,
            least_own_rows: 0,
            least_step_rows: 16,
            least_steps: 100,
            least_epochs: 1,
            reveal: vec!["accuracy".into(), "model".into(), "ranges".into()],
            least_test_rows: 100,
            early_stop: true,
            initial: InitialPolicy::Seed,
        }
    }
}

impl Policy {
    /// The file that corresponds to [`Policy::default`], with a comment on every rule.
    pub const DEFAULT: &str = include_str!("policy.toml");

    /// A file for an owner whose rows are the trainer's own: it allows everything.
    pub const ANYTHING: &str = "\
reveal = [\"accuracy\", \"model\", \"ranges\", \"moments\", \"confusion\", \"r2\", \"roc\", \"squared-error\", \"top5\"]
least_rows = 0
least_step_rows = 0
least_steps = 0
least_epochs = 0
least_test_rows = 0
initial = \"private\"
";

    /// [`Policy::ANYTHING`].
    pub fn anything() -> Self {
        let open = Self { initial: InitialPolicy::Private, least_rows: 0, least_step_rows: 0, ..Self::default() };
        let reveal = ["accuracy", "model", "ranges", "moments"].into_iter().chain(Figure::ALL.map(Figure::name));
        let reveal = reveal.map(Into::into).collect();
        Self { least_steps: 0, least_epochs: 0, least_test_rows: 0, reveal, ..open }
    }

    /// The policy in a file.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Format`], naming the file and the line.
    pub fn load(path: &Path) -> Result<Self> {
        let text = input::read_text(path, MOST_BYTES).map_err(|e| Error::file(path, e))?;
        Self::read(&text).map_err(|reason| Error::format(path, reason))
    }

    fn read(text: &str) -> std::result::Result<Self, String> {
        let hint = "`ppdnn policy` prints all rules";
        let policy: Self = toml::from_str(text).map_err(|e| match e.span() {
            Some(span) => {
                let line = text.bytes().take(span.start).filter(|b| *b == b'\n').count() + 1;
                format!("line {line}: {}; {hint}", e.message())
            }
            None => format!("{}; {hint}", e.message()),
        })?;
        policy.reveals().map_err(|e| format!("`reveal`: {e}"))?;
        Ok(policy)
    }

    /// Checks that some job can meet the rules, for an owner with this data set and the given numbers of training and test rows.
    ///
    /// # Errors
    /// A message naming the first rule that no job of this owner can meet.
    pub fn can_be_met(&self, dataset: &str, [train, test]: [usize; 2]) -> std::result::Result<(), String> {
        if let Some(name) = self.dataset.as_ref().filter(|name| *name != dataset) {
            return Err(format!("`dataset = {name:?}`, but this owner has {dataset:?}; see --dataset"));
        }
        let rules = [
            ("train_rows", self.train_rows, train),
            ("test_rows", self.test_rows, test),
            ("least_own_rows", Some(self.least_own_rows), train),
        ];
        match rules.into_iter().find(|(_, wants, has)| wants.is_some_and(|wants| wants as usize > *has)) {
            Some((rule, Some(wants), has)) => Err(format!("`{rule} = {wants}`, but {dataset} has {has} such rows")),
            _ => Ok(()),
        }
    }

    fn reveals(&self) -> Result<Reveals> {
        Reveals::from_names(self.reveal.iter().map(String::as_str))
    }

    /// Checks a job against the rules, for owner `number`.
    ///
    /// # Errors
    /// [`Error::Usage`] with the first rule that the job breaks: its name, its value, and the job's.
    pub fn check(&self, job: &Job, number: u32) -> Result<()> {
        self.check_rows(job, number)?;
        self.check_reveals(job)?;
        let beginning = match &job.initial {
            InitialSource::Private => InitialPolicy::Private,
            InitialSource::Public { .. } => InitialPolicy::Public,
            InitialSource::Seed => InitialPolicy::Seed,
        };
        if beginning > self.initial {
            let name = |beginning| format!("{beginning:?}").to_lowercase();
            let (wants, allows) = (name(beginning), name(self.initial));
            return Err(broken(
                "initial",
                &format!("{allows:?}"),
                &format!("starts from {wants} weights of the trainer"),
            ));
        }
        Ok(())
    }

    fn check_rows(&self, job: &Job, number: u32) -> Result<()> {
        if let Some(name) = self.dataset.as_ref().filter(|name| **name != job.dataset) {
            return Err(broken("dataset", &format!("{name:?}"), &format!("is about {:?}", job.dataset)));
        }
        let Some(own) = job.owners.get(number as usize) else {
            return Err(Error::Usage(format!(
                "the job has {} owners, so there is no owner {number}; see --number",
                job.owners.len()
            )));
        };
        for (rule, rows, wants) in [("train_rows", self.train_rows, own.train), ("test_rows", self.test_rows, own.test)]
        {
            if let Some(rows) = rows.filter(|rows| *rows != wants) {
                return Err(broken(rule, &rows.to_string(), &format!("wants {wants}")));
            }
        }
        at_least("least_rows", self.least_rows.into(), job.train_rows().into(), "trains on", "rows")?;
        for (rows, what) in [(own.train, "train on"), (own.test, "test on")] {
            if what == "train on" || rows > 0 {
                let what = format!("rows of this owner to {what}");
                at_least("least_own_rows", self.least_own_rows.into(), rows.into(), "has", &what)?;
            }
        }
        Ok(())
    }

    fn check_reveals(&self, job: &Job) -> Result<()> {
        let (allowed, wanted) = (self.reveals()?, job.reveal);
        if let Some(name) = wanted.names().find(|name| !allowed.names().any(|allowed| allowed == *name)) {
            return Err(broken("reveal", &format!("{:?}", self.reveal), &format!("reveals the {name}")));
        }
        if job.settings.early_stop().is_some() && !self.early_stop {
            return Err(broken("early_stop", "false", "may end early depending on the accuracy"));
        }
        if job.evaluations() > 0 {
            let (rows, what) = (job.test_rows().into(), "reveals a figure on");
            at_least("least_test_rows", self.least_test_rows.into(), rows, what, "test rows")?;
        }
        if wanted != Reveals::NOTHING {
            let (steps, epoch) = (job.least_steps(), job.steps_per_epoch());
            at_least("least_step_rows", self.least_step_rows, job.least_step_rows(), "has a step of", "rows")?;
            let weighted = job.class_weights().spread() > 1.0;
            let reached = if weighted { WEIGHTED } else { "rows that reach a unit after dropout" };
            at_least("least_step_rows", self.least_step_rows, job.least_rows_kept(), "has a step of", reached)?;
            at_least("least_steps", self.least_steps, steps, "reveals something after", "steps")?;
            let held = "steps; its weight decay forgets those before";
            at_least("least_steps", self.least_steps, job.steps_held(), "reveals a model of the last", held)?;
            let after = "reveals something after";
            at_least("least_epochs", self.least_epochs, steps / epoch, after, "whole passes over the rows")?;
        }
        Ok(())
    }
}

/// Bytes of a file.
const MOST_BYTES: u64 = 1 << 20;

/// Checks that a job has at least what a rule requires.
fn at_least(rule: &str, least: u64, has: u64, verb: &str, what: &str) -> Result<()> {
    if has >= least { Ok(()) } else { Err(broken(rule, &least.to_string(), &format!("{verb} {has} {what}"))) }
}

/// A job that breaks a rule.
fn broken(rule: &str, value: &str, job: &str) -> Error {
    Error::Usage(format!("the owner's policy has `{rule} = {value}`, but the job {job}"))
}

/// What rows of a step are called that weights of classes, and dropout, leave.
const WEIGHTED: &str = "rows, for the weights of its classes and dropout,";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layers::Dropout;
    use crate::nn::{Factor, LayerSpec};
    use crate::train::Owned;
    use crate::train::steps::tests::job;

    /// A job that the default allows: 200 steps of 100 rows, an accuracy on 1000.
    fn allowed() -> Job {
        let owners = vec![Owned { train: 5000, test: 500 }, Owned { train: 5000, test: 500 }];
        let settings = job().settings.batch(100).learning_rate(0.0625 / 1.28);
        let job = Job { owners, settings, ..job() };
        Job { ends_from: job.steps_per_epoch(), ..job }
    }

    #[test]
    fn a_job_that_breaks_a_rule_is_refused_with_rule_and_values() {
        let strict = |change: &dyn Fn(&mut Policy)| {
            let mut policy = Policy::default();
            change(&mut policy);
            policy
        };
        let default = Policy::default();
        default.check(&allowed(), 0).unwrap();
        let broken = |policy: &Policy, change: &dyn Fn(&mut Job), says: &[&str]| {
            let mut job = allowed();
            change(&mut job);
            let reason = policy.check(&job, 1).unwrap_err().to_string();
            says.iter().for_each(|words| assert!(reason.contains(words), "`{words}` is not in {reason}"));
            Policy::anything().check(&job, 1).unwrap();
        };
        broken(&strict(&|p| p.dataset = Some("cifar-10".into())), &|_| (), &["dataset = \"cifar-10\"", "\"mnist\""]);
        broken(&strict(&|p| p.train_rows = Some(7)), &|_| (), &["train_rows = 7", "wants 5000"]);
        broken(&strict(&|p| p.test_rows = Some(7)), &|_| (), &["test_rows = 7", "wants 500"]);
        broken(&default, &|j| j.owners.iter_mut().for_each(|o| o.train = 499), &["least_rows = 1000", "on 998 rows"]);
        broken(
            &strict(&|p| p.least_own_rows = 600),
            &|_| (),
            &["least_own_rows = 600", "500 rows of this owner to test on"],
        );
        broken(&strict(&|p| p.reveal = vec!["accuracy".into()]), &|_| (), &["reveal", "reveals the model"]);
        broken(&strict(&|p| p.reveal.clear()), &|_| (), &["reveals the accuracy"]);
        // figures are of their own: neither the default nor the accuracy allows them
        let confusion = |j: &mut Job| j.reveal.confusion = true;
        broken(&default, &confusion, &["reveal = [\"accuracy\", \"model\", \"ranges\"]", "reveals the confusion"]);
        let alone = |j: &mut Job| j.reveal = Reveals { squared_error: true, ..Reveals::NOTHING };
        broken(&default, &alone, &["reveals the squared-error"]);
        let few = |j: &mut Job| {
            alone(j);
            j.owners.iter_mut().for_each(|o| o.test = 49);
        };
        let lists = strict(&|p| p.reveal = vec!["squared-error".into()]);
        lists.check(&Job { reveal: Reveals { squared_error: true, ..Reveals::NOTHING }, ..allowed() }, 0).unwrap();
        broken(&lists, &few, &["least_test_rows = 100", "98 test rows"]);
        broken(&strict(&|p| p.early_stop = false), &|j| j.settings.patience = Some(1), &["early_stop = false"]);
        broken(
            &default,
            &|j| j.owners.iter_mut().for_each(|o| o.test = 49),
            &["least_test_rows = 100", "98 test rows"],
        );
        broken(&default, &|j| j.owners[0].train = 5001, &["least_step_rows = 16", "a step of 1 rows"]);
        broken(&default, &|j| j.steps = Some(99), &["least_steps = 100", "after 99 steps"]);
        // a model of the last 50 steps; momentum has it forget faster
        for (momentum, decay) in [(0.0, 0.02), (0.75, 0.005)] {
            let forget = |j: &mut Job| {
                j.settings.momentum = momentum;
                j.settings.weight_decay = decay / (j.rate().value() * 100.0);
            };
            broken(&default, &forget, &["least_steps = 100", "the last 50 steps; its weight decay"]);
        }
        let drops = |j: &mut Job, n| {
            (0..n).for_each(|_| j.model.layers.insert(2, LayerSpec::from(Dropout { factor: Factor::kept(0.5) })));
        };
        let mut twice = allowed();
        drops(&mut twice, 2);
        default.check(&twice, 0).unwrap();
        let says = ["least_step_rows = 16", "a step of 12 rows that reach a unit after dropout"];
        broken(&default, &|j| drops(j, 3), &says);
        // a row that counts 8 times as much as others stands out as in a step of 12
        let weigh = |j: &mut Job, most| {
            j.settings.class_weights = vec![1.0; j.model.classes()];
            j.settings.class_weights[0] = most;
        };
        let mut weighted = allowed();
        weigh(&mut weighted, 4.0);
        default.check(&weighted, 0).unwrap();
        broken(&default, &|j| weigh(j, 8.0), &["least_step_rows = 16", "12 rows, for the weights of its classes"]);
        broken(
            &default,
            &|j| (j.settings.epochs, j.settings.batch, j.steps) = (1, 50, Some(150)),
            &["least_epochs = 1", "after 0 whole"],
        );
        broken(&default, &|j| j.initial = InitialSource::Private, &["initial = \"seed\"", "private weights"]);
        broken(&default, &|j| j.initial = InitialSource::Public { blake3: "0".repeat(64) }, &["public weights"]);
        // what shows nothing may be as short as it likes
        let silent = Reveals::NOTHING;
        default.check(&Job { steps: Some(1), reveal: silent, ..allowed() }, 0).unwrap();
    }

    #[test]
    fn the_file_that_is_printed_says_what_the_default_does() {
        assert_eq!(Policy::read(Policy::DEFAULT).unwrap(), Policy::default());
        assert_eq!(Policy::read("").unwrap(), Policy::default());
        assert_eq!(Policy::read(Policy::ANYTHING).unwrap(), Policy::anything());
        let rules = format!("{:?}", Policy::default());
        for rule in rules.split([' ', '{', ',']).filter_map(|word| word.strip_suffix(':')) {
            let line = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{rule} = "));
            assert!(Policy::DEFAULT.lines().any(line), "{rule}");
        }
    }

    #[test]
    fn a_wrong_file_is_told_with_its_line() {
        let wrong = |text: &str| Policy::read(text).unwrap_err();
        for (text, says) in [
            ("least_rows = 5\nleast_row = 5\n", "line 2: unknown field `least_row`"),
            ("\n\nleast_steps = -1\n", "line 3"),
            ("initial = \"secret\"", "line 1"),
            ("reveal = [\"gradients\"]", "`gradients` cannot be revealed"),
        ] {
            assert!(wrong(text).contains(says), "{}", wrong(text));
        }
    }
}
