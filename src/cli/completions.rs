//! `ppdnn completions` and `ppdnn man`: what shells and `man` read about the command line.

use std::fs;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::args::{Cli, ManArgs};
use crate::cli::print::say;
use crate::error::{Error, Result};

/// Prints the completion script of a shell.
pub(super) fn completions(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ppdnn", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
}

/// Writes a page for the program, and one for each command.
pub(super) fn man(args: &ManArgs) -> Result<()> {
    fs::create_dir_all(&args.out).map_err(|e| Error::file(&args.out, e))?;
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), &args.out)
        .map_err(|e| Error::file(&args.out, e))?;
    let folder = args.out.display();
    say(&format!("manual pages written to {folder}; read them with: man {folder}/ppdnn.1"));
    Ok(())
}
