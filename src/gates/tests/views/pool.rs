//! Max pooling: the larger of two wires, picking it, ANDs of opened bits, values and bits opened in one round.

use super::*;

/// Opens two wires and compares them. Of the tables only `entries` vary where some are named.
pub(super) struct Larger {
    pub(super) profile: Profile,
    pub(super) window: Window,
    pub(super) halves: Option<[[u64; 2]; 2]>,
    /// The servers whose masks of a wire are given.
    pub(super) given: [&'static [usize]; 2],
    pub(super) entries: Option<Vec<usize>>,
    /// A slip: one mask for both wires.
    pub(super) again: bool,
}

impl Scene for Larger {
    fn script(&self) -> Script {
        let p = self.profile;
        let input = |at: usize| match &self.halves {
            None => Input::all(p.ring),
            Some(halves) => Input::given(p.ring, [&[halves[at][0]], &[halves[at][1]]]),
        };
        let wire = |at: usize| self.given[at].iter().fold(open(p.wire, 1), |draw, server| draw.given(*server));
        let mut draws = vec![wire(0), if self.again { Draw::Again(0) } else { wire(1) }];
        draws.extend(compare(self.window.on(p.wire).bits(), 1, 1, self.entries.as_deref()));
        Script { inputs: vec![input(0), input(1)], profile: p, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        self.results(e, rows, 1).map(drop)
    }

    fn results<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<Vec<Output<E>>> {
        let (x, y) = (wire(e, 0, &[rows])?, wire(e, 1, &[rows])?);
        Ok(e.larger([(&x, &y)], self.window)?.into_iter().map(Output::Bits).collect())
    }
}

/// Picks one of two wires by an opened bit, and opens it where `opened`; both halves of the bit vary.
pub(super) struct Picking {
    pub(super) profile: Profile,
    pub(super) halves: [[u64; 2]; 2],
    pub(super) opened: bool,
}

impl Scene for Picking {
    fn script(&self) -> Script {
        let (p, l) = (self.profile, self.profile.wire);
        let [x, y] = self.halves.map(|[a, b]| Input::given(p.ring, [&[a], &[b]]));
        let mut draws = vec![open(1, 1), open(l, 1), open(l, 1), frame(&[l, l], 1)];
        draws.extend(self.opened.then(|| open(l, 1)));
        Script { profile: p, inputs: vec![Input::all(1), x, y], draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        self.results(e, rows, 1).map(drop)
    }

    fn results<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<Vec<Output<E>>> {
        let c = e.bits(0, &[rows])?;
        let [c] = e.open_bits([&c])?;
        let (x, y) = (wire(e, 1, &[rows])?, wire(e, 2, &[rows])?);
        let picked = e.pick(&c, &x, &y)?;
        if self.opened {
            e.open([OpenRequest::picked(&picked)])?;
        }
        Ok(vec![Output::Share(picked)])
    }
}

/// Opens bits, takes the AND of all, every other one complemented, and opens that. Server 1's halves are given where there are
/// some.
struct And {
    bits: usize,
    own: Option<Vec<u64>>,
}

impl Scene for And {
    fn script(&self) -> Script {
        let input = |at: usize| match &self.own {
            None => Input::all(1),
            Some(own) => Input::all(1).half(1, &[own[at]]),
        };
        let mut draws: Vec<Draw> = (0..self.bits).map(|_| open(1, 1)).collect();
        draws.extend([frame(&vec![1; (1 << self.bits) - self.bits - 1], 1), open(1, 1)]);
        Script { profile: tiny(4, 2), inputs: (0..self.bits).map(input).collect(), draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let bits = (0..self.bits).map(|at| e.bits(at, &[rows])).collect::<Result<Vec<_>>>()?;
        let opened = e.open_bits_all(&bits.iter().collect::<Vec<_>>())?;
        let flagged: Vec<_> = opened.iter().zip([false, true].into_iter().cycle()).collect();
        let all = e.and(&flagged)?;
        e.open_bits([&all]).map(drop)
    }
}

/// Opens a value and bits in one round, the bits with their masks in the ring.
struct Both {
    ring: u32,
    bits: usize,
}

impl Scene for Both {
    fn script(&self) -> Script {
        let mut inputs = vec![Input::all(self.ring)];
        let mut draws = vec![open(self.ring, 1)];
        for _ in 0..self.bits {
            inputs.push(Input::all(1));
            draws.extend([open(1, 1), frame(&[self.ring], 1)]);
        }
        Script { profile: tiny(self.ring, 2), inputs, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let (p, x) = (*e.profile(), share(e, 0, &[rows])?);
        let bits = (1..=self.bits).map(|at| e.bits(at, &[rows])).collect::<Result<Vec<_>>>()?;
        e.open_with_selectors([OpenRequest::operand(&x, &p)], &bits.iter().collect::<Vec<_>>()).map(drop)
    }
}

/// A max pool of two and a ReLU in one piece, forward and backward.
struct MaxPool {
    profile: Profile,
}

impl Scene for MaxPool {
    fn script(&self) -> Script {
        let p = self.profile;
        let (n, l, k) = (p.ring, p.wire, p.window.bits());
        let mut draws = vec![open(l, 1), open(l, 1)];
        draws.extend(compare(k, 1, 1, None));
        draws.extend([open(1, 1), frame(&[l, l], 1), open(l, 1)]);
        draws.extend(compare(k, 1, 1, None));
        draws.extend([open(1, 1), frame(&[n], 1), select(&p, l, 1), frame(&[1], 1), frame(&[1], 1)]);
        draws.extend([open(n, 1), open(1, 1), frame(&[n], 1), open(1, 1), frame(&[n], 1)]);
        draws.extend([open(l, 1), select(&p, l, 1), select(&p, l, 1), open(n, 1), open(n, 1)]);
        Script { inputs: vec![Input::all(n), Input::all(n), Input::all(n)], profile: p, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let p = *e.profile();
        let (x, y) = (wire(e, 0, &[rows])?, wire(e, 1, &[rows])?);
        let [c] = e.larger([(&x, &y)], p.window)?;
        let [c] = e.open_bits([&c])?;
        let picked = e.pick(&c, &x, &y)?;
        let [top] = e.open([OpenRequest::picked(&picked)])?;
        let [sign] = e.sign([(&top, p.window)])?;
        let [sign] = e.open_selectors([&sign])?;
        let (top, sign) = (e.select(&sign, &top)?, E::bits_of(&sign));
        let (first, second) = (e.and(&[(&sign, false), (&c, false)])?, e.and(&[(&sign, false), (&c, true)])?);
        let (_, won) = e.open_with_selectors([OpenRequest::operand(&top, &p)], &[&first, &second])?;
        let dy = wire(e, 2, &[rows])?;
        let [a, b] = [e.select(&won[0], &dy)?, e.select(&won[1], &dy)?];
        e.open([OpenRequest::operand(&a, &p), OpenRequest::operand(&b, &p)]).map(drop)
    }
}

#[test]
fn two_wires_and_the_table_of_their_masks_are_uniform_whichever_is_the_larger() {
    // one digit: a table of 16 bits and the top bit of the masks' difference
    for [x, y] in [[3i64, 3], [-7, 2], [5, -4]] {
        for (given, entries) in
            [([&[1][..], &[0, 1]], None), ([&[0, 1], &[1]], None), ([&[1], &[1]], Some((3..13).collect::<Vec<_>>()))]
        {
            let halves = Some([[x - 77, 77], [y - 1_003, 1_003]].map(|half| half.map(i64::cast_unsigned)));
            let (profile, window) = (tiny(8, 6), Window { low: 0, high: 4 });
            let larger = Larger { profile, window, halves, given, entries, again: false };
            assert_eq!(exhaust(&larger), 1 << 23);
        }
    }
}

#[test]
fn the_planes_of_a_comparison_of_two_wires_are_uniform_whichever_is_the_larger() {
    for (high, entries, cases) in [(8, vec![0, 5, 6, 15], 1 << 14), (12, vec![2, 9], 1 << 20)] {
        for [x, y] in [[0, 0], [77, -40], [-1, 0], [12, 100]] {
            let halves = Some([[x - 1_000_003, 1_000_003], [y + 99, -99]].map(|half| half.map(i64::cast_unsigned)));
            let (profile, window) = (tiny(high + 4, high + 2), Window { low: 0, high });
            let given = [&[0, 1][..]; 2];
            let larger = Larger { profile, window, halves, given, entries: Some(entries.clone()), again: false };
            assert_eq!(exhaust(&larger), cases);
        }
    }
}

/// The control of the two above, and of the pads below.
#[test]
fn one_mask_for_two_wires_that_are_compared_tells_their_difference() {
    let scene = |secret: u64, again| {
        let (profile, window) = (tiny(8, 6), Window { low: 0, high: 4 });
        let (halves, given) = (Some([[9 + secret, 7], [13, 3]]), [&[1][..]; 2]);
        Larger { profile, window, halves, given, entries: Some(vec![5]), again }
    };
    assert_eq!(law(&scene(0, false), 1), law(&scene(5, false), 1));
    assert_ne!(law(&scene(0, true), 1), law(&scene(5, true), 1));
    assert!(pads(&scene(0, false), 5, 1 << 12).is_ok());
    assert!(pads(&scene(0, true), 5, 1 << 12).unwrap_err().contains("no pad of their own"));
}

#[test]
fn what_is_picked_and_the_bit_that_picks_are_uniform() {
    for halves in [[[0, 0], [0, 0]], [[5, 4], [3, 7]], [[1, 6], [6, 2]]] {
        let picking = |ring, wire, opened| Picking { profile: tiny(ring, wire), halves, opened };
        assert_eq!(exhaust(&picking(3, 2, true)), 1 << 20);
        assert_eq!(exhaust(&picking(4, 3, false)), 1 << 22);
    }
}

#[test]
fn the_and_of_opened_bits_is_uniform_whatever_they_are() {
    for (bits, cases) in [(2, 1 << 11), (3, 1 << 18)] {
        assert_eq!(exhaust(&And { bits, own: None }), cases);
    }
    for own in [vec![0; 4], vec![1, 0, 1, 1]] {
        assert_eq!(exhaust(&And { bits: 4, own: Some(own) }), 1 << 25);
    }
    // five are out of reach
    pads(&And { bits: 5, own: None }, 60, 1 << 12).unwrap();
}

#[test]
fn a_value_and_bits_in_one_round_are_uniform_whatever_they_are() {
    for (ring, bits, cases) in [(2, 1, 1 << 14), (2, 2, 1 << 20), (3, 1, 1 << 19), (4, 1, 1 << 24)] {
        assert_eq!(exhaust(&Both { ring, bits }), cases);
    }
}

#[test]
fn every_bit_of_a_max_pool_has_a_pad_of_its_own() {
    for profile in [Profile::small(), Profile::wide()] {
        let window = profile.window;
        let larger = Larger { profile, window, halves: None, given: [&[]; 2], entries: None, again: false };
        pads(&larger, 20, 1 << 12).unwrap();
        pads(&MaxPool { profile }, 20, 1 << 12).unwrap();
    }
}
