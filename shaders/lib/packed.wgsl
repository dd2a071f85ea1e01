// Packed numbers: element i of b bits takes bits i b .. (i + 1) b of a string of u32 words, bit j of which is
// bit j mod 32 of word j / 32. 32 elements take b words, so no bit position, which could exceed 32 bits, is computed.

// Words that `len` elements of `bits` bits take.
fn packed_words(len: u32, bits: u32) -> u32 { return (len >> 5u) * bits + ((len & 31u) * bits + 31u) / 32u; }

// Where an element lies: up to three words, named again where it takes fewer; its lowest bit in the first.
struct Span { a: u32, b: u32, c: u32, shift: u32, bits: u32 }

// Element i of `bits` bits, of packed numbers that begin at word `at`.
fn span(at: u32, i: u32, bits: u32) -> Span {
    let bit = (i & 31u) * bits;
    let shift = bit & 31u;
    let first = at + (i >> 5u) * bits + (bit >> 5u);
    let last = first + (shift + max(bits, 1u) - 1u) / 32u;
    return Span(first, min(first + 1u, last), last, shift, bits);
}

// The element, from the words at its span.
fn cut(s: Span, a: u32, b: u32, c: u32) -> Wide {
    let x = w_or(w_shr(w_from(a, b), s.shift), w_shl(w_from(c, 0u), 64u - s.shift));
    return w_and(x, w_ones(s.bits));
}

// Bit i of packed bits, from the word it is in: `x[i >> 5u]`.
fn bit(word: u32, i: u32) -> u32 { return (word >> (i & 31u)) & 1u; }

// The first element with a bit in a packed word, and where its lowest bit lies from the word's on: in -63 .. 31.
struct Place { i: u32, shift: i32 }

fn place(word: u32, bits: u32) -> Place {
    let from_group = (word % bits) * 32u;
    let skipped = from_group / bits;
    return Place((word / bits) * 32u + skipped, i32(skipped * bits) - i32(from_group));
}

// The element that follows.
fn after(at: Place, bits: u32) -> Place { return Place(at.i + 1u, at.shift + i32(bits)); }

// What an element contributes to a packed word.
fn put(x: Wide, at: Place, bits: u32) -> u32 {
    let masked = w_and(x, w_ones(bits));
    return w_lo(select(w_shl(masked, u32(at.shift)), w_shr(masked, u32(-at.shift)), at.shift < 0));
}

// The low n bits of a word of bits.
fn low_bits(n: u32) -> u32 { return select((1u << (n & 31u)) - 1u, 0xffffffffu, n > 31u); }
