// out[i, j] = packed element j of `bits` bits of row i: `cols` elements a row, which begins at word i stride.
struct Params { cols: u32, bits: u32, stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    let s = span((i / p.cols) * p.stride, i % p.cols, p.bits);
    out[i] = low(cut(s, x[s.a], x[s.b], x[s.c]));
}
