// out[i] = ((x[i] + add) mod 2^bits >> low) mod 2^(k+1): the bits of a wire that a comparison looks at.   docs/protocols.md 3
struct Params { bits: u32, low: u32, k: u32, add_lo: u32, add_hi: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<Ring>;
@group(0) @binding(2) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    let v = r_and(r_add(x[i], r_from(p.add_lo, p.add_hi)), r_ones(p.bits));
    out[i] = r_and(r_shr(v, p.low), r_ones(p.k + 1u));
}
