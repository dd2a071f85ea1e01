//! Arguments that make no sense, through the public interface: errors, and no panics.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use ppdnn::fixed::Profile;
use ppdnn::nn::{Model, Normalization};
use ppdnn::roles::{Costs, Training, announce, plan_summary, share_of};
use ppdnn::train::{EarlyStop, Job, Length, Reveals, Schedule};

fn training() -> Training {
    Training::new(Model::dense("tiny", 4, &[3], 2).unwrap()).batch(2)
}

#[test]
fn trainings_that_cannot_be_are_refused() {
    let nan = f64::NAN;
    let changes: Vec<(&str, Training)> = vec![
        ("owners", training().owners(0)),
        ("owners", training().owners(usize::MAX)),
        ("epochs", training().epochs(0)),
        ("steps", training().steps(Some(0))),
        ("batch", training().batch(0)),
        ("accumulate", training().accumulate(0)),
        ("learning rate", training().accumulate(u32::MAX).batch(u32::MAX)),
        ("learning rate", training().learning_rate(nan)),
        ("learning rate", training().learning_rate(-1.0)),
        ("learning rate", training().learning_rate(1e300)),
        ("momentum", training().momentum(nan)),
        ("momentum", training().momentum(1.0)),
        ("weight decay", training().weight_decay(nan)),
        ("schedule", training().schedule(Schedule::Step { epochs: 0, factor: nan })),
        ("early stop", training().stop(EarlyStop { patience: Some(0), target: None })),
        ("scaled", training().normalization(Some(Normalization { mean: nan, deviation: 0.0 }))),
        ("ended", training().ends_from(0)),
        ("profile", training().profile(Profile { ring: 1000, ..Profile::small() })),
    ];
    for (says, training) in changes {
        for rows in [(10, 10), (0, 0), (usize::MAX, usize::MAX)] {
            let error = training.job(rows.0, rows.1).unwrap_err();
            assert!(error.is_usage(), "{says}, {rows:?}: {error}");
            if rows == (10, 10) {
                assert!(error.to_string().contains(says), "`{says}` is not in {error}");
            }
            assert!(training.plan(rows.0, rows.1, "cpu").is_err() && training.costs(rows.0, rows.1, "cpu").is_err());
        }
    }
    assert!(training().job(10, 10).is_ok(), "the control");
}

#[test]
fn jobs_that_were_changed_are_refused() {
    let job = training().job(10, 10).unwrap();
    let changed: Vec<Job> = vec![
        Job { batch: 0, ..job.clone() },
        Job { epochs: 0, ..job.clone() },
        Job { accumulate: 0, ..job.clone() },
        Job { owners: Vec::new(), ..job.clone() },
        Job { ends_from: 0, ..job.clone() },
        Job {
            reveal: Reveals { accuracy: false, ..job.reveal },
            stop: Some(EarlyStop { patience: Some(1), target: None }),
            ..job.clone()
        },
    ];
    for job in changed {
        assert!(
            plan_summary(&job, "cpu").is_err() && announce(&job, "cpu").is_err() && Costs::of(&job, "cpu").is_err()
        );
        // whatever they say, they say it
        let _ = (job.total_steps(), job.steps_per_epoch(), job.epochs_begun(), job.least_steps(), job.settings());
    }
    let owners = vec![job.owners[0]; 3].into_iter().map(|o| ppdnn::train::Owned { train: u32::MAX, ..o }).collect();
    assert!(Job { owners, ..job }.check().is_err());
}

#[test]
fn shares_and_schedules_take_any_numbers() {
    assert_eq!((0..3).map(|owner| share_of(10, 3, owner).len()).sum::<usize>(), 10);
    assert_eq!(share_of(usize::MAX, 2, 1).end, usize::MAX);
    assert!(share_of(5, 0, 0).is_empty() && share_of(5, 2, 7).is_empty());
    let run = Length { steps: 0, epoch: 0 };
    for schedule in [Schedule::Constant, Schedule::Cosine, Schedule::Halving, Schedule::Step { epochs: 0, factor: 0.5 }]
    {
        assert!(schedule.factor(7, run) <= 1.0);
    }
}
