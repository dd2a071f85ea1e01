//! Parameters of the kernels: `u32` fields in the order of the WGSL struct `Params`.

use bytemuck::{Pod, Zeroable};

use super::{GROUP, Params, TILE};

macro_rules! params {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),* })*) => { $(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Pod, Zeroable)]
        #[expect(missing_docs, reason = "the kernel's formula names the fields")]
        pub struct $name { $(pub $field: u32),* }

        impl Params for $name {
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
        }
    )* };
}

params! {
    /// Of `ADD_ROW`.
    AddRowParams { cols }
    /// Of `AND_ALL`.
    AndAllParams { inputs, flips, first }
    /// Of `BELOW_MAX`.
    BelowMaxParams { classes, wire, bits, cut, first, up }
    /// Of `CHACHA`.
    ChachaParams { stream_lo, stream_hi }
    /// Of `CHACHA_ROWS`.
    ChachaRowsParams { stream_lo, stream_hi, stride, blocks }
    /// Of `COMBINE`.
    CombineParams { kx_lo, kx_hi, ky_lo, ky_hi }
    /// Of `COMPARE_ASK`.
    CompareParams { k, first, more }
    /// Of `CONCAT`.
    ConcatParams { first }
    /// Of `CORRECT_BITS`.
    CorrectParams { len, bits }
    /// Of `DOT`.
    DotParams { cols, chunk, minus_c, minus }
    /// Of `EXP`.
    ExpParams { frac, up }
    /// Of `EXTEND`.
    ExtendParams { wire, ring, first }
    /// Of `GATHER_ROWS`.
    GatherParams { stride, base }
    /// Of `HITS`.
    HitsParams { ring, first }
    /// Of `KEEP`.
    KeepParams { len }
    /// Of `MASK`.
    MaskParams { in_bits, cut, up, out_bits, offset }
    /// Of `MATMUL_PAIR`.
    MatmulParams { m, k, n, ta, tb }
    /// Of `MERGE`.
    MergeParams { bits, at }
    /// Of `NARROW`.
    NarrowParams { cut, up, bits }
    /// Of kernels that need none.
    NoParams { none }
    /// Of `PACK`.
    PackParams { bits }
    /// Of `PAIR_WINDOWS`.
    PairParams { rows, classes, bits, low, k, add_lo, add_hi }
    /// Of `CONVOLVE`, `CORRELATE` and `BOX_SUM`: the patches, then what is done with them.
    PatchParams {
        batch, height, width, channels, rows, columns, kernel_rows, kernel_columns, times_y, times_x, pad_y, pad_x, gap_y, gap_x,
        dilation_y, dilation_x, outputs, back, minus_c, minus
    }
    /// Of `PICK`.
    PickParams { bits, first }
    /// Of `PROBABILITY`.
    ProbabilityParams { classes, ring, bits, first, up }
    /// Of `RECIPROCAL`.
    ReciprocalParams { log_knots, bits, up }
    /// Of `RESCALE`.
    RescaleParams { bits, scale, shift, times, first, up, peer_at }
    /// Of `ROW_SUM`.
    RowSumParams { classes, up }
    /// Of `SAMPLE`.
    SampleParams { held, at, stride, cols, turn, minus }
    /// Of `SCALE`.
    ScaleParams { step, minus_c, minus }
    /// Of `SELECT`.
    SelectParams { wire, ring, first }
    /// Of `SHARE_BITS`.
    ShareBitsParams { ring, first }
    /// Of `SUM_CHUNKS`.
    SumChunksParams { cols, chunk }
    /// Of `SUM_ROWS`.
    SumRowsParams { cols, shift }
    /// Of `UNPACK`.
    UnpackParams { bits, at }
    /// Of `UNPACK_ROWS`.
    UnpackRowsParams { cols, bits, stride }
    /// Of `WINDOW`.
    WindowParams { bits, low, k, add_lo, add_hi }
    /// Of `WINNER`.
    WinnerParams { rows, classes, first }
    /// Of `XOR`.
    XorParams { a_at, b_at }
}

impl ChachaParams {
    /// Blocks of 16 words that `len` words take.
    pub(super) fn blocks(&self, len: usize) -> usize {
        len.div_ceil(16)
    }
}

impl ChachaRowsParams {
    /// Blocks that rows of `len` words in all take.
    pub(super) fn blocks(&self, len: usize) -> usize {
        let stride = self.stride as usize;
        len / stride * stride.div_ceil(16)
    }
}

impl MatmulParams {
    /// Sizes `[m, k, n]`.
    pub(super) fn sizes(&self) -> [usize; 3] {
        [self.m as usize, self.k as usize, self.n as usize]
    }

    /// Which factors are stored transposed.
    pub(super) fn transposed(&self) -> [bool; 2] {
        [self.ta == 1, self.tb == 1]
    }

    /// Tiles of the product, for any number of words.
    pub(super) fn tiles(&self, _len: usize) -> usize {
        self.m.div_ceil(TILE) as usize * self.n.div_ceil(TILE) as usize
    }
}

impl PatchParams {
    /// Tiles of a convolution, for any number of words.
    pub(super) fn position_tiles(&self, _len: usize) -> usize {
        (self.batch * self.rows * self.columns).div_ceil(TILE) as usize * self.outputs.div_ceil(TILE) as usize
    }

    /// Threads of workgroups with a tile of a filter's gradient each, for any number of words.
    pub(super) fn tap_groups(&self, _len: usize) -> usize {
        let taps = self.kernel_rows * self.kernel_columns * self.channels;
        taps.div_ceil(TILE) as usize * self.outputs.div_ceil(TILE) as usize * GROUP as usize
    }
}

impl DotParams {
    /// Threads of workgroups with a sum each.
    pub(super) fn groups(&self, len: usize) -> usize {
        len * GROUP as usize
    }
}

impl SumChunksParams {
    /// Threads of workgroups with a sum each.
    pub(super) fn groups(&self, len: usize) -> usize {
        len * GROUP as usize
    }
}

impl SumRowsParams {
    /// Threads of workgroups with a column each.
    pub(super) fn groups(&self, len: usize) -> usize {
        len * GROUP as usize
    }
}
