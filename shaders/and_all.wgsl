// out = XOR_S (AND_(i not in S) hat_i) alpha_S, S the subsets of the inputs, hat_i the plane of opened bits, complemented where
// `flips` has bit i: shares of the AND of secret bits.   docs/protocols.md 3.4
// alpha_S: `first` where S is empty, own's plane for one input, else a plane of dealt, subsets ascending as masks.
struct Params { inputs: u32, flips: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> hats: array<u32>;
@group(0) @binding(2) var<storage, read> owns: array<u32>;
@group(0) @binding(3) var<storage, read> dealt: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<u32>;

fn alpha(s: u32, word: u32) -> u32 {
    let w = arrayLength(&out);
    if s == 0u { return 0u - p.first; }
    if countOneBits(s) > 1u { return dealt[subset_number(s) * w + word]; }
    return owns[firstTrailingBit(s) * w + word];
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    let w = arrayLength(&out);
    if word >= w { return; }
    var sum = 0u;
    for (var s = 0u; s < (1u << p.inputs); s += 1u) {
        var term = alpha(s, word);
        for (var i = 0u; i < p.inputs; i += 1u) {
            let hat = hats[i * w + word] ^ (0u - ((p.flips >> i) & 1u));
            term &= hat | (0u - ((s >> i) & 1u));
        }
        sum ^= term;
    }
    out[word] = sum;
}

// corrections = for every subset S of two or more of the inputs, ascending as bit masks, a plane: share0 ^ the AND over S of the
// masks' planes.
@group(0) @binding(1) var<storage, read> masks: array<u32>;
@group(0) @binding(2) var<storage, read> share0: array<u32>;
@group(0) @binding(3) var<storage, read_write> corrections: array<u32>;

@compute @workgroup_size(GROUP)
fn deal(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = thread(id, groups);
    if at >= arrayLength(&corrections) { return; }
    let w = arrayLength(&masks) / p.inputs;
    let s = subset_at(at / w);
    var product = 0xffffffffu;
    for (var i = 0u; i < p.inputs; i += 1u) { product &= masks[i * w + at % w] | (((s >> i) & 1u) - 1u); }
    corrections[at] = product ^ share0[at];
}
