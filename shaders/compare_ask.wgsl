// out = planes eq_j ^ alpha_j (1 <= j < m), lt_j ^ beta_j (j < m - 1), lt_(m-1): bit i of eq_j is bit d of the table H_j[i],
// that of lt_j the parity of the table's bits above d, d = digit j of a[i]; m = k / 4 digits of 4 bits.   docs/protocols.md 3.1
// own: planes alpha_1 .. alpha_(m-1), beta_0 .. beta_(m-2). dealt: for every j tables of 16 bits; what follows is not read.
struct Params { k: u32, first: u32, more: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<Ring>;
@group(0) @binding(2) var<storage, read> own: array<u32>;
@group(0) @binding(3) var<storage, read> dealt: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = thread(id, groups);
    if at >= arrayLength(&out) { return; }
    let m = p.k / 4u;
    let len = arrayLength(&a);
    let w = packed_words(len, 1u);
    let plane = at / w;
    let less = plane + 1u >= m;
    let j = select(plane + 1u, plane + 1u - m, less);
    let table = j * packed_words(len, 16u);
    let from_element = (at % w) * 32u;
    let to_element = min(from_element + 32u, len);
    var found = 0u;
    for (var i = from_element; i < to_element; i += 1u) {
        let h = (dealt[table + (i >> 1u)] >> ((i & 1u) * 16u)) & 0xffffu;
        let above = h >> (r_lo(r_shr(a[i], 4u * j)) & 15u);
        found |= (select(above, countOneBits(above >> 1u), less) & 1u) << (i & 31u);
    }
    if plane < 2u * m - 2u { found ^= own[at]; }
    out[at] = found;
}
