// out = pack(table[rho, i] - share0[..]), 16 numbers of 60 bits per element of rho: the corrections of `exp`.   docs/protocols.md 4.1
// table[rho, i] = exp(16 J - rho_lo), J = i - rho_hi mod 16 in -14 .. 1: of `entries`, entry j of which is exp(2 - j / 2^frac); the
// last one, 0, stands for all below it and above e^2.
struct Params { frac: u32, up: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> rho: array<Ring>;
@group(0) @binding(2) var<storage, read> entries: array<Wide>;
@group(0) @binding(3) var<storage, read> share0: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<u32>;

const ENTRIES = 16u;
const ENTRY_BITS = 60u;
const WHOLE = 8u;
const TOP = 2u;

fn share(i: u32) -> Wide {
    let digit = 4u + p.frac;
    let mask = r_lo(rho[i / ENTRIES]) & low_bits(WHOLE + p.frac);
    // 16 J = 16 step, less 256 from step 2 on; what is above e^2 wraps to beyond the last entry
    let step = (i - (mask >> digit)) % ENTRIES;
    let below = select(ENTRIES << digit, 0u, step < 2u) - (step << digit);
    let at = (mask & low_bits(digit)) + (TOP << p.frac) + below;
    let s = span(0u, i, ENTRY_BITS);
    return w_sub(entries[min(at, arrayLength(&entries) - 1u)], cut(s, share0[s.a], share0[s.b], share0[s.c]));
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&out) { return; }
    let len = arrayLength(&rho) * ENTRIES;
    var packed = 0u;
    for (var at = place(word, ENTRY_BITS); at.shift < 32 && at.i < len; at = after(at, ENTRY_BITS)) {
        packed |= put(share(at.i), at, ENTRY_BITS);
    }
    out[word] = packed;
}
