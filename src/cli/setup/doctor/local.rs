//! Checks of this machine: configuration, key, address, state, memory, device.

use std::fs;
use std::sync::Arc;

use serde_json::json;

use super::disk::free_bytes;
use super::{Report, State};
use crate::backend::{Adapter, Backend, Cpu};
use crate::cli::compute::{BackendArg, SOFTWARE};
use crate::cli::format::bytes;
use crate::cli::setup::configuration::Configuration;
use crate::error::Error;
use crate::net::{PartyEntry, Role, check_listen};
use crate::roles::{MemoryLimit, SelfTest, self_test};

/// What can be checked without the others.
pub(super) fn check(own: &Configuration, quick: bool, report: &mut Report) {
    parties(own, report);
    key(own, report);
    party_file(own, report);
    if let Some(address) = own.own().and_then(|entry| entry.address.as_ref()) {
        listen(own.listen.as_ref().unwrap_or(address), report);
    }
    report.note_result("state folder", state(own));
    disk(own, report);
    memory(own, report);
    match own.role {
        Role::Server(_) => device(own, quick, report),
        Role::Dealer if !quick => kernels(&(Arc::new(Cpu::default()) as Arc<dyn Backend>), report),
        _ => {}
    }
}

fn parties(own: &Configuration, report: &mut Report) {
    let complete = own.cluster().map_err(|e| reason(&e));
    let found = complete.map(|cluster| {
        let count = own.parties.entries().len();
        let seconds = cluster.deadline().as_secs();
        format!("{} in {}, {count} parties, deadline {seconds} s", own.role, own.path().display())
    });
    report.note_result("configuration", found);
}

fn key(own: &Configuration, report: &mut Report) {
    let checked = own.identity().map_err(|e| e.to_string()).and_then(|identity| {
        let key = identity.fingerprint();
        match own.own() {
            Some(known) if known.key == key => Ok(format!("{}, closed to other users", key.short())),
            Some(known) => Err(format!(
                "identity.key has key {}, but {} lists {} for {}; restore the key from a backup, or correct the file and have the \
                 others trust the new key",
                key.short(),
                own.path().display(),
                known.key.short(),
                own.role
            )),
            None => Err(format!("{} has no section for {}, this party itself", own.path().display(), own.role)),
        }
    });
    report.note_result("key", checked);
}

/// Whether the file for the others says what the configuration does.
fn party_file(own: &Configuration, report: &mut Report) {
    let path = own.folder.join(format!("{}.party", own.role.slug()));
    if let (Ok(file), Some(entry)) = (PartyEntry::load(&path), own.own())
        && file != *entry
    {
        let text =
            format!("{} says something else of this party than its configuration; correct one of them", path.display());
        report.note("party file", State::Warning, text);
    }
}

fn listen(address: &str, report: &mut Report) {
    match check_listen(address) {
        Ok(()) => {
            report.note("listening", State::Ok, format!("{address} is free; nothing listens there at the moment"))
        }
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => {
            report.note(
                "listening",
                State::Ok,
                format!("something listens at {address}, as it should while this party runs"),
            );
        }
        Err(e) => {
            let text = format!(
                "this machine cannot listen at {address} ({e}); set `listen` to one of its own, as 0.0.0.0:7100"
            );
            report.note("listening", State::Failed, text);
        }
    }
}

/// Makes the folder if it is not there, and writes into it.
fn state(own: &Configuration) -> Result<String, String> {
    let folder = own.state.display();
    let made = fs::create_dir_all(&own.state).and_then(|()| tempfile::NamedTempFile::new_in(&own.state));
    made.map_err(|e| {
        format!("{folder} cannot be written to ({e}); correct its owner, or `state` in the configuration")
    })?;
    Ok(format!("{folder} can be written to"))
}

fn disk(own: &Configuration, report: &mut Report) {
    match free_bytes(&own.state) {
        Some(free) if free < LEAST_DISK => {
            let text = format!("{} free for {}; make room", bytes(free as f64), own.state.display());
            report.note_figures("disk", State::Warning, text, json!({ "free_bytes": free }));
        }
        Some(free) => {
            report.note_figures(
                "disk",
                State::Ok,
                format!("{} free", bytes(free as f64)),
                json!({ "free_bytes": free }),
            );
        }
        None => report.note("disk", State::Ok, "the system does not say how much is free"),
    }
}

fn memory(own: &Configuration, report: &mut Report) {
    let available = MemoryLimit::Available.bytes();
    let figures = json!({ "available_bytes": available, "limit_bytes": own.memory_limit });
    let (state, text) = match (own.memory_limit, available) {
        (Some(limit), Some(available)) if limit > available => {
            let [limit, available] = [limit, available].map(|size| bytes(size as f64));
            (State::Warning, format!("memory_limit is {limit}, but only {available} are available now; lower it"))
        }
        (_, Some(available)) if available < LEAST_MEMORY => {
            (State::Warning, format!("{} for jobs: few will fit", bytes(available as f64)))
        }
        (Some(limit), _) => (State::Ok, format!("jobs of up to {}", bytes(limit as f64))),
        (None, Some(available)) => {
            (State::Ok, format!("jobs of up to {}, as is available now", bytes(available as f64)))
        }
        (None, None) => (State::Ok, "the system does not say how much is available; set memory_limit".into()),
    };
    report.note_figures("memory", state, text, figures);
}

fn device(own: &Configuration, quick: bool, report: &mut Report) {
    let compute = own.compute();
    let opened = match compute.open() {
        Ok(opened) => opened,
        Err(e) => return report.note("device", State::Failed, e.to_string()),
    };
    let adapter = (compute.backend == BackendArg::Gpu).then(|| compute.adapter()).and_then(Result::ok);
    match adapter {
        Some(Adapter { name, kind, api, max_operand_bytes, native_u64, .. }) => {
            let most = bytes(max_operand_bytes as f64);
            let words = if native_u64 { "native u64" } else { "u64 in limbs" };
            let figures = json!({ "adapter": name, "kind": kind, "max_operand_bytes": max_operand_bytes, "native_u64": native_u64 });
            let text = format!("{name} ({kind}, {api}), operands up to {most}, {words}");
            let (state, more) = match kind == SOFTWARE {
                true => (State::Warning, "; it is software on the CPU: backend = \"cpu\" is many times faster"),
                false => (State::Ok, ""),
            };
            report.note_figures("device", state, text + more, figures);
        }
        None => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            report.note("device", State::Ok, format!("{}, {cores} cores", opened.name()));
        }
    }
    if !quick {
        kernels(&opened, report);
    }
}

fn kernels(device: &Arc<dyn Backend>, report: &mut Report) {
    let tested = self_test(device).map(|SelfTest { kernels, of, time }| {
        let (count, seconds) = (kernels.len(), time.as_secs_f64());
        format!("{count} of {of} kernels, those of two small trainings, are as defined; {seconds:.1} s")
    });
    let what_to_do = |e: Error| format!("{e}; do not use this device: update its driver, or set backend = \"cpu\"");
    report.note_result("self-test", tested.map_err(what_to_do));
}

/// The reason of an error, without the file that it is in.
fn reason(e: &Error) -> String {
    match e {
        Error::Format { reason, .. } => reason.clone(),
        e => e.to_string(),
    }
}

/// Below these, a job of some size does not fit.
const LEAST_DISK: u64 = 1 << 30;
const LEAST_MEMORY: u64 = 512 << 20;
