//! TLS 1.3 with pinned keys: the only file that knows rustls.
//!
//! A peer is who holds the private key whose public half hashes (SHA-256 of the SubjectPublicKeyInfo) to the
//! cluster file's fingerprint. Names, dates and issuers of certificates are not looked at; handshake signatures
//! are checked by rustls' provider. Session tickets are off: every connection proves both keys.
//!
//! Keys are exchanged by X25519 and ML-KEM-768 together (X25519MLKEM768), and by nothing else: whoever records a
//! connection has to break both to read it later. Both ends are ours, so there is nobody to make an exception for.

use std::fmt;
use std::io::{self, BufRead, BufReader, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnection, Resumption};
use rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, ServerConnection};
use rustls::{
    CertificateError, ClientConfig, Connection, DigitallySignedStruct, DistinguishedName, OtherError, ServerConfig,
    SignatureScheme,
};

use super::identity::{Fingerprint, Identity};
use crate::error::{Error, Result};

/// How we meet others: our key, and the keys we accept.
#[derive(Clone)]
pub(super) struct Meeting {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Meeting {
    /// Shows the identity's key and accepts the keys given, no others.
    pub(super) fn new(identity: &Identity, known: Vec<Fingerprint>) -> Result<Self> {
        let provider = CryptoProvider { kx_groups: vec![KEY_EXCHANGE], ..aws_lc_rs::default_provider() };
        Self::with(identity, known, Arc::new(provider))
    }

    fn with(identity: &Identity, known: Vec<Fingerprint>, provider: Arc<CryptoProvider>) -> Result<Self> {
        let unusable =
            |e: rustls::Error| Error::Usage(format!("the identity {identity:?} cannot be used for TLS: {e}"));
        let pins = Arc::new(Pins { known, provider: provider.clone() });
        let chain = vec![CertificateDer::from(identity.certificate().to_vec())];
        let key = || PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key().to_vec()));
        let mut client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(pins.clone())
            .with_client_auth_cert(chain.clone(), key())
            .map_err(unusable)?;
        client.resumption = Resumption::disabled();
        client.enable_sni = false;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(unusable)?
            .with_client_cert_verifier(pins)
            .with_single_cert(chain, key())
            .map_err(unusable)?;
        server.send_tls13_tickets = 0;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self { client: Arc::new(client), server: Arc::new(server) })
    }

    /// Shakes hands as the one who dialed.
    pub(super) fn connect(&self, socket: TcpStream, until: Instant) -> std::result::Result<Stream, Broken> {
        let name = ServerName::try_from("ppdnn.invalid").expect("a valid name, never sent nor read");
        let tls = ClientConnection::new(self.client.clone(), name).map_err(Broken::from)?;
        Stream::new(tls.into(), socket, until).shake(until, || ())
    }

    /// Shakes hands as the one who listens: the caller's first message has to be there `first`, all of them by `until`.
    /// `spoke` is told of the first.
    pub(super) fn accept(
        &self,
        socket: TcpStream,
        [first, until]: [Instant; 2],
        spoke: impl FnOnce(),
    ) -> std::result::Result<Stream, Broken> {
        let tls = ServerConnection::new(self.server.clone()).map_err(Broken::from)?;
        Stream::new(tls.into(), socket, first).shake(until, spoke)
    }
}

/// A TLS connection, used in one direction once hands are shaken.
pub(super) struct Stream {
    tls: Connection,
    socket: BufReader<Timed>,
    /// Plain bytes that the TLS layer holds ready.
    ready: usize,
    /// The peer will send no more, or rustls refused what it sent.
    over: bool,
}

impl Stream {
    fn new(tls: Connection, socket: TcpStream, until: Instant) -> Self {
        let socket = BufReader::with_capacity(SOCKET_BUFFER, Timed { socket, until: Some(until) });
        let mut stream = Self { tls, socket, ready: 0, over: false };
        stream.tls.set_buffer_limit(Some(WRITE_PIECE));
        stream
    }

    /// Runs the handshake; `until` counts from the peer's first message on, of which `spoke` is told. On the listener's side
    /// the peer's key is known and checked when this returns; on the dialer's side the listener may still refuse ours,
    /// which the first read tells.
    fn shake(mut self, until: Instant, spoke: impl FnOnce()) -> std::result::Result<Self, Broken> {
        let mut spoke = Some(spoke);
        while self.tls.is_handshaking() {
            self.push()?;
            if self.tls.is_handshaking() {
                self.pull()?;
                if self.over {
                    return Err(Broken::Io(io::ErrorKind::UnexpectedEof.into()));
                }
            }
            if let Some(spoke) = spoke.take() {
                self.socket.get_mut().until = Some(until);
                spoke();
            }
        }
        self.push()?;
        Ok(self)
    }

