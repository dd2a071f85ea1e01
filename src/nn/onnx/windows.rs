//! The windows of convolutions and pools in an ONNX graph.

use crate::nn::onnx::node::Node;

/// How a window moves over an image.
pub(super) struct Moves {
    pub(super) stride: [usize; 2],
    /// Rows and columns of zeros on each side.
    pub(super) padding: [usize; 2],
}

impl Moves {
    /// Those of a node, whose window `kernel` moves over an image.
    pub(super) fn read(node: &mut Node<'_>, image: [usize; 2], kernel: [usize; 2]) -> Result<Self, String> {
        if node.sizes("dilations")?.is_some_and(|dilations| dilations != [1, 1]) {
            return Err(node.wrong("attribute `dilations` must be 1"));
        }
        let stride = node.sizes("strides")?.unwrap_or([1, 1]);
        if stride.contains(&0) {
            return Err(node.wrong("attribute `strides` must be at least 1"));
        }
        let pads = node.sizes::<4>("pads")?.unwrap_or_default();
        let (name, pads) = match node.word("auto_pad").as_deref() {
            None | Some("NOTSET") => ("pads", pads),
            Some("VALID") => ("auto_pad", [0; 4]),
            Some(same @ ("SAME_UPPER" | "SAME_LOWER")) => ("auto_pad", Self::same(image, kernel, stride, same)),
            Some(_) => return Err(node.wrong("attribute `auto_pad` must be NOTSET, SAME_UPPER, SAME_LOWER or VALID")),
        };
        let [top, left, bottom, right] = pads;
        if top != bottom || left != right {
            return Err(node.wrong(format!(
                "attribute `{name}` puts {top} and {bottom} rows, {left} and {right} columns around images; both sides must have \
                 as many"
            )));
        }
        Ok(Self { stride, padding: [top, left] })
    }

    /// Zeros around images, for as many positions as the image has values, divided by the stride.
    fn same(image: [usize; 2], kernel: [usize; 2], stride: [usize; 2], upper_or_lower: &str) -> [usize; 4] {
        let sides = [0, 1].map(|a| {
            let across = (image[a].div_ceil(stride[a]).saturating_sub(1) * stride[a]).saturating_add(kernel[a]);
            let all = across.saturating_sub(image[a]);
            [all / 2, all - all / 2]
        });
        let [[top, bottom], [left, right]] = sides;
        if upper_or_lower == "SAME_UPPER" { [top, left, bottom, right] } else { [bottom, right, top, left] }
    }
}
