//! The job that the command line asks for: the network, its settings, the data set, and how many of its rows.

use std::path::Path;

use crate::cli::args::JobArgs;
use crate::cli::run_folder::model_in;
use crate::data::{DataSet, DataSource, DatasetInfo, Download, SearchPath, dataset_info};
use crate::error::{Error, Result};
use crate::nn::{InitialParameters, Task, TrainedModel};
use crate::train::Training;
use crate::train::{Job, Owned, Recipe, Reveals, Settings};

impl JobArgs {
    /// The data set: the one that is asked for, or the network's.
    pub(super) fn data(&self) -> Result<&'static DatasetInfo> {
        self.dataset.as_ref().map_or_else(|| Recipe::data(self.recipe.name()), |name| dataset_info(name))
    }

    /// The training, for the given number of owners where none are asked for, and its rows: `agreed` ones by owner, or those of
    /// the data set.
    pub(super) fn choose(&self, data: DataSource, owners: usize, agreed: Option<Vec<Owned>>) -> Result<Choice> {
        let recipe = self.recipe.recipe(data.format())?;
        let mut training = Training::of(&recipe, data.format())
            .owners(self.owners.unwrap_or(owners))
            .steps(self.steps)
            .measured_at(self.recipe.own_rate(data.format())?)
            .seed(self.seed);
        training = training.reveal(self.reveals(recipe.model.task())?);
        let mut ambiguous = Vec::new();
        if let Some(file) = &self.init {
            let InitialParameters { parameters, square, .. } = self.begin(file, &recipe, &data)?;
            training =
                if self.private_init { training.private_initial(parameters) } else { training.initial(parameters) };
            ambiguous = square;
        }
        let asked = recipe.settings;
        let [train_rows, test_rows] = match &agreed {
            Some(_) if asked.train_limit.or(asked.test_limit).is_some() => return Err(Error::Usage(AGREED.into())),
            Some(owned) => [owned.iter().map(|o| o.train as usize).sum(), owned.iter().map(|o| o.test as usize).sum()],
            None => limited(&data, [asked.train_limit, asked.test_limit])?,
        };
        if test_rows == 0 && data.description().is_some() && self.reveals(recipe.model.task())?.reads_test_rows() {
            return Err(Error::Usage(format!("{} has no test rows for what is revealed; {TEST_ROWS}", data.name())));
        }
        Ok(Choice { data, training, asked, ambiguous, train_rows, test_rows, agreed })
    }

    /// What the trainer gets to see.
    fn reveals(&self, task: Task) -> Result<Reveals> {
        let names = self.reveal.as_ref().map(|names| Reveals::from_names(names.iter().map(String::as_str)));
        names.unwrap_or_else(|| Ok(Reveals::of(task)))
    }

    /// The parameters of a file, or of the run in a folder.
    fn begin(&self, file: &Path, recipe: &Recipe, data: &DataSource) -> Result<InitialParameters> {
        if file.extension().is_some_and(|ending| ending == "onnx") {
            let text = "is an ONNX file; `ppdnn convert FILE model.safetensors` makes the file that --init takes";
            return Err(Error::format(file, text));
        }
        let begun = TrainedModel::load_parameters(&model_in(file)?, &recipe.model)?;
        // a network file of a converted model asks for what its features had
        let normalize = recipe.settings.normalize && data.description().is_none();
        let standardized = data.description().is_some_and(|own| !own.standardized().is_empty());
        let ours = data.format().scale.unwrap_or([0.0, 1.0]);
        match begun.normalization {
            // every run has moments of its own, and those of the same rows are the same
            Some(Some(_)) if standardized => Ok(begun),
            Some(None) if standardized => {
                let text =
                    "was trained on features that were not standardized; use a description without `reveal = true`";
                Err(Error::format(file, text))
            }
            Some(Some(theirs)) if theirs.as_uniform().is_none() => Err(Error::format(
                file,
                "was trained on features that were standardized each by itself: use its description, with `reveal = true`, or make \
                 that part of the first layer with `ppdnn convert --fold-normalization`",
            )),
            Some(Some(theirs)) if normalize && theirs.as_uniform() != Some(ours) => {
                let ([mean, deviation], name, theirs) = (ours, data.name(), theirs.in_words());
                Err(Error::format(
                    file,
                    format!(
                        "expects features normalized as {theirs}, but those of {name} are normalized as (x - {mean}) / \
                         {deviation}; make it part of the first layer with `ppdnn convert --fold-normalization`",
                    ),
                ))
            }
            Some(theirs) if theirs.is_some() != normalize => {
                let (was, flag) = if normalize { ("unscaled", "false") } else { ("normalized", "true") };
                Err(Error::format(file, format!("was trained on {was} features; add --normalize={flag}")))
            }
            _ => Ok(begun),
        }
    }
}

