//! Rows of numbers from a stream, a row a line.

use std::io::{BufRead, Read};

use ndarray::Array2;

use crate::error::{Error, Result};

/// Reads lines of numbers that are separated by commas; blank lines are skipped.
pub(super) struct NumberLines<R> {
    from: R,
    features: usize,
    line: u64,
}

impl<R: BufRead> NumberLines<R> {
    pub(super) fn new(from: R, features: usize) -> Self {
        Self { from, features, line: 0 }
    }

    /// The line that was read last, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next row, `[1, features]`; `None` at the end.
    ///
    /// # Errors
    /// [`Error::File`] if the stream cannot be read, [`Error::Format`] with the line that does not fit.
    pub(super) fn next(&mut self) -> Result<Option<Array2<f32>>> {
        // no number needs as many characters
        let most = 64 * (self.features as u64 + 1);
        loop {
            let mut line = Vec::new();
            self.line += 1;
            let read = self.from.by_ref().take(most).read_until(b'\n', &mut line);
            if read.map_err(|e| Error::file(NAME, e))? == 0 {
                return Ok(None);
            }
            if line.len() as u64 == most {
                return Err(self.wrong(format!("is longer than {most} bytes")));
            }
            let text = str::from_utf8(&line).map_err(|_| self.wrong("is no text".into()))?.trim();
            if !text.is_empty() {
                return self.row(text).map(Some);
            }
        }
    }

    fn row(&self, text: &str) -> Result<Array2<f32>> {
        let values: Vec<Option<f32>> = text.split(',').map(|text| text.trim().parse().ok()).collect();
        let (has, features) = (values.len(), self.features);
        if has != features {
            return Err(self.wrong(format!("has {has} numbers, should have {features}, separated by commas")));
        }
        if let Some(at) = values.iter().position(|x| !x.is_some_and(f32::is_finite)) {
            return Err(self.wrong(format!("number {} cannot be read; write it as 0.5 or 1e-3", at + 1)));
        }
        let row = Array2::from_shape_vec([1, features], values.into_iter().flatten().collect());
        row.map_err(|e| self.wrong(e.to_string()))
    }

    fn wrong(&self, what: String) -> Error {
        Error::format(NAME, format!("line {}: {what}", self.line))
    }
}

const NAME: &str = "standard input";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_rows_and_what_is_none_says_where() {
        let mut lines = NumberLines::new(&b"1, 2.5\n\n-3,1e-1"[..], 2);
        assert_eq!(lines.next().unwrap(), Some(ndarray::arr2(&[[1.0, 2.5]])));
        assert_eq!((lines.next().unwrap(), lines.line()), (Some(ndarray::arr2(&[[-3.0, 0.1]])), 3));
        assert_eq!(lines.next().unwrap(), None);
        let long = [b'1'; 500];
        for (text, says) in [
            (&b"1,2\n1"[..], "line 2: has 1 numbers, should have 2"),
            (b"1,2\n\n1,x", "line 3: number 2 cannot be read"),
            (b"1,2\ninf,1", "line 2: number 1"),
            (b"1,2\n\xff,1", "line 2: is no text"),
            (&long, "line 1: is longer than 192 bytes"),
        ] {
            let mut lines = NumberLines::new(text, 2);
            let error = std::iter::repeat_with(|| lines.next()).find_map(Result::err).unwrap().to_string();
            assert!(error.contains(says) && error.contains("standard input"), "{error}");
        }
    }
}
