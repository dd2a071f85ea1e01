//! Fast bodies equal the definitions, bit for bit, and the comparison notices slips in them.

use ppdnn::kernel::twin::kernels;
use ppdnn::kernel::{CpuBody, Kernel, Operand, RingWord};

use crate::cases::{Case, cases};
use crate::{RINGS, defined, run, twin};

fn fast() -> impl Iterator<Item = (&'static Kernel, RingWord, CpuBody)> {
    let fast = kernels().filter(|kernel| kernel.fast.is_some());
    fast.flat_map(|kernel| RINGS.map(|ring| (kernel, ring, kernel.body(ring))))
}

#[test]
fn fast_bodies_do_what_is_defined() {
    for (kernel, ring, _) in fast() {
        for case in cases(kernel, ring) {
            twin(kernel, ring, &case.params, &case.inputs, case.len);
        }
    }
    assert!(fast().count() >= 60, "the fast bodies were found");
}

/// Parameters of which a body that takes them for their opposite is wrong.
const FLAGS: [&str; 5] = ["first", "minus", "minus_c", "ta", "up"];

/// A fast body that does not read an operand, takes a flag for its opposite, or leaves the last word unwritten: seen by at
/// least one of the kernel's cases.
#[test]
fn a_slip_in_a_fast_body_is_noticed() {
    for (kernel, ring, body) in fast() {
        let cases: Vec<(Case, Vec<u8>)> = (cases(kernel, ring).into_iter())
            .filter(|case| case.len > 0)
            .map(|case| {
                let want = defined(kernel, ring, &case.params, &case.inputs, case.len);
                (case, want)
            })
            .collect();
        let noticed = |slip: &dyn Fn(&Case) -> Vec<u8>| cases.iter().any(|(case, want)| slip(case) != *want);
        for operand in 0..kernel.inputs.len() {
            let blind = |case: &Case| {
                let mut inputs = case.inputs.clone();
                inputs[operand].fill(0);
                run(kernel, body, ring, &case.params, &inputs, case.len)
            };
            assert!(noticed(&blind), "{}, {ring:?}: operand {operand} is not read", kernel.name);
        }
        for (at, flag) in kernel.params.iter().enumerate().filter(|(_, name)| FLAGS.contains(name)) {
            if kernel.name.starts_with("deal_") || UNUSED.contains(&(kernel.name, flag)) {
                continue;
            }
            let wrong = |case: &Case| {
                let mut params = case.params.clone();
                params[at] ^= 1;
                run(kernel, body, ring, &params, &case.inputs, case.len)
            };
            assert!(noticed(&wrong), "{}, {ring:?}: `{flag}` is taken for its opposite", kernel.name);
        }
        let short = |case: &Case| {
            let mut out = run(kernel, body, ring, &case.params, &case.inputs, case.len);
            let word = if kernel.output == Operand::Raw { 4 } else { kernel.output.bytes(ring) };
            let rest = out.len() - word;
            out[rest..].fill(0xa5);
            out
        };
        assert!(noticed(&short), "{}, {ring:?}: the last word is not written", kernel.name);
    }
}

/// Flags that a kernel does not use but shares the parameters of one that does; those of the dealer's kernels are all unused.
const UNUSED: [(&str, &str); 5] = [
    ("box_sum", "minus"),
    ("box_sum", "minus_c"),
    ("compare_ask", "first"),
    ("rescale_ask", "up"),
    ("rescale_ask_wide", "up"),
];
