//! What a step costs, by the documents. That runs cost what is planned is asserted in every lockstep run.

use super::*;
use crate::nn::layers::Relu;
use crate::nn::{Activation, Optimizer};
use crate::party::{Cost, CostKind, Interpreter, Plan, RunPhase, Stats, Traffic};
use crate::shape::Shape;
use crate::train::Recipe;

fn bits(traffic: Traffic) -> u64 {
    (traffic.bytes - 32 * traffic.frames) * 8
}

#[test]
fn a_step_of_secureml_takes_22_rounds_and_a_count_of_ranges_2() {
    for p in profiles() {
        let model = Model::named("secureml", 784, 10).unwrap();
        let owners = vec![Owned { train: 256, test: 0 }];
        let job = Job { model, owners, ..job(&p, &[2, 2], 1) }.with(|s| s.batch = 128);
        let steps = plan(&job).unwrap().server(RunPhase::Step);
        assert_eq!(steps.rounds, 2 * 22 + 2);
    }
}

/// docs/protocols.md 3.2.
#[test]
fn relu_opens_and_is_dealt_what_it_says() {
    for p in profiles() {
        let (n, l, len) = (u64::from(p.ring), u64::from(p.wire), 64);
        let mut plan = Plan::new(&p, &[]).unwrap();
        let z = plan.parameter(0, &Shape::from([len])).unwrap();
        let z = crate::gates::Local::narrow(&mut plan, &z, 2 * p.frac).unwrap();
        let mut relu = Relu.module::<Plan>();
        plan.enter_phase(RunPhase::Step);
        relu.forward(&mut plan, &z, true, None).unwrap();
        plan.enter_phase(RunPhase::Evaluation);
        relu.backward(&mut plan, &z, None).unwrap();
        let per = |s: Stats| [s.rounds, bits(s.sent) / len as u64, bits(s.dealt) / len as u64];
        assert_eq!(per(plan.server(RunPhase::Step)), [4, l + 4 + 1 + n, 54 + n + 3 * (n - l) + n]);
        assert_eq!(per(plan.server(RunPhase::Evaluation)), [2, l + n, 3 * (n - l) + n]);
        let all = [RunPhase::Step, RunPhase::Evaluation].map(|s| per(plan.server(s))[2]);
        assert_eq!(all[0] + all[1], if n == 32 { 198 } else { 294 });
    }
}

/// docs/protocols.md 4.2, per row of 10 classes.
#[test]
fn the_loss_opens_and_is_dealt_what_it_says() {
    use crate::gates::{Local, OpenRequest, Opening};
    for p in profiles() {
        let (n, f, c, rows) = (u64::from(p.ring), u64::from(p.frac), 10, 32);
        let mut plan = Plan::new(&p, &[]).unwrap();
        let x = plan.parameter(0, &Shape::from([rows, 10])).unwrap();
        let z = plan.narrow(&x, 2 * p.frac).unwrap();
        let [labels] = plan.open([OpenRequest::operand(&x, &p)]).unwrap();
        plan.enter_phase(RunPhase::Step);
        crate::nn::Loss::SoftmaxCrossEntropy
            .gradient(&mut plan, &z, &labels, &crate::nn::ClassWeights::default(), None)
            .unwrap();
        let stats = plan.server(RunPhase::Step);
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
        let base = job(&p, &[6, 64, 32, 3], 32).with(|s| {
            s.batch = 32;
            s.epochs = 8;
        });
        let dealt = |job: &Job| plan(job).unwrap().dealer(RunPhase::Step).dealt;
        let halving = base.clone().with(|s| s.schedule = Schedule::Halving);
        // steps 4, 5 halved once, 6 twice, 7 three times: 7 bits in all; the last bias's 3 elements start no new word
        let more = (bits(dealt(&halving)) - bits(dealt(&base))) / 7;
        assert!(more.abs_diff(parameters) <= 32, "{more} for {parameters} parameters");
        let moving = base.clone().with(|s| s.momentum = 0.5);
        let (with, without) = (dealt(&moving), dealt(&base));
        assert_eq!(with.frames - without.frames, 8 * 6);
        // a half is a shift by 1 bit, 29/32 one by 5
        assert!((bits(with) - bits(without)).abs_diff(8 * parameters) <= 8 * 32);
        let moving = base.clone().with(|s| s.momentum = 0.90625);
        assert!((bits(dealt(&moving)) - bits(without)).abs_diff(8 * 5 * parameters) <= 8 * 32);
        let rounds = |job: &Job| plan(job).unwrap().server(RunPhase::Step).rounds;
        assert_eq!(rounds(&moving), rounds(&base));
    }
}

