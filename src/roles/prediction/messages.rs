//! What a client says to servers and dealer while a session runs, and how they wait for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::net::{Channel, Frame, FrameKind, Presence, Role};
use crate::prediction::PredictionJob;
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::messages::{JobOrder, receive_message, understand};
use crate::roles::trainer_link::Trainer;

/// A client's message during a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::roles) enum ClientMessage {
    /// To servers and dealer: no request follows.
    End,
    /// To the dealer: it may deal for so many requests in all.
    Deal {
        /// The number of requests.
        requests: u32,
    },
}

/// Hears what is asked from a client, and checks that it means the same job and parties as we do.
pub(super) fn receive_prediction(client: &mut dyn Channel, parties: &Parties) -> Result<(PredictionJob, Agreement)> {
    let order: JobOrder = receive_message(client, FrameKind::Control, "the job")?;
    let job = PredictionJob::from_bytes(&order.job)?;
    let agreement = Agreement::on_predictions(&job, parties);
    agreement.check(client, &order.agreement)?;
    Ok((job, agreement))
}

/// Waits for the client's next frame as long as it likes; in between, `ended` tells whether another link has broken.
pub(super) fn await_client(
    client: &Trainer,
    presence: &Presence,
    mut ended: impl FnMut() -> Option<Error>,
) -> Result<Frame> {
    let mut broken = None;
    loop {
        // a client that thinks is no standstill
        presence.pulse().beat();
        match (client.with(|link| link.poll(LOOK))?, broken) {
            (Some(frame), _) => return Ok(frame),
            // others may have heard before us that the session is over
            (None, Some(why)) => return Err(why),
            (None, None) => broken = ended(),
        }
    }
}

/// Waits for the client's word that no request follows, where all that it may make are done.
pub(super) fn await_end(client: &Trainer, presence: &Presence, ended: impl FnMut() -> Option<Error>) -> Result<()> {
    let frame = await_client(client, presence, ended)?;
    match understand(&Role::Client.into(), frame, FrameKind::Control, "that it is done")? {
        ClientMessage::End => Ok(()),
        other => Err(Error::peer("client", format!("sent {other:?} after its last request"))),
    }
}

/// How often whoever waits for a client looks at the other links.
const LOOK: Duration = Duration::from_millis(500);
