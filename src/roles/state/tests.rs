//! Jobs that break off and resume, with all roles as threads.

use std::path::Path;
use std::sync::Arc;

use ndarray::Array2;

use super::{CheckpointTimes, StateFolder};
use crate::backend::{Backend, Cpu};
use crate::data::Examples;
use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::gates::harness::tapped_channel::TappedChannel;
use crate::gates::harness::{Tamper, Transcript};
use crate::layer::{batch_norm, dense, relu};
use crate::net::{Channel, Fault, Faulty, Frame, FrameKind, Identity, Role, UnsealingKey, pair};
use crate::nn::{Model, Optimizer};
use crate::party::{Dealer, Figure, Revealed, RunState, ValueShape};
use crate::prg::public_seed;
use crate::roles::agreement::Parties;
use crate::roles::connect::Connect;
use crate::roles::event::{Event, OutOfRange};
use crate::roles::history::History;
use crate::roles::messages::StatusUpdate;
use crate::roles::outcome::Outcome;
use crate::roles::threads::{Failures, Links, connect, run_roles};
use crate::roles::trainer::run_trainer;
use crate::tensor::Device;
use crate::train::{EarlyStop, Training, train};

/// 240 points; the class says which of two coordinates is larger.
fn data() -> Examples {
    let points = Array2::from_shape_fn((240, 6), |(row, axis)| {
        (row as f32 * [0.755, 0.57, 0.311, 0.123, 0.917, 0.44][axis]).fract()
    });
    let classes = points.rows().into_iter().map(|p| u32::from(p[0] > p[1])).collect();
    Examples::new(points, classes, 2).unwrap()
}

/// Epochs of 48 steps.
fn training(layers: Vec<crate::nn::LayerSpec>) -> Training {
    let model = Model::sequential(6, layers).unwrap();
    Training::new(model).epochs(4).batch(5).learning_rate(0.1).momentum(0.75)
}

fn plain() -> Training {
    training(vec![dense(8), relu(), dense(2)])
}

/// A place for the state of all roles, and who the trainer is.
struct Place {
    folder: tempfile::TempDir,
    keys: Vec<Identity>,
    seal: UnsealingKey,
}

impl Place {
    fn new() -> Self {
        let keys = (0..3).map(|_| Identity::generate().unwrap()).collect();
        Self { folder: tempfile::tempdir().unwrap(), keys, seal: UnsealingKey::generate().unwrap() }
    }

    fn state(&self, role: usize) -> StateFolder {
        let every = CheckpointTimes { steps: Some(1), ..CheckpointTimes::default() };
        StateFolder::open(&self.path(role), self.keys[role].storage_key(), every).unwrap()
    }

    /// Where a server, or the dealer (2), keeps its state.
    fn path(&self, role: usize) -> std::path::PathBuf {
        self.folder.path().join(role.to_string())
    }

    /// The folder of the one job that a role keeps something of.
    fn job(&self, role: usize) -> Option<std::path::PathBuf> {
        std::fs::read_dir(self.path(role).join("jobs")).unwrap().next().map(|entry| entry.unwrap().path())
    }
}

/// One attempt at a job.
struct Attempt<'a> {
    place: &'a Place,
    training: &'a Training,
    /// After how many frames the link from server 0 to server 1 is cut.
    cut: Option<usize>,
    history: Option<History>,
    /// Which roles keep a state.
    keeps: [bool; 3],
    /// The parameter whose half from server 0 reaches the trainer damaged, which breaks the job off.
    spoil: Option<u32>,
    /// What happens at every checkpoint.
    at_checkpoint: &'a dyn Fn(),
}

/// How it ended.
struct Ended {
    outcome: Result<Outcome>,
    events: Vec<Event>,
    /// What server 0 sent to server 1.
    sent: Vec<Frame>,
}

impl Ended {
    fn resumed(&self) -> Option<u64> {
        self.events.iter().find_map(|event| if let Event::Resumed { step, .. } = event { Some(*step) } else { None })
    }

    fn checkpoints(&self) -> Vec<u64> {
        self.events
            .iter()
            .filter_map(|event| if let Event::Checkpoint { step } = event { Some(*step) } else { None })
            .collect()
    }
}

impl<'a> Attempt<'a> {
    fn new(place: &'a Place, training: &'a Training) -> Self {
        Self { place, training, cut: None, history: None, keeps: [true; 3], spoil: None, at_checkpoint: &|| () }
    }

