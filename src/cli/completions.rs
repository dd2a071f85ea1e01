//! `ppdnn completions` and `ppdnn man`: what shells and `man` read about the command line.

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use serde_json::json;

use crate::cli::args::Cli;
use crate::cli::print::{json, say};
use crate::error::{Error, Result};

#[derive(Args, Clone, Debug)]
pub(super) struct ManArgs {
    /// Folder for the pages; it is created if it does not exist
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Print one JSON object: the folder, and the names of the pages
    #[arg(long)]
    pub json: bool,
}

/// Prints the completion script of a shell.
pub(super) fn completions(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ppdnn", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
}

/// Writes a page for the program, and one for each command.
pub(super) fn man(args: &ManArgs) -> Result<()> {
    fs::create_dir_all(&args.out).map_err(|e| Error::file(&args.out, e))?;
    let (mut program, mut pages) = (Cli::command().disable_help_subcommand(true), Vec::new());
    program.build();
    write_pages(&program, &args.out, &mut pages).map_err(|e| Error::file(&args.out, e))?;
    if args.json {
        json(&json!({ "folder": args.out, "pages": pages }));
        return Ok(());
    }
    let folder = args.out.display();
    say(&format!("manual pages written to {folder}; read them with: man {folder}/ppdnn.1"));
    Ok(())
}

/// Writes the page of a command after those of its subcommands, and notes their names.
fn write_pages(command: &Command, folder: &Path, pages: &mut Vec<String>) -> io::Result<()> {
    for part in command.get_subcommands().filter(|part| !part.is_hide_set()) {
        write_pages(part, folder, pages)?;
    }
    let page = Man::new(command.clone());
    page.generate_to(folder)?;
    pages.push(page.get_filename());
    Ok(())
}
