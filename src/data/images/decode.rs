//! PNG and JPEG files as pixels of 8 bits.
//!
//! Sizes are read and compared with limits before anything is allocated for pixels.

use std::io::Cursor;

use png::{Limits, Transformations};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::data::ProblemKind;
use crate::data::images::jpeg_end::is_whole;

/// An image: rows from the top, the channels of a pixel together.
pub(super) struct Pixels {
    pub(super) width: usize,
    pub(super) height: usize,
    /// 1 is grey, 2 grey and opacity, 3 red, green and blue, 4 these and opacity.
    pub(super) channels: usize,
    pub(super) values: Vec<u8>,
}

impl Pixels {
    /// The same in grey or in colour; opacity is not looked at.
    pub(super) fn into_channels(self, wanted: usize) -> Self {
        if self.channels == wanted {
            return self;
        }
        let pixels = self.values.chunks_exact(self.channels);
        let values = match (self.channels, wanted) {
            (1 | 2, 1) => pixels.map(|pixel| pixel[0]).collect(),
            (1 | 2, _) => pixels.flat_map(|pixel| [pixel[0]; 3]).collect(),
            (_, 1) => pixels.map(|pixel| luma([pixel[0], pixel[1], pixel[2]])).collect(),
            (_, _) => pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
        };
        Self { channels: wanted, values, ..self }
    }
}

/// The grey of a colour, 0.299 r + 0.587 g + 0.114 b, rounded. Source: ITU-R BT.601-7, 2.5.1, with weights of 16 bits as Pillow has.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    let sum = 19_595 * u32::from(r) + 38_470 * u32::from(g) + 7_471 * u32::from(b);
    u8::try_from((sum + 0x8000) >> 16).expect("weights of sum 2^16 leave 8 bits")
}

/// Decodes a file; one of another size than `wanted` (width and height) is not decoded.
pub(super) fn decode(bytes: &[u8], wanted: Option<[usize; 2]>) -> Result<Pixels, ProblemKind> {
    let accept = |size: [usize; 2]| match wanted {
        Some(wants) if size != wants => Err(ProblemKind::ImageSize { has: size, wants }),
        _ if size[0].saturating_mul(size[1]) > MOST_PIXELS => Err(ProblemKind::LargeImage),
        _ if size.contains(&0) => Err(ProblemKind::DamagedImage),
        _ => Ok(()),
    };
    match kind(bytes) {
        Some(Kind::Jpeg) => jpeg(bytes, &accept),
        Some(Kind::Png) => png(bytes, &accept),
        None => Err(ProblemKind::NotImage),
    }
}

/// Width and height, and the number of channels, of a file that is an image.
pub(crate) fn size(bytes: &[u8]) -> Option<([usize; 2], usize)> {
    match kind(bytes)? {
        Kind::Jpeg => {
            let mut decoder = jpeg_decoder(bytes);
            decoder.decode_headers().ok()?;
            let (width, height) = decoder.dimensions()?;
            Some(([width, height], if decoder.input_colorspace()? == ColorSpace::Luma { 1 } else { 3 }))
        }
        Kind::Png => {
            let reader = png_decoder(bytes).read_info().ok()?;
            Some((
                [reader.info().width as usize, reader.info().height as usize],
                reader.output_color_type().0.samples(),
            ))
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Jpeg,
    Png,
}

/// The kind of a file, by its first bytes.
fn kind(bytes: &[u8]) -> Option<Kind> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some(Kind::Png);
    }
    bytes.starts_with(&[0xff, 0xd8, 0xff]).then_some(Kind::Jpeg)
}

/// Accepts the size of an image.
type Accept<'a> = &'a dyn Fn([usize; 2]) -> Result<(), ProblemKind>;

