//! The table of all kernels: `NAME = "file.wgsl" by threads, Params, [inputs] => output, body;`
//!
//! The body is a generic function in [`twin`](super::twin) that takes the parameters, the inputs and the output as slices.
//! `by threads` names the number of threads that the file takes, where it is not one per element of the output.

use bytemuck::{Pod, Zeroable};

use super::fast::split::at_level;
use super::twin::{compare, convolution, linear, pack, pool, prg, range, rescale, select, softmax, winner};
use super::{GROUP, Kernel, Operand, Params, TILE, Word};

/// The next input, as elements.
fn next<'a, T: Pod>(inputs: &mut std::slice::Iter<'_, &'a [u8]>) -> &'a [T] {
    bytemuck::cast_slice(inputs.next().expect("a kernel gets the operands of its row"))
}

macro_rules! element {
    (Raw, $w:ident) => {
        u32
    };
    (Ring, $w:ident) => {
        $w
    };
    (Wide, $w:ident) => {
        u64
    };
}

macro_rules! threads {
    ($params:ident, $len:ident) => {
        $len
    };
    ($params:ident, $len:ident, $threads:path) => {
        $threads($params, $len)
    };
}

macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident = $file:literal $(by $threads:path)?, $params:ty, [$($input:ident),*] => $output:ident, $module:ident :: $body:ident;)*) => {
        $($(#[$doc])*
        pub static $name: Kernel = {
            fn body<W: Word>(params: &[u32], inputs: &[&[u8]], out: &mut [u8]) {
                at_level(#[inline(always)] move || {
                    // moved, so that this is no more than FnOnce: others are called by a shim that is not inlined
                    let out = out;
                    let params: &$params = bytemuck::from_bytes(bytemuck::cast_slice(params));
                    let mut inputs = inputs.iter();
                    $module::$body::<W>(params, $(next::<element!($input, W)>(&mut inputs),)* bytemuck::cast_slice_mut::<u8, element!($output, W)>(out));
                });
            }
            fn threads(params: &[u32], len: usize) -> usize {
                let _params: &$params = bytemuck::from_bytes(bytemuck::cast_slice(params));
                threads!(_params, len $(, $threads)?)
            }
            Kernel {
                name: stringify!($body),
                wgsl: include_str!(concat!("../../shaders/", $file)),
                params: <$params as Params>::FIELDS,
                inputs: &[$(Operand::$input),*],
                output: Operand::$output,
                threads,
                cpu: [body::<u32>, body::<u64>],
            }
        };)*

        /// Every kernel.
        pub static KERNELS: &[&Kernel] = &[$(&$name),*];
    };
}

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
    /// Of [`ADD_ROW`].
    AddRowParams { cols }
    /// Of [`AND_ALL`].
    AndAllParams { inputs, flips, first }
    /// Of [`BELOW_MAX`].
    BelowMaxParams { classes, wire, bits, cut, first, up }
    /// Of [`CHACHA`].
    ChachaParams { stream_lo, stream_hi }
    /// Of [`CHACHA_ROWS`].
    ChachaRowsParams { stream_lo, stream_hi, stride, blocks }
    /// Of [`COMBINE`].
    CombineParams { kx_lo, kx_hi, ky_lo, ky_hi }
    /// Of [`COMPARE_ASK`].
    CompareParams { k, first, more }
    /// Of [`CONCAT`].
    ConcatParams { first }
    /// Of [`CORRECT`].
    CorrectParams { len, bits }
    /// Of [`EXP`].
    ExpParams { frac, up }
    /// Of [`EXTEND`].
    ExtendParams { wire, ring, first }
    /// Of [`GATHER_ROWS`].
    GatherParams { stride, base }
    /// Of [`HITS`].
    HitsParams { ring, first }
    /// Of [`KEEP`].
    KeepParams { len }
    /// Of [`MASK`].
    MaskParams { in_bits, cut, up, out_bits, offset }
    /// Of [`MATMUL_PAIR`].
    MatmulParams { m, k, n, ta, tb }
    /// Of [`MERGE`].
    MergeParams { bits, at }
    /// Of [`NARROW`].
    NarrowParams { cut, up, bits }
    /// Of kernels that need none.
    NoParams { none }
    /// Of [`PACK`].
    PackParams { bits }
    /// Of [`PAIR_WINDOWS`].
    PairParams { rows, classes, bits, low, k, add_lo, add_hi }
    /// Of [`CONVOLVE`], [`CORRELATE`] and [`BOX_SUM`]: the patches, then what is done with them.
    PatchParams { batch, height, width, channels, rows, columns, kernel_rows, kernel_columns, times_y, times_x, pad_y, pad_x, gap_y, gap_x, dilation_y, dilation_x, outputs, back, minus_c, minus }
    /// Of [`PICK`].
    PickParams { bits, first }
    /// Of [`PROBABILITY`].
    ProbabilityParams { classes, ring, bits, first, up }
    /// Of [`RECIPROCAL`].
    ReciprocalParams { log_knots, bits, up }
    /// Of [`RESCALE`].
    RescaleParams { bits, scale, shift, times, first, up, peer_at }
    /// Of [`ROW_SUM`].
    RowSumParams { classes, up }
    /// Of [`SAMPLE`].
    SampleParams { held, at, stride, cols, turn, minus }
    /// Of [`SELECT`].
    SelectParams { wire, ring, first }
    /// Of [`SHARE_BITS`].
    ShareBitsParams { ring, first }
    /// Of [`SUM_ROWS`].
    SumRowsParams { cols, shift }
    /// Of [`UNPACK`].
    UnpackParams { bits, at }
    /// Of [`UNPACK_ROWS`].
    UnpackRowsParams { cols, bits, stride }
    /// Of [`WINDOW`].
    WindowParams { bits, low, k, add_lo, add_hi }
    /// Of [`WINNER`].
    WinnerParams { rows, classes, first }
    /// Of [`XOR`].
    XorParams { a_at, b_at }
}

