// out = pack((x[i] >> cut) + r[i] + offset) in out_bits bits: what is opened of a value of in_bits bits under the mask r.
// `up` rounds the shift up (server 1); `offset` adds 2^(out_bits - 2).
struct Params { in_bits: u32, cut: u32, up: u32, out_bits: u32, offset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> r: array<Ring>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

fn masked(i: u32) -> Wide {
    let t = x_and(x[i], x_ones(p.in_bits));
    let cut = select(x_shr(t, p.cut), x_shr_up(t, p.cut), p.up == 1u);
    let offset = w_shl(w_from(p.offset, 0u), p.out_bits - 2u);
    return w_add(w_add(x_wide(cut), wide(r[i])), offset);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&out) { return; }
    let len = arrayLength(&r);
    var packed = 0u;
    for (var at = place(word, p.out_bits); at.shift < 32 && at.i < len; at = after(at, p.out_bits)) {
        packed |= put(masked(at.i), at, p.out_bits);
    }
    out[word] = packed;
}