    /// The key that the peer showed.
    pub(super) fn peer_key(&self) -> Option<Fingerprint> {
        fingerprint(self.tls.peer_certificates()?.first()?).ok()
    }

    /// From now on, writing waits as long as it takes, and a read as long as `silence` without a byte.
    pub(super) fn be_patient(&mut self, silence: Duration) -> io::Result<()> {
        let timed = self.socket.get_mut();
        timed.until = None;
        timed.socket.set_read_timeout(Some(silence))?;
        timed.socket.set_write_timeout(None)
    }

    /// A handle to the socket, to shut it down from another thread.
    pub(super) fn handle(&self) -> io::Result<TcpStream> {
        self.socket.get_ref().socket.try_clone()
    }

    /// Writes parts one after the other, in as few records as they fit; tells of every piece written, and its bytes.
    pub(super) fn write_parts(&mut self, mut parts: [&[u8]; 2], moved: impl Fn(usize)) -> io::Result<()> {
        while parts.iter().any(|part| !part.is_empty()) {
            let piece = self.tls.writer().write_vectored(&parts.map(IoSlice::new))?;
            let mut taken = piece;
            if taken == 0 && !self.tls.wants_write() {
                return Err(io::ErrorKind::WriteZero.into());
            }
            for part in &mut parts {
                let skip = taken.min(part.len());
                *part = &part[skip..];
                taken -= skip;
            }
            self.push()?;
            moved(piece);
        }
        Ok(())
    }

    /// Says that nothing more will be written, and closes this direction of the socket.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.tls.send_close_notify();
        self.push()?;
        self.socket.get_ref().socket.shutdown(Shutdown::Write)
    }

    /// Why an operation on this stream went wrong.
    pub(super) fn broken(error: io::Error) -> Broken {
        match error.downcast::<rustls::Error>() {
            Ok(tls) => tls.into(),
            Err(error) => Broken::Io(error),
        }
    }

    /// Writes what the TLS layer has to say.
    fn push(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            if self.tls.write_tls(self.socket.get_mut())? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Reads until there is a plain byte, a step of the handshake, or the end.
    fn pull(&mut self) -> io::Result<()> {
        let shaking = self.tls.is_handshaking();
        while self.ready == 0 && !self.over {
            let read = self.tls.read_tls(&mut self.socket)?;
            match self.tls.process_new_packets() {
                Ok(state) => {
                    self.ready = state.plaintext_bytes_to_read();
                    self.over = read == 0 || state.peer_has_closed();
                }
                Err(error) => {
                    self.over = true;
                    let _ = self.push();
                    linger(&self.socket.get_ref().socket);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
            if shaking && (self.tls.wants_write() || !self.tls.is_handshaking()) {
                break;
            }
        }
        Ok(())
    }
}

impl BufRead for Stream {
    /// Plain bytes; none after a clean close, an error after a cut.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.pull()?;
        self.tls.reader().into_first_chunk()
    }

    fn consume(&mut self, amount: usize) {
        self.ready -= amount;
        self.tls.reader().consume(amount);
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let chunk = self.fill_buf()?;
        let take = chunk.len().min(buf.len());
        buf[..take].copy_from_slice(&chunk[..take]);
        self.consume(take);
        Ok(take)
    }
}

/// Why a connection did not come about or ended.
#[derive(Debug)]
pub(super) enum Broken {
    /// The peer refused us, mostly because of our key.
    Alert(String),
    /// The socket, or a time limit.
    Io(io::Error),
    /// The peer showed a key that is not the one expected.
    Key(Fingerprint),
    /// The peer does not speak TLS 1.3 as we do.
    Tls(String),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Stream::broken(error)
    }
}

impl From<rustls::Error> for Broken {
    fn from(error: rustls::Error) -> Self {
        match error {
            rustls::Error::AlertReceived(alert) => Self::Alert(format!("{alert:?}")),
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(why))) => {
                why.downcast_ref::<NotPinned>().map_or_else(|| Self::Tls(why.to_string()), |not| Self::Key(not.0))
            }
            error => Self::Tls(error.to_string()),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(alert) => write!(f, "refused our key ({alert})"),
            Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => f.write_str("the connection broke off"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Key(key) => write!(f, "shows the unknown key {}", key.short()),
            Self::Tls(error) => write!(f, "does not speak our TLS ({error})"),
        }
    }
}