/// Gradient and weight decay are dealt with as many bits more as the momentum has; nothing else is more than for plain momentum.
#[test]
fn nesterov_costs_the_bits_of_its_momentum_a_parameter() {
    for p in profiles() {
        let parameters: u64 = 6 * 64 + 64 + 64 * 32 + 32 + 32 * 3 + 3;
        for (momentum, bits_of, decay) in [(0.5, 1, 0.0), (0.90625, 5, 0.0), (0.90625, 5, f64::exp2(-6.0))] {
            let base = job(&p, &[6, 64, 32, 3], 32).with(|s| {
                s.batch = 32;
                s.momentum = momentum;
                s.weight_decay = decay;
            });
            let ahead = base.clone().with(|s| s.optimizer = Optimizer::Nesterov);
            let [(a, dealt_a), (b, dealt_b)] = [&ahead, &base].map(|job| {
                let plan = plan(job).unwrap();
                (plan.server(RunPhase::Step), plan.dealer(RunPhase::Step).dealt)
            });
            assert_eq!((a.rounds, a.sent, a.macs), (b.rounds, b.sent, b.macs));
            let terms = if decay > 0.0 { 2 } else { 1 };
            assert_eq!(dealt_a.frames, dealt_b.frames);
            assert!((bits(dealt_a) - bits(dealt_b)).abs_diff(terms * bits_of * parameters) <= 12 * 32);
        }
    }
}

/// Weight decay is one more rescale, in the round that there is; none costs nothing.
/// The memory of a plan goes with the rows that there are.
#[test]
fn a_batch_longer_than_the_rows_costs_what_all_rows_do() {
    for p in profiles() {
        let all = job(&p, &[6, 8, 3], 32).with(|s| s.batch = 32);
        let longer = all.clone().with(|s| s.batch = u32::MAX);
        let [all, longer] = [all, longer].map(|job| plan(&job).unwrap());
        let counted = |plan: &Plan| (bits(plan.server(RunPhase::Step).sent), bits(plan.dealer(RunPhase::Step).dealt));
        assert_eq!(counted(&longer), counted(&all));
    }
}

#[test]
fn weight_decay_costs_a_bit_and_its_shift_a_parameter() {
    for p in profiles() {
        let parameters: u64 = 6 * 64 + 64 + 64 * 32 + 32 + 32 * 3 + 3;
        let base = job(&p, &[6, 64, 32, 3], 32).with(|s| s.batch = 32);
        // a rate of 2^-7 a row of 32, of which a 64th: a part of 2^-8
        let decay = base.clone().with(|s| s.weight_decay = f64::exp2(-6.0));
        let of = |job: &Job| plan(job).unwrap();
        let step = |job: &Job| (of(job).server(RunPhase::Step), of(job).dealer(RunPhase::Step).dealt);
        let ((with, dealt_with), (without, dealt_without)) = (step(&decay), step(&base));
        assert_eq!(with.rounds, without.rounds);
        assert!((bits(with.sent) - bits(without.sent)).abs_diff(parameters) <= 6 * 32);
        assert!((bits(dealt_with) - bits(dealt_without)).abs_diff(8 * parameters) <= 6 * 32);
    }
}

