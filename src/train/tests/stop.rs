//! Early stops: both servers get the same verdict.

use std::sync::Arc;
use std::thread;

use super::*;
use crate::backend::Cpu;
use crate::net::pair;
use crate::party::{Interpreter, Links, Server, Verdict};
use crate::prg::Seed;
use crate::tensor::Device;

/// What two servers make of what they are told.
fn told(words: [Verdict; 2]) -> [Result<Verdict>; 2] {
    let p = Profile::small();
    let (a, b) = pair("server 0", "server 1");
    let mut peers = [a, b].into_iter();
    let servers = [0, 1].map(|id| {
        let links = Links { peer: Box::new(peers.next().unwrap()), dealer: Box::new(pair("dealer", "server").1) };
        let device = Device::new(Arc::new(Cpu::default()), p.ring);
        let mut server = Server::new(id, device, p, 1, &Seed::from_bytes([id; 32]), Some(links)).unwrap();
        let word = words[usize::from(id)];
        server.session.set_judge(move |epoch| {
            assert_eq!(epoch, 3);
            Ok(word)
        });
        server
    });
    servers.map(|mut server| thread::spawn(move || server.judge(3))).map(|thread| thread.join().unwrap())
}

#[test]
fn servers_that_are_told_different_things_stop_with_an_error() {
    let all = [(true, false), (true, true), (false, false), (false, true)];
    let all = all.map(|(goes_on, best)| Verdict { goes_on, best });
    for (a, b) in all.into_iter().flat_map(|a| all.map(|b| (a, b))) {
        for heard in told([a, b]) {
            if a == b {
                assert_eq!(heard.unwrap(), a);
            } else {
                let error = heard.unwrap_err().to_string();
                assert!(error.contains("trainer") && error.contains("epoch 3"), "{error}");
            }
        }
    }
}
