//! Views and results together, of all that rounds: cuts, rescaling, comparisons, ReLU; and of what is exact.

use super::bits::Sign;
use super::linear::{Kind, Products, Rescaling, Truncation, Weights};
use super::pool::{Larger, Picking};
use super::*;

impl Ideal for Truncation {
    /// The cut value on the wire, and as a share of the ring.
    fn ideal(&self, secrets: &[u64], seen: &Seen<'_>) -> Vec<u64> {
        let (n, l) = (self.profile.ring, self.profile.wire_after(self.cut));
        let y = rounded(signed(secrets[0] & mask(n), n), self.cut, coin(seen.server, seen.half(0, 0), self.cut));
        vec![y & mask(l), extended(y, seen.opened(0, 0, sent(seen, 0, 0, self.cut, l)), l, n)]
    }
}

impl Ideal for Weights {
    /// The cut weight, opened and not.
    fn ideal(&self, secrets: &[u64], seen: &Seen<'_>) -> Vec<u64> {
        let cut = MASTER_FRAC - self.profile.frac;
        let coin = coin(seen.server, seen.half(0, 0) << self.shift, cut);
        let w = rounded(secrets[0].cast_signed(), cut, coin) & mask(self.profile.ring);
        vec![w, w]
    }
}

impl Ideal for Rescaling {
    fn ideal(&self, secrets: &[u64], seen: &Seen<'_>) -> Vec<u64> {
        let half = seen.half(0, 0) << self.at;
        vec![rescaled(seen.server, half, secrets[0], [self.bits, Self::SCALE, Self::TIMES], self.shift)]
    }
}

impl Ideal for Sign {
    fn ideal(&self, secrets: &[u64], seen: &Seen<'_>) -> Vec<u64> {
        let (l, w) = (self.profile.wire, self.window.on(self.profile.wire));
        vec![positive(windowed(secrets[0], seen.opened(0, 0, sent(seen, 0, 0, 0, l)), l, w), w.bits())]
    }
}

impl Ideal for Larger {
    /// Both sides are cut by coins of their own.
    fn ideal(&self, secrets: &[u64], seen: &Seen<'_>) -> Vec<u64> {
        let (l, w) = (self.profile.wire, self.window.on(self.profile.wire));
        let cut = |at: usize| windowed(secrets[at], seen.opened(at, 0, sent(seen, at, 0, 0, l)), l, w);
        vec![positive(cut(0).wrapping_sub(cut(1)), w.bits())]
    }
}

impl Ideal for Picking {
    /// No coins.
    fn ideal(&self, secrets: &[u64], _: &Seen<'_>) -> Vec<u64> {
        let [c, x, y] = [secrets[0] & 1, secrets[1], secrets[2]];
        vec![if c == 1 { x } else { y } & mask(self.profile.wire)]
    }
}

impl Ideal for Products {
    /// No coins.
    fn ideal(&self, secrets: &[u64], _: &Seen<'_>) -> Vec<u64> {
        vec![secrets[0].wrapping_mul(secrets[1]) & mask(self.bits)]
    }
}

/// What a server sends of a lifted wire, but for its mask.
fn sent(seen: &Seen<'_>, input: usize, number: usize, cut: u32, wire: u32) -> u64 {
    let half = seen.half(input, number);
    if seen.server == 0 { (half >> cut).wrapping_add(1 << (wire - 2)) } else { (half + mask(cut)) >> cut }
}

/// A wire's ReLU in one piece: cut and opened, compared, the bit opened, selected. All but the wire is given, and its mask at
/// one server.
struct Relu {
    profile: Profile,
    cut: u32,
    given: usize,
}

impl Scene for Relu {
    fn script(&self) -> Script {
        let (p, wire) = (self.profile, self.profile.wire_after(self.cut));
        let [own, tables] = compare(p.window.on(wire).bits(), 1, 1, None);
        let rest = [own, tables, open(1, 1), frame(&[p.ring], 1), select(&p, wire, 1)];
        let draws = [open(wire, 1).given(self.given)].into_iter().chain(rest.map(|draw| draw.given(0).given(1)));
        Script { inputs: vec![Input::all(p.ring)], draws: draws.collect(), profile: p }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        self.results(e, rows, 1).map(drop)
    }

    fn results<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<Vec<Output<E>>> {
        let p = *e.profile();
        let z = share_at(e, 0, &[rows], p.frac + self.cut)?;
        let [y] = e.open([OpenRequest::product(&z, &p)])?;
        let [b] = e.sign([(&y, p.window)])?;
        let [b] = e.open_selectors([&b])?;
        Ok(vec![Output::Share(e.select(&b, &y)?)])
    }
}

impl Ideal for Relu {
    fn ideal(&self, secrets: &[u64], seen: &Seen<'_>) -> Vec<u64> {
        let (n, l) = (self.profile.ring, self.profile.wire_after(self.cut));
        let y = rounded(signed(secrets[0] & mask(n), n), self.cut, coin(seen.server, seen.half(0, 0), self.cut));
        let (hat, w) = (seen.opened(0, 0, sent(seen, 0, 0, self.cut, l)), self.profile.window.on(l));
        vec![positive(windowed(y, hat, l, w), w.bits()) * extended(y, hat, l, n)]
    }
}

/// The winner of a row. All but the wire's masks is given, and those at one server.
struct Largest {
    halves: [Vec<u64>; 2],
    given: usize,
}

impl Largest {
    const WIRE: u32 = 7;
    const WINDOW: Window = Window { low: 1, high: 5 };
}

