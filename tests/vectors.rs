//! docs/protocols.md and what is written after it: the test vectors under tests/vectors, read by a program that shares nothing
//! with this one (tests/vectors/check.py), the worked example, and the sections that comments refer to.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const PAGE: &str = include_str!("../docs/protocols.md");

/// Runs a script of tests/vectors; `None` without Python 3, which is a failure if CI wants everything tested.
fn python(script: &str, arguments: &[&OsStr]) -> Option<(bool, String)> {
    let version = Command::new("python3").args(["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status();
    if !version.as_ref().is_ok_and(|status| status.success()) {
        let wants = "the scripts in tests/vectors need python3, 3.9 or newer (Debian: apt install python3)";
        assert!(std::env::var_os("PPDNN_REQUIRE_GPU").is_none_or(|v| v != "1"), "PPDNN_REQUIRE_GPU=1, but {wants}");
        // past the capture of passing tests
        let _ = std::io::stderr().write_all(format!("SKIPPED: the test vectors are not checked: {wants}\n").as_bytes());
        return None;
    }
    let out = Command::new("python3").arg(folder().join(script)).args(arguments).output().expect("python3 ran before");
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    Some((out.status.success(), text))
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors"))
}

#[test]
fn a_second_implementation_makes_the_same_of_the_vectors() {
    if let Some((right, text)) = python("check.py", &["--self-test".as_ref()]) {
        assert!(right, "{text}");
        assert!(text.lines().filter(|line| line.contains(": right: ")).count() > 40, "{text}");
    }
}

#[test]
fn a_second_implementation_notices_a_digit_that_is_off() {
    let copy = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(folder().join("small/select.json")).unwrap();
    let at = text.find("\"dealt\": \"").unwrap() + "\"dealt\": \"".len();
    let digit = if &text[at..=at] == "0" { "1" } else { "0" };
    let file = copy.path().join("select.json");
    fs::write(&file, format!("{}{digit}{}", &text[..at], &text[at + 1..])).unwrap();
    if let Some((right, text)) = python("check.py", &[file.as_ref()]) {
        assert!(!right && text.contains("select.json: WRONG: gate"), "{text}");
    }
}

#[test]
fn the_worked_example_is_what_the_second_implementation_computes() {
    if let Some((right, text)) = python("relu.py", &[]) {
        assert!(right, "{text}");
        for table in text.split("\n\n").map(str::trim) {
            assert!(table.lines().count() > 3 && PAGE.contains(table), "docs/protocols.md does not have\n{table}");
        }
    }
}

/// The numbers of the page's headings, in order.
fn sections() -> Vec<&'static str> {
    let headings = PAGE.lines().filter_map(|line| line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")));
    headings
        .map(|heading| heading.split_once(' ').map_or(heading, |(number, _)| number).trim_end_matches('.'))
        .collect()
}

#[test]
fn the_sections_of_the_page_are_numbered_without_holes() {
    let (mut chapter, mut section, mut expected) = (-1, 0, Vec::new());
    for number in sections() {
        (chapter, section) = if number.contains('.') { (chapter, section + 1) } else { (chapter + 1, 0) };
        expected.push(if section == 0 { format!("{chapter}") } else { format!("{chapter}.{section}") });
    }
    assert!(expected.len() > 30 && sections() == expected, "{:?}", sections());
}

/// The section numbers that follow `protocols.md` in a text, as in "protocols.md 3.1, 3.4".
fn references(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for rest in text.split("protocols.md").skip(1) {
        let rest = rest.trim_start_matches(['`', ')', ',', ' ']);
        for word in rest.strip_prefix("section ").unwrap_or(rest).split_whitespace() {
            let number = word.trim_end_matches(|c: char| !c.is_ascii_digit());
            if number.is_empty() || number.contains(|c: char| !c.is_ascii_digit() && c != '.') {
                break;
            }
            found.push(number);
            if !word.ends_with(',') {
                break;
            }
        }
    }
    found
}

/// The texts of this repository that refer to the page.
fn texts(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() && !path.ends_with("target") {
            texts(&path, found);
        } else if ["md", "py", "rs", "wgsl"].iter().any(|kind| path.extension().is_some_and(|have| have == *kind)) {
            found.push((path.clone(), fs::read_to_string(&path).expect("text")));
        }
    }
}

#[test]
fn comments_refer_to_sections_that_exist() {
    let there: BTreeSet<_> = sections().into_iter().collect();
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["benches", "docs", "examples", "fuzz", "kernels_tests", "shaders", "src", "tests"] {
        texts(&root.join(folder), &mut found);
    }
    for file in ["CHANGELOG.md", "README.md"] {
        found.push((root.join(file), fs::read_to_string(root.join(file)).unwrap()));
    }
    let wrong: Vec<_> = found
        .iter()
        .flat_map(|(path, text)| references(text).into_iter().filter(|n| !there.contains(n)).map(move |n| (path, n)))
        .collect();
    assert!(wrong.is_empty(), "docs/protocols.md has no such sections: {wrong:#?}");
    assert!(found.iter().map(|(_, text)| references(text).len()).sum::<usize>() > 60, "references are found");
    assert_eq!(
        references("protocols.md 3.1, 3.4. And 3.5; [protocols.md](docs/protocols.md) 10 has"),
        ["3.1", "3.4", "10"]
    );
}
