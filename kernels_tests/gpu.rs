//! The GPU's words equal the CPU twin's, bit for bit.

use ppdnn::backend::gpu::Arithmetic;
use ppdnn::backend::{Adapter, Backend, Buf, Wgpu};
use ppdnn::error::Error;
use ppdnn::kernel::twin::{
    ADD_ROW, AND, AND_ALL, BELOW_MAX, BOX_SUM, CHACHA_ROWS, COMBINE, COMBINE_WIDE, COMPARE_ASK, COMPARE_TELL, CONCAT,
    CONVOLVE, CORRECT_BITS, CORRELATE, DEAL_AND_ALL, DEAL_BELOW_MAX, DEAL_COMPARE, DEAL_EXP, DEAL_EXTEND, DEAL_HITS,
    DEAL_PICK, DEAL_PROBABILITY, DEAL_RECIPROCAL, DEAL_RESCALE, DEAL_SELECT, DEAL_WINNER, DOT, EXP, EXTEND,
    GATHER_ROWS, HITS, MASK_WIDE, MATMUL_PAIR, PACK, PAIR_WINDOWS, PICK, PROBABILITY, RECIPROCAL, RESCALE_ASK_WIDE,
    RESCALE_WIDE, ROW_SUM, SCALE, SELECT, SHARE_BITS, SUM_CHUNKS, SUM_CHUNKS_WIDE, SUM_ROWS, UNPACK, UNPACK_ROWS,
    WINDOW, WINDOW_DIFFERENCE, WINNER, XOR, kernels,
};
use ppdnn::kernel::{Kernel, RingWord};

use crate::adapter::{present, skip};
use crate::cases::{Case, cases};
use crate::{RINGS, Source, bytes, ring_bytes, twin, words};

macro_rules! pairs {
    ($($name:ident: $ring:ident, $arithmetic:ident;)*) => { $(
        #[test]
        fn $name() {
            gpu_equals_twins(RingWord::$ring, Arithmetic::$arithmetic);
        }
    )* };
}

pairs! {
    gpu_equals_twins_for_u32_and_limbs: U32, Limbs;
    gpu_equals_twins_for_u32_and_u64: U32, Native;
    gpu_equals_twins_for_limbs: U64, Limbs;
    gpu_equals_twins_for_u64: U64, Native;
}

fn gpu_equals_twins(ring: RingWord, arithmetic: Arithmetic) {
    let Some(gpu) = gpu(arithmetic) else { return };
    for kernel in kernels() {
        for case in cases(kernel, ring) {
            let got = run(&gpu, kernel, ring, &case).expect("the adapter runs it");
            let want = twin(kernel, ring, &case.params, &case.inputs, case.len);
            if let Err(e) = same(&got, &want) {
                panic!("{} on {gpu:?}, {ring:?}, {}: {e}", kernel.name, case.label);
            }
        }
    }
}

/// The first adapter; none, said so, where there is none or it lacks the arithmetic.
fn gpu(arithmetic: Arithmetic) -> Option<Wgpu> {
    let gpu = present(Wgpu::first())?;
    if arithmetic == Arithmetic::Limbs {
        return Some(gpu.in_limbs());
    }
    let able = gpu.arithmetic() == arithmetic;
    if !able {
        skip(&format!("{} has no 64-bit integers", gpu.name()));
    }
    able.then_some(gpu)
}

fn run(gpu: &Wgpu, kernel: &Kernel, ring: RingWord, case: &Case) -> Result<Vec<u8>, Error> {
    let inputs = case.inputs.iter().map(|x| gpu.upload(x)).collect::<Result<Vec<Buf>, _>>()?;
    let out = gpu.run(kernel, ring, &case.params, &inputs.iter().collect::<Vec<_>>(), case.len)?;
    gpu.download(&[(&out, out.bytes())])
}

/// Whether two outputs are the same words; where not, the first that differs.
fn same(got: &[u8], want: &[u8]) -> Result<(), String> {
    if got.len() != want.len() {
        return Err(format!("{} bytes instead of {}", got.len(), want.len()));
    }
    let (got, want): (Vec<u32>, Vec<u32>) = (words(got), words(want));
    match got.iter().zip(&want).position(|(g, w)| g != w) {
        Some(i) => Err(format!("word {i} of {} is {:#010x} instead of {:#010x}", got.len(), got[i], want[i])),
        None => Ok(()),
    }
}

#[test]
fn a_flipped_bit_is_noticed() {
    let want: Vec<u8> = bytes(&Source::new(1).raw(100));
    assert_eq!(same(&want, &want), Ok(()));
    for bit in [0, 1234, 3199] {
        let mut got = want.clone();
        got[bit / 8] ^= 1 << (bit % 8);
        let said = same(&got, &want).expect_err("one bit differs");
        assert!(said.starts_with(&format!("word {} of 100", bit / 32)), "{said}");
    }
    assert!(same(&want[4..], &want).is_err());
}

