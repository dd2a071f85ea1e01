//! The units for systemd and the container file in `deploy`: valid as far as can be told here, and with options that exist.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{end, folder, program};

/// A file of `deploy`.
fn text(name: &str) -> String {
    fs::read_to_string(root().join("deploy").join(name)).unwrap()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

const UNITS: [&str; 2] = ["ppdnn-server.service", "ppdnn-dealer.service"];

/// The arguments of every `ppdnn` command of a text, those in its comments, too.
fn commands(text: &str) -> Vec<Vec<String>> {
    let subcommands = ["dealer", "doctor", "init", "keys", "server"];
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("Description=")) {
        let line = line.split(" && ").next().unwrap().split("  #").next().unwrap();
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let begins = |at: &usize| {
            (words[*at].ends_with("ppdnn") || words[*at].ends_with("/ppdnn")) && subcommands.contains(&&*words[at + 1])
        };
        if let Some(at) = (0..words.len().saturating_sub(1)).find(begins) {
            found.push(words[at + 1..].to_vec());
        }
    }
    found
}

/// Claims that the program takes arguments: in a folder without a configuration it ends with another error than bad usage.
#[track_caller]
fn takes(args: &[String]) {
    let folder = folder();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = program(folder.path(), &args);
    command.env("PPDNN_CONFIG", folder.path().join("none"));
    let ended = end(command);
    assert!(matches!(ended.code, Some(0 | 1)), "ppdnn {args:?}: {ended:?}");
}

#[test]
fn commands_of_units_and_containers_are_ones_that_the_program_takes() {
    for unit in UNITS {
        let found = commands(&text(unit));
        let starts = found.iter().filter(|args| args.contains(&"--jobs".to_owned()));
        assert_eq!((starts.count(), found.len()), (1, 4), "{found:?}");
        found.iter().for_each(|args| takes(args));
    }
    let container = text("Containerfile");
    let found = commands(&container);
    assert!(found.len() >= 3, "{found:?}");
    found.iter().for_each(|args| takes(args));
    let line = |name: &str| container.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
    assert_eq!(line("ENTRYPOINT "), "[\"ppdnn\"]");
    takes(&serde_json::from_str::<Vec<String>>(line("CMD ")).unwrap());
    assert!(line("ENV ").starts_with("PPDNN_CONFIG="));
    // the control: an option that does not exist
    let wrong = std::panic::catch_unwind(|| takes(&["server".into(), "--job".into(), "forever".into()]));
    assert!(wrong.is_err());
}

#[test]
fn the_container_is_built_as_the_crate_asks_and_runs_as_nobody_special() {
    let container = text("Containerfile");
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let version = manifest["package"]["rust-version"].as_str().unwrap();
    assert!(container.contains(&format!("FROM docker.io/library/rust:{version}-")), "rust {version}");
    let last = container.rsplit("\nFROM ").next().unwrap();
    assert!(last.contains("\nUSER ppdnn\n"), "{last}");
    for ignored in ["**/target", "**/identity.key", "ppdnn-config"] {
        assert!(fs::read_to_string(root().join(".dockerignore")).unwrap().lines().any(|line| line == ignored));
    }
}

#[test]
fn units_are_valid_and_closed() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        crate::adapter::skip("units are not verified: there is no systemd-analyze");
        return;
    }
    let folder = folder();
    let analyze = |args: &[&str], unit: &Path| {
        let ended = Command::new("systemd-analyze").args(args).arg(unit).output().unwrap();
        let said = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        (ended.status.success(), said)
    };
    for name in UNITS {
        // the program is not installed where the unit has it
        let unit = folder.path().join(name);
        fs::write(&unit, text(name).replace("/usr/local/bin/ppdnn", env!("CARGO_BIN_EXE_ppdnn"))).unwrap();
        let (fine, said) = analyze(&["verify", "--man=no"], &unit);
        assert!(fine && !said.contains(name), "{said}");
        // exposure in tenths: a service without any of this has 96
        let (fine, said) = analyze(&["security", "--offline=true", "--threshold=25"], &unit);
        assert!(fine, "{said}");
    }
    // the control: a slip is noticed
    let unit = folder.path().join("slip.service");
    fs::write(&unit, "[Service]\nExecStart=/bin/true\nProtectSytem=strict\n").unwrap();
    assert!(analyze(&["verify", "--man=no"], &unit).1.contains("ProtectSytem"));
    assert!(!analyze(&["security", "--offline=true", "--threshold=25"], &unit).0);
}
