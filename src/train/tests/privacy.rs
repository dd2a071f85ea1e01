//! The shape of security: no randomness serves twice, and what a server receives is uniform whatever the data.

use std::collections::HashSet;

use super::*;
use crate::gates::harness::{Gate, Run, Transcript};
use crate::net::Frame;
use crate::party::{Draw, DrawLog};

#[test]
fn no_session_draw_occurs_twice_over_epochs_and_a_restart() {
    for p in profiles() {
        let reveal = Reveals { confusion: true, squared_error: true, ..Reveals::default() };
        let owners = vec![Owned { train: 20, test: 6 }, Owned { train: 11, test: 5 }];
        let momentum = 0.5;
        let (accumulate, weight_decay) = (2, 1e-3);
        let job = Job { owners, reveal, ..job(&p, &[6, 5, 4, 3], 31) }.with(|s| {
            s.momentum = momentum;
            s.accumulate = accumulate;
            s.weight_decay = weight_decay;
            s.epochs = 2;
        });
        let mut world = world(&job, 8);
        world.logs = [DrawLog::on(), DrawLog::on()];
        world.run(&Training(&job));
        // the job starts again: another session
        world.session = 2;
        world.run(&Training(&job));

        let [servers, dealer] = world.logs.each_ref().map(DrawLog::draws);
        let session = |draw: &&Draw| matches!(draw, Draw::Session { .. });
        let drawn: Vec<&Draw> = servers.iter().filter(session).collect();
        let once: HashSet<&Draw> = drawn.iter().copied().collect();
        assert_eq!(drawn.len(), once.len(), "a server draws nothing twice");
        assert!(drawn.len() > 500);
        let dealt: Vec<&Draw> = dealer.iter().filter(session).collect();
        assert_eq!(dealt.len(), drawn.len(), "the dealer draws each of the servers' draws once");
        assert_eq!(dealt.into_iter().collect::<HashSet<_>>(), once);

        // the same rows' masks at server 0, server 1 and the dealer for both: two epochs, two evaluations, two sessions
        let rows = |log: &[Draw]| {
            let mut rows: Vec<_> = log.iter().filter(|d| !session(d)).map(|d| format!("{d:?}")).collect();
            rows.sort_unstable();
            rows
        };
        assert_eq!(rows(&servers), rows(&dealer));
        assert_eq!(rows(&servers).len(), 2 * 2 * 2 * 2 * (31 + 11));
    }
}

/// The control of the test above.
#[test]
fn a_session_that_starts_again_on_old_seeds_is_noticed() {
    let job = job(&Profile::small(), &[6, 3], 7);
    let mut world = world(&job, 8);
    world.logs[0] = DrawLog::on();
    world.run(&Training(&job));
    world.run(&Training(&job));
    let drawn = world.logs[0].draws();
    let session: Vec<_> = drawn.iter().filter(|d| matches!(d, Draw::Session { .. })).collect();
    assert_eq!(session.len(), 2 * session.iter().collect::<HashSet<_>>().len());
}

/// A job in which all that is packed fills its words, but for the last bias's 8 elements in an update's opening.
fn whole_words(p: &Profile) -> Job {
    // 16 + 12 bits are dealt for an element of an update: 8 of them are 7 words
    let reveal = Reveals { model: true, ranges: true, ..Reveals::NOTHING };
    Job { reveal, ..job(p, &[32, 32, 8], 96) }.with(|s| {
        s.lr = f64::exp2(-7.0);
        s.batch = 32;
        s.epochs = 3;
    })
}

/// All features the same, all labels 0; or uniform.
fn data(job: &Job, feature: Option<i64>, seed: u64) -> World {
    let mut world = world(job, seed);
    if let Some(feature) = feature {
        for (set, cols, owners) in &mut world.sets {
            let row = |i: usize| {
                if set.is_features() {
                    feature
                } else {
                    i64::from(i.is_multiple_of(*cols)) << job.settings.profile.frac
                }
            };
            owners.iter_mut().for_each(|x| x.iter_mut().enumerate().for_each(|(i, x)| *x = row(i)));
        }
    }
    world
}

/// The bytes of frames, without the three that fill up the last word of an update's opening. It is the last of the first step;
/// in the last step of an epoch, the openings of values that are checked against their ranges follow it.
fn bytes(heard: &Transcript, openings: bool) -> Vec<u8> {
    let frames = heard.frames();
    let first = frames.iter().take_while(|frame| frame.head.step == frames[0].head.step);
    let update = first.last().map_or(0, |frame| frame.body.len());
    let mut updates = 0;
    let mut one = |frame: &Frame| {
        let padding = if openings && frame.body.len() == update { 3 } else { 0 };
        updates += usize::from(padding > 0);
        let (body, zeros) = frame.body.split_at(frame.body.len() - padding);
        assert!(zeros.iter().all(|b| *b == 0), "padding is zeros");
        body.to_vec()
    };
    let bytes = frames.iter().flat_map(&mut one).collect();
    assert!(!openings || updates == 9, "there are nine steps, and {updates} updates");
    bytes
}

