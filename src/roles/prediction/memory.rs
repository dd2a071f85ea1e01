//! The memory that a session of private predictions takes, by role.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::party::LargestFrames;
use crate::prediction::{PredictionJob, plan, row_shape};
use crate::roles::planned_cost::{Memory, PROGRAM_MIB};
use crate::roles::server::AHEAD;

/// The largest frames of a session, and by role an estimate of the memory it takes at its peak.
pub(crate) fn forecast_predictions(job: &PredictionJob) -> Result<(LargestFrames, BTreeMap<String, Memory>)> {
    let plan = plan(job)?;
    let frames = plan.largest_frames();
    let mib = |bytes: f64| bytes / f64::exp2(20.0);
    let numbers: usize = job.card.model.parameters().iter().map(|shape| shape.len()).sum();
    let rows = f64::from(job.batch) * row_shape(job).stride() as f64 * 4.0;
    let server = Memory {
        data_mib: mib(2.0 * rows),
        parameters_mib: mib(numbers as f64 * 8.0),
        values_mib: mib(plan.server_memory().kept() as f64),
        queue_mib: mib(3.0 * frames.opened as f64),
        program_mib: PROGRAM_MIB,
    };
    let ahead = mib(AHEAD.max(frames.dealt) as f64 + frames.dealt as f64);
    let values_mib = mib(plan.dealer_memory().kept() as f64);
    let dealer = Memory { values_mib, queue_mib: ahead, program_mib: PROGRAM_MIB, ..Memory::default() };
    // in single precision, in double, on the grid, and a share of it
    let owner = Memory { parameters_mib: mib(numbers as f64 * 28.0), program_mib: PROGRAM_MIB, ..Memory::default() };
    Ok((
        frames,
        BTreeMap::from([
            ("server0".to_owned(), server),
            ("server1".to_owned(), Memory { queue_mib: server.queue_mib + ahead, ..server }),
            ("dealer".to_owned(), dealer),
            ("modelowner".to_owned(), owner),
        ]),
    ))
}
