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

// corrections = pack(x - share0) of four items, each from a word of its own: r >> wire, t = (r >> (wire - 1)) mod 2, l (r mod
// 2^wire) in ring bits, l t; the others in ring - wire bits. r = rho_sum[i], the masks rho of both servers, added up;
// l = bit i of lambda_bits.
@group(0) @binding(1) var<storage, read> rho_sum: array<Ring>;
@group(0) @binding(2) var<storage, read> lambda_bits: array<u32>;
@group(0) @binding(3) var<storage, read> share0: array<u32>;
@group(0) @binding(4) var<storage, read_write> corrections: array<u32>;

fn width(item: u32) -> u32 { return select(p.ring - p.wire, p.ring, item == 2u); }

fn value(item: u32, i: u32) -> Wide {
    let r = wide(rho_sum[i]);
    let top = w_from(top_bit(r, p.wire), 0u);
    let l = bit(lambda_bits[i >> 5u], i);
    switch item {
        case 0u: { return w_shr(r, p.wire); }
        case 1u: { return top; }
        case 2u: { return times_bit(l, w_and(r, w_ones(p.wire))); }
        default: { return times_bit(l, top); }
    }
}

@compute @workgroup_size(GROUP)
fn deal(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&corrections) { return; }
    let len = arrayLength(&rho_sum);
    var item = 0u;
    var begin = 0u;
    for (var end = packed_words(len, width(0u)); word >= end; end += packed_words(len, width(item))) {
        begin = end;
        item += 1u;
    }
    let bits = width(item);
    var packed = 0u;
    for (var at = place(word - begin, bits); at.shift < 32 && at.i < len; at = after(at, bits)) {
        let s = span(begin, at.i, bits);
        packed |= put(w_sub(value(item, at.i), cut(s, share0[s.a], share0[s.b], share0[s.c])), at, bits);
    }
    corrections[word] = packed;
}
