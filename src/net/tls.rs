//! TLS 1.3 with pinned keys: the only module that knows rustls.
//!
//! A peer is who holds the private key whose public half hashes (SHA-256 of the SubjectPublicKeyInfo) to the
//! cluster file's fingerprint. Names, dates and issuers of certificates are not looked at; handshake signatures
//! are checked by rustls' provider. Session tickets are off: every connection proves both keys.
//!
//! Keys are exchanged by X25519 and ML-KEM-768 together (X25519MLKEM768), and by nothing else: whoever records a
//! connection has to break both to read it later. Both ends are ours, so there is nobody to make an exception for.

mod pinned_keys;

use std::fmt;
use std::io::{self, BufRead, BufReader, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::{ClientConnection, Resumption};
use rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, ServerConnection};
use rustls::{CertificateError, ClientConfig, Connection, OtherError, ServerConfig};

use self::pinned_keys::{NotPinned, PinnedKeys, fingerprint};
use super::fingerprint::Fingerprint;
use super::identity::Identity;
use super::timed_socket::TimedSocket;
use crate::error::{Error, Result};

/// How we meet others: our key, and the keys we accept.
#[derive(Clone)]
pub(super) struct TlsConfig {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl TlsConfig {
    /// Shows the identity's key and accepts the keys given, no others.
    pub(super) fn new(identity: &Identity, known: Vec<Fingerprint>) -> Result<Self> {
        let provider = CryptoProvider { kx_groups: vec![KEY_EXCHANGE], ..aws_lc_rs::default_provider() };
        Self::with(identity, known, Arc::new(provider))
    }

    fn with(identity: &Identity, known: Vec<Fingerprint>, provider: Arc<CryptoProvider>) -> Result<Self> {
        let unusable =
            |e: rustls::Error| Error::Usage(format!("the identity {identity:?} cannot be used for TLS: {e}"));
        let pins = Arc::new(PinnedKeys { known, provider: provider.clone() });
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
    pub(super) fn connect(&self, socket: TcpStream, until: Instant) -> std::result::Result<Stream, TlsError> {
        let name = ServerName::try_from("ppdnn.invalid").expect("a valid name, never sent nor read");
        let tls = ClientConnection::new(self.client.clone(), name).map_err(TlsError::from)?;
        Stream::new(tls.into(), socket, until).handshake(until, || ())
    }

    /// Shakes hands as the one who listens: the caller's first message has to be there `first`, all of them by `until`.
    /// `spoke` is told of the first.
    pub(super) fn accept(
        &self,
        socket: TcpStream,
        [first, until]: [Instant; 2],
        spoke: impl FnOnce(),
    ) -> std::result::Result<Stream, TlsError> {
        let tls = ServerConnection::new(self.server.clone()).map_err(TlsError::from)?;
        Stream::new(tls.into(), socket, first).handshake(until, spoke)
    }
}

/// A TLS connection, used in one direction once hands are shaken.
pub(super) struct Stream {
    tls: Connection,
    socket: BufReader<TimedSocket>,
    /// Plain bytes that the TLS layer holds ready.
    ready: usize,
    /// The peer will send no more, or rustls refused what it sent.
    over: bool,
}

impl Stream {
    fn new(tls: Connection, socket: TcpStream, until: Instant) -> Self {
        let socket = BufReader::with_capacity(SOCKET_BUFFER, TimedSocket { socket, until: Some(until) });
        let mut stream = Self { tls, socket, ready: 0, over: false };
        stream.tls.set_buffer_limit(Some(WRITE_PIECE));
        stream
    }

    /// Runs the handshake; `until` counts from the peer's first message on, of which `spoke` is told. On the listener's side
    /// the peer's key is known and checked when this returns; on the dialer's side the listener may still refuse ours,
    /// which the first read tells.
    fn handshake(mut self, until: Instant, spoke: impl FnOnce()) -> std::result::Result<Self, TlsError> {
        let mut spoke = Some(spoke);
        while self.tls.is_handshaking() {
            self.push()?;
            if self.tls.is_handshaking() {
                self.read_records()?;
                if self.over {
                    return Err(TlsError::Io(io::ErrorKind::UnexpectedEof.into()));
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

    /// From now on, all reads and writes together end at a moment.
    pub(super) fn end_by(&mut self, until: Instant) {
        self.socket.get_mut().until = Some(until);
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
    pub(super) fn broken(error: io::Error) -> TlsError {
        match error.downcast::<rustls::Error>() {
            Ok(tls) => tls.into(),
            Err(error) => TlsError::Io(error),
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
    fn read_records(&mut self) -> io::Result<()> {
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
        self.read_records()?;
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
pub(super) enum TlsError {
    /// The peer refused us, mostly because of our key.
    Alert(String),
    /// The socket, or a time limit.
    Io(io::Error),
    /// The peer showed a key that is not the one expected.
    Key(Fingerprint),
    /// The peer does not speak TLS 1.3 as we do.
    Tls(String),
}

impl From<io::Error> for TlsError {
    fn from(error: io::Error) -> Self {
        Stream::broken(error)
    }
}

impl From<rustls::Error> for TlsError {
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

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(alert) => write!(f, "refused our key ({alert})"),
            Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => f.write_str("the connection was lost"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Key(key) => write!(f, "presents the unknown key {}", key.short()),
            Self::Tls(error) => write!(f, "does not support our TLS ({error})"),
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

/// The key exchange of every connection.
const KEY_EXCHANGE: &dyn SupportedKxGroup = X25519MLKEM768;
// From 32 to 256 KiB either way, rounds of 5 to 4700 kB on loopback take the same time within noise.
const SOCKET_BUFFER: usize = 128 << 10;
const WRITE_PIECE: usize = 64 << 10;
const LINGER: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
