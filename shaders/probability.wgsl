// out[i] = (I_e [r] + I_r [e] - first I_e I_r + [ra rb] - 2^w na [ma rb] - 2^w nb [ra mb] + 2^(2w) na nb [ma mb]) mod 2^bits
// without its low bits - ring bits, [x] = first I_x - rho_x + 2^w (kappa_x + n_x mu_x), I = hat - 2^(w-2), n = 1 - top bit of
// hat, w = 20; e of element i, r of its row i / classes: the product of two narrow wires.   docs/protocols.md 3.4
// dealt: kappa, mu of e, kappa, mu of r in bits - w bits; [ra rb] in bits, [ma rb], [ra mb] in bits - w, [ma mb] in bits - 2w
// bits. `up` rounds the cut up (server 1).
struct Params { classes: u32, ring: u32, bits: u32, first: u32, up: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> e_hat: array<Ring>;
@group(0) @binding(2) var<storage, read> e_rho: array<Ring>;
@group(0) @binding(3) var<storage, read> r_hat: array<Ring>;
@group(0) @binding(4) var<storage, read> r_rho: array<Ring>;
@group(0) @binding(5) var<storage, read> dealt: array<u32>;
@group(0) @binding(6) var<storage, read_write> out: array<Ring>;

const WIRE = 20u;

// Element i of the item of `width` bits that begins at word `at`.
fn item(at: u32, i: u32, width: u32) -> Wide {
    let s = span(at, i, width);
    return cut(s, dealt[s.a], dealt[s.b], dealt[s.c]);
}

// Share of a wire; its kappa and mu are element i of the items of `words` words from word `at` on.
fn share(whole: Wide, n: u32, rho: Ring, at: u32, words: u32, i: u32) -> Wide {
    let high = p.bits - WIRE;
    let carry = w_add(item(at, i, high), times_bit(n, item(at + words, i, high)));
    return w_add(w_sub(times_bit(p.first, whole), wide(rho)), w_shl(carry, WIRE));
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    let len = arrayLength(&out);
    if i >= len { return; }
    let row = i / p.classes;
    let high = p.bits - WIRE;
    let e_words = packed_words(len, high);
    let r_words = packed_words(arrayLength(&r_hat), high);
    let products = 2u * (e_words + r_words);
    let tops = products + packed_words(len, p.bits);

    let a = wide(e_hat[i]);
    let b = wide(r_hat[row]);
    let na = 1u - top_bit(a, WIRE);
    let nb = 1u - top_bit(b, WIRE);
    let ia = public_part(a, WIRE);
    let ib = public_part(b, WIRE);
    let ea = share(ia, na, e_rho[i], 0u, e_words, i);
    let eb = share(ib, nb, r_rho[row], 2u * e_words, r_words, row);

    let one_top = w_add(times_bit(na, item(tops, i, high)), times_bit(nb, item(tops + e_words, i, high)));
    let two_tops = times_bit(na & nb, item(tops + 2u * e_words, i, high - WIRE));
    let masks = w_add(w_sub(item(products, i, p.bits), w_shl(one_top, WIRE)), w_shl(two_tops, 2u * WIRE));
    let crossed = w_sub(w_add(w_mul(ia, eb), w_mul(ib, ea)), times_bit(p.first, w_mul(ia, ib)));
    out[i] = low(without_low(w_add(crossed, masks), p.bits, p.bits - p.ring, p.up));
}

// corrections = pack(x - share0) of eight items, each from a word of its own, of masks a of an element and b of its row
// i / classes: a >> w, t_a, b >> w, t_b (b of row i), a b, t_a b, a t_b, t_a t_b (a and b mod 2^w), t = bit w - 1; a of e_sum,
// b of r_sum: the masks e_rho and r_rho of both servers, added up. Widths as above.
@group(0) @binding(1) var<storage, read> e_sum: array<Ring>;
@group(0) @binding(2) var<storage, read> r_sum: array<Ring>;
@group(0) @binding(3) var<storage, read> share0: array<u32>;
@group(0) @binding(4) var<storage, read_write> corrections: array<u32>;

fn of_rows(item: u32) -> bool { return item == 2u || item == 3u; }

fn elements(item: u32) -> u32 { return select(arrayLength(&e_sum), arrayLength(&r_sum), of_rows(item)); }

fn width(item: u32) -> u32 {
    switch item {
        case 4u: { return p.bits; }
        case 7u: { return p.bits - 2u * WIRE; }
        default: { return p.bits - WIRE; }
    }
}

fn words(item: u32) -> u32 { return packed_words(elements(item), width(item)); }

fn value(item: u32, i: u32) -> Wide {
    let x = wide(e_sum[select(i, 0u, of_rows(item))]);
    let y = wide(r_sum[select(i / p.classes, i, of_rows(item))]);
    let a = w_and(x, w_ones(WIRE));
    let b = w_and(y, w_ones(WIRE));
    let top_a = top_bit(x, WIRE);
    let top_b = top_bit(y, WIRE);
    switch item {
        case 0u: { return w_shr(x, WIRE); }
        case 1u: { return w_from(top_a, 0u); }
        case 2u: { return w_shr(y, WIRE); }
        case 3u: { return w_from(top_b, 0u); }
        case 4u: { return w_mul(a, b); }
        case 5u: { return times_bit(top_a, b); }
        case 6u: { return times_bit(top_b, a); }
        default: { return w_from(top_a & top_b, 0u); }
    }
}

@compute @workgroup_size(GROUP)
fn deal(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&corrections) { return; }
    var item = 0u;
    var begin = 0u;
    for (var end = words(0u); word >= end; end += words(item)) {
        begin = end;
        item += 1u;
    }
    let bits = width(item);
    let len = elements(item);
    var packed = 0u;
    for (var at = place(word - begin, bits); at.shift < 32 && at.i < len; at = after(at, bits)) {
        let s = span(begin, at.i, bits);
        packed |= put(w_sub(value(item, at.i), cut(s, share0[s.a], share0[s.b], share0[s.c])), at, bits);
    }
    corrections[word] = packed;
}
