// out[i] = (x[i] >> cut) mod 2^bits of a 64-bit share, rounded up where `up` (server 1).
struct Params { cut: u32, up: u32, bits: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<Wide>;
@group(0) @binding(2) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    let t = select(w_shr(x[i], p.cut), w_shr_up(x[i], p.cut), p.up == 1u);
    out[i] = r_and(low(t), r_ones(p.bits));
}
