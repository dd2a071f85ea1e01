//! Keys as text: two lower-case hexadecimal digits a byte.

use zeroize::Zeroizing;

/// The digits of some bytes.
pub(super) fn encode(bytes: &[u8]) -> String {
    let digit = |v: u8| char::from_digit(u32::from(v), 16).expect("a nibble is below 16");
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

/// The bytes of some digits, or the problem with them.
pub(super) fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let digits: Option<Zeroizing<Vec<u8>>> = text.bytes().map(nibble).collect::<Option<Vec<u8>>>().map(Zeroizing::new);
    let digits = digits.ok_or("has characters other than 0-9 and a-f; copy it again")?;
    if digits.len() % 2 == 1 {
        return Err(format!("has an odd number of digits, {}; copy it again", digits.len()));
    }
    Ok(Zeroizing::new(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()))
}

/// Exactly 32 bytes from 64 digits, or the problem with them.
pub(super) fn decode_32(text: &str) -> Result<[u8; 32], String> {
    let bytes = decode(text)?;
    bytes.as_slice().try_into().map_err(|_| format!("has {} digits, should have 64; copy it again", text.len()))
}

fn nibble(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_bad_digits_are_named() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(*decode(&encode(&bytes)).unwrap(), bytes);
        assert_eq!(*decode("aB0f").unwrap(), [0xab, 0x0f]);
        assert!(decode("abc").unwrap_err().contains("odd"));
        assert!(decode("xy").unwrap_err().contains("other than 0-9"));
        assert!(decode("\u{e9}\u{e9}").is_err());
        assert!(decode_32("abcd").unwrap_err().contains("has 4 digits"));
    }
}
