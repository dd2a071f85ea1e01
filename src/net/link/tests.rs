//! What a link makes of peers that are late, slow, gone or wrong.

use std::net::TcpListener;
use std::time::Instant;

use super::*;
use crate::net::frame::{FrameKind, HEADER_BYTES};
use crate::net::identity::Identity;
use crate::net::tls::TlsConfig;

const HEAD: FrameHeader = FrameHeader { kind: FrameKind::Opening, session: 1, step: 2, gate: 3 };

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(60);

/// A link, and the naked streams that its peer writes to and reads from.
fn naked() -> (Link, Stream, Stream) {
    naked_with(Duration::from_secs(20))
}

/// The same with another deadline; such a peer sends no keep-alive frames.
fn naked_with(deadline: Duration) -> (Link, Stream, Stream) {
    let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let (near, far) = (TlsConfig::new(&a, vec![b.fingerprint()]), TlsConfig::new(&b, vec![a.fingerprint()]));
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
    peer.write_parts([&HEAD.encode(4 << 30), &[]], |_| ()).unwrap();
    let text = says(&mut link);
    assert!(text.contains("4294967296 bytes") && text.contains("limit is 1048576"), "{text}");
}

#[test]
fn the_limit_can_be_set() {
    let (mut link, mut peer, _reading) = naked();
    link.set_max_frame(10);
    peer.write_parts([&HEAD.encode(10), &[1; 10]], |_| ()).unwrap();
    assert_eq!(link.recv("a frame").unwrap().body, [1; 10]);
    peer.write_parts([&HEAD.encode(11), &[1; 11]], |_| ()).unwrap();
    assert!(says(&mut link).contains("the limit is 10"));
}

#[test]
fn a_frame_that_comes_before_its_limit_waits_for_it() {
    let (mut link, mut peer, _reading) = naked();
    let long = vec![7; 3 << 20];
    let sending = thread::spawn(move || {
        peer.write_parts([&HEAD.encode(1), &[1]], |_| ()).unwrap();
        peer.write_parts([&HEAD.encode(3 << 20), &long], |_| ()).unwrap();
        peer
    });
    assert_eq!(link.recv("the job").unwrap().body, [1]);
    thread::sleep(SHORT);
    link.set_max_frame(3 << 20);
    assert_eq!(link.recv("what the job allows").unwrap().body.len(), 3 << 20);
    // the next one is too long, and nobody raises the limit
    let mut peer = sending.join().unwrap();
    peer.write_parts([&HEAD.encode((3 << 20) + 1), &[]], |_| ()).unwrap();
    assert!(says(&mut link).contains("the limit is 3145728"));
}

#[test]
fn something_else_than_a_frame_is_an_error() {
    for (at, want) in [(0, "not a frame"), (4, "not a frame"), (5, "unknown kind")] {
        let (mut link, mut peer, _reading) = naked();
        let mut header = HEAD.encode(0);
        header[at] = 200;
        peer.write_parts([&header, &[]], |_| ()).unwrap();
        let text = says(&mut link);
        assert!(text.contains(want) && text.contains("same version"), "{text}");
        assert!(link.send(HEAD, vec![]).is_err());
    }
}

#[test]
fn a_body_that_stops_halfway_meets_the_deadline() {
    let (mut link, mut peer, _reading) = naked();
    link.set_deadline(SHORT);
    peer.write_parts([&HEAD.encode(1000), &[1; 400]], |_| ()).unwrap();
    let error = link.recv("the rest").unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error}");
}

#[test]
fn a_slow_body_outlives_the_deadline_while_it_moves() {
    let (mut link, mut peer, _reading) = naked();
    link.set_deadline(Duration::from_secs(1));
    let sending = thread::spawn(move || {
        peer.write_parts([&HEAD.encode(8), &[]], |_| ()).unwrap();
        for i in 0..8 {
            thread::sleep(Duration::from_millis(200));
            peer.write_parts([&[i], &[]], |_| ()).unwrap();
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
    assert!(says(&mut link).contains("connection was lost"));
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
    let head = FrameHeader { kind: FrameKind::KeepAlive, session: 0, step: 0, gate: 0 };
    [&head.encode(8)[..], &count.to_le_bytes()].concat()
}

#[test]
fn signs_of_life_are_sent_on_an_idle_link_with_the_clock_of_work() {
    let (mut link, _writing, mut reading) = naked_with(Duration::from_secs(2));
    let presence = Presence::default();
    link.attach(&presence);
    (0..5).for_each(|_| presence.pulse().beat());
    let signs = [(); 2].map(|()| Frame::read(&mut reading, |_| Ok(()), |_, _| (), LONG).unwrap().unwrap());
    assert!(signs.iter().all(|frame| frame.head.kind == FrameKind::KeepAlive));
    assert_eq!(signs[1].body, 5u64.to_le_bytes());
    assert_eq!(link.traffic(), ChannelBytes::default(), "they are not counted");
}

#[test]
fn a_clock_that_goes_back_or_beyond_all_work_is_an_error_of_that_peer() {
    for (claims, says_what) in [
        (&[5, 4][..], "claims that its work counter is at 4, after 5, which goes back"),
        (&[5, u64::MAX], "more than any work can reach"),
        (&[1 << 60], "more than any work can reach"),
        (&[0, 5, 5, 1 << 59], ""),
    ] {
        let (mut link, mut peer, _reading) = naked();
        let presence = Presence::default();
        link.attach(&presence);
        claims.iter().for_each(|count| peer.write_parts([&sign(*count), &[]], |_| ()).unwrap());
        peer.write_parts([&HEAD.encode(1), &[9]], |_| ()).unwrap();
        match link.recv("a frame") {
            Err(e) => assert!(!says_what.is_empty() && e.to_string().contains(says_what), "{claims:?}: {e}"),
            Ok(frame) => assert!(says_what.is_empty() && frame.body == [9], "{claims:?}"),
        }
        // whatever it says, others can still see that we work
        assert!(presence.pulse().count() < 1 << 59, "{claims:?}");
    }
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
                if peer.write_parts([&sign(if working { i } else { 7 }), &[]], |_| ()).is_err() {
                    return;
                }
            }
            let text = b"the work is done";
            let _ = peer.write_parts([&HEAD.encode(text.len() as u64), text], |_| ());
        });
        let heard = link.recv("its work");
        let text = heard.map_or_else(|e| e.to_string(), |frame| String::from_utf8(frame.body).unwrap());
        assert!(text.contains(want), "{text}");
        assert!(presence.pulse().count() >= 7, "what the peer knows of work is known here");
        drop(link);
        signing.join().unwrap();
    }
}

