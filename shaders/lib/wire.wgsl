// Wires that are open under a mask, and secret bits times numbers. Bits are taken as masks and not as branches.

// The public part of a wire of `bits` bits, as an integer: hat - 2^(bits-2).   docs/protocols.md 2.3
fn public_part(hat: Wide, bits: u32) -> Wide { return w_sub(hat, w_shl(w_from(1u, 0u), bits - 2u)); }

// Bit bits - 1.
fn top_bit(x: Wide, bits: u32) -> u32 { return w_lo(w_shr(x, bits - 1u)) & 1u; }

// b x of a bit b.
fn times_bit(b: u32, x: Wide) -> Wide { return w_and(x, w_from(0u - b, 0u - b)); }

// b x + (1 - 2b) bx: the product with a secret bit that is open as b, from the shares x and bx = (its mask) x.   3.2
fn unmasked(b: u32, x: Wide, bx: Wide) -> Wide {
    return w_add(bx, times_bit(b, w_sub(w_sub(x, bx), bx)));
}

// x mod 2^bits without its low `k` bits, rounded up where `up` (server 1).
fn without_low(x: Wide, bits: u32, k: u32, up: u32) -> Wide {
    let t = w_and(x, w_ones(bits));
    return select(w_shr(t, k), w_shr_up(t, k), up == 1u);
}