    fn run(self) -> Ended {
        let data = data();
        let job = self.training.job(data.len(), data.len()).unwrap();
        let initial = self.training.initial_parameters(&job).unwrap();
        let parties = Parties::threads(self.place.seal.public());
        let mut links = connect(job.owners.len(), &parties, Arc::default());
        let [zero, one] = &mut links.servers;
        for (role, state) in [&mut zero.state, &mut one.state, &mut links.dealer.state].into_iter().enumerate() {
            *state = self.keeps[role].then(|| self.place.state(role));
        }
        links.trainer.history.clone_from(&self.history);
        if self.history.as_ref().is_some_and(|history| !history.owners) {
            // nobody comes
            links.owners.clear();
        }
        let heard = Transcript::default();
        tap(&mut links, self.cut, heard.clone());
        let nobody: Box<dyn Channel> = Box::new(pair("trainer", "nobody").0);
        let link = std::mem::replace(&mut links.trainer.servers[0], nobody);
        links.trainer.servers[0] = Box::new(TappedChannel::new(link, Transcript::default(), self.spoil.map(spoiler)));
        let (mut events, failures) = (Vec::new(), Failures::default());
        let backend = Arc::new(Cpu::default()) as Arc<dyn Backend>;
        let outcome = run_roles(links, &backend, [&data, &data], &failures, |trainer| {
            run_trainer(&job, &initial, trainer, &self.place.seal, &mut |event| {
                if matches!(event, Event::Checkpoint { .. }) {
                    (self.at_checkpoint)();
                }
                events.push(event);
            })
        });
        Ended { outcome: outcome.map_err(|e| failures.cause().unwrap_or(e)), events, sent: heard.frames() }
    }
}

/// Damages the half of a parameter.
fn spoiler(spoiled: u32) -> Tamper {
    Box::new(move |frame| {
        if let Ok(StatusUpdate::Half { what: Revealed::Parameter { index }, .. }) = postcard::from_bytes(&frame.body)
            && index == spoiled
        {
            frame.body.truncate(3);
        }
    })
}

/// What stands in for a link.
type Wrap = Box<dyn Fn(Box<dyn Channel>) -> Box<dyn Channel> + Send>;

/// Listens to what server 1 hears from server 0, and cuts that link after some frames.
fn tap(links: &mut Links, cut: Option<usize>, heard: Transcript) {
    let wrap = |meet: Connect, of: Role, with: Wrap| -> Connect {
        let mut meet = meet;
        Box::new(move |role, patience| meet(role, patience).map(|link| if role == of { with(link) } else { link }))
    };
    let [zero, one] = &mut links.servers;
    let nobody = || -> Connect { Box::new(|role, _| Err(Error::peer(role, "is not connected"))) };
    let meet = std::mem::replace(&mut zero.meet, nobody());
    zero.meet = wrap(
        meet,
        Role::Server(1),
        Box::new(move |link| match cut {
            Some(frames) => Box::new(Faulty::new(link, Fault::Cut(frames))),
            None => link,
        }),
    );
    let meet = std::mem::replace(&mut one.meet, nobody());
    one.meet =
        wrap(meet, Role::Server(0), Box::new(move |link| Box::new(TappedChannel::new(link, heard.clone(), None))));
}

/// The history of a run whose events these are.
fn history(training: &Training, events: &[Event]) -> History {
    History::of(&training.job(240, 240).unwrap(), events)
}

/// A run that breaks off after some frames, and then resumes.
fn broken_and_resumed(place: &Place, training: &Training, cut: usize) -> [Ended; 2] {
    let first = Attempt { cut: Some(cut), ..Attempt::new(place, training) }.run();
    assert!(first.outcome.is_err(), "it broke off");
    let known = history(training, &first.events);
    let second = Attempt { history: Some(known), ..Attempt::new(place, training) }.run();
    [first, second]
}

