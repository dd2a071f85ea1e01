// A word of 32 bits. The engine renames `Word` and `word_` to `Ring` and `r_`, `Wide` and `w_`, `X` and `x_`.
// Shift counts are public; a count that reaches the width gives 0.
alias Word = u32;

fn word_from(lo: u32, hi: u32) -> Word { return lo; }
fn word_lo(x: Word) -> u32 { return x; }
fn word_hi(x: Word) -> u32 { return 0u; }
fn word_any(x: Word) -> bool { return x != 0u; }
fn word_add(x: Word, y: Word) -> Word { return x + y; }
fn word_sub(x: Word, y: Word) -> Word { return x - y; }
fn word_mul(x: Word, y: Word) -> Word { return x * y; }
fn word_and(x: Word, y: Word) -> Word { return x & y; }
fn word_or(x: Word, y: Word) -> Word { return x | y; }
fn word_shl(x: Word, k: u32) -> Word { return select(x << (k & 31u), 0u, k > 31u); }
fn word_shr(x: Word, k: u32) -> Word { return select(x >> (k & 31u), 0u, k > 31u); }
fn word_ones(bits: u32) -> Word { return select((1u << (bits & 31u)) - 1u, 0xffffffffu, bits > 31u); }
