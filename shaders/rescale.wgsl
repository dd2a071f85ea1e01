// shown bit i = own bit i ^ top bit of x'[i] = scale x[i] + 2^(bits-2), the latter on server 0 (`first`): what the other may see.
struct Params { bits: u32, scale: u32, shift: u32, times: u32, first: u32, up: u32, peer_at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> own: array<u32>;
@group(0) @binding(3) var<storage, read_write> shown: array<u32>;

fn lifted(x: X) -> X {
    let quarter = x_shl(x_from(p.first, 0u), p.bits - 2u);
    return x_and(x_add(x_mul(x_from(p.scale, 0u), x), quarter), x_ones(p.bits));
}

@compute @workgroup_size(GROUP)
fn ask(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&shown) { return; }
    let len = min(arrayLength(&x) - word * 32u, 32u);
    var tops = 0u;
    for (var i = 0u; i < len; i += 1u) {
        tops |= x_lo(x_shr(lifted(x[word * 32u + i]), p.bits - 1u)) << i;
    }
    shown[word] = tops ^ (own[word] & low_bits(len));
}

// out[i] = times (x' >> shift - 2^(bits-shift) w - 2^(bits-2-shift)) in Z_2^64, x' = scale x[i] + 2^(bits-2), public terms on
// server 0 (`first`); a left shift where `shift` is negative; `up` rounds the shift up (server 1).   docs/protocols.md 2.5
// w = m - (u v + v (1 - 2u) own + (1 - 2u)(1 - 2v) dealt), m the top bit of x', u = asked bit i, v = the peer's.
@group(0) @binding(3) var<storage, read> asked: array<u32>;
@group(0) @binding(4) var<storage, read> peer: array<u32>;
@group(0) @binding(5) var<storage, read> dealt: array<u32>;
@group(0) @binding(6) var<storage, read_write> out: array<Wide>;

// x / 2^shift in 64 bits.
fn shifted(x: X) -> Wide {
    let right = select(x_shr(x, p.shift), x_shr_up(x, p.shift), p.up == 1u);
    return select(x_wide(right), w_shl(x_wide(x), 0u - p.shift), i32(p.shift) <= 0);
}

// -x where the bit is set.
fn flipped(x: Wide, bit: u32) -> Wide { return select(x, w_sub(w_from(0u, 0u), x), bit == 1u); }

@compute @workgroup_size(GROUP)
fn tell(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    let word = i >> 5u;
    let u = bit(asked[word], i);
    let v = bit(peer[p.peer_at + word], i);
    let s = span(0u, i, 64u - p.bits + p.shift);
    let aa = cut(s, dealt[s.a], dealt[s.b], dealt[s.c]);
    let x1 = lifted(x[i]);
    let both = w_add(
        w_add(w_from(p.first & u & v, 0u), flipped(w_from(v & bit(own[word], i), 0u), u)),
        flipped(aa, u ^ v));
    let w = w_sub(x_wide(x_shr(x1, p.bits - 1u)), both);
    let low = w_shl(w_from(p.first, 0u), p.bits - p.shift - 2u);
    let y = w_sub(w_sub(shifted(x1), w_shl(w, p.bits - p.shift)), low);
    out[i] = w_mul(y, w_from(p.times, 0u));
}

// corrections = pack((own0[i] & own1[i]) - share0[i]) in `bits` bits, `len` of them, of bits own0 and own1.
struct DealParams { len: u32, bits: u32 }
@group(0) @binding(0) var<uniform> d: DealParams;
@group(0) @binding(1) var<storage, read> own0: array<u32>;
@group(0) @binding(2) var<storage, read> own1: array<u32>;
@group(0) @binding(3) var<storage, read> share0: array<u32>;
@group(0) @binding(4) var<storage, read_write> corrections: array<u32>;

fn correction(i: u32) -> Wide {
    let both = bit(own0[i >> 5u] & own1[i >> 5u], i);
    let s = span(0u, i, d.bits);
    return w_sub(w_from(both, 0u), cut(s, share0[s.a], share0[s.b], share0[s.c]));
}

@compute @workgroup_size(GROUP)
fn deal(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&corrections) { return; }
    var packed = 0u;
    for (var at = place(word, d.bits); at.shift < 32 && at.i < d.len; at = after(at, d.bits)) {
        packed |= put(correction(at.i), at, d.bits);
    }
    corrections[word] = packed;
}
