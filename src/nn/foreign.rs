//! Files of parameters that other programs wrote: what they are, and what to do about them.

use crate::shape::Shape;

/// What makes a file that is none of safetensors, by its first bytes.
pub(super) fn origin(text: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 6] = [
        (b"PK\x03\x04", "a checkpoint of PyTorch (a zip archive), or another archive"),
        (b"\x80\x02", "a pickle of Python, as old checkpoints of PyTorch are"),
        (b"\x80\x04", "a pickle of Python"),
        (b"\x89HDF", "a file of HDF5, as Keras has them"),
        (b"\x93NUMPY", "an array of NumPy"),
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
            "; PyTorch keeps [outputs, inputs]: transpose all weights, square ones too"
        }
        ([outputs, channels, h, w], [taps, wanted]) if outputs == wanted && channels * h * w == *taps => {
            "; PyTorch keeps [outputs, channels, rows, columns]: w.permute(2, 3, 1, 0).reshape(-1, outputs) of all filters, and \
             transpose all weights of dense layers"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_as_pytorch_has_them_are_recognised() {
        let wants = Shape::from([2 * 3 * 5, 7]);
        assert!(turned(&[7, 5, 2, 3], &wants).contains("permute(2, 3, 1, 0)"));
        assert_eq!([turned(&[7, 4, 2, 3], &wants), turned(&[30, 8], &wants)], [""; 2]);
    }
}
