//! The dealer's part in private prediction: it deals for requests that it never sees, some ahead of them.

use std::sync::Arc;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::net::{FrameKind, Phase, Presence, Role};
use crate::party::{Dealer, RowMasks, Set};
use crate::prediction::{PredictionJob, predict, row_shape};
use crate::prg::Seed;
use crate::roles::agreement::Agreement;
use crate::roles::connect::{BrokenOff, Connector};
use crate::roles::dealer::{DealerLinks, report, session_number};
use crate::roles::messages::{StatusUpdate, understand};
use crate::roles::prediction::messages::{ClientMessage, await_client, await_end, receive_prediction};
use crate::roles::seeds::deal_session_seed;
use crate::roles::trainer_link::Trainer;
use crate::tensor::Device;

/// Runs the dealer through a session of private predictions; [`DealerLinks::trainer`] is the link to the client.
///
/// # Errors
/// The reason why the session ended; it is also reported to the client.
pub fn run_prediction_dealer(links: DealerLinks, backend: Arc<dyn Backend>) -> std::result::Result<(), BrokenOff> {
    let DealerLinks { trainer: client, meet, presence, parties, memory, .. } = links;
    let client = Trainer::new(client, &presence);
    let mut started = false;
    let run = || {
        let (job, agreement) = client.with(|c| receive_prediction(c, &parties))?;
        memory.check_prediction(&job, |role| role == "dealer")?;
        let connector = Connector { meet, presence: &presence, trainer: &client };
        let mut dealer = set_up((&job, &agreement), connector, backend)?;
        client.tell(&StatusUpdate::Ready)?;
        let frame = await_client(&client, &presence, || dealer.server_ended())?;
        let seeds: [Seed; 2] = understand(&Role::Client.into(), frame, FrameKind::Seed, "the seeds of its masks")?;
        started = true;
        let mut masks = RowMasks::new(Set::TestFeatures, row_shape(&job));
        masks.push(dealer.device(), u32::try_from(job.rows()).expect("a checked job"), &[&seeds[0], &seeds[1]])?;
        dealer.set_rows(Set::TestFeatures, masks);
        let mut allowed = 0;
        if predict(&mut dealer, &job, |dealer, request| may_deal(&client, &presence, dealer, request, &mut allowed))? {
            await_end(&client, &presence, || dealer.server_ended())?;
        }
        Ok(report(&dealer))
    };
    let ended = run();
    client.close("dealer", ended).map_err(|why| BrokenOff { why, training: started })
}

/// The session.
fn set_up(
    (job, agreement): (&PredictionJob, &Agreement),
    mut connector: Connector<'_>,
    backend: Arc<dyn Backend>,
) -> Result<Dealer> {
    let profile = job.card.profile;
    let device = Device::new(backend, profile.ring).with_pulse(connector.presence.pulse().clone());
    let session = session_number()?;
    let (mut one, mut seeds) = (None, Vec::with_capacity(2));
    for id in 0..2 {
        let mut link = connector.with(Role::Server(id), Phase::SET_UP)?;
        seeds.push(deal_session_seed(id, &mut *link, agreement, session, Seed::fresh()?)?);
        one = Some(link);
    }
    Dealer::new(device, profile, session, [&seeds[0], &seeds[1]], one)
}

/// Waits until the client lets the dealer deal for a request; false if none follows.
fn may_deal(client: &Trainer, presence: &Presence, dealer: &Dealer, request: u32, allowed: &mut u32) -> Result<bool> {
    while *allowed <= request {
        let frame = await_client(client, presence, || dealer.server_ended())?;
        match understand(&Role::Client.into(), frame, FrameKind::Control, "how many requests it makes")? {
            ClientMessage::End => return Ok(false),
            ClientMessage::Deal { requests } if requests > *allowed => *allowed = requests,
            other => return Err(Error::peer("client", format!("sent {other:?} after {allowed} requests"))),
        }
    }
    Ok(true)
}
