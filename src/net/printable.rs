//! Text of other parties, made fit for terminals and logs.
//!
//! A peer that could write control characters to a terminal could move its cursor, hide what was printed, or turn text
//! around. Whatever text a message brings goes through here as it is decoded; names in a job are refused instead.

use serde::{Deserialize, Deserializer};

/// The text with every character that steers a terminal replaced by `?`, cut to [`LONGEST`] characters.
pub fn printable(text: &str) -> String {
    let mut out: String = text.chars().take(LONGEST).collect();
    out = without_steering(&out);
    if text.chars().nth(LONGEST).is_some() {
        out.push_str(" ..");
    }
    out
}

/// The text with every character that steers a terminal replaced by `?`.
pub fn without_steering(text: &str) -> String {
    text.chars().map(|c| if steers(c) { '?' } else { c }).collect()
}

/// Whether [`printable`] would leave a text as it is.
pub fn is_printable(text: &str) -> bool {
    text.chars().nth(LONGEST).is_none() && !text.chars().any(steers)
}

/// Decodes a text of a message.
///
/// # Errors
/// The decoder's, if the bytes are not a string.
pub fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(printable(&String::deserialize(from)?))
}

/// Decodes an optional text of a message.
///
/// # Errors
/// The decoder's, if the bytes are not an optional string.
pub fn decode_option<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(|text| printable(&text)))
}

/// Whether a character is no sign but an instruction: control characters (escape, new line, C1), line and paragraph
/// separators, marks of writing direction, and characters without a width, which make one name look like another.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Characters of a text of a peer.
pub const LONGEST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_steer_a_terminal_are_replaced_and_the_others_stay() {
        let plain = "server 1 at [::1]:7100: \u{fc}ber 3 s, \u{4e2d}\u{6587}, \u{1f600}";
        assert_eq!(printable(plain), plain);
        assert!(is_printable(plain));
        for bad in [
            "\u{1b}[2J",
            "\r\n",
            "\t",
            "\u{7}",
            "\u{0}",
            "\u{7f}",
            "\u{9b}31m",
            "\u{202e}",
            "\u{202a}",
            "\u{2066}",
            "\u{2069}",
            "\u{200b}",
            "\u{feff}",
            "\u{2028}",
        ] {
            let text = format!("a{bad}b");
            assert!(!is_printable(&text) && !printable(&text).chars().any(steers), "{bad:?}");
            assert!(printable(&text).starts_with("a?"), "{bad:?}");
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(printable(&long).len(), LONGEST + 3);
        assert!(!is_printable(&long) && is_printable(&long[1..]));
    }
}
