//! What each role receives in a run and in a private prediction, by roles over tapped channels: no tensor of the data reaches trainer
//! or dealer, none of a client's rows its model owner, and whatever holds a tensor is uniform.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod tapped;
#[path = "tapped/prediction.rs"]
mod tapped_prediction;

use std::collections::BTreeMap;

use ndarray::Array2;
use ppdnn::data::Examples;
use ppdnn::fixed::{Profile, encode};
use ppdnn::net::FrameKind;
use ppdnn::nn::Model;
use ppdnn::roles::Training;
use ppdnn::train::{Reveals, Schedule};
use ppdnn::{AnswerKind, Prediction, TrainedModel};

use tapped::{Heard, tapped};
use tapped_prediction::{Fault, tapped_prediction};

/// Frames and bytes by receiver, sender and kind, of a training with one owner.
fn ledger(
    training: &Training,
    train: &Examples,
    test: &Examples,
) -> BTreeMap<(String, String, String), (usize, usize)> {
    let mut ledger = BTreeMap::new();
    for Heard { to, from, frame } in tapped(training, train, test) {
        let entry: &mut (usize, usize) = ledger.entry((to, from, frame.head.kind.to_string())).or_default();
        *entry = (entry.0 + 1, entry.1 + frame.body.len());
    }
    ledger
}

fn examples(rows: usize, features: usize) -> Examples {
    let features = Array2::from_shape_fn((rows, features), |(i, j)| ((i * 31 + j * 17) % 64) as f32 / 64.0);
    let labels = (0..rows).map(|i| u32::try_from(i % 3).unwrap()).collect();
    Examples::new(features, labels, 3).unwrap()
}

#[test]
fn trainer_and_dealer_never_receive_a_tensor_of_the_data() {
    let (train, test) = (examples(900, 50), examples(100, 50));
    // 4 bytes an element: features and one-hot labels
    let data = 1000 * (50 + 3) * 4;
    let model = Model::dense("small", 50, &[4], 3).unwrap();
    let parameters = 50 * 4 + 4 + 4 * 3 + 3;
    for (accuracy, model_too) in [(true, true), (true, false), (false, false)] {
        let reveal = Reveals { accuracy, model: model_too, ranges: true, ..Reveals::NOTHING };
        let training = Training::new(model.clone()).profile(Profile::small()).epochs(2).batch(100).reveal(reveal);
        let ledger = ledger(&training, &train, &test);
        let received = |me: &str, kind: &str| -> (usize, usize) {
            let of = ledger.iter().filter(|((to, _, k), _)| to == me && (kind.is_empty() || k == kind));
            of.fold((0, 0), |(frames, bytes), (_, (f, b))| (frames + f, bytes + b))
        };
        // owners give the servers all rows, once each, and the dealer 64 bytes of seeds
        for server in ["server 0", "server 1"] {
            let rows = ledger[&(server.into(), "owner 0".into(), FrameKind::Data.to_string())];
            assert_eq!(rows.1, data, "{server} gets every row's masked words once");
        }
        // and every server gives it what it agrees to, 64 bytes, and 32 random bytes
        assert_eq!(received("dealer", "seed"), (3, 64 + 2 * 96));
        let (_, all) = received("dealer", "");
        assert!(all < 1024, "the dealer receives {all} bytes: the job, hashes, seeds");
        for server in ["server 0", "server 1"] {
            let said = ledger.iter().filter(|((to, from, _), _)| to == "dealer" && from == server);
            let said: Vec<_> = said.map(|((.., kind), (frames, _))| (kind.as_str(), *frames)).collect();
            assert_eq!(said, [("seed", 1)], "all that {server} says to the dealer is its part of a seed");
        }
        let to_zero = ledger.iter().filter(|((to, from, _), _)| to == "server 0" && from == "dealer");
        assert!(to_zero.map(|(_, (frames, _))| frames).sum::<usize>() == 1, "server 0 is sent one part of a seed");

        // the trainer: progress and reports, two halves of every count and, where listed, of every parameter in 64 bits
        let (frames, bytes) = received("trainer", "");
        let halves = if model_too { 2 * parameters * 8 } else { 0 };
        let news = 200 * frames;
        assert!(bytes <= halves + news, "the trainer receives {bytes} bytes in {frames} frames");
        assert!(bytes >= halves && halves + news < data / 2);
        assert_eq!(received("owner 0", "data"), (0, 0));
    }
}

