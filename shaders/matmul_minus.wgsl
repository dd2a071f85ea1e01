// out[i, j] = sum_q op(a)[i, q] op(b)[q, j] - c[i, j].
// a is [m, k], or [k, m] where `ta`; b is [k, n], or [n, k] where `tb`.
struct Params { m: u32, k: u32, n: u32, ta: u32, tb: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<Ring>;
@group(0) @binding(2) var<storage, read> b: array<Ring>;
@group(0) @binding(3) var<storage, read> c: array<Ring>;
@group(0) @binding(4) var<storage, read_write> out: array<Ring>;

fn store(i: u32, j: u32, x: Ring) {
    if i < p.m && j < p.n { out[i * p.n + j] = r_sub(x, c[i * p.n + j]); }
}

fn store_row(i: u32, j: u32, x: Row) {
    store(i, j, x.x);
    store(i, j + 1u, x.y);
    store(i, j + 2u, x.z);
    store(i, j + 3u, x.w);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let t = tile(thread(id, groups), p.n);
    if t.i >= p.m { return; }
    // element (i, q) of op(a) is a[i * sa.x + q * sa.y]; (q, j) of op(b) is b[q * sb.x + j * sb.y]; indices past the edge repeat the last
    let sa = select(vec2(p.k, 1u), vec2(1u, p.m), p.ta == 1u);
    let sb = select(vec2(p.n, 1u), vec2(1u, p.k), p.tb == 1u);
    let rows = edge(t.i, p.m) * sa.x;
    let cols = edge(t.j, p.n) * sb.y;
    var acc = zero_tile();
    for (var q = 0u; q < p.k; q += 1u) {
        let i = rows + vec4(q * sa.y);
        let j = cols + vec4(q * sb.x);
        acc = outer(acc, Row(a[i.x], a[i.y], a[i.z], a[i.w]), Row(b[j.x], b[j.y], b[j.z], b[j.w]));
    }
    store_row(t.i, t.j, acc.x);
    store_row(t.i + 1u, t.j, acc.y);
    store_row(t.i + 2u, t.j, acc.z);
    store_row(t.i + 3u, t.j, acc.w);
}