/// A peer that sends parts for ever, as far apart as this, until it is hung up on.
fn dripping(mut peer: Stream, every: Duration, part: impl Fn(u64) -> Vec<u8> + Send + 'static) -> JoinHandle<()> {
    thread::spawn(move || {
        for i in 0.. {
            if peer.write_parts([&part(i), &[]], |_| ()).is_err() {
                return;
            }
            thread::sleep(every);
        }
    })
}

/// Longer than it takes, and shorter than a test that hangs.
const MOST: Duration = Duration::from_secs(4);

#[test]
fn a_frame_that_drips_ends_the_link_although_it_moves() {
    let (mut link, peer, _reading) = naked_with(Duration::from_secs(1));
    let head = HEAD.encode(1000).to_vec();
    let part = move |i| if i == 0 { head.clone() } else { vec![1] };
    let (start, drips) = (Instant::now(), dripping(peer, Duration::from_millis(50), part));
    let text = says(&mut link);
    assert!(text.starts_with("peer: sent") && text.contains("of the 1000 bytes of a frame"), "{text}");
    assert!(start.elapsed() < MOST, "{:?}", start.elapsed());
    drop(link);
    drips.join().unwrap();
}

#[test]
fn work_that_is_claimed_for_ever_is_waited_for_as_long_as_the_phase_allows() {
    let (mut link, peer, _reading) = naked_with(Duration::from_secs(1));
    link.enter(Phase::new("a test", 2));
    let (start, claims) = (Instant::now(), dripping(peer, Duration::from_millis(50), |i| sign(i + 1)));
    let error = link.recv("its work").unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Overdue { .. }), "{text}");
    assert!(text.contains("peer kept us waiting for 2 s in a test, most recently for its work"), "{text}");
    assert!(start.elapsed() >= Duration::from_secs(2) && start.elapsed() < MOST, "{:?}", start.elapsed());
    drop(link);
    claims.join().unwrap();
}

#[test]
fn frames_that_come_slowly_share_the_time_of_a_phase_and_a_new_phase_has_its_own() {
    for anew in [false, true] {
        let (mut link, peer, _reading) = naked_with(Duration::from_secs(1));
        link.enter(Phase::new("a test", 1));
        let frame = |_| [&HEAD.encode(1)[..], &[7]].concat();
        let frames = dripping(peer, Duration::from_millis(200), frame);
        let heard = (0..15).try_for_each(|_| {
            if anew {
                link.enter(Phase::new("a test", 1));
            }
            link.recv("all of them").map(drop)
        });
        match heard {
            Ok(()) => assert!(anew, "they were waited for"),
            Err(error) => assert!(!anew && matches!(error, Error::Overdue { .. }), "{error}"),
        }
        drop(link);
        frames.join().unwrap();
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
    assert!(link.ended().unwrap().to_string().contains("sent no keep-alive for 2 s"), "{:?}", link.ended());
}

#[test]
fn a_party_that_leaves_says_so() {
    let (mut link, _writing, mut reading) = naked();
    let presence = Presence::default();
    link.attach(&presence);
    presence.leave();
    assert!(presence.has_left() && link.recv("anything").is_err());
    assert_eq!(Frame::read(&mut reading, |_| Ok(()), |_, _| (), LONG).unwrap().unwrap().head.kind, FrameKind::Goodbye);
    let (mut link, mut peer, _reading) = naked();
    let head = FrameHeader { kind: FrameKind::Goodbye, session: 0, step: 0, gate: 0 };
    peer.write_parts([&head.encode(0), &[]], |_| ()).unwrap();
    assert!(says(&mut link).contains("was stopped by its operator"));
}
