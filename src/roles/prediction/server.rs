//! A server's part in private prediction.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::fixed::{MASTER_BITS, mask};
use crate::kernel::Operand;
use crate::kernel::packed::{pack, words};
use crate::net::{
    Channel, Frame, FrameHeader, FrameKind, MAX_FRAME, Phase, Presence, Role, SealingKey, receive_exactly,
};
use crate::party::{LargestFrames, Links, MaskedRows, RevealChannel, Revealed, RowMasks, Server, Set};
use crate::prediction::{PredictionJob, predict, row_shape};
use crate::prg::Seed;
use crate::roles::agreement::Agreement;
use crate::roles::connect::{BrokenOff, Connector};
use crate::roles::consent::hear_consent;
use crate::roles::frame_limit;
use crate::roles::mask_rows::rows_per_frame;
use crate::roles::messages::{StatusUpdate, receive_message, send_message, understand};
use crate::roles::prediction::messages::{ClientMessage, await_client, await_end, receive_prediction};
use crate::roles::seal_context::SealContext;
use crate::roles::server::{ServerLinks, report};
use crate::roles::server_setup::{Joined, compare_rows, join};
use crate::roles::share_parameters::receive_parameters;
use crate::roles::start::dismiss_owners;
use crate::roles::trainer_link::Trainer;
use crate::shape::Shape;
use crate::tensor::{Device, Tensor};
use crate::train::initial_hash;

/// Runs server `id` through a session of private predictions; [`ServerLinks::trainer`] is the link to the client.
///
/// # Errors
/// The reason why the session ended; it is also reported to the client.
pub fn run_prediction_server(
    id: u8,
    links: ServerLinks,
    backend: Arc<dyn Backend>,
) -> std::result::Result<(), BrokenOff> {
    let ServerLinks { trainer: client, meet, parties, presence, memory, .. } = links;
    let client = Trainer::new(client, &presence);
    let mut started = false;
    let run = || {
        let (job, agreement) = client.with(|c| receive_prediction(c, &parties))?;
        let largest = memory.check_prediction(&job, |role| role == format!("server{id}"))?;
        let connector = Connector { meet, presence: &presence, trainer: &client };
        let (mut server, owner) = set_up(id, (&job, &agreement, largest), connector, parties.sealing_key(), backend)?;
        client.tell(&StatusUpdate::Ready)?;
        let seed = hear_seed(&client, &presence, &mut server)?;
        started = true;
        dismiss_owners(vec![owner]);
        client.with(|c| c.set_max_frame(frame_limit::of_rows(row_shape(&job)).max(MAX_FRAME)));
        let mut masks = RowMasks::new(Set::TestFeatures, row_shape(&job));
        masks.push(server.device(), u32::try_from(job.rows()).expect("a checked job"), &[&seed])?;
        let rows = Rows { client: &client, presence: &presence, job: &job };
        let mut masks = Some(masks);
        if predict(&mut server, &job, |server, request| rows.next(server, request, masks.take()))? {
            await_end(&client, &presence, || server.peer().and_then(|peer| peer.ended()))?;
        }
        let report = report(&server);
        if let Some(mut links) = server.into_links() {
            links.peer.flush()?;
        }
        Ok(report)
    };
    let ended = run();
    client.close(&format!("server {id}"), ended).map_err(|why| BrokenOff { why, training: started })
}

/// All that comes before the client's rows: the session and the parameters. The link to the model's owner comes along.
fn set_up(
    id: u8,
    (job, agreement, largest): (&PredictionJob, &Agreement, LargestFrames),
    mut connector: Connector<'_>,
    seal: SealingKey,
    backend: Arc<dyn Backend>,
) -> Result<(Server, Box<dyn Channel>)> {
    let client = connector.trainer;
    let profile = job.card.profile;
    let device = Device::new(backend, profile.ring).with_pulse(connector.presence.pulse().clone());
    let patience = Phase::SET_UP.times(3).bytes(parameter_bytes(job));
    let Joined { links: Links { mut peer, dealer }, session, seed, common } =
        join(id, agreement, largest, &mut connector, patience)?;
    let mut owner = connector.with(Role::ModelOwner, Phase::SET_UP.times(2).bytes(parameter_bytes(job)))?;
    let parameters = take_parameters(id, (job, agreement), &mut *owner)?;
    if job.card.public_model {
        compare_parameters(&mut *peer, &parameters)?;
    }
    let mut server = Server::new(id, device.clone(), profile, session, &seed, Some(Links { peer, dealer }))?;
    drop(seed);
    if job.card.public_model {
        server.set_public_parameters(parameters)?;
    } else {
        let shapes = job.card.model.parameters();
        let share = |(x, shape): (&Vec<u64>, Shape)| device.upload(bytemuck::cast_slice(x), Operand::Wide, shape);
        server.set_parameters(parameters.iter().zip(shapes).map(share).collect::<Result<Vec<Tensor>>>()?);
    }
    server.set_reveal_channel(common, answer_channel(id, (job, agreement), session, seal, client));
    Ok((server, owner))
}

/// Bytes of the parameters on their way to a server.
fn parameter_bytes(job: &PredictionJob) -> u64 {
    job.card.model.parameters().iter().map(|shape| u64::from(MASTER_BITS / 8) * shape.len() as u64).sum()
}

