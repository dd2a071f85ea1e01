// out[i, j] = word j of the stream `stream` of the key from block index[i] blocks on, `stride` words a row; a block per thread.
struct Params { stream_lo: u32, stream_hi: u32, stride: u32, blocks: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> key: array<u32>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

fn store(at: u32, end: u32, x: vec4<u32>) {
    if at < end { out[at] = x.x; }
    if at + 1u < end { out[at + 1u] = x.y; }
    if at + 2u < end { out[at + 2u] = x.z; }
    if at + 3u < end { out[at + 3u] = x.w; }
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let t = thread(id, groups);
    let across = (p.stride + 15u) / 16u;
    let row = t / across;
    let block = t % across;
    let end = (row + 1u) * p.stride;
    if end > arrayLength(&out) { return; }
    let at = row * p.stride + block * 16u;
    let k0 = vec4(key[0], key[1], key[2], key[3]);
    let k1 = vec4(key[4], key[5], key[6], key[7]);
    let s = chacha_block(k0, k1, index[row] * p.blocks + block, p.stream_lo, p.stream_hi);
    store(at, end, s.a);
    store(at + 4u, end, s.b);
    store(at + 8u, end, s.c);
    store(at + 12u, end, s.d);
}
