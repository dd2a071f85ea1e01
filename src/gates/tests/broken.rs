//! That these tests can fail: garbled corrections and openings, and values that are off, are noticed.

use super::*;
use crate::gates::harness::{Tamper, law};
use crate::gates::{Arguments, Layout, Scaling};

program! {
    /// Every gate that sends or is dealt something.
    Everything { rows: usize, classes: usize } |this, e| {
        let (p, shape) = (*e.profile(), [this.rows, this.classes]);
        let y = wire(e, 0, &shape, p.wire)?;
        let [b] = e.sign([(&y, p.window)])?;
        let [b] = e.open_selectors([&b])?;
        e.select(&b, &y)?;
        e.extend(&y)?;
        let [low, high] = e.at_least(&y, p.window, [0, 1 << p.frac])?;
        let between = e.xor(&low, &high)?;
        let [between] = e.open_selectors([&between])?;
        e.share_bits(&between)?;
        let other = wire(e, 1, &shape, p.wire)?;
        let [larger] = e.larger([(&y, &other)], p.window)?;
        let [larger] = e.open_bits([&larger])?;
        let picked = e.pick(&larger, &y, &other)?;
        e.open([OpenRequest::picked(&picked)])?;
        e.and(&[(&larger, true), (&E::bits_of(&b), false)])?;
        let won = e.winner(&y, p.window)?;
        let [won] = e.open_bits([&won])?;
        let d = e.below_max(&y, &won)?;
        let [d] = e.open([Arguments::exp(&d, &p)])?;
        let exps = e.exp(&d)?;
        let sum = e.row_sum(&exps)?;
        let opened = e.open([Arguments::unit(&exps), Arguments::sum(&sum)])?;
        let inverse = e.reciprocal(&opened[1])?;
        let [inverse] = e.open([Arguments::unit(&inverse)])?;
        e.probability(&opened[0], &inverse)?;
        let x = operand(e, 0, &shape)?;
        let z = e.product(&x, &x, Layout::LeftTransposed)?;
        e.rescale(&[Scaling { share: &z.with_frac(MASTER_FRAC), what: "x", scale: 1, over: 3, times: 3 }])?;
        e.hits(&won, &x)?;
    }
}

fn world(p: &Profile) -> World {
    let [y, other] =
        [3, 4].map(|seed| -> Vec<i64> { values(&[], 8 + p.frac - 4, 70, seed).into_iter().map(|y| y / 2).collect() });
    World::new(p, 31).with(&[(&y, &[14, 5]), (&other, &[14, 5])])
}

const EVERYTHING: Everything = Everything { rows: 14, classes: 5 };

/// Garbles the `at`-th frame and says what the laws notice.
fn garbled(p: &Profile, dealt: bool, at: usize, garble: fn(&mut [u8])) -> Option<String> {
    let world = world(p);
    let mut count = 0;
    let hand: Tamper = Box::new(move |frame| {
        if count == at {
            garble(&mut frame.body);
        }
        count += 1;
    });
    *if dealt { &world.garble_dealt } else { &world.garble_opened }.lock().unwrap() = Some(hand);
    world.try_run(&EVERYTHING).and_then(|run| law::check_all(&run.records, p)).err()
}

#[test]
fn a_garbled_correction_or_opening_is_noticed_at_every_gate() {
    for p in profiles() {
        let whole = world(&p).run(&EVERYTHING);
        let [openings, _, corrections] = whole.heard.map(|h| h.frames().len());
        assert_eq!((openings, corrections), (17, 19));
        for at in 0..corrections {
            let noticed = garbled(&p, true, at, |body| body.iter_mut().for_each(|b| *b ^= 0xff));
            assert!(noticed.is_some(), "{}: correction {at} may be garbled", p.name);
        }
        for at in 0..openings {
            let noticed = garbled(&p, false, at, |body| body.iter_mut().for_each(|b| *b ^= 0xff));
            assert!(noticed.is_some(), "{}: opening {at} may be garbled", p.name);
        }
        assert_eq!(garbled(&p, true, corrections, |body| body[0] ^= 1), None, "an ungarbled run passes");
    }
}

#[test]
fn one_flipped_bit_of_a_product_s_or_an_extension_s_correction_is_noticed() {
    let p = Profile::small();
    // in program order: sign, masks in the ring, select, extend
    for at in [1, 2, 3] {
        let noticed = garbled(&p, true, at, |body| body[0] ^= 1).expect("a flipped bit is noticed");
        assert!(noticed.contains("none of") || noticed.contains("not the mask by XOR"), "{noticed}");
    }
}

/// `I` and `A` of docs/protocols.md 2.3 are different numbers for a quarter of all masks; what would come of the one for the
/// other is off by 2^l.
#[test]
fn every_law_notices_a_value_that_is_off() {
    for p in profiles() {
        for record in world(&p).run(&EVERYTHING).records {
            let mut off = record.clone();
            let by = match record.gate {
                Gate::Extend => 1 << p.wire,
                Gate::Exp => 3,
                Gate::Reciprocal => 100,
                Gate::Rescale { times, .. } => 2 * i64::from(times),
                // a bit of the other value; of a comparison that is not close
                _ if off.output.bits == 1 => 1 - 2 * off.output.x[0],
                _ => 2,
            };
            let close = match record.gate {
                Gate::Sign { .. } | Gate::PairSigns { .. } | Gate::AtLeast { .. } => off.inputs[0].x[0].abs() < 99,
                Gate::Larger { window } => (off.inputs[0].x[0] - off.inputs[1].x[0]).abs() < 2 << window.low,
                _ => false,
            };
            if close {
                continue;
            }
            off.output.x[0] += by;
            assert!(law::check(&off, &p).is_err(), "{:?} may be off by {by}", record.gate);
        }
    }
}
