//! The bytes of a page, decompressed.
//!
//! What a page announces is untrusted, and gzip and zstd can make thousands of bytes of one. A page has exactly the bytes that it
//! announces, or it is refused, and all pages in memory together have no more than a multiple of the file's bytes and 1 GiB.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::FrameDecoderError;

use crate::data::table::parquet::fault::{DAMAGED, Fault};
use crate::data::table::parquet::footer::Codec;

/// Decompresses a page that is to have `length` bytes. Memory is taken only for a length that the bytes can hold, and that is no
/// more than `most`, or than snappy could make of so many bytes.
pub(super) fn unpacked(codec: Codec, bytes: Vec<u8>, length: usize, most: usize) -> Result<Vec<u8>, Fault> {
    let snappy_most = bytes.len().saturating_mul(MOST_TIMES).saturating_add(SLACK);
    match codec {
        Codec::Plain => Ok(bytes),
        // of no values
        _ if bytes.is_empty() && length == 0 => Ok(bytes),
        Codec::Snappy if length > snappy_most => Err(DAMAGED.into()),
        Codec::Snappy => Ok(snappy(&bytes, length).ok_or(DAMAGED)?),
        _ if length > most.max(snappy_most) => Err(TOO_DENSE.into()),
        Codec::Gzip => Ok(gzip(&bytes, length).ok_or(DAMAGED)?),
        Codec::Zstd => zstd(&bytes, length),
    }
}

/// Bytes that a page may always have in a file of so many columns. A page of each is in memory, and a dictionary.
pub(super) fn page_share(columns: usize) -> usize {
    (MOST_IN_MEMORY / columns.max(1) / 2).min(MOST_PAGE)
}

fn snappy(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    snap::raw::decompress_len(bytes).ok().filter(|announced| *announced == length)?;
    let mut out = vec![0; length];
    snap::raw::Decoder::new().decompress(bytes, &mut out).ok()?;
    Some(out)
}

/// Of one or several members, whose checksums must be right.
fn gzip(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    (length <= bytes.len().saturating_mul(MOST_TIMES_GZIP)).then_some(())?;
    let (mut decoder, mut out) = (MultiGzDecoder::new(bytes), vec![0; length]);
    decoder.read_exact(&mut out).ok()?;
    (decoder.read(&mut [0]).ok()? == 0).then_some(out)
}

/// Of one or several frames. The decoder takes no more memory than a window and some blocks of at most 128 KiB.
fn zstd(bytes: &[u8], length: usize) -> Result<Vec<u8>, Fault> {
    let (mut decoder, mut out) = (FrameDecoder::new(), vec![0; length]);
    decoder.set_max_window_size(MOST_WINDOW.max(length as u64));
    match decoder.decode_all(bytes, &mut out) {
        Ok(made) if made == length => Ok(out),
        Err(FrameDecoderError::WindowSizeTooBig { .. }) => Err(WINDOW.into()),
        _ => Err(DAMAGED.into()),
    }
}

const TOO_DENSE: &str = "has a page that is compressed to less than a 22nd and too long; export the table with snappy";
const WINDOW: &str =
    "is compressed with zstd and a window of more than 8 MiB; export the table with a level of at most 19";

/// Snappy makes at most 64 bytes of 3; its format, section 2.2.
const MOST_TIMES: usize = 22;
const SLACK: usize = 64;

/// Deflate makes at most 1032 bytes of one: 258 of two bits.
const MOST_TIMES_GZIP: usize = 1032;

/// The window of zstd's level 19, the last one that wants no option of its own.
const MOST_WINDOW: u64 = 8 << 20;

