//! What a test does that wants a GPU where there is none: it says so, or fails where `PPDNN_REQUIRE_GPU=1`.

use std::fmt::Display;
use std::io::Write;
use std::sync::Once;

/// What was asked of an adapter; none, said so once, where there is no adapter.
///
/// # Panics
/// Where there is none though `PPDNN_REQUIRE_GPU` is 1.
pub(crate) fn present<T, E: Display>(asked: Result<T, E>) -> Option<T> {
    asked
        .inspect_err(|e| {
            assert!(std::env::var_os("PPDNN_REQUIRE_GPU").is_none_or(|v| v != "1"), "PPDNN_REQUIRE_GPU=1, but {e}");
            static ONCE: Once = Once::new();
            ONCE.call_once(|| skip(&format!("nothing is tested on a GPU: {e}")));
        })
        .ok()
}

/// Says what is skipped, past the capture of passing tests and in one piece.
pub(crate) fn skip(why: &str) {
    let _ = std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes());
}
