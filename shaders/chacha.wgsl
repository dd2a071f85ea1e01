// out = the first words of the stream `stream` of the key, 16 words (a block) per thread.
struct Params { stream_lo: u32, stream_hi: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> key: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;

fn store(at: u32, x: vec4<u32>) {
    let len = arrayLength(&out);
    if at < len { out[at] = x.x; }
    if at + 1u < len { out[at + 1u] = x.y; }
    if at + 2u < len { out[at + 2u] = x.z; }
    if at + 3u < len { out[at + 3u] = x.w; }
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let block = thread(id, groups);
    let at = block * 16u;
    if at >= arrayLength(&out) { return; }
    let k0 = vec4(key[0], key[1], key[2], key[3]);
    let k1 = vec4(key[4], key[5], key[6], key[7]);
    let s = chacha_block(k0, k1, block, p.stream_lo, p.stream_hi);
    store(at, s.a);
    store(at + 4u, s.b);
    store(at + 8u, s.c);
    store(at + 12u, s.d);
}
