// out[i] = x[i] where bit i is 1, else 0: dropout by public coins.   docs/protocols.md 3.6
struct Params { len: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<Ring>;
@group(0) @binding(2) var<storage, read> bits: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= p.len { return; }
    out[i] = select(r_from(0u, 0u), x[i], bit(bits[i >> 5u], i) == 1u);
}
