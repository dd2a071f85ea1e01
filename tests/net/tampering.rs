//! Bytes that are changed on the way, and parties whose keys the cluster file does not list.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use ppdnn::net::{Channel, Cluster, Identity, Listener, Role, dial, receive_exactly};

use crate::harness::{LONG, S0, S1, SHORT, head, listening};

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
    for (cut, want) in [(false, "do not decrypt"), (true, "connection was lost")] {
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
    assert!(error.contains(&format!("presents key {}", shown.short())), "{error}");
    assert!(error.contains(&format!("cluster file lists {}", expected.short())), "{error}");
    let error = listener.wait(S1, "its call", 4 * SHORT).err().unwrap().to_string();
    assert!(error.contains("server 1") && error.contains(&format!("refused our key {}", shown.short())), "{error}");
}

#[test]
fn a_caller_with_another_key_is_refused_with_the_reason() {
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
