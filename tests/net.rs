//! Channels in memory and over TLS on loopback: the same promises, and all that can go wrong.

#![expect(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may stop at anything unexpected, says which channel it ran over, and fills bytes from counters"
)]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ppdnn::error::Error;
use ppdnn::net::{
    Channel, Cluster, Fault, Faulty, HEADER_BYTES, Head, Identity, Kind, Link, Listener, OwnerEntry, Parts, Post, Role,
    Traffic, TrainerEntry, dial, pair, receive_exactly,
};

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);
const S0: Role = Role::Server(0);
const S1: Role = Role::Server(1);

type Boxed = Box<dyn Channel>;

fn head(gate: u32) -> Head {
    Head { kind: Kind::Opening, session: 0xabc, step: 4, gate }
}

/// The identities and the cluster of two servers, a dealer, a trainer and two owners.
struct World {
    identities: Vec<(Role, Identity)>,
    parts: Parts,
}

impl World {
    /// Server 0 listens at the port given; the others' ports are never used.
    fn new(port: u16) -> Self {
        let roles = [S0, S1, Role::Dealer, Role::Trainer, Role::Owner(0), Role::Owner(1)];
        let identities: Vec<_> = roles.into_iter().map(|role| (role, Identity::generate().unwrap())).collect();
        let post =
            |i: usize, port: u16| Post { address: format!("127.0.0.1:{port}"), key: identities[i].1.fingerprint() };
        let owner = |i: usize| OwnerEntry { key: identities[i].1.fingerprint(), train_rows: None, test_rows: Some(3) };
        let parts = Parts {
            servers: [post(0, port), post(1, 1)],
            dealer: post(2, 2),
            trainer: TrainerEntry { key: identities[3].1.fingerprint(), seal: identities[3].1.sealing_key() },
            owners: vec![owner(4), owner(5)],
            deadline: Duration::from_secs(9),
        };
        Self { identities, parts }
    }

    fn cluster(&self) -> Cluster {
        Cluster::new(self.parts.clone()).unwrap()
    }

    fn identity(&self, role: Role) -> &Identity {
        &self.identities.iter().find(|(r, _)| *r == role).unwrap().1
    }

    fn dial_as(&self, me: Role) -> Result<Link, Error> {
        dial(S0, me, self.identity(me), &self.cluster(), LONG)
    }
}

/// A world whose server 0 listens.
fn listening() -> (World, Listener) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::new(socket.local_addr().unwrap().port());
    let listener = Listener::bind_std(socket, S0, world.identity(S0), &world.cluster()).unwrap();
    (world, listener)
}

fn tls() -> (Boxed, Boxed) {
    let (world, listener) = listening();
    let dialed = world.dial_as(S1).unwrap();
    let answered = listener.wait(S1, "its call", LONG).unwrap();
    assert_eq!(dialed.peer(), format!("server 0 at {}", listener.local_addr()));
    assert!(answered.peer().starts_with("server 1 at 127.0.0.1:"));
    (Box::new(dialed), Box::new(answered))
}

fn memory() -> (Boxed, Boxed) {
    let (a, b) = pair("server 0 at home", "server 1 at home");
    assert_eq!((a.peer(), b.peer()), ("server 1 at home", "server 0 at home"));
    (Box::new(a), Box::new(b))
}

/// One body for both kinds of channel.
fn on_both(body: impl Fn(Boxed, Boxed)) {
    for (name, make) in [("memory", memory as fn() -> (Boxed, Boxed)), ("tls", tls)] {
        println!("over {name}");
        let (mut a, mut b) = make();
        a.set_deadline(LONG);
        b.set_deadline(LONG);
        [&mut a, &mut b].into_iter().for_each(|end| end.set_max_frame(1 << 30));
        body(a, b);
    }
}

fn is_late(error: &Error) -> bool {
    matches!(error, Error::Deadline { .. })
}

