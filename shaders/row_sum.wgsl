// out[i] = sum_j e[i, j] mod 2^20, 4 bits of it cut, rounded up where `up` (server 1); `classes` elements a row.
// From the wire of an exponential to the ring of a sum, both of a fixed size: docs/protocols.md 4.2
struct Params { classes: u32, up: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> e: array<Ring>;
@group(0) @binding(2) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    var sum = r_from(0u, 0u);
    for (var j = 0u; j < p.classes; j += 1u) { sum = r_add(sum, e[i * p.classes + j]); }
    let t = r_and(sum, r_ones(20u));
    out[i] = r_and(select(r_shr(t, 4u), r_shr_up(t, 4u), p.up == 1u), r_ones(16u));
}
