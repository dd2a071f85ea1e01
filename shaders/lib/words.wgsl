// Between the two words of a kernel, and what is built from a word's own functions.

fn wide(x: Ring) -> Wide { return w_from(r_lo(x), r_hi(x)); }
fn low(x: Wide) -> Ring { return r_from(w_lo(x), w_hi(x)); }

// x / 2^k rounded up, without the overflow of x + 2^k - 1.
fn r_shr_up(x: Ring, k: u32) -> Ring { return r_add(r_shr(x, k), r_from(u32(r_any(r_and(x, r_ones(k)))), 0u)); }
fn w_shr_up(x: Wide, k: u32) -> Wide { return w_add(w_shr(x, k), w_from(u32(w_any(w_and(x, w_ones(k)))), 0u)); }

// Number of this thread in the grid, whose lines hold `groups.x` workgroups of GROUP threads.
fn thread(id: vec3<u32>, groups: vec3<u32>) -> u32 { return id.x + id.y * groups.x * GROUP; }
