//! Control messages, as fuzz targets.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::net::{Channel, FrameHeader, FrameKind, pair};
use crate::prg::Seed;
use crate::roles::agreement::Agreement;
use crate::roles::messages::{
    CommonSeed, DealerPart, JobOrder, ServerPart, StatusUpdate, TrainerMessage, receive_message, send_message,
};
use crate::roles::prediction::ClientMessage;

/// A control message; the first byte says which.
pub fn message(bytes: &[u8]) {
    let Some((which, body)) = bytes.split_first() else { return };
    match which {
        0 => heard::<StatusUpdate>(body),
        1 => heard::<TrainerMessage>(body),
        2 => heard::<Agreement>(body),
        3 => heard::<ServerPart>(body),
        4 => heard::<DealerPart>(body),
        5 => heard::<CommonSeed>(body),
        6 => heard::<[Seed; 2]>(body),
        7 => heard::<JobOrder>(body),
        8 => heard::<ClientMessage>(body),
        _ => {}
    }
}

/// Hears a message; what was understood can be said again.
fn heard<T: Serialize + DeserializeOwned>(body: &[u8]) {
    let (mut near, mut far) = pair("this party", "its peer");
    near.send(FrameHeader { kind: FrameKind::Control, session: 0, step: 0, gate: 0 }, body.to_vec())
        .expect("an empty queue");
    if let Ok(message) = receive_message::<T>(&mut far, FrameKind::Control, "a message") {
        send_message(&mut far, FrameKind::Control, &message).expect("an empty queue");
    }
}

/// Initial inputs.
#[cfg(test)]
pub(crate) mod seeds {
    use super::*;
    use crate::error::Error;
    use crate::party::{Revealed, Stats};
    use crate::roles::event::PartyReport;
    use crate::roles::failure::Failure;

    /// A message of every kind.
    pub(crate) fn messages() -> Vec<Vec<u8>> {
        let (seed, stats) = (Seed::from_bytes([9; 32]), Stats::default());
        let agreement: Agreement = postcard::from_bytes(&[7; 64]).expect("two hashes");
        let half = |what| StatusUpdate::Half { session: 1, what, bits: 32, body: vec![5; 8], stats };
        let news = [
            StatusUpdate::Waiting { what: "owner 0".into() },
            StatusUpdate::Ready,
            StatusUpdate::Progress { step: 3, stats },
            half(Revealed::Hits { epoch: 1 }),
            half(Revealed::Parameter { index: 1 }),
            half(Revealed::Answers { request: 4 }),
            StatusUpdate::Asks { epoch: 1 },
            StatusUpdate::Scored { rows: 3, of: 9 },
            StatusUpdate::Ended { step: 2 },
            StatusUpdate::Report(Box::new(PartyReport { cpu_seconds: Some(0.5), ..PartyReport::default() })),
            StatusUpdate::Failed(Failure::new("server 0", &Error::peer("dealer", "hung up"))),
        ];
        let mut all: Vec<_> = news.iter().map(|news| bytes(0, news)).collect();
        all.extend(
            [
                TrainerMessage::End,
                TrainerMessage::Verdict { epoch: 1, goes_on: true, best: false },
                TrainerMessage::Wait,
                TrainerMessage::Begin,
            ]
            .iter()
            .map(|answer| bytes(1, answer)),
        );
        all.push(bytes(2, &agreement));
        all.push(bytes(3, &ServerPart { agreement, part: seed.clone() }));
        all.push(bytes(4, &DealerPart { agreement, session: 1, part: seed.clone() }));
        all.push(bytes(5, &CommonSeed { agreement, session: 1, half: seed.clone() }));
        all.push(bytes(6, &[seed.clone(), seed]));
        all.push(bytes(
            7,
            &JobOrder {
                job: vec![1, 2, 3],
                agreement,
                resume: Some(crate::roles::messages::Resume { most: 9, owners: false }),
            },
        ));
        all.extend([ClientMessage::End, ClientMessage::Deal { requests: 70 }].iter().map(|message| bytes(8, message)));
        all
    }

    fn bytes(which: u8, message: &impl Serialize) -> Vec<u8> {
        let body = postcard::to_stdvec(message).expect("a message can be written");
        [vec![which], body].concat()
    }
}
