//! `ppdnn policy`.

use clap::Args;

use crate::cli::print::{json, say};
use crate::train::Policy;

#[derive(Args, Clone, Debug)]
pub(super) struct PolicyArgs {
    /// Print one JSON object: the rules, without the explanations
    #[arg(long)]
    pub json: bool,
}

/// Prints the default policy.
pub(super) fn policy(args: &PolicyArgs) {
    match args.json {
        true => json(&Policy::default()),
        false => say(Policy::DEFAULT.trim_end()),
    }
}