/// Bytes of a page, which writers make of 1 MiB, or of a row group; and of all pages.
const MOST_PAGE: usize = 64 << 20;
const MOST_IN_MEMORY: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn text() -> Vec<u8> {
        (0..20_000u32).flat_map(|x| (x * x % 1000).to_le_bytes()).collect()
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd_frame(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    /// What becomes of a page, in a file of two columns.
    fn read(codec: Codec, bytes: &[u8], length: usize) -> Result<Vec<u8>, String> {
        unpacked(codec, bytes.to_vec(), length, page_share(2)).map_err(|fault| match fault {
            Fault::Io(e) => e.to_string(),
            Fault::Format(reason) => reason,
        })
    }

    #[test]
    fn a_page_has_the_bytes_that_it_announces() {
        let text = text();
        let snapped = snap::raw::Encoder::new().compress_vec(&text).unwrap();
        for (codec, packed) in
            [(Codec::Gzip, gzipped(&text)), (Codec::Snappy, snapped), (Codec::Zstd, zstd_frame(&text))]
        {
            assert!(packed.len() < text.len());
            assert!(read(codec, &packed, text.len()).unwrap() == text);
            for length in [0, 1, text.len() - 1, text.len() + 1, 2 * text.len()] {
                assert!(read(codec, &packed, length).is_err(), "{length}");
            }
            let cut = read(codec, &packed[..packed.len() - 1], text.len());
            assert!(cut.is_err() && read(codec, &[], 1).is_err() && read(codec, &[], 0).is_ok());
            assert!(read(codec, &[&packed[..], &[7]].concat(), text.len()).is_err(), "a byte behind");
        }
        // several members or frames are one page
        let twice = text.repeat(2);
        assert!(read(Codec::Gzip, &gzipped(&text).repeat(2), twice.len()).unwrap() == twice);
        assert!(read(Codec::Zstd, &zstd_frame(&text).repeat(2), twice.len()).unwrap() == twice);
    }

    #[test]
    fn what_announces_more_than_it_may_is_refused_before_memory_is_taken() {
        let zeros = vec![0; 1 << 16];
        let packed = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
        assert!(packed.len() < zeros.len() / 20, "{} bytes: nearly the best that snappy can", packed.len());
        assert_eq!(read(Codec::Snappy, &packed, zeros.len()), Ok(zeros));
        // 2^32 - 1 bytes in a few
        let huge = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
        assert_eq!(snap::raw::decompress_len(&huge), Ok(u32::MAX as usize));
        assert_eq!(read(Codec::Snappy, &huge, u32::MAX as usize), Err(DAMAGED.into()));
        // 2^31 zeros, in a frame of blocks that say a byte and how often
        let block = |last: u32| [&((131_072 << 3) | 2 | last).to_le_bytes()[..3], &[0]].concat();
        let frame = |blocks: usize| {
            // no single segment: a window of 1 MiB
            [&[0x28, 0xb5, 0x2f, 0xfd, 0, 10 << 3][..], &block(0).repeat(blocks - 1), &block(1)].concat()
        };
        assert!(read(Codec::Zstd, &frame(8), 8 << 17).unwrap().iter().all(|byte| *byte == 0));
        assert_eq!(read(Codec::Zstd, &frame(1 << 14), 1 << 31), Err(TOO_DENSE.into()));
        assert_eq!(read(Codec::Gzip, &gzipped(&[0; 1000]), 1 << 31), Err(TOO_DENSE.into()));
        assert_eq!(read(Codec::Gzip, &gzipped(&[0; 1000]), 1 << 20), Err(DAMAGED.into()));
        // it stops where the page is full
        assert_eq!(read(Codec::Zstd, &frame(1 << 14), 1 << 20), Err(DAMAGED.into()));
        // a window of 128 MiB; a single segment of 2^40 bytes
        let wide = [0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3, 1, 0, 0];
        assert_eq!(read(Codec::Zstd, &wide, 10), Err(WINDOW.into()));
        let single = [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &(1u64 << 40).to_le_bytes(), &[1, 0, 0]].concat();
        assert_eq!(read(Codec::Zstd, &single, 10), Err(WINDOW.into()));
        assert!(page_share(2) == MOST_PAGE && page_share(1000) < 1 << 20 && page_share(usize::MAX) == 0);
    }

    #[test]
    fn a_frame_with_changed_bytes_gives_a_page_or_an_error() {
        let text = text();
        let packed = zstd_frame(&text);
        let mut refused = 0;
        for at in 0..packed.len().min(3000) {
            for value in [packed[at] ^ (1 << (at % 8)), 0, 0xff] {
                let mut changed = packed.clone();
                changed[at] = value;
                refused += usize::from(read(Codec::Zstd, &changed, text.len()).is_err());
            }
        }
        assert!(refused > 10, "{refused}");
    }
}
