//! A network that is worse than loopback: it passes connections on, slowly, or forgets them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
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

/// Something that goes wrong on the way, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accident {
    /// All connections end.
    Cut,
    /// One byte arrives with a bit flipped.
    Flip,
    /// One direction of a connection ends.
    HalfClose,
    /// Two pieces of a connection arrive in the other order.
    Reorder,
    /// Nothing passes for so many milliseconds.
    Stall(u32),
}

/// A network that is sound until an accident is asked for.
pub(crate) struct Network {
    /// The port to call.
    pub(crate) port: u16,
    happening: Arc<Mutex<Happening>>,
}

#[derive(Default)]
struct Happening {
    /// What is to happen to the next piece that passes.
    next: Option<Accident>,
    stalled: Option<Instant>,
    /// Connections that stand, to be cut.
    open: Vec<TcpStream>,
}

impl Network {
    /// In front of a port of this machine.
    pub(crate) fn before(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let happening: Arc<Mutex<Happening>> = Arc::default();
        let all = happening.clone();
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                // a caller of a party that is not there is hung up on
                let Ok(far) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                all.lock().unwrap().open.extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to, happening) = (from.try_clone().unwrap(), to.try_clone().unwrap(), all.clone());
                    to.set_nodelay(true).unwrap();
                    thread::spawn(move || pass_on(from, to, &happening));
                }
            }
        });
        Self { port, happening }
    }

    /// Has an accident happen; whether it has within a second, as nothing may pass.
    pub(crate) fn suffer(&self, accident: Accident) -> bool {
        if accident == Accident::Cut {
            let open = std::mem::take(&mut self.happening.lock().unwrap().open);
            open.iter().for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
            return !open.is_empty();
        }
        self.happening.lock().unwrap().next = Some(accident);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(1) {
            if self.happening.lock().unwrap().next.is_none() {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.happening.lock().unwrap().next.take().is_none()
    }
}

/// Passes pieces on, with the accidents that are asked for.
fn pass_on(mut from: TcpStream, mut to: TcpStream, happening: &Mutex<Happening>) {
    let mut chunk = vec![0; 16 << 10];
    let mut held: Option<Vec<u8>> = None;
    while let Ok(n @ 1..) = from.read(&mut chunk) {
        let mut piece = chunk[..n].to_vec();
        let (now, stalled) = {
            let mut happening = happening.lock().unwrap();
            let now = happening.next.take();
            if let Some(Accident::Stall(ms)) = now {
                happening.stalled = Some(Instant::now() + Duration::from_millis(ms.into()));
            }
            (now, happening.stalled)
        };
        if let Some(until) = stalled {
            thread::sleep(until.saturating_duration_since(Instant::now()));
        }
        match now {
            Some(Accident::Flip) => piece[n / 2] ^= 4,
            Some(Accident::HalfClose) => break,
            Some(Accident::Reorder) => {
                held = Some(piece);
                continue;
            }
            _ => {}
        }
        let sent = to.write_all(&piece).and_then(|()| held.take().map_or(Ok(()), |before| to.write_all(&before)));
        if sent.is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
