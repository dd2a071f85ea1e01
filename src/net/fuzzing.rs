//! What arrives over the network, as fuzz targets.

use std::io::{self, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::fingerprint::Fingerprint;
use super::frame::Frame;
use super::hello::{Hello, read_reply};
use super::identity::Identity;
use super::known_parties::KnownParties;
use super::party_entry::PartyEntry;
use super::role::Role;
use super::tls::{Stream, TlsConfig};
use crate::input;

/// The frames of a connection, one after the other; what is read has to be what would be written.
pub fn frames(bytes: &[u8]) {
    for buffer in [7, 1 << 16] {
        let mut from = BufReader::with_capacity(buffer, bytes);
        let mut written = Vec::new();
        while let Ok(Some(frame)) = Frame::read(
            &mut from,
            |len| if len <= MOST_BODY { Ok(()) } else { Err(MOST_BODY) },
            |_, _| (),
            Duration::MAX,
        ) {
            written.extend(frame.head.encode(frame.body.len() as u64));
            written.extend(frame.body);
        }
        assert!(bytes.starts_with(&written), "a frame is not what was sent");
    }
}

/// A caller's hello, and a listener's reply.
pub fn greeting(bytes: &[u8]) {
    let _ = Hello::hear(&mut &*bytes);
    let _ = read_reply(&mut &*bytes);
}

/// Bytes in place of a TLS handshake, first from a caller, then from whom we call.
pub fn handshake(bytes: &[u8]) {
    let until = Instant::now() + Duration::from_secs(5);
    let accepts = |socket| TLS_CONFIG.accept(socket, [until; 2], || ());
    let dials = |socket| TLS_CONFIG.connect(socket, until);
    assert!(said(bytes, accepts).or(said(bytes, dials)).is_none(), "a peer was let in without a key");
}

/// A cluster file, or a party's; what is read comes back once it is written, and another party enters it or leaves it as it was.
pub(crate) fn cluster(path: &Path) {
    let text = input::read_text(path, 1 << 20).unwrap_or_default();
    if let Ok(party) = PartyEntry::read(&text) {
        assert_eq!(PartyEntry::read(&party.to_text()), Ok(party), "a party is not what was written");
    }
    if let Ok(before) = KnownParties::read(&text) {
        let role = Role::Owner(1);
        let key = Fingerprint::parse(&"5a".repeat(32)).expect("64 digits");
        let new = PartyEntry { role, address: None, key, seal: None, rows: [Some(7), None] };
        let mut after = before.clone();
        match after.trust(&new, true) {
            Ok(_) => assert_eq!(after.entry(role).map(|entry| entry.key), Some(key)),
            Err(_) => assert_eq!(after, before, "a party that is refused leaves something behind"),
        }
    }
    if let Ok(cluster) = Cluster::load(path) {
        cluster.save(path).expect("a cluster can be written");
        assert_eq!(Cluster::load(path).expect("a cluster that was written can be read"), cluster);
    }
}

/// What a side of a handshake makes of a peer that says this, and nothing more.
fn said<E>(bytes: &[u8], shake: impl FnOnce(TcpStream) -> Result<Stream, E>) -> Option<Stream> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut peer = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection to ourselves");
    let (socket, _) = listener.accept().expect("a connection to ourselves");
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = peer.write_all(bytes).and_then(|()| peer.shutdown(Shutdown::Write));
            // takes what is answered, as a peer would
            let _ = io::copy(&mut peer, &mut io::sink());
        });
        shake(socket).ok()
    })
}

/// Keys that the bytes cannot have.
static TLS_CONFIG: LazyLock<TlsConfig> = LazyLock::new(|| {
    let [ours, theirs] = [(), ()].map(|()| Identity::generate().expect("an identity"));
    TlsConfig::new(&ours, vec![theirs.fingerprint()]).expect("an identity that was just made is one for TLS")
});

/// Bytes of a frame.
const MOST_BODY: u64 = 1 << 24;

/// Initial inputs.
#[cfg(test)]
pub(crate) mod seeds {
    use std::io::Read;

    use super::super::frame::PROTOCOL;
    use super::super::frame::{FrameHeader, FrameKind};
    use super::*;

    /// Two frames, one after the other.
    pub(crate) fn two_frames() -> Vec<u8> {
        let head = |kind, gate| FrameHeader { kind, session: 7, step: 2, gate };
        let mut bytes = head(FrameKind::Control, 0).encode(5).to_vec();
        bytes.extend([1, 2, 3, 4, 5]);
        bytes.extend(head(FrameKind::Opening, 9).encode(0));
        bytes
    }

    /// A hello from a trainer to server 0.
    pub(crate) fn hello() -> Vec<u8> {
        let roles = [Role::Trainer.encode(), Role::Server(0).encode()].concat();
        let release = env!("CARGO_PKG_VERSION").as_bytes();
        let length = u8::try_from(release.len()).expect("a short version");
        [GREETING, &PROTOCOL.to_le_bytes(), &[length], release, &[0, 1], &roles, &[7; 16]].concat()
    }

    /// A reply to it.
    pub(crate) fn welcome() -> Vec<u8> {
        [GREETING, &PROTOCOL.to_le_bytes(), &[1, 0, 0]].concat()
    }

    /// Another one.
    pub(crate) fn refusal() -> Vec<u8> {
        [GREETING, &PROTOCOL.to_le_bytes(), &[0, 2, 0], b"no"].concat()
    }

    /// What a caller begins a handshake with.
    pub(crate) fn client_hello() -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let socket =
            TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection to ourselves");
        let (mut peer, _) = listener.accept().expect("a connection to ourselves");
        let caller = thread::spawn(|| TLS_CONFIG.connect(socket, Instant::now() + Duration::from_secs(5)).is_ok());
        let mut bytes = vec![0; 1 << 14];
        let header =
            peer.read_exact(&mut bytes[..5]).map(|()| 5 + usize::from(u16::from_be_bytes([bytes[3], bytes[4]])));
        let record = header.expect("a caller speaks first");
        bytes.truncate(record);
        peer.read_exact(&mut bytes[5..]).expect("a whole record");
        drop(peer);
        assert!(!caller.join().expect("a caller"), "the handshake did not end");
        bytes
    }

    /// A cluster file of three owners, with all that may be in one.
    pub(crate) fn cluster_text() -> String {
        let key = |n: u8| format!("{n:02x}").repeat(32);
        let post = |name, n| format!("[{name}]\naddress = \"127.0.0.1:710{n}\"\nkey = \"{}\"\n", key(n));
        let posts = [post("server0", 0), post("server1", 1), post("dealer", 2)].concat();
        let owner = |n| format!("[[owners]]\nkey = \"{}\"\ntrain_rows = 30\ntest_rows = 5\n", key(n));
        let owners: String = (5..8).map(owner).collect();
        format!("deadline_seconds = 9\n{posts}[trainer]\nkey = \"{}\"\nseal = \"{}\"\n{owners}", key(3), key(4))
    }

    const GREETING: &[u8] = b"ppdnn hi";
}
