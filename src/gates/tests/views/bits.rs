//! Secret bits: comparisons, openings of bits, selects with a bit that is opened once, winners, hits.

use super::*;

/// Opens a wire and compares it. Of the tables only `entries` vary where some are named.
pub(super) struct Sign {
    pub(super) profile: Profile,
    pub(super) window: Window,
    pub(super) halves: Option<[u64; 2]>,
    /// The server whose mask of the wire is given; both where the wire's opening is no part of the view.
    pub(super) given: &'static [usize],
    pub(super) entries: Option<Vec<usize>>,
}

impl Scene for Sign {
    fn script(&self) -> Script {
        let p = self.profile;
        let input = match &self.halves {
            None => Input::all(p.ring),
            Some([a, b]) => Input::given(p.ring, [&[*a], &[*b]]),
        };
        let wire = self.given.iter().fold(open(p.wire, 1), |draw, server| draw.given(*server));
        let [own, tables] = compare(self.window.on(p.wire).bits(), 1, 1, self.entries.as_deref());
        Script { profile: p, inputs: vec![input], draws: vec![wire, own, tables] }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        self.results(e, rows, 1).map(drop)
    }

    fn results<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<Vec<Output<E>>> {
        let y = wire(e, 0, &[rows])?;
        Ok(e.sign([(&y, self.window)])?.into_iter().map(Output::Bits).collect())
    }
}

/// A wire and two thresholds on the same tables; and, where `between` is there, the bits between them, opened to select.
struct Thresholds {
    profile: Profile,
    window: Window,
    halves: Option<[u64; 2]>,
    entries: Option<Vec<usize>>,
    between: bool,
}