fn furthest(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn a_job_that_broke_off_resumes_without_its_owners_and_ends_as_well() {
    let stop = EarlyStop { patience: Some(3), target: None };
    let trainings = [
        plain(),
        plain().momentum(0.0).owners(2),
        plain().optimizer(Optimizer::Nesterov).weight_decay(1e-3).stop(stop),
        training(vec![dense(8), batch_norm(), relu(), dense(2)]),
    ];
    for training in trainings.map(|training| training.profile(Profile::wide()).learning_rate(0.02)) {
        let training = &training;
        let whole = Attempt::new(&Place::new(), training).run().outcome.unwrap();
        let place = Place::new();
        let [first, second] = broken_and_resumed(&place, training, 2000);
        let (from, outcome) = (second.resumed().unwrap(), second.outcome.unwrap());
        assert!(from > 0 && first.checkpoints().last().is_some_and(|last| from >= *last), "{from}");
        assert_eq!(outcome.summary.resumed_from, Some(from));
        assert_eq!(
            (whole.accuracy.len(), whole.out_of_range.len()),
            (outcome.accuracy.len(), outcome.out_of_range.len())
        );
        // the same steps on the same rows, but for the coins of roundings
        let end = |outcome: &Outcome| *outcome.accuracy.last().unwrap();
        assert!((end(&whole) - end(&outcome)).abs() < 0.1, "{} and {}", end(&whole), end(&outcome));
        let kinds = training.job(240, 240).unwrap();
        // which epoch is the best, and what batches of 5 are normalized to, hangs on the coins
        if kinds.settings.early_stop().is_none() && !kinds.model.watched().iter().any(|place| place.contains("norm")) {
            let other = Attempt::new(&Place::new(), &training.clone().seed(9)).run().outcome.unwrap();
            let apart = furthest(&whole.parameters, &outcome.parameters);
            let other = furthest(&whole.parameters, &other.parameters);
            assert!(apart < other / 4.0, "{apart}, where another run is {other} away");
        }
        assert!((0..3).all(|role| place.job(role).is_none()), "nothing is kept of a job that is done");
    }
}

#[test]
fn nothing_is_opened_under_a_mask_of_the_attempt_before() {
    let (place, training) = (Place::new(), plain());
    let [first, second] = broken_and_resumed(&place, &training, 2000);
    let from = second.resumed().unwrap();
    let openings = |sent: &[Frame]| -> Vec<Frame> {
        let opened = |f: &&Frame| f.head.kind == FrameKind::Opening && u64::from(f.head.step) > from;
        sent.iter().filter(opened).cloned().collect()
    };
    let [before, after] = [&first, &second].map(|ended| openings(&ended.sent));
    let again = before.iter().zip(&after).take_while(|(a, b)| a.body.len() == b.body.len());
    let (mut words, mut equal, mut bits) = (0u32, 0u32, 0u32);
    for (a, b) in again {
        assert_ne!(a.head.session, b.head.session, "a session of its own");
        for (a, b) in a.body.chunks_exact(4).zip(b.body.chunks_exact(4)) {
            words += 1;
            equal += u32::from(a == b);
            bits += a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
        }
    }
    assert!(words > 5_000, "steps were done again: {words} words");
    // the same steps on the same rows: under one mask, all but the roundings' bits would be the same
    assert!(equal * 100 < words, "{equal} of {words} words are equal");
    // half of the bits, but for those that fill up the last word of a frame
    assert!(bits > 14 * words && bits < 17 * words, "{bits} bits of {words} words differ");
}

#[test]
fn a_job_resumes_as_often_as_it_breaks_off() {
    let (place, training) = (Place::new(), plain());
    let mut events = Vec::new();
    let mut resumed = Vec::new();
    for cut in [700, 900, 1100] {
        let known = (!events.is_empty()).then(|| history(&training, &events));
        let ended = Attempt { cut: Some(cut), history: known, ..Attempt::new(&place, &training) }.run();
        assert!(ended.outcome.is_err());
        resumed.extend(ended.resumed());
        events.extend(ended.events);
    }
    let known = history(&training, &events);
    let ended = Attempt { history: Some(known), ..Attempt::new(&place, &training) }.run();
    resumed.extend(ended.resumed());
    assert!(resumed.is_sorted() && resumed.len() == 3 && resumed[2] > resumed[0], "{resumed:?}");
    assert!(ended.outcome.unwrap().accuracy[3] > 0.8);
}

/// What is at odds with a state, and what then happens.
#[test]
fn halves_that_do_not_belong_together_are_not_used() {
    let training = plain();
    let resumes_from = |change: &dyn Fn(&Place)| {
        let place = Place::new();
        let broken = || assert!(Attempt { cut: Some(2000), ..Attempt::new(&place, &training) }.run().outcome.is_err());
        broken();
        let (stale, own) = (place.folder.path().join("stale"), place.job(1).unwrap());
        std::fs::rename(&own, &stale).unwrap();
        // the same job from its start, in another session
        broken();
        change(&place);
        // the trainer knows everything, or what it resumes from would depend on that
        let mut known = History::default();
        (known.accuracy, known.out_of_range) = (vec![0.5; 3], vec![OutOfRange::default(); 3]);
        let ended = Attempt { history: Some(known), ..Attempt::new(&place, &training) }.run();
        (ended.resumed(), ended.outcome)
    };
    let files = |folder: &Path| {
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.file_name().unwrap().to_string_lossy().starts_with("checkpoint-"));
        let step = |file: &std::path::PathBuf| -> u64 {
            file.file_name().unwrap().to_string_lossy().split('-').nth(1).unwrap().parse().unwrap()
        };
        files.sort_by_key(step);
        files
    };
    let (newest, outcome) = resumes_from(&|_| ());
    let newest = newest.unwrap();
    assert!(outcome.is_ok() && newest > 0, "the control");
    let flip = |place: &Place, role: usize, all: bool| {
        let files = files(&place.job(role).unwrap());
        assert_eq!(files.len(), 2, "the last two are kept");
        for file in &files[usize::from(!all)..] {
            let mut bytes = std::fs::read(file).unwrap();
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
            std::fs::write(file, bytes).unwrap();
        }
    };
    let (older, outcome) = resumes_from(&|place| flip(place, 1, false));
    assert!(outcome.is_ok() && older.is_some_and(|older| older < newest), "the one before: {older:?}");
    let (none, outcome) = resumes_from(&|place| flip(place, 0, true));
    assert!(outcome.is_ok() && none == Some(0), "from the first step: {none:?}");
    // what server 1 kept of the attempt before: halves of two sessions, rows of two uploads
    let (from, outcome) = resumes_from(&|place| {
        let own = place.job(1).unwrap();
        std::fs::remove_dir_all(&own).unwrap();
        std::fs::rename(place.folder.path().join("stale"), own).unwrap();
    });
    let error = outcome.unwrap_err().to_string();
    assert!(from.is_none_or(|from| from == 0) && error.contains("different masked rows"), "{from:?}: {error}");
}

