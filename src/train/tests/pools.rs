//! Max pools where there is more than one largest, or none above 0.

use super::*;
use crate::gates::ImageWindows;
use crate::gates::harness::{Gate, Record};
use crate::nn::{self, Activation, PoolMethod};
use crate::party::Scaled;
use crate::shape::Shape;

/// A pool and its way back, of the first parameter, and of the second as the gradient.
struct Pooled {
    boxes: ImageWindows,
    method: PoolMethod,
    rows: usize,
    /// Fraction bits that folds added.
    short: u32,
}

impl Program for Pooled {
    fn run<E: Engine>(&self, e: &mut E) -> Result<()> {
        let mut pool = nn::layers::Pooled { boxes: self.boxes, method: self.method }.module::<E>();
        let frac = 2 * e.profile().frac + self.short;
        let share = |e: &mut E, index, cols| {
            let x = e.parameter(index, &Shape::from([self.rows, cols]))?.with_frac(frac);
            e.narrow(&x, frac)
        };
        let (z, dy) = (share(e, 0, self.boxes.image_len())?, share(e, 1, self.boxes.output_len())?);
        e.scope("forward");
        pool.forward(e, &z, true, None)?;
        e.scope("backward");
        pool.backward(e, &dy, None)?;
        Ok(())
    }
}

/// What was opened last in a scope.
fn last(records: &[Record<ClearTensor>], scope: &str) -> Vec<i64> {
    let open = |r: &&Record<ClearTensor>| r.scope == scope && matches!(r.gate, Gate::Open { .. });
    records.iter().rfind(open).unwrap().output.x.clone()
}

#[test]
fn of_equal_values_one_wins_and_gets_the_gradient() {
    for (p, short) in Profile::all().into_iter().flat_map(|p| [0, 2, 9].map(|short| (p, short))) {
        let (window, frac) = (p.window.on(p.wire_after(p.frac + short)), p.frac + short);
        let unit = 1i64 << window.low;
        // the ends of what a window compares, and of differences: half of them
        let far = (1i64 << (window.high - 1)) - unit;
        let windows: [&[i64]; 10] = [
            &[0; 4],
            &[unit; 4],
            &[-unit; 4],
            &[-far; 4],
            &[far; 4],
            &[far, -far, far, -far],
            &[-far, far, -far, 0],
            &[0, -unit, 0, -far],
            &[5 * unit, 7 * unit, 7 * unit, 5 * unit],
            &[-2 * unit, -unit, -3 * unit, -unit],
        ];
        let dy: Vec<i64> = (1..=10).map(|i| (i * 3 - 16) << 4).collect();
        for (method, taps) in
            [PoolMethod::Tree, PoolMethod::OneShot].into_iter().flat_map(|m| [2, 3, 4].map(|n| (m, n)))
        {
            let boxes = ImageWindows::pool([1, taps], 1, [1, taps], [1, taps]);
            let z: Vec<i64> = windows.iter().flat_map(|w| w[..taps].iter().map(|v| v << frac)).collect();
            let gradient: Vec<i64> = dy.iter().map(|x| x << frac).collect();
            let rows = windows.len();
            let world = World::new(&p, 5).with(&[(&z, &[rows, taps]), (&gradient, &[rows, 1])]);
            let program = Pooled { boxes, method, rows, short };
            for records in [world.run(&program).records, world.run_clear(&program)] {
                let (y, dz) = (last(&records, "forward"), last(&records, "backward"));
                for (at, window) in windows.iter().enumerate() {
                    let window = &window[..taps];
                    let most = *window.iter().max().unwrap();
                    let about = format!("{}, {short} bits, {method:?} {window:?}", p.name);
                    assert_eq!(y[at], most.max(0), "{about}");
                    let dz = &dz[at * taps..][..taps];
                    let got: Vec<usize> = (0..taps).filter(|i| dz[*i] != 0).collect();
                    if most < 0 {
                        assert!(got.is_empty(), "{about}: {dz:?}");
                    } else {
                        assert!(got.len() == 1 && window[got[0]] == most && dz[got[0]] == dy[at], "{about}: {dz:?}");
                    }
                }
            }
        }
    }
}
