// out = pack(lambda[i] - share0[i]), and from a word of its own pack(lambda[i] (x_rho[i] - y_rho[i]) - share0'[i]), each in
// `bits` bits, as are the two items of share0: the corrections of `pick`.   docs/protocols.md 3.3
struct Params { bits: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x_rho: array<Ring>;
@group(0) @binding(2) var<storage, read> y_rho: array<Ring>;
@group(0) @binding(3) var<storage, read> lambda: array<u32>;
@group(0) @binding(4) var<storage, read> share0: array<u32>;
@group(0) @binding(5) var<storage, read_write> out: array<u32>;

// Element i of the item that begins at word `begin`, the second item where `second`.
fn share(i: u32, begin: u32, second: bool) -> Wide {
    let x = select(w_from(1u, 0u), w_sub(wide(x_rho[i]), wide(y_rho[i])), second);
    let s = span(begin, i, p.bits);
    return w_sub(times_bit(bit(lambda[i >> 5u], i), x), cut(s, share0[s.a], share0[s.b], share0[s.c]));
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&out) { return; }
    let len = arrayLength(&x_rho);
    let words = packed_words(len, p.bits);
    let second = word >= words;
    let begin = select(0u, words, second);
    var packed = 0u;
    for (var at = place(word - begin, p.bits); at.shift < 32 && at.i < len; at = after(at, p.bits)) {
        packed |= put(share(at.i, begin, second), at, p.bits);
    }
    out[word] = packed;
}
