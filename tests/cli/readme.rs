//! The README's cluster, taken out of README.md and started on this machine: its keys, files, commands, and what they print.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use ppdnn::net::{Cluster, Role};

use crate::cluster::printed;
use crate::harness::{Running, folder, nobody_left, program, run, shared};

const README: &str = include_str!("../../README.md");

/// The job of the test: enough steps and rows for the default policy.
const SMALLER: [&str; 8] = ["--train-limit", "3200", "--test-limit", "200", "--batch", "32", "--epochs", "1"];

/// Rows of each owner, in the README and in the test.
const ROWS: [(&str, &str); 2] = [("30000", "1600"), ("5000", "100")];

const ROLES: [(&str, Role); 6] = [
    ("server0", Role::Server(0)),
    ("server1", Role::Server(1)),
    ("dealer", Role::Dealer),
    ("trainer", Role::Trainer),
    ("owner0", Role::Owner(0)),
    ("owner1", Role::Owner(1)),
];

/// The code blocks of a language in the section on clusters.
fn blocks<const N: usize>(language: &str) -> [&'static str; N] {
    let section = README.split("\n## ").find(|section| section.starts_with("Several machines\n")).unwrap();
    let fenced = section.split("```").skip(1).step_by(2);
    let found: Vec<_> = fenced.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect();
    found.try_into().unwrap_or_else(|found| panic!("the README has other {language} blocks: {found:#?}"))
}

/// The arguments of every `ppdnn` command of a block.
fn commands(block: &'static str) -> Vec<Vec<&'static str>> {
    let words = block.lines().map(|line| line.split('#').next().unwrap().split_whitespace());
    words
        .map(|mut words| words.next().filter(|program| *program == "ppdnn").map(|_| words.collect()).unwrap())
        .collect()
}

/// A line without what differs from run to run: words with a digit are figures, names of files apart.
fn outline(line: &str) -> String {
    let varies = |word: &str| {
        word.contains(|c: char| c.is_ascii_digit()) && !word.contains(".key") && !word.contains(".safetensors")
    };
    line.split_whitespace().map(|word| if varies(word) { "#" } else { word }).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn has_lines(out: &str, block: &str) {
    let lines: Vec<_> = out.lines().map(outline).collect();
    for line in block.lines().map(outline).filter(|line| line != "..") {
        assert!(lines.contains(&line), "`{line}` of the README is not in {out}");
    }
}

#[test]
fn the_cluster_of_the_readme_works_as_it_is_printed() {
    let _turn = shared();
    let folder = folder();
    let [keygen, start] = blocks("sh");
    let [file, policy] = blocks("toml");
    let [made, printed_by_parties, printed_by_trainer] = blocks("text");

    let mut keys = BTreeMap::new();
    for args in commands(keygen) {
        let ended = run(folder.path(), &args);
        if args.contains(&"trainer.key") {
            has_lines(ended.done(), made);
        }
        keys.insert(args[2], (printed(ended.done(), "key"), printed(ended.done(), "seal")));
    }

    // the README's file is a valid one; it gets the keys that were made, and ports of this machine
    let path = folder.path().join("cluster.toml");
    fs::write(&path, file).unwrap();
    let shown = Cluster::load(&path).unwrap();
    let mut text = file.to_owned();
    let mut replace = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        text = text.replace(from, to);
    };
    let held = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let mut free = held.iter().map(|listener| listener.local_addr().unwrap().to_string());
    for (name, role) in ROLES {
        let (key, seal) = &keys[&*format!("{name}.key")];
        replace(&shown.fingerprint(role).unwrap().to_string(), key);
        if role == Role::Trainer {
            replace(&shown.sealing_key(Role::Trainer).unwrap().to_string(), seal);
        }
        if let Some(address) = shown.address(role) {
            replace(address, &free.next().unwrap());
        }
    }
    ROWS.iter().for_each(|(from, to)| replace(from, to));
    fs::write(&path, text).unwrap();
    let policy = ROWS.iter().fold(policy.to_owned(), |text, (from, to)| text.replace(from, to));
    fs::write(folder.path().join("policy.toml"), policy).unwrap();
    drop(held);

    // the last command of the README first: the order does not matter
    let mut parties = Vec::new();
    for mut args in commands(start).into_iter().rev() {
        if args[0] == "train" {
            args.extend(SMALLER);
        }
        parties.push(Running::start(&mut program(folder.path(), &args)));
    }
    let mut out = parties.into_iter().map(|party| party.end().done().to_owned());
    has_lines(&out.next().unwrap(), printed_by_trainer);
    has_lines(&out.collect::<String>(), printed_by_parties);
    nobody_left(folder.path(), Duration::ZERO);
}