impl Scene for Largest {
    fn script(&self) -> Script {
        let (p, [a, b]) = (tiny(8, Self::WIRE), &self.halves);
        let (classes, pairs) = (a.len(), a.len() * (a.len() - 1) / 2);
        let rest = compare(Self::WINDOW.bits(), 1, pairs, None).into_iter().chain(winner(classes));
        let mut draws = vec![open(p.wire, classes).given(self.given)];
        draws.extend(rest.map(|draw| draw.given(0).given(1)));
        Script { inputs: vec![Input::given(p.ring, [a, b])], profile: p, draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        self.results(e, rows, 1).map(drop)
    }

    fn results<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<Vec<Output<E>>> {
        let y = wire(e, 0, &[rows, self.halves[0].len()])?;
        let won = e.winner(&y, Self::WINDOW)?;
        let [won] = e.open_bits([&won])?;
        Ok(vec![Output::MaskedBits(won)])
    }
}

impl Ideal for Largest {
    fn ideal(&self, secrets: &[u64], seen: &Seen<'_>) -> Vec<u64> {
        let (l, w) = (Self::WIRE, Self::WINDOW);
        let v = |at: usize| windowed(secrets[at], seen.opened(0, at, sent(seen, 0, at, 0, l)), l, w);
        let first = |i: usize, j: usize| positive(v(i).wrapping_sub(v(j)), w.bits());
        let beats = |i: usize, j: usize| if i < j { first(i, j) } else { 1 ^ first(j, i) };
        let classes = secrets.len();
        (0..classes).map(|i| (0..classes).filter(|j| *j != i).map(|j| beats(i, j)).product()).collect()
    }
}

#[test]
fn cut_products_are_rounded_by_a_coin_in_either_servers_view() {
    for (ring, wire, cut) in [(3, 2, 0), (4, 2, 1), (4, 3, 1), (5, 3, 2), (5, 2, 3)] {
        joint(&Truncation { profile: tiny(ring, wire), cut }, &[0, 1]).unwrap();
    }
}

#[test]
fn opened_weights_and_models_are_rounded_by_a_coin_in_either_servers_view() {
    for (ring, bits, shift) in [(2, 5, 28), (3, 6, 28), (4, 6, 0), (4, 6, 58)] {
        joint(&Weights { profile: tiny(ring, 2), bits, shift }, &[0, 1]).unwrap();
    }
}

#[test]
fn rescaled_values_are_rounded_by_a_coin_in_either_servers_view() {
    for (ring, shift, given) in [(4, -58, false), (6, -56, false), (4, 1, true), (5, 2, true), (7, 3, true)] {
        let rescaling = Rescaling { profile: tiny(ring, 2), bits: ring, varies: ring, at: 0, shift, given };
        joint(&rescaling, &[0, 1]).unwrap();
    }
    // of 64 bits the highest and the lowest
    for (at, shift) in [(58, 3), (0, 4), (1, 2)] {
        let rescaling = Rescaling { profile: tiny(4, 2), bits: 64, varies: 6, at, shift, given: false };
        joint(&rescaling, &[0, 1]).unwrap();
    }
}

#[test]
fn signs_are_decided_by_a_coin_in_both_servers_views() {
    for given in [0, 1] {
        let (profile, window) = (tiny(7, 7), Window { low: 1, high: 5 });
        let of = if given == 0 { &[0][..] } else { &[1] };
        let sign = Sign { profile, window, halves: None, given: of, entries: Some(vec![9]) };
        assert_eq!(joint(&sign, &[given]), Ok(1 << 23));
        // two digits, two bits below them
        let (profile, window) = (tiny(12, 12), Window { low: 2, high: 10 });
        for y in [0, 1, -1, -2, -3, -4, 77, -1024, 1020, 2047] {
            let halves = Some([y - 1_000_003, 1_000_003].map(i64::cast_unsigned));
            let (profile, entries) = (profile, Some(vec![3]));
            joint(&Sign { profile, window, halves, given: of, entries }, &[given]).unwrap();
        }
    }
}

#[test]
fn pairs_are_decided_by_two_coins_in_both_servers_views() {
    for given in [0, 1] {
        for [x, y] in [[0, 0], [0, 1], [-1, 0], [5, 6], [6, 5], [31, -32], [-7, 20], [-32, -31], [63, 2]] {
            let halves = Some([[x - 77, 77], [y - 1_003, 1_003]].map(|half| half.map(i64::cast_unsigned)));
            let of = if given == 0 { [&[0][..]; 2] } else { [&[1][..]; 2] };
            let (profile, window, entries) = (tiny(8, 7), Window { low: 1, high: 5 }, Some(vec![4]));
            let larger = Larger { profile, window, halves, given: of, entries, again: false };
            joint(&larger, &[given]).unwrap();
        }
        for y in [[0, 0, 0], [1, 0, 1], [-3, -2, -4], [9, 10, 9]] {
            let own = [11i64, 200, 3_000];
            let halves = [own, [0, 1, 2].map(|i| y[i] - own[i])].map(|all| all.map(i64::cast_unsigned).to_vec());
            assert_eq!(joint(&Largest { halves, given }, &[given]), Ok(1 << 21));
        }
    }
}

#[test]
fn a_relu_is_rounded_and_decided_by_coins_in_both_servers_views() {
    for given in [0, 1] {
        let profile = Profile { window: Window { low: 1, high: 5 }, ..tiny(8, 7) };
        assert_eq!(joint(&Relu { profile, cut: 1, given }, &[given]), Ok(1 << 23));
    }
}

#[test]
fn products_and_picks_are_exact_whatever_a_server_sees() {
    assert_eq!(joint(&Products { bits: 2, given: None, kind: Kind::One }, &[0, 1]), Ok(1 << 18));
    let profile = tiny(4, 3);
    assert_eq!(joint(&Picking { profile, halves: [[5, 4], [3, 7]], opened: false }, &[0, 1]), Ok(1 << 22));
}
