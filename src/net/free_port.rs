//! Addresses on loopback that nobody uses.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::TcpListener;
use std::ops::Range;

use crate::error::{Error, Result};

/// `count` different addresses on loopback that were free a moment ago. Their ports are below those that systems give to outgoing
/// connections, one of which could take a port before its role listens.
///
/// # Errors
/// [`Error::Peer`] if the system has no free port.
pub fn free_addresses(count: usize) -> Result<Vec<String>> {
    let fail = |e| Error::peer("loopback", format!("gives no free port: {e}"));
    let mut held: Vec<TcpListener> = Vec::new();
    for attempt in 0..ATTEMPTS {
        if held.len() == count {
            break;
        }
        let port = PORTS.start + random(attempt) % (PORTS.end - PORTS.start);
        held.extend(TcpListener::bind(("127.0.0.1", port)).ok());
    }
    // where they are all taken, or not allowed
    while held.len() < count {
        held.push(TcpListener::bind("127.0.0.1:0").map_err(fail)?);
    }
    held.iter().map(|l| l.local_addr().map(|a| a.to_string()).map_err(fail)).collect()
}

/// Whether this machine can listen at an address at the moment.
///
/// # Errors
/// The system's reason, such as [`std::io::ErrorKind::AddrInUse`].
pub fn check_listen(address: &str) -> std::io::Result<()> {
    TcpListener::bind(address).map(drop)
}

/// Ports below the range of outgoing connections, which begins at 32768 on Linux.
const PORTS: Range<u16> = 10_000..32_000;
/// Ports that are tried.
const ATTEMPTS: u16 = 100;

/// A number that differs between processes and calls; nothing depends on how random it is.
fn random(attempt: u16) -> u16 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u16(attempt);
    let [low, high, ..] = hasher.finish().to_le_bytes();
    u16::from_le_bytes([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_differ_and_can_be_listened_at() {
        let addresses = free_addresses(20).unwrap();
        let held: Vec<TcpListener> = addresses.iter().map(|address| TcpListener::bind(address).unwrap()).collect();
        let ports: std::collections::BTreeSet<u16> = held.iter().map(|l| l.local_addr().unwrap().port()).collect();
        assert_eq!(ports.len(), 20);
        assert!(ports.iter().filter(|port| PORTS.contains(port)).count() > 15, "{ports:?}");
    }
}
