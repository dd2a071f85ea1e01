//! What a channel promises, in memory as over TLS: order, deadlines, names in errors, faults that are noticed.

use std::thread;
use std::time::Instant;

use ppdnn::error::Error;
use ppdnn::net::{Channel, ChannelBytes, Fault, Faulty, HEADER_BYTES, receive_exactly};

use crate::harness::{Boxed, LONG, SHORT, head, is_late, memory, on_both, tls};

#[test]
fn frames_arrive_in_order_and_every_byte_is_counted() {
    on_both(|mut a, mut b| {
        let sizes = [0usize, 1, 31, 32, 16_352, 16_353, 65_536, 100_001, 3_000_000];
        let mut bytes = 0;
        for (gate, size) in (0..).zip(sizes) {
            a.send(head(gate), (0..size).map(|i| (i * 7 + gate as usize) as u8).collect()).unwrap();
            bytes += (HEADER_BYTES + size) as u64;
        }
        assert_eq!(a.traffic(), ChannelBytes { sent: bytes, received: 0 });
        for (gate, size) in (0..).zip(sizes) {
            let body = receive_exactly(&mut *b, head(gate), size, "a test").unwrap();
            assert!(body.iter().enumerate().all(|(i, v)| *v == (i * 7 + gate as usize) as u8), "{size}");
        }
        a.flush().unwrap();
        assert_eq!(b.traffic(), ChannelBytes { sent: 0, received: bytes });
    });
}

#[test]
fn large_messages_both_ways_at_once_do_not_lock_up() {
    on_both(|a, b| {
        let side = |mut channel: Boxed, fill: u8, want: u8| {
            channel.set_deadline(LONG);
            channel.send(head(1), vec![fill; 64 << 20]).unwrap();
            let body = receive_exactly(&mut *channel, head(1), 64 << 20, "the large one").unwrap();
            assert!(body.iter().all(|v| *v == want));
            channel.flush().unwrap();
            channel
        };
        thread::scope(|scope| {
            let a = scope.spawn(move || side(a, 1, 2));
            let b = scope.spawn(move || side(b, 2, 1));
            let _ends = (a.join().unwrap(), b.join().unwrap());
        });
    });
}

#[test]
fn a_closing_peer_still_delivers_what_it_sent() {
    on_both(|mut a, mut b| {
        for gate in 0..3 {
            a.send(head(gate), vec![3; 1 << 20]).unwrap();
        }
        drop(a);
        for gate in 0..3 {
            receive_exactly(&mut *b, head(gate), 1 << 20, "a late one").unwrap();
        }
        let error = b.recv("one more").unwrap_err().to_string();
        assert!(error.contains("server") && error.contains("closed the connection"), "{error}");
        // The very next send fails: what recv has told of, send knows.
        let error = b.send(head(0), vec![0; 1000]).unwrap_err();
        assert!(matches!(error, Error::Peer { .. }), "{error}");
    });
}

#[test]
fn a_silent_peer_meets_the_deadline_and_is_named() {
    on_both(|mut a, _b| {
        a.set_deadline(SHORT);
        let start = Instant::now();
        let error = a.recv("the opening of gate 3").unwrap_err();
        assert!(start.elapsed() >= SHORT && start.elapsed() < LONG / 4);
        let text = error.to_string();
        assert!(is_late(&error) && text.contains("server") && text.contains("the opening of gate 3"), "{text}");
    });
}

#[test]
fn a_full_queue_meets_the_deadline() {
    on_both(|mut a, _b| {
        a.set_deadline(SHORT);
        // 64 MiB here, as much at the peer, and what the sockets hold.
        let error = (0..40).find_map(|_| a.send(head(0), vec![0; 8 << 20]).err()).unwrap();
        assert!(is_late(&error), "{error}");
    });
}

