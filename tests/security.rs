//! What each role receives in a run, by roles over tapped channels: no tensor of the data reaches trainer or dealer.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ndarray::Array2;
use ppdnn::backend::{Backend, Cpu};
use ppdnn::data::Examples;
use ppdnn::error::Result;
use ppdnn::net::{Channel, Frame, Head, Identity, Kind, Traffic, pair};
use ppdnn::nn::Model;
use ppdnn::roles::{
    DealerLinks, OwnerLinks, ServerLinks, TrainerLinks, Training, run_dealer, run_owner, run_server, run_trainer,
};
use ppdnn::train::Reveals;

/// Frames and bytes by receiver, sender and kind.
type Ledger = Arc<Mutex<BTreeMap<(String, String, String), (usize, usize)>>>;

/// A channel that notes what is received on it.
struct Tap {
    link: Box<dyn Channel>,
    me: String,
    ledger: Ledger,
}

impl Channel for Tap {
    fn peer(&self) -> &str {
        self.link.peer()
    }

    fn send(&mut self, head: Head, body: Vec<u8>) -> Result<()> {
        self.link.send(head, body)
    }

    fn recv(&mut self, what: &str) -> Result<Frame> {
        let frame = self.link.recv(what)?;
        let key = (self.me.clone(), self.link.peer().to_owned(), frame.head.kind.to_string());
        let mut ledger = self.ledger.lock().unwrap();
        let entry = ledger.entry(key).or_default();
        *entry = (entry.0 + 1, entry.1 + frame.body.len());
        Ok(frame)
    }

    fn flush(&mut self) -> Result<()> {
        self.link.flush()
    }

    fn traffic(&self) -> Traffic {
        self.link.traffic()
    }

    fn set_deadline(&mut self, deadline: Duration) {
        self.link.set_deadline(deadline);
    }
}

/// Runs a training by its roles, one owner, and returns what was received.
fn ledger(
    training: &Training,
    train: &Examples,
    test: &Examples,
) -> BTreeMap<(String, String, String), (usize, usize)> {
    let ledger = Ledger::default();
    let link = |a: &str, b: &str| {
        let (x, y) = pair(a, b);
        let tap = |link, me: &str| -> Box<dyn Channel> {
            Box::new(Tap { link: Box::new(link), me: me.into(), ledger: ledger.clone() })
        };
        (tap(x, a), tap(y, b))
    };
    let (names, job) = (["server 0", "server 1"], training.job(train.len(), test.len()).unwrap());
    let identity = Identity::generate().unwrap();
    let backend: Arc<dyn Backend> = Arc::new(Cpu::default());
    let [trainer0, trainer1] = names.map(|server| link("trainer", server));
    let (trainer_dealer, dealer_trainer) = link("trainer", "dealer");
    let (peer0, peer1) = link("server 0", "server 1");
    let [dealer0, dealer1] = names.map(|server| link("dealer", server));
    let [owner0, owner1] = names.map(|server| link("owner 0", server));
    let (owner_dealer, dealer_owner) = link("owner 0", "dealer");
    thread::scope(|scope| {
        let sides = [(trainer0.1, peer0, dealer0.1, owner0.1), (trainer1.1, peer1, dealer1.1, owner1.1)];
        for (id, (trainer, peer, dealer, owner)) in (0..).zip(sides) {
            let (mut owner, backend, seal) = (Some(owner), backend.clone(), identity.sealing_key());
            let links = ServerLinks {
                trainer,
                peer: Box::new(move || Ok(peer)),
                dealer: Box::new(move || Ok(dealer)),
                owner: Box::new(move |_| Ok(owner.take().unwrap())),
                seal,
            };
            scope.spawn(move || run_server(id, links, backend).unwrap());
        }
        let (mut servers, mut owner) = ([dealer0.0, dealer1.0].into_iter(), Some(dealer_owner));
        let links = DealerLinks {
            trainer: dealer_trainer,
            server: Box::new(move |_| Ok(servers.next().unwrap())),
            owner: Box::new(move |_| Ok(owner.take().unwrap())),
        };
        scope.spawn(move || run_dealer(links, backend).unwrap());
        let links = OwnerLinks { servers: [owner0.0, owner1.0], dealer: owner_dealer };
        scope.spawn(move || run_owner(0, links, |_| Ok((train.clone(), test.clone()))).unwrap());
        let links = TrainerLinks { servers: [trainer0.0, trainer1.0], dealer: trainer_dealer };
        run_trainer(&job, links, &identity, &mut |_| ()).unwrap();
    });
    let ledger = ledger.lock().unwrap();
    ledger.clone()
}