/// What the model's owner gives this server: a share of the parameters, or the parameters of a public model.
fn take_parameters(
    id: u8,
    (job, agreement): (&PredictionJob, &Agreement),
    owner: &mut dyn Channel,
) -> Result<Vec<Vec<u64>>> {
    if id == 0 {
        send_message(owner, FrameKind::Control, &job.to_bytes())?;
    }
    send_message(owner, FrameKind::Agree, agreement)?;
    hear_consent(owner, None)?;
    owner.set_max_frame(frame_limit::of_parameters(&job.card.model));
    receive_parameters(owner, &job.card.model)
}

/// Checks with the other server that both have the same public parameters.
fn compare_parameters(peer: &mut dyn Channel, parameters: &[Vec<u64>]) -> Result<()> {
    let mine = initial_hash(parameters);
    send_message(peer, FrameKind::Agree, &mine)?;
    let theirs: String = receive_message(peer, FrameKind::Agree, "the hash of the parameters")?;
    if theirs == mine {
        return Ok(());
    }
    Err(Error::peer(
        peer.peer(),
        "received other parameters than we did; the model's owner or a connection is at fault",
    ))
}

/// Sends the client server `id`'s halves of its answers, each sealed for its place in this session.
fn answer_channel(
    id: u8,
    (job, agreement): (&PredictionJob, &Agreement),
    session: u64,
    seal: SealingKey,
    client: &Trainer,
) -> RevealChannel {
    let (requests, agreed, client) = (job.requests, *agreement.hash(), client.clone());
    RevealChannel {
        allowed: Box::new(move |what| matches!(what, Revealed::Answers { request } if request < requests)),
        reveal_to_trainer: Box::new(move |what, half, bits, stats| {
            let half = Zeroizing::new(half);
            let place = SealContext { agreed: &agreed, session, server: id, what, bits, len: half.len() };
            let mut packed = Zeroizing::new(vec![0u32; words(half.len(), bits)]);
            pack(&mut packed, bits, half.len(), |i| half[i] & mask(bits));
            let body = seal.seal(&place.label(), bytemuck::cast_slice(&packed))?;
            client.tell(&StatusUpdate::Half { session, what, bits, body, stats })
        }),
    }
}

/// The seed of the client's masks: with it, the session starts.
fn hear_seed(client: &Trainer, presence: &Presence, server: &mut Server) -> Result<Seed> {
    let frame = await_client(client, presence, || server.peer().and_then(|peer| peer.ended()))?;
    understand(&Role::Client.into(), frame, FrameKind::Seed, "the seed of its masks")
}

/// Where the rows of a client's requests come from.
struct Rows<'a> {
    client: &'a Trainer,
    presence: &'a Presence,
    job: &'a PredictionJob,
}

impl Rows<'_> {
    /// Waits for the rows of a request, and checks with the other server that both have the same; false if none follows.
    fn next(&self, server: &mut Server, request: u32, masks: Option<RowMasks>) -> Result<bool> {
        let Self { client, presence, job } = self;
        let frame = await_client(client, presence, || server.peer().and_then(|peer| peer.ended()))?;
        if frame.head.kind == FrameKind::Control {
            return match understand(&Role::Client.into(), frame, FrameKind::Control, "its next request")? {
                ClientMessage::End => Ok(false),
                other => Err(Error::peer("client", format!("sent {other:?}, which is for the dealer"))),
            };
        }
        let (words, digest) = self.receive(request, frame)?;
        let peer = server.peer().expect("a server that runs has its links");
        peer.enter(Phase::STEP.times(2));
        compare_rows(peer, &digest)?;
        let mut masked = MaskedRows::from_row(row_shape(job), request * job.batch);
        masked.push(server.device(), words, job.batch)?;
        server.set_request(masked, masks);
        Ok(true)
    }

    /// The masked rows of a request, whose first frame is there, and their hash.
    fn receive(&self, request: u32, first: Frame) -> Result<(Vec<u64>, [u8; 32])> {
        let (shape, rows) = (row_shape(self.job), self.job.batch as usize);
        let (stride, per) = (shape.stride() * 4, rows_per_frame(shape));
        let bytes = rows * stride;
        let mut words: Vec<u64> = Vec::new();
        let room = words.try_reserve_exact(bytes.div_ceil(8));
        room.map_err(|_| Error::Device(format!("not enough memory for {rows} masked rows ({bytes} bytes)")))?;
        words.resize(bytes.div_ceil(8), 0);
        let (mut first, mut digest) = (Some(first), blake3::Hasher::new());
        for (gate, start) in (0..).zip((0..rows).step_by(per)) {
            let at = start * stride..rows.min(start + per) * stride;
            let head = FrameHeader { kind: FrameKind::Data, session: 0, step: request, gate };
            let what = "the masked rows of its request";
            let body = match first.take() {
                Some(frame) => frame.exactly(&Role::Client.into(), head, at.len(), what)?,
                None => self.client.with(|c| {
                    c.enter(Phase::STEP);
                    receive_exactly(c, head, at.len(), what)
                })?,
            };
            digest.update(&body);
            bytemuck::cast_slice_mut(&mut words)[at].copy_from_slice(&body);
        }
        Ok((words, *digest.finalize().as_bytes()))
    }
}