#[test]
fn a_wrong_shader_is_noticed() {
    let Some(gpu) = gpu(Arithmetic::Limbs) else { return };
    let text = COMBINE.wgsl.replace("= x_add(", "= x_sub(");
    let wrong = Kernel { name: "combine_wrong", wgsl: text.leak(), ..COMBINE };
    let cases: Vec<_> =
        cases(&COMBINE, RingWord::U64).into_iter().filter(|c| c.label.contains("1000 Uniform")).collect();
    assert!(!cases.is_empty());
    for case in cases {
        let got = run(&gpu, &wrong, RingWord::U64, &case).expect("it is valid WGSL");
        let want = twin(&COMBINE, RingWord::U64, &case.params, &case.inputs, case.len);
        // 0 x + y stays, negated
        assert!(same(&got, &want).is_err(), "{}", case.label);
    }
}

/// What a slip of the pen would make of a shader, seen by at least one of its cases.
#[test]
fn a_slip_in_a_shader_is_noticed() {
    let Some(gpu) = gpu(Arithmetic::Limbs) else { return };
    for (kernel, right, wrong) in [
        (&ADD_ROW, "i % p.cols", "i / p.cols"),
        (&AND, "a[i] & b[i];", "a[i] | b[i];"),
        (&AND_ALL, "p.flips >> i", "p.flips >> 1u"),
        (&BELOW_MAX, "j < row + p.classes", "j + 1u < row + p.classes"),
        (&BOX_SUM, "+ channel, tap", ", tap"),
        (&CHACHA_ROWS, "index[row] * p.blocks", "index[row] * across"),
        (&COMBINE_WIDE, "p.ky_hi", "0u"),
        (&COMPARE_ASK, "above >> 1u", "above"),
        (&COMPARE_TELL, "alpha(s << j,", "alpha(s,"),
        (&COMPARE_TELL, "word, p.more == 1u", "rho, p.more == 1u"),
        (&CONCAT, "i - p.first", "i"),
        (&CONVOLVE, "kernel - 1u - k", "k"),
        (&CONVOLVE, "tap.inside.w)", "tap.inside.z)"),
        (&CORRELATE, "ky, kx);", "kx, ky);"),
        (&CORRELATE, "width /= 2u", "width /= 4u"),
        (&CORRECT_BITS, "w_sub(", "w_add("),
        (&DEAL_AND_ALL, "i * w + at % w", "i * w"),
        (&DEAL_BELOW_MAX, "w_ones(p.wire)", "w_ones(64u)"),
        (&DEAL_COMPARE, "(rest + 1u) << j", "rest + 1u"),
        (&DEAL_COMPARE, "plane(1u + at", "plane(at"),
        (&DEAL_EXP, "j >> i", "j >> (i + 1u)"),
        (&DEAL_EXP, "step < 2u", "step < 1u"),
        (&DEAL_EXTEND, "p.wire - 1u", "p.wire"),
        (&DEAL_HITS, "wide(r_sum[i])", "w_from(1u, 0u)"),
        (&DEAL_PICK, "wide(y_sum[i])", "w_from(0u, 0u)"),
        (&DEAL_PROBABILITY, "times_bit(top_b, a)", "times_bit(top_a, a)"),
        (&DEAL_RECIPROCAL, "w_sub(w_sub(a1, a2r), a2r)", "w_sub(a1, a2r)"),
        (&DEAL_RECIPROCAL, "w_mul(w_sub(a1, a2r), r)", "w_mul(a1, r)"),
        (&DEAL_RESCALE, "own0[i >> 5u] &", "own0[i >> 5u] |"),
        (&DEAL_SELECT, "times_bit(l, top)", "top"),
        (&DEAL_WINNER, "product &= ", "product ^= "),
        (&DOT, "at / p.cols * p.chunk", "at / p.cols"),
        (&DOT, "width /= 2u", "width /= 4u"),
        (&EXP, "FRACTION, p.up", "FRACTION, 0u"),
        (&EXTEND, "1u - top", "top"),
        (&GATHER_ROWS, " - p.base", ""),
        (&HITS, "other < GROUP", "other + 1u < GROUP"),
        (&MASK_WIDE, "x_shr_up(", "x_shr("),
        (&MATMUL_PAIR, "negated(", "("),
        (&PACK, "at.i < len", "at.i + 1u < len"),
        (&PAIR_WINDOWS, "pair.y", "pair.x + 1u"),
        (&PICK, "difference, item(0u, i)", "difference, item(0u, 0u)"),
        (&PROBABILITY, "na & nb", "na | nb"),
        (&RECIPROCAL, "lo * lo", "lo"),
        (&RESCALE_ASK_WIDE, "p.bits - 1u", "p.bits - 2u"),
        (&RESCALE_WIDE, "u ^ v", "u"),
        (&ROW_SUM, "r_shr_up(", "r_shr("),
        (&SCALE, "i / p.step %", "i %"),
        (&SELECT, "1u - top_bit", "top_bit"),
        (&SHARE_BITS, "p.first", "1u - p.first"),
        (&SUM_CHUNKS, "first + p.chunk)", "first + p.chunk + 1u)"),
        (&SUM_CHUNKS_WIDE, "width /= 2u", "width /= 4u"),
        (&SUM_ROWS, "r_shl(sums[0], p.shift)", "sums[0]"),
        (&SUM_ROWS, "width /= 2u", "width /= 4u"),
        (&UNPACK, "span(p.at", "span(0u"),
        (&UNPACK_ROWS, "* p.stride", "* ((p.cols * p.bits + 31u) / 32u)"),
        (&WINDOW, "p.k + 1u", "p.k"),
        (&WINDOW_DIFFERENCE, "p.k + 1u", "p.k"),
        (&WINNER, "^ from_bit.y", ""),
    ] {
        let slip = kernel.wgsl.replace(right, wrong);
        assert_ne!(slip, kernel.wgsl, "{}: {right} is there to be replaced", kernel.name);
        let slip = Kernel { name: format!("{}_slip", kernel.name).leak(), wgsl: slip.leak(), ..*kernel };
        for ring in RINGS {
            let noticed = cases(kernel, ring).iter().any(|case| {
                let got = run(&gpu, &slip, ring, case).expect("it is valid WGSL");
                same(&got, &twin(kernel, ring, &case.params, &case.inputs, case.len)).is_err()
            });
            assert!(noticed, "{}, {ring:?}: {right} -> {wrong}", kernel.name);
        }
    }
}

