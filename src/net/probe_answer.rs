//! Answers to probes, within limits that a job does not notice: see [`probe`](super::probe()).

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::hello::Refusal;
use super::role::Role;
use super::tls::Stream;

/// Answers the questions of a probe until its caller goes or has asked for all that it may.
pub(super) fn answer(stream: &mut Stream) -> io::Result<()> {
    stream.end_by(Instant::now() + LIMIT);
    answer_questions(stream)
}

fn answer_questions(stream: &mut Stream) -> io::Result<()> {
    let (mut questions, mut taken, mut given) = (MOST_QUESTIONS, MOST_BYTES, MOST_BYTES);
    let mut what = [0];
    while stream.read(&mut what)? > 0 {
        questions = less(questions, 1)?;
        match what {
            [TIME] => write(stream, &unix_ms().to_le_bytes())?,
            [TAKE] => {
                let bytes = length(stream)?;
                taken = less(taken, bytes)?;
                discard(stream, bytes)?;
                write(stream, &[TAKE])?;
            }
            [GIVE] => {
                let bytes = length(stream)?;
                given = less(given, bytes)?;
                write_zeros(stream, bytes)?;
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    Ok(())
}

/// What is left of an allowance.
fn less(left: u32, by: u32) -> io::Result<u32> {
    left.checked_sub(by).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a probe asked for too much"))
}

fn length(stream: &mut Stream) -> io::Result<u32> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    Ok(u32::from_le_bytes(length))
}

pub(super) fn write(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_parts([bytes, &[]], |_| ())
}

pub(super) fn write_zeros(stream: &mut Stream, mut bytes: u32) -> io::Result<()> {
    while bytes > 0 {
        let piece = bytes.min(PIECE);
        write(stream, &[0; PIECE as usize][..piece as usize])?;
        bytes -= piece;
    }
    Ok(())
}

pub(super) fn discard(stream: &mut Stream, bytes: u32) -> io::Result<()> {
    let read = io::copy(&mut stream.by_ref().take(bytes.into()), &mut io::sink())?;
    if read == u64::from(bytes) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

pub(super) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The probes that a listener answers: so few that a job does not notice them.
#[derive(Default)]
pub(super) struct Probes(Mutex<Answered>);

#[derive(Default)]
struct Answered {
    now: usize,
    /// When each party's last one began.
    last: HashMap<Role, Instant>,
}

impl Probes {
    /// A turn for a party's probe, given back when it is dropped.
    pub(super) fn admit(&self, from: Role) -> Result<Turn<'_>, Refusal> {
        let mut answered = self.lock();
        let again = answered.last.get(&from).is_some_and(|last| last.elapsed() < APART);
        let crowd = answered.last.values().any(|last| last.elapsed() < ANY_APART);
        if again || crowd || answered.now >= AT_ONCE {
            let reason = "it answers other probes at the moment; run this again".into();
            return Err(Refusal { reason, later: true });
        }
        answered.now += 1;
        answered.last.insert(from, Instant::now());
        Ok(Turn(self))
    }

    fn lock(&self) -> MutexGuard<'_, Answered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of a probe.
pub(super) struct Turn<'a>(&'a Probes);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().now -= 1;
    }
}

/// The questions.
pub(super) const TIME: u8 = 1;
pub(super) const TAKE: u8 = 2;
pub(super) const GIVE: u8 = 3;

/// What a listener allows a probe: questions, bytes each way, and time.
const MOST_QUESTIONS: u32 = 200;
pub(super) const MOST_BYTES: u32 = 4 << 20;
pub(super) const LIMIT: Duration = Duration::from_secs(10);
/// Probes that are answered at the same time; the time between two of one party, and between two of any.
const AT_ONCE: usize = 2;
const APART: Duration = Duration::from_secs(3);
const ANY_APART: Duration = Duration::from_millis(250);
/// The bytes that are written at once.
const PIECE: u32 = 16 << 10;

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;
    use crate::net::identity::Identity;
    use crate::net::tls::TlsConfig;

    const LONG: Duration = Duration::from_secs(20);

    /// A question with a length.
    fn ask(stream: &mut Stream, what: u8, bytes: u32) -> io::Result<()> {
        write(stream, &[&[what], &bytes.to_le_bytes()[..]].concat())
    }

    /// Both ends of a TLS connection: server 0's, which answers, and that of a caller.
    fn connected() -> (Stream, Stream) {
        let [ours, theirs] = [(), ()].map(|()| Identity::generate().unwrap());
        let [answers, calls] = [(&ours, &theirs), (&theirs, &ours)]
            .map(|(me, other)| TlsConfig::new(me, vec![other.fingerprint()]).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let calling = thread::spawn(move || calls.connect(socket, Instant::now() + LONG).unwrap());
        let (socket, _) = listener.accept().unwrap();
        let answering = answers.accept(socket, [Instant::now() + LONG; 2], || ()).unwrap();
        (answering, calling.join().unwrap())
    }

    #[test]
    fn a_caller_that_asks_for_too_much_is_cut_off() {
        let too_many_questions: Vec<u8> = vec![TIME; MOST_QUESTIONS as usize + 1];
        let long = (MOST_BYTES + 1).to_le_bytes();
        let with = |what: u8| [&[what], &long[..]].concat();
        let unknown = vec![77];
        for said in [too_many_questions, with(TAKE), with(GIVE), unknown] {
            let (mut answering, mut calling) = connected();
            let answers = thread::spawn(move || {
                answering.end_by(Instant::now() + LONG);
                answer_questions(&mut answering)
            });
            write(&mut calling, &said).unwrap();
            let start = Instant::now();
            let error = answers.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{:?}", &said[..1]);
            assert!(start.elapsed() < LONG / 2, "before it has sent them");
        }
        // the control: what is allowed is answered
        let (mut answering, mut calling) = connected();
        let answers = thread::spawn(move || answer(&mut answering));
        ask(&mut calling, GIVE, MOST_BYTES).unwrap();
        discard(&mut calling, MOST_BYTES).unwrap();
        calling.close().unwrap();
        answers.join().unwrap().unwrap();
    }

    #[test]
    fn a_caller_that_drips_is_cut_off_at_the_limit() {
        let (mut answering, mut calling) = connected();
        let start = Instant::now();
        answering.end_by(start + Duration::from_millis(600));
        let answers = thread::spawn(move || answer_questions(&mut answering));
        let dripping = thread::spawn(move || {
            ask(&mut calling, TAKE, 1000)?;
            (0..1000).try_for_each(|_| {
                thread::sleep(Duration::from_millis(50));
                write(&mut calling, &[0])
            })
        });
        let error = answers.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() < LONG, "the drips would take a minute");
        assert!(dripping.join().unwrap().is_err());
    }

    #[test]
    fn a_listener_answers_few_probes_at_once_and_a_party_now_and_then() {
        let probes = Probes::default();
        let first = probes.admit(Role::Trainer).map_err(|_| ()).unwrap();
        assert!(probes.admit(Role::Dealer).is_err_and(|refusal| refusal.later), "right behind another");
        thread::sleep(ANY_APART);
        assert!(probes.admit(Role::Trainer).is_err(), "not again so soon");
        let _second = probes.admit(Role::Dealer).map_err(|_| ()).unwrap();
        thread::sleep(ANY_APART);
        assert!(probes.admit(Role::Server(1)).is_err(), "two are enough");
        drop(first);
        assert!(probes.admit(Role::Trainer).is_err(), "not again so soon");
        let _third = probes.admit(Role::Server(1)).map_err(|_| ()).unwrap();
    }
}
