// out[i, j] = c[i, j] + sum_q (op(a1)[i, q] op(b1)[q, j] - op(a2)[i, q] op(b2)[q, j]).
// a1 and a2 are [m, k], or [k, m] where `ta`; b1 and b2 are [k, n], or [n, k] where `tb`.
struct Params { m: u32, k: u32, n: u32, ta: u32, tb: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> c: array<Ring>;
@group(0) @binding(2) var<storage, read> a1: array<Ring>;
@group(0) @binding(3) var<storage, read> b1: array<Ring>;
@group(0) @binding(4) var<storage, read> a2: array<Ring>;
@group(0) @binding(5) var<storage, read> b2: array<Ring>;
@group(0) @binding(6) var<storage, read_write> out: array<Ring>;

fn store(i: u32, j: u32, x: Ring) {
    if i < p.m && j < p.n { out[i * p.n + j] = r_add(c[i * p.n + j], x); }
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
    // indices as in matmul_minus
    let sa = select(vec2(p.k, 1u), vec2(1u, p.m), p.ta == 1u);
    let sb = select(vec2(p.n, 1u), vec2(1u, p.k), p.tb == 1u);
    let rows = edge(t.i, p.m) * sa.x;
    let cols = edge(t.j, p.n) * sb.y;
    var acc = zero_tile();
    for (var q = 0u; q < p.k; q += 1u) {
        let i = rows + vec4(q * sa.y);
        let j = cols + vec4(q * sb.x);
        acc = outer(acc, Row(a1[i.x], a1[i.y], a1[i.z], a1[i.w]), Row(b1[j.x], b1[j.y], b1[j.z], b1[j.w]));
        let minus = negated(Row(a2[i.x], a2[i.y], a2[i.z], a2[i.w]));
        acc = outer(acc, minus, Row(b2[j.x], b2[j.y], b2[j.z], b2[j.w]));
    }
    store_row(t.i, t.j, acc.x);
    store_row(t.i + 1u, t.j, acc.y);
    store_row(t.i + 2u, t.j, acc.z);
    store_row(t.i + 3u, t.j, acc.w);
}
