// out[k, j] = +-c[k, j] +- sum_i x[i, j] y[i, j] over the rows of chunk k, `chunk` rows of `cols` elements: - c where `minus_c`,
// - the sum where `minus`.   docs/protocols.md 1.1
// A workgroup has a sum: its threads take every GROUP-th row, as a chunk may have more rows than software Vulkan lets one loop have
// (65,535).
struct Params { cols: u32, chunk: u32, minus_c: u32, minus: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> c: array<Ring>;
@group(0) @binding(2) var<storage, read> x: array<Ring>;
@group(0) @binding(3) var<storage, read> y: array<Ring>;
@group(0) @binding(4) var<storage, read_write> out: array<Ring>;

var<workgroup> sums: array<Ring, GROUP>;

fn signed(minus: u32, v: Ring) -> Ring { return select(v, r_sub(r_from(0u, 0u), v), minus == 1u); }

@compute @workgroup_size(GROUP)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>
) {
    let at = group.x + group.y * groups.x;
    let first = at / p.cols * p.chunk;
    let rows = min(arrayLength(&x) / p.cols, first + p.chunk);
    var sum = r_from(0u, 0u);
    for (var row = first + local; row < rows; row += GROUP) {
        let i = row * p.cols + at % p.cols;
        sum = r_add(sum, r_mul(x[i], y[i]));
    }
    sums[local] = sum;
    for (var width = GROUP / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if local < width { sums[local] = r_add(sums[local], sums[local + width]); }
    }
    if local == 0u && at < arrayLength(&out) { out[at] = r_add(signed(p.minus_c, c[at]), signed(p.minus, sums[0])); }
}
