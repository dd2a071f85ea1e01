// out[i] = (v(x[i]) - v(y[i])) mod 2^(k+1), v = (x + add) mod 2^bits >> low: shift first, then subtract.   docs/protocols.md 3.3
struct Params { bits: u32, low: u32, k: u32, add_lo: u32, add_hi: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<Ring>;
@group(0) @binding(2) var<storage, read> y: array<Ring>;
@group(0) @binding(3) var<storage, read_write> out: array<Ring>;

fn cut_window(x: Ring) -> Ring {
    return r_shr(r_and(r_add(x, r_from(p.add_lo, p.add_hi)), r_ones(p.bits)), p.low);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    out[i] = r_and(r_sub(cut_window(x[i]), cut_window(y[i])), r_ones(p.k + 1u));
}
