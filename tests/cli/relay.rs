//! A network that is worse than loopback: it passes connections on, slowly, or forgets them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What is wrong with it.
#[derive(Clone, Copy)]
pub(crate) enum Weakness {
    /// It forgets connections that are silent for so long: nothing passes any more, and nobody is told.
    Forgets(Duration),
    /// So many bytes a second, either way.
    Thin(u32),
}

/// Passes what comes in on to a port of this machine; returns the port to call.
pub(crate) fn relay(to: u16, weakness: Weakness) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(("127.0.0.1", to)) else { continue };
            let state =
                Arc::new(State { start: Instant::now(), last: AtomicU64::new(0), forgotten: AtomicBool::new(false) });
            for (from, to) in [(&near, &far), (&far, &near)] {
                let (from, to, state) = (from.try_clone().unwrap(), to.try_clone().unwrap(), state.clone());
                to.set_nodelay(true).unwrap();
                thread::spawn(move || pass(from, to, weakness, &state));
            }
        }
    });
    port
}

struct State {
    start: Instant,
    /// When something passed last, either way, in milliseconds.
    last: AtomicU64,
    forgotten: AtomicBool,
}

fn pass(mut from: TcpStream, mut to: TcpStream, weakness: Weakness, state: &State) {
    let mut chunk = vec![0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut chunk) {
        let now = state.start.elapsed();
        let silent = now.saturating_sub(Duration::from_millis(
            state.last.swap(u64::try_from(now.as_millis()).unwrap(), Ordering::SeqCst),
        ));
        match weakness {
            Weakness::Forgets(after) if silent > after => state.forgotten.store(true, Ordering::SeqCst),
            Weakness::Thin(rate) => thread::sleep(Duration::from_secs_f64(n as f64 / f64::from(rate))),
            Weakness::Forgets(_) => {}
        }
        if !state.forgotten.load(Ordering::SeqCst) && to.write_all(&chunk[..n]).is_err() {
            return;
        }
    }
    if !state.forgotten.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Write);
    }
}
