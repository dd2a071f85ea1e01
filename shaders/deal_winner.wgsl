// out = for every subset S of two or more of the classes - 1 pairs with a candidate, ascending as bit masks, a plane of bits
// [row, candidate]: share0 ^ the AND over S of the pairs' masks lambda [pair, row].   docs/protocols.md 3.4
struct Params { rows: u32, classes: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lambda: array<u32>;
@group(0) @binding(2) var<storage, read> share0: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

// The mask of pair q of output bit `at`.
fn mask(q: u32, at: u32) -> u32 {
    let x = at % p.classes;
    let pair = pair_number(min(q, x), select(q + 1u, x, q < x), p.classes);
    let i = pair * p.rows + at / p.classes;
    return bit(lambda[i >> 5u], i);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&out) { return; }
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
    out[word] = products ^ share0[word];
}
