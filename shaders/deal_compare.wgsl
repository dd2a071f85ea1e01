// out = what compare_tell.wgsl calls dealt, xor share0: tables with bit (digit j of rho[i]) set, plane bit k of rho, and
// products of alpha, beta = own0 ^ own1; the products alone where `more` is 1.   docs/protocols.md 3.1
struct Params { k: u32, first: u32, more: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> rho: array<Ring>;
@group(0) @binding(2) var<storage, read> own0: array<u32>;
@group(0) @binding(3) var<storage, read> own1: array<u32>;
@group(0) @binding(4) var<storage, read> share0: array<u32>;
@group(0) @binding(5) var<storage, read_write> out: array<u32>;

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
fn alpha(s: u32, word: u32, w: u32) -> u32 {
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
    if number <= alphas { return alpha(subset_at(number - 1u), word, w); }
    var rest = number - 1u - alphas;
    var j = 0u;
    for (; rest >= (1u << (m - 1u - j)) - 1u; j += 1u) { rest -= (1u << (m - 1u - j)) - 1u; }
    let beta = (m - 1u + j) * w + word;
    return (own0[beta] ^ own1[beta]) & alpha((rest + 1u) << j, word, w);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = thread(id, groups);
    if at >= arrayLength(&out) { return; }
    let len = arrayLength(&rho);
    let words = packed_words(len, 16u);
    let planes = p.k / 4u * words;
    let w = packed_words(len, 1u);
    if p.more == 1u {
        out[at] = plane(1u + at / w, at % w, w) ^ share0[at];
    } else if at < planes {
        out[at] = tables(at / words, at % words, share0[at]);
    } else {
        out[at] = plane((at - planes) / w, (at - planes) % w, w) ^ share0[at];
    }
}
