//! `ppdnn card`.

use serde_json::json;

use crate::cli::predict::{offered, read_model};
use crate::cli::predict_args::CardArgs;
use crate::cli::print::{json, say, warn};
use crate::cli::run_record::description_of_run;
use crate::cli::tables::warn_of_other_rows;
use crate::data::Description;
use crate::error::{Error, Result};
use crate::nn::Task;

/// Writes a model's card.
pub(super) fn write_card(args: &CardArgs) -> Result<()> {
    let (model, dataset) = read_model(&args.model)?;
    let mut card = offered(&model, dataset, &args.offer)?;
    card.max_rows = args.max_rows;
    card.answers = args.answers.clone().unwrap_or(card.answers);
    let given = args.description.as_deref().map(Description::load).transpose()?;
    card.description = given.or_else(|| description_of_run(&args.model));
    card.check()?;
    card.description.iter().for_each(|description| warn_of_other_rows(&model, description));
    if card.model.task() == Task::Regression && card.description.is_none() {
        warn(
            "answers will be the network's outputs, scaled as in training; add --description, and they are in the target's unit",
        );
    }
    if args.out.exists() && !args.overwrite {
        let text = format!("{} already exists; choose another file, or add --overwrite", args.out.display());
        return Err(Error::Usage(text));
    }
    card.save(&args.out)?;
    if args.json {
        json(&json!({ "file": args.out, "card": card }));
        return Ok(());
    }
    say(&format!(
        "{}: the card of `{}`; give it to clients, and to `ppdnn model-owner`",
        args.out.display(),
        card.model.name()
    ));
    Ok(())
}
