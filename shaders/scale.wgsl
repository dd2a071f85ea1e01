// out[i] = +-c[i] +- x[i] w[i / step], from the first w again behind the last: - c where `minus_c`, - the product where `minus`.
// docs/protocols.md 1.1
struct Params { step: u32, minus_c: u32, minus: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> c: array<Ring>;
@group(0) @binding(2) var<storage, read> x: array<Ring>;
@group(0) @binding(3) var<storage, read> w: array<Ring>;
@group(0) @binding(4) var<storage, read_write> out: array<Ring>;

fn signed(minus: u32, v: Ring) -> Ring { return select(v, r_sub(r_from(0u, 0u), v), minus == 1u); }

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    let product = r_mul(x[i], w[i / p.step % arrayLength(&w)]);
    out[i] = r_add(signed(p.minus_c, c[i]), signed(p.minus, product));
}
