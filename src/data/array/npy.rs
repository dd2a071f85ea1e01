//! The header of an NPY file.
//!
//! After the magic, two bytes with the version and the length of a Python dictionary as text, such as
//! `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`. Source: NumPy, `numpy.lib.format`.

use std::io::Read;

use crate::data::array::element::{Element, Kind};
use crate::data::array::header::{Header, Refused};
use crate::data::idx::up_to;

/// Reads the rest of a header, after the first four bytes of the file.
pub(super) fn read(mut body: &mut dyn Read) -> Result<Header, Refused> {
    let truncated = || "is truncated: it ends within its header".to_owned();
    let start = up_to(&mut body, 4)?;
    let [b'P', b'Y', major, _] = start[..] else { return Err(truncated().into()) };
    let digits = match major {
        1 => 2,
        2 | 3 => 4,
        _ => return Err(format!("is of version {major} of NPY; versions 1 to 3 are read").into()),
    };
    let length = up_to(&mut body, digits)?;
    if length.len() < digits {
        return Err(truncated().into());
    }
    let length = length.iter().rev().fold(0_usize, |all, byte| all << 8 | usize::from(*byte));
    if length > MOST_BYTES {
        return Err(format!("declares a header of {length} bytes; at most {MOST_BYTES} are read").into());
    }
    let text = up_to(&mut body, length)?;
    if text.len() < length {
        return Err(truncated().into());
    }
    let text = String::from_utf8(text).map_err(|_| "has a header that is no text".to_owned())?;
    Ok(dictionary(&text)?)
}

/// Bytes of a header.
const MOST_BYTES: usize = 1 << 16;

/// The header of a Python dictionary.
fn dictionary(text: &str) -> Result<Header, String> {
    let mut rest = Literal(text);
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    rest.expect("{")?;
    while !rest.eat("}") {
        let key = rest.string()?;
        rest.expect(":")?;
        match key {
            "descr" if rest.0.trim_start().starts_with('[') => {
                return Err("has records of several fields; save each field as an array of its own".into());
            }
            "descr" => descr = Some(rest.string()?),
            "fortran_order" => fortran = Some(rest.boolean()?),
            "shape" => shape = Some(rest.tuple()?),
            _ => return Err(UNREADABLE.into()),
        }
        if !rest.eat(",") {
            rest.expect("}")?;
            break;
        }
    }
    let (Some(descr), Some(fortran), Some(shape)) = (descr, fortran, shape) else { return Err(UNREADABLE.into()) };
    if fortran && shape.len() > 1 {
        return Err("is in Fortran order, column by column; save `numpy.ascontiguousarray(..)` of it".into());
    }
    Ok(Header { shape, element: element(descr)? })
}

const UNREADABLE: &str = "has a header that cannot be read; save the array again with numpy.save";

/// What numbers are, from their description: byte order, kind and bytes, such as `<f4`.
fn element(descr: &str) -> Result<Element, String> {
    let (order, kind) = match descr.as_bytes() {
        [order @ (b'<' | b'>' | b'|' | b'='), kind @ ..] => (*order, kind),
        kind => (b'=', kind),
    };
    let (kind, bytes) = match kind {
        b"b1" | b"u1" | b"B" | b"?" => (Kind::Unsigned, 1),
        b"u2" => (Kind::Unsigned, 2),
        b"u4" => (Kind::Unsigned, 4),
        b"u8" => (Kind::Unsigned, 8),
        b"i1" | b"b" => (Kind::Signed, 1),
        b"i2" => (Kind::Signed, 2),
        b"i4" => (Kind::Signed, 4),
        b"i8" => (Kind::Signed, 8),
        b"f4" => (Kind::Float, 4),
        b"f8" => (Kind::Float, 8),
        kind => {
            let what = match kind {
                [b'O', ..] => "Python objects",
                [b'S' | b'U', ..] => "texts",
                [b'c', ..] => "complex numbers",
                [b'f', ..] => "floating-point numbers of a size that is not read",
                _ => "values that are no numbers",
            };
            return Err(format!("has {what}; save it as integers, float32 or float64 (`.astype(\"float32\")`)"));
        }
    };
    Ok(Element { kind, bytes, big_endian: order == b'>' || (order == b'=' && cfg!(target_endian = "big")) })
}

/// The rest of a Python literal.
struct Literal<'t>(&'t str);

impl<'t> Literal<'t> {
    fn eat(&mut self, token: &str) -> bool {
        let rest = self.0.trim_start().strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.eat(token) { Ok(()) } else { Err(UNREADABLE.into()) }
    }

    fn string(&mut self) -> Result<&'t str, String> {
        let quote = if self.eat("'") { '\'' } else { self.expect("\"").map(|()| '"')? };
        let (text, rest) = self.0.split_once(quote).ok_or(UNREADABLE)?;
        self.0 = rest;
        Ok(text)
    }

    fn boolean(&mut self) -> Result<bool, String> {
        if self.eat("True") { Ok(true) } else { self.expect("False").map(|()| false) }
    }

    fn tuple(&mut self) -> Result<Vec<u64>, String> {
        let mut axes = Vec::new();
        self.expect("(")?;
        while !self.eat(")") {
            let rest = self.0.trim_start();
            let (digits, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
            axes.push(digits.parse().map_err(|_| UNREADABLE)?);
            self.0 = rest;
            // Python 2 wrote long integers with an L
            self.eat("L");
            if !self.eat(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(axes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_are_read_as_python_reads_them() {
        let read = |text: &str| dictionary(text).map(|header| (header.shape, header.element));
        let float = Element { kind: Kind::Float, bytes: 4, big_endian: false };
        let numpy = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }          \n";
        assert_eq!(read(numpy), Ok((vec![3, 4], float)));
        assert_eq!(read("{\"shape\":(7,),\"fortran_order\":True,\"descr\":\"<f4\"}"), Ok((vec![7], float)));
        assert_eq!(read("{'descr': '>i2', 'fortran_order': False, 'shape': ()}").unwrap().0, [0; 0]);
        assert_eq!(read("{'descr': '|u1', 'fortran_order': False, 'shape': (7L, 2L)}").unwrap().0, [7, 2]);
        for (text, says) in [
            (numpy.replace("False", "True"), "Fortran order"),
            (numpy.replace("'<f4'", "[('a', '<f4')]"), "several fields"),
            (numpy.replace("<f4", "|O"), "Python objects"),
            (numpy.replace("<f4", "<U7"), "texts"),
            (numpy.replace("<f4", "<f2"), "a size that is not read"),
            (numpy.replace("(3, 4)", "(3, -4)"), "cannot be read"),
            (numpy.replace("(3, 4)", "(99999999999999999999,)"), "cannot be read"),
            (numpy.replace("'shape'", "'form'"), "cannot be read"),
            (numpy[..30].to_owned(), "cannot be read"),
            (String::new(), "cannot be read"),
        ] {
            let refused = dictionary(&text).unwrap_err();
            assert!(refused.contains(says), "`{says}` is not in `{refused}`");
        }
    }
}
