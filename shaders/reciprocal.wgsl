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

// corrections = pack(c0 - share0[..]), and each from a word of its own pack(c1 - ..), pack(c2 - ..), 2^log_knots numbers of
// `bits` bits per element of rho. c0 = a0 - a1 r + a2 r^2, c1 = a1 - 2 a2 r, c2 = a2 of knot i - rho_hi, r = rho_lo, for i = 0, 1, ..
// quadratics: all a0, all a1, all a2, each of all knots twice.
@group(0) @binding(1) var<storage, read> rho: array<Ring>;
@group(0) @binding(2) var<storage, read> quadratics: array<Wide>;
@group(0) @binding(3) var<storage, read> share0: array<u32>;
@group(0) @binding(4) var<storage, read_write> corrections: array<u32>;

// Coefficient i of item `order`, all of which have `words` words.
fn correction(order: u32, words: u32, i: u32) -> Wide {
    let digit = SUM_BITS - p.log_knots;
    let mask = r_lo(rho[i >> p.log_knots]) & low_bits(SUM_BITS);
    let r = w_from(mask & low_bits(digit), 0u);
    let knot = (i - (mask >> digit)) & low_bits(p.log_knots);
    let a2 = quadratics[(4u << p.log_knots) + knot];
    var c = a2;
    if order < 2u {
        let a1 = quadratics[(2u << p.log_knots) + knot];
        let a2r = w_mul(a2, r);
        c = w_sub(w_sub(a1, a2r), a2r);
        if order == 0u {
            c = w_sub(quadratics[knot], w_mul(w_sub(a1, a2r), r));
        }
    }
    let s = span(order * words, i, p.bits);
    return w_sub(c, cut(s, share0[s.a], share0[s.b], share0[s.c]));
}

@compute @workgroup_size(GROUP)
fn deal(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&corrections) { return; }
    let len = arrayLength(&rho) << p.log_knots;
    let words = packed_words(len, p.bits);
    let order = word / words;
    var packed = 0u;
    for (var at = place(word - order * words, p.bits); at.shift < 32 && at.i < len; at = after(at, p.bits)) {
        packed |= put(correction(order, words, at.i), at, p.bits);
    }
    corrections[word] = packed;
}
