// Between the words of a kernel, and its threads.

fn wide(x: Ring) -> Wide { return w_from(r_lo(x), r_hi(x)); }
fn x_wide(x: X) -> Wide { return w_from(x_lo(x), x_hi(x)); }
fn low(x: Wide) -> Ring { return r_from(w_lo(x), w_hi(x)); }

// Number of this thread in the grid, whose lines hold `groups.x` workgroups of GROUP threads.
fn thread(id: vec3<u32>, groups: vec3<u32>) -> u32 { return id.x + id.y * groups.x * GROUP; }
