//! Halves in order, and halves that are not.

use super::*;
use crate::fixed::Profile;
use crate::nn::Model;
use crate::party::Figure;
use crate::roles::agreement::Parties;
use crate::train::{Reveals, Training};

fn job() -> Job {
    Training::new(Model::dense("small", 4, &[3], 2).unwrap())
        .profile(Profile::small())
        .batch(2)
        .epochs(50)
        .reveal(Reveals { squared_error: true, ..Reveals::default() })
        .job(10, 5)
        .unwrap()
}

/// What the trainer makes of halves of a party, the last of which may be one too many.
fn takes(halves: &[(usize, Revealed)]) -> Result<()> {
    let (job, key) = (job(), UnsealingKey::generate().unwrap());
    let agreement = Agreement::new(&job, &Parties::threads(key.public()));
    let mut collector = Collector::new(&job, agreement, &key, None);
    halves.iter().try_for_each(|(party, what)| {
        let (len, server) = (collector.len_of(*what), u8::from(*party == 1));
        let place = SealContext { agreed: agreement.hash(), session: 7, server, what: *what, bits: 32, len };
        let body = key.public().seal(&place.label(), &vec![0; 8 * len]).unwrap();
        let news = StatusUpdate::Half { session: 7, what: *what, bits: 32, body, stats: Stats::default() };
        collector.take(*party, news, &mut |_| ())
    })
}

#[test]
fn halves_that_come_again_or_run_ahead_are_errors_and_cost_no_memory() {
    let (hits, ranges) = (|epoch| Revealed::Hits { epoch }, |epoch| Revealed::OutOfRange { epoch });
    let error = |epoch| Revealed::SquaredError { epoch };
    let parameter = |index| Revealed::Parameter { index };
    // in order, each from both: fine, one server ahead of the other
    let all = [ranges(1), hits(1), error(1), ranges(2), parameter(0), parameter(1)];
    takes(&[all.map(|what| (0, what)), all.map(|what| (1, what))].concat()).unwrap();
    let refused = |halves: &[(usize, Revealed)]| takes(halves).unwrap_err().to_string();
    for again in [
        &[(0, hits(1)), (0, hits(1))][..],
        &[(0, hits(1)), (1, hits(1)), (1, hits(1))],
        &[(0, parameter(0)), (1, parameter(0)), (0, parameter(0))],
        &[(1, ranges(0))],
        &[(1, hits(51))],
        &[(1, parameter(4))],
        &[(0, error(1)), (1, error(1)), (0, error(1))],
    ] {
        assert!(refused(again).contains("which is unexpected"), "{again:?}: {}", refused(again));
    }
    // the squared error is one by epoch, and no figure at the end
    assert!(refused(&[(0, Revealed::Figure(Figure::SquaredError))]).contains("which the job does not list"));
    assert!(refused(&[(0, Revealed::Figure(Figure::Confusion))]).contains("which the job does not list"));
    let ahead: Vec<_> = (1..=20).map(|epoch| (1, hits(epoch))).collect();
    assert!(
        takes(&ahead[..12]).is_ok() && refused(&ahead).contains("server 1: revealed Hits { epoch: 14 }, far ahead")
    );
}
