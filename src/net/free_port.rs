//! Addresses on loopback that nobody uses.

use std::net::TcpListener;

use crate::error::{Error, Result};

/// `count` different addresses on loopback that were free a moment ago.
///
/// # Errors
/// [`Error::Peer`] if the system has no free port.
pub fn free_addresses(count: usize) -> Result<Vec<String>> {
    let fail = |e| Error::peer("loopback", format!("gives no free port: {e}"));
    let held: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<std::io::Result<_>>().map_err(fail)?;
    held.iter().map(|l| l.local_addr().map(|a| a.to_string()).map_err(fail)).collect()
}
