//! The table of all kernels: `NAME = "file.wgsl" by threads, Params, [inputs] => output, module::body, fast;`
//!
//! The body is a generic function in [`twin`] that takes the parameters, the inputs and the output as slices; a row
//! that ends in `fast` runs the function of the same name in [`fast`]. `by threads` names the number of threads that
//! the file takes, if it is not one per element of the output.

use bytemuck::Pod;

use super::params::*;
use super::{Kernel, Operand, Params, Word};
use super::{fast, twin};

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

macro_rules! body {
    ($kind:ident, $module:ident::$body:ident, $params:ty, [$($input:ident),*] => $output:ident) => {
        fn $kind<W: Word>(params: &[u32], inputs: &[&[u8]], out: &mut [u8]) {
            let params: &$params = bytemuck::from_bytes(bytemuck::cast_slice(params));
            let mut inputs = inputs.iter();
            $kind::$module::$body::<W>(
                params,
                $(next::<element!($input, W)>(&mut inputs),)*
                bytemuck::cast_slice_mut::<u8, element!($output, W)>(out),
            );
        }
    };
}

macro_rules! fast_body {
    () => {
        None
    };
    ($fast:ident) => {
        Some([$fast::<u32>, $fast::<u64>])
    };
}

macro_rules! operands {
    ([$($input:ident),*]) => {
        &[$(Operand::$input),*]
    };
}

