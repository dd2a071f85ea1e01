//! `ppdnn keys`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::configuration::{Configuration, option, usual_folder};
use crate::cli::print::{json, say};
use crate::error::{Error, Result};
use crate::net::{Change, Distrust, Fingerprint, PartyEntry, Role, SealingKey};

#[derive(Clone, Debug, Subcommand)]
pub(in crate::cli) enum KeysCommand {
    /// List the parties that this one knows, with their fingerprints
    List(ListArgs),
    /// Enter the keys of other parties into this party's configuration
    ///
    /// With files: ppdnn keys trust server1.party dealer.party owner0.party trainer.party
    ///
    /// With a fingerprint: ppdnn keys trust server1 FINGERPRINT --address b.example.org:7100
    ///
    /// Compare the printed fingerprints with their operators by phone or in person.
    Trust(TrustArgs),
}

#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct ListArgs {
    /// Folder of the configuration [default: $PPDNN_CONFIG, or ppdnn-config]
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct TrustArgs {
    /// Files of other parties; or one's name, and its fingerprint or file
    #[arg(required = true, value_name = "FILE|NAME FINGERPRINT")]
    pub parties: Vec<PathBuf>,
    /// With a fingerprint of a server or the dealer: where it listens
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// With a fingerprint of the trainer or the client: its sealing key
    #[arg(long, value_name = "KEY")]
    pub seal: Option<String>,
    /// Replace the key of a party that is known by another one
    #[arg(long)]
    pub replace: bool,
    /// Folder of the configuration [default: $PPDNN_CONFIG, or ppdnn-config]
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,
    /// Print one JSON object: the parties, and which are missing
    #[arg(long)]
    pub json: bool,
}

/// Lists or enters keys.
pub(in crate::cli) fn keys(command: &KeysCommand) -> Result<()> {
    match command {
        KeysCommand::List(args) => list(args),
        KeysCommand::Trust(args) => trust(args),
    }
}

fn list(args: &ListArgs) -> Result<()> {
    let configuration = Configuration::load(&args.config.clone().unwrap_or_else(usual_folder))?;
    let entries = configuration.parties.entries();
    if args.json {
        let all: Vec<_> = entries.iter().map(as_json).collect();
        json(&json!({ "role": configuration.role.slug(), "parties": all, "missing": missing(&configuration) }));
        return Ok(());
    }
    for entry in entries {
        let of = if entry.role == configuration.role { "this party" } else { entry.address.as_deref().unwrap_or("") };
        say(format!("{:<12} {}  {of}", entry.role.slug(), grouped(&entry.key.to_string())).trim_end());
    }
    missing(&configuration).iter().for_each(|what| say(what));
    Ok(())
}

fn trust(args: &TrustArgs) -> Result<()> {
    let folder = args.config.clone().unwrap_or_else(usual_folder);
    let mut configuration = Configuration::load(&folder)?;
    let mut told = Vec::new();
    // all of them, or none
    for (entry, from) in asked(args)? {
        if entry.role == configuration.role && configuration.own().is_some_and(|own| own.key != entry.key) {
            let text = format!(
                "{from} has another key for {}, which is this party itself; its key is not replaced",
                entry.role
            );
            return Err(Error::Usage(text));
        }
        let change = configuration.parties.trust(&entry, args.replace).map_err(|why| refused(&entry, &from, why))?;
        told.push((entry, change));
    }
    configuration.save()?;
    let missing = missing(&configuration);
    if args.json {
        let entry = |(entry, change): &(PartyEntry, Change)| {
            let mut all = as_json(entry);
            all["change"] = word(*change).into();
            all
        };
        let all: Vec<_> = told.iter().map(entry).collect();
        json(&json!({ "configuration": configuration.path(), "trusted": all, "missing": missing }));
        return Ok(());
    }
    for (entry, change) in &told {
        say(&format!("{:<12} {:<9} {}", entry.role.slug(), word(*change), grouped(&entry.key.to_string())));
    }
    say("Compare each fingerprint with its operator, by phone or in person, before any data is sent.");
    match missing {
        Some(what) => say(&what),
        None => say(&format!("All parties are known. Next: ppdnn doctor{}", option(&folder))),
    }
    Ok(())
}