/// The control: what a server receives of an owner would not pass for the dealer or the trainer.
#[test]
fn rows_are_counted_where_they_go() {
    let training =
        Training::new(Model::dense("small", 50, &[4], 3).unwrap()).profile(Profile::small()).epochs(1).batch(100);
    let ledger = ledger(&training, &examples(300, 50), &examples(30, 50));
    let rows: usize =
        ledger.iter().filter(|((_, from, kind), _)| from == "owner 0" && kind == "data").map(|(_, x)| x.1).sum();
    assert_eq!(rows, 2 * 330 * (50 + 3) * 4);
}

/// Rows of nothing that are all of class 0, or rows without a pattern.
fn extremes(rows: usize, blank: bool) -> Examples {
    let noise = |i: usize, j: usize| ((i * 7_919 + j * 104_729 + i * j * 31) % 251) as f32 / 251.0;
    let features = Array2::from_shape_fn((rows, 32), |(i, j)| if blank { 0.0 } else { noise(i, j) });
    let labels = (0..rows).map(|i| if blank { 0 } else { u32::try_from(i * i % 8).unwrap() }).collect();
    Examples::new(features, labels, 8).unwrap()
}

/// Pearson's statistic of the counts of bytes against the uniform law, 255 degrees of freedom.
fn chi_square(bytes: &[u8]) -> f64 {
    assert!(bytes.len() >= 256 * 20, "{} bytes are too few", bytes.len());
    let mut counts = [0u64; 256];
    bytes.iter().for_each(|b| counts[usize::from(*b)] += 1);
    let expected = bytes.len() as f64 / 256.0;
    counts.iter().map(|c| (*c as f64 - expected).powi(2) / expected).sum()
}

/// Above it lies less than 1e-9 of the law of chi-square with 255 degrees of freedom (Wilson and Hilferty, 1931, 6 deviations).
const UNIFORM: f64 = 415.0;

/// The bytes of every kind of frame with a tensor in it, by its way. Sizes are such that all that is packed fills its words, but
/// for the update's bits of 8 biases at the end of a step's last opening.
fn tensors(heard: &[Heard]) -> Vec<(String, Vec<u8>)> {
    let ways = [
        (FrameKind::Data, "owner 0", "server 0"),
        (FrameKind::Data, "owner 0", "server 1"),
        (FrameKind::Data, "trainer", "server 0"),
        (FrameKind::Data, "trainer", "server 1"),
        (FrameKind::Opening, "server 0", "server 1"),
        (FrameKind::Opening, "server 1", "server 0"),
        (FrameKind::Correction, "dealer", "server 1"),
        (FrameKind::Progress, "server 0", "trainer"),
        (FrameKind::Progress, "server 1", "trainer"),
    ];
    let bytes = |(kind, from, to): (FrameKind, &str, &str)| {
        let frames: Vec<_> = heard.iter().filter(|h| h.is(from, to) && h.frame.head.kind == kind).collect();
        let one = |(at, h): (usize, &&Heard)| {
            let (head, body) = (h.frame.head, &h.frame.body);
            let last = frames.get(at + 1).is_none_or(|next| next.frame.head.step != head.step);
            let (from, to) = match kind {
                FrameKind::Opening if last => (0, body.len() - 3),
                // a sealed parameter stands between what it is and the figures
                FrameKind::Progress if body.len() < 4_000 => (0, 0),
                // of a fixed length: numbers in front of it and behind it take one byte more or less
                FrameKind::Progress => (64, 64 + 7_500),
                _ => (0, body.len()),
            };
            body[from..to].to_vec()
        };
        (format!("{kind} from {from} to {to}"), frames.iter().enumerate().flat_map(one).collect())
    };
    ways.map(bytes).into_iter().collect()
}

