//! What happens when a process of a run dies, hangs or is interrupted.

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::{Running, alone, child, folder, leftover, no_keys_left, nobody_left, program, signal};

/// A local run long enough to have an accident, which has begun to train.
fn running(more: &[&str]) -> (TempDir, Running) {
    let (dir, mut running) = starting(more);
    running.hear("\"progress\"");
    (dir, running)
}

fn starting(more: &[&str]) -> (TempDir, Running) {
    let dir = folder();
    let args = ["train", "--train-limit", "2000", "--epochs", "300", "--reveal", "none", "--json", "--out", "out"];
    let running = Running::start(&mut program(dir.path(), &[&args, more].concat()));
    (dir, running)
}

const ROLES: [(&str, &[&str]); 3] =
    [("server 0", &["server", "--id", "0"]), ("server 1", &["server", "--id", "1"]), ("dealer", &["dealer"])];

/// Claims that nothing of a run is left.
#[track_caller]
fn clean(folder: &Path, within: Duration) {
    nobody_left(folder, within);
    no_keys_left(folder);
}

#[test]
fn a_role_that_is_killed_is_named_and_the_others_end() {
    let _turn = alone();
    for (name, role) in ROLES {
        let (dir, running) = running(&[]);
        assert!(leftover(dir.path()).len() >= 3, "the roles can be found");
        let when = Instant::now();
        signal(child(running.pid(), role), "KILL");
        let ended = running.end();
        ended.failed(1, &[name, "was killed", "SIGKILL"]);
        assert!(when.elapsed() < Duration::from_secs(10), "{name}: {:?}", when.elapsed());
        clean(dir.path(), Duration::ZERO);
    }
}

#[test]
fn an_owner_that_is_killed_while_it_uploads_is_named() {
    let _turn = alone();
    let (dir, running) = starting(&["--owners", "2"]);
    signal(child(running.pid(), &["owner", "--number", "1"]), "KILL");
    let ended = running.end();
    ended.failed(1, &["owner 1", "was killed"]);
    clean(dir.path(), Duration::ZERO);
}

#[test]
fn a_role_that_hangs_is_named_at_the_deadline() {
    let _turn = alone();
    for (name, role) in &ROLES[1..] {
        let (dir, running) = running(&["--deadline", "2"]);
        let when = Instant::now();
        signal(child(running.pid(), role), "STOP");
        let ended = running.end();
        ended.failed(
            1,
            &[
                "failed",
                &format!("{name} at 127.0.0.1:"),
                "sent nothing for 2 s",
                "while we waited for its ",
                "still running",
            ],
        );
        assert!(when.elapsed() < Duration::from_secs(12), "{name}: {:?}", when.elapsed());
        clean(dir.path(), Duration::ZERO);
    }
}

#[test]
fn an_interrupt_ends_all_with_code_130() {
    let _turn = alone();
    for name in ["INT", "TERM"] {
        let (dir, running) = running(&[]);
        signal(running.pid(), name);
        let ended = running.end();
        ended.failed(130, &["interrupted"]);
        clean(dir.path(), Duration::from_millis(100));
    }
    // before training, too
    let (dir, running) = starting(&[]);
    child(running.pid(), &["owner", "--number", "0"]);
    signal(running.pid(), "INT");
    running.end().failed(130, &["interrupted"]);
    clean(dir.path(), Duration::from_millis(100));
}

#[test]
fn the_roles_leave_when_the_parent_is_killed() {
    let _turn = alone();
    let (dir, running) = running(&[]);
    // the keys are gone as soon as every role has read its own
    no_keys_left(dir.path());
    signal(running.pid(), "KILL");
    assert_eq!(running.end().code, None);
    clean(dir.path(), Duration::from_secs(2));
}
