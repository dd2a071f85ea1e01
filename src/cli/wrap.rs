//! Lines that fit a terminal.

/// Columns of a line that is broken at a word: what a wide terminal shows, and what a narrow one breaks once more.
const WIDTH: usize = 100;

/// The text as it is, or for a terminal: lines that are too long go on below themselves, by two more columns. What is read by
/// programs, a log or a pipe, keeps its lines.
pub(super) fn fitted(text: &str, terminal: bool) -> String {
    if terminal { text.split('\n').map(broken).collect::<Vec<_>>().join("\n") } else { text.to_owned() }
}

/// A line, broken at blanks. A word that is too long stays whole: it may be a path or an address to copy.
fn broken(line: &str) -> String {
    if columns(line) <= WIDTH {
        return line.to_owned();
    }
    let indent = columns(line) - columns(line.trim_start_matches(' '));
    let (mut text, mut used) = (" ".repeat(indent), indent);
    for (i, word) in line.split_whitespace().enumerate() {
        let space = usize::from(i > 0);
        if i > 0 && used + space + columns(word) > WIDTH {
            used = indent + 2;
            text += &format!("\n{}", " ".repeat(used));
        } else {
            used += space;
            text += &" ".repeat(space);
        }
        text += word;
        used += columns(word);
    }
    text
}

/// The beginning of a text of more than `most` letters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if columns(text) <= most { text.to_owned() } else { text.chars().take(most).chain("..".chars()).collect() }
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_at_words_for_a_terminal_only() {
        let long = format!("error: {}\n  {}", "some words ".repeat(30).trim_end(), "more of it ".repeat(20).trim_end());
        assert_eq!(fitted(&long, false), long);
        let text = fitted(&long, true);
        assert!(text.lines().all(|line| columns(line) <= WIDTH), "{text}");
        assert!(text.lines().count() == 7 && text.lines().skip(1).all(|line| line.starts_with("  ")), "{text}");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&text), words(&long));
        let path = "x".repeat(150);
        assert_eq!(fitted(&format!("error: {path}: no"), true), format!("error:\n  {path}:\n  no"));
        assert_eq!(fitted("  two  blanks", true), "  two  blanks", "what fits is left alone");
    }

    #[test]
    fn what_is_shortened_says_so() {
        assert_eq!((shortened("784-10", 6), shortened("784-128-10", 6)), ("784-10".into(), "784-12..".into()));
    }
}
