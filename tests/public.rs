//! Arguments that make no sense, through the public interface: errors, and no panics.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use ppdnn::layer::{
    average_pool, conv2d, conv2d_with, dense, dropout, flatten, global_average_pool, max_pool, projected_residual,
    relu, residual, sigmoid, zero_padding,
};
use ppdnn::ndarray::Array2;
use ppdnn::nn::LayerSpec;
use ppdnn::roles::{Costs, announce, plan_summary};
use ppdnn::train::{Job, Length, share_of};
use ppdnn::{Data, EarlyStop, Model, Normalization, Profile, Result, Reveals, Schedule, Shape, TrainedModel, Training};

fn training() -> Training {
    Training::new(Model::dense("tiny", 4, &[3], 2).unwrap()).profile(Profile::small()).batch(2)
}

#[test]
fn invalid_trainings_are_refused() {
    let nan = f64::NAN;
    let changes: Vec<(&str, Training)> = vec![
        ("owners", training().owners(0)),
        ("owners", training().owners(usize::MAX)),
        ("epochs", training().epochs(0)),
        ("steps", training().steps(Some(0))),
        ("batch", training().batch(0)),
        ("accumulate", training().accumulate(0)),
        ("4096", training().accumulate(u32::MAX).batch(u32::MAX)),
        ("learning rate", training().learning_rate(nan)),
        ("learning rate", training().learning_rate(-1.0)),
        ("learning rate", training().learning_rate(1e300)),
        ("momentum", training().momentum(nan)),
        ("momentum", training().momentum(1.0)),
        ("weight decay", training().weight_decay(nan)),
        ("schedule", training().schedule(Schedule::Step { epochs: 0, factor: nan })),
        ("early stop", training().stop(EarlyStop { patience: Some(0), target: None })),
        ("normalized", training().normalization(Some(Normalization::uniform(nan, 0.0)))),
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
        Job { settings: job.settings.clone().batch(0), ..job.clone() },
        Job { settings: job.settings.clone().epochs(0), ..job.clone() },
        Job { settings: job.settings.clone().accumulate(0), ..job.clone() },
        Job { settings: job.settings.clone().learning_rate(f64::NAN), ..job.clone() },
        Job { settings: job.settings.clone().momentum(f64::INFINITY), ..job.clone() },
        Job { owners: Vec::new(), ..job.clone() },
        Job { ends_from: 0, ..job.clone() },
        Job {
            reveal: Reveals { accuracy: false, ..job.reveal },
            settings: job.settings.clone().patience(Some(1)),
            ..job.clone()
        },
    ];
    for job in changed {
        assert!(
            plan_summary(&job, "cpu").is_err() && announce(&job, "cpu").is_err() && Costs::of(&job, "cpu").is_err()
        );
        // whatever they say, they say it
        let _ = (job.total_steps(), job.steps_per_epoch(), job.epochs_begun(), job.least_steps(), job.used_settings());
        let _ =
            (job.batches(1), job.optimizer(1), job.kinds_of_steps(), job.in_words(7), job.steps_held(), job.to_bytes());
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

/// Layer lists of which hardly one is a network, with sizes from 0 to more than there can be.
fn oddities() -> Vec<Vec<LayerSpec>> {
    let mut odd = vec![vec![], vec![relu()], vec![residual(vec![]), dense(2)]];
    for n in [0, 1, 3, 1 << 20, usize::MAX / 2, usize::MAX] {
        let one = [
            vec![dense(n)],
            vec![dense(n), relu()],
            vec![conv2d(n, 3), flatten()],
            vec![conv2d(3, n), relu(), flatten()],
            vec![conv2d(n, n), global_average_pool()],
            vec![conv2d_with(2, [n, 1], 1, 0), flatten()],
            vec![conv2d_with(2, [3, 3], n, 0), sigmoid(), flatten()],
            vec![conv2d_with(2, [3, 3], 1, n), max_pool(2), relu(), flatten()],
            vec![max_pool(n), flatten()],
            vec![conv2d(2, 1), max_pool(n), relu(), flatten()],
            vec![average_pool(n), flatten()],
            vec![zero_padding(n), conv2d(1, 3), relu(), flatten()],
            vec![residual(vec![conv2d_with(n, [3, 3], 1, 1)]), relu(), flatten()],
            vec![conv2d(2, 3), relu(), projected_residual(vec![conv2d(n, 3)]), relu(), flatten()],
            vec![residual(vec![residual(vec![conv2d(n, 1)])]), relu()],
        ];
        odd.extend(one.into_iter().flat_map(|layers| {
            let last = |outputs| layers.iter().cloned().chain([dense(outputs)]).collect();
            [last(2), last(0), last(usize::MAX), layers.clone()]
        }));
    }
    odd
}

#[test]
fn layers_that_make_no_network_are_errors_and_those_that_do_can_be_planned() {
    let inputs = [Shape::from(64), [8, 8, 1].into(), 0.into(), [usize::MAX; 3].into(), Shape::new([]), [1, 64].into()];
    let mut networks = 0;
    for (input, layers) in inputs.iter().flat_map(|input| oddities().into_iter().map(move |layers| (input, layers))) {
        let told = format!("{input}, {layers:?}");
        let planned = catch_unwind(AssertUnwindSafe(|| {
            let model = Model::sequential(input.clone(), layers)?;
            let _ = (model.sizes(), model.macs(), model.parameter_names(), model.widest());
            Training::new(model).batch(4).plan(8, 4, "cpu")
        }));
        match planned.unwrap_or_else(|_| panic!("{told}")) {
            Ok(_) => networks += 1,
            Err(e) => assert!(e.is_usage(), "{told}: {e}"),
        }
    }
    assert!(networks > 5, "{networks} of them can be trained");
    for rate in [f64::NAN, -0.1, 1.0, f64::INFINITY] {
        assert!(dropout(rate).unwrap_err().is_usage());
    }
    for (features, hidden, classes) in [(0, 3, 2), (4, 0, 2), (4, 3, 0), (usize::MAX, usize::MAX, 2)] {
        let planned =
            Model::dense("odd", features, &[hidden], classes).and_then(|m| Training::new(m).plan(4, 4, "cpu"));
        assert!(planned.unwrap_err().is_usage(), "{features} {hidden} {classes}");
    }
    assert!(Model::named("secureml", 0, 0).is_err() && Model::named("lenet", [1, 1, 1], 10).is_err());
}

#[test]
fn data_that_does_not_fit_is_refused_and_a_model_refuses_it_too() {
    let data = |rows: usize, columns: usize, classes: usize| -> Result<Data> {
        let labels = (0..rows).map(|row| u32::try_from(row % classes.max(1)).unwrap()).collect();
        Data::new(Array2::from_shape_fn((rows, columns), |(i, j)| ((i * 7 + j * 3) % 5) as f32 / 5.0), labels, classes)
    };
    for value in [f32::NAN, f32::INFINITY] {
        assert!(Data::new(Array2::from_elem((3, 4), value), vec![0; 3], 2).unwrap_err().is_usage());
    }
    let zeros = |rows, labels: &[u32], classes| Data::new(Array2::zeros((rows, 4)), labels.to_vec(), classes);
    assert!(zeros(3, &[0, 1, 2], 2).is_err() && zeros(3, &[0, 1], 2).is_err() && zeros(1, &[0], 0).is_err());
    assert!(zeros(1, &[u32::MAX], usize::MAX).is_ok(), "it is below the number of classes");

    let training = training().epochs(1);
    let ran = |train: &Data, test: &Data| training.run(train, test, |_| ());
    let (good, none) = (data(8, 4, 2).unwrap(), data(0, 4, 2).unwrap());
    for (train, test) in [
        (&none, &none),
        (&none, &good),
        (&data(8, 5, 2).unwrap(), &good),
        (&good, &data(8, 3, 2).unwrap()),
        (&data(8, 4, 3).unwrap(), &good),
        (&good, &zeros(1, &[u32::MAX], usize::MAX).unwrap()),
        // accuracy is to be revealed
        (&good, &none),
    ] {
        assert!(ran(train, test).unwrap_err().is_usage(), "{train:?} {test:?}");
        if !train.is_empty() && !test.is_empty() {
            assert!(training.run_clear(train, test, |_| ()).unwrap_err().is_usage(), "{train:?} {test:?}");
        }
    }
    let huge = Data::new(Array2::from_elem((8, 4), f32::MAX), vec![0; 8], 2).unwrap();
    assert!(ran(&huge, &good).unwrap_err().is_usage());

    let model = ran(&good, &good).unwrap().model.unwrap();
    assert_eq!(model.predict(good.features().view()).unwrap().len(), 8);
    assert_eq!((model.predict(none.features().view()).unwrap().len(), model.score(&none).unwrap()), (0, 0.0));
    for columns in [0, 3, 5] {
        assert!(model.predict(Array2::zeros((2, columns)).view()).unwrap_err().is_usage());
        assert!(model.score(&data(2, columns, 2).unwrap()).unwrap_err().is_usage());
    }
    assert!(model.accuracy(good.features().view(), &[0; 3]).is_ok_and(|share| share <= 1.0));
    let broken = TrainedModel { parameters: Vec::new(), ..model.clone() };
    assert!(broken.predict(good.features().view()).unwrap_err().is_usage());
    assert!(broken.save(&std::env::temp_dir().join("never.safetensors")).unwrap_err().is_usage());
    for parameters in [vec![], vec![vec![]; 9], vec![vec![0.0; 12]; 4]] {
        assert!(TrainedModel::new(model.model.clone(), None, &parameters).unwrap_err().is_usage());
        assert!(training.clone().initial(parameters.clone()).run(&good, &good, |_| ()).unwrap_err().is_usage());
        assert!(training.clone().private_initial(parameters).job(8, 8).unwrap_err().is_usage());
    }
}
