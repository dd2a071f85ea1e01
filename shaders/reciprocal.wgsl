// out[i] = ((c0 + c1 lo + c2 lo^2) mod 2^bits without its low 14 bits) mod 2^20, c = dealt[.., i, S >> digit],
// lo = S mod 2^digit, S = hat[i], digit = 16 - log_knots.   docs/protocols.md 4.1
// dealt: items c0, c1, c2 of 2^log_knots numbers of `bits` bits per element. `up` rounds the cut up (server 1).
struct Params { log_knots: u32, bits: u32, up: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> hat: array<Ring>;
@group(0) @binding(2) var<storage, read> dealt: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<Ring>;

const SUM_BITS = 16u;
const CUT = 14u;
const WIRE = 20u;

// Element i of item `order`, all of which have `words` words.
fn coefficient(order: u32, words: u32, i: u32) -> Wide {
    let s = span(order * words, i, p.bits);
    return cut(s, dealt[s.a], dealt[s.b], dealt[s.c]);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    let digit = SUM_BITS - p.log_knots;
    let words = packed_words(arrayLength(&out) << p.log_knots, p.bits);
    let sum = r_lo(hat[i]);
    let at = (i << p.log_knots) + (sum >> digit);
    let lo = sum & low_bits(digit);
    let linear = w_mul(coefficient(1u, words, at), w_from(lo, 0u));
    let square = w_mul(coefficient(2u, words, at), w_from(lo * lo, 0u));
    let y = w_add(w_add(coefficient(0u, words, at), linear), square);
    out[i] = r_and(low(without_low(y, p.bits, CUT, p.up)), r_ones(WIRE));
}