fn examples(rows: usize, features: usize) -> Examples {
    let features = Array2::from_shape_fn((rows, features), |(i, j)| ((i * 31 + j * 17) % 64) as f32 / 64.0);
    let labels = (0..rows).map(|i| u32::try_from(i % 3).unwrap()).collect();
    Examples::new(features, labels, 3).unwrap()
}

#[test]
fn trainer_and_dealer_never_receive_a_tensor_of_the_data() {
    let (train, test) = (examples(900, 50), examples(100, 50));
    // 4 bytes an element: features and one-hot labels
    let data = 1000 * (50 + 3) * 4;
    let model = Model::dense("small", 50, &[4], 3).unwrap();
    let parameters = 50 * 4 + 4 + 4 * 3 + 3;
    for (accuracy, model_too) in [(true, true), (true, false), (false, false)] {
        let reveal = Reveals { accuracy, model: model_too };
        let training = Training::new(model.clone()).epochs(2).batch(100).reveal(reveal);
        let ledger = ledger(&training, &train, &test);
        let received = |me: &str, kind: &str| -> (usize, usize) {
            let of = ledger.iter().filter(|((to, _, k), _)| to == me && (kind.is_empty() || k == kind));
            of.fold((0, 0), |(frames, bytes), (_, (f, b))| (frames + f, bytes + b))
        };
        // owners give the servers all rows, once each, and the dealer 64 bytes of seeds
        for server in ["server 0", "server 1"] {
            let rows = ledger[&(server.into(), "owner 0".into(), Kind::Data.to_string())];
            assert_eq!(rows.1, data, "{server} gets every row's masked words once");
        }
        assert_eq!(received("dealer", "seed"), (1, 64));
        let (_, all) = received("dealer", "");
        assert!(all < 1024, "the dealer receives {all} bytes: the job, a hash, seeds");
        assert!(
            ledger.keys().all(|(to, from, _)| to != "dealer" || !from.starts_with("server")),
            "no server talks to the dealer"
        );
        let to_zero = ledger.iter().filter(|((to, from, _), _)| to == "server 0" && from == "dealer");
        assert!(to_zero.map(|(_, (frames, _))| frames).sum::<usize>() == 1, "server 0 is sent one seed");

        // the trainer: progress and reports, two halves of every count and, where listed, of every parameter in 64 bits
        let (frames, bytes) = received("trainer", "");
        let halves = if model_too { 2 * parameters * 8 } else { 0 };
        let news = 200 * frames;
        assert!(bytes <= halves + news, "the trainer receives {bytes} bytes in {frames} frames");
        assert!(bytes >= halves && halves + news < data / 2);
        assert_eq!(received("owner 0", "data"), (0, 0));
    }
}

/// The control: what a server receives of an owner would not pass for the dealer or the trainer.
#[test]
fn rows_are_counted_where_they_go() {
    let training = Training::new(Model::dense("small", 50, &[4], 3).unwrap()).epochs(1).batch(100);
    let ledger = ledger(&training, &examples(300, 50), &examples(30, 50));
    let rows: usize =
        ledger.iter().filter(|((_, from, kind), _)| from == "owner 0" && kind == "data").map(|(_, x)| x.1).sum();
    assert_eq!(rows, 2 * 330 * (50 + 3) * 4);
}
