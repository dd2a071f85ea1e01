//! How many values of a sample are out of range: two thresholds over a wire's whole ring, the bit between them, opened and
//! counted.

use super::*;
use crate::gates::{Checked, SamplePositions, Sampling};

/// Opens a wire, takes a sample of all of it, checks it and counts. Of the tables only `entries` vary where some are named.
struct Ranges {
    profile: Profile,
    halves: Option<[u64; 2]>,
    entries: Option<Vec<usize>>,
    bound: u64,
}

impl Scene for Ranges {
    fn script(&self) -> Script {
        let (p, wire) = (self.profile, self.profile.wire);
        let k = (wire - wire % 4).min(12);
        let (input, open_wire) = match &self.halves {
            None => (Input::all(p.ring), open(wire, 1)),
            Some([a, b]) => (Input::given(p.ring, [&[*a], &[*b]]), open(wire, 1).given(0).given(1)),
        };
        let mut draws = vec![open_wire];
        draws.extend(compare(k, 1, 1, self.entries.as_deref()));
        draws.extend(threshold(k, 1, 1));
        draws.extend([open(1, 1), frame(&[p.ring], 1)]);
        Script { profile: p, inputs: vec![input], draws }
    }

    fn run<E: Party>(&self, e: &mut E, rows: usize, _: usize) -> Result<()> {
        let y = wire(e, 0, &[rows])?;
        let y = e.sample(Sampling { kept: None, y: &y, z: None, places: SamplePositions::all(rows) })?;
        let out = e.outside(&[Checked { wire: &y, bound: self.bound, lifted: true }])?;
        let out = e.open_selectors([&out[0]])?;
        e.count(None, &[&out[0]]).map(drop)
    }
}

#[test]
fn what_is_opened_of_a_range_is_uniform_whether_a_value_is_in_it_or_not() {
    let halves = |y: i64| Some([y - 1_000_003, 1_000_003].map(i64::cast_unsigned));
    for y in [0, 3] {
        // one digit with its whole table
        assert_eq!(exhaust(&Ranges { profile: tiny(5, 4), halves: halves(y), entries: None, bound: 2 }), 1 << 24);
        // two digits, an entry of each table
        let entries = Some(vec![usize::try_from(y & 15).unwrap()]);
        assert_eq!(exhaust(&Ranges { profile: tiny(9, 8), halves: halves(9 * y), entries, bound: 16 }), 1 << 24);
    }
    for profile in [Profile::small(), Profile::wide()] {
        let bound = 1 << profile.window.high;
        pads(&Ranges { profile, halves: None, entries: None, bound }, 20, 1 << 12).unwrap();
    }
}
