//! Files of parameters that other programs wrote: what they are, and what to do about them.

use std::path::Path;

use crate::error::{Error, Result};
use crate::input;
use crate::shape::Shape;

/// The bytes of a file; of one that does not begin as safetensors do, the first, which may tell what else it is.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let head = input::start(path, 16).map_err(|e| Error::file(path, e))?;
    let header = head.first_chunk().map_or(0, |len| u64::from_le_bytes(*len));
    if !(1..=MOST_HEADER).contains(&header) {
        return Ok(head);
    }
    input::read(path, MOST_BYTES).map_err(|e| Error::file(path, e))
}

/// Bytes of a header, as the crate has it.
const MOST_HEADER: u64 = 100_000_000;
/// Bytes of a file: as many parameters as a job's network may have, in single precision.
const MOST_BYTES: u64 = MOST_HEADER + (4 << 30);

/// What makes a file that is none of safetensors, by its first bytes.
pub(super) fn origin(text: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 6] = [
        (b"PK\x03\x04", "a PyTorch checkpoint (a zip archive), or another archive"),
        (b"\x80\x02", "a Python pickle, the format of old PyTorch checkpoints"),
        (b"\x80\x04", "a Python pickle"),
        (b"\x89HDF", "an HDF5 file, as used by Keras"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"GGUF", "a GGUF file"),
    ];
    kinds.into_iter().find(|(start, _)| text.starts_with(start)).map(|(_, name)| name)
}

/// How to make a file that can be read.
pub(super) const CONVERT: &str = "in Python: from safetensors.torch import save_file; \
    save_file({name: w.T.contiguous() if w.dim() == 2 else w for name, w in \
    torch.load(FILE, weights_only=True).items()}, \"model.safetensors\"), with the names of layers as ppdnn has them";

/// What to do about a weight that is as PyTorch keeps it.
pub(super) fn turned(has: &[usize], wants: &Shape) -> &'static str {
    match (has, wants.axes()) {
        ([a, b], [inputs, outputs]) if (a, b) == (outputs, inputs) => {
            "; PyTorch stores [outputs, inputs]: transpose all weights, including square ones"
        }
        ([outputs, channels, h, w], [taps, wanted]) if outputs == wanted && channels * h * w == *taps => {
            "; PyTorch stores [outputs, channels, rows, columns]: w.permute(2, 3, 1, 0).reshape(-1, outputs) of all filters, and \
             transpose all weights of dense layers"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_as_pytorch_has_them_are_recognized() {
        let wants = Shape::from([2 * 3 * 5, 7]);
        assert!(turned(&[7, 5, 2, 3], &wants).contains("permute(2, 3, 1, 0)"));
        assert_eq!([turned(&[7, 4, 2, 3], &wants), turned(&[30, 8], &wants)], [""; 2]);
    }
}