/// The weights are opened and the parameters move once for all batches of a step.
#[test]
fn summed_batches_share_the_weights_and_the_update() {
    for p in profiles() {
        let momentum = 0.90625;
        let base = job(&p, &[6, 5, 3], 32).with(|s| {
            s.batch = 8;
            s.momentum = momentum;
        });
        let summed = base.clone().with(|s| {
            s.accumulate = 4;
            s.lr = 32.0 / 128.0;
        });
        let kinds = |job: &Job, update: bool| {
            let plan = plan(job).unwrap();
            // samples of ranges are of a step, whatever is summed
            let own = plan.entries().iter().filter(|e| e.kind != CostKind::Ranges);
            let own = own.filter(|e| matches!(e.kind, CostKind::Weights | CostKind::Update) == update);
            let mut sum = Cost::default();
            own.for_each(|e| sum.add(&e.cost, 1));
            (sum.rounds, bits(sum.opened), bits(sum.dealt), sum.macs)
        };
        assert_eq!((base.total_steps(), summed.total_steps()), (4, 1));
        assert_eq!(kinds(&base, false), kinds(&summed, false));
        let (often, once) = (kinds(&base, true), kinds(&summed, true));
        assert_eq!((often.0, often.1, often.2), (4 * once.0, 4 * once.1, 4 * once.2));
    }
}

#[test]
fn evaluation_and_the_model_are_counted_apart() {
    for p in profiles() {
        let quiet = job(&p, &[6, 5, 3], 16);
        let reveal = Reveals::default();
        let owners = vec![Owned { train: 10, test: 1500 }, Owned { train: 6, test: 501 }];
        let loud = Job { owners, reveal, ..quiet.clone() }.with(|_| ());
        let (a, b) = (plan(&quiet).unwrap(), plan(&loud).unwrap());
        assert_eq!(b.server(RunPhase::Evaluation).rounds, 1 + 3 * (4 + 1 + 3), "three batches of up to 1000 test rows");
        let cost = |s: Stats| (s.rounds, s.sent, s.received, s.dealt, s.macs);
        assert_eq!(cost(a.server(RunPhase::Step)), cost(b.server(RunPhase::Step)));
        assert_eq!(cost(a.server(RunPhase::Evaluation)), cost(Stats::default()));
        assert_eq!(cost(b.server(RunPhase::Setup)), cost(Stats::default()));
    }
}

/// What counts as the same cost: everything but the clocks.
fn counted(plan: &Plan) -> Vec<Cost> {
    SECTIONS.map(|s| Cost::of(&plan.server(s), &plan.dealer(s))).to_vec()
}

#[test]
fn a_plan_of_one_step_of_each_kind_is_that_of_all_steps() {
    for p in profiles() {
        for job in lockstep::jobs(&p) {
            let short = plan(&job).unwrap();
            let mut long = Plan::new(&p, &crate::train::run::planned_sets(&job)).unwrap();
            train(&mut long, &job).unwrap();
            assert_eq!(counted(&short), counted(&long));
            // the same entries; of the entries of a last, smaller batch no place is new
            assert_eq!(short.entries(), long.entries());
        }
    }
}

#[test]
fn a_long_run_is_planned_as_fast_as_a_short_one() {
    let p = Profile::small();
    for schedule in [Schedule::Halving, Schedule::Cosine, Schedule::Step { epochs: 1, factor: 0.9 }] {
        let job = |epochs| {
            job(&p, &[6, 5, 3], 24).with(|s| {
                s.epochs = epochs;
                s.batch = 7;
                s.schedule = schedule;
            })
        };
        let rounds = |epochs| plan(&job(epochs)).unwrap().server(RunPhase::Step).rounds;
        assert_eq!(rounds(u32::MAX), u64::from(u32::MAX) * rounds(1));
    }
}

#[test]
fn the_parts_sum_up_to_the_whole() {
    for p in profiles() {
        for name in Model::names() {
            let model = Model::named(name, Recipe::data(name).unwrap().image, 10).unwrap();
            let owners = vec![Owned { train: 300, test: 1100 }, Owned { train: 33, test: 0 }];
            let reveal = Reveals::default();
            let momentum = 0.9;
            let job = Job { model, owners, reveal, ..job(&p, &[2, 2], 1) }.with(|s| {
                s.momentum = momentum;
                s.batch = 64;
                s.epochs = 3;
            });
            let plan = plan(&job).unwrap();
            let sum = |section| {
                let mut sum = Cost::default();
                plan.entries().iter().filter(|e| e.section == section).for_each(|e| sum.add(&e.cost, 1));
                sum
            };
            assert_eq!(SECTIONS.map(sum).to_vec(), counted(&plan), "{name}");
            let all = [RunPhase::Step, RunPhase::Evaluation].map(sum);
            assert!(all.iter().all(|c| c.rounds > 0 && c.opened.bytes > 0 && c.dealt.bytes > 0 && c.macs > 0));
        }
    }
}

