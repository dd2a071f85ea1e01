//! `ppdnn keygen`.

use std::io::ErrorKind::NotFound;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::print::{json, say};
use crate::error::{Error, Result};
use crate::net::Identity;

#[derive(Args, Clone, Debug)]
pub(super) struct KeygenArgs {
    /// File to write the private key to
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Print one JSON object: the file, and the public keys
    #[arg(long)]
    pub json: bool,
}

/// Makes a key and prints what goes into the cluster file.
pub(super) fn keygen(args: &KeygenArgs) -> Result<()> {
    if args.out.exists() {
        let text = format!("{} already exists, and keys are not overwritten; choose another file", args.out.display());
        return Err(Error::Usage(text));
    }
    let identity = Identity::generate()?;
    identity.save(&args.out).map_err(|e| match e {
        Error::File { path, source } if source.kind() == NotFound => {
            let folder = path.parent().map_or(String::new(), |folder| folder.display().to_string());
            Error::file_with(path, &source, &format!("create the folder first: mkdir -p {folder}"))
        }
        Error::File { path, source } => Error::file_with(path, &source, "choose a file in a writable folder"),
        e => e,
    })?;
    if args.json {
        let seal = identity.sealing_key().to_string();
        json(&json!({ "file": args.out, "key": identity.fingerprint().to_string(), "seal": seal }));
        return Ok(());
    }
    say(&format!("# the private key is in {}; keep it there", args.out.display()));
    say("# for this party's section of the cluster file:");
    say(&format!("key = \"{}\"", identity.fingerprint()));
    say("# and, in the sections [trainer] and [client] only:");
    say(&format!("seal = \"{}\"", identity.sealing_key()));
    Ok(())
}
