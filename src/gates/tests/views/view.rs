//! What a server sees in a run, case by case.

use super::script::Placed;
use super::stage::{Cases, Played};
use crate::kernel::packed::Packed;

/// Calls `see(case, at, bits, x)` for every number that a server hears and that is looked at: `bits` bits from bit `at` of
/// the view on. What the server knows itself it has from its own string.
///
/// # Panics
/// Where it heard more or less than the script says.
pub(super) fn heard(cases: &Cases, played: &Played, server: usize, mut see: impl FnMut(usize, usize, u32, u64)) {
    walk(cases, &played.opened[server], cases.seating.heard(server, false), &mut see);
    let dealt = if server == 1 { &played.dealt[..] } else { &[] };
    walk(cases, dealt, cases.seating.heard(server, true).filter(|_| server == 1), &mut see);
}

fn walk<'a>(
    cases: &Cases,
    mut words: &[u32],
    items: impl Iterator<Item = &'a Placed>,
    see: &mut impl FnMut(usize, usize, u32, u64),
) {
    for item in items {
        let (own, rest) = words.split_at(item.words(cases.places(item.axis)));
        words = rest;
        let packed = Packed::new(own, item.bits);
        let each = item.to.len();
        for (number, to) in item.to.iter().enumerate().filter_map(|(number, to)| Some((number, (*to)?))) {
            for case in 0..cases.rows * cases.cols {
                see(case, to, item.bits, packed.at(cases.place(item.axis, case) * each + number));
            }
        }
    }
    assert!(words.is_empty(), "{} words were heard that the script does not know", words.len());
}
