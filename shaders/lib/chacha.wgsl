// ChaCha12, a block of 16 words: the four rows of the state.   D. J. Bernstein, "ChaCha, a variant of Salsa20", 2008.
struct Block { a: vec4<u32>, b: vec4<u32>, c: vec4<u32>, d: vec4<u32> }

fn rotl(x: vec4<u32>, k: u32) -> vec4<u32> { return (x << vec4(k)) | (x >> vec4(32u - k)); }

// Quarter rounds on the four columns at once.
fn chacha_columns(s: Block) -> Block {
    var t = s;
    t.a += t.b; t.d = rotl(t.d ^ t.a, 16u);
    t.c += t.d; t.b = rotl(t.b ^ t.c, 12u);
    t.a += t.b; t.d = rotl(t.d ^ t.a, 8u);
    t.c += t.d; t.b = rotl(t.b ^ t.c, 7u);
    return t;
}

fn chacha_double_round(s: Block) -> Block {
    let t = chacha_columns(s);
    let u = chacha_columns(Block(t.a, t.b.yzwx, t.c.zwxy, t.d.wxyz));
    return Block(u.a, u.b.wxyz, u.c.zwxy, u.d.yzwx);
}

// Block `block` of the stream (lo, hi) of the key (k0, k1); word 13 is 0: the block counter has 32 bits.
fn chacha_block(k0: vec4<u32>, k1: vec4<u32>, block: u32, lo: u32, hi: u32) -> Block {
    let start = Block(vec4(0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u), k0, k1, vec4(block, 0u, lo, hi));
    let s1 = chacha_double_round(chacha_double_round(start));
    let s2 = chacha_double_round(chacha_double_round(s1));
    let s = chacha_double_round(chacha_double_round(s2));
    return Block(s.a + start.a, s.b + start.b, s.c + start.c, s.d + start.d);
}
