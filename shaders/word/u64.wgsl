// A word of 64 bits, for adapters with SHADER_INT64. Names as in u32.wgsl.
alias Word = u64;

fn word_from(lo: u32, hi: u32) -> Word { return u64(lo) | (u64(hi) << 32u); }
fn word_lo(x: Word) -> u32 { return u32(x); }
fn word_hi(x: Word) -> u32 { return u32(x >> 32u); }
fn word_any(x: Word) -> bool { return x != 0lu; }
fn word_add(x: Word, y: Word) -> Word { return x + y; }
fn word_sub(x: Word, y: Word) -> Word { return x - y; }
fn word_mul(x: Word, y: Word) -> Word { return x * y; }
fn word_and(x: Word, y: Word) -> Word { return x & y; }
fn word_or(x: Word, y: Word) -> Word { return x | y; }
fn word_shl(x: Word, k: u32) -> Word { return select(x << (k & 63u), 0lu, k > 63u); }
fn word_shr(x: Word, k: u32) -> Word { return select(x >> (k & 63u), 0lu, k > 63u); }
fn word_ones(bits: u32) -> Word { return select((1lu << (bits & 63u)) - 1lu, 0xfffffffffffffffflu, bits > 63u); }
