//! A cluster whose server 0 listens on loopback, and the two ends of a channel of either kind.

use std::net::TcpListener;
use std::time::Duration;

use ppdnn::error::Error;
use ppdnn::net::{
    Channel, Cluster, ClusterSpec, FrameHeader, FrameKind, Identity, Link, Listener, ListenerEntry, OwnerEntry, Peer,
    Role, TrainerEntry, dial, pair,
};

pub(crate) const SHORT: Duration = Duration::from_millis(300);
pub(crate) const LONG: Duration = Duration::from_secs(20);
pub(crate) const S0: Role = Role::Server(0);
pub(crate) const S1: Role = Role::Server(1);

pub(crate) type Boxed = Box<dyn Channel>;

pub(crate) fn head(gate: u32) -> FrameHeader {
    FrameHeader { kind: FrameKind::Opening, session: 0xabc, step: 4, gate }
}

/// The identities and the cluster of two servers, a dealer, a trainer and two owners.
pub(crate) struct World {
    identities: Vec<(Role, Identity)>,
    pub(crate) parts: ClusterSpec,
}

impl World {
    /// Server 0 listens at the port given; the others' ports are never used.
    pub(crate) fn new(port: u16) -> Self {
        let roles = [S0, S1, Role::Dealer, Role::Trainer, Role::Owner(0), Role::Owner(1)];
        let identities: Vec<_> = roles.into_iter().map(|role| (role, Identity::generate().unwrap())).collect();
        let post = |i: usize, port: u16| ListenerEntry {
            address: format!("127.0.0.1:{port}"),
            key: identities[i].1.fingerprint(),
        };
        let owner = |i: usize| OwnerEntry { key: identities[i].1.fingerprint(), train_rows: None, test_rows: Some(3) };
        let parts = ClusterSpec {
            servers: [post(0, port), post(1, 1)],
            dealer: post(2, 2),
            trainer: Some(TrainerEntry { key: identities[3].1.fingerprint(), seal: identities[3].1.sealing_key() }),
            owners: vec![owner(4), owner(5)],
            prediction: None,
            deadline: Duration::from_secs(9),
        };
        Self { identities, parts }
    }

    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::new(self.parts.clone()).unwrap()
    }

    pub(crate) fn identity(&self, role: Role) -> &Identity {
        &self.identities.iter().find(|(r, _)| *r == role).unwrap().1
    }

    pub(crate) fn dial_as(&self, me: Role) -> Result<Link, Error> {
        dial(S0, me, self.identity(me), &self.cluster(), LONG)
    }
}

/// A world whose server 0 listens.
pub(crate) fn listening() -> (World, Listener) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::new(socket.local_addr().unwrap().port());
    let listener = Listener::bind_std(socket, S0, world.identity(S0), &world.cluster()).unwrap();
    (world, listener)
}

pub(crate) fn tls() -> (Boxed, Boxed) {
    let (world, listener) = listening();
    let dialed = world.dial_as(S1).unwrap();
    let answered = listener.wait(S1, "its call", LONG).unwrap();
    assert_eq!(*dialed.peer(), Peer::at(S0, listener.local_addr().to_string()));
    assert_eq!(answered.peer().role(), Some(S1));
    assert!(answered.peer().address().unwrap().starts_with("127.0.0.1:"));
    (Box::new(dialed), Box::new(answered))
}

pub(crate) fn memory() -> (Boxed, Boxed) {
    let (a, b) = pair("server 0 at home", "server 1 at home");
    assert_eq!((a.peer().to_string(), b.peer().to_string()), ("server 1 at home".into(), "server 0 at home".into()));
    (Box::new(a), Box::new(b))
}

/// One body for both kinds of channel.
pub(crate) fn on_both(body: impl Fn(Boxed, Boxed)) {
    for (name, make) in [("memory", memory as fn() -> (Boxed, Boxed)), ("tls", tls)] {
        println!("over {name}");
        let (mut a, mut b) = make();
        a.set_deadline(LONG);
        b.set_deadline(LONG);
        [&mut a, &mut b].into_iter().for_each(|end| end.set_max_frame(1 << 30));
        body(a, b);
    }
}

pub(crate) fn is_late(error: &Error) -> bool {
    matches!(error, Error::Deadline { .. })
}
