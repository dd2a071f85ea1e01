// out[0] = sum_i b L_i + (1 - 2b) (hat[i] lambda[i] - lr[i]) mod 2^ring, b = bits[i], L_i = first hat[i] - r[i].
// docs/protocols.md 8
// dealt: lambda, lr, in `ring` bits. One output, and so one workgroup: its threads take every GROUP-th element.
struct Params { ring: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> bits: array<u32>;
@group(0) @binding(2) var<storage, read> hat: array<Ring>;
@group(0) @binding(3) var<storage, read> r: array<Ring>;
@group(0) @binding(4) var<storage, read> dealt: array<u32>;
@group(0) @binding(5) var<storage, read_write> out: array<Ring>;

var<workgroup> sums: array<Wide, GROUP>;

// Element i of the item that begins at word `at`.
fn item(at: u32, i: u32) -> Wide {
    let s = span(at, i, p.ring);
    return cut(s, dealt[s.a], dealt[s.b], dealt[s.c]);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(local_invocation_index) local: u32) {
    let len = arrayLength(&hat);
    let words = packed_words(len, p.ring);
    var sum = w_from(0u, 0u);
    for (var i = local; i < len; i += GROUP) {
        let h = wide(hat[i]);
        let masked = w_sub(w_mul(h, item(0u, i)), item(words, i));
        let share = w_sub(times_bit(p.first, h), wide(r[i]));
        sum = w_add(sum, unmasked(bit(bits[i >> 5u], i), share, masked));
    }
    sums[local] = sum;
    workgroupBarrier();
    if local > 0u { return; }
    for (var other = 1u; other < GROUP; other += 1u) { sum = w_add(sum, sums[other]); }
    out[0] = low(w_and(sum, w_ones(p.ring)));
}
