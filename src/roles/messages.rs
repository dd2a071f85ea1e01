//! What the roles say to each other outside the protocol itself.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::net::{Channel, Frame, FrameHeader, FrameKind, Peer, printable};
use crate::party::{Revealed, Stats};
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::event::PartyReport;
use crate::roles::failure::Failure;
use crate::train::Job;

/// The trainer's message to servers and dealer: the job.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JobOrder {
    /// The job's bytes.
    pub job: Vec<u8>,
    /// What the trainer agrees to.
    pub agreement: Agreement,
    /// Whether the job resumes, which ran before.
    pub resume: Option<Resume>,
}

/// How a job resumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resume {
    /// The most steps that the checkpoint may have: the trainer knows what was revealed until then.
    pub most: u64,
    /// Whether the owners upload their rows again; if not, servers and dealer have kept them.
    pub owners: bool,
}

/// A server's word to the dealer: what it adds to the seed of its masks for one session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServerPart {
    /// What the sender agrees to.
    pub agreement: Agreement,
    /// The server's part of the seed.
    pub part: crate::prg::Seed,
}

/// The dealer's answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DealerPart {
    /// What the sender agrees to.
    pub agreement: Agreement,
    /// The session's number.
    pub session: u64,
    /// The dealer's part of the seed.
    pub part: crate::prg::Seed,
}

/// A server's half of the seed that both servers know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CommonSeed {
    /// What the sender agrees to.
    pub agreement: Agreement,
    /// The session, as received from the dealer.
    pub session: u64,
    /// The half.
    pub half: crate::prg::Seed,
}

/// What a server or the dealer reports to the trainer while it works.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum StatusUpdate {
    /// It resumes the job after a step; 0 if there is no checkpoint of both servers.
    Resumes {
        /// The step.
        step: u64,
    },
    /// A server has written its half of a checkpoint, and heard that the other has.
    Checkpoint {
        /// Steps done.
        step: u64,
    },
    /// A warning, for the operator.
    Warning {
        /// What about.
        #[serde(deserialize_with = "printable::decode")]
        text: String,
    },
    /// It waits for somebody.
    Waiting {
        /// For whom and what.
        #[serde(deserialize_with = "printable::decode")]
        what: String,
    },
    /// All that it needs is there: it waits for the trainer's message that training starts, an [`TrainerMessage`].
    Ready,
    /// Steps done so far.
    Progress {
        /// The steps.
        step: u64,
        /// What they cost so far.
        stats: Stats,
    },
    /// A server's re-randomized half of something that is revealed.
    Half {
        /// The session that it comes from.
        session: u64,
        /// What.
        what: Revealed,
        /// Bits of its ring.
        bits: u32,
        /// The half: 64-bit little-endian words, sealed to the trainer's key for this one place.
        body: Vec<u8>,
        /// What the steps cost until then.
        stats: Stats,
    },
    /// In a job that may end early by its accuracy, it asks for the trainer's decision on an epoch; an [`TrainerMessage`] comes
    /// back.
    Asks {
        /// The epoch.
        epoch: u32,
    },
    /// A server ended the run early because the trainer asked.
    Ended {
        /// The last step.
        step: u64,
    },
    /// It is done.
    Report(Box<PartyReport>),
    /// It failed.
    Failed(Failure),
    /// Test rows of an evaluation that are scored.
    Scored {
        /// The rows.
        rows: u32,
        /// All of them.
        of: u32,
    },
}

/// The trainer's messages during a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TrainerMessage {
    /// To server 0, without being asked: the run is to end after the next step.
    End,
    /// Its decision on an epoch.
    Verdict {
        /// The epoch.
        epoch: u32,
        /// Whether another follows.
        goes_on: bool,
        /// Whether none before was as good.
        best: bool,
    },
    /// It is not known yet; the answer will come.
    Wait,
    /// To all who are ready: training starts.
    Begin,
    /// To all, once everybody has reported: the trainer has all results, and the job need not resume any more.
    Done,
}

/// Says something.
pub(crate) fn send_message<T: Serialize>(link: &mut dyn Channel, kind: FrameKind, what: &T) -> Result<()> {
    // a buffer that does not grow leaves no copy of a seed behind
    let body = postcard::to_extend(what, Vec::with_capacity(ROOM)).expect("a message can be written");
    link.send(FrameHeader { kind, session: 0, step: 0, gate: 0 }, body)
}

/// Bytes that a message with a seed never reaches.
const ROOM: usize = 256;

/// Hears something of a kind; `what` names it in errors.
pub(crate) fn receive_message<T: DeserializeOwned>(link: &mut dyn Channel, kind: FrameKind, what: &str) -> Result<T> {
    let frame = link.recv(what)?;
    understand(link.peer(), frame, kind, what)
}

/// What a frame of a peer says.
pub(crate) fn understand<T: DeserializeOwned>(peer: &Peer, frame: Frame, kind: FrameKind, what: &str) -> Result<T> {
    if frame.head.kind != kind {
        let (mine, theirs) = (format!("{kind:?} ({what})"), format!("{:?}", frame.head.kind));
        return Err(Error::Desync { peer: peer.into(), mine, theirs });
    }
    // it may be a seed
    let body = Zeroizing::new(frame.body);
    postcard::from_bytes(&body).map_err(|e| Error::peer(peer, format!("{what} cannot be read: {e}")))
}

/// Hears something that may be days away, as long as all links stand.
pub(crate) fn await_word<T: DeserializeOwned, const OTHERS: usize>(
    link: &mut dyn Channel,
    others: [&dyn Channel; OTHERS],
    kind: FrameKind,
    what: &str,
) -> Result<T> {
    loop {
        if let Some(frame) = link.poll(LOOK)? {
            return understand(link.peer(), frame, kind, what);
        }
        others.iter().find_map(|other| other.ended()).map_or(Ok(()), Err)?;
    }
}

/// How often whoever waits for days looks at the other links.
const LOOK: Duration = Duration::from_millis(500);

/// Hears what is to be done from the trainer, and checks that it means the same job and parties as we do.
pub(crate) fn receive_order(trainer: &mut dyn Channel, parties: &Parties) -> Result<(Job, Agreement, Option<Resume>)> {
    let order: JobOrder = receive_message(trainer, FrameKind::Control, "the job")?;
    let job = Job::from_bytes(&order.job)?;
    let agreement = Agreement::new(&job, parties);
    agreement.check(trainer, &order.agreement)?;
    parties.check(&job)?;
    Ok((job, agreement, order.resume))
}
