//! A value of one ring or scale that goes into a gate of another is refused by every interpreter, before anything is drawn or
//! sent.

use std::sync::Arc;

use super::*;
use crate::backend::Null;
use crate::error::Error;
use crate::gates::harness::Followed;
use crate::gates::{DropoutMask, ImageWindows, Layout, Opening, SamplePositions, Sampling, logit_bits};
use crate::party::{Clear, Dealer, Plan, Server};
use crate::prg::{Seed, public_seed};
use crate::tensor::Device;

/// The gates that see values of rings that do not fit, and what each of them says.
struct Refused(Vec<(&'static str, Option<Misfit>)>);

/// The gate that refused, and the two widths.
type Misfit = (&'static str, u32, u32);

impl Refused {
    fn note<T>(&mut self, case: &'static str, result: Result<T>) {
        let said = match result {
            Ok(_) => None,
            Err(Error::Width { gate, have, want }) => Some((gate, have, want)),
            Err(other) => panic!("{case}: {other}"),
        };
        self.0.push((case, said));
    }
}

/// Misfits of shares.
fn of_shares<E: Engine>(e: &mut E) -> Result<Refused> {
    let (p, mut all) = (*e.profile(), Refused(Vec::new()));
    let shape = Shape::from([2, 3]);
    let master = e.parameter(0, &shape)?;
    let ring = e.narrow(&master, p.frac)?;
    let product = ring.clone().with_frac(2 * p.frac);
    let short = wire(e, 0, &[2, 3], p.wire - 2)?;
    let [bits] = e.sign([(&short, p.window)])?;
    let [opened] = e.open_bits([&bits])?;
    let picked = e.pick(&opened, &short, &short)?;
    let long = OpenRequest { bits: p.wire, ..OpenRequest::picked(&picked) };
    all.note("a picked share opened longer than it is", e.open([long]));
    all.note("the same with bits", e.open_with_selectors([long], &[&bits]));
    all.note("a short share as an operand", e.open([OpenRequest::operand(&picked, &p)]));
    all.note("a product as an operand", e.open([OpenRequest::operand(&product, &p)]));
    all.note("a short share as a product", e.open([OpenRequest::product(&picked, &p)]));
    all.note("shares of two rings added", e.combine(&ring, &picked, 1, 1));
    all.note("products of two rings added", e.add_products(&ring, &picked));
    all.note("a row of another ring added", e.add_row(&ring, &picked));
    all.note("a share of the ring narrowed by too much", e.narrow(&ring, p.frac - 1));
    all.note("sums of what is no exponential", e.row_sum(&picked));
    Ok(all)
}

/// Misfits of wires.
fn of_wires<E: Engine>(e: &mut E) -> Result<Refused> {
    let (p, mut all) = (*e.profile(), Refused(Vec::new()));
    let plain = operand(e, 0, &[2, 3])?;
    let long = wire(e, 0, &[2, 3], p.wire)?;
    let short = wire(e, 0, &[2, 3], p.wire - 2)?;
    let below = wire(e, 0, &[2, 3], logit_bits(&p) - 1)?;
    let [bits] = e.sign([(&long, p.window)])?;
    let [selects] = e.open_selectors([&bits])?;
    let opened = E::bits_of(&selects);
    all.note("wires of two rings compared", e.larger([(&long, &short)], p.window));
    all.note("one of two wires of two rings picked", e.pick(&opened, &long, &short));
    all.note("an operand extended", e.extend(&plain));
    all.note("an operand selected", e.select(&selects, &plain));
    all.note("a lifted wire as the left of a product", e.product(&long, &plain, Layout::LeftTransposed));
    all.note("a lifted wire as the right of a product", e.product(&plain, &long, Layout::LeftTransposed));
    all.note("rows of a lifted wire summed", e.sum_rows(&long, 3, p.frac));
    all.note("a lifted wire as a share", e.share(&long));
    all.note("boxes of a lifted wire summed", e.box_sum(&long, ImageWindows::pool([1, 3], 1, [1, 2], [1, 1])));
    let kept = DropoutMask::new(public_seed(1, "dropout"), 0, 0.5);
    all.note("dropout of a lifted wire", e.dropout(&long, &kept));
    all.note("logits of too short a wire", e.below_max(&below, &opened));
    all.note("what is no argument in exp", e.exp(&long));
    all.note("what is no sum inverted", e.reciprocal(&long));
    all.note("what is no exponential in a probability", e.probability(&long, &long));
    all.note("labels that are no operand", e.hits(&opened, &long));
    Ok(all)
}

/// Checks that every case is refused, with two widths that differ.
fn all_refused(who: &str, refused: Refused) {
    for (case, said) in refused.0 {
        let Some((gate, have, want)) = said else { panic!("{who}: {case} is not refused") };
        assert!(!gate.is_empty() && have != want, "{who}: {case}: {gate}, {have}, {want}");
    }
}

/// A program whose misfits are noted.
type Misfits<E, T> = fn(&mut E) -> Result<T>;

/// Runs it by all interpreters, each with one parameter `[2, 3]` of zeros, and gives what each said.
fn by_all<T>(
    p: Profile,
    plan: Misfits<Plan, T>,
    clear: Misfits<Clear, T>,
    dealer: Misfits<Dealer, T>,
    server: Misfits<Server, T>,
) -> [(&'static str, T); 4] {
    let mut planned = Plan::new(&p, &[]).unwrap();
    planned.set_parameters(&[Shape::from([2, 3])]).unwrap();
    let mut in_clear = Clear::new(p, public_seed(1, "coins"));
    in_clear.set_parameters(vec![ClearTensor::master(vec![0; 6], [2, 3])]);
    let seed = Seed::from_bytes([0; 32]);
    let device = || Device::new(Arc::new(Null::default()), p.ring);
    let mut dealing = Dealer::new(device(), p, 0, [&seed, &seed], None).unwrap();
    let mut serving = Server::new(0, device(), p, 0, &seed, None).unwrap();
    [
        ("plan", plan(&mut planned).unwrap()),
        ("clear", clear(&mut in_clear).unwrap()),
        ("dealer", dealer(&mut dealing).unwrap()),
        ("server", server(&mut serving).unwrap()),
    ]
}

#[test]
fn values_of_rings_that_do_not_fit_are_refused_by_every_gate() {
    for p in Profile::all() {
        let all = by_all(p, of_shares, of_shares, of_shares, of_shares).into_iter();
        for (who, refused) in all.chain(by_all(p, of_wires, of_wires, of_wires, of_wires)) {
            all_refused(who, refused);
        }
    }
}

#[test]
fn a_misfit_names_the_gate_and_both_widths() {
    let p = Profile::small();
    let mut clear = Clear::new(p, public_seed(1, "coins"));
    let y = ClearTensor::new(vec![0; 6], [2, 3], 22, p.frac);
    let said = clear.open([OpenRequest { bits: p.wire, ..OpenRequest::picked(&y) }]).unwrap_err().to_string();
    assert!(said.starts_with("open: a value of 22 bits does not fit 24 bits"), "{said}");
}

/// What a gate said of operands of unlike scales, with the fraction bits of the two, and what it made of like ones.
struct Unlike {
    case: &'static str,
    scales: [u32; 2],
    said: Option<(&'static str, u32, u32)>,
    /// Fraction bits of the result where the scales are those that the gate asks for.
    control: u32,
}

/// Every gate that puts values of two scales together, on unlike ones; and on like ones as the control.
fn unlike<E: Engine>(e: &mut E) -> Result<Vec<Unlike>> {
    let (p, mut all) = (*e.profile(), Vec::new());
    let f = p.frac;
    let x = e.parameter(0, &[2, 3].into())?;
    let (x, fine) = (e.narrow(&x, f)?, e.narrow(&x, f + 3)?);
    let (w, v) = (operand(e, 0, &[2, 3])?, wire(e, 0, &[2, 3], p.wire)?);
    let (coarse, finer) = (w.clone().with_frac(f - 1), v.clone().with_frac(f + 2));
    let [bits] = e.sign([(&v, p.window)])?;
    let [c] = e.open_bits([&bits])?;
    let places = SamplePositions::all(6);
    let sample = |e: &mut E, z: &E::Wire| e.sample(Sampling { kept: None, y: &v, z: Some(z), places });
    let mut note = |case, scales, said: Result<u32>, control: Result<u32>| -> Result<()> {
        let said = match said {
            Ok(_) => None,
            Err(Error::Scale { gate, have, want }) => Some((gate, have, want)),
            Err(other) => panic!("{case}: {other}"),
        };
        all.push(Unlike { case, scales, said, control: control? });
        Ok(())
    };
    let frac = |x: Result<E::Share>| x.map(|x| x.frac());
    let of_wire = |y: Result<E::Wire>| y.map(|y| y.frac());
    let two = [f, f + 3];
    note("a finer share added", two, frac(e.add(&x, &fine)), frac(e.add(&x, &x)))?;
    note("a coarser share added", two, frac(e.add(&fine, &x)), frac(e.add(&fine, &fine)))?;
    note("subtracted", two, frac(e.subtract(&x, &fine)), frac(e.subtract(&fine, &fine)))?;
    note("combined", two, frac(e.combine(&x, &fine, 1, 8)), frac(e.combine(&x, &x, 1, 8)))?;
    note("a row added", two, frac(e.add_row(&x, &fine)), frac(e.add_row(&x, &x)))?;
    note("products added", two, frac(e.add_products(&x, &fine)), frac(e.add_products(&fine, &fine)))?;
    note("a finer share raised", two, frac(e.add_raised(&x, &fine)), frac(e.add_raised(&fine, &x)))?;
    note("brought to fewer bits", two, frac(e.raised(fine.clone(), f)), frac(e.raised(x.clone(), f + 3)))?;
    note("narrowed to more bits", two, frac(e.narrow(&x, f + 3)), frac(e.narrow(&x, f)))?;
    note("rows summed to fewer bits", [f, f - 1], frac(e.sum_rows(&w, 3, f - 1)), frac(e.sum_rows(&w, 3, f + 1)))?;
    let low = x.clone().with_frac(f - 1);
    let open = |e: &mut E, x: &E::Share| e.open([OpenRequest::operand(x, &p)]).map(|[y]| y);
    note("a share too coarse opened", [f, f - 1], of_wire(open(e, &low)), of_wire(open(e, &x)))?;
    let larger = |e: &mut E, y: &E::Wire| e.larger([(&v, y)], p.window).map(|_| f);
    note("wires compared", [f, f + 2], larger(e, &finer), larger(e, &v))?;
    note("one of two picked", [f, f + 2], frac(e.pick(&c, &v, &finer)), frac(e.pick(&c, &v, &v)))?;
    note("differences sampled", [f, f + 2], of_wire(sample(e, &finer)), of_wire(sample(e, &v)))?;
    note("finer logits", [f, f + 2], frac(e.below_max(&finer, &c)), frac(e.below_max(&v, &c)))?;
    // a product takes any scales, and has their sum
    let product = e.product(&coarse, &w, Layout::LeftTransposed)?;
    assert_eq!(product.frac(), 2 * f - 1);
    Ok(all)
}

#[test]
fn values_of_unlike_scales_are_refused_by_every_gate_and_like_ones_are_not() {
    for p in Profile::all() {
        for (who, all) in by_all(p, unlike, unlike, unlike, unlike) {
            assert_eq!(all.len(), 15);
            for Unlike { case, scales, said, control } in all {
                let Some((gate, have, want)) = said else { panic!("{who}: {case} is not refused") };
                let (mut named, mut scales) = ([have, want], scales);
                named.sort_unstable();
                scales.sort_unstable();
                assert!(!gate.is_empty() && named == scales, "{who}: {case}: {gate}, {have}, {want}");
                assert!(control > 0, "{who}: {case}");
            }
        }
    }
}

#[test]
fn the_test_interpreters_refuse_unlike_scales() {
    program! {
        /// Adds a product to an operand.
        Adds { raised: bool } |this, e| {
            let frac = e.profile().frac;
            let x = e.parameter(0, &[2, 3].into())?;
            let (x, z) = (e.narrow(&x, frac)?, e.narrow(&x, 2 * frac)?);
            let sum = if this.raised { e.add_raised(&z, &x)? } else { e.add(&z, &x)? };
            assert_eq!(sum.frac(), 2 * frac);
        }
    }
    for p in profiles() {
        let world = World::new(&p, 3).with(&[(&[5 << 32; 6], &[2, 3])]);
        let records = world.run(&Adds { raised: true }).records;
        assert_eq!(records.last().unwrap().output.x, [5 << (2 * p.frac + 1); 6]);
        let mut followed = Followed::new(world.clear(), &records);
        Adds { raised: true }.run(&mut followed).unwrap();
        followed.end(&[]).unwrap();
        let said = world.try_run(&Adds { raised: false }).err().unwrap();
        let want = format!("combine: a value of {} fraction bits does not fit {} fraction bits", p.frac, 2 * p.frac);
        assert!(said.contains(&want), "{said}");
        let mut followed = Followed::new(world.clear(), &records);
        let said = Adds { raised: false }.run(&mut followed).unwrap_err().to_string();
        assert!(said.contains(&want), "{said}");
    }
}
