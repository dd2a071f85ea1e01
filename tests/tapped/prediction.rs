//! Private predictions by their roles as threads of this process, over channels that note every frame.

use std::sync::Arc;
use std::thread;

use ndarray::{Array2, ArrayView2};
use ppdnn::backend::{Backend, Cpu};
use ppdnn::error::{Error, Result};
use ppdnn::net::{Channel, ChannelBytes, Frame, FrameHeader, FrameKind, Peer, Phase, Presence, Role, UnsealingKey};
use ppdnn::roles::{
    ClientLinks, DealerLinks, MemoryLimit, ModelConsent, ModelOwnerLinks, Parties, PredictionClient, ServerLinks, made,
    run_model_owner, run_prediction_dealer, run_prediction_server,
};
use ppdnn::{Answers, Prediction};

use crate::tapped::{Heard, Log, link};

/// What is wrong with a client's link to server 1.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// The client cheats: requests have other rows there.
    OtherRows,
    /// It breaks at the first request.
    Breaks,
}

/// The answers to rows, and every frame that was received; those of one way are in their order. Where the link breaks, the client asks
/// again, about rows of zeros.
pub(crate) fn tapped_prediction(
    prediction: &Prediction,
    rows: ArrayView2<'_, f32>,
    fault: Option<Fault>,
) -> (Result<Answers>, Vec<Heard>) {
    let log = Log::default();
    let link = |a: &str, b: &str| link(&log, a, b);
    let (job, key) = (prediction.job(rows.nrows()).unwrap(), UnsealingKey::generate().unwrap());
    let (parties, memory) = (Parties::threads(key.public()), MemoryLimit::Unlimited);
    let backend: Arc<dyn Backend> = Arc::new(Cpu::default());
    let names = ["server 0", "server 1"];
    let [client0, client1] = names.map(|server| link("client", server));
    let (client_dealer, dealer_client) = link("client", "dealer");
    let (peer0, peer1) = link("server 0", "server 1");
    let [dealer0, dealer1] = names.map(|server| link("dealer", server));
    let [owner0, owner1] = names.map(|server| link("model owner", server));
    let answers = thread::scope(|scope| {
        let sides = [(client0.1, peer0, dealer0.1, owner0.1), (client1.1, peer1, dealer1.1, owner1.1)];
        for (id, (trainer, peer, dealer, owner)) in (0..).zip(sides) {
            let (backend, parties, presence) = (backend.clone(), parties.clone(), Presence::default());
            let meet = made(vec![(Role::Server(1 - id), peer), (Role::Dealer, dealer), (Role::ModelOwner, owner)]);
            let links = ServerLinks { trainer, meet, parties, presence, memory, state: None };
            scope.spawn(move || assert!(run_prediction_server(id, links, backend).is_ok() || fault.is_some()));
        }
        let meet = made(vec![(Role::Server(0), dealer0.0), (Role::Server(1), dealer1.0)]);
        let (presence, trainer) = (Presence::default(), dealer_client);
        let links = DealerLinks { trainer, meet, presence, parties: parties.clone(), memory, state: None };
        let cpu = backend.clone();
        scope.spawn(move || assert!(run_prediction_dealer(links, cpu).is_ok() || fault.is_some()));
        let (servers, presence) = ([owner0.0, owner1.0], Presence::default());
        let links = ModelOwnerLinks { servers, presence, parties: parties.clone() };
        let consent = ModelConsent::to_card(job.card.clone());
        scope.spawn(move || run_model_owner(links, &consent, prediction.model()).unwrap());
        let to_one: Box<dyn Channel> = match fault {
            Some(fault) => Box::new(Faulty(client1.0, fault)),
            None => client1.0,
        };
        let (links, presence) = ([client0.0, to_one, client_dealer], Presence::default());
        let links = ClientLinks { links, parties: parties.clone(), presence };
        let mut client = PredictionClient::connect(&job, links, key, &|| false, &mut |_| ()).unwrap();
        let answers = client.predict(rows, &mut |_| ());
        if fault == Some(Fault::Breaks) {
            client.predict(Array2::zeros(rows.dim()).view(), &mut |_| ()).unwrap_err();
        }
        assert_eq!(client.finish().is_err(), fault.is_some());
        answers
    });
    (answers, std::mem::take(&mut log.lock().unwrap()))
}

/// A link that does something to all data that is sent on it.
struct Faulty(Box<dyn Channel>, Fault);

impl Channel for Faulty {
    fn peer(&self) -> &Peer {
        self.0.peer()
    }

    fn send(&mut self, head: FrameHeader, mut body: Vec<u8>) -> Result<()> {
        match self.1 {
            Fault::Breaks if head.kind == FrameKind::Data => return Err(Error::peer("server 1", "is gone")),
            Fault::OtherRows if head.kind == FrameKind::Data => body[0] ^= 1,
            _ => {}
        }
        self.0.send(head, body)
    }

    fn recv(&mut self, what: &str) -> Result<Frame> {
        self.0.recv(what)
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }

    fn traffic(&self) -> ChannelBytes {
        self.0.traffic()
    }

    fn set_deadline(&mut self, deadline: std::time::Duration) {
        self.0.set_deadline(deadline);
    }

    fn enter(&mut self, phase: Phase) {
        self.0.enter(phase);
    }

    fn poll(&mut self, within: std::time::Duration) -> Result<Option<Frame>> {
        self.0.poll(within)
    }

    fn ended(&self) -> Option<Error> {
        self.0.ended()
    }

    fn set_max_frame(&mut self, bytes: u64) {
        self.0.set_max_frame(bytes);
    }
}
