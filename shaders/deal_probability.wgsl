// out = pack(x - share0) of eight items, each from a word of its own, of masks a of an element and b of its row i / classes:
// a >> w, t_a, b >> w, t_b (b of row i), a b, t_a b, a t_b, t_a t_b (a and b mod 2^w), t = bit w - 1, w = 20: the corrections of
// `probability`, whose file has the widths.   docs/protocols.md 3.4
struct Params { classes: u32, ring: u32, bits: u32, first: u32, up: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> e_rho: array<Ring>;
@group(0) @binding(2) var<storage, read> r_rho: array<Ring>;
@group(0) @binding(3) var<storage, read> share0: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<u32>;

const WIRE = 20u;

fn of_rows(item: u32) -> bool { return item == 2u || item == 3u; }

fn elements(item: u32) -> u32 { return select(arrayLength(&e_rho), arrayLength(&r_rho), of_rows(item)); }

fn width(item: u32) -> u32 {
    switch item {
        case 4u: { return p.bits; }
        case 7u: { return p.bits - 2u * WIRE; }
        default: { return p.bits - WIRE; }
    }
}

fn words(item: u32) -> u32 { return packed_words(elements(item), width(item)); }

fn value(item: u32, i: u32) -> Wide {
    let x = wide(e_rho[select(i, 0u, of_rows(item))]);
    let y = wide(r_rho[select(i / p.classes, i, of_rows(item))]);
    let a = w_and(x, w_ones(WIRE));
    let b = w_and(y, w_ones(WIRE));
    let top_a = top_bit(x, WIRE);
    let top_b = top_bit(y, WIRE);
    switch item {
        case 0u: { return w_shr(x, WIRE); }
        case 1u: { return w_from(top_a, 0u); }
        case 2u: { return w_shr(y, WIRE); }
        case 3u: { return w_from(top_b, 0u); }
        case 4u: { return w_mul(a, b); }
        case 5u: { return times_bit(top_a, b); }
        case 6u: { return times_bit(top_b, a); }
        default: { return w_from(top_a & top_b, 0u); }
    }
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&out) { return; }
    var item = 0u;
    var begin = 0u;
    for (var end = words(0u); word >= end; end += words(item)) {
        begin = end;
        item += 1u;
    }
    let bits = width(item);
    let len = elements(item);
    var packed = 0u;
    for (var at = place(word - begin, bits); at.shift < 32 && at.i < len; at = after(at, bits)) {
        let s = span(begin, at.i, bits);
        packed |= put(w_sub(value(item, at.i), cut(s, share0[s.a], share0[s.b], share0[s.c])), at, bits);
    }
    out[word] = packed;
}
