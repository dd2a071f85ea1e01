// out bit i = first (1 ^ bit k of a[i]) ^ rho ^ lt_(m-1) ^ XOR_(j<m-1) XOR_S (AND_(d not in S) e_d) (l_j alpha_S ^ beta_j
// alpha_S), S the subsets of the digits above j, alpha_(no digit) = first: shares of [value >= 0].   docs/protocols.md 3.1
// opened: planes e_1 .. e_(m-1), l_0 .. l_(m-2). asked, own: as in compare_ask.wgsl. dealt: behind the tables plane rho.
// products: planes alpha_S of two digits or more, and for every j < m - 1 beta_j alpha_S, S not empty; subsets ascend as bit
// masks. They lie behind plane rho in the same frame, but have one of their own where `more` is 1.
struct Params { k: u32, first: u32, more: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<Ring>;
@group(0) @binding(2) var<storage, read> opened: array<u32>;
@group(0) @binding(3) var<storage, read> asked: array<u32>;
@group(0) @binding(4) var<storage, read> own: array<u32>;
@group(0) @binding(5) var<storage, read> dealt: array<u32>;
@group(0) @binding(6) var<storage, read> products: array<u32>;
@group(0) @binding(7) var<storage, read_write> out: array<u32>;

// Share of alpha_S, bit i of s standing for digit i + 1; `from_word` is the word of the first product.
fn alpha(s: u32, word: u32, w: u32, from_word: u32) -> u32 {
    if countOneBits(s) == 1u { return own[firstTrailingBit(s) * w + word]; }
    return products[from_word + subset_number(s) * w];
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&out) { return; }
    let m = p.k / 4u;
    let len = arrayLength(&a);
    let w = packed_words(len, 1u);
    let first = 0u - p.first;
    let rho = m * packed_words(len, 16u) + word;
    let from_word = select(rho + w, word, p.more == 1u);
    var product = from_word + ((1u << (m - 1u)) - m) * w;
    var less = asked[(2u * m - 2u) * w + word];
    for (var j = 0u; j + 1u < m; j += 1u) {
        let above = m - 1u - j;
        let beta = (m - 1u + j) * w + word;
        let l = opened[beta];
        // bit i of s stands for digit j + 1 + i
        for (var s = 0u; s < (1u << above); s += 1u) {
            var term = (l & first) ^ own[beta];
            if s > 0u {
                term = (l & alpha(s << j, word, w, from_word)) ^ products[product];
                product += w;
            }
            for (var i = 0u; i < above; i += 1u) {
                term &= opened[(j + i) * w + word] | (0u - ((s >> i) & 1u));
            }
            less ^= term;
        }
    }
    let from_element = word * 32u;
    let to_element = min(from_element + 32u, len);
    var sign = 0u;
    for (var i = from_element; i < to_element; i += 1u) {
        sign |= (1u - (r_lo(r_shr(a[i], p.k)) & 1u)) << (i & 31u);
    }
    out[word] = (sign & first) ^ dealt[rho] ^ less;
}
