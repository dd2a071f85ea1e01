//! Who calls a listener, and when: strangers, parties that come twice, late or never.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ppdnn::error::Error;
use ppdnn::net::{Channel, Listener, Role, dial, receive_exactly};

use crate::harness::{LONG, S0, S1, SHORT, World, head, is_late, listening};

#[test]
fn strangers_garbage_and_half_open_calls_disturb_nobody() {
    let (world, listener) = listening();
    let mut before = world.dial_as(Role::Dealer).unwrap();
    let mut dealer = listener.wait(Role::Dealer, "its call", LONG).unwrap();
    let mut open = Vec::new();
    for i in 0..40usize {
        let mut socket = TcpStream::connect(listener.local_addr()).unwrap();
        match i % 4 {
            0 => drop(socket.write_all(&[i as u8; 300])),
            1 => drop(socket.write_all(b"GET / HTTP/1.1\r\n\r\n")),
            2 => drop(socket.write_all(&[22, 3, 1, 2, 0, 1, 0])),
            _ => {}
        }
        if i % 8 < 4 {
            open.push(socket);
        }
    }
    let mut sender = world.dial_as(Role::Owner(1)).unwrap();
    let mut owner = listener.wait(Role::Owner(1), "its call", LONG).unwrap();
    sender.send(head(1), vec![1]).unwrap();
    receive_exactly(&mut owner, head(1), 1, "a byte").unwrap();
    before.send(head(2), vec![1]).unwrap();
    receive_exactly(&mut dealer, head(2), 1, "a byte").unwrap();
}

/// How many connections a test may open: files that the system lets this process have, less those that others need.
fn connections_of_a_test() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|l| l.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok());
    files.unwrap_or(1024usize).saturating_sub(400).min(1000)
}

#[test]
fn idle_strangers_from_a_partys_own_address_do_not_keep_it_out() {
    let (world, listener) = listening();
    let address = listener.local_addr();
    let stop = AtomicBool::new(false);
    let idle: Vec<_> = (0..connections_of_a_test()).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert!(idle.len() > 500, "{}", idle.len());
    thread::scope(|scope| {
        // who was hung up on calls again at once
        scope.spawn(|| {
            let mut again = std::collections::VecDeque::new();
            while !stop.load(Ordering::SeqCst) {
                again.extend(TcpStream::connect(address));
                thread::sleep(Duration::from_millis(2));
                if again.len() > 100 {
                    again.pop_front();
                }
            }
        });
        for role in [S1, Role::Dealer, Role::Owner(0), Role::Owner(1)] {
            let mut sender = world.dial_as(role).unwrap();
            let mut receiver = listener.wait(role, "its call", LONG).unwrap();
            sender.send(head(1), vec![1; 1000]).unwrap();
            receive_exactly(&mut receiver, head(1), 1000, "its bytes").unwrap();
        }
        stop.store(true, Ordering::SeqCst);
    });
    drop(idle);
}

#[test]
fn a_caller_that_says_nothing_is_hung_up_on_after_a_second() {
    let (_world, listener) = listening();
    let mut silent = TcpStream::connect(listener.local_addr()).unwrap();
    silent.set_read_timeout(Some(LONG)).unwrap();
    let start = Instant::now();
    assert_eq!(silent.read(&mut [0; 1]).unwrap(), 0);
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[test]
fn a_party_that_is_already_connected_gets_an_error_until_its_link_is_gone() {
    let (world, listener) = listening();
    let mut first = world.dial_as(S1).unwrap();
    let mut kept = listener.wait(S1, "its call", LONG).unwrap();
    for role in [S1, S1] {
        let error = world.dial_as(role).err().unwrap();
        assert!(matches!(error, Error::Busy { .. }) && error.to_string().contains("already has server 1"), "{error}");
    }
    first.send(head(3), vec![3]).unwrap();
    receive_exactly(&mut kept, head(3), 1, "a byte").unwrap();
    drop(first);
    let start = Instant::now();
    let again = std::iter::from_fn(|| (start.elapsed() < LONG).then(|| world.dial_as(S1).ok())).flatten().next();
    assert!(again.is_some(), "it may call again");
}

#[test]
fn a_port_in_use_is_named() {
    let (world, listener) = listening();
    let address = listener.local_addr().to_string();
    let error = Listener::bind(&address, S0, world.identity(S0), &world.cluster()).err().unwrap().to_string();
    assert!(error.contains(&address) && error.contains("another program listens there"), "{error}");
}

#[test]
fn a_dropped_listener_frees_its_port_and_its_links_live_on() {
    let (world, listener) = listening();
    let mut dialed = world.dial_as(S1).unwrap();
    let mut answered = listener.wait(S1, "its call", LONG).unwrap();
    let address = listener.local_addr();
    drop(listener);
    assert!(TcpStream::connect(address).is_err());
    dialed.send(head(1), vec![1]).unwrap();
    receive_exactly(&mut answered, head(1), 1, "a byte").unwrap();
    let start = Instant::now();
    let error = dial(S0, S1, world.identity(S1), &world.cluster(), SHORT).err().unwrap().to_string();
    assert!(error.contains(&format!("server 0 at {address}")) && error.contains("could not be reached"), "{error}");
    assert!(start.elapsed() >= SHORT && start.elapsed() < LONG / 4);
}

#[test]
fn a_dialer_waits_for_a_listener_that_starts_later() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let world = World::new(port);
    thread::scope(|scope| {
        let calling = scope.spawn(|| dial(S0, S1, world.identity(S1), &world.cluster(), LONG));
        thread::sleep(SHORT);
        let address = format!("127.0.0.1:{port}");
        let listener = Listener::bind(&address, S0, world.identity(S0), &world.cluster()).unwrap();
        listener.wait(S1, "its call", LONG).unwrap();
        calling.join().unwrap().unwrap();
    });
}

#[test]
fn nobody_calling_meets_the_deadline() {
    let (_world, listener) = listening();
    let error = listener.wait(Role::Owner(0), "its rows", SHORT).err().unwrap();
    let text = error.to_string();
    assert!(is_late(&error) && text.contains("owner 0") && text.contains("its rows"), "{text}");
}

#[test]
fn many_links_at_once_come_to_the_right_roles() {
    let (world, listener) = listening();
    let roles = [S1, Role::Dealer, Role::Trainer, Role::Owner(0), Role::Owner(1)];
    thread::scope(|scope| {
        for (gate, role) in (0..).zip(roles) {
            let world = &world;
            scope.spawn(move || {
                let mut link = dial(S0, role, world.identity(role), &world.cluster(), LONG).unwrap();
                link.send(head(gate), vec![1; 5]).unwrap();
            });
        }
        for (gate, role) in (0..5).zip(roles).rev() {
            let mut link = listener.wait(role, "its call", LONG).unwrap();
            receive_exactly(&mut link, head(gate), 5, "its number").unwrap();
        }
    });
}