impl ChachaParams {
    /// Blocks of 16 words that `len` words take.
    fn blocks(&self, len: usize) -> usize {
        len.div_ceil(16)
    }
}

impl ChachaRowsParams {
    /// Blocks that rows of `len` words in all take.
    fn blocks(&self, len: usize) -> usize {
        let stride = self.stride as usize;
        len / stride * stride.div_ceil(16)
    }
}

impl MatmulParams {
    /// Tiles of the product, for any number of words.
    fn tiles(&self, _len: usize) -> usize {
        self.m.div_ceil(TILE) as usize * self.n.div_ceil(TILE) as usize
    }
}

impl PatchParams {
    /// Tiles of a convolution, for any number of words.
    fn position_tiles(&self, _len: usize) -> usize {
        (self.batch * self.rows * self.columns).div_ceil(TILE) as usize * self.outputs.div_ceil(TILE) as usize
    }

    /// Threads of workgroups with a tile of a filter's gradient each, for any number of words.
    fn tap_groups(&self, _len: usize) -> usize {
        let taps = self.kernel_rows * self.kernel_columns * self.channels;
        taps.div_ceil(TILE) as usize * self.outputs.div_ceil(TILE) as usize * GROUP as usize
    }
}

impl SumRowsParams {
    /// Threads of workgroups with a column each.
    fn groups(&self, len: usize) -> usize {
        len * GROUP as usize
    }
}

