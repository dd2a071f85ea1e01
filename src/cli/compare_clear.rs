//! `--compare-clear`: the same network on the same batches in the clear, next to what it did on shares.

use crate::cli::choice::Choice;
use crate::cli::progress::ProgressView;
use crate::cli::run_folder::Metrics;
use crate::data::{DataSet, SearchPath};
use crate::error::{Error, Result};
use crate::roles::{ClearRun, Event, Summary};

/// Trains in the clear and notes every epoch's accuracy and squared error, the last, and the largest difference; `shares` are the
/// accuracies of the epochs on shares, in a regression the squared errors, where they are revealed.
pub(super) fn compare(
    choice: &Choice,
    places: &SearchPath,
    shares: &[f64],
    summary: &mut Summary,
    (screen, metrics): (&mut ProgressView, &mut Metrics),
) -> Result<()> {
    let DataSet { train, test, .. } = choice.rows(places, &mut |_| ())?;
    screen.note("training the same network in the clear");
    let mut noted = Ok(());
    let mut on_event = |event: Event| {
        if matches!(event, Event::Progress { .. }) {
            // scripts take it for the run's own
            return screen.draw(&event);
        }
        let event = beside(event, shares);
        screen.show(&event);
        noted = std::mem::replace(&mut noted, Ok(())).and_then(|()| metrics.note(&event));
    };
    // as many epochs as there were on shares
    let epochs = summary.epochs as usize;
    let run = choice.training.run_clear_until((&train, &test), move |known| known.len() >= epochs, &mut on_event);
    screen.clear();
    let ClearRun { accuracy: clear, squared_errors, ranges } = run?;
    let overflow = ranges.overflows().first().map(|first| {
        let moment = first.overflow.map_or(0, |moment| moment.step);
        let (place, what) = (&first.place, first.what);
        Error::Unsound(format!(
            "in the clear, values left their ranges, first {what} at {place} in step {moment}; `ppdnn dry-run` has the details"
        ))
    });
    // of the epoch that the model is of
    let of = |known: &[f64]| {
        let epoch = summary.model_epoch.map_or(known.len(), |epoch| epoch as usize);
        epoch.checked_sub(1).and_then(|at| known.get(at)).copied()
    };
    (summary.clear_accuracy, summary.clear_squared_error) = (of(&clear), of(&squared_errors));
    // there is none of a regression, whose accuracies are empty
    summary.clear_difference = clear.iter().zip(shares).map(|(a, b)| (a - b).abs()).reduce(f64::max);
    noted.and(overflow.map_or(Ok(()), Err))
}

/// An epoch in the clear with what it was on shares.
fn beside(event: Event, shares: &[f64]) -> Event {
    match event {
        Event::Clear { epoch, test_accuracy, squared_error, .. } => {
            let on_shares = shares.get(epoch.saturating_sub(1) as usize).copied();
            Event::Clear { epoch, test_accuracy, squared_error, on_shares }
        }
        event => event,
    }
}