#[test]
fn a_job_resumes_only_where_all_that_it_needs_was_kept() {
    let training = plain();
    for (role, says) in [(0, "both servers keep state"), (1, "both servers keep state"), (2, "the dealer keeps state")]
    {
        let place = Place::new();
        let keeps = std::array::from_fn(|own| own != role);
        let first = Attempt { cut: Some(2000), keeps, ..Attempt::new(&place, &training) }.run();
        assert!(first.outcome.is_err());
        assert_eq!(first.checkpoints().is_empty(), role < 2, "checkpoints are written by both servers or by none");
        let known = history(&training, &first.events);
        let second = Attempt { history: Some(known), keeps, ..Attempt::new(&place, &training) }.run();
        let error = second.outcome.unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("--state"), "{error}");
    }
    // a job that never ran here
    let place = Place::new();
    let never = Attempt { history: Some(History::default()), ..Attempt::new(&place, &training) }.run();
    assert!(never.outcome.unwrap_err().to_string().contains("no rows of this job to resume with"));
}

#[test]
fn a_checkpoint_that_cannot_be_written_costs_the_checkpoint_and_not_the_run() {
    let (place, training) = (Place::new(), plain());
    // as where a disk fails
    let lose = || place.job(1).into_iter().for_each(|folder| std::fs::remove_dir_all(folder).unwrap());
    let ended = Attempt { at_checkpoint: &lose, ..Attempt::new(&place, &training) }.run();
    assert_eq!(ended.outcome.unwrap().accuracy.len(), 4);
    let warned = |event: &Event| matches!(event, Event::Warning { text } if text.contains("could not be written"));
    assert!(ended.events.iter().any(warned), "{:?}", ended.events);
    assert!(place.job(0).is_none(), "it could not close its state, so nothing of the job is left to resume with");
}

