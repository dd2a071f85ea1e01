// out[i] = (first I - rho[i] + 2^wire (kappa[i] + (1 - m) mu[i])) mod 2^ring, I = hat[i] - 2^(wire-2) as an integer,
// m = top bit of hat[i]; dealt: kappa, mu, packed in ring - wire bits.   docs/protocols.md 2.3
struct Params { wire: u32, ring: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> hat: array<Ring>;
@group(0) @binding(2) var<storage, read> rho: array<Ring>;
@group(0) @binding(3) var<storage, read> dealt: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    let high = p.ring - p.wire;
    let s = span(0u, i, high);
    let t = span(packed_words(arrayLength(&out), high), i, high);
    let kappa = low(cut(s, dealt[s.a], dealt[s.b], dealt[s.c]));
    let mu = low(cut(t, dealt[t.a], dealt[t.b], dealt[t.c]));
    let top = r_lo(r_shr(hat[i], p.wire - 1u)) & 1u;
    let carry = r_shl(r_add(kappa, r_mul(r_from(1u - top, 0u), mu)), p.wire);
    let whole = r_sub(hat[i], r_shl(r_from(1u, 0u), p.wire - 2u));
    let y = r_add(r_sub(r_mul(r_from(p.first, 0u), whole), rho[i]), carry);
    out[i] = r_and(y, r_ones(p.ring));
}
