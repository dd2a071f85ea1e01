//! A value of one ring that goes into a gate of another is refused by every interpreter that knows the two, before anything is
//! drawn or sent.

use std::sync::Arc;

use super::*;
use crate::backend::Null;
use crate::error::Error;
use crate::fixed::MASTER_BITS;
use crate::gates::{Boxes, Kept, Layout, Opening, Scaling, logit_bits};
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

/// Misfits of shares, which the dealer holds without their rings.
fn of_shares<E: Engine>(e: &mut E) -> Result<Refused> {
    let (p, mut all) = (e.profile().clone(), Refused(Vec::new()));
    let shape = Shape::from([2, 3]);
    let master = e.parameter(0, &shape)?;
    let ring = e.narrow(&master, 0)?;
    let long = wire(e, 0, &[2, 3], p.wire)?;
    let short = wire(e, 0, &[2, 3], p.wire - 2)?;
    let bits = e.sign(&[(&short, p.window)])?;
    let opened = e.open_bits(&[&bits[0]], true)?.remove(0);
    let picked = e.pick(&opened, &short, &short)?;
    all.note("a picked share opened longer than it is", e.open(&[Open::picked(&picked, E::wire_bits(&long))]));
    let values = [Open::picked(&picked, E::wire_bits(&long))];
    all.note("the same with bits", e.open_with_bits(&values, &[&bits[0]], false));
    all.note("a short share as an operand", e.open(&[Open::operand(&picked, &p)]));
    all.note("a share of the ring as a weight", e.open(&[Open::weight(&ring, &p)]));
    all.note("a short share as a product", e.open(&[Open::product(&picked, p.frac, &p)]));
    all.note("shares of two rings added", e.combine(&ring, &picked, 1, 1));
    all.note("products of two rings added", e.add_products(&ring, &picked));
    all.note("a row of another ring added", e.add_row(&ring, &picked));
    all.note("a share of the ring narrowed by too much", e.narrow(&ring, 1));
    let scaling = |share, bits| Scaling { share, what: "x", bits, scale: 1, shift: 3, times: 1 };
    all.note("a master rescaled as a product", e.rescale(&[scaling(&master, p.ring)]));
    all.note("a product rescaled as a master", e.rescale(&[scaling(&ring, MASTER_BITS)]));
    all.note("sums of what is no exponential", e.row_sum(&picked));
    Ok(all)
}

/// Misfits of wires.
fn of_wires<E: Engine>(e: &mut E) -> Result<Refused> {
    let (p, mut all) = (e.profile().clone(), Refused(Vec::new()));
    let plain = operand(e, 0, &[2, 3])?;
    let long = wire(e, 0, &[2, 3], p.wire)?;
    let short = wire(e, 0, &[2, 3], p.wire - 2)?;
    let below = wire(e, 0, &[2, 3], logit_bits(&p) - 1)?;
    let bits = e.sign(&[(&long, p.window)])?;
    let opened = e.open_bits(&[&bits[0]], true)?.remove(0);
    all.note("wires of two rings compared", e.larger(&[(&long, &short)], p.window));
    all.note("one of two wires of two rings picked", e.pick(&opened, &long, &short));
    all.note("an operand extended", e.extend(&plain));
    all.note("an operand selected", e.select(&opened, &plain));
    all.note("a lifted wire as the left of a product", e.product(&long, &plain, Layout::LeftTransposed));
    all.note("a lifted wire as the right of a product", e.product(&plain, &long, Layout::LeftTransposed));
    all.note("rows of a lifted wire summed", e.sum_rows(&long, 3, 0));
    all.note("a lifted wire as a share", e.share(&long));
    all.note("boxes of a lifted wire summed", e.box_sum(&long, Boxes::pool([1, 3], 1, [1, 2], [1, 1])));
    let kept = Kept::new(public_seed(1, "dropout"), 0, 0.5);
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

#[test]
fn values_of_rings_that_do_not_fit_are_refused_by_every_gate() {
    for p in Profile::all() {
        let shapes = [Shape::from([2, 3])];
        let plan = || {
            let mut plan = Plan::new(&p, &[]).unwrap();
            plan.set_parameters(&shapes).unwrap();
            plan
        };
        all_refused("plan", of_shares(&mut plan()).unwrap());
        all_refused("plan", of_wires(&mut plan()).unwrap());
        let clear = || {
            let mut clear = Clear::new(p.clone(), public_seed(1, "coins"));
            clear.set_parameters(vec![Number::new(vec![0; 6], [2, 3], MASTER_BITS)]);
            clear
        };
        all_refused("clear", of_shares(&mut clear()).unwrap());
        all_refused("clear", of_wires(&mut clear()).unwrap());
        let seed = Seed::from_bytes([0; 32]);
        let device = || Device::new(Arc::new(Null::default()), p.ring);
        let mut dealer = Dealer::new(device(), p.clone(), 0, [&seed, &seed], None).unwrap();
        all_refused("dealer", of_wires(&mut dealer).unwrap());
        let mut server = Server::new(0, device(), p.clone(), 0, &seed, None).unwrap();
        all_refused("server", of_shares(&mut server).unwrap());
        all_refused("server", of_wires(&mut server).unwrap());
    }
}

#[test]
fn a_misfit_names_the_gate_and_both_widths() {
    let p = Profile::small();
    let mut clear = Clear::new(p.clone(), public_seed(1, "coins"));
    let y = Number::new(vec![0; 6], [2, 3], 22);
    let said = clear.open(&[Open::picked(&y, p.wire)]).unwrap_err().to_string();
    assert!(said.starts_with("open: a value of 22 bits does not fit 24 bits"), "{said}");
}
