//! A channel over the network: two TLS connections, one per direction, with a thread and a queue each.
//!
//! One TLS connection is not full duplex: two servers that both write first would wait for each other forever.
//!
//! Several times per deadline, each end sends a keep-alive frame: a frame with its work counter ([`Pulse`](crate::pulse::Pulse)),
//! which the other end consumes. It keeps the connection alive in firewalls and distinguishes a peer that works from one that is
//! stuck; a connection without any is broken. Both are believed only so far: see [`Phase`] and the rate of a frame beside it.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::channel::{Channel, ChannelBytes};
use super::frame::{Frame, FrameHeader, FrameKind};
use super::keep_alive::KeepAlive;
use super::memory::{CLOSED, QUEUE_BYTES, whole_seconds};
use super::phase::{Budget, Phase};
use super::presence::{Presence, STOPPED};
use super::queue::{Patience, Queue, Stop};
use super::tls::{Stream, TlsError};
use crate::error::{Error, Result, advice};
use crate::peer::Peer;

/// A channel to one peer over the network.
///
/// Dropped, it still writes what is queued for up to two seconds, then says goodbye and closes.
pub struct Link {
    peer: Peer,
    to: Arc<Queue>,
    from: Arc<Queue>,
    keep_alive: Arc<KeepAlive>,
    /// Handles of the sockets of both directions, to wake the threads by closing them.
    sockets: [TcpStream; 2],
    threads: Vec<JoinHandle<()>>,
    traffic: ChannelBytes,
    deadline: Duration,
    budget: Budget,
}

impl Link {
    /// A link of a connection for writing and one for reading, both greeted; both ends have the same deadline.
    pub(super) fn new(peer: Peer, mut writing: Stream, mut reading: Stream, deadline: Duration) -> io::Result<Self> {
        let keep_alive = KeepAlive::new(deadline);
        writing.be_patient(keep_alive.silence)?;
        reading.be_patient(keep_alive.silence)?;
        let sockets = [writing.handle()?, reading.handle()?];
        for socket in &sockets {
            socket.set_nodelay(true)?;
        }
        let mut link = Self {
            peer,
            to: Arc::new(Queue::new(QUEUE_BYTES)),
            from: Arc::new(Queue::new(QUEUE_BYTES)),
            budget: Budget::new(keep_alive.bytes.clone()),
            keep_alive: Arc::new(keep_alive),
            sockets,
            threads: Vec::new(),
            traffic: ChannelBytes::default(),
            deadline,
        };
        let (to, keep_alive) = (link.to.clone(), link.keep_alive.clone());
        let writer = move || write(writing, &to, &keep_alive);
        link.threads.push(thread::Builder::new().name(format!("to {}", link.peer)).spawn(writer)?);
        let (to, from, keep_alive) = (link.to.clone(), link.from.clone(), link.keep_alive.clone());
        let reader = move || read(reading, &from, &to, &keep_alive);
        link.threads.push(thread::Builder::new().name(format!("from {}", link.peer)).spawn(reader)?);
        Ok(link)
    }

    fn patience(&self) -> Patience<'_> {
        // our own clock hears of signs as they come
        Patience { limit: self.deadline, theirs: Some(&self.keep_alive.theirs), mine: None, budget: Some(&self.budget) }
    }

    /// What comes from the peer, to see later whether the link still stands.
    pub(super) fn incoming(&self) -> Weak<Queue> {
        Arc::downgrade(&self.from)
    }

    /// Whether the peer is gone and all that it sent is taken.
    pub(super) fn is_over(&self) -> bool {
        self.from.is_over()
    }
}

impl Channel for Link {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn send(&mut self, head: FrameHeader, body: Vec<u8>) -> Result<()> {
        let frame = Frame { head, body };
        let bytes = frame.bytes();
        if let Err(stop) = self.to.push(frame, Some(self.patience())) {
            return Err(stop.error(&self.peer, &format!("room to send {head}"), self.deadline));
        }
        self.traffic.sent += bytes;
        Ok(())
    }

    fn set_room(&mut self, bytes: u64) {
        self.to.set_room(bytes);
        self.from.set_room(bytes);
    }

    fn recv(&mut self, what: &str) -> Result<Frame> {
        let frame = self.from.receive(&self.peer, what, self.patience())?;
        self.traffic.received += frame.bytes();
        Ok(frame)
    }

    fn flush(&mut self) -> Result<()> {
        let settled = self.to.settle(self.patience());
        settled.map_err(|stop| stop.error(&self.peer, "it to receive what we sent", self.deadline))
    }

    fn traffic(&self) -> ChannelBytes {
        self.traffic
    }

    fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    fn enter(&mut self, phase: Phase) {
        self.budget.enter(phase);
    }

