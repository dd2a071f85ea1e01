// out[i] = (mine[i] + peer[i]) mod 2^bits: an opened value from its two packed halves; the peer's begins at word `at`.
struct Params { bits: u32, at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> mine: array<u32>;
@group(0) @binding(2) var<storage, read> peer: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<Ring>;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    if i >= arrayLength(&out) { return; }
    let s = span(0u, i, p.bits);
    let t = span(p.at, i, p.bits);
    let sum = w_add(cut(s, mine[s.a], mine[s.b], mine[s.c]), cut(t, peer[t.a], peer[t.b], peer[t.c]));
    out[i] = low(w_and(sum, w_ones(p.bits)));
}
