//! What a step costs, by the documents. That runs cost what is planned is asserted in every lockstep run.

use super::*;
use crate::nn::Relu;
use crate::party::{Plan, Section, Stats, Traffic, Values};
use crate::shape::Shape;
use crate::train::plan;

fn bits(traffic: Traffic) -> u64 {
    (traffic.bytes - 32 * traffic.frames) * 8
}

#[test]
fn a_step_of_secureml_takes_22_rounds() {
    for p in profiles() {
        let model = Model::named("secureml", 784, 10).unwrap();
        let owners = vec![Owned { train: 256, test: 0 }];
        let job = Job { model, owners, batch: 128, ..job(&p, &[2, 2], 1) };
        let steps = plan(&job).unwrap().server(Section::Step);
        assert_eq!(steps.rounds, 2 * 22);
    }
}

/// docs/protocols.md 3.2.
#[test]
fn relu_opens_and_is_dealt_what_it_says() {
    for p in profiles() {
        let (n, l, len) = (u64::from(p.ring), u64::from(p.wire), 64);
        let mut plan = Plan::new(&p, &[]).unwrap();
        let z = plan.parameter(0, &Shape::from([len])).unwrap();
        let z = crate::gates::Local::narrow(&mut plan, &z, 0).unwrap();
        let mut relu = Relu::default();
        plan.section(Section::Step);
        relu.forward(&mut plan, &z, 0).unwrap();
        plan.section(Section::Evaluation);
        relu.backward(&mut plan, &z, 0).unwrap();
        let per = |s: Stats| [s.rounds, bits(s.sent) / len as u64, bits(s.dealt) / len as u64];
        assert_eq!(per(plan.server(Section::Step)), [4, l + 4 + 1 + n, 54 + n + 3 * (n - l) + n]);
        assert_eq!(per(plan.server(Section::Evaluation)), [2, l + n, 3 * (n - l) + n]);
        let all = [Section::Step, Section::Evaluation].map(|s| per(plan.server(s))[2]);
        assert_eq!(all[0] + all[1], if n == 32 { 198 } else { 294 });
    }
}

/// docs/protocols.md 4.2, per row of 10 classes.
#[test]
fn the_loss_opens_and_is_dealt_what_it_says() {
    use crate::gates::{Local, Open, Opening};
    for p in profiles() {
        let (n, f, c, rows) = (u64::from(p.ring), u64::from(p.frac), 10, 32);
        let mut plan = Plan::new(&p, &[]).unwrap();
        let z = plan.parameter(0, &Shape::from([rows, 10])).unwrap();
        let z = plan.narrow(&z, 0).unwrap();
        let labels = plan.open(&[Open::operand(&z, &p)]).unwrap().remove(0);
        plan.section(Section::Step);
        crate::nn::Loss::SoftmaxCrossEntropy.gradient(&mut plan, &z, &labels).unwrap();
        let stats = plan.server(Section::Step);
        let pairs = c * (c - 1) / 2;
        let opened = [4 * pairs, pairs, c, c * (8 + f.min(10)), 20 * c + 16, 20, n * c].iter().sum::<u64>();
        let logits = u64::from(p.wire) * c;
        assert_eq!((stats.rounds, bits(stats.sent)), (8, (logits + opened) * rows as u64));
        assert_eq!(bits(stats.dealt), rows as u64 * if f == 8 { 32_658 } else { 50_978 });
    }
}

/// Every halving of the rate makes the step's shift, and what is dealt for it, longer by a bit a parameter.
#[test]
fn halvings_and_momentum_are_counted() {
    for p in profiles() {
        let parameters: u64 = 6 * 64 + 64 + 64 * 32 + 32 + 32 * 3 + 3;
        let base = Job { batch: 32, epochs: 8, ..job(&p, &[6, 64, 32, 3], 32) };
        let dealt = |job: &Job| plan(job).unwrap().dealer(Section::Step).dealt;
        let halving = Job { schedule: Schedule::Halving, ..base.clone() };
        // steps 4, 5 halved once, 6 twice, 7 three times: 7 bits in all; the last bias's 3 elements start no new word
        let more = (bits(dealt(&halving)) - bits(dealt(&base))) / 7;
        assert!(more.abs_diff(parameters) <= 32, "{more} for {parameters} parameters");
        let moving = Job { momentum: Momentum::new(0.5).unwrap(), ..base.clone() };
        let (with, without) = (dealt(&moving), dealt(&base));
        assert_eq!(with.frames - without.frames, 8 * 6);
        assert!((bits(with) - bits(without)).abs_diff(8 * 5 * parameters) <= 8 * 32);
        let rounds = |job: &Job| plan(job).unwrap().server(Section::Step).rounds;
        assert_eq!(rounds(&moving), rounds(&base));
    }
}

#[test]
fn evaluation_and_the_model_are_counted_apart() {
    for p in profiles() {
        let quiet = job(&p, &[6, 5, 3], 16);
        let reveal = Reveals { accuracy: true, model: true };
        let owners = vec![Owned { train: 10, test: 1500 }, Owned { train: 6, test: 501 }];
        let loud = Job { owners, reveal, ..quiet.clone() };
        let (a, b) = (plan(&quiet).unwrap(), plan(&loud).unwrap());
        assert_eq!(b.server(Section::Evaluation).rounds, 1 + 3 * (4 + 1 + 3), "three batches of up to 1000 test rows");
        let cost = |s: Stats| (s.rounds, s.sent, s.received, s.dealt, s.macs);
        assert_eq!(cost(a.server(Section::Step)), cost(b.server(Section::Step)));
        assert_eq!(cost(a.server(Section::Evaluation)), cost(Stats::default()));
        assert_eq!(cost(b.server(Section::Setup)), cost(Stats::default()));
    }
}
