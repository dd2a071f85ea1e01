// Tiles of TILE x TILE outputs of a matrix product, in registers: no loop and no array, so that every value has a register.
// 4 x 4: of the layouts tried on software Vulkan (one output, 16 x 16 and 64 x 64 shared) 2 to 10 times the fastest.
struct Row { x: Ring, y: Ring, z: Ring, w: Ring }
struct Tile { x: Row, y: Row, z: Row, w: Row }
struct Corner { i: u32, j: u32 }

// Upper left output of tile `t` of a matrix of n columns; tiles are counted along the rows.
fn tile(t: u32, n: u32) -> Corner {
    let across = (n + TILE - 1u) / TILE;
    return Corner((t / across) * TILE, (t % across) * TILE);
}

// Indices i .. i + 3, none past the last of `len`.
fn edge(i: u32, len: u32) -> vec4<u32> { return min(vec4(i) + vec4(0u, 1u, 2u, 3u), vec4(len - 1u)); }

fn zero_tile() -> Tile {
    let z = r_from(0u, 0u);
    let row = Row(z, z, z, z);
    return Tile(row, row, row, row);
}

fn negated(x: Row) -> Row {
    let z = r_from(0u, 0u);
    return Row(r_sub(z, x.x), r_sub(z, x.y), r_sub(z, x.z), r_sub(z, x.w));
}

fn axpy(acc: Row, a: Ring, b: Row) -> Row {
    return Row(
        r_add(acc.x, r_mul(a, b.x)), r_add(acc.y, r_mul(a, b.y)),
        r_add(acc.z, r_mul(a, b.z)), r_add(acc.w, r_mul(a, b.w)));
}

// acc + a b of a column a and a row b.
fn outer(acc: Tile, a: Row, b: Row) -> Tile {
    return Tile(axpy(acc.x, a.x, b), axpy(acc.y, a.y, b), axpy(acc.z, a.z, b), axpy(acc.w, a.w, b));
}
