// out = pack((rho[i] >> wire) - share0[i]), and from a word of its own pack((rho[i] >> (wire - 1)) mod 2 - share0'[i]), each in
// ring - wire bits, as are the two items of share0: the corrections of `extend`.
struct Params { wire: u32, ring: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> rho: array<Ring>;
@group(0) @binding(2) var<storage, read> share0: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

// Element i of the item that begins at word `begin`, the second item where `second`.
fn share(i: u32, begin: u32, second: bool) -> Wide {
    let high = p.ring - p.wire;
    let x = select(r_shr(rho[i], p.wire), r_and(r_shr(rho[i], p.wire - 1u), r_from(1u, 0u)), second);
    let s = span(begin, i, high);
    return w_sub(wide(x), cut(s, share0[s.a], share0[s.b], share0[s.c]));
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&out) { return; }
    let high = p.ring - p.wire;
    let len = arrayLength(&rho);
    let words = packed_words(len, high);
    let second = word >= words;
    let begin = select(0u, words, second);
    var packed = 0u;
    for (var at = place(word - begin, high); at.shift < 32 && at.i < len; at = after(at, high)) {
        packed |= put(share(at.i, begin, second), at, high);
    }
    out[word] = packed;
}
