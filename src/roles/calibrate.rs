//! How fast this machine is at a job: measured in about a second, to estimate the time of a run that was never made.
//!
//! | measured | how |
//! |---|---|
//! | ring products | a cube of 256, in the profile's word |
//! | everything else that a role computes | steps of the job itself without a link, less their products |
//! | a round | frames of the job's mean size both ways at once, over TLS on loopback |
//! | a byte of corrections | frames one way, over TLS on loopback |

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::backend::{Backend, Cpu, Null};
use crate::error::{Error, Result};
use crate::kernel::fast::gemm::gemm;
use crate::kernel::{RingWord, Word};
use crate::net::{Channel, FrameHeader, FrameKind, Link, loopback, receive_exactly};
use crate::party::{Dealer, MaskedRows, RevealChannel, RowMasks, RunPhase, Server, Stats};
use crate::prg::Seed;
use crate::roles::process::cpu_seconds;
use crate::tensor::Device;
use crate::train::{Job, Owned, Reveals, set_shapes, train};

/// How fast this machine is at a job.
#[derive(Clone, Copy, Debug)]
pub struct Throughput {
    /// Threads of every role that computes.
    pub threads: usize,
    /// Ring multiply-adds a second, in 10^9.
    pub gmacs: f64,
    /// Rows of the batch that was measured; the job's own, or as many as half a second allows.
    pub rows: u32,
    /// Seconds that a server computes for a step.
    pub server_step: f64,
    /// Seconds that the dealer computes for a step.
    pub dealer_step: f64,
    /// Seconds that a server computes for an evaluation.
    pub server_evaluation: f64,
    /// Seconds that the dealer computes for an evaluation.
    pub dealer_evaluation: f64,
    /// A round over TLS on loopback, with frames of the job's mean size.
    pub round: Transfer,
    /// A byte over TLS on loopback.
    pub byte: Transfer,
}

/// What it takes to move something over loopback.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transfer {
    /// Seconds that pass.
    pub seconds: f64,
    /// Processor seconds of both ends together.
    pub cpu: f64,
}

impl Throughput {
    /// Measures how fast a role with the given number of threads is at the job while `busy` such roles compute on this machine.
    ///
    /// `opened` are the bytes of a mean round each way.
    ///
    /// # Errors
    /// If the system provides no thread or no connection.
    pub fn measure(job: &Job, threads: usize, busy: usize, opened: usize) -> Result<Self> {
        let pool = pool(threads)?;
        let gmacs = match RingWord::holding(job.settings.profile.ring) {
            RingWord::U32 => cube::<u32>(&pool),
            RingWord::U64 => cube::<u64>(&pool),
        };
        // several batches are as much work as one of all their rows
        let whole = u32::try_from(job.rows_per_step()).map_or(job.train_rows(), |rows| rows.min(job.train_rows()));
        let quick = |rows: &u32| {
            let work = Work::of_step(job, *rows);
            work.is_ok_and(|[server, _]| server.macs / (1e9 * gmacs) + server.written / 1e9 < QUICK)
        };
        let rows = std::iter::successors(Some(whole), |rows| (*rows > 1).then_some(rows / 2));
        let rows = rows.clone().find(quick).or(rows.last()).unwrap_or(1);
        let small = Work::of_step(job, rows)?;
        let took = dry_steps(job, rows, threads, busy)?;
        let rates = [0, 1].map(|role| {
            let rest = (took[role] - small[role].macs / (1e9 * gmacs)).max(0.0);
            rest / small[role].written.max(1.0)
        });
        let seconds =
            |work: [Work; 2]| [0, 1].map(|role| work[role].macs / (1e9 * gmacs) + work[role].written * rates[role]);
        let [server_step, dealer_step] = seconds(Work::of_step(job, whole)?);
        let [server_evaluation, dealer_evaluation] = seconds(Work::of_evaluation(job)?);
        let (round, byte) = (rounds(opened)?, stream()?);
        Ok(Self { threads, gmacs, rows, server_step, dealer_step, server_evaluation, dealer_evaluation, round, byte })
    }
}

/// How long the rehearsed batch may take.
const QUICK: f64 = 0.5;

/// How long each measurement goes on.
const LONG_ENOUGH: Duration = Duration::from_millis(200);

