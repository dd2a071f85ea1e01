//! `ppdnn convert`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::format::{MOST_SIZES, count};
use crate::cli::print::{json, say, warn};
use crate::cli::run_folder::{model_in, write_new};
use crate::cli::units;
use crate::cli::wrap::shortened;
use crate::data::dataset_info;
use crate::error::{Error, Result};
use crate::nn::{NameMap, Normalization, Task, TrainedModel};
use crate::shape::Shape;
use crate::train::Recipe;

#[derive(Args, Clone, Debug)]
pub(super) struct ConvertArgs {
    /// The model to read: .onnx, .safetensors, or the folder of a run
    pub input: PathBuf,
    /// The file to write: .onnx or .safetensors
    pub output: PathBuf,
    /// Network file to write (default with .safetensors: OUTPUT.toml)
    #[arg(long, value_name = "FILE")]
    pub model_out: Option<PathBuf>,
    /// TOML file with the names of PyTorch parameters, for --model
    ///
    /// Names of ppdnn, and those of the file: "conv1" = "features.0" is all of a layer.
    ///
    /// Names that are the same in both may be left out.
    #[arg(long, value_name = "FILE", requires = "model")]
    pub names: Option<PathBuf>,
    /// Network of --names: a name listed by `ppdnn models`, or a TOML file
    #[arg(long, value_name = "NAME|FILE", requires = "names")]
    pub model: Option<String>,
    /// Mean M and deviation D of the inputs of --names, such as 0.5,0.5
    #[arg(long, value_name = "M,D", requires = "names", value_parser = normalization)]
    pub normalization: Option<Normalization>,
    /// Task of an ONNX file: classification, multi-label or regression
    ///
    /// For files that name none: several outputs are taken as classes, one as a regression's.
    ///
    /// Behind a sigmoid, several outputs are taken as labels, one as two classes.
    #[arg(long, value_name = "TASK", conflicts_with = "names")]
    pub task: Option<Task>,
    /// Data set of the model: mnist, fashion-mnist or cifar-10
    #[arg(long)]
    pub dataset: Option<String>,
    /// Largest input of the model, such as 255; ppdnn has pixels of 0 to 1
    #[arg(long, value_name = "N", value_parser = units::positive::<u32>)]
    pub input_max: Option<u32>,
    /// Make the normalization part of the first layer
    ///
    /// `train --init` needs it, unless it is the normalization of the data set (--normalize).
    #[arg(long)]
    pub fold_normalization: bool,
    /// Replace files that exist
    #[arg(long)]
    pub overwrite: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `0.5,0.25`: a mean and a deviation.
fn normalization(text: &str) -> std::result::Result<Normalization, String> {
    let numbers: Vec<f64> = text.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    match numbers[..] {
        [mean, deviation] if mean.is_finite() && deviation.is_finite() && deviation > 0.0 => {
            Ok(Normalization::uniform(mean, deviation))
        }
        _ => Err("must be two numbers: a mean, and a positive deviation".into()),
    }
}

/// Converts a model from one format to another.
pub(super) fn convert(args: &ConvertArgs) -> Result<()> {
    let to_onnx = match args.output.extension().and_then(|e| e.to_str()) {
        Some("onnx") => true,
        Some("safetensors") => false,
        _ => {
            let file = args.output.display();
            return Err(Error::Usage(format!("{file}: the format is unknown; use the ending .onnx or .safetensors")));
        }
    };
    let beside = (!to_onnx).then(|| args.output.with_extension("toml"));
    let network = args.model_out.clone().or(beside);
    check_files(args, network.as_ref())?;
    let Source { model, remarks, guessed_task } = read(args)?;
    remarks.iter().for_each(|remark| warn(remark));
    let text = network.as_ref().map(|_| network_file(&model)).transpose()?;
    if to_onnx { model.save_onnx(&args.output) } else { model.save(&args.output) }?;
    if let (Some(file), Some(text)) = (&network, text) {
        write_new(file, &text)?;
    }
    report(args, &model, (network.as_deref(), guessed_task), &remarks);
    Ok(())
}

/// Refuses a file that is named twice, and one that exists where nothing may be replaced.
fn check_files(args: &ConvertArgs, network: Option<&PathBuf>) -> Result<()> {
    let real = |file: &PathBuf| fs::canonicalize(file).unwrap_or_else(|_| file.clone());
    let files: Vec<&PathBuf> = [&args.input, &args.output].into_iter().chain(network).collect();
    let before = |at: usize| files[..at].iter().any(|other| real(other) == real(files[at]));
    if let Some(at) = (1..files.len()).find(|at| before(*at)) {
        let file = files[at].display();
        return Err(Error::Usage(format!(
            "{file} is named twice; input, output and network file must be different files"
        )));
    }
    match files[1..].iter().find(|file| file.exists()) {
        Some(file) if !args.overwrite => {
            Err(Error::Usage(format!("{} already exists; --overwrite replaces it", file.display())))
        }
        _ => Ok(()),
    }
}

/// The model that is to be converted.
fn read(args: &ConvertArgs) -> Result<Source> {
    let data = args.dataset.as_deref().map(dataset_info).transpose()?;
    let Source { model, remarks, guessed_task } = match (&args.names, &args.model) {
        (Some(names), Some(network)) => {
            let data = data.map_or_else(|| Recipe::data(network), Ok)?;
            let recipe = Recipe::open(network, data)?;
            let model = TrainedModel::load_pytorch(&args.input, &recipe.model, &NameMap::load(names)?)?;
            let model = TrainedModel { normalization: args.normalization.clone(), ..model };
            Source { model: model.trained_on(data.name), remarks: Vec::new(), guessed_task: false }
        }
        _ => open(&model_in(&args.input)?, args.task)?,
    };
    let model = match args.input_max {
        Some(most) => model.with_inputs_up_to(most.into())?,
        None => model,
    };
    let model = if args.fold_normalization { model.with_folded_normalization()? } else { model };
    let model = data.map_or_else(|| model.clone(), |data| model.clone().trained_on(data.name));
    Ok(Source { model, remarks, guessed_task })
}

/// The network file of a model; it names a data set only if that is a known one.
fn network_file(model: &TrainedModel) -> Result<String> {
    let known = model.dataset.clone().filter(|name| dataset_info(name).is_ok());
    TrainedModel { dataset: known, ..model.clone() }.network_file()
}

/// Reads a model, by the ending of its name; and remarks on it.
pub(super) fn load(file: &Path) -> Result<(TrainedModel, Vec<String>)> {
    open(file, None).map(|source| (source.model, source.remarks))
}

/// A model that was read.
struct Source {
    model: TrainedModel,
    remarks: Vec<String>,
    /// Whether neither the file nor the user names its task.
    guessed_task: bool,
}

/// Reads a model, by the ending of its name; an ONNX file may be given a task.
fn open(file: &Path, task: Option<Task>) -> Result<Source> {
    if file.extension().is_none_or(|ending| ending != "onnx") {
        return match task {
            None => Ok(Source { model: TrainedModel::load(file)?, remarks: Vec::new(), guessed_task: false }),
            Some(_) => {
                let file = file.display();
                Err(Error::Usage(format!(
                    "--task is for .onnx files; {file} has the task of its network; remove --task"
                )))
            }
        };
    }
    let imported =
        task.map_or_else(|| TrainedModel::load_onnx(file), |task| TrainedModel::load_onnx_for(file, task))?;
    let remarks = imported.remarks.iter().map(|remark| format!("{}: {remark}", file.display())).collect();
    Ok(Source { model: imported.model, remarks, guessed_task: imported.guessed_task })
}

fn report(
    args: &ConvertArgs,
    model: &TrainedModel,
    (network, guessed_task): (Option<&Path>, bool),
    remarks: &[String],
) {
    let parameters: usize = model.model.parameters().iter().map(Shape::len).sum();
    let shown = |file: &Path| file.display().to_string();
    if args.json {
        json(&serde_json::json!({
            "model": model.model.name(), "layers": model.model.sizes(), "parameters": parameters,
            "task": model.model.task(), "dataset": model.dataset, "normalization": model.normalization,
            "remarks": remarks,
            "file": shown(&args.output), "network_file": network.map(shown),
        }));
        return;
    }
    let (name, sizes) = (model.model.name(), shortened(&model.model.sizes(), MOST_SIZES));
    say(&format!("{name} ({sizes}), {}: {}", count(parameters as u64, "parameter"), args.output.display()));
    let guess = if guessed_task { ", a guess from its outputs; --task names another" } else { "" };
    say(&format!("  task: {}{guess}", model.model.task()));
    if let Some(normalization) = &model.normalization {
        say(&format!("  inputs are normalized: {}", normalization.in_words()));
        say("  `train --init` needs --fold-normalization here, unless that is how the data set is normalized");
    }
    if let Some(network) = network {
        say(&format!("  network file: {}", network.display()));
        say("  a model has no training settings: the file has the defaults, such as learning rate and profile");
    }
}
