//! A training by its roles as threads of this process, over channels that note every frame.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ppdnn::backend::{Backend, Cpu};
use ppdnn::data::Examples;
use ppdnn::error::{Error, Result};
use ppdnn::net::{Channel, ChannelBytes, Frame, FrameHeader, Peer, Phase, Presence, Role, UnsealingKey, pair};
use ppdnn::roles::{
    Consent, DealerLinks, MemoryLimit, OwnerLinks, Parties, ServerLinks, Start, TrainerLinks, Training, made,
    run_dealer, run_owner, run_server, run_trainer,
};

/// A frame on its way.
pub(crate) struct Heard {
    /// Who received it.
    pub(crate) to: String,
    /// Who sent it.
    pub(crate) from: String,
    /// The frame.
    pub(crate) frame: Frame,
}

impl Heard {
    /// Whether it went this way.
    pub(crate) fn is(&self, from: &str, to: &str) -> bool {
        self.from == from && self.to == to
    }
}

pub(crate) type Log = Arc<Mutex<Vec<Heard>>>;

/// Both ends of a link, which note what they receive.
pub(crate) fn link(log: &Log, a: &str, b: &str) -> (Box<dyn Channel>, Box<dyn Channel>) {
    let (x, y) = pair(a, b);
    let tap = |link, me: &str| -> Box<dyn Channel> {
        Box::new(Tap { link: Box::new(link), me: me.into(), log: log.clone() })
    };
    (tap(x, a), tap(y, b))
}

/// A channel that notes what is received on it.
struct Tap {
    link: Box<dyn Channel>,
    me: String,
    log: Log,
}

impl Tap {
    fn note(&self, frame: &Frame) {
        let heard = Heard { to: self.me.clone(), from: self.link.peer().to_string(), frame: frame.clone() };
        self.log.lock().unwrap().push(heard);
    }
}

impl Channel for Tap {
    fn peer(&self) -> &Peer {
        self.link.peer()
    }

    fn send(&mut self, head: FrameHeader, body: Vec<u8>) -> Result<()> {
        self.link.send(head, body)
    }

    fn recv(&mut self, what: &str) -> Result<Frame> {
        let frame = self.link.recv(what)?;
        self.note(&frame);
        Ok(frame)
    }

    fn flush(&mut self) -> Result<()> {
        self.link.flush()
    }

    fn traffic(&self) -> ChannelBytes {
        self.link.traffic()
    }

    fn set_deadline(&mut self, deadline: Duration) {
        self.link.set_deadline(deadline);
    }

    fn enter(&mut self, phase: Phase) {
        self.link.enter(phase);
    }

    fn attach(&mut self, presence: &Presence) {
        self.link.attach(presence);
    }

    fn poll(&mut self, within: Duration) -> Result<Option<Frame>> {
        let frame = self.link.poll(within)?;
        if let Some(frame) = &frame {
            self.note(frame);
        }
        Ok(frame)
    }

    fn ended(&self) -> Option<Error> {
        self.link.ended()
    }

    fn set_max_frame(&mut self, bytes: u64) {
        self.link.set_max_frame(bytes);
    }
}

/// Runs a training by its roles, one owner, and returns every frame that was received; those of one way are in their order.
pub(crate) fn tapped(training: &Training, train: &Examples, test: &Examples) -> Vec<Heard> {
    let log = Log::default();
    let link = |a: &str, b: &str| link(&log, a, b);
    let (names, job) = (["server 0", "server 1"], training.job(train.len(), test.len()).unwrap());
    let key = UnsealingKey::generate().unwrap();
    let parties = Parties::threads(key.public());
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
            let (backend, parties, presence) = (backend.clone(), parties.clone(), Presence::default());
            let others = vec![(Role::Server(1 - id), peer), (Role::Dealer, dealer), (Role::Owner(0), owner)];
            let (meet, memory) = (made(others), MemoryLimit::Unlimited);
            let links = ServerLinks { trainer, meet, parties, presence, memory, state: None };
            scope.spawn(move || run_server(id, links, backend).unwrap());
        }
        let others = vec![(Role::Server(0), dealer0.0), (Role::Server(1), dealer1.0), (Role::Owner(0), dealer_owner)];
        let (presence, meet, memory) = (Presence::default(), made(others), MemoryLimit::Unlimited);
        let links =
            DealerLinks { trainer: dealer_trainer, meet, presence, parties: parties.clone(), memory, state: None };
        scope.spawn(move || run_dealer(links, backend).unwrap());
        let (servers, presence) = ([owner0.0, owner1.0], Presence::default());
        let links = OwnerLinks { servers, dealer: owner_dealer, presence, parties: parties.clone() };
        scope.spawn(move || {
            run_owner(0, links, &Consent::to_anything(), |_| Ok((train.clone(), test.clone()))).unwrap()
        });
        let (servers, presence) = ([trainer0.0, trainer1.0], Presence::default());
        let links = TrainerLinks {
            servers,
            dealer: trainer_dealer,
            parties: parties.clone(),
            end: Arc::default(),
            start: Start::default(),
            presence,
            history: None,
        };
        let initial = training.initial_parameters(&job).unwrap();
        run_trainer(&job, &initial, links, &key, &mut |_| ()).unwrap();
    });
    std::mem::take(&mut log.lock().unwrap())
}