/// The first rows of a data set.
fn limited(data: &DataSource, limits: [Option<usize>; 2]) -> Result<[usize; 2]> {
    let Some([train, test]) = data.rows() else {
        // a plan needs no rows, but their number
        let [Some(train), Some(test)] = limits else {
            return Err(Error::Usage(
                "--description without --data is for --cluster; add --data, the file of the rows (for `ppdnn plan`, their number \
                 is enough: --train-limit and --test-limit)"
                    .into(),
            ));
        };
        return Ok([train, test]);
    };
    Ok([limits[0].map_or(train, |limit| limit.min(train)), limits[1].map_or(test, |limit| limit.min(test))])
}

/// Why rows cannot be limited.
const AGREED: &str = "the rows of own data in a cluster are those of its file (train_rows, test_rows); remove --train-limit and \
                      --test-limit, or change the file";

/// Where test rows come from.
const TEST_ROWS: &str =
    "add [split] to the description, or --test-data, or leave the accuracy and figures out of --reveal";

/// What a run from a saved model does not resume.
const GOES_ON: &str = "  schedule, momentum and row order start afresh; accuracy may dip at first";

/// What is to be trained, and on how many rows.
pub(super) struct Choice {
    pub data: DataSource,
    pub training: Training,
    /// The settings before they are rounded.
    pub asked: Settings,
    /// Square weights of a file that does not say which way round they are.
    pub ambiguous: Vec<String>,
    pub train_rows: usize,
    pub test_rows: usize,
    /// The rows of every owner, where they are agreed.
    agreed: Option<Vec<Owned>>,
}

impl Choice {
    pub(super) fn job(&self) -> Result<Job> {
        match &self.agreed {
            Some(owned) => self.training.job_of(owned.clone()),
            None => self.training.job(self.train_rows, self.test_rows),
        }
    }

    /// Those of the set's rows that are asked for.
    pub(super) fn rows(&self, places: &SearchPath, progress: &mut dyn FnMut(Download)) -> Result<DataSet> {
        self.data.first_rows([self.train_rows, self.test_rows], places, progress)
    }

    /// What people should know of the job besides its settings.
    pub(super) fn remarks(&self, job: &Job, args: &JobArgs) -> Vec<String> {
        let begun = args.init.as_ref().map(|file| {
            let file = file.display();
            [format!("initial parameters from {file}:"), GOES_ON.to_owned()]
        });
        self.asked.rounded(&job.used_settings()).into_iter().chain(begun.into_iter().flatten()).collect()
    }

    /// What is asked for and cannot be had, though the rest can.
    pub(super) fn warnings(&self) -> Vec<String> {
        let name = self.data.name();
        let [train_rows, test_rows] = self.data.rows().unwrap_or([self.train_rows, self.test_rows]);
        let ambiguous = (!self.ambiguous.is_empty()).then(|| {
            let square = self.ambiguous.join(", ");
            format!(
                "{square} of --init: the orientation of a square weight cannot be detected. It is read as [inputs, outputs]; \
                 PyTorch stores [outputs, inputs]: transpose all weights that come from PyTorch, including square ones"
            )
        });
        let limits = [
            ("--train-limit", self.asked.train_limit, train_rows, "training"),
            ("--test-limit", self.asked.test_limit, test_rows, "test"),
        ]
        .into_iter()
        .filter_map(|(flag, limit, all, what)| {
            let limit = limit.filter(|limit| *limit > all)?;
            Some(format!("{flag} {limit} is more than {name} has: all its {all} {what} rows are used"))
        });
        limits.chain(ambiguous).collect()
    }
}
