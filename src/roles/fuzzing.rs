//! Control messages, as fuzz targets.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::net::{Channel, Head, Kind, pair};
use crate::party::{Revealed, Stats};
use crate::prg::Seed;
use crate::roles::blame::Failure;
use crate::roles::event::PartyReport;
use crate::roles::messages::{Agreement, Answer, CommonSeed, News, SessionSeed, hear, say};

/// A control message; the first byte says which.
pub fn message(bytes: &[u8]) {
    let Some((which, body)) = bytes.split_first() else { return };
    match which {
        0 => heard::<News>(body),
        1 => heard::<Answer>(body),
        2 => heard::<Agreement>(body),
        3 => heard::<SessionSeed>(body),
        4 => heard::<CommonSeed>(body),
        5 => heard::<[Seed; 2]>(body),
        6 => heard::<Vec<u8>>(body),
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

/// A message of every kind.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let (seed, job, stats) = (Seed::from_bytes([9; 32]), [7; 32], Stats::default());
    let half = |what| News::Half { what, bits: 32, body: vec![5; 8], stats };
    let news = [
        News::Waiting { what: "owner 0".into() },
        News::Started,
        News::Progress { step: 3, stats },
        half(Revealed::Hits { epoch: 1 }),
        half(Revealed::Parameter { index: 1 }),
        News::Asks { epoch: 1 },
        News::Report(Box::new(PartyReport { cpu_seconds: Some(0.5), ..PartyReport::default() })),
        News::Failed(Failure::new("server 0", &Error::peer("dealer", "hung up"))),
    ];
    let mut all: Vec<_> = news.iter().map(|news| bytes(0, news)).collect();
    all.extend([Answer::GoOn(1), Answer::Stop(2), Answer::Wait].iter().map(|answer| bytes(1, answer)));
    all.push(bytes(2, &Agreement { job }));
    all.push(bytes(3, &SessionSeed { job, session: 1, seed: seed.clone() }));
    all.push(bytes(4, &CommonSeed { job, session: 1, half: seed.clone() }));
    all.push(bytes(5, &[seed.clone(), seed]));
    all.push(bytes(6, &vec![1u8, 2, 3]));
    all
}

fn bytes(which: u8, message: &impl Serialize) -> Vec<u8> {
    let body = postcard::to_stdvec(message).expect("a message can be written");
    [vec![which], body].concat()
}
