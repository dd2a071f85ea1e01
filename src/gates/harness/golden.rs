//! Files that tests make anew and compare with what is kept, byte for byte.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;

/// Compares `value`, as JSON, with the file `name` of tests/vectors, or writes it there where `PPDNN_WRITE_VECTORS` is 1.
///
/// # Panics
/// Where they differ.
pub(crate) fn keep(name: &str, value: &impl Serialize) {
    let path = folder().join(name).with_extension("json");
    let made = serde_json::to_string_pretty(value).unwrap() + "\n";
    if std::env::var_os("PPDNN_WRITE_VECTORS").is_some_and(|v| v == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        return fs::write(&path, made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; {HOW}", path.display()));
    if let Some(what) = difference(&kept, &made) {
        panic!("{}: {what}; if that is meant, {HOW}", path.display());
    }
}

/// Where test vectors are kept.
pub(crate) fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "vectors"].iter().collect()
}

const HOW: &str = "PPDNN_WRITE_VECTORS=1 cargo test --release vectors writes it anew";

/// The first line that differs.
fn difference(kept: &str, made: &str) -> Option<String> {
    if kept == made {
        return None;
    }
    let same = kept.lines().zip(made.lines()).take_while(|(a, b)| a == b).count();
    let line = |text: &str| {
        text.lines().nth(same).map_or_else(|| "the end".to_owned(), |l| l.trim().chars().take(60).collect())
    };
    Some(format!("line {} is `{}`, the program makes `{}`", same + 1, line(kept), line(made)))
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn vectors_that_differ_in_a_digit_are_told_apart() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert!(difference("a\nb\n", "a\nc\n").unwrap().starts_with("line 2 is `b`"));
        assert!(difference("a\n", "a\nb\n").unwrap().contains("the end"));
        assert!(difference("a\n", "a").is_some());
    }
}