#[test]
fn what_the_device_refuses_is_an_error_that_names_it() {
    let Some(gpu) = gpu(Arithmetic::Limbs) else { return };
    let x = gpu.upload(&[0; 4]).expect("room for a word");
    let said = |kernel: &Kernel, inputs: &[&Buf], len| {
        let error = gpu.run(kernel, RingWord::U32, &[0; 4][..kernel.params.len()], inputs, len);
        error.map(|_| ()).expect_err("it is refused").to_string()
    };
    let broken = Kernel { name: "xor_broken", wgsl: "fn main( {", ..XOR };
    assert!(said(&broken, &[&x, &x], 1).contains("refused kernel `xor_broken`"));
    assert!(said(&XOR, &[&x], 1).contains("refused kernel `xor`"), "an operand is missing");
    let most = Adapter::list()[0].max_operand_bytes as usize;
    assert!(said(&XOR, &[&x, &x], most / 4 + 1).contains("smaller batch"));
    assert!(gpu.block_bytes() <= most.min(64 << 20));
    // and the device is still good
    let ok = gpu.run(&XOR, RingWord::U32, &[0; 2], &[&x, &x], 1).expect("a valid run");
    assert_eq!(gpu.download(&[(&ok, 4)]).expect("a word"), [0; 4]);
}

#[test]
fn one_download_takes_several_buffers_of_any_length() {
    let Some(gpu) = gpu(Arithmetic::Limbs) else { return };
    let sent: Vec<Vec<u8>> = [0, 1, 4, 7, 12, 1000].map(|n| (0..n).map(|i| i as u8 ^ n as u8).collect()).into();
    let bufs: Vec<Buf> = sent.iter().map(|x| gpu.upload(x).expect("room")).collect();
    let all: Vec<(&Buf, usize)> = bufs.iter().map(|b| (b, b.bytes())).collect();
    assert_eq!(gpu.download(&all).expect("all of them"), sent.concat());
    assert_eq!(
        gpu.download(&[(&bufs[5], 10), (&bufs[4], 3)]).expect("their heads"),
        [&sent[5][..10], &sent[4][..3]].concat()
    );
    assert!(gpu.download(&[]).expect("nothing").is_empty());
    let empty = gpu.run(&XOR, RingWord::U32, &[0; 2], &[&bufs[0], &bufs[0]], 0).expect("an empty output");
    assert_eq!(empty.bytes(), 0);
}

#[test]
fn a_chain_of_runs_needs_no_download_between() {
    let Some(gpu) = gpu(Arithmetic::Limbs) else { return };
    let ring = RingWord::U64;
    let mut x = gpu.upload(&ring_bytes(ring, &[1, u64::MAX, 1 << 40])).expect("room");
    for _ in 0..200 {
        x = gpu.run(&COMBINE, ring, &[3, 0, u32::MAX, u32::MAX], &[&x, &x], 3).expect("2 x");
        x = gpu.run(&COMBINE, ring, &[2, 0, 1, 0], &[&x, &x], 3).expect("3 x");
    }
    let six = (0..200).fold(1u64, |y, _| y.wrapping_mul(6));
    let got: Vec<u64> = words(&gpu.download(&[(&x, 24)]).expect("three words"));
    assert_eq!(got, [six, six.wrapping_neg(), six.wrapping_mul(1 << 40)]);
}
