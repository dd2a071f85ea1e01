// What every word has from its own functions.

// x / 2^k rounded up, without the overflow of x + 2^k - 1.
fn word_shr_up(x: Word, k: u32) -> Word {
    return word_add(word_shr(x, k), word_from(u32(word_any(word_and(x, word_ones(k)))), 0u));
}
