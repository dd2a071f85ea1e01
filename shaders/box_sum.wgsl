// out[position, channel], the sum of the taps of a patch of x in every channel.   docs/protocols.md 3.3
struct Params {
    batch: u32, height: u32, width: u32, channels: u32, rows: u32, columns: u32, kernel_rows: u32, kernel_columns: u32,
    times_y: u32, times_x: u32, pad_y: u32, pad_x: u32, gap_y: u32, gap_x: u32, dilation_y: u32, dilation_x: u32,
    outputs: u32, back: u32, minus_c: u32, minus: u32
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<Ring>;
@group(0) @binding(2) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = thread(id, groups);
    if at >= arrayLength(&out) { return; }
    let g = Patches(p.batch, p.height, p.width, p.channels, p.rows, p.columns, p.kernel_rows, p.kernel_columns,
        p.times_y, p.times_x, p.pad_y, p.pad_x, p.gap_y, p.gap_x, p.dilation_y, p.dilation_x);
    let channel = at % p.channels;
    let position = at / p.channels;
    let column = position % p.columns;
    let row = position / p.columns % p.rows;
    let image = position / p.columns / p.rows;
    var sum = r_from(0u, 0u);
    for (var k = 0u; k < p.kernel_rows * p.kernel_columns; k += 1u) {
        let tap = taps(g, vec4(image), vec4(row), vec4(column), vec4(k / p.kernel_columns), vec4(k % p.kernel_columns));
        let from_x = select(0u, tap.at.x + channel, tap.inside.x);
        sum = r_add(sum, select(r_from(0u, 0u), x[from_x], tap.inside.x));
    }
    out[at] = sum;
}
