// out[i] = b y + (1 - 2b) (I lambda[i] - lr[i] + 2^wire n lm[i]) mod 2^ring: a wire y times a secret bit that is open as
// b = bits[i]. y = first I - rho[i] + 2^wire (kappa[i] + n mu[i]), I = hat[i] - 2^(wire-2), n = 1 - top bit of hat[i].
// docs/protocols.md 3.2
// lambda: packed in ring bits. dealt: kappa, mu, lr in ring bits, lm; the others in ring - wire bits.
struct Params { wire: u32, ring: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> hat: array<Ring>;
@group(0) @binding(2) var<storage, read> rho: array<Ring>;
@group(0) @binding(3) var<storage, read> bits: array<u32>;
@group(0) @binding(4) var<storage, read> lambda: array<u32>;
@group(0) @binding(5) var<storage, read> dealt: array<u32>;
@group(0) @binding(6) var<storage, read_write> out: array<Ring>;

// Element i of the item of `width` bits that begins at word `at`.
fn item(at: u32, i: u32, width: u32) -> Wide {
    let s = span(at, i, width);
    return cut(s, dealt[s.a], dealt[s.b], dealt[s.c]);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    let len = arrayLength(&out);
    if i >= len { return; }
    let high = p.ring - p.wire;
    let words = packed_words(len, high);
    let kappa = item(0u, i, high);
    let mu = item(words, i, high);
    let lr = item(2u * words, i, p.ring);
    let lm = item(2u * words + packed_words(len, p.ring), i, high);
    let s = span(0u, i, p.ring);
    let l = cut(s, lambda[s.a], lambda[s.b], lambda[s.c]);
    let h = wide(hat[i]);
    let whole = public_part(h, p.wire);
    let n = 1u - top_bit(h, p.wire);
    let carry = w_shl(w_add(kappa, times_bit(n, mu)), p.wire);
    let y = w_add(w_sub(times_bit(p.first, whole), wide(rho[i])), carry);
    let ly = w_add(w_sub(w_mul(whole, l), lr), w_shl(times_bit(n, lm), p.wire));
    out[i] = low(w_and(unmasked(bit(bits[i >> 5u], i), y, ly), w_ones(p.ring)));
}
