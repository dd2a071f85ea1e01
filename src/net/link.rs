//! A channel over the network: two TLS connections, one per direction, with a thread and a queue each.
//!
//! One TLS connection is not full duplex: two servers that both write first would wait for each other forever.
//!
//! Several times per deadline, each end sends a sign of life: a frame with its clock of work ([`Pulse`](crate::pulse::Pulse)), which the other end
//! swallows. It keeps the connection in the memory of firewalls, tells a peer that works from one that is stuck, and a
//! connection without any is broken.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::channel::{Channel, Frame, Head, Kind, Traffic};
use super::memory::{CLOSED, QUEUE_BYTES, whole_seconds};
use super::presence::{Presence, STOPPED};
use super::queue::{Patience, Queue, Stop};
use super::signs::Signs;
use super::tls::{Broken, Stream};
use crate::error::{Error, Result, advice};

/// A channel to one peer over the network.
///
/// Dropped, it still writes what is queued for up to two seconds, then says goodbye and closes.
pub struct Link {
    peer: String,
    to: Arc<Queue>,
    from: Arc<Queue>,
    signs: Arc<Signs>,
    /// Handles of the sockets of both directions, to wake the threads by closing them.
    sockets: [TcpStream; 2],
    threads: Vec<JoinHandle<()>>,
    traffic: Traffic,
    deadline: Duration,
}

impl Link {
    /// A link of a connection for writing and one for reading, both greeted; both ends have the same deadline.
    pub(super) fn new(peer: String, mut writing: Stream, mut reading: Stream, deadline: Duration) -> io::Result<Self> {
        let signs = Signs::new(deadline);
        writing.be_patient(signs.silence)?;
        reading.be_patient(signs.silence)?;
        let sockets = [writing.handle()?, reading.handle()?];
        for socket in &sockets {
            socket.set_nodelay(true)?;
        }
        let mut link = Self {
            peer,
            to: Arc::new(Queue::new(QUEUE_BYTES)),
            from: Arc::new(Queue::new(QUEUE_BYTES)),
            signs: Arc::new(signs),
            sockets,
            threads: Vec::new(),
            traffic: Traffic::default(),
            deadline,
        };
        let (to, signs) = (link.to.clone(), link.signs.clone());
        let writer = move || write(writing, &to, &signs);
        link.threads.push(thread::Builder::new().name(format!("to {}", link.peer)).spawn(writer)?);
        let (to, from, signs) = (link.to.clone(), link.from.clone(), link.signs.clone());
        let reader = move || read(reading, &from, &to, &signs);
        link.threads.push(thread::Builder::new().name(format!("from {}", link.peer)).spawn(reader)?);
        Ok(link)
    }

    /// Sets how many bytes each direction's queue holds before its writer waits.
    pub fn set_room(&mut self, bytes: u64) {
        self.to.set_room(bytes);
        self.from.set_room(bytes);
    }

    fn patience(&self) -> Patience<'_> {
        Patience { limit: self.deadline, theirs: Some(&self.signs.theirs), mine: self.signs.mine.get() }
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
    fn peer(&self) -> &str {
        &self.peer
    }

    fn send(&mut self, head: Head, body: Vec<u8>) -> Result<()> {
        let frame = Frame { head, body };
        let bytes = frame.bytes();
        if let Err(stop) = self.to.push(frame, Some(self.patience())) {
            return Err(stop.error(&self.peer, &format!("room to send {head}"), self.deadline));
        }
        self.traffic.sent += bytes;
        Ok(())
    }

    fn recv(&mut self, what: &str) -> Result<Frame> {
        let frame = self.from.pop(Some(self.patience())).map_err(|stop| stop.error(&self.peer, what, self.deadline))?;
        self.from.written();
        self.traffic.received += frame.bytes();
        Ok(frame)
    }

    fn flush(&mut self) -> Result<()> {
        let settled = self.to.settle(self.patience());
        settled.map_err(|stop| stop.error(&self.peer, "it to take what we sent", self.deadline))
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }

    fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    fn attach(&mut self, presence: &Presence) {
        if self.signs.mine.set(presence.pulse().clone()).is_ok() {
            presence.add(&self.to, &self.from);
        }
    }