/// Multiply-adds a second of a product of cubes, in 10^9.
fn cube<W: Word>(pool: &ThreadPool) -> f64 {
    const SIDE: usize = 256;
    let factor = |seed: u64| -> Vec<W> {
        let word = |i: u64| W::low((i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (0..(SIDE * SIDE) as u64).map(word).collect()
    };
    let (a, b, mut sum) = (factor(1), factor(2), factor(3));
    let took = pool.install(|| {
        let mut once = || {
            let start = Instant::now();
            gemm(&mut sum, &a, &b, [SIDE; 3], [false; 2], false);
            start.elapsed().as_secs_f64()
        };
        once();
        let start = Instant::now();
        std::iter::from_fn(|| (start.elapsed() < LONG_ENOUGH).then(&mut once)).collect()
    });
    1e-9 * (SIDE * SIDE * SIDE) as f64 / undisturbed(took)
}

/// The time that one in ten is below; other programs come in the way of the rest.
fn undisturbed(mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    took.get(took.len() / 10).copied().unwrap_or(f64::EPSILON)
}

/// What a role has to compute.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    macs: f64,
    /// Bytes that kernels write.
    written: f64,
}

impl Work {
    /// Of everything in a job, at a server and at the dealer.
    fn of(job: &Job) -> Result<[Self; 2]> {
        let nulls = [Null::default(), Null::default()];
        let meters = nulls.each_ref().map(|null| null.meter().clone());
        let [ours, theirs] = nulls.map(|null| Arc::new(null) as Arc<dyn Backend>);
        let (mut server, mut dealer) = (server(job, ours)?, dealer(job, theirs)?);
        train(&mut server, job)?;
        train(&mut dealer, job)?;
        let macs = |stats: &dyn Fn(RunPhase) -> Stats| stats(RunPhase::Step).macs + stats(RunPhase::Evaluation).macs;
        let macs = [macs(&|section| server.session.stats(section)), macs(&|section| dealer.session.stats(section))];
        Ok([0, 1].map(|at| Self { macs: macs[at] as f64, written: meters[at].written() as f64 }))
    }

    /// Of a step over a batch of `rows` rows.
    fn of_step(job: &Job, rows: u32) -> Result<[Self; 2]> {
        Self::of(&rehearsal(job, rows, 0, 1))
    }

    /// Of an evaluation, the mean of all.
    fn of_evaluation(job: &Job) -> Result<[Self; 2]> {
        let all = job.evaluations();
        if all == 0 {
            return Ok(Default::default());
        }
        let plain = Job { reveal: job.reveal.without_figures(), ..job.clone() };
        if job.reveal == plain.reveal {
            return Self::of_one_evaluation(job);
        }
        let with_figures = (1..=all).filter(|epoch| !job.figures_after(*epoch).is_empty()).count().max(1);
        let part = (with_figures as f64 / f64::from(all)).min(1.0);
        let (with, without) = (Self::of_one_evaluation(job)?, Self::of_one_evaluation(&plain)?);
        let mean = |with: f64, without: f64| part * with + (1.0 - part) * without;
        Ok([0, 1].map(|at| Self {
            macs: mean(with[at].macs, without[at].macs),
            written: mean(with[at].written, without[at].written),
        }))
    }

    /// Of an evaluation with all that the job reveals.
    fn of_one_evaluation(job: &Job) -> Result<[Self; 2]> {
        let rows = job.test_rows().min(ENOUGH_ROWS);
        let (with, without) = (Self::of(&rehearsal(job, 1, rows, 1))?, Self::of_step(job, 1)?);
        let scale = f64::from(job.test_rows()) / f64::from(rows);
        let less = |a: f64, b: f64| scale * (a - b);
        Ok([0, 1].map(|at| Self {
            macs: less(with[at].macs, without[at].macs),
            written: less(with[at].written, without[at].written),
        }))
    }
}

/// Test rows that are walked; more cost in proportion.
const ENOUGH_ROWS: u32 = 10_000;

/// The job on as many rows as a batch has, epochs of one step.
fn rehearsal(job: &Job, rows: u32, test: u32, steps: u32) -> Job {
    // by as much of the gradient as in the job
    let lr = job.rate().value() * f64::from(rows.max(1));
    let settings = job.settings.clone().batch(rows).accumulate(1).epochs(steps).shuffle(false);
    let settings = settings.patience(None).target(None).learning_rate(lr);
    Job {
        owners: vec![Owned { train: rows, test }],
        settings,
        steps: None,
        reveal: if test > 0 { Reveals { model: false, ranges: false, ..job.reveal } } else { Reveals::NOTHING },
        ..job.clone()
    }
}

/// A server without links: it computes, or counts, and sends nothing. Number 0, which draws what number 1 receives.
fn server(job: &Job, backend: Arc<dyn Backend>) -> Result<Server> {
    let (device, seed) = (Device::new(backend, job.settings.profile.ring), Seed::fresh()?);
    let mut server = Server::new(0, device.clone(), job.settings.profile, 0, &seed, None)?;
    for (set, shape) in set_shapes(job) {
        let (mut rows, mut masks) = (MaskedRows::new(shape), RowMasks::new(set, shape));
        let count = if set.is_train() { job.train_rows() } else { job.test_rows() };
        rows.push_zeros(&device, count)?;
        masks.push(&device, count, &[&seed])?;
        server.set_rows(set, rows, masks);
    }
    let nobody = RevealChannel { allowed: Box::new(|_| true), reveal_to_trainer: Box::new(|_, _, _, _| Ok(())) };
    server.set_reveal_channel(seed, nobody);
    Ok(server)
}

/// A dealer without a link.
fn dealer(job: &Job, backend: Arc<dyn Backend>) -> Result<Dealer> {
    let (device, seeds) = (Device::new(backend, job.settings.profile.ring), [Seed::fresh()?, Seed::fresh()?]);
    let seeds = seeds.each_ref();
    let mut dealer = Dealer::new(device.clone(), job.settings.profile, 0, seeds, None)?;
    for (set, shape) in set_shapes(job) {
        let mut masks = RowMasks::new(set, shape);
        masks.push(&device, if set.is_train() { job.train_rows() } else { job.test_rows() }, &seeds)?;
        dealer.set_rows(set, masks);
    }
    Ok(dealer)
}

/// Seconds that a server and the dealer compute for a step over `rows` rows on the processor, each beside as many others
/// like it as are busy at once.
fn dry_steps(job: &Job, rows: u32, threads: usize, busy: usize) -> Result<[f64; 2]> {
    let job = &rehearsal(job, rows, 0, u32::MAX);
    let backend = || Arc::new(Cpu::default()) as Arc<dyn Backend>;
    let serve = |mut clock: Clock| {
        let mut server = server(job, backend())?;
        server.session.observe(move |_, _| clock.tick());
        train(&mut server, job)
    };
    let deal = |mut clock: Clock| {
        let mut dealer = dealer(job, backend())?;
        dealer.session.observe(move |_, _| clock.tick());
        train(&mut dealer, job)
    };
    let all = |role: &(dyn Fn(Clock) -> Result<()> + Sync)| -> Result<f64> {
        let one = || {
            let clock = Clock::default();
            match pool(threads)?.install(|| role(clock.clone())) {
                // the clock's way to say that it has seen enough
                Ok(()) | Err(Error::Interrupted) => Ok(clock.step()),
                Err(e) => Err(e),
            }
        };
        thread::scope(|scope| {
            let runs: Vec<_> = (0..busy).map(|_| scope.spawn(one)).collect();
            let runs = runs.into_iter().map(|r| r.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            Ok(runs.collect::<Result<Vec<f64>>>()?.into_iter().sum::<f64>() / busy as f64)
        })
    };
    Ok([all(&serve)?, all(&deal)?])
}

/// Threads for one role.
fn pool(threads: usize) -> Result<ThreadPool> {
    let pool = ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
    pool.map_err(|e| Error::Device(format!("{threads} threads: {e}")))
}

/// The times of steps, the first of which only warms up.
#[derive(Clone, Default)]
struct Clock(Arc<Mutex<Vec<Instant>>>);

impl Clock {
    /// Notes the end of a step; an error once there were enough.
    fn tick(&mut self) -> Result<()> {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.push(Instant::now());
        let enough = ends.len() > 2 && ends[0].elapsed() > LONG_ENOUGH;
        if enough { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// What a step takes where nothing else is in its way: a time that one in ten is below.
    fn step(&self) -> f64 {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        undisturbed(ends.windows(2).map(|w| (w[1] - w[0]).as_secs_f64()).collect())
    }
}

/// A round over loopback, with frames of `bytes` bytes.
fn rounds(bytes: usize) -> Result<Transfer> {
    let bytes = bytes.clamp(1, MOST_BYTES);
    let times = u32::try_from(ROUNDS_BYTES / (bytes + ROUND_BYTES)).unwrap_or(1).max(3);
    let side = |mut link: Link| -> Result<Link> {
        link.set_max_frame(bytes as u64);
        for gate in 0..times {
            let head = FrameHeader { gate, ..HEAD };
            link.send(head, vec![1; bytes])?;
            receive_exactly(&mut link, head, bytes, "a round")?;
        }
        Ok(link)
    };
    timed(times.into(), side, side)
}

/// A byte one way over loopback.
fn stream() -> Result<Transfer> {
    const FRAMES: u32 = 256;
    const BYTES: usize = 1 << 18;
    let send = |mut link: Link| -> Result<Link> {
        for gate in 0..FRAMES {
            link.send(FrameHeader { gate, ..HEAD }, vec![1; BYTES])?;
        }
        link.flush()?;
        Ok(link)
    };
    let take = |mut link: Link| -> Result<Link> {
        for gate in 0..FRAMES {
            receive_exactly(&mut link, FrameHeader { gate, ..HEAD }, BYTES, "a frame")?;
        }
        Ok(link)
    };
    timed(f64::from(FRAMES) * BYTES as f64, send, take)
}

/// What `times` things take that two ends do together.
fn timed(
    times: f64,
    near: impl FnOnce(Link) -> Result<Link> + Send,
    far: impl FnOnce(Link) -> Result<Link> + Send,
) -> Result<Transfer> {
    let (a, b) = loopback()?;
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let ends = thread::scope(|scope| {
        let far = scope.spawn(move || far(b));
        let near = near(a);
        Ok::<_, Error>((near?, far.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?))
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let used = cpu_seconds().zip(cpu).map_or(seconds, |(now, before)| now - before);
    drop(ends);
    Ok(Transfer { seconds: seconds / times, cpu: used / times })
}

const HEAD: FrameHeader = FrameHeader { kind: FrameKind::Opening, session: 0, step: 0, gate: 0 };

/// A frame of this size says all about larger ones.
const MOST_BYTES: usize = 8 << 20;

/// Bytes that are exchanged to measure a round, each way, a round of no bytes counting as so many.
const ROUNDS_BYTES: usize = 400 << 20;
const ROUND_BYTES: usize = 100_000;
