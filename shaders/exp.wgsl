// out[i] = dealt[i, d >> digit] factors[d mod 2^digit] mod 2^60 without its low 40 bits, d = hat[i], digit = 4 + frac.
// docs/protocols.md 4.1
// dealt: 16 entries of 60 bits per element. `up` rounds the cut up (server 1).
struct Params { frac: u32, up: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> hat: array<Ring>;
@group(0) @binding(2) var<storage, read> factors: array<Wide>;
@group(0) @binding(3) var<storage, read> dealt: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<Ring>;

const ENTRIES = 16u;
const ENTRY_BITS = 60u;
const FRACTION = 40u;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    let digit = 4u + p.frac;
    let d = r_lo(hat[i]);
    let s = span(0u, i * ENTRIES + (d >> digit), ENTRY_BITS);
    let entry = cut(s, dealt[s.a], dealt[s.b], dealt[s.c]);
    out[i] = low(without_low(w_mul(entry, factors[d & low_bits(digit)]), ENTRY_BITS, FRACTION, p.up));
}
