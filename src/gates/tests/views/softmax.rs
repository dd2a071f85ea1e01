//! The loss.

use super::*;

/// The distance of a row of one class to its largest, by an opened bit.
struct BelowMax;

impl Scene for BelowMax {
    fn script(&self) -> Script {
        let p = Profile { frac: 0, ..tiny(3, 2) };
        let inputs = vec![Input::all(1), Input::given(3, [&[5], &[1]])];
        Script { profile: p, inputs, draws: vec![open(1, 1), open(2, 1), frame(&[8, 8], 1)] }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let won = e.bits(0, &[rows, 1])?;
        let [won] = e.open_bits([&won])?;
        let y = E::taken_for(wire(e, 1, &[rows, 1])?, 8);
        e.below_max(&y, &won).map(drop)
    }
}

/// All of softmax cross-entropy for a row of logits, with the hits of the row, an update's rescaling, and a ReLU.
struct Loss {
    profile: Profile,
    classes: usize,
}

impl Scene for Loss {
    fn script(&self) -> Script {
        let (p, c) = (self.profile, self.classes);
        let (argument, [n, f]) = (Arguments::exp(&(), &p).bits, [p.ring, p.frac]);
        let (knots, coefficient) = if f == 8 { (128, 34) } else { (256, 40) };
        // the product of narrow wires
        let wide = n + 32 - f;
        let narrow = [(c, wide - 20), (c, wide - 20), (1, wide - 20), (1, wide - 20)];
        let products = [(c, wide), (c, wide - 20), (c, wide - 20), (c, wide - 40)];
        let item = |(each, bits): (usize, u32)| Item::new(bits).each(each);
        let mut draws = vec![open(p.wire, c)];
        draws.extend(compare(p.window.bits(), 1, c * (c - 1) / 2, None));
        draws.extend(winner(c));
        draws.extend([frame(&[8 + f; 2], c), open(argument, c), frame(&[60], 16 * c), open(20, c), open(16, 1)]);
        draws.extend([frame(&[coefficient; 3], knots), open(20, 1)]);
        draws.push(Draw::Frame(narrow.into_iter().chain(products).map(item).collect()));
        draws.extend([open(n, c), open(n, c), frame(&[n, n], c)]);
        draws.extend(compare(p.window.bits(), c, 1, None));
        draws.extend([open(1, c), frame(&[n], c), select(&p, p.wire, c), open(n, c)]);
        Script { inputs: vec![Input::all(n).each(c), Input::all(n).each(c)], profile: p, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let (p, shape) = (*e.profile(), [rows, self.classes]);
        let y = wire(e, 0, &shape)?;
        let won = e.winner(&y, p.window)?;
        let [won] = e.open_bits([&won])?;
        let d = e.below_max(&y, &won)?;
        let [d] = e.open([Arguments::exp(&d, &p)])?;
        let exps = e.exp(&d)?;
        let sum = e.row_sum(&exps)?;
        let opened = e.open([Arguments::unit(&exps), Arguments::sum(&sum)])?;
        let inverse = e.reciprocal(&opened[1])?;
        let [inverse] = e.open([Arguments::unit(&inverse)])?;
        let z = e.probability(&opened[0], &inverse)?;
        let label = share(e, 1, &shape)?;
        let opened = e.open([OpenRequest::operand(&z, &p), OpenRequest::operand(&label, &p)])?;
        e.hits(&won, &opened[1])?;
        let [b] = e.sign([(&y, p.window)])?;
        let [b] = e.open_selectors([&b])?;
        let y = e.select(&b, &y)?;
        e.open([OpenRequest::operand(&y, &p)]).map(drop)
    }
}

#[test]
fn the_distance_to_the_largest_tells_nothing() {
    assert_eq!(exhaust(&BelowMax), 1 << 24);
}

/// 960 bits of a table of exponentials and 13,056 or 30,720 of a reciprocal's are far out of reach.
#[test]
fn every_bit_of_the_loss_has_a_pad_of_its_own() {
    for (profile, classes, bits) in [(Profile::small(), 3, 18_609), (Profile::wide(), 2, 34_956)] {
        assert_eq!(pads(&Loss { profile, classes }, 1, 1_000), Ok(bits));
    }
}
