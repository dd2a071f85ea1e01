// out = pack(x - share0) of four items, each from a word of its own: rho >> wire, t = (rho >> (wire - 1)) mod 2, lambda (rho
// mod 2^wire) in ring bits, lambda t; the others in ring - wire bits: the corrections of `select`.   docs/protocols.md 3.2
struct Params { wire: u32, ring: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> rho: array<Ring>;
@group(0) @binding(2) var<storage, read> lambda: array<u32>;
@group(0) @binding(3) var<storage, read> share0: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<u32>;

fn width(item: u32) -> u32 { return select(p.ring - p.wire, p.ring, item == 2u); }

fn value(item: u32, i: u32) -> Wide {
    let r = wide(rho[i]);
    let top = w_from(top_bit(r, p.wire), 0u);
    let l = bit(lambda[i >> 5u], i);
    switch item {
        case 0u: { return w_shr(r, p.wire); }
        case 1u: { return top; }
        case 2u: { return times_bit(l, w_and(r, w_ones(p.wire))); }
        default: { return times_bit(l, top); }
    }
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&out) { return; }
    let len = arrayLength(&rho);
    var item = 0u;
    var begin = 0u;
    for (var end = packed_words(len, width(0u)); word >= end; end += packed_words(len, width(item))) {
        begin = end;
        item += 1u;
    }
    let bits = width(item);
    var packed = 0u;
    for (var at = place(word - begin, bits); at.shift < 32 && at.i < len; at = after(at, bits)) {
        let s = span(begin, at.i, bits);
        packed |= put(w_sub(value(item, at.i), cut(s, share0[s.a], share0[s.b], share0[s.c])), at, bits);
    }
    out[word] = packed;
}