kernels! {
    /// `out[i, j] = z[i, j] + b[j]`.
    ADD_ROW = "add_row.wgsl", AddRowParams, [Ring, Ring] => Ring, linear::add_row;
    /// `out = a & b`.
    AND = "and.wgsl", NoParams, [Raw, Raw] => Raw, pack::and;
    /// The AND of opened secret bits.
    AND_ALL = "and_all.wgsl", AndAllParams, [Raw, Raw, Raw] => Raw, pool::and_all;
    /// A row's distance to its largest element.
    BELOW_MAX = "below_max.wgsl", BelowMaxParams, [Ring, Ring, Raw, Raw] => Ring, softmax::below_max;
    /// Sums of the taps of patches, by channel.
    BOX_SUM = "box_sum.wgsl", PatchParams, [Ring] => Ring, convolution::box_sum;
    /// The first words of a key stream.
    CHACHA = "chacha.wgsl" by ChachaParams::blocks, ChachaParams, [Raw] => Raw, prg::chacha;
    /// Words of a key stream by row.
    CHACHA_ROWS = "chacha_rows.wgsl" by ChachaRowsParams::blocks, ChachaRowsParams, [Raw, Raw] => Raw, prg::chacha_rows;
    /// `out = kx x + ky y`.
    COMBINE = "combine.wgsl", CombineParams, [Ring, Ring] => Ring, linear::combine;
    /// `out = kx x + ky y` in `Z_2^64`.
    COMBINE_WIDE = "combine.wgsl", CombineParams, [Wide, Wide] => Wide, linear::combine_wide;
    /// Table lookups of a comparison, masked.
    COMPARE_ASK = "compare_ask.wgsl", CompareParams, [Ring, Raw, Raw] => Raw, compare::compare_ask;
    /// Sign bits from the opened planes of a comparison.
    COMPARE_TELL = "compare_tell.wgsl", CompareParams, [Ring, Raw, Raw, Raw, Raw, Raw] => Raw, compare::compare_tell;
    /// `a` and behind it `b`.
    CONCAT = "concat.wgsl", ConcatParams, [Raw, Raw] => Raw, pack::concat;
    /// `out = +-c +- patches(x) w`.
    CONVOLVE = "convolve.wgsl" by PatchParams::position_tiles, PatchParams, [Ring, Ring, Ring] => Ring, convolution::convolve;
    /// Packed correction of ring elements.
    CORRECT = "correct.wgsl", CorrectParams, [Ring, Raw] => Raw, select::correct;
    /// Packed correction of bits.
    CORRECT_BITS = "correct_bits.wgsl", CorrectParams, [Raw, Raw] => Raw, select::correct_bits;
    /// Corrections of [`AND_ALL`].
    DEAL_AND_ALL = "deal_and_all.wgsl", AndAllParams, [Raw, Raw] => Raw, pool::deal_and_all;
    /// Corrections of [`BELOW_MAX`].
    DEAL_BELOW_MAX = "deal_below_max.wgsl", BelowMaxParams, [Ring, Raw, Raw] => Raw, softmax::deal_below_max;
    /// `out = +-c +- patches(x)^T y`.
    CORRELATE = "correlate.wgsl" by PatchParams::tap_groups, PatchParams, [Ring, Ring, Ring] => Ring, convolution::correlate;
    /// Tables and products of a comparison.
    DEAL_COMPARE = "deal_compare.wgsl", CompareParams, [Ring, Raw, Raw, Raw] => Raw, compare::deal_compare;
    /// Tables of [`EXP`].
    DEAL_EXP = "deal_exp.wgsl", ExpParams, [Ring, Wide, Raw] => Raw, softmax::deal_exp;
    /// Corrections of [`EXTEND`].
    DEAL_EXTEND = "deal_extend.wgsl", ExtendParams, [Ring, Raw] => Raw, select::deal_extend;
    /// Corrections of [`HITS`].
    DEAL_HITS = "deal_hits.wgsl", HitsParams, [Ring, Raw, Raw] => Raw, select::deal_hits;
    /// Corrections of [`PICK`].
    DEAL_PICK = "deal_pick.wgsl", PickParams, [Ring, Ring, Raw, Raw] => Raw, pool::deal_pick;
    /// Corrections of [`PROBABILITY`].
    DEAL_PROBABILITY = "deal_probability.wgsl", ProbabilityParams, [Ring, Ring, Raw] => Raw, softmax::deal_probability;
    /// Tables of [`RECIPROCAL`].
    DEAL_RECIPROCAL = "deal_reciprocal.wgsl", ReciprocalParams, [Ring, Wide, Raw] => Raw, softmax::deal_reciprocal;
    /// Corrections of [`RESCALE`].
    DEAL_RESCALE = "deal_rescale.wgsl", CorrectParams, [Raw, Raw, Raw] => Raw, rescale::deal_rescale;
    /// Corrections of [`SELECT`].
    DEAL_SELECT = "deal_select.wgsl", SelectParams, [Ring, Raw, Raw] => Raw, select::deal_select;
    /// Corrections of [`WINNER`].
    DEAL_WINNER = "deal_winner.wgsl", WinnerParams, [Raw, Raw] => Raw, winner::deal_winner;
    /// `e^d` from rotated tables.
    EXP = "exp.wgsl", ExpParams, [Ring, Wide, Raw] => Ring, softmax::exp;
    /// A wire's share in the ring.
    EXTEND = "extend.wgsl", ExtendParams, [Ring, Ring, Raw] => Ring, select::extend;
    /// Rows of a block.
    GATHER_ROWS = "gather_rows.wgsl", GatherParams, [Raw, Raw] => Raw, pack::gather_rows;
    /// `sum_i w_i L_i`.
    HITS = "hits.wgsl", HitsParams, [Raw, Ring, Ring, Raw] => Ring, select::hits;
    /// Ring elements where public bits are 1, else 0.
    KEEP = "keep.wgsl", KeepParams, [Ring, Raw] => Ring, linear::keep;
    /// What is opened of a ring element.
    MASK = "mask.wgsl", MaskParams, [Ring, Ring] => Raw, pack::mask;
    /// What is opened of a 64-bit value.
    MASK_WIDE = "mask.wgsl", MaskParams, [Wide, Ring] => Raw, pack::mask_wide;
    /// `out = op(a) op(b) - c`.
    MATMUL_MINUS = "matmul_minus.wgsl" by MatmulParams::tiles, MatmulParams, [Ring, Ring, Ring] => Ring, linear::matmul_minus;
    /// `out = c + op(a1) op(b1) - op(a2) op(b2)`.
    MATMUL_PAIR = "matmul_pair.wgsl" by MatmulParams::tiles, MatmulParams, [Ring, Ring, Ring, Ring, Ring] => Ring, linear::matmul_pair;
    /// An opened value from its two halves.
    MERGE = "merge.wgsl", MergeParams, [Raw, Raw] => Ring, pack::merge;
    /// A 64-bit share, cut into the ring.
    NARROW = "narrow.wgsl", NarrowParams, [Wide] => Ring, linear::narrow;
    /// Ring elements, packed.
    PACK = "pack_ring.wgsl", PackParams, [Ring] => Raw, pack::pack_ring;
    /// Windows of the differences of all pairs of a row.
    PAIR_WINDOWS = "pair_windows.wgsl", PairParams, [Ring] => Ring, compare::pair_windows;
    /// Of two wires the one that a secret bit picks.
    PICK = "pick.wgsl", PickParams, [Ring, Ring, Ring, Ring, Raw, Raw] => Ring, pool::pick;
    /// `e / S`.
    PROBABILITY = "probability.wgsl", ProbabilityParams, [Ring, Ring, Ring, Ring, Raw] => Ring, softmax::probability;
    /// `1 / S` from rotated tables.
    RECIPROCAL = "reciprocal.wgsl", ReciprocalParams, [Ring, Raw] => Ring, softmax::reciprocal;
    /// A ring share in `Z_2^64`, scaled.
    RESCALE = "rescale.wgsl", RescaleParams, [Ring, Raw, Raw, Raw, Raw] => Wide, rescale::rescale;
    /// Padded top bits of ring shares.
    RESCALE_ASK = "rescale_ask.wgsl", RescaleParams, [Ring, Raw] => Raw, rescale::rescale_ask;
    /// Padded top bits of 64-bit shares.
    RESCALE_ASK_WIDE = "rescale_ask.wgsl", RescaleParams, [Wide, Raw] => Raw, rescale::rescale_ask_wide;
    /// A 64-bit share, scaled.
    RESCALE_WIDE = "rescale.wgsl", RescaleParams, [Wide, Raw, Raw, Raw, Raw] => Wide, rescale::rescale_wide;
    /// Sums of rows of exponentials.
    ROW_SUM = "row_sum.wgsl", RowSumParams, [Ring] => Ring, softmax::row_sum;
    /// Some elements of a wire, or differences of them, behind those that are kept.
    SAMPLE = "sample.wgsl", SampleParams, [Ring, Ring, Ring] => Ring, range::sample;
    /// A wire times a secret bit.
    SELECT = "select.wgsl", SelectParams, [Ring, Ring, Raw, Raw, Raw] => Ring, select::select;
    /// Opened secret bits as shares of the ring.
    SHARE_BITS = "share_bits.wgsl", ShareBitsParams, [Raw, Raw] => Ring, select::share_bits;
    /// `out[j] = 2^shift sum_i x[i, j]`.
    SUM_ROWS = "sum_rows.wgsl" by SumRowsParams::groups, SumRowsParams, [Ring] => Ring, linear::sum_rows;
    /// Packed elements as ring elements.
    UNPACK = "unpack.wgsl", UnpackParams, [Raw] => Ring, pack::unpack;
    /// Rows of packed elements as ring elements.
    UNPACK_ROWS = "unpack_rows.wgsl", UnpackRowsParams, [Raw] => Ring, pack::unpack_rows;
    /// The bits of a wire that a comparison looks at.
    WINDOW = "window.wgsl", WindowParams, [Ring] => Ring, compare::window;
    /// Windows of the differences of two wires.
    WINDOW_DIFFERENCE = "window_difference.wgsl", WindowParams, [Ring, Ring] => Ring, pool::window_difference;
    /// The largest of every row, as bits.
    WINNER = "winner.wgsl", WinnerParams, [Raw, Raw, Raw] => Raw, winner::winner;
    /// `out = a ^ b`.
    XOR = "xor.wgsl", XorParams, [Raw, Raw] => Raw, pack::xor;
}
