//! Servers and a dealer on a GPU send what they send on the processor, byte for byte, and values stay on the device.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::*;
use crate::backend::{Backend, Cpu, Wgpu, adapter};
use crate::gates::harness::counting_backend::Counts;
use crate::gates::harness::{CountingBackend, Run, Transcript};
use crate::kernel::twin::linear::MATMUL_PAIR;
use crate::net::FrameKind;
use crate::nn::layers::{
    AveragePool, BatchNorm, Conv2d, Dense, Dropout, HardTanh, LayerNorm, LeakyRelu, MaxPool, Relu, Residual, Sigmoid,
    Square, ZeroPadding,
};
use crate::nn::{Factor, Init, LayerSpec, Loss, Optimizer, PoolMethod};

/// Odd sizes, biases, batches of 7 and a last one of 3, momentum, a halved rate, three owners, two epochs with evaluation.
fn jobs(p: &Profile) -> [Job; 5] {
    let owners = [(9, 3), (1, 0), (7, 8)].map(|(train, test)| Owned { train, test }).to_vec();
    let job = Job { owners, reveal: Reveals::default(), ..job(p, &[9, 5, 4, 3], 17) }.with(|s| {
        s.epochs = 2;
        s.momentum = 0.90625;
        s.schedule = Schedule::Halving;
    });
    let square = Job { model: job.model.clone().with_loss(Loss::Square), ..job.clone() };
    let dense = |outputs, bias| LayerSpec::from(Dense { outputs, bias });
    let layers = vec![dense(5, true), LayerSpec::from(Sigmoid), dense(3, false)];
    let sigmoid = Model::new("sigmoid", 9, layers, 3, Loss::SigmoidCrossEntropy, Init::Glorot).unwrap();
    let sigmoid = Job { model: sigmoid, ..job.clone() };
    let many = Job { model: Model::dense("many", 9, &[4], 17).unwrap(), ..job.clone() };
    let images = images(&job, Vec::new());
    [job, square, sigmoid, images, many]
}

/// The same on images of 3 by 3: a convolution, a max pool, a residual block with an average pool in it, and what is given.
fn images(job: &Job, before_last: Vec<LayerSpec>) -> Job {
    let conv =
        |channels, kernel| LayerSpec::from(Conv2d { channels, kernel, stride: [1, 1], padding: [0, 0], bias: true });
    let max = |window, stride, method| LayerSpec::from(MaxPool { window, stride, method });
    let average = LayerSpec::from(AveragePool { window: [1, 3], stride: [1, 1] });
    let body = vec![LayerSpec::from(ZeroPadding { padding: [0, 1] }), conv(3, [1, 1]), average];
    let mut layers = vec![LayerSpec::from(ZeroPadding { padding: [1, 1] }), conv(2, [2, 2])];
    layers.extend([max([2, 3], [1, 1], PoolMethod::Tree), LayerSpec::from(Relu)]);
    layers.extend([LayerSpec::from(Residual { body, projection: true })]);
    layers.extend([max([1, 2], [2, 1], PoolMethod::OneShot), LayerSpec::from(Relu)]);
    layers.extend(before_last);
    layers.push(LayerSpec::from(Dense { outputs: 3, bias: true }));
    let model = Model::new("images", [3, 3, 1], layers, 3, Loss::SoftmaxCrossEntropy, Init::He).unwrap();
    Job { model, ..job.clone() }
}

/// The same on rows, with the activations and the normalizations that the others have not.
fn activations(job: &Job) -> Job {
    let dense = |outputs| LayerSpec::from(Dense { outputs, bias: true });
    let mut layers = vec![dense(5), BatchNorm { momentum: 3 }.into(), LeakyRelu { shift: 3 }.into()];
    layers.extend([dense(4), LayerNorm.into(), HardTanh.into(), dense(4), Square.into(), dense(3)]);
    let model = Model::new("activations", 9, layers, 3, Loss::SoftmaxCrossEntropy, Init::He).unwrap();
    Job { model, ..job.clone() }
}

