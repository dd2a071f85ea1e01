// out bit [row, x] = XOR_S (AND_(q not in S) hat_q) alpha_S, S the subsets of the classes - 1 pairs with candidate x, hat_q the
// opened bit of its pair q, complemented where x is the second of it: shares of the AND of its bits.   docs/protocols.md 3.4
// hat, own: bits [pair, row]. alpha_S: `first` where S is empty, own's bit for one pair, else a plane of dealt, subsets
// ascending as masks.
struct Params { rows: u32, classes: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> hat: array<u32>;
@group(0) @binding(2) var<storage, read> own: array<u32>;
@group(0) @binding(3) var<storage, read> dealt: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<u32>;

// The most classes that the planes of products are dealt for.
const CLASSES = 14u;

// Where the bit of pair q of output bit `at` lies, and whether it is complemented.
fn input(q: u32, at: u32) -> vec2<u32> {
    let x = at % p.classes;
    let second = q < x;
    let pair = pair_number(min(q, x), select(q + 1u, x, second), p.classes);
    return vec2(pair * p.rows + at / p.classes, u32(second));
}

fn alpha(s: u32, word: u32) -> u32 {
    if s == 0u { return 0u - p.first; }
    if countOneBits(s) > 1u { return dealt[subset_number(s) * arrayLength(&out) + word]; }
    let to_bit = min(word * 32u + 32u, p.rows * p.classes);
    var bits = 0u;
    for (var at = word * 32u; at < to_bit; at += 1u) {
        let from_bit = input(firstTrailingBit(s), at).x;
        bits |= bit(own[from_bit >> 5u], from_bit) << (at & 31u);
    }
    return bits;
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&out) { return; }
    let n = p.classes - 1u;
    let to_bit = min(word * 32u + 32u, p.rows * p.classes);
    var hats: array<u32, CLASSES>;
    for (var q = 0u; q < n; q += 1u) {
        for (var at = word * 32u; at < to_bit; at += 1u) {
            let from_bit = input(q, at);
            hats[q] |= (bit(hat[from_bit.x >> 5u], from_bit.x) ^ from_bit.y) << (at & 31u);
        }
    }
    // half[i]: the sum over the subsets of the low i pairs, for the present choice of the higher ones without pair i
    var half: array<u32, CLASSES>;
    for (var s = 0u; s < (1u << n); s += 1u) {
        var sum = alpha(s, word);
        var i = 0u;
        for (; ((s >> i) & 1u) == 1u; i += 1u) { sum ^= hats[i] & half[i]; }
        half[i] = sum;
    }
    out[word] = half[n];
}

// corrections = for every subset S of two or more of the classes - 1 pairs with a candidate, ascending as bit masks, a plane of
// bits [row, candidate]: share0 ^ the AND over S of the pairs' masks lambda [pair, row].
@group(0) @binding(1) var<storage, read> lambda: array<u32>;
@group(0) @binding(2) var<storage, read> share0: array<u32>;
@group(0) @binding(3) var<storage, read_write> corrections: array<u32>;

// The mask of pair q of output bit `at`.
fn mask(q: u32, at: u32) -> u32 {
    let x = at % p.classes;
    let pair = pair_number(min(q, x), select(q + 1u, x, q < x), p.classes);
    let i = pair * p.rows + at / p.classes;
    return bit(lambda[i >> 5u], i);
}

@compute @workgroup_size(GROUP)
fn deal(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&corrections) { return; }
    let len = p.rows * p.classes;
    let w = packed_words(len, 1u);
    let s = subset_at(word / w);
    let from_bit = (word % w) * 32u;
    let to_bit = min(from_bit + 32u, len);
    var products = 0u;
    for (var at = from_bit; at < to_bit; at += 1u) {
        var product = 1u;
        for (var rest = s; rest > 0u; rest &= rest - 1u) { product &= mask(firstTrailingBit(rest), at); }
        products |= product << (at & 31u);
    }
    corrections[word] = products ^ share0[word];
}
