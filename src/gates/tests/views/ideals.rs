//! Functionalities that the gates do not meet: the pair of view and result says so, though neither does alone.

use super::bits::Sign;
use super::linear::{Truncation, Weights};
use super::*;

/// All pairs of what a server sees and of the first result.
fn pairs(scene: &impl Scene, server: usize) -> Vec<(u64, u64)> {
    let mut pairs = Vec::new();
    views(scene, Seating::new(&scene.script(), false), |to, _, view, results| {
        if to == server {
            pairs.push((view, results[0]));
        }
    });
    pairs.sort_unstable();
    pairs
}

/// The pairs of a functionality that draws one of `coins` coins which the server does not see, each pair `coins` times as often.
fn unseen(real: &[(u64, u64)], coins: u64, result: impl Fn(u64, u64) -> u64) -> Vec<(u64, u64)> {
    let all = |(view, _): &(u64, u64)| (0..coins).map(|coin| (*view, result(*view, coin))).collect::<Vec<_>>();
    let mut ideal: Vec<_> = real.iter().flat_map(all).collect();
    ideal.sort_unstable();
    ideal
}

/// Every pair so many times.
fn times(real: &[(u64, u64)], coins: u64) -> Vec<(u64, u64)> {
    real.iter().flat_map(|pair| vec![*pair; usize::try_from(coins).unwrap()]).collect()
}

fn sorted(values: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values
}

/// The claim that this replaces: the functionality draws the coins, and a server sees something that is independent of them.
#[test]
fn coins_that_nobody_sees_are_told_from_those_in_a_servers_view() {
    let (profile, cut) = (tiny(4, 2), 2);
    let scene = Truncation { profile, cut };
    let places = Seating::new(&scene.script(), false);
    for server in [0, 1] {
        let half = |view: u64, at: usize| view >> places.inputs[0][at].string().next().unwrap() & 15;
        let secret = |view: u64| half(view, 0).wrapping_add(half(view, 1)) & 15;
        let real = pairs(&scene, server);
        let rounded = |view, u| rounded(signed(secret(view), 4), cut, u) & 3;
        let (real, ideal) = (times(&real, 4), unseen(&real, 4, rounded));
        assert_ne!(real, ideal, "server {server} cannot tell");
        // neither the view nor the result of a secret tells alone
        assert_eq!(sorted(real.iter().map(|(view, _)| *view)), sorted(ideal.iter().map(|(view, _)| *view)));
        let results = |pairs: &[(u64, u64)]| sorted(pairs.iter().map(|(view, y)| secret(*view) << 2 | y));
        assert_eq!(results(&real), results(&ideal));
    }
}

#[test]
fn a_sign_by_a_coin_that_nobody_sees_is_told_from_one_by_the_opened_value() {
    let y = -1i64;
    let (profile, window) = (tiny(7, 7), Window { low: 1, high: 5 });
    let halves = Some([y - 1_003, 1_003].map(i64::cast_unsigned));
    let scene = Sign { profile, window, halves, given: &[0], entries: Some(vec![5]) };
    let real = pairs(&scene, 1);
    let ideal = unseen(&real, 2, |_, u| positive(rounded(y, 1, u), 4));
    let real = times(&real, 2);
    assert_ne!(real, ideal);
    let results = |pairs: &[(u64, u64)]| sorted(pairs.iter().map(|(_, bit)| *bit));
    assert_eq!(results(&real), results(&ideal));
}

/// A functionality that rounds by something else than the coin.
struct Otherwise {
    scene: Truncation,
    coin: fn(&Seen<'_>) -> u64,
}

impl Scene for Otherwise {
    fn script(&self) -> Script {
        self.scene.script()
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, cols: usize) -> Result<()> {
        self.scene.run(e, rows, cols)
    }

    fn results<E: Party>(&self, e: &mut E, rows: usize, cols: usize) -> Result<Vec<Output<E>>> {
        self.scene.results(e, rows, cols).map(|mut all| vec![all.remove(0)])
    }
}

impl Ideal for Otherwise {
    fn ideal(&self, secrets: &[u64], seen: &Seen<'_>) -> Vec<u64> {
        vec![rounded(signed(secrets[0] & 15, 4), self.scene.cut, (self.coin)(seen)) & 3]
    }
}

#[test]
fn a_functionality_that_rounds_otherwise_is_noticed() {
    let with = |coin| joint(&Otherwise { scene: Truncation { profile: tiny(4, 2), cut: 2 }, coin }, &[0, 1]);
    with(|seen| coin(seen.server, seen.half(0, 0), 2)).unwrap();
    let others: [fn(&Seen<'_>) -> u64; 4] = [
        |_| 0,
        |_| 2,
        |seen| coin(1 - seen.server, seen.half(0, 0), 2),
        |seen| coin(seen.server, seen.half(0, 0), 2) ^ 1,
    ];
    for other in others {
        assert!(with(other).unwrap_err().contains("by what server"));
    }
}

/// One weight, opened twice, under one mask where `again`.
struct Twice {
    once: Weights,
    again: bool,
}

impl Scene for Twice {
    fn script(&self) -> Script {
        let mut script = self.once.script();
        script.draws.push(if self.again { Draw::Again(0) } else { open(script.profile.ring, 1) });
        script
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        self.results(e, rows, 1).map(drop)
    }

    fn results<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<Vec<Output<E>>> {
        let mut both = self.once.results(e, rows, 1)?;
        both.truncate(1);
        both.extend(self.once.results(e, rows, 1)?.into_iter().take(1));
        Ok(both)
    }
}

impl Ideal for Twice {
    fn ideal(&self, secrets: &[u64], seen: &Seen<'_>) -> Vec<u64> {
        self.once.ideal(secrets, seen)
    }
}

/// Coins are uniform each; those of one share, or of shares whose low bits stay as they are, are the same every time.
#[test]
fn a_share_that_is_cut_twice_is_rounded_by_one_coin() {
    let twice = |again| Twice { once: Weights { profile: tiny(2, 2), bits: 5, shift: 28 }, again };
    joint(&twice(false), &[0, 1]).unwrap();
    // two coins would round one weight to two values
    let (cut, half) = (31, 1i64 << 30);
    let both = [0, mask(cut)].map(|coin| rounded(half, cut, coin));
    assert_ne!(both[0], both[1]);
}

#[test]
fn a_mask_that_serves_two_openings_is_noticed_with_the_results_too() {
    let twice = |again| Twice { once: Weights { profile: tiny(2, 2), bits: 5, shift: 28 }, again };
    assert!(joint(&twice(true), &[0, 1]).unwrap_err().contains("no pad of their own"));
}
