//! Calls of which nobody knows yet who makes them: how many are answered at once, and who has to go for a new one.
//!
//! A silent caller costs a thread and a socket. Of one address, eight are allowed; if there are more, the one that
//! has been silent for longest is hung up on. Callers whose first message is there are in the middle of a handshake, as a
//! hundred owners behind one address may be: they go only where all addresses together take too much, the silent ones first.

use std::net::{IpAddr, Ipv6Addr, Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The calls of strangers, oldest first.
#[derive(Default)]
pub(super) struct UnauthenticatedCalls(Mutex<Vec<UnauthenticatedCall>>);

struct UnauthenticatedCall {
    call: u64,
    home: IpAddr,
    /// A handle of the connection, to hang up.
    socket: TcpStream,
    since: Instant,
    /// Its first message is there.
    spoke: bool,
}

impl UnauthenticatedCalls {
    /// Notes a new call, and hangs up on whoever has to go for it.
    pub(super) fn admit(&self, call: u64, from: IpAddr, socket: TcpStream) {
        let (home, since) = (home(from), Instant::now());
        let mut calls = self.lock();
        let silent = |s: &UnauthenticatedCall| s.home == home && !s.spoke;
        if calls.iter().filter(|s| silent(s)).count() >= MOST_SILENT
            && let Some(oldest) = calls.iter().position(|s| silent(s) && s.since.elapsed() >= GRACE)
        {
            hang_up(calls.remove(oldest));
        }
        if calls.len() >= MOST {
            let oldest = calls.iter().position(|s| !s.spoke).unwrap_or(0);
            hang_up(calls.remove(oldest));
        }
        calls.push(UnauthenticatedCall { call, home, socket, since, spoke: false });
    }

    /// Notes that a caller's first message is there.
    pub(super) fn spoke(&self, call: u64) {
        if let Some(stranger) = self.lock().iter_mut().find(|s| s.call == call) {
            stranger.spoke = true;
        }
    }

    /// Forgets a call that is over, or whose caller is known.
    pub(super) fn forget(&self, call: u64) {
        self.lock().retain(|s| s.call != call);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<UnauthenticatedCall>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a call; whoever greets it notices.
fn hang_up(stranger: UnauthenticatedCall) {
    let _ = stranger.socket.shutdown(Shutdown::Both);
}

/// What is counted as one address: of IPv6 the network, as everybody has 2^64 addresses in one.
fn home(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        ip => ip,
    }
}

/// Callers of one address that say nothing.
const MOST_SILENT: usize = 8;
/// Callers in all that are not known yet.
const MOST: usize = 128;
/// How long a caller may be silent in any case: on a busy machine its first message may be there and not be read yet.
const GRACE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread::sleep;

    use super::*;

    /// Both ends of connections.
    fn connections(count: usize) -> Vec<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let one = |_| (TcpStream::connect(address).unwrap(), listener.accept().unwrap().0);
        (0..count).map(one).collect()
    }

    fn numbers(unauthenticated: &UnauthenticatedCalls) -> Vec<u64> {
        unauthenticated.lock().iter().map(|s| s.call).collect()
    }

    #[test]
    fn of_one_address_the_caller_that_is_silent_for_longest_goes_first() {
        let unauthenticated = UnauthenticatedCalls::default();
        let (here, there) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let ends = connections(12);
        let handle = |call: u64| ends[usize::try_from(call).unwrap()].1.try_clone().unwrap();
        let admit = |call: u64, from| unauthenticated.admit(call, from, handle(call));
        (0..9).for_each(|call| admit(call, here));
        assert_eq!(numbers(&unauthenticated).len(), 9, "all of them had no time to speak yet");
        unauthenticated.spoke(0);
        sleep(GRACE);
        admit(9, there);
        assert_eq!(numbers(&unauthenticated).len(), 10, "another address has its own eight");
        admit(10, here);
        assert_eq!(numbers(&unauthenticated), [0, 2, 3, 4, 5, 6, 7, 8, 9, 10], "0 spoke, so 1 goes");
        unauthenticated.forget(2);
        assert_eq!(numbers(&unauthenticated).len(), 9);
        // the one that was hung up on notices
        ends[1].0.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!((&ends[1].0).read(&mut [0; 1]).unwrap(), 0);
    }

    #[test]
    fn of_all_addresses_together_the_silent_go_first() {
        let unauthenticated = UnauthenticatedCalls::default();
        let ends = connections(1);
        let admit = |call: u64| {
            let from = Ipv6Addr::new(0x2001, 0xdb8, 0, u16::try_from(call).unwrap(), 1, 2, 3, 4);
            unauthenticated.admit(call, from.into(), ends[0].1.try_clone().unwrap());
        };
        (0..128).for_each(admit);
        unauthenticated.spoke(0);
        admit(128);
        assert_eq!(numbers(&unauthenticated)[..2], [0, 2]);
        (2..129).for_each(|call| unauthenticated.spoke(call));
        admit(129);
        assert_eq!(numbers(&unauthenticated)[..2], [2, 3]);
        assert_eq!(numbers(&unauthenticated).len(), 128);
    }

    #[test]
    fn addresses_of_a_network_of_ipv6_count_as_one() {
        let of = |text: &str| home(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::9"), of("2001:db8:1:3::9"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}