    fn poll(&mut self, within: Duration) -> Result<Option<Frame>> {
        match self.from.pop_within(within) {
            Ok(frame) => {
                self.from.written();
                self.traffic.received += frame.bytes();
                Ok(Some(frame))
            }
            Err(Stop::Late) => Ok(None),
            Err(stop) => Err(stop.error(&self.peer, "a frame", within)),
        }
    }

    fn ended(&self) -> Option<Error> {
        let reason = self.from.reason().filter(|_| self.from.is_over())?;
        Some(Error::peer(&self.peer, reason))
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

/// The writer thread: what is queued, until the queue ends, and signs of life.
fn write(mut stream: Stream, queue: &Queue, signs: &Signs) {
    let mut due = Instant::now() + signs.every;
    loop {
        let left = due.saturating_duration_since(Instant::now());
        let popped = if left.is_zero() { Err(Stop::Late) } else { queue.pop_within(left) };
        let mut frame = match popped {
            Ok(frame) => frame,
            Err(Stop::Late) => {
                due = Instant::now() + signs.every;
                signs.frame()
            }
            Err(Stop::Ended(_)) => break,
        };
        let kind = frame.head.kind;
        let header = frame.head.encode(frame.body.len() as u64);
        let written = stream.write_parts([&header, &frame.body], || signs.moved(kind, queue));
        frame.wipe();
        match written {
            Ok(()) if kind == Kind::KeepAlive => {}
            Ok(()) => queue.written(),
            Err(error) => {
                queue.abandon(&ended(error, signs.silence));
                break;
            }
        }
    }
    let _ = stream.close();
    queue.finish();
}

/// The reader thread: frames, until the stream ends. A peer that stops sending also stops taking.
fn read(mut stream: Stream, queue: &Queue, other: &Queue, signs: &Signs) {
    let reason = loop {
        match Frame::read(&mut stream, |bytes| queue.admit(bytes), |kind| signs.moved(kind, queue)) {
            Ok(Some(frame)) if frame.head.kind == Kind::Goodbye => break STOPPED.into(),
            Ok(Some(frame)) if frame.head.kind == Kind::KeepAlive => {
                if !signs.hear(&frame) {
                    break "sent a sign of life that is none; do both run the same version of ppdnn?".into();
                }
            }
            Ok(Some(frame)) => match queue.push(frame, None) {
                Ok(()) => {}
                Err(Stop::Ended(reason)) => break reason,
                Err(Stop::Late) => unreachable!("a push without patience is never late"),
            },
            Ok(None) => break CLOSED.into(),
            Err(error) => break ended(error, signs.silence),
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
        Broken::Io(e) if matches!(e.kind(), BrokenPipe | ConnectionReset | ConnectionAborted | NotConnected | UnexpectedEof) => {
            "the connection broke off; the process was killed or the network failed: look at its log, then start the run again"
                .into()
        }
        Broken::Io(e) if e.kind() == TimedOut => format!(
            "gave no sign of life for {} s; its machine hangs, or something on the way forgot the connection: look at \
             its log and at the network, then start the run again",
            whole_seconds(silence)
        ),
        Broken::Io(e) if e.kind() == InvalidData => e.to_string(),
        Broken::Io(e) => format!("the connection failed ({e}); check the network, then start the run again"),
        Broken::Alert(_) | Broken::Key(_) | Broken::Tls(_) => {
            "sent bytes that do not decrypt; something between the two machines changes them: check the network".into()
        }
    }
}

/// An error about a link that could not be set up.
pub(super) fn unusable(peer: &str, error: io::Error) -> Error {
    match advice(&error) {
        "" => Error::peer(peer, format!("the connection cannot be used ({error}); start the run again")),
        _ => Error::NoHandles { peer: peer.into(), source: error },
    }
}

const GOODBYE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Instant;

    use super::*;
    use crate::net::channel::{HEADER_BYTES, Kind};
    use crate::net::identity::Identity;
    use crate::net::tls::Meeting;

    const HEAD: Head = Head { kind: Kind::Opening, session: 1, step: 2, gate: 3 };

    const SHORT: Duration = Duration::from_millis(300);

    /// A link, and the naked streams that its peer writes to and reads from.
    fn naked() -> (Link, Stream, Stream) {
        naked_with(Duration::from_secs(20))
    }

    /// The same with another deadline; such a peer gives no signs of life.
    fn naked_with(deadline: Duration) -> (Link, Stream, Stream) {
        let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let (near, far) = (Meeting::new(&a, vec![b.fingerprint()]), Meeting::new(&b, vec![a.fingerprint()]));
        let (near, far) = (near.unwrap(), far.unwrap());
        let connect = || {
            let until = Instant::now() + Duration::from_secs(5);
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let far = far.clone();
            let accepting = thread::spawn(move || far.accept(listener.accept().unwrap().0, [until; 2], || ()).unwrap());
            (near.connect(socket, until).unwrap(), accepting.join().unwrap())
        };
        let ((writing, their_reading), (reading, their_writing)) = (connect(), connect());
        let link = Link::new("peer".into(), writing, reading, deadline).unwrap();
        (link, their_writing, their_reading)
    }

    fn says(link: &mut Link) -> String {
        link.recv("a frame").unwrap_err().to_string()
    }

    #[test]
    fn four_gigabytes_announced_are_refused_at_once() {
        let (mut link, mut peer, _reading) = naked();
        peer.write_parts([&HEAD.encode(4 << 30), &[]], || ()).unwrap();
        let text = says(&mut link);
        assert!(text.contains("4294967296 bytes") && text.contains("limit is 1048576"), "{text}");
    }

    #[test]
    fn the_limit_can_be_set() {
        let (mut link, mut peer, _reading) = naked();
        link.set_max_frame(10);
        peer.write_parts([&HEAD.encode(10), &[1; 10]], || ()).unwrap();
        assert_eq!(link.recv("a frame").unwrap().body, [1; 10]);
        peer.write_parts([&HEAD.encode(11), &[1; 11]], || ()).unwrap();
        assert!(says(&mut link).contains("the limit is 10"));
    }

    #[test]
    fn a_frame_that_comes_before_its_limit_waits_for_it() {
        let (mut link, mut peer, _reading) = naked();
        let long = vec![7; 3 << 20];
        let sending = thread::spawn(move || {
            peer.write_parts([&HEAD.encode(1), &[1]], || ()).unwrap();
            peer.write_parts([&HEAD.encode(3 << 20), &long], || ()).unwrap();
            peer
        });
        assert_eq!(link.recv("the job").unwrap().body, [1]);
        thread::sleep(SHORT);
        link.set_max_frame(3 << 20);
        assert_eq!(link.recv("what the job allows").unwrap().body.len(), 3 << 20);
        // the next one is too long, and nobody raises the limit
        let mut peer = sending.join().unwrap();
        peer.write_parts([&HEAD.encode((3 << 20) + 1), &[]], || ()).unwrap();
        assert!(says(&mut link).contains("the limit is 3145728"));
    }

    #[test]
    fn something_else_than_a_frame_is_an_error() {
        for (at, want) in [(0, "not a frame"), (4, "not a frame"), (5, "unknown kind")] {
            let (mut link, mut peer, _reading) = naked();
            let mut header = HEAD.encode(0);
            header[at] = 200;
            peer.write_parts([&header, &[]], || ()).unwrap();
            let text = says(&mut link);
            assert!(text.contains(want) && text.contains("same version"), "{text}");
            assert!(link.send(HEAD, vec![]).is_err());
        }
    }

    #[test]
    fn a_body_that_stops_halfway_meets_the_deadline() {
        let (mut link, mut peer, _reading) = naked();
        link.set_deadline(SHORT);
        peer.write_parts([&HEAD.encode(1000), &[1; 400]], || ()).unwrap();
        let error = link.recv("the rest").unwrap_err();
        assert!(matches!(error, Error::Deadline { .. }), "{error}");
    }

    #[test]
    fn a_slow_body_outlives_the_deadline_while_it_moves() {
        let (mut link, mut peer, _reading) = naked();
        link.set_deadline(Duration::from_secs(1));
        let sending = thread::spawn(move || {
            peer.write_parts([&HEAD.encode(8), &[]], || ()).unwrap();
            for i in 0..8 {
                thread::sleep(Duration::from_millis(200));
                peer.write_parts([&[i], &[]], || ()).unwrap();
            }
            peer
        });
        assert_eq!(link.recv("all of it").unwrap().body, [0, 1, 2, 3, 4, 5, 6, 7]);
        sending.join().unwrap();
    }

    #[test]
    fn a_cut_connection_is_told_apart_from_a_closed_one() {
        let (mut link, peer, _reading) = naked();
        peer.handle().unwrap().shutdown(Shutdown::Both).unwrap();
        assert!(says(&mut link).contains("broke off"));
        let (mut link, mut peer, _reading) = naked();
        peer.close().unwrap();
        assert!(says(&mut link).contains("closed the connection"));
    }

    #[test]
    fn a_peer_that_takes_nothing_meets_the_deadline_and_does_not_hold_up_a_drop_for_long() {
        let (mut link, _writing, _reading) = naked();
        link.set_deadline(SHORT);
        link.set_room(1 << 20);
        let start = Instant::now();
        let error = (0..40).find_map(|_| link.send(HEAD, vec![0; 1 << 20]).err()).unwrap();
        assert!(matches!(error, Error::Deadline { .. }), "{error}");
        assert!(matches!(link.flush().unwrap_err(), Error::Deadline { .. }));
        drop(link);
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_small_frame_is_one_record() {
        let (mut link, _writing, mut reading) = naked();
        link.send(HEAD, vec![5; 1000]).unwrap();
        let record = io::BufRead::fill_buf(&mut reading).unwrap();
        assert_eq!(record.len(), HEADER_BYTES + 1000);
    }

    fn sign(count: u64) -> Vec<u8> {
        let head = Head { kind: Kind::KeepAlive, session: 0, step: 0, gate: 0 };
        [&head.encode(8)[..], &count.to_le_bytes()].concat()
    }

    #[test]
    fn signs_of_life_are_sent_on_an_idle_link_with_the_clock_of_work() {
        let (mut link, _writing, mut reading) = naked_with(Duration::from_secs(2));
        let presence = Presence::default();
        link.attach(&presence);
        (0..5).for_each(|_| presence.pulse().beat());
        let signs = [(); 2].map(|()| Frame::read(&mut reading, |_| Ok(()), |_| ()).unwrap().unwrap());
        assert!(signs.iter().all(|frame| frame.head.kind == Kind::KeepAlive));
        assert_eq!(signs[1].body, 5u64.to_le_bytes());
        assert_eq!(link.traffic(), Traffic::default(), "they are not counted");
    }

    #[test]
    fn a_peer_whose_clock_moves_is_waited_for_and_one_whose_clock_stands_is_not() {
        for (working, want) in [(true, "the work is done"), (false, "sent nothing")] {
            let (mut link, mut peer, _reading) = naked_with(Duration::from_secs(2));
            let presence = Presence::default();
            link.attach(&presence);
            let signing = thread::spawn(move || {
                // longer than the deadline, and shorter than the 5 s that a naked stream may write for
                for i in 0..20 {
                    thread::sleep(Duration::from_millis(150));
                    if peer.write_parts([&sign(if working { i } else { 7 }), &[]], || ()).is_err() {
                        return;
                    }
                }
                let text = b"the work is done";
                let _ = peer.write_parts([&HEAD.encode(text.len() as u64), text], || ());
            });
            let heard = link.recv("its work");
            let text = heard.map_or_else(|e| e.to_string(), |frame| String::from_utf8(frame.body).unwrap());
            assert!(text.contains(want), "{text}");
            assert!(presence.pulse().count() >= 7, "what the peer knows of work is known here");
            drop(link);
            signing.join().unwrap();
        }
    }

    #[test]
    fn a_link_without_any_sign_of_life_is_broken_even_if_nobody_waits() {
        let (link, _writing, _reading) = naked_with(Duration::from_secs(1));
        let start = Instant::now();
        while link.ended().is_none() {
            assert!(start.elapsed() < Duration::from_secs(20), "it is believed to stand");
            thread::sleep(Duration::from_millis(20));
        }
        assert!(link.ended().unwrap().to_string().contains("gave no sign of life for 2 s"), "{:?}", link.ended());
    }

    #[test]
    fn a_party_that_leaves_says_so() {
        let (mut link, _writing, mut reading) = naked();
        let presence = Presence::default();
        link.attach(&presence);
        presence.leave();
        assert!(presence.has_left() && link.recv("anything").is_err());
        assert_eq!(Frame::read(&mut reading, |_| Ok(()), |_| ()).unwrap().unwrap().head.kind, Kind::Goodbye);
        let (mut link, mut peer, _reading) = naked();
        let head = Head { kind: Kind::Goodbye, session: 0, step: 0, gate: 0 };
        peer.write_parts([&head.encode(0), &[]], || ()).unwrap();
        assert!(says(&mut link).contains("was stopped by its operator"));
    }
}