macro_rules! kernels {
    ($(
        $(#[$doc:meta])*
        $name:ident = $file:literal $(by $threads:path)?, $params:ty, $inputs:tt => $output:ident, $module:ident::$body:ident
            $(, $fast:ident)?;
    )*) => {
        $($(#[$doc])*
        pub static $name: Kernel = {
            body!(twin, $module::$body, $params, $inputs => $output);
            $(body!($fast, $module::$body, $params, $inputs => $output);)?
            fn threads(params: &[u32], len: usize) -> usize {
                let _params: &$params = bytemuck::from_bytes(bytemuck::cast_slice(params));
                threads!(_params, len $(, $threads)?)
            }
            Kernel {
                name: stringify!($body),
                wgsl: include_str!(concat!("../../shaders/", $file)),
                params: <$params as Params>::FIELDS,
                inputs: operands!($inputs),
                output: Operand::$output,
                threads,
                twin: [twin::<u32>, twin::<u64>],
                fast: fast_body!($($fast)?),
            }
        };)*

        /// Every kernel.
        pub static KERNELS: &[&Kernel] = &[$(&$name),*];
    };
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
    BOX_SUM = "box_sum.wgsl", PatchParams, [Ring] => Ring, convolution::box_sum, fast;
    /// The first words of a key stream.
    CHACHA = "chacha.wgsl" by ChachaParams::blocks, ChachaParams, [Raw] => Raw, prg::chacha, fast;
    /// Words of a key stream by row.
    CHACHA_ROWS = "chacha_rows.wgsl" by ChachaRowsParams::blocks, ChachaRowsParams, [Raw, Raw] => Raw, prg::chacha_rows, fast;
    /// `out = kx x + ky y`.
    COMBINE = "combine.wgsl", CombineParams, [Ring, Ring] => Ring, linear::combine, fast;
    /// `out = kx x + ky y` in `Z_2^64`.
    COMBINE_WIDE = "combine.wgsl", CombineParams, [Wide, Wide] => Wide, linear::combine_wide, fast;
    /// Table lookups of a comparison, masked.
    COMPARE_ASK = "compare_ask.wgsl", CompareParams, [Ring, Raw, Raw] => Raw, compare::compare_ask, fast;
    /// Sign bits from the opened planes of a comparison.
    COMPARE_TELL = "compare_tell.wgsl", CompareParams, [Ring, Raw, Raw, Raw, Raw, Raw] => Raw, compare::compare_tell, fast;
    /// `a` and behind it `b`.
    CONCAT = "concat.wgsl", ConcatParams, [Raw, Raw] => Raw, pack::concat;
    /// `out = +-c +- patches(x) w`.
    CONVOLVE = "convolve.wgsl" by PatchParams::position_tiles, PatchParams,
        [Ring, Ring, Ring] => Ring, convolution::convolve, fast;
    /// Packed correction of bits.
    CORRECT_BITS = "correct_bits.wgsl", CorrectParams, [Raw, Raw] => Raw, select::correct_bits, fast;
    /// Corrections of [`AND_ALL`].
    DEAL_AND_ALL = "deal_and_all.wgsl", AndAllParams, [Raw, Raw] => Raw, pool::deal_and_all;
    /// Corrections of [`BELOW_MAX`].
    DEAL_BELOW_MAX = "deal_below_max.wgsl", BelowMaxParams, [Ring, Raw, Raw] => Raw, softmax::deal_below_max;
    /// `out = +-c +- patches(x)^T y`.
    CORRELATE = "correlate.wgsl" by PatchParams::tap_groups, PatchParams,
        [Ring, Ring, Ring] => Ring, convolution::correlate, fast;
    /// Tables and products of a comparison.
    DEAL_COMPARE = "deal_compare.wgsl", CompareParams, [Ring, Raw, Raw, Raw] => Raw, compare::deal_compare, fast;
    /// Tables of [`EXP`].
    DEAL_EXP = "deal_exp.wgsl", ExpParams, [Ring, Wide, Raw] => Raw, softmax::deal_exp, fast;
    /// Corrections of [`EXTEND`].
    DEAL_EXTEND = "deal_extend.wgsl", ExtendParams, [Ring, Raw] => Raw, select::deal_extend, fast;
    /// Corrections of [`HITS`].
    DEAL_HITS = "deal_hits.wgsl", HitsParams, [Ring, Raw, Raw] => Raw, select::deal_hits;
    /// Corrections of [`PICK`].
    DEAL_PICK = "deal_pick.wgsl", PickParams, [Ring, Ring, Raw, Raw] => Raw, pool::deal_pick, fast;
    /// Corrections of [`PROBABILITY`].
    DEAL_PROBABILITY = "deal_probability.wgsl", ProbabilityParams, [Ring, Ring, Raw] => Raw, softmax::deal_probability;
    /// Tables of [`RECIPROCAL`].
    DEAL_RECIPROCAL = "deal_reciprocal.wgsl", ReciprocalParams, [Ring, Wide, Raw] => Raw, softmax::deal_reciprocal, fast;
    /// Corrections of [`RESCALE`].
    DEAL_RESCALE = "deal_rescale.wgsl", CorrectParams, [Raw, Raw, Raw] => Raw, rescale::deal_rescale, fast;
    /// Corrections of [`SELECT`].
    DEAL_SELECT = "deal_select.wgsl", SelectParams, [Ring, Raw, Raw] => Raw, select::deal_select, fast;
    /// Corrections of [`WINNER`].
    DEAL_WINNER = "deal_winner.wgsl", WinnerParams, [Raw, Raw] => Raw, winner::deal_winner;
    /// `out[k, j] = +-c[k, j] +- sum_i x[i, j] y[i, j]` over the rows of chunk `k`.
    DOT = "dot.wgsl" by DotParams::groups, DotParams, [Ring, Ring, Ring] => Ring, chunks::dot;
    /// `e^d` from rotated tables.
    EXP = "exp.wgsl", ExpParams, [Ring, Wide, Raw] => Ring, softmax::exp;
    /// A wire's share in the ring.
    EXTEND = "extend.wgsl", ExtendParams, [Ring, Ring, Raw] => Ring, select::extend, fast;
    /// Rows of a block.
    GATHER_ROWS = "gather_rows.wgsl", GatherParams, [Raw, Raw] => Raw, pack::gather_rows;
    /// `sum_i w_i L_i`.
    HITS = "hits.wgsl", HitsParams, [Raw, Ring, Ring, Raw] => Ring, select::hits;
    /// Ring elements where public bits are 1, else 0.
    KEEP = "keep.wgsl", KeepParams, [Ring, Raw] => Ring, linear::keep;
    /// What is opened of a ring element.
    MASK = "mask.wgsl", MaskParams, [Ring, Ring] => Raw, pack::mask, fast;
    /// What is opened of a 64-bit value.
    MASK_WIDE = "mask.wgsl", MaskParams, [Wide, Ring] => Raw, pack::mask_wide, fast;
    /// `out = op(a) op(b) - c`.
    MATMUL_MINUS = "matmul_minus.wgsl" by MatmulParams::tiles, MatmulParams,
        [Ring, Ring, Ring] => Ring, linear::matmul_minus, fast;
    /// `out = c + op(a1) op(b1) - op(a2) op(b2)`.
    MATMUL_PAIR = "matmul_pair.wgsl" by MatmulParams::tiles, MatmulParams,
        [Ring, Ring, Ring, Ring, Ring] => Ring, linear::matmul_pair, fast;
    /// An opened value from its two halves.
    MERGE = "merge.wgsl", MergeParams, [Raw, Raw] => Ring, pack::merge, fast;
    /// A 64-bit share, cut into the ring.
    NARROW = "narrow.wgsl", NarrowParams, [Wide] => Ring, linear::narrow, fast;
    /// Ring elements, packed.
    PACK = "pack_ring.wgsl", PackParams, [Ring] => Raw, pack::pack_ring, fast;
    /// Windows of the differences of all pairs of a row.
    PAIR_WINDOWS = "pair_windows.wgsl", PairParams, [Ring] => Ring, compare::pair_windows;
    /// Of two wires the one that a secret bit picks.
    PICK = "pick.wgsl", PickParams, [Ring, Ring, Ring, Ring, Raw, Raw] => Ring, pool::pick, fast;
    /// `e / S`.
    PROBABILITY = "probability.wgsl", ProbabilityParams, [Ring, Ring, Ring, Ring, Raw] => Ring, softmax::probability;
    /// `1 / S` from rotated tables.
    RECIPROCAL = "reciprocal.wgsl", ReciprocalParams, [Ring, Raw] => Ring, softmax::reciprocal;
    /// A ring share in `Z_2^64`, scaled.
    RESCALE = "rescale.wgsl", RescaleParams, [Ring, Raw, Raw, Raw, Raw] => Wide, rescale::rescale, fast;
    /// Padded top bits of ring shares.
    RESCALE_ASK = "rescale_ask.wgsl", RescaleParams, [Ring, Raw] => Raw, rescale::rescale_ask, fast;
    /// Padded top bits of 64-bit shares.
    RESCALE_ASK_WIDE = "rescale_ask.wgsl", RescaleParams, [Wide, Raw] => Raw, rescale::rescale_ask_wide, fast;
    /// A 64-bit share, scaled.
    RESCALE_WIDE = "rescale.wgsl", RescaleParams, [Wide, Raw, Raw, Raw, Raw] => Wide, rescale::rescale_wide, fast;
    /// Sums of rows of exponentials.
    ROW_SUM = "row_sum.wgsl", RowSumParams, [Ring] => Ring, softmax::row_sum;
    /// Some elements of a wire, or differences of them, behind those that are kept.
    SAMPLE = "sample.wgsl", SampleParams, [Ring, Ring, Ring] => Ring, range::sample;
    /// `out[i] = +-c[i] +- x[i] w[i / step]`, again and again.
    SCALE = "scale.wgsl", ScaleParams, [Ring, Ring, Ring] => Ring, chunks::scale;
    /// A wire times a secret bit.
    SELECT = "select.wgsl", SelectParams, [Ring, Ring, Raw, Raw, Raw] => Ring, select::select, fast;
    /// Opened secret bits as shares of the ring.
    SHARE_BITS = "share_bits.wgsl", ShareBitsParams, [Raw, Raw] => Ring, select::share_bits, fast;
    /// `out[k, j] = sum_i x[i, j]` over the rows of chunk `k`.
    SUM_CHUNKS = "sum_chunks.wgsl" by SumChunksParams::groups, SumChunksParams, [Ring] => Ring, chunks::sum_chunks;
    /// The same in `Z_2^64`.
    SUM_CHUNKS_WIDE = "sum_chunks.wgsl" by SumChunksParams::groups, SumChunksParams, [Wide] => Wide, chunks::sum_chunks_wide;
    /// `out[j] = 2^shift sum_i x[i, j]`.
    SUM_ROWS = "sum_rows.wgsl" by SumRowsParams::groups, SumRowsParams, [Ring] => Ring, linear::sum_rows;
    /// Packed elements as ring elements.
    UNPACK = "unpack.wgsl", UnpackParams, [Raw] => Ring, pack::unpack, fast;
    /// Rows of packed elements as ring elements.
    UNPACK_ROWS = "unpack_rows.wgsl", UnpackRowsParams, [Raw] => Ring, pack::unpack_rows, fast;
    /// The bits of a wire that a comparison looks at.
    WINDOW = "window.wgsl", WindowParams, [Ring] => Ring, compare::window;
    /// Windows of the differences of two wires.
    WINDOW_DIFFERENCE = "window_difference.wgsl", WindowParams, [Ring, Ring] => Ring, pool::window_difference;
    /// The largest of every row, as bits.
    WINNER = "winner.wgsl", WinnerParams, [Raw, Raw, Raw] => Raw, winner::winner;
    /// `out = a ^ b`.
    XOR = "xor.wgsl", XorParams, [Raw, Raw] => Raw, pack::xor;
}
