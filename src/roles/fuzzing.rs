//! Control messages, as fuzz targets.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::net::{Channel, Head, Kind, pair};
use crate::prg::Seed;
use crate::roles::agreement::Agreement;
use crate::roles::messages::{Answer, CommonSeed, DealerPart, News, Order, ServerPart, hear, say};

/// A control message; the first byte says which.
pub fn message(bytes: &[u8]) {
    let Some((which, body)) = bytes.split_first() else { return };
    match which {
        0 => heard::<News>(body),
        1 => heard::<Answer>(body),
        2 => heard::<Agreement>(body),
        3 => heard::<ServerPart>(body),
        4 => heard::<DealerPart>(body),
        5 => heard::<CommonSeed>(body),
        6 => heard::<[Seed; 2]>(body),
        7 => heard::<Order>(body),
        _ => {}
    }
}

/// Hears a message; what was understood can be said again.
fn heard<T: Serialize + DeserializeOwned>(body: &[u8]) {
    let (mut near, mut far) = pair("this party", "its peer");
    near.send(Head { kind: Kind::Control, session: 0, step: 0, gate: 0 }, body.to_vec()).expect("an empty queue");
    if let Ok(message) = hear::<T>(&mut far, Kind::Control, "a message") {
        say(&mut far, Kind::Control, &message).expect("an empty queue");
    }
}

/// Inputs to begin with.
#[cfg(test)]
pub(crate) mod seeds {
    use super::*;
    use crate::error::Error;
    use crate::party::{Revealed, Stats};
    use crate::roles::blame::Failure;
    use crate::roles::event::PartyReport;

    /// A message of every kind.
    pub(crate) fn messages() -> Vec<Vec<u8>> {
        let (seed, stats) = (Seed::from_bytes([9; 32]), Stats::default());
        let agreement: Agreement = postcard::from_bytes(&[7; 64]).expect("two hashes");
        let half = |what| News::Half { session: 1, what, bits: 32, body: vec![5; 8], stats };
        let news = [
            News::Waiting { what: "owner 0".into() },
            News::Started,
            News::Progress { step: 3, stats },
            half(Revealed::Hits { epoch: 1 }),
            half(Revealed::Parameter { index: 1 }),
            News::Asks { epoch: 1 },
            News::Scored { rows: 3, of: 9 },
            News::Ended { step: 2 },
            News::Report(Box::new(PartyReport { cpu_seconds: Some(0.5), ..PartyReport::default() })),
            News::Failed(Failure::new("server 0", &Error::peer("dealer", "hung up"))),
        ];
        let mut all: Vec<_> = news.iter().map(|news| bytes(0, news)).collect();
        all.extend(
            [Answer::End, Answer::Verdict { epoch: 1, goes_on: true, best: false }, Answer::Wait]
                .iter()
                .map(|answer| bytes(1, answer)),
        );
        all.push(bytes(2, &agreement));
        all.push(bytes(3, &ServerPart { agreement, part: seed.clone() }));
        all.push(bytes(4, &DealerPart { agreement, session: 1, part: seed.clone() }));
        all.push(bytes(5, &CommonSeed { agreement, session: 1, half: seed.clone() }));
        all.push(bytes(6, &[seed.clone(), seed]));
        all.push(bytes(7, &Order { job: vec![1, 2, 3], agreement }));
        all
    }

    fn bytes(which: u8, message: &impl Serialize) -> Vec<u8> {
        let body = postcard::to_stdvec(message).expect("a message can be written");
        [vec![which], body].concat()
    }
}
