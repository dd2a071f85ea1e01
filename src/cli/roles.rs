//! `ppdnn server`, `ppdnn dealer`, `ppdnn owner`.

use std::io::Read;
use std::sync::Arc;

use crate::backend::Cpu;
use crate::cli::args::{OwnerArgs, RoleArgs, ServerArgs};
use crate::cli::screen::{json, say};
use crate::data::{Places, load};
use crate::error::{Error, Result};
use crate::net::{Cluster, Identity, Role};
use crate::roles::{Failure, PartyReport, Place, cpu_seconds, peak_rss_mib, rows_of};

/// Serves one job.
pub(super) fn server(args: &ServerArgs) -> Result<()> {
    let id = args.id;
    run(&args.role, Role::Server(id), |place| place.serve(id, args.compute.open()?))
}

/// Deals for one job.
pub(super) fn dealer(args: &RoleArgs) -> Result<()> {
    run(args, Role::Dealer, |place| place.deal(Arc::new(Cpu::default())))
}

/// Uploads an owner's rows.
pub(super) fn owner(args: &OwnerArgs) -> Result<()> {
    let number = args.number;
    run(&args.role, Role::Owner(number), |place| {
        let set = load(&args.dataset, &Places::new(args.data_dir.as_deref()), &mut |_| ())?;
        place.upload(number, |job| rows_of(job, number, &set.train, &set.test))
    })
}

fn run(args: &RoleArgs, role: Role, work: impl FnOnce(&Place) -> Result<()>) -> Result<()> {
    if args.supervised {
        std::thread::spawn(leave_with_parent);
    }
    let result = prepare(args, role).and_then(|place| work(&place));
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