fn png(bytes: &[u8], accept: Accept<'_>) -> Result<Pixels, ProblemKind> {
    let mut reader = png_decoder(bytes).read_info().map_err(|_| ProblemKind::DamagedImage)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    accept([width, height])?;
    let channels = reader.output_color_type().0.samples();
    let mut values = vec![0; width * height * channels];
    reader.next_frame(&mut values).map_err(|_| ProblemKind::DamagedImage)?;
    reader.finish().map_err(|_| ProblemKind::DamagedImage)?;
    Ok(Pixels { width, height, channels, values })
}

fn png_decoder(bytes: &[u8]) -> png::Decoder<Cursor<&[u8]>> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 8 * MOST_PIXELS });
    // palettes and few bits become 8 bits, 16 bits lose the lower 8
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder
}

fn jpeg(bytes: &[u8], accept: Accept<'_>) -> Result<Pixels, ProblemKind> {
    let damaged = || ProblemKind::DamagedImage;
    let mut decoder = jpeg_decoder(bytes);
    decoder.decode_headers().map_err(|_| damaged())?;
    let (width, height) = decoder.dimensions().ok_or_else(damaged)?;
    accept([width, height])?;
    if !is_whole(bytes) {
        return Err(damaged());
    }
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (channels, space) = if grey { (1, ColorSpace::Luma) } else { (3, ColorSpace::RGB) };
    decoder.set_options(options().jpeg_set_out_colorspace(space));
    let values = decoder.decode().map_err(|_| damaged())?;
    if values.len() != width * height * channels {
        return Err(damaged());
    }
    Ok(Pixels { width, height, channels, values })
}

fn jpeg_decoder(bytes: &[u8]) -> JpegDecoder<ZCursor<&[u8]>> {
    JpegDecoder::new_with_options(ZCursor::new(bytes), options())
}

/// What is damaged is an error, not an image that is grey below.
fn options() -> DecoderOptions {
    DecoderOptions::default().set_strict_mode(true).set_max_width(1 << 16).set_max_height(1 << 16)
}

/// Pixels of an image that is decoded.
const MOST_PIXELS: usize = 1 << 25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greys_of_colours_are_those_of_pillow() {
        // Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0))
        for (colour, grey) in
            [([255, 0, 0], 76), ([0, 255, 0], 150), ([0, 0, 255], 29), ([255; 3], 255), ([1, 2, 3], 2)]
        {
            assert_eq!(luma(colour), grey, "{colour:?}");
        }
    }

    #[test]
    fn channels_are_repeated_joined_or_dropped() {
        let pixels = |channels, values: &[u8]| Pixels { width: 2, height: 1, channels, values: values.to_vec() };
        assert_eq!(pixels(1, &[7, 9]).into_channels(3).values, [7, 7, 7, 9, 9, 9]);
        assert_eq!(pixels(2, &[7, 255, 9, 0]).into_channels(1).values, [7, 9]);
        assert_eq!(pixels(4, &[1, 2, 3, 0, 4, 5, 6, 0]).into_channels(3).values, [1, 2, 3, 4, 5, 6]);
        assert_eq!(pixels(3, &[255, 0, 0, 0, 255, 0]).into_channels(1).values, [76, 150]);
    }

    #[test]
    fn an_announced_size_is_compared_before_it_is_allocated() {
        // an IHDR chunk of 2^31 - 1 by 2^31 - 1 pixels
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        file.extend([0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 8, 2, 0, 0, 0]);
        let mut crc = flate2::Crc::new();
        crc.update(&file[12..]);
        file.extend(crc.sum().to_be_bytes());
        file.extend(b"\0\0\0\x01IDAT\0\0\0\0\0");
        let side = (1 << 31) - 1;
        let refused = |wanted| decode(&file, wanted).err().unwrap();
        assert!(matches!(refused(None), ProblemKind::LargeImage | ProblemKind::DamagedImage));
        let kind = refused(Some([2, 2]));
        let size = ProblemKind::ImageSize { has: [side, side], wants: [2, 2] };
        assert!(kind == size || kind == ProblemKind::DamagedImage);
    }
}
