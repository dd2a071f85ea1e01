//! Whether a JPEG file is whole: decoders fill what is missing with grey.

/// Whether the marker of the end follows the scans. Source: ITU-T T.81, B.1: segments have a length, and in the data of a scan, 0xff
/// is followed by 0 or the number of a restart.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // a segment, behind any number of 0xff
        let Some([0xff, marker]) = bytes.get(at..at + 2).and_then(|pair| <[u8; 2]>::try_from(pair).ok()) else {
            return false;
        };
        match marker {
            END => return true,
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            _ => {
                let Some([high, low]) = bytes.get(at + 2..at + 4).and_then(|pair| <[u8; 2]>::try_from(pair).ok())
                else {
                    return false;
                };
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
                if marker == SCAN {
                    let data = bytes.get(at..).unwrap_or_default();
                    let next = data.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7));
                    let Some(next) = next else { return false };
                    at += next;
                }
            }
        }
    }
}

/// The end of an image.
const END: u8 = 0xd9;
/// The start of a scan.
const SCAN: u8 = 0xda;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_that_of_the_image_and_not_of_one_inside_of_a_segment() {
        let start = [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9];
        let scan = [0xff, 0xff, 0xda, 0, 3, 1, 0x12, 0xff, 0, 0xff, 0xd0, 7];
        assert!(!is_whole(&start) && !is_whole(&[&start[..], &scan].concat()) && !is_whole(&[]));
        let whole = [&start[..], &scan, &[0xff, 0xc4, 0, 2], &scan[1..], &[0xff, 0xd9]].concat();
        assert!(is_whole(&whole) && is_whole(&[&whole[..], b"more"].concat()));
        assert!((0..whole.len()).all(|cut| !is_whole(&whole[..cut])));
    }
}
