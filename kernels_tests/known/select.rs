//! Extension, products with secret bits, and hits (protocols.md 2.3, 3.2, 8): exact in the ring.

use super::linear::reduce;
use super::*;

/// Word, wire, ring: the profiles', and the widths at which words end.
const WIDTHS: [(RingWord, u32, u32); 7] = [
    (RingWord::U32, 24, 32),
    (RingWord::U64, 24, 32),
    (RingWord::U64, 32, 48),
    (RingWord::U32, 31, 32),
    (RingWord::U32, 6, 12),
    (RingWord::U64, 40, 64),
    (RingWord::U64, 63, 64),
];

/// The shares of `y` in the ring that two servers end with; `deal` may spoil what is dealt.
fn extend(play: &mut Play, [wire, ring]: [u32; 2], y: &Wire, deal: impl Fn(&mut Vec<u64>)) -> Vec<u64> {
    let len = y.hat.len();
    let dealt0 = play.raw(2 * packed(len, ring - wire));
    let mut dealt1 = play.run(&DEAL_EXTEND, &[wire, ring, 0], &[&y.sum, &dealt0], dealt0.len());
    deal(&mut dealt1);
    let dealt = [dealt0, dealt1];
    let tell = |s: usize| play.run(&EXTEND, &[wire, ring, 1 - s as u32], &[&y.hat, &y.rho[s], &dealt[s]], len);
    add(&[tell(0), tell(1)], ring)
}

/// The same of `b y`.
fn select(play: &mut Play, [wire, ring]: [u32; 2], y: &Wire, b: &[u64], deal: impl Fn(&mut Vec<u64>)) -> Vec<u64> {
    let (len, b) = (y.hat.len(), play.open(b));
    let lambda0 = play.raw(packed(len, ring));
    let lambda1 = play.run(&CORRECT_BITS, &[len as u32, ring], &[&b.sum, &lambda0], lambda0.len());
    let lambda = [lambda0, lambda1];
    let dealt0 = play.raw(3 * packed(len, ring - wire) + packed(len, ring));
    let mut dealt1 = play.run(&DEAL_SELECT, &[wire, ring, 0], &[&y.sum, &b.sum, &dealt0], dealt0.len());
    deal(&mut dealt1);
    let dealt = [dealt0, dealt1];
    let tell = |s: usize| {
        let inputs = [&y.hat[..], &y.rho[s], &b.hat, &lambda[s], &dealt[s]];
        play.run(&SELECT, &[wire, ring, 1 - s as u32], &inputs, len)
    };
    add(&[tell(0), tell(1)], ring)
}

pub(super) fn opened_bits_are_shared() {
    for (word, _, ring) in WIDTHS {
        let mut play = Play::new(word, 5);
        for len in SIZES.into_iter().chain([1000, LARGE]) {
            let b = play.source.values(len, 1, Fill::Uniform);
            let opened = play.open(&b);
            let lambda0 = play.raw(packed(len, ring));
            let lambda1 = play.run(&CORRECT_BITS, &[len as u32, ring], &[&opened.sum, &lambda0], lambda0.len());
            let lambda = [lambda0, lambda1];
            let share = |s: usize, first: u32| play.run(&SHARE_BITS, &[ring, first], &[&opened.hat, &lambda[s]], len);
            hold(&add(&[share(0, 1), share(1, 0)], ring), &b, &format!("{word:?}, {ring} bits, {len}"));
            // and it can fail: with the public part on neither server
            let without = add(&[share(0, 0), share(1, 0)], ring);
            assert!(len < 1000 || without != b, "{word:?}, {ring} bits, {len}");
        }
    }
}

pub(super) fn wires_and_their_products_with_bits_are_exact() {
    for (word, wire, ring) in WIDTHS {
        let mut play = Play::new(word, 1);
        let quarter = 1i64 << (wire - 2);
        for (len, fill) in sizes() {
            let about = format!("{word:?}, {wire} bits in {ring}, {len} {fill:?}");
            let ends = [0, 1, -1, quarter, -quarter, quarter - 1];
            let inside = |play: &mut Play| (play.source.value() % (2 * quarter as u64)) as i64 - quarter;
            let y: Vec<i64> = (0..len).map(|i| if i % 2 == 0 { ends[i / 2 % 6] } else { inside(&mut play) }).collect();
            let b = play.source.values(len, 1, Fill::Uniform);
            let wire_y = play.lifted(&y, wire, fill);
            let reduced = |y: i64| y.cast_unsigned() & mask(ring);
            let want: Vec<u64> = y.iter().map(|y| reduced(*y)).collect();
            hold(&extend(&mut play, [wire, ring], &wire_y, |_| ()), &want, &about);
            let products: Vec<u64> = want.iter().zip(&b).map(|(y, b)| y * b).collect();
            hold(&select(&mut play, [wire, ring], &wire_y, &b, |_| ()), &products, &about);
            // and the comparison can fail: one wrong bit of the carry, and of lambda rho
            assert_ne!(extend(&mut play, [wire, ring], &wire_y, |dealt| dealt[0] ^= 1), want, "{about}");
            let at = 2 * packed(len, ring - wire);
            assert_ne!(select(&mut play, [wire, ring], &wire_y, &b, |dealt| dealt[at] ^= 1), products, "{about}");
        }
    }
}

pub(super) fn every_mask_of_a_short_wire_is_taken_off() {
    let [wire, ring] = [6, 12];
    for (word, _) in PROFILES {
        let mut play = Play::new(word, 2);
        for y in -16..=16i64 {
            let rho = [(0..4096).map(|i| i / 64).collect(), (0..4096).map(|i| i % 64).collect::<Vec<u64>>()];
            let sum = add(&rho, 64);
            let hat = sum.iter().map(|r| (y + 16).cast_unsigned().wrapping_add(*r) & mask(wire)).collect();
            let wire_y = Wire { hat, rho, sum };
            let y = y.cast_unsigned() & mask(ring);
            assert_eq!(extend(&mut play, [wire, ring], &wire_y, |_| ()), [y; 4096], "{word:?}");
            let b = play.source.values(4096, 1, Fill::Uniform);
            let want: Vec<u64> = b.iter().map(|b| b * y).collect();
            assert_eq!(select(&mut play, [wire, ring], &wire_y, &b, |_| ()), want, "{word:?}");
        }
    }
}

pub(super) fn hits_are_counted() {
    for (word, n) in PROFILES {
        let mut play = Play::new(word, 3);
        for (len, fill) in SIZES.into_iter().flat_map(|l| FILLS.map(|f| (l, f))) {
            let won = play.source.values(len, 1, Fill::Uniform);
            let labels: Vec<i64> = play.source.values(len, n, fill).into_iter().map(u64::cast_signed).collect();
            let (b, l) = (play.open(&won), play.wire(&labels, n, fill));
            let dealt0 = play.raw(2 * packed(len, n));
            let sum: Vec<u64> = l.sum.iter().map(|r| r & mask(n)).collect();
            let dealt1 = play.run(&DEAL_HITS, &[n, 0], &[&sum, &b.sum, &dealt0], dealt0.len());
            let dealt = [dealt0, dealt1];
            let tell = |s: usize| play.run(&HITS, &[n, 1 - s as u32], &[&b.hat, &l.hat, &l.rho[s], &dealt[s]], 1);
            let want = won.iter().zip(&labels).fold(0, |sum, (w, l)| sum + i128::from(*l) * i128::from(*w));
            let got = add(&[tell(0), tell(1)], n)[0];
            assert_eq!(got, reduce(want, n), "{word:?} {len} {fill:?}");
        }
    }
}
