// out[i, j] = +-c[i, j] +- sum_q patches(x)[i, q] w[q, j]: - c where `minus_c`, - the sum where `minus`.   docs/protocols.md 1.1
// w is [taps, outputs]; where `back` it is [kernel rows, kernel columns, outputs, channels] and turned over.
struct Params {
    batch: u32, height: u32, width: u32, channels: u32, rows: u32, columns: u32, kernel_rows: u32, kernel_columns: u32,
    times_y: u32, times_x: u32, pad_y: u32, pad_x: u32, gap_y: u32, gap_x: u32, dilation_y: u32, dilation_x: u32,
    outputs: u32, back: u32, minus_c: u32, minus: u32
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> c: array<Ring>;
@group(0) @binding(2) var<storage, read> x: array<Ring>;
@group(0) @binding(3) var<storage, read> w: array<Ring>;
@group(0) @binding(4) var<storage, read_write> out: array<Ring>;

fn signed(minus: u32, v: Ring) -> Ring { return select(v, r_sub(r_from(0u, 0u), v), minus == 1u); }

fn store(i: u32, j: u32, v: Ring) {
    let at = i * p.outputs + j;
    if i < p.batch * p.rows * p.columns && j < p.outputs { out[at] = r_add(signed(p.minus_c, c[at]), signed(p.minus, v)); }
}

fn store_row(i: u32, j: u32, v: Row) {
    store(i, j, v.x);
    store(i, j + 1u, v.y);
    store(i, j + 2u, v.z);
    store(i, j + 3u, v.w);
}

fn value(at: u32, inside: bool) -> Ring { return select(r_from(0u, 0u), x[at], inside); }

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let t = tile(thread(id, groups), p.outputs);
    let rows = p.batch * p.rows * p.columns;
    if t.i >= rows { return; }
    let g = Patches(p.batch, p.height, p.width, p.channels, p.rows, p.columns, p.kernel_rows, p.kernel_columns,
        p.times_y, p.times_x, p.pad_y, p.pad_x, p.gap_y, p.gap_x, p.dilation_y, p.dilation_x);
    let i = edge(t.i, rows);
    let column = i % vec4(p.columns);
    let line = i / vec4(p.columns);
    let row = line % vec4(p.rows);
    let image = line / vec4(p.rows);
    let j = edge(t.j, p.outputs);
    let kernel = p.kernel_rows * p.kernel_columns;
    // step of a channel, and of an output, in w
    let sw = select(vec2(p.outputs, 1u), vec2(1u, p.channels), p.back == 1u);
    var acc = zero_tile();
    for (var k = 0u; k < kernel; k += 1u) {
        let tap = taps(g, image, row, column, vec4(k / p.kernel_columns), vec4(k % p.kernel_columns));
        let from_w = select(k, kernel - 1u - k, p.back == 1u) * p.channels * p.outputs;
        for (var channel = 0u; channel < p.channels; channel += 1u) {
            let a = tap.at + vec4(channel);
            let b = vec4(from_w + channel * sw.x) + j * sw.y;
            let left = Row(
                value(a.x, tap.inside.x), value(a.y, tap.inside.y), value(a.z, tap.inside.z), value(a.w, tap.inside.w));
            acc = outer(acc, left, Row(w[b.x], w[b.y], w[b.z], w[b.w]));
        }
    }
    store_row(t.i, t.j, acc.x);
    store_row(t.i + 1u, t.j, acc.y);
    store_row(t.i + 2u, t.j, acc.z);
    store_row(t.i + 3u, t.j, acc.w);
}
