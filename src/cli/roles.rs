//! `ppdnn server`, `ppdnn dealer`, `ppdnn owner`.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Backend, Cpu};
use crate::cli::INTERRUPTED;
use crate::cli::args::{DealerArgs, OwnerArgs, RoleArgs, ServerArgs};
use crate::cli::screen::{json, note, say, warn};
use crate::data::{DataSet, known, locate};
use crate::error::{Error, Result};
use crate::net::{Cluster, Identity, Presence, Role};
use crate::nn::Saved;
use crate::roles::{
    Consent, Failure, PartyReport, Place, SaveInitial, Stay, cpu_seconds, look_at_rows, peak_rss_mib, ranges_of,
};
use crate::train::{Job, Policy};

/// Serves jobs.
pub(super) fn server(args: &ServerArgs) -> Result<()> {
    let id = args.id;
    run(&args.role, Role::Server(id), |place, stay| {
        args.compute.warning()?.iter().for_each(|text| warn(text));
        let place = place.within(args.memory.limit_of(&args.role)).listen_at(args.listen.listen.clone());
        place.serve(id, &args.compute.open()?, stay)
    })
}

/// Deals for jobs.
pub(super) fn dealer(args: &DealerArgs) -> Result<()> {
    run(&args.role, Role::Dealer, |place, stay| {
        let cpu: Arc<dyn Backend> = Arc::new(Cpu::default());
        let place = place.within(args.memory.limit_of(&args.role)).listen_at(args.listen.listen.clone());
        place.deal(&cpu, stay)
    })
}

/// Uploads an owner's rows.
pub(super) fn owner(args: &OwnerArgs) -> Result<()> {
    let number = args.number;
    run(&args.role, Role::Owner(number), |place, stay| {
        let (set, places) = (known(&args.dataset)?, args.files.places());
        // its own rows are read once the job says which; that there are any, before anybody waits for them
        locate(set.name, &places, &mut |_| ())?;
        let rows = |job: &Job| {
            let own = ranges_of(job, number, [set.train_rows, set.test_rows])?;
            let DataSet { train, test, .. } = set.load_rows(own, &places, &mut |_| ())?;
            look_at_rows(job, &train, &test)?.iter().for_each(|text| warn(text));
            Ok((train, test))
        };
        place.upload(number, &consent(args, set.name)?, rows, stay)
    })
}

/// What the owner asks of jobs.
fn consent(args: &OwnerArgs, dataset: &str) -> Result<Consent> {
    let (role, supervised) = (Role::Owner(args.number), args.role.supervised);
    let save = |file: PathBuf| -> SaveInitial {
        Box::new(move |job, parameters| Saved::new(job.model.clone(), job.normalization, parameters)?.save(&file))
    };
    Ok(Consent {
        policy: args.policy.as_deref().map(Policy::load).transpose()?.unwrap_or_default(),
        dataset: Some(dataset.to_owned()),
        accept: args.accept.clone(),
        review: args.review,
        save_initial: args.save_initial.clone().map(save),
        // the standard output of a supervised role is for its parent
        tell: Box::new(move |line| if supervised { note(line) } else { say(&format!("{role}: {line}")) }),
    })
}

/// A number of jobs, as people write it: 0 is forever.
pub(super) fn jobs(text: &str) -> std::result::Result<u32, String> {
    match text {
        "forever" => Ok(0),
        text => text.parse().map_err(|_| "a number of jobs, or forever".into()),
    }
}

fn run(args: &RoleArgs, role: Role, work: impl FnOnce(&Place, &mut Stay<'_>) -> Result<()>) -> Result<()> {
    if args.supervised {
        std::thread::spawn(leave_with_parent);
    }
    let mut tell = |line: &str| say(&format!("{role}: {line}"));
    let mut stay = Stay { jobs: (args.jobs > 0).then_some(args.jobs), brief: args.supervised, tell: &mut tell };
    let result = prepare(args, role).and_then(|place| {
        leave_on_signals(place.presence.clone())?;
        let ended = work(&place, &mut stay);
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
    let mut again = false;
    let handler = move || {
        if std::mem::replace(&mut again, true) {
            std::process::exit(INTERRUPTED.into());
        }
        let presence = presence.clone();
        std::thread::spawn(move || {
            presence.leave();
            // a role that waits ends by itself, one that computes does not look up
            std::thread::sleep(WINDING_UP);
            crate::cli::screen::error(&Error::Interrupted);
            std::process::exit(INTERRUPTED.into());
        });
    };
    ctrlc::set_handler(handler).map_err(|e| Error::Device(format!("signals cannot be caught: {e}")))
}

/// How long a role that is stopped may take to end by itself.
const WINDING_UP: Duration = Duration::from_millis(300);

fn prepare(args: &RoleArgs, role: Role) -> Result<Place> {
    if let Some(threads) = args.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build_global();
        pool.map_err(|e| Error::Device(format!("{threads} threads: {e}")))?;
    }
    let place = Place::new(Identity::load(&args.identity)?, Cluster::load(&args.cluster)?);
    place.check(role)?;
    if !args.supervised {
        say(&format!("{role}: key {}; waits for a job", place.identity.fingerprint().short()));
    }
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
