// out[i] = (first I - rho[i] + 2^wire (kappa[i] + (1 - m) mu[i])) mod 2^ring, I = hat[i] - 2^(wire-2) as an integer,
// m = top bit of hat[i]; dealt: kappa, mu, packed in ring - wire bits.   docs/protocols.md 2.3
struct Params { wire: u32, ring: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> hat: array<Ring>;
@group(0) @binding(2) var<storage, read> rho: array<Ring>;
@group(0) @binding(3) var<storage, read> dealt: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    let high = p.ring - p.wire;
    let s = span(0u, i, high);
    let t = span(packed_words(arrayLength(&out), high), i, high);
    let kappa = low(cut(s, dealt[s.a], dealt[s.b], dealt[s.c]));
    let mu = low(cut(t, dealt[t.a], dealt[t.b], dealt[t.c]));
    let top = r_lo(r_shr(hat[i], p.wire - 1u)) & 1u;
    let carry = r_shl(r_add(kappa, r_mul(r_from(1u - top, 0u), mu)), p.wire);
    let whole = r_sub(hat[i], r_shl(r_from(1u, 0u), p.wire - 2u));
    let y = r_add(r_sub(r_mul(r_from(p.first, 0u), whole), rho[i]), carry);
    out[i] = r_and(y, r_ones(p.ring));
}

// corrections = pack((rho_sum[i] >> wire) - share0[i]), and from a word of its own pack((rho_sum[i] >> (wire - 1)) mod 2 -
// share0'[i]), each in ring - wire bits, as are the two items of share0; rho_sum: the masks rho of both servers, added up.
@group(0) @binding(1) var<storage, read> rho_sum: array<Ring>;
@group(0) @binding(2) var<storage, read> share0: array<u32>;
@group(0) @binding(3) var<storage, read_write> corrections: array<u32>;

// Element i of the item that begins at word `begin`, the second item where `second`.
fn correction(i: u32, begin: u32, second: bool) -> Wide {
    let high = p.ring - p.wire;
    let x = select(r_shr(rho_sum[i], p.wire), r_and(r_shr(rho_sum[i], p.wire - 1u), r_from(1u, 0u)), second);
    let s = span(begin, i, high);
    return w_sub(wide(x), cut(s, share0[s.a], share0[s.b], share0[s.c]));
}

@compute @workgroup_size(GROUP)
fn deal(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&corrections) { return; }
    let high = p.ring - p.wire;
    let len = arrayLength(&rho_sum);
    let words = packed_words(len, high);
    let second = word >= words;
    let begin = select(0u, words, second);
    var packed = 0u;
    for (var at = place(word - begin, high); at.shift < 32 && at.i < len; at = after(at, high)) {
        packed |= put(correction(at.i, begin, second), at, high);
    }
    corrections[word] = packed;
}
