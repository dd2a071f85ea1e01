// out = for every subset S of two or more of the inputs, ascending as bit masks, a plane: share0 ^ the AND over S of the masks'
// planes: the corrections of `and_all`.   docs/protocols.md 3.4
struct Params { inputs: u32, flips: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> masks: array<u32>;
@group(0) @binding(2) var<storage, read> share0: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = thread(id, groups);
    if at >= arrayLength(&out) { return; }
    let w = arrayLength(&masks) / p.inputs;
    let s = subset_at(at / w);
    var product = 0xffffffffu;
    for (var i = 0u; i < p.inputs; i += 1u) { product &= masks[i * w + at % w] | (((s >> i) & 1u) - 1u); }
    out[at] = product ^ share0[at];
}
