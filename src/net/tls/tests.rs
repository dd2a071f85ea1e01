//! Handshakes between ends that do and do not fit.

use std::net::TcpListener;
use std::thread;

use super::*;

/// Two parties that know each other shake hands, as dialer and listener.
fn meet(dialer: &TlsConfig, listener: &TlsConfig) -> [std::result::Result<Stream, TlsError>; 2] {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let dialing = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept(socket.accept().unwrap().0, [until; 2], || ()));
        let dialed = dialer.connect(dialing, until);
        [dialed, accepting.join().unwrap()]
    })
}

fn acquaintances() -> [(Identity, Vec<Fingerprint>); 2] {
    let [a, b] = [(), ()].map(|()| Identity::generate().unwrap());
    let (of_a, of_b) = (a.fingerprint(), b.fingerprint());
    [(a, vec![of_b]), (b, vec![of_a])]
}

#[test]
fn keys_are_exchanged_by_a_post_quantum_hybrid_at_both_ends() {
    let [near, far] = acquaintances().map(|(me, known)| TlsConfig::new(&me, known).unwrap());
    for stream in meet(&near, &far) {
        let group = stream.unwrap().tls.negotiated_key_exchange_group().map(|group| group.name());
        assert_eq!(group, Some(rustls::NamedGroup::X25519MLKEM768));
    }
}

#[test]
fn an_end_that_offers_only_x25519_is_refused_as_dialer_and_as_listener() {
    let [(me, known), (old, knows)] = acquaintances();
    let ours = TlsConfig::new(&me, known).unwrap();
    let groups = vec![aws_lc_rs::kx_group::X25519];
    let provider = CryptoProvider { kx_groups: groups, ..aws_lc_rs::default_provider() };
    let theirs = TlsConfig::with(&old, knows, Arc::new(provider)).unwrap();
    for [dialed, accepted] in [meet(&ours, &theirs), meet(&theirs, &ours)] {
        assert!(dialed.is_err() && accepted.is_err());
    }
    // the control: the same end with its whole list comes through
    let [(me, known), (old, knows)] = acquaintances();
    let whole = TlsConfig::with(&old, knows, Arc::new(aws_lc_rs::default_provider())).unwrap();
    let ours = TlsConfig::new(&me, known).unwrap();
    assert!([meet(&ours, &whole), meet(&whole, &ours)].into_iter().flatten().all(|end| end.is_ok()));
}

/// A run of terabytes changes keys every 2^24 records. The answer that TLS asks for stays unsaid, as the
/// reader never writes; that must not matter.
#[test]
fn keys_change_on_the_way_unnoticed() {
    let [a, b] = acquaintances();
    let [near, far] = [&a, &b].map(|(me, known)| TlsConfig::new(me, known.clone()).unwrap());
    let [mut writing, mut reading] = meet(&near, &far).map(|end| end.unwrap());
    assert_eq!((writing.peer_key(), reading.peer_key()), (Some(b.0.fingerprint()), Some(a.0.fingerprint())));
    for round in 0..5 {
        writing.write_parts([&[round; 10], &[round; 20_000]], |_| ()).unwrap();
        let mut got = vec![0; 20_010];
        reading.read_exact(&mut got).unwrap();
        assert_eq!(got, [round; 20_010]);
        writing.tls.refresh_traffic_keys().unwrap();
    }
}
