//! `ppdnn init`.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::configuration::{FILE, KEY, STATE, option, usual_folder};
use super::place::command_of;
use super::template::template;
use crate::cli::print::{json, say};
use crate::cli::setup::keys::grouped;
use crate::cli::units;
use crate::error::{Error, Result};
use crate::net::{Identity, PartyEntry, Role};

#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct InitArgs {
    /// server0, server1, dealer, owner or trainer
    ///
    /// For private predictions also client and model-owner.
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub role: Role,
    /// Number of this owner, from 0: which of the owners it is
    #[arg(long, value_name = "N")]
    pub number: Option<u32>,
    /// Where others connect to this party, such as a.example.org:7100
    ///
    /// Servers and dealer have one; owners and trainer do not listen.
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// Where to listen, if not at --address, such as 0.0.0.0:7100
    ///
    /// For NAT or containers, where others connect to another address.
    #[arg(long, value_name = "HOST:PORT", requires = "address")]
    pub listen: Option<String>,
    /// Training rows that this owner brings
    ///
    /// Other parties refuse jobs with another number.
    #[arg(long, value_name = "N", value_parser = units::positive::<u32>)]
    pub train_rows: Option<u32>,
    /// Test rows that this owner brings
    #[arg(long, value_name = "N", value_parser = units::whole::<u32>)]
    pub test_rows: Option<u32>,
    /// Folder to make [default: $PPDNN_CONFIG, or ppdnn-config]
    #[arg(long, alias = "config", value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print one JSON object: the files, and the public keys
    #[arg(long)]
    pub json: bool,
}

/// Makes the folder of a party: configuration, key, and what others need to know.
pub(in crate::cli) fn init(args: &InitArgs) -> Result<()> {
    let role = owner_by_number(args)?;
    let folder = args.dir.clone().unwrap_or_else(usual_folder);
    let file = folder.join(FILE);
    if file.exists() {
        let file = file.display();
        let text = format!("{file} already exists, and configurations are not overwritten; choose another --dir");
        return Err(Error::Usage(text));
    }
    let fresh = Identity::generate()?;
    // what is wrong with the options is said before anything is made
    own_entry(args, role, &fresh).check().map_err(|(field, what)| {
        Error::Usage(format!("{role}: --{} {what}; for example --address a.example.org:7100", field.replace('_', "-")))
    })?;
    check_listen(args.listen.as_deref())?;
    let (own, shown) = make(args, role, &folder, fresh)?;
    if args.json {
        let seal = own.seal.map(|seal| seal.to_string());
        json(&json!({
            "role": role.slug(), "folder": folder, "configuration": file, "party_file": shown,
            "key": own.key.to_string(), "seal": seal,
        }));
    } else {
        tell(&own, &folder, &shown);
    }
    Ok(())
}

/// Makes the folder and its files; the party, and the file for the others.
fn make(args: &InitArgs, role: Role, folder: &Path, fresh: Identity) -> Result<(PartyEntry, PathBuf)> {
    make_folder(folder)?;
    let key = folder.join(KEY);
    // a key that is there already is the party's, and stays
    let identity = if key.exists() { Identity::load(&key)? } else { fresh.save(&key).map(|()| fresh)? };
    let own = own_entry(args, role, &identity);
    let shown = folder.join(format!("{}.party", role.slug()));
    write_new(&shown, &own.to_text())?;
    make_folder(&folder.join(STATE))?;
    // last: with it, the configuration is there
    write_new(&folder.join(FILE), &template(&own, args.listen.as_deref()))?;
    Ok((own, shown))
}

/// The party as others know it.
fn own_entry(args: &InitArgs, role: Role, identity: &Identity) -> PartyEntry {
    let sealed = matches!(role, Role::Client | Role::Trainer);
    PartyEntry {
        role,
        address: args.address.clone(),
        key: identity.fingerprint(),
        seal: sealed.then(|| identity.sealing_key()),
        rows: [args.train_rows, args.test_rows],
    }
}

/// The role, of an owner with its number.
fn owner_by_number(args: &InitArgs) -> Result<Role> {
    match (args.role, args.number) {
        (Role::Owner(_), Some(number)) => Ok(Role::Owner(number)),
        (role, None) => Ok(role),
        (role, Some(_)) => Err(Error::Usage(format!("--number belongs to --role owner; {role} has none, remove it"))),
    }
}

fn check_listen(listen: Option<&str>) -> Result<()> {
    let port = listen.and_then(|listen| listen.rsplit_once(':')).map(|(_, port)| port.parse::<u16>());
    let odd = |c: char| c == '"' || c == '\\' || c.is_whitespace() || c.is_control();
    match listen {
        Some(text) if text.contains(odd) || !matches!(port, Some(Ok(1..))) => {
            Err(Error::Usage("--listen should be a host and a port of this machine, such as 0.0.0.0:7100".into()))
        }
        _ => Ok(()),
    }
}

/// What the operator does next.
fn tell(own: &PartyEntry, folder: &Path, shown: &Path) {
    let (role, option) = (own.role, option(folder));
    let command = command_of(role);
    // what runs on this machine alone otherwise is told where the cluster is
    let place = match (role, option.is_empty()) {
        (Role::Trainer | Role::Client, true) => format!(" --config {}", folder.display()),
        _ => option.clone(),
    };
    say(&format!("{role}: made {}; {KEY} in it is private and stays there", folder.display()));
    say(&format!("fingerprint: {}", grouped(&own.key.to_string())));
    say("next:");
    say(&format!("  send {} to the other operators, and get theirs", shown.display()));
    say(&format!("  ppdnn keys trust{option} FILE..     # all .party files; compare fingerprints by phone"));
    say(&format!("  ppdnn doctor{option}"));
    say(&format!("  ppdnn {command}{place}"));
}

/// Makes a folder that only its owner may enter, unless it is there.
fn make_folder(folder: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = builder.create(folder);
    made.map_err(|e| Error::file_with(folder, &e, "choose a folder with --dir that you may write to"))
}

/// Writes a file that was not there, or that says the same.
fn write_new(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    let written = made.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|e| Error::file_with(path, &e, "files are not overwritten: remove it, or choose another --dir"))
}

/// A role as the option names it: an owner may come without its number.
fn role(text: &str) -> std::result::Result<Role, String> {
    let role = if text == "owner" { Some(Role::Owner(0)) } else { Role::from_slug(text) };
    role.ok_or_else(|| "expected server0, server1, dealer, owner, trainer, client or model-owner".into())
}
