// shown = planes eq_j ^ alpha_j (1 <= j < m), lt_j ^ beta_j (j < m - 1), lt_(m-1): bit i of eq_j is bit d of the table H_j[i],
// that of lt_j the parity of the table's bits above d, d = digit j of a[i]; m = k / 4 digits of 4 bits.   docs/protocols.md 3.1
// own: planes alpha_1 .. alpha_(m-1), beta_0 .. beta_(m-2). dealt: for every j tables of 16 bits; what follows is not read.
struct Params { k: u32, first: u32, more: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<Ring>;
@group(0) @binding(2) var<storage, read> own: array<u32>;
@group(0) @binding(3) var<storage, read> dealt: array<u32>;
@group(0) @binding(4) var<storage, read_write> shown: array<u32>;

@compute @workgroup_size(GROUP)
fn ask(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = thread(id, groups);
    if at >= arrayLength(&shown) { return; }
    let m = p.k / 4u;
    let len = arrayLength(&a);
    let w = packed_words(len, 1u);
    let plane = at / w;
    let less = plane + 1u >= m;
    let j = select(plane + 1u, plane + 1u - m, less);
    let table = j * packed_words(len, 16u);
    let from_element = (at % w) * 32u;
    let to_element = min(from_element + 32u, len);
    var found = 0u;
    for (var i = from_element; i < to_element; i += 1u) {
        let h = (dealt[table + (i >> 1u)] >> ((i & 1u) * 16u)) & 0xffffu;
        let above = h >> (r_lo(r_shr(a[i], 4u * j)) & 15u);
        found |= (select(above, countOneBits(above >> 1u), less) & 1u) << (i & 31u);
    }
    if plane < 2u * m - 2u { found ^= own[at]; }
    shown[at] = found;
}

// out bit i = first (1 ^ bit k of a[i]) ^ rho ^ lt_(m-1) ^ XOR_(j<m-1) XOR_S (AND_(d not in S) e_d) (l_j alpha_S ^ beta_j
// alpha_S), S the subsets of the digits above j, alpha_(no digit) = first: shares of [value >= 0].   docs/protocols.md 3.1
// opened: planes e_1 .. e_(m-1), l_0 .. l_(m-2). asked: what was shown. own: as above. dealt: behind the tables plane rho.
// products: planes alpha_S of two digits or more, and for every j < m - 1 beta_j alpha_S, S not empty; subsets ascend as bit
// masks. They lie behind plane rho in the same frame, but have one of their own where `more` is 1.
@group(0) @binding(4) var<storage, read> products: array<u32>;
@group(0) @binding(5) var<storage, read> opened: array<u32>;
@group(0) @binding(6) var<storage, read> asked: array<u32>;
@group(0) @binding(7) var<storage, read_write> out: array<u32>;

// Share of alpha_S, bit i of s standing for digit i + 1; `from_word` is the word of the first product.
fn alpha(s: u32, word: u32, w: u32, from_word: u32) -> u32 {
    if countOneBits(s) == 1u { return own[firstTrailingBit(s) * w + word]; }
    return products[from_word + subset_number(s) * w];
}

@compute @workgroup_size(GROUP)
fn tell(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
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

// corrections = what `tell` calls dealt, xor share0: tables with bit (digit j of rho[i]) set, plane bit k of rho, and products of
// alpha, beta = own0 ^ own1; the products alone where `more` is 1.
@group(0) @binding(1) var<storage, read> rho: array<Ring>;
@group(0) @binding(2) var<storage, read> own0: array<u32>;
@group(0) @binding(3) var<storage, read> own1: array<u32>;
@group(0) @binding(4) var<storage, read> share0: array<u32>;
@group(0) @binding(5) var<storage, read_write> corrections: array<u32>;

fn digit(i: u32, j: u32) -> u32 { return r_lo(r_shr(rho[i], 4u * j)) & 15u; }

// The two tables of word `at` of digit j's; behind the last one there is none.
fn tables(j: u32, at: u32, share: u32) -> u32 {
    let low = share ^ (1u << digit(2u * at, j));
    if 2u * at + 1u >= arrayLength(&rho) { return low & 0xffffu; }
    return low ^ (0x10000u << digit(2u * at + 1u, j));
}

fn tops(word: u32) -> u32 {
    let to_element = min(word * 32u + 32u, arrayLength(&rho));
    var top = 0u;
    for (var i = word * 32u; i < to_element; i += 1u) { top |= (r_lo(r_shr(rho[i], p.k)) & 1u) << (i & 31u); }
    return top;
}

// alpha_S, bit i of s standing for digit i + 1: those are the first planes of own.
fn alpha_of_masks(s: u32, word: u32, w: u32) -> u32 {
    var product = 0xffffffffu;
    for (var i = 0u; (s >> i) > 0u; i += 1u) {
        let at = i * w + word;
        product &= (own0[at] ^ own1[at]) | (((s >> i) & 1u) - 1u);
    }
    return product;
}

fn plane(number: u32, word: u32, w: u32) -> u32 {
    let m = p.k / 4u;
    let alphas = (1u << (m - 1u)) - m;
    if number == 0u { return tops(word); }
    if number <= alphas { return alpha_of_masks(subset_at(number - 1u), word, w); }
    var rest = number - 1u - alphas;
    var j = 0u;
    for (; rest >= (1u << (m - 1u - j)) - 1u; j += 1u) { rest -= (1u << (m - 1u - j)) - 1u; }
    let beta = (m - 1u + j) * w + word;
    return (own0[beta] ^ own1[beta]) & alpha_of_masks((rest + 1u) << j, word, w);
}

@compute @workgroup_size(GROUP)
fn deal(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = thread(id, groups);
    if at >= arrayLength(&corrections) { return; }
    let len = arrayLength(&rho);
    let words = packed_words(len, 16u);
    let planes = p.k / 4u * words;
    let w = packed_words(len, 1u);
    if p.more == 1u {
        corrections[at] = plane(1u + at / w, at % w, w) ^ share0[at];
    } else if at < planes {
        corrections[at] = tables(at / words, at % words, share0[at]);
    } else {
        corrections[at] = plane((at - planes) / w, (at - planes) % w, w) ^ share0[at];
    }
}
