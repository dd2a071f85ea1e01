// out[i, j] = z[i, j] + b[j], `cols` elements a row.
struct Params { cols: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<Ring>;
@group(0) @binding(2) var<storage, read> b: array<Ring>;
@group(0) @binding(3) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    out[i] = r_add(z[i], b[i % p.cols]);
}