/// An adapter for each server and the dealer; `None` if there is none.
fn gpus() -> Option<[Arc<dyn Backend>; 3]> {
    devices().map(|d| d.map(|d| d as Arc<dyn Backend>))
}

fn devices() -> Option<[Arc<Wgpu>; 3]> {
    let [a, b, c] = [0, 1, 2].map(|_| adapter::present(Wgpu::first()).map(Arc::new));
    Some([a?, b?, c?])
}

/// Runs the job with its servers and its dealer on these backends, and counts what they are asked for.
fn run_on(job: &Job, seed: u64, backends: [Arc<dyn Backend>; 3], block: Option<usize>) -> (Run, [Counts; 3]) {
    let counted = backends.map(|backend| Arc::new(CountingBackend::new(backend, block)));
    let mut world = world(job, seed);
    world.backends = counted.clone().map(|c| c as Arc<dyn Backend>);
    let run = world.run_unwatched(&Training(job));
    (run, counted.map(|c| c.counts()))
}

fn cpus() -> [Arc<dyn Backend>; 3] {
    [0, 1, 2].map(|_| Arc::new(Cpu::default()) as Arc<dyn Backend>)
}

/// The first difference between what was received in two runs.
fn difference(a: &Transcript, b: &Transcript) -> Option<String> {
    let (a, b) = (a.frames(), b.frames());
    if a.len() != b.len() {
        return Some(format!("{} frames and {}", a.len(), b.len()));
    }
    let (x, y) = a.iter().zip(&b).find(|(x, y)| x != y)?;
    let at = x.body.iter().zip(&y.body).position(|(x, y)| x != y);
    Some(format!("{} and {}, byte {at:?} of {} and {}", x.head, y.head, x.body.len(), y.body.len()))
}

/// Of what server 0 got, server 1 got, and server 1 was dealt.
fn differences(a: &Run, b: &Run) -> [Option<String>; 3] {
    [0, 1, 2].map(|at| difference(&a.heard[at], &b.heard[at]))
}

#[test]
fn a_run_on_a_gpu_exchanges_the_bytes_of_a_run_on_the_processor() {
    let Some(gpus) = gpus() else { return };
    for p in profiles() {
        let dropped = images(&jobs(&p)[0], vec![LayerSpec::from(Dropout { factor: Factor::kept(0.5) })]);
        let activated = activations(&jobs(&p)[0]);
        let ahead = jobs(&p)[0].clone().with(|s| {
            s.optimizer = Optimizer::Nesterov;
            s.weight_decay = 1e-2;
        });
        for (seed, job) in (40..).zip(jobs(&p).into_iter().chain([dropped, activated, ahead])) {
            // the laws of all gates are held against the values of this one
            let cpu = world(&job, seed).run(&Training(&job));
            let kinds: BTreeSet<String> =
                cpu.heard.iter().flat_map(Transcript::frames).map(|f| f.head.kind.to_string()).collect();
            assert_eq!(kinds, [FrameKind::Correction, FrameKind::Opening].map(|k| k.to_string()).into());
            // an owner's rows of a set in one block, and every row in one of its own
            let uploads = [None, Some(1)].map(|block| {
                let (gpu, counts) = run_on(&job, seed, gpus.clone(), block);
                assert_eq!(differences(&cpu, &gpu), [const { None }; 3], "{}, {:?}, {block:?}", p.name, job.model);
                assert_eq!(cpu.revealed, gpu.revealed);
                counts[0].uploads
            });
            let rows = u64::from(job.train_rows() + job.test_rows());
            assert!(uploads[1] - uploads[0] > 2 * (rows - 3 - 2), "features and labels came in more blocks");
        }
    }
}

