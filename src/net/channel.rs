//! stand-in until the branch lands
use crate::error::{Error, Result};
use std::sync::mpsc;
use std::time::Duration;
#[allow(missing_docs)]
pub const HEADER_BYTES: usize = 32;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Head {
    pub kind: Kind,
    pub session: u64,
    pub step: u32,
    pub gate: u32,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Agree,
    Control,
    Correction,
    Data,
    Opening,
    Progress,
    Report,
    Result,
    Seed,
}
#[allow(missing_docs)]
pub struct Frame {
    pub head: Head,
    pub body: Vec<u8>,
}
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Traffic {
    pub sent: u64,
    pub received: u64,
}
#[allow(missing_docs)]
pub trait Channel: Send {
    fn peer(&self) -> &str;
    fn send(&mut self, head: Head, body: Vec<u8>) -> Result<()>;
    fn recv(&mut self, what: &str) -> Result<Frame>;
    fn flush(&mut self) -> Result<()>;
    fn traffic(&self) -> Traffic;
    fn set_deadline(&mut self, d: Duration);
}
#[allow(missing_docs)]
pub fn receive_exactly(ch: &mut dyn Channel, want: Head, bytes: usize, what: &str) -> Result<Vec<u8>> {
    let f = ch.recv(what)?;
    if f.head != want {
        return Err(Error::Desync {
            peer: ch.peer().into(),
            mine: format!("{want:?}"),
            theirs: format!("{:?}", f.head),
        });
    }
    if f.body.len() != bytes {
        return Err(Error::peer(ch.peer(), format!("sent {} bytes, not {bytes}", f.body.len())));
    }
    Ok(f.body)
}
#[allow(missing_docs)]
pub struct Memory {
    peer: String,
    tx: mpsc::SyncSender<Frame>,
    rx: mpsc::Receiver<Frame>,
    t: Traffic,
}
#[allow(missing_docs)]
pub fn pair(a: &str, b: &str) -> (Memory, Memory) {
    let (t1, r1) = mpsc::sync_channel(64);
    let (t2, r2) = mpsc::sync_channel(64);
    (
        Memory { peer: b.into(), tx: t1, rx: r2, t: Traffic::default() },
        Memory { peer: a.into(), tx: t2, rx: r1, t: Traffic::default() },
    )
}
impl Channel for Memory {
    fn peer(&self) -> &str {
        &self.peer
    }
    fn send(&mut self, head: Head, body: Vec<u8>) -> Result<()> {
        self.t.sent += (HEADER_BYTES + body.len()) as u64;
        self.tx.send(Frame { head, body }).map_err(|_| Error::peer(&self.peer, "gone"))
    }
    fn recv(&mut self, what: &str) -> Result<Frame> {
        let f = self
            .rx
            .recv_timeout(Duration::from_secs(20))
            .map_err(|_| Error::peer(&self.peer, format!("gone while waiting for {what}")))?;
        self.t.received += (HEADER_BYTES + f.body.len()) as u64;
        Ok(f)
    }
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
    fn traffic(&self) -> Traffic {
        self.t
    }
    fn set_deadline(&mut self, _d: Duration) {}
}