#[test]
fn frames_arrive_in_order_and_every_byte_is_counted() {
    on_both(|mut a, mut b| {
        let sizes = [0usize, 1, 31, 32, 16_352, 16_353, 65_536, 100_001, 3_000_000];
        let mut bytes = 0;
        for (gate, size) in (0..).zip(sizes) {
            a.send(head(gate), (0..size).map(|i| (i * 7 + gate as usize) as u8).collect()).unwrap();
            bytes += (HEADER_BYTES + size) as u64;
        }
        assert_eq!(a.traffic(), Traffic { sent: bytes, received: 0 });
        for (gate, size) in (0..).zip(sizes) {
            let body = receive_exactly(&mut *b, head(gate), size, "a test").unwrap();
            assert!(body.iter().enumerate().all(|(i, v)| *v == (i * 7 + gate as usize) as u8), "{size}");
        }
        a.flush().unwrap();
        assert_eq!(b.traffic(), Traffic { sent: 0, received: bytes });
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
        assert!(text.contains("10 bytes") && text.contains("expect 11") && text.contains("an opening"), "{text}");
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

/// Relays connections to a port; of the one given, flips a bit or cuts after so many bytes to the listener.
fn meddler(to: u16, connection: usize, after: usize, cut: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for (i, near) in listener.incoming().enumerate() {
            let (Ok(near), Ok(far)) = (near, TcpStream::connect(("127.0.0.1", to))) else { return };
            let (back_from, back_to) = (far.try_clone().unwrap(), near.try_clone().unwrap());
            thread::spawn(move || relay(near, far, (i == connection).then_some((after, cut))));
            thread::spawn(move || relay(back_from, back_to, None));
        }
    });
    port
}

fn relay(mut from: TcpStream, mut to: TcpStream, meddle: Option<(usize, bool)>) {
    let (mut buf, mut done) = ([0; 4096], 0);
    while let Ok(n @ 1..) = from.read(&mut buf) {
        if let Some((after, cut)) = meddle
            && (done..done + n).contains(&after)
        {
            buf[after - done] ^= 4;
            if cut {
                break;
            }
        }
        done += n;
        if to.write_all(&buf[..n]).is_err() {
            break;
        }
    }
    let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}

#[test]
fn bytes_changed_or_cut_on_the_way_are_noticed_and_the_frames_before_are_kept() {
    for (cut, want) in [(false, "do not decrypt"), (true, "broke off")] {
        let (world, listener) = listening();
        let port = meddler(listener.local_addr().port(), 0, 50_000, cut);
        let mut parts = world.parts.clone();
        parts.servers[0].address = format!("127.0.0.1:{port}");
        let mut sender = dial(S0, S1, world.identity(S1), &Cluster::new(parts).unwrap(), LONG).unwrap();
        let mut receiver = listener.wait(S1, "its call", LONG).unwrap();
        receiver.set_deadline(LONG);
        for gate in 0..10 {
            let _ = sender.send(head(gate), vec![6; 10_000]);
        }
        for gate in 0..4 {
            receive_exactly(&mut receiver, head(gate), 10_000, "a frame before").unwrap();
        }
        let text = receiver.recv("a changed frame").unwrap_err().to_string();
        assert!(text.starts_with("server 1 at") && text.contains(want), "{text}");
    }
}

#[test]
fn a_listener_with_another_key_is_refused_and_both_keys_are_named() {
    let (world, listener) = listening();
    let mut parts = world.parts.clone();
    let expected = Identity::generate().unwrap().fingerprint();
    parts.servers[0].key = expected;
    let error = dial(S0, S1, world.identity(S1), &Cluster::new(parts).unwrap(), LONG).err().unwrap().to_string();
    let shown = world.identity(S0).fingerprint();
    assert!(error.contains(&format!("server 0 at {}", listener.local_addr())), "{error}");
    assert!(error.contains(&format!("shows key {}", shown.short())), "{error}");
    assert!(error.contains(&format!("cluster file says {}", expected.short())), "{error}");
    let error = listener.wait(S1, "its call", 4 * SHORT).err().unwrap().to_string();
    assert!(error.contains("server 1") && error.contains(&format!("refused our key {}", shown.short())), "{error}");
}

#[test]
fn a_caller_with_another_key_is_refused_and_told_so() {
    let (world, listener) = listening();
    let stranger = Identity::generate().unwrap();
    let mut parts = world.parts.clone();
    parts.servers[1].key = stranger.fingerprint();
    let error = dial(S0, S1, &stranger, &Cluster::new(parts).unwrap(), LONG).err().unwrap().to_string();
    assert!(error.contains("refuses our key") && error.contains(&stranger.fingerprint().short()), "{error}");
    let error = listener.wait(S1, "its call", 4 * SHORT).err().unwrap().to_string();
    assert!(error.contains("server 1") && error.contains(&stranger.fingerprint().short()), "{error}");
    assert!(error.contains("not in the cluster file"), "{error}");
}

#[test]
fn an_identity_that_the_cluster_file_does_not_know_is_a_usage_error() {
    let (world, _listener) = listening();
    let error = dial(S0, Role::Dealer, world.identity(S1), &world.cluster(), SHORT).err().unwrap();
    assert!(error.is_usage() && error.to_string().contains("dealer"), "{error}");
    let error = Listener::bind("127.0.0.1:0", Role::Dealer, world.identity(S1), &world.cluster()).err().unwrap();
    assert!(error.is_usage() && error.to_string().contains("dealer"), "{error}");
    let error = dial(Role::Trainer, S1, world.identity(S1), &world.cluster(), SHORT).err().unwrap();
    assert!(error.is_usage() && error.to_string().contains("no address for trainer"), "{error}");
}

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
fn a_party_that_is_here_already_is_told_so_until_its_link_is_gone() {
    let (world, listener) = listening();
    let mut first = world.dial_as(S1).unwrap();
    let mut kept = listener.wait(S1, "its call", LONG).unwrap();
    for role in [S1, S1] {
        let error = world.dial_as(role).err().unwrap();
        assert!(matches!(error, Error::Busy { .. }) && error.to_string().contains("has server 1 already"), "{error}");
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

#[test]
fn a_cluster_file_comes_back_and_every_mistake_says_where_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.toml");
    let world = World::new(7100);
    world.cluster().save(&path).unwrap();
    assert_eq!(Cluster::load(&path).unwrap(), world.cluster());
    let good = std::fs::read_to_string(&path).unwrap();
    let key = |role| world.identity(role).fingerprint().to_string();
    let cases: [(String, String, &[&str]); 11] = [
        (key(S1), "xyz".into(), &["line 10", "server 1", "`key`", "0-9"]),
        (key(S1), key(S1)[1..].into(), &["server 1", "odd number"]),
        (key(S1), key(S1)[2..].into(), &["server 1", "62 digits", "64"]),
        (key(S1), key(Role::Owner(0)), &["owner 0", "also the key of server 1"]),
        ("[dealer]".into(), "[deeler]".into(), &["deeler", "line", "sections are"]),
        ("[dealer]\n".into(), "[dealer]\nport = 3\n".into(), &["port", "line"]),
        ("127.0.0.1:7100".into(), "127.0.0.1".into(), &["server 0", "`address`", "host and a port"]),
        ("127.0.0.1:7100".into(), "127.0.0.1:70000".into(), &["server 0", "`address`", "host and a port"]),
        ("127.0.0.1:7100".into(), "127.0.0.1:1".into(), &["also the address of server 0"]),
        (world.identity(Role::Trainer).sealing_key().to_string(), "00".into(), &["trainer", "`seal`", "64"]),
        ("deadline_seconds = 9".into(), "deadline_seconds = 0".into(), &["deadline_seconds", "at least 1"]),
    ];
    for (old, new, wants) in cases {
        assert!(good.contains(&old), "{old}");
        std::fs::write(&path, good.replacen(&old, &new, 1)).unwrap();
        let error = Cluster::load(&path).unwrap_err().to_string();
        assert!(error.contains("cluster.toml"), "{error}");
        assert!(wants.iter().all(|want| error.contains(want)), "{wants:?} in {error}");
    }
    std::fs::write(&path, &good[..good.find("[[owners]]").unwrap()]).unwrap();
    assert!(Cluster::load(&path).unwrap_err().to_string().contains("[[owners]]"));
    std::fs::write(&path, &good[good.find("[server1]").unwrap()..]).unwrap();
    assert!(Cluster::load(&path).unwrap_err().to_string().contains("server0"));
    let missing = Cluster::load(&PathBuf::from("/nowhere/cluster.toml")).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/cluster.toml"), "{missing}");
}

#[test]
fn an_identity_comes_back_and_is_never_overwritten_nor_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("me.toml");
    let identity = Identity::generate().unwrap();
    identity.save(&path).unwrap();
    let again = Identity::load(&path).unwrap();
    assert_eq!(again.fingerprint(), identity.fingerprint());
    assert_eq!(again.sealing_key(), identity.sealing_key());
    assert!(identity.save(&path).is_err());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# An identity of ppdnn. PRIVATE"));
    assert_eq!(format!("{identity:?}"), format!("Identity({})", identity.fingerprint()));
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777, 0o600);
    #[cfg(unix)]
    for mode in [0o640, 0o604, 0o660, 0o601, 0o644] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let error = Identity::load(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("mode {mode:o}")) && error.contains("`chmod 600 "), "{error}");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        Identity::load(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    let other = Identity::generate().unwrap().fingerprint().to_string();
    let mistakes = [
        (text.replace(&identity.fingerprint().to_string(), &other), "`fingerprint`"),
        (text.replace("key = \"30", "key = \"31"), "`key`"),
        (text.replace("seal = \"", "seal = \"00"), "`seal`"),
        (text.replace("seal = ", "sael = "), "not an identity"),
    ];
    for (text, want) in mistakes {
        std::fs::write(&path, &text).unwrap();
        let error = Identity::load(&path).unwrap_err().to_string();
        assert!(error.contains("me.toml") && error.contains(want), "{error}");
        assert!(!error.contains("30"), "quotes the secret: {error}");
    }
}

#[test]
fn sealed_bytes_open_for_their_holder_and_label_only_and_only_unchanged() {
    let trainer = Identity::generate().unwrap();
    let sealed = trainer.sealing_key().seal(b"model", b"a share").unwrap();
    assert_eq!(*trainer.unseal(b"model", &sealed).unwrap(), b"a share");
    assert_ne!(sealed, trainer.sealing_key().seal(b"model", b"a share").unwrap());
    assert!(trainer.unseal(b"modem", &sealed).is_err());
    assert!(Identity::generate().unwrap().unseal(b"model", &sealed).is_err());
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(trainer.unseal(b"model", &changed).is_err(), "byte {at}");
        assert!(trainer.unseal(b"model", &sealed[..at]).is_err(), "cut at {at}");
    }
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
