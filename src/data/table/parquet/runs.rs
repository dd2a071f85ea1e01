//! Small numbers in runs: Parquet's hybrid of run lengths and bit packing (Encodings.md, "Run Length Encoding / Bit-Packing
//! Hybrid").

use crate::data::table::parquet::thrift::Thrift;

/// Numbers of `width` bits, which are read one by one.
pub(super) struct Runs {
    bytes: Vec<u8>,
    width: u8,
    /// Where the next run begins.
    at: usize,
    /// Numbers of this run that are still to be read.
    left: u64,
    run: Run,
}

enum Run {
    Same(u32),
    /// Side by side, the next from this bit on.
    Packed(usize),
}

impl Runs {
    /// Numbers of at most 32 bits; `None` if they are wider.
    pub(super) fn new(bytes: Vec<u8>, width: u8) -> Option<Self> {
        (width <= 32).then_some(Self { bytes, width, at: 0, left: 0, run: Run::Same(0) })
    }

    /// The next number; `None` after the last, and where the bytes are damaged.
    pub(super) fn next(&mut self) -> Option<u32> {
        while self.left == 0 {
            self.begin()?;
        }
        self.left -= 1;
        match &mut self.run {
            Run::Same(x) => Some(*x),
            Run::Packed(bit) => {
                let x = bits(&self.bytes, *bit, self.width);
                *bit += usize::from(self.width);
                x
            }
        }
    }

    /// Begins the next run: a header, whose last bit says which kind of run it is and whose others how long it is.
    fn begin(&mut self) -> Option<()> {
        let mut rest = Thrift(self.bytes.get(self.at..)?);
        let header = rest.varint()?;
        let start = self.bytes.len() - rest.0.len();
        let taken = if header & 1 == 0 {
            let length = usize::from(self.width).div_ceil(8);
            let x = rest.0.get(..length)?.iter().rev().fold(0, |x, byte| x << 8 | u32::from(*byte));
            (self.run, self.left) = (Run::Same(x), header >> 1);
            length
        } else {
            // groups of eight numbers; the last may lack what pads it
            let groups = header >> 1;
            (self.run, self.left) = (Run::Packed(start * 8), groups.saturating_mul(8));
            usize::try_from(groups.saturating_mul(self.width.into())).ok()?.min(rest.0.len())
        };
        self.at = start + taken;
        Some(())
    }
}

/// The number in `width` bits, of at most 32, from bit `at` on, the lowest first.
pub(super) fn bits(bytes: &[u8], at: usize, width: u8) -> Option<u32> {
    let end = at + usize::from(width);
    let span = bytes.get(at / 8..end.div_ceil(8))?;
    let wide = span.iter().rev().fold(0, |x, byte| x << 8 | u64::from(*byte));
    u32::try_from(wide >> (at % 8) & ((1 << width) - 1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], width: u8) -> Vec<u32> {
        let mut runs = Runs::new(bytes.to_vec(), width).unwrap();
        std::iter::from_fn(|| runs.next()).take(100).collect()
    }

    #[test]
    fn numbers_are_those_of_the_specification() {
        // Encodings.md: 0 to 7 in three bits each are 10001000 11000110 11111010
        assert_eq!(all(&[3, 0b1000_1000, 0b1100_0110, 0b1111_1010], 3), [0, 1, 2, 3, 4, 5, 6, 7]);
        // three times 300, then the first half of a group of eight ones
        assert_eq!(all(&[6, 0x2c, 1, 3, 1, 0, 1, 0, 1, 0, 1, 0], 16), [300, 300, 300, 1, 1, 1, 1]);
        assert_eq!(all(&[4, 0xff, 0xff, 0xff, 0xff], 32), [u32::MAX; 2]);
        assert_eq!(bits(&[0x80, 0xff, 0xff, 0xff, 0x7f], 7, 32), Some(u32::MAX));
        // no bits at all: a dictionary of one entry
        assert_eq!(all(&[10], 0), [0; 5]);
    }

    #[test]
    fn damaged_runs_end() {
        for bytes in [&[][..], &[0x80], &[6], &[6, 1], &[0xff; 20]] {
            assert!(all(bytes, 16).is_empty(), "{bytes:?}");
        }
        // empty runs, and groups without end of which one number is there
        assert_eq!(all(&[0, 5, 0, 1, 2, 7], 3), [7]);
        assert_eq!(all(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xb5], 8), [0xb5]);
        assert!(Runs::new(vec![0], 33).is_none());
    }
}