#[test]
fn another_head_or_length_names_both_places() {
    on_both(|mut a, mut b| {
        a.send(head(5), vec![1; 10]).unwrap();
        let error = receive_exactly(&mut *b, head(6), 10, "an opening").unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Desync { .. }) && text.contains("gate 5") && text.contains("gate 6"), "{text}");
        a.send(head(5), vec![1; 10]).unwrap();
        let text = receive_exactly(&mut *b, head(5), 11, "an opening").unwrap_err().to_string();
        assert!(
            text.contains("10 bytes") && text.contains("11 were expected") && text.contains("an opening"),
            "{text}"
        );
    });
}

/// Sends three frames through a fault: what the receiver gets of each.
fn through(fault: Fault, a: Boxed, b: &mut dyn Channel) -> Vec<Result<Vec<u8>, Error>> {
    let mut faulty = Faulty::new(a, fault);
    for gate in 0..3 {
        let _ = faulty.send(head(gate), vec![9; 100]);
    }
    (0..3).map(|gate| receive_exactly(b, head(gate), 100, "a faulty one")).collect()
}

#[test]
fn every_fault_is_noticed_where_the_channel_can_notice_it() {
    on_both(|a, mut b| {
        let got = through(Fault::Cut(1), a, &mut *b);
        assert!(got[0].is_ok() && matches!(got[1], Err(Error::Peer { .. })), "{got:?}");
    });
    on_both(|a, mut b| {
        let got = through(Fault::Swap(0), a, &mut *b);
        assert!(matches!(got[0], Err(Error::Desync { .. })) && matches!(got[1], Err(Error::Desync { .. })), "{got:?}");
        assert!(got[2].is_ok());
    });
    for fault in [Fault::Truncate(1, 1), Fault::Extend(1, 1)] {
        on_both(|a, mut b| {
            let got = through(fault, a, &mut *b);
            assert!(got[0].is_ok() && matches!(got[1], Err(Error::Peer { .. })) && got[2].is_ok(), "{got:?}");
        });
    }
    on_both(|a, mut b| {
        let got = through(Fault::GarbleHead(2), a, &mut *b);
        assert!(got[1].is_ok() && matches!(got[2], Err(Error::Desync { .. })), "{got:?}");
    });
    on_both(|a, mut b| {
        let got = through(Fault::Garble(1, 42), a, &mut *b);
        assert_eq!(got[1].as_ref().unwrap().iter().filter(|v| **v != 9).count(), 1);
    });
    on_both(|a, mut b| {
        b.set_deadline(SHORT);
        let mut faulty = Faulty::new(a, Fault::Stall(0));
        faulty.send(head(0), vec![1]).unwrap();
        assert!(is_late(&b.recv("nothing").unwrap_err()));
    });
}

/// Prints the time of a round both ways: `cargo test --release --test net -- --ignored --nocapture latency`.
#[test]
#[ignore = "a measurement"]
fn latency() {
    for (name, make) in [("memory", memory as fn() -> (Boxed, Boxed)), ("tls", tls)] {
        for bytes in [1_000usize, 5_000, 47_000, 470_000, 4_700_000] {
            let rounds = (200_000_000 / (bytes + 50_000)).min(2000) as u32;
            let side = move |mut channel: Boxed| {
                for gate in 0..rounds {
                    channel.send(head(gate), vec![1; bytes]).unwrap();
                    receive_exactly(&mut *channel, head(gate), bytes, "a round").unwrap();
                }
                channel
            };
            let (a, b) = make();
            let start = Instant::now();
            let ends = thread::scope(|scope| {
                let other = scope.spawn(move || side(b));
                (side(a), other.join().unwrap())
            });
            let each = start.elapsed().as_secs_f64() / f64::from(rounds);
            println!(
                "{name}: {bytes} bytes each way, {:.0} us a round, {:.2} GB/s both ways together",
                each * 1e6,
                2e-9 * bytes as f64 / each
            );
            drop(ends);
        }
    }
}
