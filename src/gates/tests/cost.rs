//! The costs that the documents promise are what the gates ask and deal.

use super::*;
use crate::gates::{
    Arguments, BitOpening, Checked, Compare, Layout, Local, MaxPoolGates, Opening, Product, PublicWires, RangeCheck,
    Rescale, Reveal, Scaling, Select, Softmax, Winner,
};
use crate::party::{Interpreter, Plan, RunPhase, Traffic};

/// Rounds, and bits opened and dealt per element.
type Cost = [u64; 3];
type Wire = <Plan as Interpreter>::Wire;
type MaskedBits = <Plan as Interpreter>::MaskedBits;
type Selectors = <Plan as Interpreter>::Selectors;

/// What a gate costs per element; only what it does in [`RunPhase::Step`] counts.
fn cost(p: &Profile, elements: usize, gate: impl FnOnce(&mut Plan) -> Result<()>) -> Cost {
    let mut plan = Plan::new(p, &[]).unwrap();
    gate(&mut plan).unwrap();
    let stats = plan.server(RunPhase::Step);
    let per = |traffic: Traffic| {
        let bits = (traffic.bytes - 32 * traffic.frames) * 8;
        assert_eq!(bits % elements as u64, 0, "no padding hides a difference");
        bits / elements as u64
    };
    [stats.rounds, per(stats.sent), per(stats.dealt)]
}

/// Rows and columns of the values: 32 rows, so that no word is filled up.
const ROWS: usize = 32;
const COLS: usize = 10;
const LEN: usize = ROWS * COLS;

fn logits(e: &mut Plan) -> Result<Wire> {
    let bits = e.profile().wire;
    wire(e, 0, &[ROWS, COLS], bits)
}

fn signs(e: &mut Plan) -> Result<Selectors> {
    let (y, window) = (logits(e)?, e.profile().window);
    let [b] = e.sign([(&y, window)])?;
    let [b] = e.open_selectors([&b])?;
    Ok(b)
}

fn opened_signs(e: &mut Plan) -> Result<MaskedBits> {
    signs(e).map(|b| Plan::bits_of(&b))
}

fn opened(e: &mut Plan, bits: u32, frac: u32, shape: &[usize]) -> Result<Wire> {
    let x = ring_at(e, 0, shape, frac)?;
    let [y] = e.open([exactly(&x, bits, false)])?;
    Ok(y)
}

fn open_cost(p: &Profile, bits: u32) -> Cost {
    cost(p, LEN, |e| {
        let x = ring(e, 0, &[LEN])?;
        e.enter_phase(RunPhase::Step);
        e.open([exactly(&x, bits, true)]).map(drop)
    })
}

fn sign_cost(p: &Profile, window: Window) -> Cost {
    cost(p, LEN, |e| {
        let y = logits(e)?;
        e.enter_phase(RunPhase::Step);
        e.sign([(&y, window)]).map(drop)
    })
}

fn open_bits_cost(p: &Profile, selectors: bool) -> Cost {
    cost(p, LEN, |e| {
        let (y, window) = (logits(e)?, e.profile().window);
        let [b] = e.sign([(&y, window)])?;
        e.enter_phase(RunPhase::Step);
        if selectors { e.open_selectors([&b]).map(drop) } else { e.open_bits([&b]).map(drop) }
    })
}

fn product_cost(p: &Profile) -> Cost {
    cost(p, LEN, |e| {
        let (x, w) = (operand(e, 0, &[ROWS, 7])?, operand(e, 1, &[7, COLS])?);
        e.enter_phase(RunPhase::Step);
        e.product(&x, &w, Layout::Plain).map(drop)
    })
}

fn public_product_cost(p: &Profile) -> Cost {
    cost(p, LEN, |e| {
        let x = operand(e, 0, &[ROWS, 7])?;
        e.enter_phase(RunPhase::Step);
        let w = e.public_numbers(&[3; 7 * COLS], 0, &[7, COLS].into())?;
        e.product(&x, &w, Layout::Plain).map(drop)
    })
}

fn local_cost(p: &Profile) -> Cost {
    cost(p, LEN, |e| {
        let (z, b, x) = (ring(e, 0, &[ROWS, COLS])?, ring(e, 1, &[COLS])?, operand(e, 2, &[ROWS, COLS])?);
        e.enter_phase(RunPhase::Step);
        let z = e.add_row(&z, &b)?;
        e.combine(&z, &z, 1, -1)?;
        let frac = e.profile().frac + 3;
        e.sum_rows(&x, COLS, frac)?;
        e.share(&x).map(drop)
    })
}

