//! The key stream: the same words as another implementation's.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::RINGS;

pub(super) fn the_key_stream_is_that_of_rand_chacha() {
    for (ring, stream) in RINGS.into_iter().flat_map(|r| [0, 1, 0xdead_beef_0123, u64::MAX].map(|s| (r, s))) {
        let mut play = Play::new(ring, 5);
        for len in [1, 15, 16, 17, 1003, 70_003] {
            let (key, id) = (play.raw(8), [stream as u32, (stream >> 32) as u32]);
            let seed: Vec<u8> = key.iter().flat_map(|w| (*w as u32).to_le_bytes()).collect();
            let mut rng = ChaCha12Rng::from_seed(seed.try_into().expect("8 words are 32 bytes"));
            rng.set_stream(stream);
            let mut from = |block: u128| -> Vec<u64> {
                rng.set_word_pos(block * 16);
                (0..len).map(|_| u64::from(rng.next_u32())).collect()
            };
            hold(&play.run(&CHACHA, &id, &[&key], len), &from(0), &format!("stream {stream}, {len} words"));
            // the last row of the 2^32 blocks of a stream among them
            let blocks = len.div_ceil(16) as u32;
            let rows = [7, 0, 59_999, u32::MAX / blocks - 1, 7];
            let want = rows.map(|row| from(u128::from(row) * u128::from(blocks))).concat();
            let params = [id[0], id[1], len as u32, blocks];
            let got = play.run(&CHACHA_ROWS, &params, &[&key, &rows.map(u64::from)], 5 * len);
            hold(&got, &want, &format!("stream {stream}, rows of {len} words"));
        }
    }
}
