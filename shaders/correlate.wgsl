// out[q, j] = +-c[q, j] +- sum_i patches(x)[i, q] y[i, j]: - c where `minus_c`, - the sum where `minus`.   docs/protocols.md 1.1
// out and c are [taps, outputs], y is [positions, outputs]. A workgroup has a tile: its threads take every GROUP-th line of
// the images, as a filter has few taps and a batch many positions: more than software Vulkan lets one loop have (65,535).
struct Params {
    batch: u32, height: u32, width: u32, channels: u32, rows: u32, columns: u32, kernel_rows: u32, kernel_columns: u32,
    times_y: u32, times_x: u32, pad_y: u32, pad_x: u32, gap_y: u32, gap_x: u32, dilation_y: u32, dilation_x: u32,
    outputs: u32, back: u32, minus_c: u32, minus: u32
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> c: array<Ring>;
@group(0) @binding(2) var<storage, read> x: array<Ring>;
@group(0) @binding(3) var<storage, read> y: array<Ring>;
@group(0) @binding(4) var<storage, read_write> out: array<Ring>;

fn signed(minus: u32, v: Ring) -> Ring { return select(v, r_sub(r_from(0u, 0u), v), minus == 1u); }

fn store(i: u32, j: u32, v: Ring) {
    let at = i * p.outputs + j;
    let taps = p.kernel_rows * p.kernel_columns * p.channels;
    if i < taps && j < p.outputs { out[at] = r_add(signed(p.minus_c, c[at]), signed(p.minus, v)); }
}

fn store_row(i: u32, j: u32, v: Row) {
    store(i, j, v.x);
    store(i, j + 1u, v.y);
    store(i, j + 2u, v.z);
    store(i, j + 3u, v.w);
}

fn plus_row(a: Row, b: Row) -> Row {
    return Row(r_add(a.x, b.x), r_add(a.y, b.y), r_add(a.z, b.z), r_add(a.w, b.w));
}

fn plus(a: Tile, b: Tile) -> Tile {
    return Tile(plus_row(a.x, b.x), plus_row(a.y, b.y), plus_row(a.z, b.z), plus_row(a.w, b.w));
}

fn value(at: u32, inside: bool) -> Ring { return select(r_from(0u, 0u), x[at], inside); }

var<workgroup> sums: array<Tile, GROUP>;

@compute @workgroup_size(GROUP)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>
) {
    let t = tile(group.x + group.y * groups.x, p.outputs);
    let g = Patches(p.batch, p.height, p.width, p.channels, p.rows, p.columns, p.kernel_rows, p.kernel_columns,
        p.times_y, p.times_x, p.pad_y, p.pad_x, p.gap_y, p.gap_x, p.dilation_y, p.dilation_x);
    let i = edge(t.i, p.kernel_rows * p.kernel_columns * p.channels);
    let channel = i % vec4(p.channels);
    let kernel = i / vec4(p.channels);
    let ky = kernel / vec4(p.kernel_columns);
    let kx = kernel % vec4(p.kernel_columns);
    let j = edge(t.j, p.outputs);
    var acc = zero_tile();
    for (var line = local; line < p.batch * p.rows; line += GROUP) {
        let image = vec4(line / p.rows);
        let row = vec4(line % p.rows);
        for (var column = 0u; column < p.columns; column += 1u) {
            let tap = taps(g, image, row, vec4(column), ky, kx);
            let a = select(vec4(0u), tap.at + channel, tap.inside);
            let b = vec4((line * p.columns + column) * p.outputs) + j;
            let left = Row(
                value(a.x, tap.inside.x), value(a.y, tap.inside.y), value(a.z, tap.inside.z), value(a.w, tap.inside.w));
            acc = outer(acc, left, Row(y[b.x], y[b.y], y[b.z], y[b.w]));
        }
    }
    sums[local] = acc;
    for (var width = GROUP / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if local < width { sums[local] = plus(sums[local], sums[local + width]); }
    }
    if local > 0u { return; }
    acc = sums[0];
    store_row(t.i, t.j, acc.x);
    store_row(t.i + 1u, t.j, acc.y);
    store_row(t.i + 2u, t.j, acc.z);
    store_row(t.i + 3u, t.j, acc.w);
}
