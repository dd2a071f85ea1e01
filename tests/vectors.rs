//! The test vectors under tests/vectors, read by a program that shares nothing with this one: tests/vectors/check.py.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Runs the checker; none where there is no Python 3. Fails for that where CI wants everything tested.
fn check(arguments: &[&OsStr]) -> Option<(bool, String)> {
    let version = Command::new("python3").args(["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status();
    if !version.as_ref().is_ok_and(|status| status.success()) {
        let wants = "tests/vectors/check.py wants python3, 3.9 or newer (Debian: apt install python3)";
        assert!(std::env::var_os("PPDNN_REQUIRE_GPU").is_none_or(|v| v != "1"), "PPDNN_REQUIRE_GPU=1, but {wants}");
        // past the capture of passing tests
        let _ = std::io::stderr().write_all(format!("SKIPPED: the test vectors are not checked: {wants}\n").as_bytes());
        return None;
    }
    let out =
        Command::new("python3").arg(folder().join("check.py")).args(arguments).output().expect("python3 ran before");
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    Some((out.status.success(), text))
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors"))
}

#[test]
fn a_second_implementation_makes_the_same_of_the_vectors() {
    if let Some((right, text)) = check(&["--self-test".as_ref()]) {
        assert!(right, "{text}");
        assert!(text.lines().filter(|line| line.contains(": right: ")).count() > 40, "{text}");
    }
}

#[test]
fn a_second_implementation_notices_a_digit_that_is_off() {
    let copy = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(folder().join("small/select.json")).unwrap();
    let at = text.find("\"dealt\": \"").unwrap() + "\"dealt\": \"".len();
    let digit = if &text[at..=at] == "0" { "1" } else { "0" };
    let file = copy.path().join("select.json");
    std::fs::write(&file, format!("{}{digit}{}", &text[..at], &text[at + 1..])).unwrap();
    if let Some((right, text)) = check(&[file.as_ref()]) {
        assert!(!right && text.contains("select.json: WRONG: gate"), "{text}");
    }
}
