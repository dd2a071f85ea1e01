// out[i] = (first b + (1 - 2b) lambda[i]) mod 2^ring, b = bits[i]: a share of a secret bit that is open as b.   docs/protocols.md 3.4
// lambda: packed in ring bits.
struct Params { ring: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> bits: array<u32>;
@group(0) @binding(2) var<storage, read> lambda: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    let s = span(0u, i, p.ring);
    let l = cut(s, lambda[s.a], lambda[s.b], lambda[s.c]);
    out[i] = low(w_and(unmasked(bit(bits[i >> 5u], i), w_from(p.first, 0u), l), w_ones(p.ring)));
}

// corrections = pack(x[i] - share0[i]) in `bits` bits, `len` of them, of bits x.
struct DealParams { len: u32, bits: u32 }
@group(0) @binding(0) var<uniform> d: DealParams;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> share0: array<u32>;
@group(0) @binding(3) var<storage, read_write> corrections: array<u32>;

fn correction(i: u32) -> Wide {
    let s = span(0u, i, d.bits);
    return w_sub(w_from(bit(x[i >> 5u], i), 0u), cut(s, share0[s.a], share0[s.b], share0[s.c]));
}

@compute @workgroup_size(GROUP)
fn deal(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&corrections) { return; }
    var packed = 0u;
    for (var at = place(word, d.bits); at.shift < 32 && at.i < d.len; at = after(at, d.bits)) {
        packed |= put(correction(at.i), at, d.bits);
    }
    corrections[word] = packed;
}
