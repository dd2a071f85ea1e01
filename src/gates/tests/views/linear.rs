//! Openings, truncation, products, rescaling.

use super::*;
use crate::gates::Chunks;

/// Opens operands of products in one round.
struct Operands {
    bits: u32,
    values: usize,
}

impl Scene for Operands {
    fn script(&self) -> Script {
        let inputs = (0..self.values).map(|_| Input::all(self.bits)).collect();
        let draws = (0..self.values).map(|_| open(self.bits, 1)).collect();
        Script { profile: tiny(self.bits, 2), inputs, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let p = *e.profile();
        let shares = (0..self.values).map(|at| share(e, at, &[rows])).collect::<Result<Vec<_>>>()?;
        e.open_all(&shares.iter().map(|x| OpenRequest::operand(x, &p)).collect::<Vec<_>>()).map(drop)
    }
}

/// Cuts and opens a product's share, and brings it back into the ring.
pub(super) struct Truncation {
    pub(super) profile: Profile,
    pub(super) cut: u32,
}

impl Scene for Truncation {
    fn script(&self) -> Script {
        let (p, wire) = (self.profile, self.profile.wire_after(self.cut));
        let draws = vec![open(wire, 1), extend(&p, wire, 1)];
        Script { inputs: vec![Input::all(p.ring)], draws, profile: p }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        self.results(e, rows, 1).map(drop)
    }

    fn results<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<Vec<Output<E>>> {
        let p = *e.profile();
        let z = share_at(e, 0, &[rows], p.frac + self.cut)?;
        let [y] = e.open([OpenRequest::product(&z, &p)])?;
        let extended = e.extend(&y)?;
        Ok(vec![Output::Wire(y, 1 << (p.wire_after(self.cut) - 2)), Output::Share(extended)])
    }
}

/// Opens master weights; `bits` of them, from bit `shift` on, vary.
pub(super) struct Weights {
    pub(super) profile: Profile,
    pub(super) bits: u32,
    pub(super) shift: u32,
}

impl Scene for Weights {
    fn script(&self) -> Script {
        let p = self.profile;
        Script { inputs: vec![Input::all(self.bits).shift(self.shift)], draws: vec![open(p.ring, 1)], profile: p }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        self.results(e, rows, 1).map(drop)
    }

    fn results<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<Vec<Output<E>>> {
        let (p, w) = (*e.profile(), e.parameter(0, &[rows].into())?);
        let [opened] = e.open([OpenRequest::operand(&w, &p)])?;
        // as the final model is cut
        let model = e.narrow(&w, p.frac)?;
        Ok(vec![Output::Wire(opened, 0), Output::Share(model)])
    }
}

/// Opens `x`, a case to a row, and `w`, a case to a column, and multiplies each with each.
/// With `given`, this server's halves of the inputs are given.
pub(super) struct Products {
    pub(super) bits: u32,
    pub(super) given: Option<usize>,
    pub(super) kind: Kind,
}

/// What is multiplied.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Images of one pixel with filters of one tap.
    Conv,
    /// Numbers.
    One,
    /// Rows of two numbers.
    Sum,
    /// Numbers, with a second `w` too.
    Twice,
}

impl Products {
    fn each(&self) -> usize {
        if self.kind == Kind::Sum { 2 } else { 1 }
    }

    /// Axes of the operands.
    fn axes(&self) -> &'static [Axis] {
        if self.kind == Kind::Twice { &[Axis::Rows, Axis::Cols, Axis::Cols] } else { &[Axis::Rows, Axis::Cols] }
    }
}

