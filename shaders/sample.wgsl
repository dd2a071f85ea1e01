// out = kept[..held], and behind it y[e] - minus z[e'] mod 2^32 or 2^64, e = at + i stride for i = 0, 1, ..; e' is `turn` columns
// further in e's row of `cols`.   docs/protocols.md 3.7
struct Params { held: u32, at: u32, stride: u32, cols: u32, turn: u32, minus: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> kept: array<Ring>;
@group(0) @binding(2) var<storage, read> y: array<Ring>;
@group(0) @binding(3) var<storage, read> z: array<Ring>;
@group(0) @binding(4) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    if i < p.held {
        out[i] = kept[i];
        return;
    }
    let e = p.at + (i - p.held) * p.stride;
    let column = e % p.cols;
    let other = e - column + (column + p.turn) % p.cols;
    out[i] = r_sub(y[e], r_mul(r_from(p.minus, 0u), z[other]));
}