#[test]
fn results_are_those_of_one_step_however_often_they_are_asked_for() {
    let (place, training) = (Place::new(), plain());
    let steps = training.job(240, 240).unwrap().total_steps();
    let (mut events, mut models) = (Vec::new(), Vec::new());
    for (attempt, spoil) in [Some(2), Some(0), None].into_iter().enumerate() {
        let known = (attempt > 0).then(|| history(&training, &events));
        let ended = Attempt { spoil, history: known, ..Attempt::new(&place, &training) }.run();
        assert_eq!(ended.outcome.is_err(), spoil.is_some());
        if attempt > 0 {
            assert_eq!(ended.resumed(), Some(steps), "behind the last step");
            let opened = |f: &Frame| f.head.kind == FrameKind::Opening;
            assert!(!ended.sent.iter().any(|f| opened(f) && u64::from(f.head.step) < steps), "no step is done again");
        }
        models.extend(ended.outcome.map(|outcome| outcome.parameters));
        events.extend(ended.events);
        if spoil.is_some() {
            let kept = std::fs::read_to_string(place.job(0).unwrap().join("checkpoints.json")).unwrap();
            assert!(kept.matches("\"session\"").count() == 1 && kept.contains("Complete"), "one is left: {kept}");
        }
    }
    assert!(!models.is_empty());
    // a trainer that claims to know less does not get another model
    let first = Attempt { spoil: Some(1), ..Attempt::new(&place, &training) }.run();
    assert!(first.outcome.is_err());
    let ended = Attempt { history: Some(History::default()), ..Attempt::new(&place, &training) }.run();
    assert!(ended.outcome.unwrap_err().to_string().contains("the job is over"));
}

#[test]
fn what_a_list_or_a_peer_claims_of_a_checkpoint_costs_no_memory() {
    let (place, training) = (Place::new(), plain());
    let first = Attempt { cut: Some(2000), ..Attempt::new(&place, &training) }.run();
    assert!(first.outcome.is_err());
    let list = place.job(0).unwrap().join("checkpoints.json");
    let text = std::fs::read_to_string(&list).unwrap();

    // a dealer whose servers claim something else
    let job = training.job(240, 240).unwrap();
    let listed: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let outline: RunState<ValueShape> = serde_json::from_value(listed[0]["checkpoint"]["outline"].clone()).unwrap();
    let huge = ValueShape { shape: [1 << 40].into(), bits: 64, frac: 32 };
    let best = |best| RunState { best: Some(best), ..outline.clone() };
    let wrong = [
        RunState { step: job.total_steps(), ..outline.clone() },
        RunState { network: vec![huge.clone(); outline.network.len()], ..outline.clone() },
        RunState { network: outline.network[1..].to_vec(), ..outline.clone() },
        RunState { counts: Some(huge.clone()), ..outline.clone() },
        RunState { figures: vec![(Figure::Confusion, huge.clone())], ..outline.clone() },
        best(vec![huge.clone()]),
        best(vec![huge; job.model.parameters().len()]),
    ];
    for outline in wrong {
        let device = Device::new(Arc::new(Cpu::default()), job.settings.profile.ring);
        let seeds = [1, 2].map(|seed| public_seed(seed, "a server"));
        let mut dealer = Dealer::new(device, job.settings.profile, 1, [&seeds[0], &seeds[1]], None).unwrap();
        dealer.resume_from(&outline).unwrap();
        assert!(train(&mut dealer, &job).unwrap_err().to_string().contains("checkpoint"), "{outline:?}");
    }

    // a list that somebody changed on a server's disk
    std::fs::write(&list, text.replace("\"shape\":[6,8]", "\"shape\":[6,999999999999]")).unwrap();
    let known = history(&training, &first.events);
    let ended = Attempt { history: Some(known), ..Attempt::new(&place, &training) }.run();
    assert!(ended.outcome.is_err());
}

#[test]
fn no_half_says_anything_without_the_key_of_its_machine() {
    let (place, training) = (Place::new(), plain());
    assert!(Attempt { cut: Some(2000), ..Attempt::new(&place, &training) }.run().outcome.is_err());
    for role in 0..3 {
        let folder = place.job(role).unwrap();
        for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let bytes = std::fs::read(&file).unwrap();
            if file.extension().is_some_and(|extension| extension == "json") {
                continue;
            }
            let mut counts = [0.0; 256];
            bytes[44..].iter().for_each(|byte| counts[usize::from(*byte)] += 1.0);
            let expected = (bytes.len() - 44) as f64 / 256.0;
            let chi: f64 = counts.iter().map(|n: &f64| (n - expected).powi(2) / expected).sum();
            assert!(chi < 415.0, "{}: {chi}", file.display());
        }
    }
}
