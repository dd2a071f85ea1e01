// out = pack(x[i] - share0[i]) in `bits` bits, `len` of them: what makes a share of x of the other server's share0.
struct Params { len: u32, bits: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<Ring>;
@group(0) @binding(2) var<storage, read> share0: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

fn share(i: u32) -> Wide {
    let s = span(0u, i, p.bits);
    return w_sub(wide(x[i]), cut(s, share0[s.a], share0[s.b], share0[s.c]));
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&out) { return; }
    var packed = 0u;
    for (var at = place(word, p.bits); at.shift < 32 && at.i < p.len; at = after(at, p.bits)) {
        packed |= put(share(at.i), at, p.bits);
    }
    out[word] = packed;
}