fn rescale_cost(p: &Profile, shift: i32) -> Cost {
    cost(p, LEN, |e| {
        let x = ring(e, 0, &[LEN])?;
        e.enter_phase(RunPhase::Step);
        e.rescale(&[Scaling { share: &x, what: "x", scale: 1, over: shift, times: 5 }]).map(drop)
    })
}

/// What rows in `src/gates/mod.rs` say, with what the plan counts and what the row comes to.
#[test]
fn the_table_of_gates_says_what_they_cost() {
    let text = include_str!("../mod.rs");
    let mut rows = 0;
    let mut row = |row: &str, pairs: &[(Cost, Cost)]| {
        assert!(text.contains(&format!("//! | {row} |\n")), "the table has no row `{row}`");
        rows += 1;
        for (counted, said) in pairs {
            assert_eq!(counted, said, "{row}");
        }
    };
    let [small, wide] = &profiles();
    let both = |f: &dyn Fn(&Profile, u64, u64) -> (Cost, Cost)| {
        [small, wide].map(|p| f(p, u64::from(p.ring), u64::from(p.wire)))
    };
    row(
        "[`Opening::open`] | 1 | l (n for operands of products) | 0",
        &both(&|p, _, l| (open_cost(p, p.wire), [1, l, 0])),
    );
    row("[`Product::product`] | 0 | 0 | n", &both(&|p, n, _| (product_cost(p), [0, 0, n])));
    row(
        "[`Product::product`] by a wire of [`PublicWires`] | 0 | 0 | 0",
        &both(&|p, _, _| (public_product_cost(p), [0; 3])),
    );
    row("[`Local`] | 0 | 0 | 0", &both(&|p, _, _| (local_cost(p), [0; 3])));
    let sign = [
        (sign_cost(small, small.window), [1, 4, 54]),
        (sign_cost(wide, wide.window), [1, 4, 54]),
        (sign_cost(small, small.argmax_window()), [1, 6, 80]),
        (sign_cost(wide, Window { low: 6, high: 30 }), [1, 10, 180]),
    ];
    row("[`Compare::sign`] | 1 | 2 (k/4 - 1): 4 | 54 for k = 12, 80 for 16, 180 for 24", &sign);
    let at_least = |p: &Profile, thresholds: &[i64]| {
        cost(p, LEN, |e| {
            let y = logits(e)?;
            e.enter_phase(RunPhase::Step);
            e.at_least_all(&y, p.window, thresholds).map(drop)
        })
    };
    row(
        "[`Compare::at_least`] | 1 | per threshold 2 (k/4 - 1): 4 | 54 for k = 12, 5 more per further threshold",
        &[(at_least(small, &[0]), [1, 4, 54]), (at_least(wide, &[0, 4096, 8192]), [1, 12, 64])],
    );
    let larger = |p: &Profile| {
        cost(p, LEN, |e| {
            let (x, y) = (logits(e)?, logits(e)?);
            e.enter_phase(RunPhase::Step);
            e.larger([(&x, &y)], p.window).map(drop)
        })
    };
    row("[`Compare::larger`] | 1 | 2 (k/4 - 1): 4 | 54 for k = 12", &both(&|p, _, _| (larger(p), [1, 4, 54])));
    let pick = |p: &Profile| {
        cost(p, LEN, |e| {
            let (x, y, c) = (logits(e)?, logits(e)?, opened_signs(e)?);
            e.enter_phase(RunPhase::Step);
            e.pick(&c, &x, &y).map(drop)
        })
    };
    row("[`MaxPoolGates::pick`] | 0 | 0 | 2 l", &both(&|p, _, l| (pick(p), [0, 0, 2 * l])));
    let and = |n: usize| {
        cost(small, LEN, |e| {
            let bits = (0..n).map(|_| opened_signs(e)).collect::<Result<Vec<_>>>()?;
            e.enter_phase(RunPhase::Step);
            e.and(&bits.iter().map(|b| (b, false)).collect::<Vec<_>>()).map(drop)
        })
    };
    row("[`MaxPoolGates::and`] | 0 | 0 | 2^N - N - 1 for N bits", &[(and(2), [0, 0, 1]), (and(3), [0, 0, 4])]);
    row("[`BitOpening::open_bits`] | 1 | 1 | 0", &both(&|p, _, _| (open_bits_cost(p, false), [1, 1, 0])));
    row("[`BitOpening::open_selectors`] | 1 | 1 | n", &both(&|p, n, _| (open_bits_cost(p, true), [1, 1, n])));
    let extend = |e: &mut Plan| {
        let y = logits(e)?;
        e.enter_phase(RunPhase::Step);
        e.extend(&y).map(drop)
    };
    row("[`Select::extend`] | 0 | 0 | 2 (n - l)", &both(&|p, n, l| (cost(p, LEN, extend), [0, 0, 2 * (n - l)])));
    let select = |e: &mut Plan| {
        let (y, b) = (logits(e)?, signs(e)?);
        e.enter_phase(RunPhase::Step);
        e.select(&b, &y).map(drop)
    };
    row(
        "[`Select::select`] | 0 | 0 | 3 (n - l) + n",
        &both(&|p, n, l| (cost(p, LEN, select), [0, 0, 3 * (n - l) + n])),
    );
    let rescale = [-5i32, 0, 11].map(|k| (rescale_cost(wide, k), [1, 1, (64 - 48 + i64::from(k)).cast_unsigned()]));
    row("[`Rescale::rescale`] | 1 | 1 | 64 - n + k", &rescale);
    let winner = |e: &mut Plan| {
        let (y, window) = (logits(e)?, e.profile().window);
        e.enter_phase(RunPhase::Step);
        e.winner(&y, window).map(drop)
    };
    let said = [2, 5 * 45, 54 * 45 + 10 * (512 - 10)];
    let text = "[`Winner::winner`] | 2 | per row 5 c (c - 1) / 2 | per row 54 c (c - 1) / 2 + c (2^(c-1) - c)";
    row(text, &both(&|p, _, _| (cost(p, ROWS, winner), said)));
    let hits = |e: &mut Plan| {
        let (b, y) = (opened_signs(e)?, operand(e, 1, &[ROWS, COLS])?);
        e.enter_phase(RunPhase::Step);
        e.hits(&b, &y).map(drop)
    };
    row("[`Reveal`] | 0 | 0 | 2 n for `hits`", &both(&|p, n, _| (cost(p, LEN, hits), [0, 0, 2 * n])));
    let outside = |p: &Profile| {
        cost(p, LEN, |e| {
            let y = logits(e)?;
            e.enter_phase(RunPhase::Step);
            e.outside(&[Checked { wire: &y, bound: 1 << p.window.high, lifted: true }]).map(drop)
        })
    };
    let text = "[`RangeCheck::outside`] | 1 | 4 (k/4 - 1): 8 | 59 for k = 12";
    row(text, &both(&|p, _, _| (outside(p), [1, 8, 59])));
    row("[`Softmax`] | 0 | 0 | see there", &[]);
    let in_table = include_str!("../mod.rs").lines().filter(|l| l.starts_with("//! | [`")).count();
    assert_eq!(rows, in_table, "every row is checked");
}

