// out bit i = own bit i ^ top bit of x'[i] = scale x[i] + 2^(bits-2), the latter on server 0 (`first`): what the other may see.
struct Params { bits: u32, scale: u32, shift: u32, times: u32, first: u32, up: u32, peer_at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> own: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

fn lifted(x: X) -> X {
    let quarter = x_shl(x_from(p.first, 0u), p.bits - 2u);
    return x_and(x_add(x_mul(x_from(p.scale, 0u), x), quarter), x_ones(p.bits));
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&out) { return; }
    let len = min(arrayLength(&x) - word * 32u, 32u);
    var tops = 0u;
    for (var i = 0u; i < len; i += 1u) {
        tops |= x_lo(x_shr(lifted(x[word * 32u + i]), p.bits - 1u)) << i;
    }
    out[word] = tops ^ (own[word] & low_bits(len));
}
