//! `ppdnn server`, `ppdnn dealer`, `ppdnn owner`, `ppdnn model-owner`.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Backend, Cpu};
use crate::cli::INTERRUPTED;
use crate::cli::predict::read_model;
use crate::cli::predict_args::ModelOwnerArgs;
use crate::cli::print::{json, note, say, say_fitted, stop_now, warn};
use crate::cli::role_args::{DealerArgs, ListenArgs, OwnerArgs, RoleArgs, ServerArgs, StateArgs};
use crate::cli::setup::place::Place;
use crate::cli::shell::quoted;
use crate::cli::signals::Signals;
use crate::data::{DataSet, DataSource, dataset_info};
use crate::error::{Error, Result};
use crate::net::{Presence, Role};
use crate::nn::TrainedModel;
use crate::prediction::ModelCard;
use crate::roles::{
    Again, CheckpointTimes, Consent, Failure, MemoryLimit, ModelConsent, Node, PartyReport, SaveInitial, StateFolder,
    Stay, Warned, cpu_seconds, first_rows, look_at_rows, peak_rss_mib, ranges_of,
};
use crate::train::{Job, Policy};

/// Serves jobs.
pub(super) fn server(args: &ServerArgs) -> Result<()> {
    let found = Place::of(&args.role.place)?;
    let role = found.role("server", "--id", args.id.map(Role::Server))?;
    let compute = found.compute(&args.compute);
    let ready = || {
        compute.warning()?.iter().for_each(|text| warn(text));
        compute.open()
    };
    run(&args.role, (&found, role), ready, |backend, place, stay| {
        let state = state(&found, (&args.state, args.checkpoints.times()), &args.role, place)?;
        let place = listening(place, &args.listen).within(found.memory(args.memory, &args.role)).keep_in(state);
        place.serve(u8::from(role == Role::Server(1)), &backend, stay)
    })
}

/// Deals for jobs.
pub(super) fn dealer(args: &DealerArgs) -> Result<()> {
    let found = Place::of(&args.role.place)?;
    let role = found.role("dealer", "--cluster", Some(Role::Dealer))?;
    let ready = || Ok(Arc::new(Cpu::default()) as Arc<dyn Backend>);
    run(&args.role, (&found, role), ready, |cpu, place, stay| {
        let state = state(&found, (&args.state, CheckpointTimes::default()), &args.role, place)?;
        let place = listening(place, &args.listen).within(found.memory(args.memory, &args.role)).keep_in(state);
        place.deal(&cpu, stay)
    })
}

/// A party that listens where the options say, if they do.
fn listening(place: &Node, args: &ListenArgs) -> Node {
    place.clone().listen_at(args.listen.clone().or_else(|| place.listen.clone()))
}

/// Where a role keeps what outlasts its process. One that is started with its owners has no use for their rows.
fn state(
    found: &Place,
    (args, every): (&StateArgs, CheckpointTimes),
    role: &RoleArgs,
    place: &Node,
) -> Result<Option<StateFolder>> {
    let Some(path) = args.state.clone().or_else(|| found.state()) else { return Ok(None) };
    let state = StateFolder::open(&path, place.identity.storage_key(), every)?;
    Ok(Some(if role.supervised { state.without_rows() } else { state }))
}

/// Uploads an owner's rows.
pub(super) fn owner(args: &OwnerArgs) -> Result<()> {
    let found = Place::of(&args.role.place)?;
    let named = args.number.or_else(|| args.role.place.cluster.as_ref().map(|_| 0));
    let role = found.role("owner", "--number", named.map(Role::Owner))?;
    let Role::Owner(number) = role else { unreachable!("an owner's command fits owners only") };
    let (memory, places) = (found.memory(args.memory, &args.role), args.files.places());
    let ready = || {
        let data = args.files.source(|| dataset_info(args.dataset.as_deref().unwrap_or("mnist")))?;
        let consent = consent(args, role, memory, &data)?;
        // its own rows are read once the job says which; that there are any, before anybody waits for them
        data.locate(&places, &mut |_| ())?;
        Ok((data, consent))
    };
    run(&args.role, (&found, role), ready, |(data, consent), place, stay| {
        let rows = |job: &Job| {
            let own = match &data {
                DataSource::Own(own) if !args.shared_data => first_rows(job, number, own.rows())?,
                data => ranges_of(job, number, data.rows().unwrap_or_default())?,
            };
            let DataSet { train, test, .. } = data.load_rows(own, &places, &mut |_| ())?;
            look_at_rows(job, &train, &test)?.iter().for_each(|warning| (consent.warn)(warning));
            Ok((train, test))
        };
        place.upload(number, &consent, rows, stay)
    })
}

/// Shares a model's parameters.
pub(super) fn model_owner(args: &ModelOwnerArgs) -> Result<()> {
    let found = Place::of(&args.role.place)?;
    let role = found.role("model-owner", "--cluster", Some(Role::ModelOwner))?;
    let ready = || {
        let (model, _) = read_model(&args.model)?;
        let card = ModelCard::load(&args.card)?;
        card.fits(&model).map_err(|e| Error::format(&args.card, e.to_string()))?;
        Ok((model, card))
    };
    run(&args.role, (&found, role), ready, |(model, card), place, stay| {
        let supervised = args.role.supervised;
        let tell =
            move |line: &str| if supervised { note(line) } else { say(&format!("{}: {line}", Role::ModelOwner)) };
        let consent = ModelConsent { card, accept: args.accept.clone(), tell: Box::new(tell) };
        place.share_model(&consent, &model, stay)
    })
}

