// Patches of images [batch, height, width, channels], as rows of a matrix with a column per tap.   docs/protocols.md 1.1
// Tap (ky, kx) of position (y, x) lies at ((y times + ky dilation - padding) / gap, ..) of the image, where those are whole numbers in it.
struct Patches {
    batch: u32, height: u32, width: u32, channels: u32, rows: u32, columns: u32, kernel_rows: u32, kernel_columns: u32,
    times_y: u32, times_x: u32, pad_y: u32, pad_x: u32, gap_y: u32, gap_x: u32, dilation_y: u32, dilation_x: u32,
}

// Where taps of four patches lie: the index of their channel 0, and whether there is one.
struct Taps { at: vec4<u32>, inside: vec4<bool> }

fn taps(g: Patches, image: vec4<u32>, y: vec4<u32>, x: vec4<u32>, ky: vec4<u32>, kx: vec4<u32>) -> Taps {
    // what lies before the image wraps to numbers beyond it
    let sy = y * g.times_y + ky * g.dilation_y - vec4(g.pad_y);
    let sx = x * g.times_x + kx * g.dilation_x - vec4(g.pad_x);
    let gap_y = vec4(g.gap_y);
    let gap_x = vec4(g.gap_x);
    let in_y = (sy % gap_y == vec4(0u)) & (sy / gap_y < vec4(g.height)) & (sy < vec4(0x80000000u));
    let in_x = (sx % gap_x == vec4(0u)) & (sx / gap_x < vec4(g.width)) & (sx < vec4(0x80000000u));
    let inside = in_y & in_x;
    let at = ((image * g.height + sy / gap_y) * g.width + sx / gap_x) * g.channels;
    return Taps(select(vec4(0u), at, inside), inside);
}
