// out[j] = 2^shift sum_i x[i, j], `cols` elements a row.
struct Params { cols: u32, shift: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<Ring>;
@group(0) @binding(2) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let j = thread(id, groups);
    if j >= arrayLength(&out) { return; }
    let len = arrayLength(&x);
    var sum = r_from(0u, 0u);
    for (var i = j; i < len; i += p.cols) { sum = r_add(sum, x[i]); }
    out[j] = r_shl(sum, p.shift);
}
