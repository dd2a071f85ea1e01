//! A job that the parties of a cluster run, and resume where it breaks off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::cli::run_folder::RunFolder;
use crate::cli::run_record::RunRecord;
use crate::error::{Error, Result};
use crate::roles::{Event, History, Node, Outcome, Start};
use crate::train::Job;

/// Has the parties of a cluster run the job; where it breaks off behind a checkpoint, waits for all of them and resumes it.
pub(super) fn cluster_run(
    place: &Node,
    job: &Job,
    (initial, mut history): (Vec<Vec<u64>>, Option<History>),
    interrupted: &Arc<AtomicBool>,
    (folder, on_event): (&RunFolder, &mut dyn FnMut(Event)),
) -> Result<Outcome> {
    let (mut kept, mut last, mut said) = (false, Instant::now(), String::new());
    loop {
        let ended = remote(place, job, (initial.clone(), history), interrupted, &mut |event| {
            kept |= matches!(event, Event::Checkpoint { .. });
            if matches!(event, Event::Progress { .. }) {
                last = Instant::now();
            }
            on_event(event);
        });
        let why = match ended {
            Err(why) if kept && may_pass(&why) && last.elapsed() < WAITING => why.to_string(),
            ended => return ended,
        };
        if why != said {
            let text = format!("{why}; waiting for all parties, to resume from the last checkpoint");
            on_event(Event::Warning { text });
            said = why;
        }
        std::thread::sleep(PAUSE);
        if interrupted.load(Ordering::SeqCst) {
            return Err(Error::Interrupted);
        }
        history = Some(History::of(job, &RunRecord::read(folder.path())?.events));
    }
}

/// Whether a job that broke off for this reason may go on once all parties are there again.
fn may_pass(why: &Error) -> bool {
    !why.is_usage() && !matches!(why, Error::Interrupted | Error::Ended { .. } | Error::Unsound(_))
}

/// How long a trainer waits for the parties of a job that broke off.
const WAITING: Duration = Duration::from_secs(600);
/// How long from one attempt to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// Has the parties of a cluster run the job; leaves them where the user interrupts before training starts.
fn remote(
    place: &Node,
    job: &Job,
    (initial, history): (Vec<Vec<u64>>, Option<History>),
    interrupted: &Arc<AtomicBool>,
    on_event: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    let (tell, hears) = std::sync::mpsc::channel();
    let presence = &place.presence;
    let (place, job, end) = (place.clone(), job.clone(), interrupted.clone());
    let start = Start::default();
    let begins = start.clone();
    let trainer = std::thread::spawn(move || {
        place.train(&job, (&initial, history), (&end, &begins), &mut |event| {
            let _ = tell.send(event);
        })
    });
    loop {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        match hears.recv_timeout(Duration::from_millis(50)) {
            Ok(event) => on_event(event),
            Err(Timeout) => {}
            Err(Disconnected) => break,
        }
        // whoever has begun to train is to hear that the run ends, and all agree on whether they have
        if interrupted.load(Ordering::SeqCst) && start.call_off() {
            presence.leave();
            return Err(Error::Interrupted);
        }
    }
    trainer
        .join()
        .unwrap_or_else(|_| Err(Error::Device("the trainer panicked; please report the message above".into())))
}
