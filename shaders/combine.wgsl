// out[i] = kx x[i] + ky y[i], kx and ky public.
struct Params { kx_lo: u32, kx_hi: u32, ky_lo: u32, ky_hi: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> y: array<X>;
@group(0) @binding(3) var<storage, read_write> out: array<X>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    out[i] = x_add(x_mul(x_from(p.kx_lo, p.kx_hi), x[i]), x_mul(x_from(p.ky_lo, p.ky_hi), y[i]));
}
