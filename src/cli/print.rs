//! Lines on standard output and standard error; the errors of standard output.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use serde::Serialize;

use crate::cli::INTERRUPTED;
use crate::cli::wrap::fitted;
use crate::error::Error;
use crate::net::without_steering;

/// Prints a line. A reader that is gone is none of our business; any other error is, at the end: see [`lost_output`].
pub(super) fn say(line: &str) {
    note_loss(writeln!(std::io::stdout(), "{line}"));
}

/// Prints a line, and gives it to whoever reads at once; whether anybody does.
pub(super) fn said(line: &str) -> bool {
    let mut out = std::io::stdout();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    let heard = written.is_ok();
    note_loss(written);
    heard
}

/// The error of standard output that kept something from being printed, if there was one.
pub(super) fn lost_output() -> Option<Error> {
    note_loss(std::io::stdout().flush());
    let reason = LOST.get()?;
    Some(Error::file("standard output", std::io::Error::other(format!("{reason}; not everything was printed"))))
}

/// The first error of standard output.
static LOST: OnceLock<String> = OnceLock::new();

fn note_loss(written: std::io::Result<()>) {
    if let Some(e) = written.err().filter(|e| e.kind() != std::io::ErrorKind::BrokenPipe) {
        LOST.get_or_init(|| e.to_string());
    }
}

/// Ends the program at once because the user asked for it again.
pub(super) fn stop_now(why: &str) -> ! {
    tell_user(&format!("error: {why}"));
    std::process::exit(INTERRUPTED.into());
}

/// Prints a JSON line.
pub(super) fn json(value: &impl Serialize) {
    say(&serde_json::to_string(value).expect("an event can be written"));
}

/// Writes a line for the log.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints a warning.
pub(super) fn warn(text: &str) {
    tell_user(&format!("warning: {text}"));
}

/// Prints an error.
pub(super) fn error(e: &Error) {
    tell_user(&format!("error: {e}"));
}

/// Writes to standard error; on a terminal, in lines that fit it.
fn tell_user(text: &str) {
    // names of files, and words of files, may have characters that steer a terminal
    let lines: Vec<String> = text.lines().map(without_steering).collect();
    note(&fitted(&lines.join("\n"), std::io::stderr().is_terminal()));
}

/// Prints a line of words; on a terminal, in lines that fit it.
pub(super) fn say_fitted(text: &str) {
    say(&fitted(text, std::io::stdout().is_terminal()));
}
