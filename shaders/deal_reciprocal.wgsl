// out = pack(c0 - share0[..]), and each from a word of its own pack(c1 - ..), pack(c2 - ..), 2^log_knots numbers of `bits` bits
// per element of rho: the corrections of `reciprocal`.   docs/protocols.md 4.1
// c0 = a0 - a1 r + a2 r^2, c1 = a1 - 2 a2 r, c2 = a2 of knot i - rho_hi, r = rho_lo, for i = 0, 1, ..
// quadratics: all a0, all a1, all a2, each of all knots twice.
struct Params { log_knots: u32, bits: u32, up: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> rho: array<Ring>;
@group(0) @binding(2) var<storage, read> quadratics: array<Wide>;
@group(0) @binding(3) var<storage, read> share0: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<u32>;

const SUM_BITS = 16u;

// Coefficient i of item `order`, all of which have `words` words.
fn share(order: u32, words: u32, i: u32) -> Wide {
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
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&out) { return; }
    let len = arrayLength(&rho) << p.log_knots;
    let words = packed_words(len, p.bits);
    let order = word / words;
    var packed = 0u;
    for (var at = place(word - order * words, p.bits); at.shift < 32 && at.i < len; at = after(at, p.bits)) {
        packed |= put(share(order, words, at.i), at, p.bits);
    }
    out[word] = packed;
}
