// A word of 64 bits as two limbs, the low one first: the memory layout of u64 for adapters that lack it. Names as in u32.wgsl.
alias Word = vec2<u32>;

fn word_from(lo: u32, hi: u32) -> Word { return vec2(lo, hi); }
fn word_lo(x: Word) -> u32 { return x.x; }
fn word_hi(x: Word) -> u32 { return x.y; }
fn word_any(x: Word) -> bool { return (x.x | x.y) != 0u; }
fn word_and(x: Word, y: Word) -> Word { return x & y; }
fn word_or(x: Word, y: Word) -> Word { return x | y; }

fn word_add(x: Word, y: Word) -> Word {
    let lo = x.x + y.x;
    return vec2(lo, x.y + y.y + u32(lo < x.x));
}

fn word_sub(x: Word, y: Word) -> Word {
    return vec2(x.x - y.x, x.y - y.y - u32(x.x < y.x));
}

fn word_mul(x: Word, y: Word) -> Word {
    return vec2(x.x * y.x, word_mul_high(x.x, y.x) + x.x * y.y + x.y * y.x);
}

// The high half of the product of two 32-bit numbers, from products of 16-bit halves; no sum below overflows.
fn word_mul_high(x: u32, y: u32) -> u32 {
    let low = (x & 0xffffu) * (y & 0xffffu);
    let mid = (x & 0xffffu) * (y >> 16u) + (low >> 16u);
    let more = (x >> 16u) * (y & 0xffffu) + (mid & 0xffffu);
    return (x >> 16u) * (y >> 16u) + (mid >> 16u) + (more >> 16u);
}

// Bits cross between the limbs in two steps, so that no shift is by 32.
fn word_shl(x: Word, k: u32) -> Word {
    let s = k & 31u;
    let near = vec2(x.x << s, (x.y << s) | ((x.x >> 1u) >> (31u - s)));
    return select(select(near, vec2(0u, x.x << s), k > 31u), vec2(0u), k > 63u);
}

fn word_shr(x: Word, k: u32) -> Word {
    let s = k & 31u;
    let near = vec2((x.x >> s) | ((x.y << 1u) << (31u - s)), x.y >> s);
    return select(select(near, vec2(x.y >> s, 0u), k > 31u), vec2(0u), k > 63u);
}

fn word_ones(bits: u32) -> Word { return word_sub(word_shl(vec2(1u, 0u), bits), vec2(1u, 0u)); }
