//! The largest of a row (protocols.md 3.4): one-hot, ties to the smaller index.

use super::*;

/// The pairs `i < j` of `classes` candidates, in order.
fn pairs(classes: usize) -> Vec<(usize, usize)> {
    (0..classes).flat_map(|i| (i + 1..classes).map(move |j| (i, j))).collect()
}

/// The winners `[row, candidate]` that two servers and a dealer make of bits `[pair, row]`; `deal` may spoil what is dealt.
fn winners(play: &mut Play, rows: usize, classes: usize, c: &[u64], deal: impl Fn(&mut Vec<u64>)) -> Vec<u64> {
    let (len, c) = (rows * classes, play.open(c));
    let frame = ((1 << (classes - 1)) - classes) * packed(len, 1);
    let params = |s: usize| [rows as u32, classes as u32, 1 - s as u32];
    let dealt0 = play.raw(frame);
    let mut dealt1 = play.run(&DEAL_WINNER, &params(1), &[&c.sum, &dealt0], frame);
    deal(&mut dealt1);
    let dealt = [dealt0, dealt1];
    let tell = |s: usize| play.run(&WINNER, &params(s), &[&c.hat, &c.rho[s], &dealt[s]], packed(len, 1));
    bits(&xor(&[tell(0), tell(1)]), len)
}

pub(super) fn the_first_of_the_largest_wins() {
    for (ring, classes) in PROFILES.into_iter().flat_map(|(r, _)| (2..=14).map(move |c| (r, c))) {
        let mut play = Play::new(ring, 1);
        for rows in SIZES {
            // few values and so many ties; then all equal, and all different
            let of = |row: usize, class: usize, x: u64| match row % 4 {
                0 => x % 3,
                1 => x % 100,
                2 => 7,
                _ => ((class + row) % classes) as u64,
            };
            let y: Vec<u64> = (0..rows * classes).map(|i| of(i / classes, i % classes, play.source.value())).collect();
            let bit = |(i, j): (usize, usize)| y.chunks(classes).map(move |row| u64::from(row[i] >= row[j]));
            let c: Vec<u64> = pairs(classes).into_iter().flat_map(bit).collect();
            let first = |row: &[u64]| {
                let top = row.iter().max().expect("a row has elements");
                row.iter().position(|x| x == top).expect("the largest is one of them")
            };
            let one_hot = |row: &[u64]| (0..classes).map(|x| u64::from(x == first(row))).collect::<Vec<_>>();
            let want: Vec<u64> = y.chunks(classes).flat_map(one_hot).collect();
            assert_eq!(winners(&mut play, rows, classes, &c, |_| ()), want, "{ring:?}, {rows} rows of {classes}");
            if classes > 2 {
                // the product of all masks enters whatever is open
                let last = |dealt: &mut Vec<u64>| *dealt.last_mut().expect("three classes have products") ^= 1;
                assert_ne!(winners(&mut play, rows, classes, &c, last), want, "{ring:?}, {rows} rows of {classes}");
            }
        }
    }
}

pub(super) fn wires_find_their_winners() {
    for (ring, wire, low, high) in [(RingWord::U32, 24, 4, 16), (RingWord::U64, 32, 12, 24), (RingWord::U64, 32, 8, 24)]
    {
        let mut play = Play::new(ring, 2);
        let (rows, classes, k) = (100, 10, high - low);
        for spread in [1u64 << (high - 1), 1 << (low + 2)] {
            let y: Vec<i64> =
                (0..rows * classes).map(|_| (play.source.value() % (2 * spread)) as i64 - spread as i64).collect();
            let y_wire = play.lifted(&y, wire, Fill::Uniform);
            let add = (1u64 << (wire - 2)).wrapping_neg() & mask(wire);
            let window = |x: &[u64], add: u64| {
                let params = [rows as u32, classes as u32, wire, low, k, add as u32, (add >> 32) as u32];
                play.run(&PAIR_WINDOWS, &params, &[x], rows * pairs(classes).len())
            };
            let (a, rho) = (window(&y_wire.hat, add), window(&y_wire.sum, 0));
            let c: Vec<u64> = a.iter().zip(&rho).map(|(a, r)| u64::from(a.wrapping_sub(*r) >> k & 1 == 0)).collect();
            let won = winners(&mut play, rows, classes, &c, |_| ());
            for (y, won) in y.chunks(classes).zip(won.chunks(classes)) {
                assert_eq!(won.iter().sum::<u64>(), 1, "one winner");
                let top = y.iter().zip(won).map(|(y, w)| y * w.cast_signed()).sum::<i64>();
                // each value is cut down or up to the window's grid
                assert!(y.iter().all(|y| y - top < 2 << low), "{ring:?}: {top} of {y:?}");
            }
        }
    }
}
