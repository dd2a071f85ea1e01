//! Windows of images: what convolutions, pools and padding have in common.

use crate::gates::ImageWindows;
use crate::nn::{Factor, LineError, TomlTable};
use crate::shape::Shape;

/// The axes of an image.
pub(super) fn image(kind: &str, input: &Shape) -> Result<[usize; 3], String> {
    let axes = input.axes().try_into();
    axes.map_err(|_| format!("a {kind} layer needs images: [batch, height, width, channels]"))
}

/// Rows and columns of the windows of an image; `what` they are called.
pub(super) fn positions(
    what: &str,
    image: [usize; 2],
    window: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
) -> Result<[usize; 2], String> {
    let most = MOST_ROWS as usize;
    let limits =
        window.iter().chain(&stride).any(|n| *n == 0) || padding.iter().chain(&image).chain(&stride).any(|n| *n > most);
    let [h, w] = [0, 1].map(|a: usize| image[a].saturating_add(padding[a].saturating_mul(2)));
    if limits || window[0] > h || window[1] > w {
        return Err(format!("its {what} must have 1 to {h} rows and 1 to {w} columns, and a stride of 1 to {most}"));
    }
    Ok([(h - window[0]) / stride[0] + 1, (w - window[1]) / stride[1] + 1])
}

/// The shape behind a pool of windows of up to `most` values.
pub(super) fn pooled(
    kind: &str,
    input: &Shape,
    window: [usize; 2],
    stride: [usize; 2],
    most: usize,
) -> Result<Shape, String> {
    let [height, width, channels] = image(kind, input)?;
    let [rows, columns] = positions("window", [height, width], window, stride, [0, 0])?;
    let values = window[0].saturating_mul(window[1]);
    if values > most {
        return Err(format!("a window of {values} values is too large; at most {most} are supported"));
    }
    Ok(Shape::from([rows, columns, channels]))
}

/// The windows of a pool of images.
pub(super) fn boxes(input: &Shape, window: [usize; 2], stride: [usize; 2]) -> ImageWindows {
    let [height, width, channels] = axes(input);
    ImageWindows::pool([height, width], channels, window, stride)
}

/// The axes of images that a layer takes.
pub(super) fn axes(input: &Shape) -> [usize; 3] {
    input.axes().try_into().expect("a checked model's layers of images have images")
}

/// The factor that turns sums over windows into means.
pub(super) fn mean(boxes: &ImageWindows) -> Factor {
    if boxes.len() == 1 { Factor { times: 1, shift: 0 } } else { Factor::mean(boxes.len()) }
}

/// Windows and their stride, from a file.
pub(super) fn read(table: &mut TomlTable<'_>) -> Result<([usize; 2], [usize; 2]), LineError> {
    let window = table.pair("window", 1, MOST_ROWS)?;
    let window = window.ok_or_else(|| table.wrong("`window` is missing: 2, or [2, 2]"))?;
    Ok((window, table.pair("stride", 1, MOST_ROWS)?.unwrap_or(window)))
}

/// Rows of an image, or of zeros around one.
pub(super) const MOST_ROWS: u32 = 1 << 14;
/// Values of a window that is averaged: one bit of the ring for every doubling.
pub(super) const MOST_AVERAGED: usize = 256;
