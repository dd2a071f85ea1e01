//! Both ends of a link over TLS on this machine, to measure what a link takes.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::identity::Identity;
use super::link::Link;
use super::memory::DEADLINE;
use super::tls::{Stream, TlsConfig, TlsError};
use crate::error::{Error, Result};

/// Two ends of a link between throw-away keys, over TCP on loopback: as two roles on one machine have it.
///
/// # Errors
/// [`Error::Peer`] if the system provides no connection.
pub fn loopback() -> Result<(Link, Link)> {
    let (a, b) = (Identity::generate()?, Identity::generate()?);
    let near = TlsConfig::new(&a, vec![b.fingerprint()])?;
    let far = TlsConfig::new(&b, vec![a.fingerprint()])?;
    let fail = |broken: TlsError| Error::peer("loopback", broken.to_string());
    let ((writing, their_reading), (reading, their_writing)) =
        (connect(&near, &far).map_err(fail)?, connect(&near, &far).map_err(fail)?);
    let link = |name: &str, writing, reading| {
        Link::new(name.into(), writing, reading, DEADLINE).map_err(|e: io::Error| fail(TlsError::from(e)))
    };
    Ok((link("far end", writing, reading)?, link("near end", their_writing, their_reading)?))
}

/// A connection that one end writes to and the other reads from.
fn connect(near: &TlsConfig, far: &TlsConfig) -> std::result::Result<(Stream, Stream), TlsError> {
    let until = Instant::now() + Duration::from_secs(5);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let socket = TcpStream::connect(listener.local_addr()?)?;
    thread::scope(|scope| {
        let accepting = scope.spawn(|| far.accept(listener.accept()?.0, [until; 2], || ()));
        let near = near.connect(socket, until)?;
        Ok((near, accepting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?))
    })
}