/// Closes a socket that we say no to, late enough for the peer to read why: bytes left unread would make the
/// system send a reset that overtakes the reason.
pub(super) fn linger(socket: &TcpStream) {
    let _ = socket.shutdown(Shutdown::Write);
    let until = Instant::now() + LINGER;
    let mut sink = [0; 4096];
    let mut socket = socket;
    while let left = until.saturating_duration_since(Instant::now())
        && !left.is_zero()
        && socket.set_read_timeout(Some(left)).is_ok()
        && matches!(socket.read(&mut sink), Ok(1..))
    {}
}

/// The verifier of both sides.
#[derive(Debug)]
struct Pins {
    known: Vec<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl Pins {
    fn check(&self, certificate: &CertificateDer<'_>) -> std::result::Result<(), rustls::Error> {
        let key = fingerprint(certificate)?;
        if self.known.contains(&key) {
            return Ok(());
        }
        Err(CertificateError::Other(OtherError(Arc::new(NotPinned(key)))).into())
    }

    fn signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }
}

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        self.check(end_entity).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not offered".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Pins {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> std::result::Result<ClientCertVerified, rustls::Error> {
        self.check(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        ServerCertVerifier::verify_tls12_signature(self, message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ServerCertVerifier::supported_verify_schemes(self)
    }
}

/// The peer's key is none that we accept.
#[derive(Debug, thiserror::Error)]
#[error("the key {} is not in the cluster file", .0.short())]
struct NotPinned(Fingerprint);

fn fingerprint(certificate: &CertificateDer<'_>) -> std::result::Result<Fingerprint, rustls::Error> {
    let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
    Ok(Fingerprint::of(&key))
}

/// Unix says of a timeout that the call would block, which tells a reader nothing.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

/// Makes a call again that a signal interrupted: a process that was stopped and goes on has lost nothing.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map_err(timed_out),
        }
    }
}

/// A socket whose calls end at a moment, however slowly the peer drips.
struct Timed {
    socket: TcpStream,
    until: Option<Instant>,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.until.map(|until| until.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(left) = self.left()? {
            self.socket.set_read_timeout(Some(left))?;
        }
        uninterrupted(|| self.socket.read(buf))
    }
}

impl Write for Timed {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        if let Some(left) = self.left()? {
            self.socket.set_write_timeout(Some(left))?;
        }
        uninterrupted(|| self.socket.write_vectored(bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The key exchange of every connection.
const KEY_EXCHANGE: &dyn SupportedKxGroup = X25519MLKEM768;
// From 32 to 256 KiB either way, rounds of 5 to 4700 kB on loopback take the same time within noise.
const SOCKET_BUFFER: usize = 128 << 10;
const WRITE_PIECE: usize = 64 << 10;
const LINGER: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Two parties that know each other shake hands, as dialer and listener.
    fn meet(dialer: &Meeting, listener: &Meeting) -> [std::result::Result<Stream, Broken>; 2] {
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
        let [near, far] = acquaintances().map(|(me, known)| Meeting::new(&me, known).unwrap());
        for stream in meet(&near, &far) {
            let group = stream.unwrap().tls.negotiated_key_exchange_group().map(|group| group.name());
            assert_eq!(group, Some(rustls::NamedGroup::X25519MLKEM768));
        }
    }

    #[test]
    fn an_end_that_offers_only_x25519_is_refused_as_dialer_and_as_listener() {
        let [(me, known), (old, knows)] = acquaintances();
        let ours = Meeting::new(&me, known).unwrap();
        let groups = vec![aws_lc_rs::kx_group::X25519];
        let provider = CryptoProvider { kx_groups: groups, ..aws_lc_rs::default_provider() };
        let theirs = Meeting::with(&old, knows, Arc::new(provider)).unwrap();
        for [dialed, accepted] in [meet(&ours, &theirs), meet(&theirs, &ours)] {
            assert!(dialed.is_err() && accepted.is_err());
        }
        // the control: the same end with its whole list comes through
        let [(me, known), (old, knows)] = acquaintances();
        let whole = Meeting::with(&old, knows, Arc::new(aws_lc_rs::default_provider())).unwrap();
        let ours = Meeting::new(&me, known).unwrap();
        assert!([meet(&ours, &whole), meet(&whole, &ours)].into_iter().flatten().all(|end| end.is_ok()));
    }

    /// A run of terabytes changes keys every 2^24 records. The answer that TLS asks for stays unsaid, as the
    /// reader never writes; that must not matter.
    #[test]
    fn keys_change_on_the_way_unnoticed() {
        let [a, b] = acquaintances();
        let [near, far] = [&a, &b].map(|(me, known)| Meeting::new(me, known.clone()).unwrap());
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
}
