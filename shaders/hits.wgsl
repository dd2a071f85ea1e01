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

// corrections = pack(lambda[i] - share0[i]), and from a word of its own pack(lambda[i] r_sum[i] - share0'[i]), each in `ring`
// bits, as are the two items of share0; r_sum: the masks r of both servers, added up.
@group(0) @binding(1) var<storage, read> r_sum: array<Ring>;
@group(0) @binding(2) var<storage, read> lambda: array<u32>;
@group(0) @binding(3) var<storage, read> share0: array<u32>;
@group(0) @binding(4) var<storage, read_write> corrections: array<u32>;

// Element i of the item that begins at word `begin`, the second item where `second`.
fn correction(i: u32, begin: u32, second: bool) -> Wide {
    let x = select(w_from(1u, 0u), wide(r_sum[i]), second);
    let s = span(begin, i, p.ring);
    return w_sub(times_bit(bit(lambda[i >> 5u], i), x), cut(s, share0[s.a], share0[s.b], share0[s.c]));
}

@compute @workgroup_size(GROUP)
fn deal(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&corrections) { return; }
    let len = arrayLength(&r_sum);
    let words = packed_words(len, p.ring);
    let second = word >= words;
    let begin = select(0u, words, second);
    var packed = 0u;
    for (var at = place(word - begin, p.ring); at.shift < 32 && at.i < len; at = after(at, p.ring)) {
        packed |= put(correction(at.i, begin, second), at, p.ring);
    }
    corrections[word] = packed;
}
