//! A channel over the network: two TLS connections, one per direction, with a thread and a queue each.
//!
//! One TLS connection is not full duplex: two servers that both write first would wait for each other forever.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::channel::{Channel, Frame, Head, MAX_FRAME, Traffic};
use super::memory::{CLOSED, DEADLINE, QUEUE_BYTES};
use super::queue::{Queue, Stop};
use super::tls::{Broken, Stream};
use crate::error::{Error, Result};

/// A channel to one peer over the network.
///
/// Dropped, it still writes what is queued for up to two seconds, then says goodbye and closes.
pub struct Link {
    peer: String,
    to: Arc<Queue>,
    from: Arc<Queue>,
    max_frame: Arc<AtomicU64>,
    /// Handles of the sockets of both directions, to wake the threads by closing them.
    sockets: [TcpStream; 2],
    threads: Vec<JoinHandle<()>>,
    traffic: Traffic,
    deadline: Duration,
}

impl Link {
    /// A link of a connection for writing and one for reading, both greeted.
    pub(super) fn new(peer: String, mut writing: Stream, mut reading: Stream) -> io::Result<Self> {
        writing.without_timeout()?;
        reading.without_timeout()?;
        let sockets = [writing.handle()?, reading.handle()?];
        for socket in &sockets {
            socket.set_nodelay(true)?;
        }
        let mut link = Self {
            peer,
            to: Arc::new(Queue::new(QUEUE_BYTES)),
            from: Arc::new(Queue::new(QUEUE_BYTES)),
            max_frame: Arc::new(AtomicU64::new(MAX_FRAME)),
            sockets,
            threads: Vec::new(),
            traffic: Traffic::default(),
            deadline: DEADLINE,
        };
        let (to, from, max) = (link.to.clone(), link.from.clone(), link.max_frame.clone());
        let writer = move || write(writing, &to);
        link.threads.push(thread::Builder::new().name(format!("to {}", link.peer)).spawn(writer)?);
        let to = link.to.clone();
        let reader = move || read(reading, &from, &to, &max);
        link.threads.push(thread::Builder::new().name(format!("from {}", link.peer)).spawn(reader)?);
        Ok(link)
    }

    /// Sets the longest body that is taken from the peer, in bytes.
    pub fn set_max_frame(&mut self, bytes: u64) {
        self.max_frame.store(bytes, Ordering::Relaxed);
    }

    /// Sets how many bytes each direction's queue holds before its writer waits.
    pub fn set_room(&mut self, bytes: u64) {
        self.to.set_room(bytes);
        self.from.set_room(bytes);
    }

    /// Whether the peer is gone and all that it sent is taken.
    pub(super) fn is_over(&self) -> bool {
        self.from.is_over()
    }
}

impl Channel for Link {
    fn peer(&self) -> &str {
        &self.peer
    }

    fn send(&mut self, head: Head, body: Vec<u8>) -> Result<()> {
        let frame = Frame { head, body };
        let bytes = frame.bytes();
        if let Err(stop) = self.to.push(frame, Some(self.deadline)) {
            return Err(stop.error(&self.peer, &format!("room to send {head}"), self.deadline));
        }
        self.traffic.sent += bytes;
        Ok(())
    }

    fn recv(&mut self, what: &str) -> Result<Frame> {
        let frame = self.from.pop(Some(self.deadline)).map_err(|stop| stop.error(&self.peer, what, self.deadline))?;
        self.from.written();
        self.traffic.received += frame.bytes();
        Ok(frame)
    }

    fn flush(&mut self) -> Result<()> {
        let settled = self.to.settle(self.deadline);
        settled.map_err(|stop| stop.error(&self.peer, "it to take what we sent", self.deadline))
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }

    fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
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

/// The writer thread: what is queued, until the queue ends.
fn write(mut stream: Stream, queue: &Queue) {
    while let Ok(Frame { head, body }) = queue.pop(None) {
        let header = head.encode(body.len() as u64);
        match stream.write_parts([&header, &body], || queue.touch()) {
            Ok(()) => queue.written(),
            Err(error) => {
                queue.abandon(&ended(error));
                break;
            }
        }
    }
    let _ = stream.close();
    queue.finish();
}

/// The reader thread: frames, until the stream ends. A peer that stops sending also stops taking.
fn read(mut stream: Stream, queue: &Queue, other: &Queue, max: &AtomicU64) {
    let reason = loop {
        match Frame::read(&mut stream, max.load(Ordering::Relaxed), || queue.touch()) {
            Ok(Some(frame)) => match queue.push(frame, None) {
                Ok(()) => {}
                Err(Stop::Ended(reason)) => break reason,
                Err(Stop::Late) => unreachable!("a push without patience is never late"),
            },
            Ok(None) => break CLOSED.into(),
            Err(error) => break ended(error),
        }
    };
    queue.end(&reason);
    other.end(&reason);
    if let Ok(socket) = stream.handle() {
        let _ = socket.shutdown(Shutdown::Both);
    }
}

/// Why a connection ended, and what to do.
fn ended(error: io::Error) -> String {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, NotConnected, UnexpectedEof};
    match Stream::broken(error) {
        Broken::Io(e) if matches!(e.kind(), BrokenPipe | ConnectionReset | ConnectionAborted | NotConnected | UnexpectedEof) => {
            "the connection broke off; the process was killed or the network failed: look at its log, then start the run again"
                .into()
        }
        Broken::Io(e) if e.kind() == InvalidData => e.to_string(),
        Broken::Io(e) => format!("the connection failed ({e}); check the network, then start the run again"),
        Broken::Alert(_) | Broken::Key(_) | Broken::Tls(_) => {
            "sent bytes that do not decrypt; something between the two machines changes them: check the network".into()
        }
    }
}

/// An error about a link that could not be set up.
pub(super) fn unusable(peer: &str, error: &io::Error) -> Error {
    Error::peer(peer, format!("the connection cannot be used ({error}); start the run again"))
}

const GOODBYE: Duration = Duration::from_secs(2);
