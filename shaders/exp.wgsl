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

// corrections = pack(table[rho, i] - share0[..]), 16 numbers of 60 bits per element of rho.
// table[rho, i] = exp(16 J - rho_lo), J = i - rho_hi mod 16 in -14 .. 1; entry j is exp(2 - j / 2^frac), 0 from j = 31 2^frac on
// and above e^2. It is the product of decays[0], e^2 with 61 fraction bits, and for every bit i of j of decays[1 + i],
// e^-(2^i / 2^frac).
@group(0) @binding(1) var<storage, read> rho: array<Ring>;
@group(0) @binding(2) var<storage, read> decays: array<Wide>;
@group(0) @binding(3) var<storage, read> share0: array<u32>;
@group(0) @binding(4) var<storage, read_write> corrections: array<u32>;

const WHOLE = 8u;
const TOP = 2u;
const SPAN = 31u;

// x y / 2^64, to the nearest.
fn high(x: Wide, y: Wide) -> Wide {
    let a = w_from(w_lo(x), 0u);
    let b = w_from(w_hi(x), 0u);
    let c = w_from(w_lo(y), 0u);
    let d = w_from(w_hi(y), 0u);
    let ad = w_mul(a, d);
    let bc = w_mul(b, c);
    let carry = w_add(w_add(w_from(w_hi(w_mul(a, c)), 0u), w_from(0x80000000u, 0u)), w_add(w_from(w_lo(ad), 0u), w_from(w_lo(bc), 0u)));
    return w_add(w_add(w_mul(b, d), w_from(w_hi(carry), 0u)), w_add(w_from(w_hi(ad), 0u), w_from(w_hi(bc), 0u)));
}

fn entry(j: u32) -> Wide {
    var x = decays[0];
    for (var i = 0u; i + 1u < arrayLength(&decays); i++) {
        x = select(x, high(x, decays[i + 1u]), (j >> i & 1u) == 1u);
    }
    return select(w_from(0u, 0u), w_shr(w_add(x, w_from(1u << 20u, 0u)), 21u), j < SPAN << p.frac);
}

fn correction(i: u32) -> Wide {
    let digit = 4u + p.frac;
    let mask = r_lo(rho[i / ENTRIES]) & low_bits(WHOLE + p.frac);
    // 16 J = 16 step, less 256 from step 2 on; what is above e^2 wraps to beyond the last entry
    let step = (i - (mask >> digit)) % ENTRIES;
    let below = select(ENTRIES << digit, 0u, step < 2u) - (step << digit);
    let at = (mask & low_bits(digit)) + (TOP << p.frac) + below;
    let s = span(0u, i, ENTRY_BITS);
    return w_sub(entry(at), cut(s, share0[s.a], share0[s.b], share0[s.c]));
}

@compute @workgroup_size(GROUP)
fn deal(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&corrections) { return; }
    let len = arrayLength(&rho) * ENTRIES;
    var packed = 0u;
    for (var at = place(word, ENTRY_BITS); at.shift < 32 && at.i < len; at = after(at, ENTRY_BITS)) {
        packed |= put(correction(at.i), at, ENTRY_BITS);
    }
    corrections[word] = packed;
}
