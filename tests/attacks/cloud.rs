//! What server 1 has of a real run: the seeds it was given, the frames it received and sent. (Profile `small`: words of 32 bits.)

use ppdnn::data::Examples;
use ppdnn::fixed::decode;
use ppdnn::net::{Frame, FrameHeader, FrameKind};
use ppdnn::party::Set;
use ppdnn::prg::Seed;
use ppdnn::roles::Training;

use crate::tapped::{Heard, tapped};

/// Server 1, curious; and the one thing that it does not have, to see what would become of it with it.
pub(crate) struct Cloud {
    /// Its own seeds: of the session, of the owner's masks.
    pub(crate) own: Seeds,
    /// Server 0's.
    pub(crate) other: Seeds,
    /// What it received, in order.
    received: Vec<Heard>,
    /// What it sent to server 0.
    sent: Vec<Frame>,
}

/// A server's seeds.
pub(crate) struct Seeds {
    session: Seed,
    owner: Seed,
}

/// A value of the ring that was opened under a mask, with the number of the last correction before it and the first behind it.
pub(crate) struct Opened {
    pub(crate) head: FrameHeader,
    pub(crate) hat: Vec<u32>,
    pub(crate) before: Option<u32>,
    pub(crate) behind: Option<u32>,
}

impl Seeds {
    /// This server's half of a mask of the session.
    pub(crate) fn mask(&self, stream: u32, len: usize) -> Vec<u32> {
        let mut words = vec![0; len];
        self.session.stream(stream.into()).fill(0, &mut words);
        words
    }

    /// This server's half of the masks of rows of labels: a row of 10 begins on a block of its own.
    pub(crate) fn labels(&self, rows: usize) -> Vec<u32> {
        let stream = self.owner.stream(Set::TrainLabels.stream());
        let mut words = vec![0; 10 * rows];
        (0..).zip(words.chunks_exact_mut(10)).for_each(|(row, words)| stream.fill(row, words));
        words
    }
}

impl Cloud {
    /// Runs a training that reveals nothing.
    pub(crate) fn of(training: &Training, rows: &Examples) -> Self {
        let heard = tapped(training, rows, &rows.first(0));
        let body = |from: &str, to: &str| {
            let seed = heard.iter().find(|h| h.is(from, to) && h.frame.head.kind == FrameKind::Seed).unwrap();
            &seed.frame.body
        };
        // a message's last 32 bytes; in front of them, the job's hash and that of the agreement
        let last = |body: &[u8]| -> [u8; 32] { body[body.len() - 32..].try_into().unwrap() };
        let number = heard.iter().find(|h| h.frame.head.kind == FrameKind::Opening).unwrap().frame.head.session;
        let session = |b: u8, server: &str| {
            let (dealt, given) = (body("dealer", server), body(server, "dealer"));
            let mut hasher = blake3::Hasher::new_derive_key("ppdnn 2026 seed of a server's session");
            hasher.update(&last(dealt)).update(&last(given)).update(&[b]).update(&number.to_le_bytes());
            Seed::from_bytes(*hasher.update(&given[32..64]).finalize().as_bytes())
        };
        let [other, own] = [(0, "server 0"), (1, "server 1")].map(|(b, server)| Seeds {
            session: session(b, server),
            owner: Seed::from_bytes(last(body("owner 0", server))),
        });
        let sent = heard.iter().filter(|h| h.is("server 1", "server 0")).map(|h| h.frame.clone()).collect();
        let received = heard.into_iter().filter(|h| h.to == "server 1").collect();
        Self { own, other, received, sent }
    }

    /// The owner's masked labels.
    pub(crate) fn labels(&self) -> Vec<u32> {
        let labels = |h: &&Heard| {
            let head = h.frame.head;
            h.from == "owner 0" && head.kind == FrameKind::Data && u64::from(head.step) == Set::TrainLabels.stream()
        };
        self.received.iter().filter(labels).flat_map(|h| words(&h.frame.body)).collect()
    }

    /// Every opening of so many values of the ring, in order.
    pub(crate) fn opened(&self, len: usize) -> Vec<Opened> {
        let number = |h: &Heard| (h.frame.head.kind == FrameKind::Correction).then_some(h.frame.head.gate);
        let mut openings = Vec::new();
        for (at, h) in self.received.iter().enumerate() {
            let (head, body) = (h.frame.head, &h.frame.body);
            if head.kind == FrameKind::Opening && body.len() == 4 * len {
                let mine = self.sent.iter().find(|frame| frame.head == head).unwrap();
                let hat = words(&mine.body).zip(words(body)).map(|(a, b)| a.wrapping_add(b)).collect();
                let before = self.received[..at].iter().rev().find_map(number);
                let behind = self.received[at..].iter().find_map(number);
                openings.push(Opened { head, hat, before, behind });
            }
        }
        openings
    }
}

fn words(body: &[u8]) -> impl Iterator<Item = u32> {
    body.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()))
}

/// Masked numbers less some masks, as real numbers with 8 fraction bits.
pub(crate) fn less(hat: &[u32], masks: &[&[u32]]) -> Vec<f64> {
    let one = |(i, hat): (usize, &u32)| {
        let x = masks.iter().fold(*hat, |x, mask| x.wrapping_sub(mask[i]));
        decode(x.into(), 32, 8)
    };
    hat.iter().enumerate().map(one).collect()
}
