//! The joint law of what a server sees and of what comes out, against a functionality that gets its coins from the simulator
//! (docs/protocols.md 2.6).
//!
//! For a function with coins, views that tell nothing are not enough: view and result together have to have the law that a
//! simulator makes. The simulator here draws a uniform view and hands the functionality the coins in it. So two things are asked
//! of all cases: every view occurs once, whatever the secret; and what both servers' halves of the result add up to is
//! [`Ideal::ideal`] of the secrets and of *that view*. A server's own half follows from its view, the other's is the rest.

use std::result::Result;

use super::*;

/// A scene with its functionality.
pub(super) trait Ideal: Scene {
    /// What comes out, from the secrets and from what one server sees.
    fn ideal(&self, secrets: &[u64], seen: &Seen<'_>) -> Vec<u64>;
}

/// What one server sees of a case.
pub(super) struct Seen<'a> {
    pub(super) server: usize,
    seating: &'a Seating,
    view: u64,
}

impl Seen<'_> {
    /// Its half of an input's number.
    pub(super) fn half(&self, input: usize, number: usize) -> u64 {
        self.number(&self.seating.inputs[input][self.server], number)
    }

    /// The number of an opened list of `bits` bits, of which this server sent `own` under its mask.
    pub(super) fn opened(&self, draw: usize, number: usize, own: u64) -> u64 {
        let items = &self.seating.draws[draw].items;
        let (mine, theirs) = (&items[self.server][0], &items[1 - self.server][0]);
        let heard = theirs.to[number].expect("the functionality asks for what is looked at");
        own.wrapping_add(self.number(mine, number)).wrapping_add(self.view >> heard) & mask(mine.bits)
    }

    fn number(&self, item: &Placed, number: usize) -> u64 {
        match item.from[number] {
            From::String(at) => self.view >> at & mask(item.bits),
            From::Given(x) => x & mask(item.bits),
        }
    }
}

/// Goes through all cases of a scene and holds them against its functionality, with each of `servers` corrupted; returns how
/// many there were.
///
/// # Errors
/// What the simulator would be told by.
pub(super) fn joint(scene: &impl Ideal, servers: &[usize]) -> Result<usize, String> {
    let (script, seating) = (scene.script(), Seating::new(&scene.script(), false));
    every(scene, |server, view, results| {
        if !servers.contains(&server) {
            return Ok(());
        }
        let seen = |server| Seen { server, seating: &seating, view };
        let both = [seen(0), seen(1)];
        let secret = |(at, input): (usize, &Input)| {
            let numbers = seating.inputs[at][0].from.len();
            let half = |server: usize, number| both[server].half(at, number) << input.shift;
            (0..numbers).map(|number| half(0, number).wrapping_add(half(1, number))).collect::<Vec<_>>()
        };
        let secrets: Vec<u64> = script.inputs.iter().enumerate().flat_map(secret).collect();
        let ideal = scene.ideal(&secrets, &both[server]);
        if ideal == results {
            return Ok(());
        }
        Err(format!("of {secrets:x?} comes {results:x?}, by what server {server} sees ({view:#x}) it were {ideal:x?}"))
    })
}
