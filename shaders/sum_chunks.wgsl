// out[k, j] = sum_i x[i, j] over the rows of chunk k, `chunk` rows of `cols` elements.
// A workgroup has a sum: its threads take every GROUP-th row, as a chunk may have more rows than software Vulkan lets one loop have
// (65,535).
struct Params { cols: u32, chunk: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read_write> out: array<X>;

var<workgroup> sums: array<X, GROUP>;

@compute @workgroup_size(GROUP)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>
) {
    let at = group.x + group.y * groups.x;
    let first = at / p.cols * p.chunk;
    let rows = min(arrayLength(&x) / p.cols, first + p.chunk);
    var sum = x_from(0u, 0u);
    for (var row = first + local; row < rows; row += GROUP) { sum = x_add(sum, x[row * p.cols + at % p.cols]); }
    sums[local] = sum;
    for (var width = GROUP / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if local < width { sums[local] = x_add(sums[local], sums[local + width]); }
    }
    if local == 0u && at < arrayLength(&out) { out[at] = sums[0]; }
}
