// out[(i, j), row] = (v(row, i) - v(row, j)) mod 2^(k+1), i < j, v = (x + add) mod 2^bits >> low.   docs/protocols.md 3.1
struct Params { rows: u32, classes: u32, bits: u32, low: u32, k: u32, add_lo: u32, add_hi: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<Ring>;
@group(0) @binding(2) var<storage, read_write> out: array<Ring>;

fn window(x: Ring) -> Ring {
    return r_shr(r_and(r_add(x, r_from(p.add_lo, p.add_hi)), r_ones(p.bits)), p.low);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    let pair = pair_at(i / p.rows, p.classes);
    let row = (i % p.rows) * p.classes;
    out[i] = r_and(r_sub(window(x[row + pair.x]), window(x[row + pair.y])), r_ones(p.k + 1u));
}
