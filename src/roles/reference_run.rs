//! A training in the clear: the reference, on the owners' rows or on public ones.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::data::Examples;
use crate::error::Result;
use crate::fixed::MASTER_FRAC;
use crate::nn::{Normalization, Task};
use crate::party::{Clear, ClearTensor, Ranges, Revealed, Set, Verdict};
use crate::prg::Seed;
use crate::roles::event::Event;
use crate::roles::input_check::shapes_fit;
use crate::roles::owner::grid;
use crate::shape::Shape;
use crate::train::Training;
use crate::train::{Job, Reveals, TestFigures, best_of, scores, train};

impl Training {
    /// Trains the same network on the same batches in the clear; returns the accuracy by epoch and what was seen of the
    /// values' ranges. An early stop goes by the accuracy in the clear.
    ///
    /// # Errors
    /// If settings do not fit each other or the rows.
    pub fn run_clear(
        &self,
        train_rows: &Examples,
        test: &Examples,
        mut on_event: impl FnMut(Event),
    ) -> Result<(Vec<f64>, Ranges)> {
        let job = self.job(train_rows.len(), test.len())?;
        shapes_fit(&job, [train_rows, test])?;
        let cut_off = job.cut_off_of_all([train_rows, test])?;
        cut_off.into_iter().for_each(|text| on_event(Event::Warning { text }));
        let stop = job.settings.early_stop();
        let over = move |scores: &[f64]| stop.is_some_and(|stop| stop.is_reached(scores));
        self.run_clear_until((train_rows, test), over, &mut on_event)
            .map(|ClearRun { accuracy, ranges, .. }| (accuracy, ranges))
    }

    /// [`Training::run_clear`] of a job that may end early, until `over` says so of the accuracies, in a regression of the squared
    /// errors below 0.
    ///
    /// # Errors
    /// As [`Training::run_clear`].
    pub(crate) fn run_clear_until(
        &self,
        (train_rows, test): (&Examples, &Examples),
        over: impl Fn(&[f64]) -> bool + Send + 'static,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<ClearRun> {
        let mut job = self.job(train_rows.len(), test.len())?;
        shapes_fit(&job, [train_rows, test])?;
        let (tests, regression) = (!test.is_empty(), job.model.task() == Task::Regression);
        job.reveal = Reveals {
            accuracy: tests && !regression,
            squared_error: tests && (regression || job.reveal.squared_error),
            moments: job.reveal.moments,
            ..Reveals::NOTHING
        };
        let initial = self.initial_parameters(&job)?;
        let scale = job.normalization_of(train_rows)?;
        let mut clear = clear((&job, scale.as_ref()), initial, train_rows, test, Seed::fresh()?);
        let (tell, hears) = mpsc::channel();
        send_events(&mut clear, &job, over, tell);
        let (mut accuracy, mut squared_errors) = (Vec::new(), Vec::new());
        thread::scope(|scope| {
            let job = &job;
            let run = scope.spawn(move || train(&mut clear, job).map(|()| clear.ranges().clone()));
            for event in hears {
                if let Event::Clear { test_accuracy, squared_error, .. } = event {
                    accuracy.extend(test_accuracy);
                    squared_errors.extend(squared_error);
                }
                on_event(event);
            }
            run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
        .map(|ranges| ClearRun { accuracy, squared_errors, ranges })
    }
}

/// What a training in the clear gave.
pub(crate) struct ClearRun {
    /// By epoch; empty in a regression.
    pub(crate) accuracy: Vec<f64>,
    /// By epoch, the squared error of a row in the mean; empty unless the job reveals it, or is a regression.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the program shows it"))]
    pub(crate) squared_errors: Vec<f64>,
    /// What was seen of the values' ranges.
    pub(crate) ranges: Ranges,
}

/// Has a run send how far it is and what an epoch gave to `tell`, and end once `over` says so of the scores of its epochs.
fn send_events(clear: &mut Clear, job: &Job, over: impl Fn(&[f64]) -> bool + Send + 'static, tell: Sender<Event>) {
    let one = job.decisions() as f64 * f64::exp2(f64::from(job.settings.profile.frac));
    let known: Arc<Mutex<[Vec<f64>; 2]>> = Arc::default();
    let (judged, epochs, own) = (known.clone(), tell.clone(), job.clone());
    clear.set_reveal_channel(move |what, number| {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let (epoch, whole) = match what {
            Revealed::Hits { epoch } => {
                known[0].push(number.x[0] as f64 / one);
                (epoch, !own.reveal.squared_error)
            }
            Revealed::SquaredError { epoch } => {
                let sum = number.x[0] as f64 * f64::exp2(-f64::from(MASTER_FRAC));
                known[1].push(TestFigures::mean_squared_error(sum, &own));
                (epoch, true)
            }
            _ => return Ok(()),
        };
        if whole {
            let [test_accuracy, squared_error] = [&known[0], &known[1]].map(|known| known.last().copied());
            let _ = epochs.send(Event::Clear { epoch, test_accuracy, squared_error, on_shares: None });
        }
        Ok(())
    });
    let own = job.clone();
    clear.set_judge(move |_| {
        let known = judged.lock().unwrap_or_else(PoisonError::into_inner);
        let scores = scores(&own, (&known[0], &known[1]));
        Ok(Verdict { goes_on: !over(&scores), best: best_of(&scores) + 1 == scores.len() })
    });
    let (job, total, start) = (job.clone(), job.total_steps(), Instant::now());
    let mut last = start;
    clear.observe(move |step| {
        if last.elapsed() >= PROGRESS || step == total {
            last = Instant::now();
            let (epoch, seconds) = (job.epoch_of(step), start.elapsed().as_secs_f64());
            let _ = tell.send(Event::Progress { epoch, step, steps: total, seconds });
        }
        Ok(())
    });
}

/// How often a run in the clear tells how far it is.
const PROGRESS: Duration = Duration::from_millis(100);

/// The clear run of a job on given data.
fn clear(
    (job, scale): (&Job, Option<&Normalization>),
    initial: Vec<Vec<u64>>,
    train_rows: &Examples,
    test: &Examples,
    coins: Seed,
) -> Clear {
    let mut clear = Clear::new(job.settings.profile, coins);
    for set in Set::ALL {
        let examples = if set.is_train() { train_rows } else { test };
        let cols = if set.is_features() { job.model.features() } else { job.model.outputs() };
        let mut rows = vec![0i32; examples.len() * cols];
        let mut x = vec![0u64; cols];
        let mut largest = 0;
        for (row, out) in rows.chunks_exact_mut(cols).enumerate() {
            grid((job, scale), examples, set, row, &mut x);
            #[expect(clippy::cast_possible_truncation, reason = "what is cut off is told by the largest")]
            out.iter_mut().zip(&x).for_each(|(o, x)| *o = x.cast_signed() as i32);
            largest = x.iter().map(|x| x.cast_signed().unsigned_abs()).fold(largest, u64::max);
        }
        if set.is_features() {
            clear.saw_features(largest);
        }
        clear.set_rows(set, cols, rows);
    }
    let shapes = job.model.parameters();
    let number =
        |(x, shape): (Vec<u64>, Shape)| ClearTensor::master(x.into_iter().map(u64::cast_signed).collect(), shape);
    clear.set_parameters(initial.into_iter().zip(shapes).map(number).collect());
    clear
}