/// 784-128-128-10 with momentum, batches of 128; the counts are those of its layers: 118,016 weights, 118,282 parameters,
/// 256 activations and 10 logits a row.
#[test]
fn a_step_of_secureml_costs_by_kind_what_its_layers_say() {
    for p in profiles() {
        let (n, l, rows) = (u64::from(p.ring), u64::from(p.wire), 128);
        let model = Model::named("secureml", 784, 10).unwrap();
        let owners = vec![Owned { train: 128, test: 0 }];
        let momentum = 0.9;
        let plan = plan(&Job { model, owners, ..job(&p, &[2, 2], 1) }.with(|s| {
            s.momentum = momentum;
            s.batch = 128;
        }))
        .unwrap();
        let of = |kind| {
            let mut sum = Cost::default();
            plan.entries().iter().filter(|e| e.kind == kind).for_each(|e| sum.add(&e.cost, 1));
            sum
        };
        let opened = [
            (CostKind::Weights, 118_016 * n),
            (CostKind::Products, 0),
            (CostKind::Outputs, rows * 266 * l),
            (CostKind::Compares, rows * 256 * 4),
            (CostKind::Bits, rows * 256),
            (CostKind::Selects, 0),
            (CostKind::Inputs, rows * 256 * n),
            (CostKind::Loss, rows * (5 * 45 + 10 + 10 * (8 + u64::from(p.frac.min(10))) + 20 * 10 + 16 + 20)),
            (CostKind::Gradients, rows * (256 * l + 266 * n)),
            (CostKind::Update, 2 * 118_282),
            (CostKind::Hits, 0),
        ];
        for (kind, want) in opened {
            let have = bits(of(kind).opened);
            // each of the update's 12 lists of bits fills its last word
            let padding = if kind == CostKind::Update { 12 * 31 } else { 0 };
            assert!((want..=want + padding).contains(&have), "{kind:?}: {have} bits, not {want}");
        }
        let rounds = CostKind::ALL.map(|kind| of(kind).rounds);
        assert_eq!(rounds, [1, 0, 3, 2, 2, 0, 2, 0, 6, 5, 1, 0, 0, 2]);
        // forward, dW and dX, two products each at a server, one at the dealer
        let products = rows * (2 * 118_016 + 128 * 128 + 1280);
        assert_eq!((of(CostKind::Products).macs, of(CostKind::Products).dealer_macs), (2 * products, products));
        assert_eq!(bits(of(CostKind::Compares).dealt), rows * 256 * 54);
        // all weights at once are the longest frame between the servers, the first layer's dW from the dealer
        let frames = plan.largest_frames();
        assert_eq!((frames.opened, frames.dealt), (118_016 * n / 8, 784 * 128 * n / 8));
    }
}

/// Two convolutions with 2304 and 256 windows of four, of which each takes 4 comparisons, 4 winners' bits and 4 bits of the
/// one-hot, and 100 neurons behind them; bits that are opened with the next operand are still bits.
#[test]
fn a_step_of_minionn_opens_by_kind_what_its_pools_say() {
    for p in profiles() {
        let (n, rows) = (u64::from(p.ring), 128);
        let model = Model::named("minionn", [28, 28, 1], 10).unwrap();
        let owners = vec![Owned { train: 128, test: 0 }];
        let plan = plan(&Job { model, owners, ..job(&p, &[2, 2], 1) }.with(|s| s.batch = 128)).unwrap();
        let opened = |kind| {
            let own = plan.entries().iter().filter(|e| e.section == RunPhase::Step && e.kind == kind);
            own.map(|e| bits(e.cost.opened)).sum::<u64>()
        };
        let (windows, neurons) = (2304 + 256, 100);
        assert_eq!(opened(CostKind::Bits), rows * (8 * windows + neurons));
        assert_eq!(opened(CostKind::Compares), rows * 4 * (4 * windows + neurons));
        assert_eq!(opened(CostKind::Inputs), rows * (windows + neurons) * n);
    }
}