/// Asserts that every byte that the servers heard in a run is uniform, and that its plain values are noticed.
pub(super) fn assert_uniform(run: &Run, what: &str) {
    for (heard, at) in run.heard.iter().zip(["server 0", "server 1", "server 1, dealt"]) {
        let bytes: Vec<u8> = heard.frames().into_iter().flat_map(|frame| frame.body).collect();
        let statistic = chi_square(&bytes);
        assert!(statistic < UNIFORM, "{what}, {at}: {statistic}");
    }
    let plain: Vec<u8> = run.records.iter().flat_map(|r| r.output.x.iter().flat_map(|x| x.to_le_bytes())).collect();
    assert!(chi_square(&plain) > 2.0 * UNIFORM);
}

/// Pearson's statistic of the counts of bytes against the uniform law, 255 degrees of freedom.
pub(super) fn chi_square(bytes: &[u8]) -> f64 {
    assert!(bytes.len() >= 256 * 20, "{} bytes are too few", bytes.len());
    let mut counts = [0u64; 256];
    bytes.iter().for_each(|b| counts[usize::from(*b)] += 1);
    let expected = bytes.len() as f64 / 256.0;
    counts.iter().map(|c| (*c as f64 - expected).powi(2) / expected).sum()
}

/// Above it lies less than 1e-9 of the law of chi-square with 255 degrees of freedom (Wilson and Hilferty, 1931, 6 deviations).
pub(super) const UNIFORM: f64 = 415.0;

fn views(run: &Run) -> [(&'static str, Vec<u8>); 5] {
    let [at0, at1, dealt] = &run.heard;
    let [half0, half1] = run.halves.each_ref().map(|halves| {
        let bytes = |x: &u64, bits: u32| x.to_le_bytes()[..bits as usize / 8].to_vec();
        halves.iter().flat_map(|(_, x, bits)| x.iter().flat_map(|x| bytes(x, *bits))).collect()
    });
    [
        ("openings at server 0", bytes(at0, true)),
        ("openings at server 1", bytes(at1, true)),
        ("corrections at server 1", bytes(dealt, false)),
        ("server 0's halves at the trainer", half0),
        ("server 1's halves at the trainer", half1),
    ]
}

#[test]
fn what_a_server_receives_is_uniform_whatever_the_data() {
    for p in profiles() {
        let job = whole_words(&p);
        let one = 1 << p.frac;
        for (seed, feature) in [(1, Some(0)), (2, Some(one)), (3, None), (4, Some(-one * 20))] {
            let run = data(&job, feature, seed).run(&Training(&job));
            for (what, bytes) in views(&run) {
                let statistic = chi_square(&bytes);
                assert!(statistic < UNIFORM, "{}, {feature:?}, {what}: {statistic}", p.name);
            }
            // control: the same values without their masks are not
            let opened = run.records.iter().filter(|r| matches!(r.gate, Gate::Open { .. }));
            let plain: Vec<u8> =
                opened.flat_map(|r| r.output.x.iter().flat_map(|x| x.to_le_bytes()[..3].to_vec())).collect();
            assert!(chi_square(&plain) > 2.0 * UNIFORM, "unmasked values are noticed");
        }
    }
}

/// Two runs on different data differ uniformly; on the same seeds the masks cancel, and the difference tells of the data.
#[test]
fn views_of_two_data_sets_differ_uniformly_unless_masks_are_used_twice() {
    for p in profiles() {
        let job = whole_words(&p);
        let difference = |seeds: [u64; 2]| {
            let runs =
                seeds.map(|seed| views(&data(&job, Some(i64::from(seed == 1) << p.frac), seed).run(&Training(&job))));
            let [a, b] = runs;
            let xor = |(a, b): (&(_, Vec<u8>), &(_, Vec<u8>))| -> Vec<u8> {
                assert_eq!(a.1.len(), b.1.len(), "lengths say nothing of the data");
                a.1.iter().zip(&b.1).map(|(a, b)| a ^ b).collect()
            };
            a.iter().zip(&b).map(xor).map(|x| chi_square(&x)).collect::<Vec<_>>()
        };
        assert!(difference([1, 2]).iter().all(|x| *x < UNIFORM));
        let mut again = data(&job, Some(0), 1);
        let zeros = views(&again.run(&Training(&job)));
        again.sets = data(&job, Some(1 << p.frac), 1).sets;
        let ones = views(&again.run(&Training(&job)));
        let xor: Vec<u8> = zeros[0].1.iter().zip(&ones[0].1).map(|(a, b)| a ^ b).collect();
        assert!(chi_square(&xor) > 2.0 * UNIFORM, "masks that are used twice are noticed");
        assert_eq!(zeros[2].1, ones[2].1, "what is dealt does not depend on the data at all");
    }
}
