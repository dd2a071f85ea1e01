//! `ppdnn models`.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::format::{MOST_SIZES, bytes};
use crate::cli::print::{json, say};
use crate::cli::wrap::shortened;
use crate::data::{DatasetInfo, dataset_info};
use crate::error::Result;
use crate::roles::{Bytes, Training, plan_summary};
use crate::train::{Recipe, Reveals, Settings};

#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct ModelsArgs {
    #[command(subcommand)]
    pub what: Option<ModelsCommand>,
    /// Show costs on mnist, fashion-mnist or cifar-10 [default: the network's]
    #[arg(long)]
    pub dataset: Option<String>,
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// Print the TOML file of a network, as a starting point for your own
    Show {
        /// A name listed by `ppdnn models`
        name: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Lists the named networks, or prints the file of one.
pub(super) fn models(args: &ModelsArgs) -> Result<()> {
    if let Some(ModelsCommand::Show { name, json: as_json }) = &args.what {
        let text = Recipe::resolved(name)?;
        if *as_json {
            json(&serde_json::json!({ "name": name, "file": text }))
        } else {
            say(text.trim_end())
        }
        return Ok(());
    }
    let all = match &args.dataset {
        Some(data) => {
            let data = dataset_info(data)?;
            // those that fit it
            let fit = Recipe::names().filter(|name| Recipe::named(name, data).is_ok());
            fit.map(|name| Listed::new(name, data)).collect::<Result<Vec<_>>>()?
        }
        None => Recipe::names().map(|name| Listed::new(name, Recipe::data(name)?)).collect::<Result<_>>()?,
    };
    if args.json {
        all.iter().for_each(json);
    } else {
        say(&table(&all));
    }
    Ok(())
}

/// The description of a network.
#[derive(Serialize)]
struct Listed {
    model: String,
    description: String,
    dataset: &'static str,
    layers: String,
    loss: &'static str,
    init: &'static str,
    parameters: u64,
    macs_per_example: u64,
    batch: u32,
    rounds_per_step: f64,
    bytes_per_step: Bytes,
    settings: Settings,
}

impl Listed {
    fn new(name: &str, data: &DatasetInfo) -> Result<Self> {
        let recipe = Recipe::named(name, data)?;
        let training = Training::of(&recipe, data).batch(BATCH).steps(Some(1));
        let nothing = Reveals::NOTHING;
        let plan = plan_summary(&training.reveal(nothing).job(BATCH as usize, 0)?, "none")?;
        let Recipe { model, description, settings, .. } = recipe;
        Ok(Self {
            model: model.name().to_owned(),
            description,
            dataset: data.name,
            layers: model.sizes(),
            loss: model.loss().name(),
            init: model.init().name(),
            parameters: model.parameters().iter().map(|shape| shape.len() as u64).sum(),
            macs_per_example: model.macs(),
            batch: BATCH,
            rounds_per_step: plan.rounds_per_step,
            bytes_per_step: plan.bytes_per_step,
            settings,
        })
    }
}

/// Rows of the step that is counted.
const BATCH: u32 = 128;

fn table(all: &[Listed]) -> String {
    let line = |columns: [&str; 8]| {
        let [name, loss, profile, parameters, macs, rounds, opened, dealt] = columns;
        format!("{name:<15}{loss:<23}{profile:<8}{parameters:>11}{macs:>10}{rounds:>7}{opened:>11}{dealt:>11}")
    };
    let mut lines = vec![line(["network", "loss", "profile", "parameters", "MACs", "rounds", "each way", "dealt"])];
    let first = all.first().map_or("mnist", |m| m.dataset);
    let usual = if all.iter().all(|m| m.dataset == first) { first } else { "mnist" };
    for m in all {
        let b = &m.bytes_per_step;
        let (parameters, macs, rounds) = (m.parameters.to_string(), m.macs_per_example.to_string(), m.rounds_per_step);
        let (opened, dealt) = (bytes(b.server0_to_server1), bytes(b.dealer_to_server0 + b.dealer_to_server1));
        let (loss, profile, rounds) = (m.loss.to_string(), m.settings.profile.name, format!("{rounds:.0}"));
        lines.push(line([&m.model, &loss, profile, &parameters, &macs, &rounds, &opened, &dealt]));
        let layers = shortened(&m.layers, MOST_SIZES);
        let on = if m.dataset == usual { String::new() } else { format!(" ({})", m.dataset) };
        lines.push(format!("  {layers}{on}: {}", m.description));
    }
    lines.push(format!(
        "on {usual} unless stated: MACs of one example's forward pass; rounds and bytes of a step of {BATCH} rows"
    ));
    lines.push("`ppdnn models show NAME` prints a network's file; `ppdnn train --model NAME|FILE` trains it".into());
    lines.join("\n")
}