/// docs/protocols.md 4.1, 4.2 and the table in `src/gates/softmax.rs`.
#[test]
fn the_parts_of_softmax_are_dealt_what_they_say() {
    for p in profiles() {
        let (n, f) = (u64::from(p.ring), u64::from(p.frac));
        let below_max = cost(&p, LEN, |e| {
            let (y, b) = (logits(e)?, opened_signs(e)?);
            e.enter_phase(RunPhase::Step);
            e.below_max(&y, &b).map(drop)
        });
        assert_eq!(below_max, [0, 0, 2 * (8 + f)]);
        let exp = cost(&p, LEN, |e| {
            let OpenRequest { bits, frac, .. } = Arguments::exp(&(), e.profile());
            let d = opened(e, bits, frac, &[LEN])?;
            e.enter_phase(RunPhase::Step);
            e.exp(&d).map(drop)
        });
        assert_eq!(exp, [0, 0, 960]);
        let reciprocal = cost(&p, ROWS, |e| {
            let s = opened(e, 16, 12, &[ROWS])?;
            e.enter_phase(RunPhase::Step);
            e.reciprocal(&s).map(drop)
        });
        assert_eq!(reciprocal, [0, 0, if f == 8 { 13_056 } else { 30_720 }]);
        let probability = cost(&p, ROWS, |e| {
            let (u, r) = (opened(e, 20, 16, &[ROWS, COLS])?, opened(e, 20, 16, &[ROWS])?);
            e.enter_phase(RunPhase::Step);
            e.probability(&u, &r).map(drop)
        });
        let m = n + 32 - f;
        assert_eq!(probability, [0, 0, COLS as u64 * (m + 4 * (m - 20) + m - 40) + 2 * (m - 20)]);
        assert_eq!(m, if f == 8 { 56 } else { 64 });
    }
}
