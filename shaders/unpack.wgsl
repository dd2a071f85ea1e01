// out[i] = packed element i of `bits` bits, from word `at` on.
struct Params { bits: u32, at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    let s = span(p.at, i, p.bits);
    out[i] = low(cut(s, x[s.a], x[s.b], x[s.c]));
}