#[test]
fn every_kind_of_frame_is_uniform_for_very_different_data() {
    let model = Model::dense("small", 32, &[32], 8).unwrap();
    let reveal = Reveals { model: true, ranges: true, ..Reveals::NOTHING };
    // initial parameters go from the trainer in shares only where they are private
    let initial = model.parameters().iter().map(|shape| vec![0.125; shape.len()]).collect();
    let training =
        Training::new(model).profile(Profile::small()).epochs(3).batch(32).reveal(reveal).private_initial(initial);
    // 16 + 12 bits are dealt for an element of an update: 8 of them are 7 words
    let training = training.learning_rate(f64::exp2(-7.0)).momentum(0.0).schedule(Schedule::Constant);
    let runs = [true, false].map(|blank| tensors(&tapped(&training, &extremes(192, blank), &extremes(0, blank))));
    for ((what, a), (_, b)) in runs[0].iter().zip(&runs[1]) {
        assert_eq!(a.len(), b.len(), "{what}: lengths say nothing of the data");
        let xor: Vec<u8> = a.iter().zip(b).map(|(a, b)| a ^ b).collect();
        for (of, bytes) in [("blank rows", a), ("noise", b), ("the difference of both", &xor)] {
            let statistic = chi_square(bytes);
            assert!(statistic < UNIFORM, "{what}, {of}: {statistic} over {} bytes", bytes.len());
        }
    }
    // control: the rows themselves, on their grid
    let plain = extremes(192, false).features().mapv(|x| encode(x.into(), 8).to_le_bytes());
    let plain: Vec<u8> = plain.iter().flatten().copied().collect();
    assert!(chi_square(&plain) > 100.0 * UNIFORM, "unmasked rows are noticed");
}

/// A network whose tensors fill their words, with the same weights everywhere or without a pattern.
fn predicted(blank: bool, public: bool) -> Prediction {
    let model = Model::dense("small", 32, &[32], 8).unwrap();
    let weight = |i: usize| if blank { 0.125 } else { ((i * 7_919 + i * i * 31) % 251) as f64 / 251.0 - 0.5 };
    let parameters: Vec<Vec<f64>> = model.parameters().iter().map(|s| (0..s.len()).map(weight).collect()).collect();
    let model = TrainedModel::new(model, None, &parameters).unwrap();
    Prediction::new(model).profile(Profile::small()).public_model(public).answers(AnswerKind::Values).batch(32)
}

#[test]
fn every_frame_of_a_prediction_is_uniform_for_very_different_rows_and_models() {
    let ways = [
        (FrameKind::Data, "client", "server 0"),
        (FrameKind::Data, "client", "server 1"),
        (FrameKind::Data, "model owner", "server 0"),
        (FrameKind::Data, "model owner", "server 1"),
        (FrameKind::Opening, "server 0", "server 1"),
        (FrameKind::Opening, "server 1", "server 0"),
        (FrameKind::Correction, "dealer", "server 1"),
    ];
    let runs = [true, false].map(|blank| {
        let rows = extremes(192, blank);
        let (answers, heard) = tapped_prediction(&predicted(blank, false), rows.features().view(), None);
        assert_eq!(answers.unwrap().len(), 192);
        ways.map(|(kind, from, to)| {
            let frames = heard.iter().filter(|h| h.is(from, to) && h.frame.head.kind == kind);
            frames.flat_map(|h| h.frame.body.clone()).collect::<Vec<u8>>()
        })
    });
    for (((kind, from, to), a), b) in ways.iter().zip(&runs[0]).zip(&runs[1]) {
        assert_eq!(a.len(), b.len(), "{kind} from {from} to {to}: lengths say nothing of rows and model");
        let xor: Vec<u8> = a.iter().zip(b).map(|(a, b)| a ^ b).collect();
        for (of, bytes) in [("blank", a), ("noise", b), ("the difference of both", &xor)] {
            let statistic = chi_square(bytes);
            assert!(statistic < UNIFORM, "{kind} from {from} to {to}, {of}: {statistic} over {} bytes", bytes.len());
        }
    }
    assert_eq!(runs[0][0], runs[0][1], "both servers get the same masked rows");
    assert_ne!(runs[0][2], runs[0][3], "each server gets a share of its own");
}

