// out = pack(x[i]) in `bits` bits.
struct Params { bits: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<Ring>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;

fn value(i: u32) -> Wide { return wide(x[i]); }

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&out) { return; }
    let len = arrayLength(&x);
    var packed = 0u;
    for (var at = place(word, p.bits); at.shift < 32 && at.i < len; at = after(at, p.bits)) {
        packed |= put(value(at.i), at, p.bits);
    }
    out[word] = packed;
}
