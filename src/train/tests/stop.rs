//! Early stops: both servers are told the same.

use std::sync::Arc;
use std::thread;

use super::*;
use crate::backend::Cpu;
use crate::net::pair;
use crate::party::{Links, Server, Values};
use crate::prg::Seed;
use crate::tensor::Device;

/// What two servers make of what they are told.
fn told(words: [bool; 2]) -> [Result<bool>; 2] {
    let p = Profile::small();
    let (a, b) = pair("server 0", "server 1");
    let mut peers = [a, b].into_iter();
    let servers = [0, 1].map(|id| {
        let links = Links { peer: Box::new(peers.next().unwrap()), dealer: Box::new(pair("dealer", "server").1) };
        let device = Device::new(Arc::new(Cpu::default()), p.ring);
        let mut server = Server::new(id, device, p.clone(), 1, &Seed::from_bytes([id; 32]), Some(links)).unwrap();
        let word = words[usize::from(id)];
        server.set_judge(move |epoch| {
            assert_eq!(epoch, 3);
            Ok(word)
        });
        server
    });
    servers.map(|mut server| thread::spawn(move || server.goes_on(3))).map(|thread| thread.join().unwrap())
}

#[test]
fn servers_that_are_told_different_things_stop_with_an_error() {
    for word in [true, false] {
        assert!(told([word; 2]).into_iter().all(|heard| heard.unwrap() == word));
        for heard in told([word, !word]) {
            let error = heard.unwrap_err().to_string();
            assert!(error.contains("trainer") && error.contains("epoch 3"), "{error}");
        }
    }
}