/// What the owner asks of jobs.
fn consent(args: &OwnerArgs, role: Role, memory: MemoryLimit, data: &DataSource) -> Result<Consent> {
    let supervised = args.role.supervised;
    let save = |file: PathBuf| -> SaveInitial {
        Box::new(move |job, parameters| {
            TrainedModel::new(job.model.clone(), job.normalization(), parameters)?.save(&file)
        })
    };
    let policy = args.policy.as_deref().map(Policy::load).transpose()?.unwrap_or_default();
    if let (Some(file), Err(why)) = (&args.policy, policy.can_be_met(data.name(), data.rows().unwrap_or_default())) {
        return Err(Error::format(file, why));
    }
    Ok(Consent {
        policy,
        dataset: Some(data.name().to_owned()),
        description: data.description().cloned(),
        accept: args.accept.clone(),
        review: args.review,
        again: args.review.then(|| Box::new(again) as Again),
        save_initial: args.save_initial.clone().map(save),
        memory,
        // the standard output of a supervised role is for its parent
        tell: Box::new(move |line| if supervised { note(line) } else { say(&format!("{role}: {line}")) }),
        warn: Box::new(move |line| {
            warn(line);
            if supervised {
                // the log is not what its user looks at
                json(&Warned { warning: line.to_owned() });
            }
        }),
    })
}

/// This command, for one who takes part instead of looking.
fn again(hash: &str) -> String {
    let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    let args = args.filter(|arg| arg != "--review").map(|arg| quoted(&arg));
    let accept = ["--accept".to_owned(), hash.to_owned()];
    std::iter::once("ppdnn".to_owned()).chain(args).chain(accept).collect::<Vec<_>>().join(" ")
}

/// A number of jobs, as people write it: 0 is forever.
pub(super) fn jobs(text: &str) -> std::result::Result<u32, String> {
    match text {
        "forever" => Ok(0),
        text => text.parse().map_err(|_| "should be a number of jobs, or forever".into()),
    }
}

/// The first digits of a job's hash.
pub(super) fn accepted(text: &str) -> std::result::Result<String, String> {
    let digits = text.bytes().all(|b| b.is_ascii_hexdigit());
    if digits && (16..=64).contains(&text.len()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("a job's hash has 64 hexadecimal digits; give 16 of them or more".into())
}

/// Runs a role: `ready` finds what can be wrong before it waits for anybody, `work` is the rest.
fn run<T>(
    args: &RoleArgs,
    (found, role): (&Place, Role),
    ready: impl FnOnce() -> Result<T>,
    work: impl FnOnce(T, &Node, &mut Stay<'_>) -> Result<()>,
) -> Result<()> {
    if args.supervised {
        std::thread::spawn(leave_with_parent);
    }
    let mut tell = |line: &str| say_fitted(&format!("{role}: {line}"));
    let mut stay = Stay { jobs: (args.jobs > 0).then_some(args.jobs), brief: args.supervised, tell: &mut tell };
    let result = prepare(args, found, role).and_then(|place| {
        let ready = ready()?;
        leave_on_signals(place.presence.clone())?;
        if !args.supervised {
            say(&format!("{role}: key {}; waiting for a job", place.identity.fingerprint().short()));
        }
        let ended = work(ready, &place, &mut stay);
        if place.presence.has_left() { Err(Error::Interrupted) } else { ended }
    });
    if args.supervised {
        // the parent reads this, and shows what matters itself
        match &result {
            Ok(()) => json(&report(role)),
            Err(e) => json(&serde_json::json!({ "failed": Failure::new(&role.to_string(), e) })),
        }
    } else if result.is_ok() {
        say(&format!("{role}: done"));
    }
    result
}

/// Ends this process at the first signal, with a word to its peers, and at the second without.
fn leave_on_signals(presence: Presence) -> Result<()> {
    let mut signals = Signals::default();
    let handler = move || {
        if signals.again() {
            stop_now("interrupted twice: stopping at once");
        }
        let presence = presence.clone();
        std::thread::spawn(move || {
            presence.leave();
            // a role that waits ends by itself, one that computes does not look up
            std::thread::sleep(WINDING_UP);
            crate::cli::print::error(&Error::Interrupted);
            std::process::exit(INTERRUPTED.into());
        });
    };
    ctrlc::set_handler(handler).map_err(|e| Error::Device(format!("signals cannot be caught: {e}")))
}

/// How long a role that is stopped may take to end by itself.
const WINDING_UP: Duration = Duration::from_millis(300);

fn prepare(args: &RoleArgs, found: &Place, role: Role) -> Result<Node> {
    if let Some(threads) = args.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build_global();
        pool.map_err(|e| Error::Device(format!("{threads} threads: {e}")))?;
    }
    let place = found.node()?;
    place.check(role)?;
    Ok(place)
}

fn report(role: Role) -> PartyReport {
    PartyReport {
        role: role.to_string().replace(' ', ""),
        peak_rss_mib: peak_rss_mib(),
        cpu_seconds: cpu_seconds(),
        ..PartyReport::default()
    }
}

/// Ends this process when the parent's end of the standard input is closed, by whatever end it came to.
fn leave_with_parent() {
    let mut rest = [0; 64];
    let mut stdin = std::io::stdin().lock();
    while matches!(stdin.read(&mut rest), Ok(n) if n > 0) {}
    std::process::exit(1);
}
