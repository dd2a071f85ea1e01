//! Parties that are who they say, and hold the others up; and one that is only slow.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ppdnn::net::{Channel, Cluster as File, Identity, Link, Presence, Role, dial};

use crate::cluster::Cluster;
use crate::harness::{LIMIT, alone};
use crate::relay::{Weakness, relay};

const SMALL: [&str; 2] = ["--test-limit", "200"];

#[test]
fn an_owner_that_claims_to_work_for_ever_is_named_once_the_set_up_is_over() {
    let _turn = alone();
    let cluster = Cluster::new(1);
    let parties = cluster.serve(&["server0", "server1", "dealer", "owner1"]);
    let done = AtomicBool::new(false);
    let ended = thread::scope(|scope| {
        scope.spawn(|| {
            let identity = Identity::load(&cluster.path("owner0.key")).unwrap();
            let file = File::load(&cluster.path("cluster.toml")).unwrap();
            let presence = Presence::default();
            let call = |to| -> Link {
                let mut link = dial(to, Role::Owner(0), &identity, &file, LIMIT).unwrap();
                link.attach(&presence);
                link
            };
            let _links = [Role::Server(0), Role::Server(1), Role::Dealer].map(call);
            // where the run hangs, this ends all the same
            let start = Instant::now();
            while !done.load(Ordering::SeqCst) && start.elapsed() < LIMIT {
                presence.pulse().beat();
                thread::sleep(Duration::from_millis(20));
            }
        });
        let ended = cluster.train("trainer.key", "cluster.toml", &SMALL);
        done.store(true, Ordering::SeqCst);
        ended
    });
    ended.failed(1, &["owner 0 at", "kept us waiting for 3", " s in the set-up", "whether it takes part", "deadline"]);
    assert!(ended.took > Duration::from_secs(30), "{ended:?}");
    drop(parties);
}

#[test]
fn owners_on_a_thin_link_are_waited_for() {
    let _turn = alone();
    let cluster = Cluster::new(2);
    // 1.9 MB of masked rows from each owner to each server, at 0.8 Mbit/s
    let thin = [0, 1].map(|at: usize| relay(cluster.ports[at], Weakness::Thin(100_000)));
    cluster.write("owners.toml", [thin[0], thin[1], cluster.ports[2]]);
    let _parties = cluster.serve(&["server0", "server1", "dealer"]);
    let _owners = ["owner0", "owner1"].map(|name| cluster.start_as(name, "owners.toml", &[]));
    let ended = cluster.train("trainer.key", "cluster.toml", &SMALL);
    ended.done();
    assert!(ended.took > Duration::from_secs(20), "{ended:?}");
}