impl Scene for Thresholds {
    fn script(&self) -> Script {
        let (p, wire, k) = (self.profile, self.profile.wire, self.window.on(self.profile.wire).bits());
        let (input, open_wire) = match &self.halves {
            None => (Input::all(p.ring), open(wire, 1)),
            Some([a, b]) => (Input::given(p.ring, [&[*a], &[*b]]), open(wire, 1).given(0).given(1)),
        };
        let mut draws = vec![open_wire];
        draws.extend(compare(k, 1, 1, self.entries.as_deref()));
        draws.extend(threshold(k, 1, 1));
        if self.between {
            draws.extend([open(1, 1), frame(&[p.ring], 1), open(1, 1), frame(&[p.ring], 1), select(&p, wire, 1)]);
            draws.push(open(p.ring, 1));
        }
        Script { profile: p, inputs: vec![input], draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let (p, y) = (*e.profile(), wire(e, 0, &[rows])?);
        let bits = e.at_least(&y, self.window, [-(1 << p.frac), 3 << p.frac])?;
        if self.between {
            let between = e.xor(&bits[0], &bits[1])?;
            let opened = e.open_selectors([&between, &bits[1]])?;
            let above = e.share_bits(&opened[1])?;
            let y = e.select(&opened[0], &y)?;
            let y = e.combine(&y, &above.with_frac(p.frac), 1, 1)?;
            e.open([OpenRequest::operand(&y, &p)])?;
        }
        Ok(())
    }
}

/// Opens bits, with their masks in the ring.
struct Bits {
    ring: u32,
}

impl Scene for Bits {
    fn script(&self) -> Script {
        let inputs = vec![Input::all(1), Input::all(1)];
        let draws = (0..2).flat_map(|_| [open(1, 1), frame(&[self.ring], 1)]).collect();
        Script { profile: tiny(self.ring, 2), inputs, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let (a, b) = (e.bits(0, &[rows])?, e.bits(1, &[rows])?);
        e.open_selectors([&a, &b]).map(drop)
    }
}

/// ReLU of a wire from its bit on, forward; and, where `backward` is there, of a gradient with the same opened bit.
/// Ends with the results' openings where `opened`. Of the bit all halves vary, or server 0's.
struct Relu {
    profile: Profile,
    bit: Option<u64>,
    forward: [u64; 2],
    backward: Option<[u64; 2]>,
    opened: bool,
}

impl Scene for Relu {
    fn script(&self) -> Script {
        let (p, wire) = (self.profile, self.profile.wire);
        let mut inputs = vec![self.bit.map_or(Input::all(1), |half| Input::all(1).half(1, &[half]))];
        let mut draws = vec![open(1, 1), frame(&[p.ring], 1)];
        for [a, b] in [Some(self.forward), self.backward].into_iter().flatten() {
            inputs.push(Input::given(p.ring, [&[a], &[b]]));
            draws.extend([open(wire, 1), select(&p, wire, 1)]);
            draws.extend(self.opened.then(|| open(p.ring, 1)));
        }
        Script { profile: p, inputs, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let (p, b) = (*e.profile(), e.bits(0, &[rows])?);
        let [b] = e.open_selectors([&b])?;
        for at in 1..=1 + usize::from(self.backward.is_some()) {
            let y = wire(e, at, &[rows])?;
            let y = e.select(&b, &y)?;
            if self.opened {
                e.open([OpenRequest::operand(&y, &p)])?;
            }
        }
        Ok(())
    }
}

/// The winner of a row: comparisons of pairs, whose randomness is given, then all that is opened of it.
struct Winning {
    halves: [Vec<u64>; 2],
}

impl Scene for Winning {
    fn script(&self) -> Script {
        let (p, [a, b]) = (tiny(8, 6), &self.halves);
        let (classes, pairs) = (a.len(), a.len() * (a.len() - 1) / 2);
        let given = |draw: Draw| draw.given(0).given(1);
        let mut draws = vec![given(open(p.wire, classes))];
        draws.extend(compare(p.window.bits(), 1, pairs, None).map(given));
        draws.extend(winner(classes));
        Script { inputs: vec![Input::given(p.ring, [a, b])], profile: p, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let (y, window) = (wire(e, 0, &[rows, self.halves[0].len()])?, e.profile().window);
        let won = e.winner(&y, window)?;
        e.open_bits([&won]).map(drop)
    }
}

/// Counts a hit of an opened bit and a label.
struct Hits {
    ring: u32,
}

impl Scene for Hits {
    fn script(&self) -> Script {
        let n = self.ring;
        Script {
            profile: tiny(n, 2),
            inputs: vec![Input::all(1), Input::all(n)],
            draws: vec![open(1, 1), open(n, 1), frame(&[n, n], 1)],
        }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let (p, won, label) = (*e.profile(), e.bits(0, &[rows])?, share(e, 1, &[rows])?);
        let [won] = e.open_bits([&won])?;
        let [label] = e.open([OpenRequest::operand(&label, &p)])?;
        e.hits(&won, &label).map(drop)
    }
}

#[test]
fn a_wire_and_the_table_of_its_mask_are_uniform_whatever_its_sign() {
    // one digit: a table of 16 bits and the mask's top bit; 2^23 cases a value
    let sign = |x: [u64; 2], given| {
        let (profile, window) = (tiny(8, 6), Window { low: 0, high: 4 });
        exhaust(&Sign { profile, window, halves: Some(x), given, entries: None })
    };
    for y in [0u64, 9, (-5i64).cast_unsigned()] {
        assert_eq!(sign([y.wrapping_sub(77), 77], &[1]), 1 << 23);
    }
    sign([77, 3], &[0]);
}

#[test]
fn the_planes_of_a_comparison_are_uniform_whatever_the_sign() {
    for (high, entries, cases) in [(8, vec![0, 5, 6, 15], 1 << 14), (12, vec![2, 9], 1 << 20)] {
        for y in [0, 1, -1, 77, -40] {
            let halves = Some([y - 1_000_003, 1_000_003].map(i64::cast_unsigned));
            let (profile, window) = (tiny(high + 4, high + 2), Window { low: 0, high });
            let sign = Sign { profile, window, halves, given: &[0, 1], entries: Some(entries.clone()) };
            assert_eq!(exhaust(&sign), cases);
        }
    }
}

#[test]
fn every_bit_of_a_comparison_has_a_pad_of_its_own() {
    for p in [Profile::small(), Profile::wide()] {
        for window in [p.window, p.argmax_window()] {
            let profile = p;
            pads(&Sign { profile, window, halves: None, given: &[], entries: None }, 60, 1 << 12).unwrap();
        }
    }
}

#[test]
fn two_thresholds_on_the_same_tables_are_uniform_whatever_lies_between_them() {
    for y in [0, 5, 77, -40] {
        let halves = Some([y - 1_000_003, 1_000_003].map(i64::cast_unsigned));
        let (profile, window, entries) = (tiny(12, 10), Window { low: 0, high: 8 }, Some(vec![0, 7, 9]));
        assert_eq!(exhaust(&Thresholds { profile, window, halves, entries, between: false }), 1 << 17);
    }
    for profile in [Profile::small(), Profile::wide()] {
        let window = profile.window;
        pads(&Thresholds { profile, window, halves: None, entries: None, between: true }, 20, 1 << 12).unwrap();
    }
}

#[test]
fn opened_bits_are_uniform_whatever_they_are() {
    for ring in 2..=6 {
        assert_eq!(exhaust(&Bits { ring }), 1 << (8 + 2 * ring));
    }
}

#[test]
fn a_bit_that_is_opened_once_selects_forward_and_backward_and_tells_nothing() {
    let relu = |[ring, wire]: [u32; 2], bit, forward, backward, opened| {
        exhaust(&Relu { profile: tiny(ring, wire), bit, forward, backward, opened })
    };
    for forward in [[0, 0], [5, 4]] {
        assert_eq!(relu([3, 2], None, forward, None, true), 1 << 23);
        relu([4, 3], None, forward, None, false);
        relu([4, 2], None, forward, None, false);
    }
    assert_eq!(relu([3, 2], Some(1), [6, 3], Some([1, 6]), false), 1 << 26);
    for profile in [Profile::small(), Profile::wide()] {
        pads(&Relu { profile, bit: None, forward: [0; 2], backward: Some([0; 2]), opened: true }, 20, 1 << 12).unwrap();
    }
}

#[test]
fn the_winner_of_a_row_is_opened_uniformly_whoever_it_is() {
    for y in [[0, 0, 0], [1, 2, 3], [3, 2, 1], [-4, 5, 2], [7, 7, -7]] {
        let own = [11i64, 200, 3_000];
        let other = [0, 1, 2].map(|i| (y[i] - own[i]).cast_unsigned());
        let halves = [own.map(i64::cast_unsigned).to_vec(), other.to_vec()];
        assert_eq!(exhaust(&Winning { halves }), 1 << 15);
    }
    // four classes are out of reach
    pads(&Winning { halves: [vec![0; 4], vec![0; 4]] }, 40, 1 << 12).unwrap();
}

#[test]
fn hits_tell_the_servers_nothing() {
    for (ring, cases) in [(2, 1 << 16), (3, 1 << 22)] {
        assert_eq!(exhaust(&Hits { ring }), cases);
    }
}
