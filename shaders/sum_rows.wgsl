// out[j] = 2^shift sum_i x[i, j], `cols` elements a row. A workgroup has a column: its threads take every GROUP-th row, as a column
// of a convolution's outputs has more rows than software Vulkan lets one loop have (65,535).
struct Params { cols: u32, shift: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<Ring>;
@group(0) @binding(2) var<storage, read_write> out: array<Ring>;

var<workgroup> sums: array<Ring, GROUP>;

@compute @workgroup_size(GROUP)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>
) {
    let j = group.x + group.y * groups.x;
    let len = arrayLength(&x);
    var sum = r_from(0u, 0u);
    for (var i = local * p.cols + j; i < len; i += GROUP * p.cols) { sum = r_add(sum, x[i]); }
    sums[local] = sum;
    for (var width = GROUP / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if local < width { sums[local] = r_add(sums[local], sums[local + width]); }
    }
    if local == 0u && j < arrayLength(&out) { out[j] = r_shl(sums[0], p.shift); }
}