    fn attach(&mut self, presence: &Presence) {
        if self.keep_alive.show(presence.pulse()) {
            presence.add(&self.to, &self.from);
        }
    }

    fn poll(&mut self, within: Duration) -> Result<Option<Frame>> {
        let frame = self.from.poll(&self.peer, within)?;
        self.traffic.received += frame.as_ref().map_or(0, Frame::bytes);
        Ok(frame)
    }

    fn ended(&self) -> Option<Error> {
        self.from.ended(&self.peer)
    }

    fn set_max_frame(&mut self, bytes: u64) {
        self.from.set_max_frame(bytes);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.to.end(CLOSED);
        let _ = self.to.await_finish(GOODBYE);
        self.from.abandon(CLOSED);
        for socket in &self.sockets {
            let _ = socket.shutdown(Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The writer thread: what is queued, until the queue ends, and keep-alive frames.
fn write(mut stream: Stream, queue: &Queue, keep_alive: &KeepAlive) {
    let mut due = Instant::now() + keep_alive.every;
    loop {
        let left = due.saturating_duration_since(Instant::now());
        let popped = if left.is_zero() { Err(Stop::Late) } else { queue.pop_within(left) };
        let mut frame = match popped {
            Ok(frame) => frame,
            Err(Stop::Late) => {
                due = Instant::now() + keep_alive.every;
                keep_alive.frame()
            }
            Err(Stop::Ended(_) | Stop::Overdue { .. }) => break,
        };
        let kind = frame.head.kind;
        let header = frame.head.encode(frame.body.len() as u64);
        let written = stream.write_parts([&header, &frame.body], |bytes| keep_alive.moved(kind, bytes, queue));
        frame.wipe();
        match written {
            Ok(()) if kind == FrameKind::KeepAlive => {}
            Ok(()) => queue.written(),
            Err(error) => {
                queue.abandon(&ended(error, keep_alive.silence));
                break;
            }
        }
    }
    let _ = stream.close();
    queue.finish();
}

/// The reader thread: frames, until the stream ends. A peer that stops sending also stops taking.
fn read(mut stream: Stream, queue: &Queue, other: &Queue, keep_alive: &KeepAlive) {
    let reason = loop {
        let moved = |kind, bytes| keep_alive.moved(kind, bytes, queue);
        match Frame::read(&mut stream, |bytes| queue.admit(bytes), moved, keep_alive.silence) {
            Ok(Some(frame)) if frame.head.kind == FrameKind::Goodbye => break STOPPED.into(),
            Ok(Some(frame)) if frame.head.kind == FrameKind::KeepAlive => {
                if let Err(reason) = keep_alive.hear(&frame) {
                    break reason;
                }
            }
            Ok(Some(frame)) => match queue.push(frame, None) {
                Ok(()) => {}
                Err(Stop::Ended(reason)) => break reason,
                Err(Stop::Late | Stop::Overdue { .. }) => unreachable!("a push without patience is never late"),
            },
            Ok(None) => break CLOSED.into(),
            Err(error) => break ended(error, keep_alive.silence),
        }
    };
    // In this order: once recv has told of the end, send must not take frames that nobody will read.
    other.end(&reason);
    queue.end(&reason);
    if let Ok(socket) = stream.handle() {
        let _ = socket.shutdown(Shutdown::Both);
    }
}

/// Why a connection ended, and what to do.
fn ended(error: io::Error, silence: Duration) -> String {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, NotConnected, TimedOut, UnexpectedEof,
    };
    match Stream::broken(error) {
        TlsError::Io(e)
            if matches!(e.kind(), BrokenPipe | ConnectionReset | ConnectionAborted | NotConnected | UnexpectedEof) =>
        {
            "the connection was lost; the process was killed or the network failed: check its log, then start the run again"
                .into()
        }
        TlsError::Io(e) if e.kind() == TimedOut => format!(
            "sent no keep-alive for {} s; its machine hangs, or a device on the path dropped the connection: check its \
             log and the network, then start the run again",
            whole_seconds(silence)
        ),
        TlsError::Io(e) if e.kind() == InvalidData => e.to_string(),
        TlsError::Io(e) => format!("the connection failed ({e}); check the network, then start the run again"),
        TlsError::Alert(_) | TlsError::Key(_) | TlsError::Tls(_) => {
            "sent bytes that do not decrypt; something between the two machines modifies them: check the network".into()
        }
    }
}

/// An error about a link that could not be set up.
pub(super) fn unusable(peer: &Peer, error: io::Error) -> Error {
    match advice(&error) {
        "" => Error::peer(peer, format!("the connection cannot be used ({error}); start the run again")),
        _ => Error::NoHandles { peer: peer.into(), source: error },
    }
}

const GOODBYE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
