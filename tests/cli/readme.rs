//! The README's cluster, taken out of README.md and started on this machine: its commands, a folder for each party's machine, and
//! what they print.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use crate::harness::{Running, all_done, folder, nobody_left, program, run, shared};

const README: &str = include_str!("../../README.md");

/// The job of the test: enough steps and rows for the default policy.
const SMALLER: [&str; 8] = ["--train-limit", "3200", "--test-limit", "200", "--batch", "32", "--epochs", "1"];

/// Rows of the owner, in the README and in the test.
const ROWS: [(&str, &str); 2] = [("60000", "3200"), ("10000", "200")];

/// The code blocks of a language in the section on clusters.
fn blocks<const N: usize>(language: &str) -> [&'static str; N] {
    let section = README.split("\n## ").find(|section| section.starts_with("Several machines\n")).unwrap();
    let fenced = section.split("```").skip(1).step_by(2);
    let found: Vec<_> = fenced.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect();
    found.try_into().unwrap_or_else(|found| panic!("the README has other {language} blocks: {found:#?}"))
}

/// Every `ppdnn` command of a block: whose it is, by the remark behind it, and its arguments.
fn commands(block: &'static str) -> Vec<(String, Vec<&'static str>)> {
    let split = |line: &'static str| {
        let (command, who) = line.split_once(" # ").unwrap_or_else(|| panic!("`{line}` does not say whose it is"));
        let mut words = command.split_whitespace();
        assert_eq!(words.next(), Some("ppdnn"), "{line}");
        (who.trim().replace(' ', ""), words.collect())
    };
    block.lines().map(split).collect()
}

/// A line without what differs from run to run: words with a digit are figures, names of files apart.
fn outline(line: &str) -> String {
    // a group of a fingerprint may be letters alone
    let digits = |word: &str| word.len() == 8 && word.bytes().all(|c| c.is_ascii_hexdigit());
    let varies = |word: &str| {
        digits(word)
            || word.contains(|c: char| c.is_ascii_digit()) && !word.contains(".key") && !word.contains(".safetensors")
    };
    let line = line.replace("Gbit/s", "Mbit/s");
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
    let [init, trust, serve, doctor, start] = blocks("sh");
    let [policy] = blocks("toml");
    let [made, trusted, checked, printed_by_owner, printed_by_trainer] = blocks("text");
    let held = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let mut free = held.iter().map(|listener| listener.local_addr().unwrap().to_string());

    // a folder is a machine
    let machine = |who: &str| folder.path().join(who);
    let parties = commands(init);
    for (who, args) in &parties {
        let local = |arg: &&str| if arg.contains("example.org") { free.next().unwrap() } else { smaller(arg) };
        let args: Vec<String> = args.iter().map(local).collect();
        fs::create_dir(machine(who)).unwrap();
        let ended = run(&machine(who), &args.iter().map(String::as_str).collect::<Vec<_>>());
        if who == "server0" {
            has_lines(ended.done(), made);
        }
        ended.done();
    }
    drop(held);
    for (from, to) in parties.iter().flat_map(|(from, _)| parties.iter().map(move |(to, _)| (from, to))) {
        let file = format!("{from}.party");
        fs::copy(machine(from).join("ppdnn-config").join(&file), machine(to).join(&file)).unwrap();
    }
    let everybody = |block| match &commands(block)[..] {
        [(who, args)] if who == "everyparty" => args.clone(),
        other => panic!("{other:?} is not a command of every party"),
    };
    for (who, _) in &parties {
        let ended = run(&machine(who), &everybody(trust));
        if who == "server0" {
            has_lines(ended.done(), trusted);
        }
        ended.done();
    }
    let begin = |(who, args): &(String, Vec<&str>), more: &[&str]| {
        Running::start(&mut program(&machine(who), &[&args[..], more].concat()))
    };
    let mut running: Vec<_> = commands(serve).iter().map(|command| begin(command, &[])).collect();
    running.iter_mut().for_each(|party| party.hear("waiting for a job"));
    for (who, _) in &parties {
        let ended = run(&machine(who), &everybody(doctor));
        if who == "server0" {
            has_lines(ended.done(), checked);
        }
        ended.done();
    }
    fs::write(machine("owner0").join("policy.toml"), smaller(policy)).unwrap();
    let [owner, trainer] = &commands(start)[..] else { panic!("{start}") };
    let (owner, trainer) = (begin(owner, &[]), begin(trainer, &SMALLER));
    has_lines(trainer.end().done(), printed_by_trainer);
    has_lines(owner.end().done(), printed_by_owner);
    all_done(running);
    nobody_left(folder.path(), Duration::ZERO);
}

/// A text of the README with the rows of the test.
fn smaller(text: &str) -> String {
    ROWS.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
