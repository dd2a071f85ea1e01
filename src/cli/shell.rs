//! Commands as a shell takes them.

/// The command that started this program.
pub(super) fn command() -> String {
    let args = std::env::args_os().skip(1).map(|arg| quoted(&arg.to_string_lossy()));
    std::iter::once("ppdnn".to_owned()).chain(args).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it, on one line.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    let quote = word.is_empty() || !word.chars().all(plain);
    let word = word.replace(char::is_control, "?");
    if quote { format!("'{}'", word.replace('\'', "'\\''")) } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_a_shell_would_split_are_quoted() {
        assert_eq!(quoted("runs/a-1"), "runs/a-1");
        assert_eq!(quoted("two words"), "'two words'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted("a\nb"), "'a?b'");
        assert_eq!(quoted(""), "''");
    }
}
