//! The command line. The only place that prints.

mod adapters;
mod answers_file;
mod args;
mod card;
mod certificate;
mod choice;
mod cluster_run;
mod columns;
mod compare_clear;
mod completions;
mod compute;
mod convert;
mod data;
mod data_args;
mod dry_run;
mod format;
mod keygen;
mod mesa;
mod models;
mod number_lines;
mod plan;
mod policy;
mod predict;
mod predict_args;
mod print;
mod progress;
mod report;
mod resume;
mod role_args;
mod roles;
mod run_folder;
mod run_record;
mod runs;
mod runs_args;
mod same_in_the_clear;
mod save_model;
mod settings;
mod setup;
mod shell;
mod signals;
mod stop;
mod tables;
mod tensorboard;
mod test_figures;
mod train;
mod units;
mod waits;
mod wrap;

use std::process::ExitCode;

use clap::Parser;

use crate::error::Error;
use crate::roles::{begin, forbid_core_dumps};
use args::{Cli, Command};

/// Runs the program; 0 done, 1 the run failed, 2 bad usage.
pub fn main() -> ExitCode {
    begin();
    if let Err(e) = forbid_core_dumps() {
        print::warn(&format!("core dumps could not be disabled ({e}); they may contain secrets"));
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(text) => return told(&text),
    };
    mesa::hush(&cli.command);
    let result = match &cli.command {
        Command::Adapters(args) => adapters::adapters(args),
        Command::Completions { shell } => {
            completions::completions(*shell);
            Ok(())
        }
        Command::Card(args) => card::write_card(args),
        Command::Convert(args) => convert::convert(args),
        Command::Data { command } => data::data(command),
        Command::Dealer(args) => roles::dealer(args),
        Command::Doctor(args) => setup::doctor::doctor(args),
        Command::DryRun(args) => dry_run::dry_run(args),
        Command::Evaluate(args) => tables::evaluate(args),
        Command::Init(args) => setup::init::init(args),
        Command::Keygen(args) => keygen::keygen(args),
        Command::Keys { command } => setup::keys::keys(command),
        Command::Man(args) => completions::man(args),
        Command::ModelOwner(args) => roles::model_owner(args),
        Command::Models(args) => models::models(args),
        Command::Owner(args) => roles::owner(args),
        Command::Plan(args) => plan::plan(args),
        Command::Predict(args) => predict::predict(args),
        Command::Policy(args) => {
            policy::policy(args);
            Ok(())
        }
        Command::Runs(args) => runs::runs(args),
        Command::Server(args) => roles::server(args),
        Command::Train(args) => train::train(args),
    };
    let lost = print::lost_output();
    for e in result.as_ref().err().iter().copied().chain(&lost) {
        print::error(e);
    }
    result.err().or(lost).map_or(ExitCode::SUCCESS, |e| exit_code(&e))
}

/// Prints help, a version, or the error in the arguments.
fn told(text: &clap::Error) -> ExitCode {
    let printed = text.print();
    match printed {
        Err(e) if !text.use_stderr() && e.kind() != std::io::ErrorKind::BrokenPipe => {
            print::error(&Error::file("standard output", e));
            ExitCode::FAILURE
        }
        _ => ExitCode::from(u8::try_from(text.exit_code()).unwrap_or(2)),
    }
}

/// The exit code of a program that was interrupted, as shells have it.
const INTERRUPTED: u8 = 130;

fn exit_code(e: &Error) -> ExitCode {
    match e {
        e if e.is_usage() => ExitCode::from(2),
        Error::Interrupted | Error::Ended { .. } => ExitCode::from(INTERRUPTED),
        _ => ExitCode::from(1),
    }
}