/// The control of the test above, on the processor alone.
#[test]
fn a_flipped_bit_on_a_device_another_seed_and_a_flipped_bit_on_a_link_are_noticed() {
    for p in profiles() {
        let [job, ..] = jobs(&p);
        let (run, _) = run_on(&job, 40, cpus(), None);
        let again = differences(&run, &run_on(&job, 40, cpus(), None).0);
        assert_eq!(again, [const { None }; 3], "the same seeds give the same bytes");
        let other = differences(&run, &run_on(&job, 41, cpus(), None).0);
        assert!(other.iter().all(Option::is_some), "{other:?}");

        let spoiled = CountingBackend::new(Arc::new(Cpu::default()), None);
        *spoiled.spoil.lock().unwrap() = Some(MATMUL_PAIR.name);
        let [_, one, dealer] = cpus();
        let at0 = differences(&run, &run_on(&job, 40, [Arc::new(spoiled), one, dealer], None).0);
        assert!(at0[0].is_some() && at0[1].is_some() && at0[2].is_none(), "{at0:?}");

        let mut world = world(&job, 40);
        let mut frame = 0;
        let hand = move |f: &mut crate::net::Frame| {
            frame += 1;
            f.body[0] ^= u8::from(frame == 5);
        };
        world.garble_opened = Mutex::new(Some(Box::new(hand)));
        let garbled = differences(&run, &world.run_unwatched(&Training(&job)));
        assert!(garbled[0].as_ref().is_some_and(|d| d.contains("byte Some(0)")), "{garbled:?}");
    }
}

/// One readback a round; to the device goes what comes in, and the public numbers of a batch's rows.
#[test]
fn a_step_reads_back_what_it_opens_and_nothing_else() {
    for p in profiles() {
        for job in jobs(&p) {
            let job = Job { owners: vec![Owned { train: 17, test: 0 }], reveal: Reveals::NOTHING, ..job }.with(|_| ());
            let after = |steps| {
                let (run, counts) =
                    run_on(&Job { steps: Some(steps), ..job.clone() }, 40, gpus().unwrap_or_else(cpus), None);
                (run.stats.map(|s| s[1]), counts)
            };
            let [(stats, counts), (more_stats, more)] = [2, 5].map(after);
            for id in 0..2 {
                let rounds = more_stats[id].rounds - stats[id].rounds;
                let dealt = more_stats[id].dealt.frames - stats[id].dealt.frames;
                assert_eq!(more[id].downloads - counts[id].downloads, rounds, "server {id}");
                assert_eq!(counts[id].downloads, stats[id].rounds, "server {id}, all of the run");
                // rows and masks, of features and labels
                assert_eq!(more[id].uploads - counts[id].uploads, rounds + dealt + 3 * 4, "server {id}");
            }
        }
    }
}

#[test]
fn a_run_reads_back_what_it_opens_and_reveals() {
    for p in profiles() {
        for job in jobs(&p) {
            let (run, counts) = run_on(&job, 40, cpus(), None);
            for (id, counts) in counts[..2].iter().enumerate() {
                let rounds: u64 = run.stats[id].iter().map(|s| s.rounds).sum();
                assert_eq!(counts.downloads, rounds + run.revealed.len() as u64, "server {id}");
            }
        }
    }
}

#[test]
fn seventeen_epochs_take_no_more_of_a_gpu_s_memory_than_two() {
    for p in profiles() {
        let [job, ..] = jobs(&p);
        let made = [6, 51].map(|steps| {
            let devices = devices()?;
            // of several owners, the rows in a batch are now more, now fewer
            let owners = vec![Owned { train: 17, test: 11 }];
            let job = Job { owners, steps: Some(steps), ..job.clone() }.with(|s| {
                s.epochs = 17;
                s.schedule = Schedule::Constant;
            });
            run_on(&job, 40, devices.clone().map(|d| d as Arc<dyn Backend>), None);
            Some(devices.map(|d| d.buffers_made()))
        });
        assert_eq!(made[0], made[1]);
    }
}