impl Scene for Products {
    fn script(&self) -> Script {
        let (n, each) = (self.bits, self.each());
        let input = |axis: &Axis| {
            let input = Input::all(n).each(each).axis(*axis);
            self.given.map_or(input.clone(), |server| input.half(server, &[1, 2][..each]))
        };
        let mut draws: Vec<Draw> = self.axes().iter().map(|axis| open(n, each).axis(*axis)).collect();
        draws.extend(self.axes()[1..].iter().map(|_| frame(&[n], 1)));
        Script { profile: tiny(n, 2), inputs: self.axes().iter().map(input).collect(), draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, cols: usize) -> Result<()> {
        self.results(e, rows, cols).map(drop)
    }

    fn results<E: Party>(&self, e: &mut E, rows: usize, cols: usize) -> Result<Vec<Output<E>>> {
        let (p, each) = (*e.profile(), self.each());
        let mut operands = Vec::new();
        for (at, axis) in self.axes().iter().enumerate() {
            let shape = match (axis, self.kind) {
                (Axis::Rows, _) => [rows, each],
                (_, Kind::Sum) => [cols, each],
                _ => [1, cols],
            };
            operands.push(share(e, at, &shape)?);
        }
        let wires = e.open_all(&operands.iter().map(|x| OpenRequest::operand(x, &p)).collect::<Vec<_>>())?;
        let map = match self.kind {
            Kind::Conv => {
                let one = [1, 1];
                let conv = Conv { image: one, channels: 1, window: Window2d::new(one, one), outputs: cols };
                Bilinear::Conv(conv, Pass::Forward)
            }
            Kind::One | Kind::Twice => Layout::Plain.into(),
            Kind::Sum => Layout::RightTransposed.into(),
        };
        wires[1..].iter().map(|w| Ok(Output::Share(e.product(&wires[0], w, map)?))).collect()
    }
}

/// Opens two values of a case and multiplies them; or two pairs, and adds their products up. With `given`, this server's halves
/// of the inputs are given.
pub(super) struct Elementwise {
    pub(super) bits: u32,
    pub(super) given: Option<usize>,
    pub(super) sum: bool,
}

impl Elementwise {
    fn each(&self) -> usize {
        if self.sum { 2 } else { 1 }
    }
}

impl Scene for Elementwise {
    fn script(&self) -> Script {
        let (n, each) = (self.bits, self.each());
        let input = Input::all(n).each(each);
        let input = self.given.map_or(input.clone(), |server| input.half(server, &[1, 2][..each]));
        let draws = vec![open(n, each), open(n, each), frame(&[n], 1)];
        Script { profile: tiny(n, 2), inputs: vec![input.clone(), input], draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        self.results(e, rows, 1).map(drop)
    }

    fn results<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<Vec<Output<E>>> {
        let (p, shape) = (*e.profile(), [rows, self.each()]);
        let (x, y) = (share(e, 0, &shape)?, share(e, 1, &shape)?);
        let [x, y] = e.open([OpenRequest::operand(&x, &p), OpenRequest::operand(&y, &p)])?;
        let sums = Chunks { cols: 1, chunk: 2 };
        let map = if self.sum { Bilinear::Dot(sums) } else { Bilinear::Scale { step: 1 } };
        Ok(vec![Output::Share(e.product(&x, &y, map)?)])
    }
}

/// Rescales a share of `bits` bits, of which `varies` from bit `at` on vary.
pub(super) struct Rescaling {
    pub(super) profile: Profile,
    pub(super) bits: u32,
    pub(super) varies: u32,
    pub(super) at: u32,
    pub(super) shift: i32,
    /// Whether server 0's half of the dealt product stays as it is.
    pub(super) given: bool,
}

impl Rescaling {
    pub(super) const SCALE: u32 = 3;
    pub(super) const TIMES: u32 = 5;
}

impl Scene for Rescaling {
    fn script(&self) -> Script {
        let room = (64 - self.bits).wrapping_add_signed(self.shift);
        let dealt = frame(&[room], 1);
        let draws = vec![open(1, 1), if self.given { dealt.given(0) } else { dealt }];
        Script { profile: self.profile, inputs: vec![Input::all(self.varies).shift(self.at)], draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        self.results(e, rows, 1).map(drop)
    }

    fn results<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<Vec<Output<E>>> {
        let master = |e: &mut E| e.parameter(0, &[rows].into());
        let x = if self.bits == 64 { master(e)? } else { share_at(e, 0, &[rows], MASTER_FRAC)? };
        let [scale, times] = [Self::SCALE, Self::TIMES];
        let scaling = Scaling { share: &x, what: "x", scale, over: self.shift, times };
        Ok(e.rescale(&[scaling])?.into_iter().map(Output::Share).collect())
    }
}

#[test]
fn opened_operands_are_uniform_whatever_they_are() {
    for (bits, values) in [(2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (2, 2), (3, 2), (2, 3)] {
        assert_eq!(exhaust(&Operands { bits, values }), 1 << (4 * bits as usize * values));
    }
}

#[test]
fn truncated_and_extended_products_are_uniform_whatever_they_are() {
    let mut cases = 0;
    for (ring, wire, cut) in [(3, 2, 0), (4, 2, 1), (4, 3, 1), (5, 3, 1), (5, 3, 2), (6, 4, 2), (6, 5, 1), (6, 2, 3)] {
        cases += exhaust(&Truncation { profile: tiny(ring, wire), cut });
    }
    assert!(cases > 1 << 25);
    for profile in [Profile::small(), Profile::wide()] {
        let cut = profile.frac;
        pads(&Truncation { profile, cut }, 100, 1 << 12).unwrap();
    }
}

#[test]
fn opened_weights_are_uniform_whatever_they_are() {
    // frac 1: 31 bits are cut, of which 3 vary; and as many as the ring has above
    for (ring, bits, shift) in [(2, 5, 28), (3, 6, 28), (4, 7, 28), (4, 6, 0), (4, 6, 58)] {
        exhaust(&Weights { profile: tiny(ring, 2), bits, shift });
    }
    for profile in [Profile::small(), Profile::wide()] {
        pads(&Weights { profile, bits: 64, shift: 0 }, 100, 1 << 12).unwrap();
    }
}

#[test]
fn operands_of_one_and_of_two_products_are_uniform_whatever_they_are() {
    let products = |bits, given, kind| exhaust(&Products { bits, given, kind });
    assert_eq!(products(2, None, Kind::One), 1 << 18);
    assert_eq!(products(2, None, Kind::Conv), 1 << 18);
    for given in [Some(0), Some(1)] {
        assert_eq!(products(3, given, Kind::One), 1 << 21);
        assert_eq!(products(2, given, Kind::Twice), 1 << 22);
    }
    assert_eq!(products(2, Some(0), Kind::Sum), 1 << 26);
}

#[test]
fn operands_of_elementwise_and_of_dot_products_are_uniform_whatever_they_are() {
    assert_eq!(exhaust(&Elementwise { bits: 2, given: None, sum: false }), 1 << 18);
    for given in [Some(0), Some(1)] {
        assert_eq!(exhaust(&Elementwise { bits: 3, given, sum: false }), 1 << 21);
    }
    assert_eq!(exhaust(&Elementwise { bits: 2, given: Some(0), sum: true }), 1 << 26);
}

#[test]
fn rescaled_shares_tell_one_uniform_bit_whatever_they_are() {
    for (ring, shift) in [(4, -58), (5, -57), (6, -56), (6, -54)] {
        let profile = tiny(ring, 2);
        exhaust(&Rescaling { profile, bits: ring, varies: ring, at: 0, shift, given: false });
    }
    // shares of 64 bits, of which the highest and the lowest vary
    for (at, shift) in [(58, 3), (0, 4), (58, 1)] {
        exhaust(&Rescaling { profile: tiny(4, 2), bits: 64, varies: 6, at, shift, given: false });
    }
    for (profile, shift) in [(Profile::small(), -5), (Profile::small(), 0), (Profile::wide(), 11)] {
        let bits = profile.ring;
        pads(&Rescaling { profile, bits, varies: bits, at: 0, shift, given: false }, 100, 1 << 12).unwrap();
    }
    pads(&Rescaling { profile: Profile::small(), bits: 64, varies: 64, at: 0, shift: 5, given: false }, 100, 1 << 12)
        .unwrap();
}
