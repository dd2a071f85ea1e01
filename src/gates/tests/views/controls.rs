//! Protocols with a slip: what a server sees then depends on the secret, and the checks say so.

use super::*;

/// Two values whose halves are given, opened; under one mask where `again`.
struct TwoValues {
    halves: [[u64; 2]; 2],
    again: bool,
}

impl Scene for TwoValues {
    fn script(&self) -> Script {
        let inputs = self.halves.iter().map(|[a, b]| Input::given(4, [&[*a], &[*b]])).collect();
        let second = if self.again { Draw::Again(0) } else { open(4, 1) };
        Script { profile: tiny(4, 2), inputs, draws: vec![open(4, 1), second] }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let (p, x, y) = (*e.profile(), share(e, 0, &[rows])?, share(e, 1, &[rows])?);
        e.open([OpenRequest::operand(&x, &p), OpenRequest::operand(&y, &p)]).map(drop)
    }
}

/// Two bits whose halves are given, opened; under one pad where `again`.
struct TwoBits {
    halves: [[u64; 2]; 2],
    again: bool,
}

impl Scene for TwoBits {
    fn script(&self) -> Script {
        let inputs = self.halves.iter().map(|[a, b]| Input::given(1, [&[*a], &[*b]])).collect();
        // a wide item, so that the few cases fill words
        let draws = vec![open(1, 1), if self.again { Draw::Again(0) } else { open(1, 1) }, open(4, 1)];
        Script { profile: tiny(4, 2), inputs, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let (p, a, b) = (*e.profile(), e.bits(0, &[rows])?, e.bits(1, &[rows])?);
        e.open_bits([&a, &b])?;
        let zero = e.zeros(&[rows].into())?;
        let zero = e.narrow(&zero, p.frac)?;
        e.open([OpenRequest::operand(&zero, &p)]).map(drop)
    }
}

/// Two comparisons of wires that are given; with one set of masks for their ANDs where `again`. Of every table varies one
/// entry. Server 1 knows it but for server 0's half, which is what server 0 opens where the digit picks it.
struct TwoSigns {
    halves: [[u64; 2]; 2],
    entry: usize,
    again: bool,
}

impl Scene for TwoSigns {
    fn script(&self) -> Script {
        let p = tiny(12, 10);
        let inputs = self.halves.iter().map(|[a, b]| Input::given(12, [&[*a], &[*b]])).collect();
        let given = || open(p.wire, 1).given(0).given(1);
        let mut draws = vec![given(), given()];
        for again in [false, self.again] {
            let [own, tables] = compare(8, 1, 1, Some(&[self.entry]));
            draws.extend([if again { Draw::Again(2) } else { own }, tables]);
        }
        Script { profile: p, inputs, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let (y, z, window) = (wire(e, 0, &[rows])?, wire(e, 1, &[rows])?, Window { low: 0, high: 8 });
        e.sign([(&y, window), (&z, window)]).map(drop)
    }
}

/// Two products of one opened value with others, halves given; with one product of masks for both where `again`.
struct TwoProducts {
    halves: [[u64; 2]; 3],
    again: bool,
}

impl Scene for TwoProducts {
    fn script(&self) -> Script {
        let axes = [Axis::Rows, Axis::Cols, Axis::Cols];
        let input = |([a, b], axis): (&[u64; 2], Axis)| Input::given(2, [&[*a], &[*b]]).axis(axis);
        let mut draws: Vec<Draw> = axes.into_iter().map(|axis| open(2, 1).axis(axis)).collect();
        draws.extend([frame(&[2], 1), if self.again { Draw::Again(3) } else { frame(&[2], 1) }]);
        Script { profile: tiny(2, 2), inputs: self.halves.iter().zip(axes).map(input).collect(), draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, cols: usize) -> Result<()> {
        let p = *e.profile();
        let (x, w, v) = (share(e, 0, &[rows, 1])?, share(e, 1, &[1, cols])?, share(e, 2, &[1, cols])?);
        let wires = e.open([&x, &w, &v].map(|x| OpenRequest::operand(x, &p)))?;
        e.product(&wires[0], &wires[1], Layout::Plain)?;
        e.product(&wires[0], &wires[2], Layout::Plain).map(drop)
    }
}

/// Two picks by two bits whose halves are given, of wires that are given; with one product of masks for both where `again`.
struct TwoPicks {
    halves: [[u64; 2]; 2],
    again: bool,
}

impl Scene for TwoPicks {
    fn script(&self) -> Script {
        let mut inputs: Vec<_> = self.halves.iter().map(|[a, b]| Input::given(1, [&[*a], &[*b]])).collect();
        inputs.extend([Input::given(4, [&[3], &[9]]), Input::given(4, [&[12], &[1]])]);
        let given = || open(2, 1).given(0).given(1);
        let draws = vec![open(1, 1), open(1, 1), given(), given(), frame(&[2, 2], 1)];
        let second = if self.again { Draw::Again(4) } else { frame(&[2, 2], 1) };
        Script { profile: tiny(4, 2), inputs, draws: draws.into_iter().chain([second]).collect() }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let bits = [e.bits(0, &[rows])?, e.bits(1, &[rows])?];
        let bits = e.open_bits(bits.each_ref())?;
        let (x, y) = (wire(e, 2, &[rows])?, wire(e, 3, &[rows])?);
        bits.iter().try_for_each(|c| e.pick(c, &x, &y).map(drop))
    }
}

/// Two ANDs of bits whose halves are given; with one product of masks for both where `again`.
struct TwoAnds {
    halves: [[u64; 2]; 4],
    again: bool,
}

impl Scene for TwoAnds {
    fn script(&self) -> Script {
        let inputs = self.halves.iter().map(|[a, b]| Input::given(1, [&[*a], &[*b]])).collect();
        let mut draws: Vec<Draw> = (0..4).map(|_| open(1, 1)).collect();
        draws.extend([frame(&[1], 1), if self.again { Draw::Again(4) } else { frame(&[1], 1) }]);
        Script { profile: tiny(4, 2), inputs, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let bits = (0..4).map(|at| e.bits(at, &[rows])).collect::<Result<Vec<_>>>()?;
        let bits = e.open_bits_all(&bits.iter().collect::<Vec<_>>())?;
        bits.chunks(2).try_for_each(|two| e.and(&[(&two[0], false), (&two[1], false)]).map(drop))
    }
}

/// A value and two bits in one round, halves given; under one pad for both bits where `again`.
struct ValueAndBits {
    halves: [[u64; 2]; 2],
    again: bool,
}

impl Scene for ValueAndBits {
    fn script(&self) -> Script {
        let bits = self.halves.iter().map(|[a, b]| Input::given(1, [&[*a], &[*b]]));
        let inputs = [Input::given(4, [&[6], &[11]])].into_iter().chain(bits).collect();
        let second = if self.again { Draw::Again(1) } else { open(1, 1) };
        let draws = vec![open(4, 1), open(1, 1), frame(&[4], 1), second, frame(&[4], 1)];
        Script { profile: tiny(4, 2), inputs, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let (p, x) = (*e.profile(), share(e, 0, &[rows])?);
        let (a, b) = (e.bits(1, &[rows])?, e.bits(2, &[rows])?);
        e.open_with_selectors([OpenRequest::operand(&x, &p)], &[&a, &b]).map(drop)
    }
}

/// Selects, and says of the frame's items that they lie in another order.
struct Misread;

impl Scene for Misread {
    fn script(&self) -> Script {
        let p = tiny(4, 3);
        let inputs = vec![Input::all(1), Input::given(4, [&[3], &[9]])];
        let draws = vec![open(1, 1), frame(&[4], 1), open(3, 1), frame(&[4, 1, 1, 1], 1)];
        Script { profile: p, inputs, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let b = e.bits(0, &[rows])?;
        let [b] = e.open_selectors([&b])?;
        let y = wire(e, 1, &[rows])?;
        e.select(&b, &y).map(drop)
    }
}

/// Whether the law of what server 1 sees is the same of two scenes.
fn same(a: &impl Scene, b: &impl Scene) -> bool {
    law(a, 1) == law(b, 1)
}

#[test]
fn one_mask_for_two_values_tells_their_difference() {
    // server 1's halves stay, the secrets 0, 0 become 0, 5
    let scene = |secret: u64, again| TwoValues { halves: [[13, 3], [9 + secret, 7]], again };
    assert!(same(&scene(0, false), &scene(5, false)));
    assert!(!same(&scene(0, true), &scene(5, true)));
    assert!(pads(&scene(0, false), 5, 100).is_ok());
    assert!(pads(&scene(0, true), 5, 100).unwrap_err().contains("no pad of their own"));
}

#[test]
fn one_pad_for_two_bits_tells_whether_they_are_the_same() {
    let scene = |secret: u64, again| TwoBits { halves: [[1, 1], [secret, 0]], again };
    assert!(same(&scene(0, false), &scene(1, false)));
    assert!(!same(&scene(0, true), &scene(1, true)));
}

#[test]
fn masks_of_an_and_that_serve_two_comparisons_tell_of_both_digits() {
    let differ = |again: bool| {
        let scene = |secret: u64, entry| TwoSigns { halves: [[100 + secret, 9], [3_000, 1_000]], again, entry };
        (0..16).filter(|entry| !same(&scene(0, *entry), &scene(30, *entry))).count()
    };
    assert_eq!(differ(false), 0);
    assert!(differ(true) > 0);
}

#[test]
fn one_product_of_masks_for_two_products_tells_of_the_operands() {
    let scene = |secret: u64, again| TwoProducts { halves: [[1, 2], [secret, 1], [0, 3]], again };
    assert!(same(&scene(0, false), &scene(2, false)));
    assert!(!same(&scene(0, true), &scene(2, true)));
}

#[test]
fn one_product_of_masks_for_two_picks_tells_whether_they_pick_the_same() {
    let scene = |secret: u64, again| TwoPicks { halves: [[secret, 0], [0, 1]], again };
    assert!(same(&scene(0, false), &scene(1, false)));
    assert!(!same(&scene(0, true), &scene(1, true)));
}

#[test]
fn one_product_of_masks_for_two_ands_tells_of_the_bits() {
    let scene = |secret: u64, again| TwoAnds { halves: [[secret, 0], [1, 1], [0, 1], [1, 0]], again };
    assert!(same(&scene(0, false), &scene(1, false)));
    assert!(!same(&scene(0, true), &scene(1, true)));
}

#[test]
fn one_pad_for_two_bits_beside_a_value_tells_whether_they_are_the_same() {
    let scene = |secret: u64, again| ValueAndBits { halves: [[1, 1], [secret, 0]], again };
    assert!(same(&scene(0, false), &scene(1, false)));
    assert!(!same(&scene(0, true), &scene(1, true)));
}

#[test]
fn a_script_that_misreads_a_frame_is_noticed() {
    pads(&Misread, 20, 100).unwrap_err();
}

#[test]
#[should_panic(expected = "again, in case")]
fn a_view_that_occurs_twice_is_noticed() {
    exhaust(&Misread);
}