/// The parties that the arguments name, and where they were found.
fn asked(args: &TrustArgs) -> Result<Vec<(PartyEntry, String)>> {
    let named = args.parties.first().and_then(|name| Role::from_slug(name.to_str()?));
    let by_hand = args.address.is_some() || args.seal.is_some();
    match (named, &args.parties[..]) {
        (Some(role), [_, key]) => Ok(vec![named_party(args, role, key)?]),
        (Some(role), [_]) => {
            Err(Error::Usage(format!("ppdnn keys trust {} needs the fingerprint, or the .party file", role.slug())))
        }
        (Some(role), _) => {
            Err(Error::Usage(format!("{} is followed by its fingerprint, and by nothing else", role.slug())))
        }
        (None, _) if by_hand => {
            Err(Error::Usage("--address and --seal are for `ppdnn keys trust NAME FINGERPRINT`".into()))
        }
        (None, files) => files.iter().map(|file| Ok((PartyEntry::load(file)?, file.display().to_string()))).collect(),
    }
}

/// The party of a name, by its fingerprint or its file.
fn named_party(args: &TrustArgs, role: Role, key: &Path) -> Result<(PartyEntry, String)> {
    let digits: String = key.to_string_lossy().chars().filter(|c| !matches!(c, ' ' | ':' | '-')).collect();
    if let Ok(key) = Fingerprint::parse(&digits) {
        let seal = args.seal.as_deref().map(SealingKey::parse).transpose()?;
        let entry = PartyEntry { role, address: args.address.clone(), key, seal, rows: [None; 2] };
        entry.check().map_err(|(field, what)| Error::Usage(format!("{role}: --{field} {what}")))?;
        return Ok((entry, "the command line".into()));
    }
    if !key.exists() {
        let text = format!("{} is neither a fingerprint of 64 hexadecimal digits nor a file", key.display());
        return Err(Error::Usage(text));
    }
    let entry = PartyEntry::load(key)?;
    if entry.role != role {
        return Err(Error::format(key, format!("is the file of {}, not of {role}", entry.role)));
    }
    Ok((entry, key.display().to_string()))
}

fn refused(entry: &PartyEntry, from: &str, why: Distrust) -> Error {
    let role = entry.role;
    Error::Usage(match why {
        Distrust::Invalid(why) => format!("{from}: {why}"),
        Distrust::OtherKey { known, seal: false } => format!(
            "{from} has another key for {role} than the known one; nothing was changed.\n  known {}\n  new   {}\n\
             Ask its operator, by phone or in person, which is right; if the new one is, add --replace",
            grouped(&known.to_string()),
            grouped(&entry.key.to_string())
        ),
        Distrust::OtherKey { seal: true, .. } => format!(
            "{from} has another sealing key for {role} than the known one; nothing was changed. Ask its operator, by phone or in \
             person, whether it changed; if so, add --replace"
        ),
    })
}

/// Who is not known yet, and what to do about it; `None` if all are.
fn missing(configuration: &Configuration) -> Option<String> {
    let why = configuration.cluster().err()?;
    Some(match why {
        Error::Format { reason, .. } => reason,
        why => why.to_string(),
    })
}

fn as_json(entry: &PartyEntry) -> serde_json::Value {
    json!({
        "name": entry.role.slug(), "address": entry.address, "key": entry.key.to_string(),
        "seal": entry.seal.map(|seal| seal.to_string()), "train_rows": entry.rows[0], "test_rows": entry.rows[1],
    })
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Replaced => "REPLACED",
        Change::Unchanged => "known",
        Change::Updated => "updated",
    }
}

/// A fingerprint as people read it to each other: groups of eight digits.
pub(super) fn grouped(digits: &str) -> String {
    let digits: Vec<char> = digits.chars().collect();
    digits.chunks(8).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