#[test]
fn the_dealer_and_the_model_owner_receive_no_tensor_and_the_client_only_answers() {
    for public in [false, true] {
        let rows = extremes(64, false);
        let (_, heard) = tapped_prediction(&predicted(false, public), rows.features().view(), None);
        let bytes = |to: &str, kind: Option<FrameKind>| -> usize {
            let of = heard.iter().filter(|h| h.to == to && kind.is_none_or(|kind| h.frame.head.kind == kind));
            of.map(|h| h.frame.body.len()).sum()
        };
        // the job, agreements, seeds, and how many requests may be dealt for
        assert!(bytes("dealer", None) < 1024, "the dealer receives {} bytes", bytes("dealer", None));
        assert_eq!(bytes("dealer", Some(FrameKind::Seed)), 64 + 2 * 96);
        assert!(bytes("model owner", None) < 1024, "{} bytes", bytes("model owner", None));
        for kind in [FrameKind::Data, FrameKind::Opening, FrameKind::Correction] {
            assert_eq!(
                (bytes("dealer", Some(kind)), bytes("model owner", Some(kind)), bytes("client", Some(kind))),
                (0, 0, 0)
            );
        }
        // two halves of 64 rows of 8 answers, of 32 bits each, and what stands around them
        let halves = 2 * 64 * 8 * 4;
        let client = bytes("client", None);
        assert!((halves..halves + 2048).contains(&client), "the client receives {client} bytes");
        // a public model is in the clear at both servers, and nowhere else
        let of_model = |to: &str| -> Vec<u8> {
            let of = heard.iter().filter(|h| h.is("model owner", to) && h.frame.head.kind == FrameKind::Data);
            of.flat_map(|h| h.frame.body.clone()).collect()
        };
        assert_eq!(of_model("server 0") == of_model("server 1"), public);
    }
}

/// A client that sends the servers different rows could learn more than answers: they notice it.
#[test]
fn servers_that_hear_different_rows_of_a_client_answer_nothing() {
    let prediction = predicted(false, false);
    let rows = extremes(64, false);
    let (answers, heard) = tapped_prediction(&prediction, rows.features().view(), Some(Fault::OtherRows));
    let reason = answers.unwrap_err().to_string();
    assert!(reason.contains("different masked rows"), "{reason}");
    let opened = heard.iter().filter(|h| h.is("server 0", "server 1") && h.frame.head.kind == FrameKind::Opening);
    let (control, honest) = tapped_prediction(&prediction, rows.features().view(), None);
    let honest = honest.iter().filter(|h| h.is("server 0", "server 1") && h.frame.head.kind == FrameKind::Opening);
    assert_eq!(opened.count(), 1, "the weights are opened, and nothing of the request");
    assert!(control.is_ok() && honest.count() > 5);
}

/// A client whose link breaks within a request asks again: other rows under the same masks would tell server 0 their difference.
#[test]
fn a_request_that_fails_uses_its_masks_up() {
    let rows = extremes(32, false);
    let (answers, heard) = tapped_prediction(&predicted(false, false), rows.features().view(), Some(Fault::Breaks));
    assert!(answers.unwrap_err().to_string().contains("server 1"));
    let sent = heard.iter().filter(|h| h.is("client", "server 0") && h.frame.head.kind == FrameKind::Data);
    assert_eq!(sent.count(), 1);
}
