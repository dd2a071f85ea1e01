//! A session of dealer and servers on fixed test seeds, and what it left.

use std::sync::{Arc, Mutex};
use std::thread;

use super::record::{Held, Record, join};
use super::tapped_channel::{Tamper, TappedChannel, Transcript};
use super::{Traced, law};
use crate::backend::{Backend, Cpu};
use crate::error::Result;
use crate::fixed::{Profile, mask, signed};
use crate::gates::Engine;
use crate::kernel::packed::{Packed, pack};
use crate::net::{Channel, ChannelBytes, pair};
use crate::party::{
    Clear, ClearTensor, Dealer, DrawLog, Links, MaskedRows, Plan, RevealChannel, Revealed, RowMasks, RunPhase, Server,
    Set, SetShape, Stats,
};
use crate::prg::{Seed, public_seed};
use crate::tensor::Device;

/// A program over any engine.
pub(crate) trait Program: Sync {
    fn run<E: Engine>(&self, e: &mut E) -> Result<()>;
}

/// A server as the harness runs it: as it is, or with all that it computes recorded.
pub(crate) trait Participant: Engine + Send {
    /// The server after the session, and what was recorded.
    fn end(self) -> (Server, Vec<Record<Held>>);
}

impl Participant for Server {
    fn end(self) -> (Server, Vec<Record<Held>>) {
        (self, Vec::new())
    }
}

impl Participant for Traced<Server> {
    fn end(self) -> (Server, Vec<Record<Held>>) {
        (self.engine, self.records)
    }
}

/// A session to be: its inputs are the trainer's parameters and the owners' rows.
pub(crate) struct World {
    pub(crate) profile: Profile,
    /// All randomness of the test; printed where it fails.
    pub(crate) seed: u64,
    pub(crate) session: u64,
    pub(crate) parameters: Vec<ClearTensor>,
    /// Rows by set, and by owner.
    pub(crate) sets: Vec<(Set, usize, Vec<Vec<i64>>)>,
    /// Draws of the servers, and of the dealer in their place.
    pub(crate) logs: [DrawLog; 2],
    /// Garbles what server 1 gets from the dealer.
    pub(crate) garble_dealt: Mutex<Option<Tamper>>,
    /// Garbles what server 0 gets from server 1.
    pub(crate) garble_opened: Mutex<Option<Tamper>>,
    /// Where server 0, server 1 and the dealer compute.
    pub(crate) backends: [Arc<dyn Backend>; 3],
}

/// What a session left.
pub(crate) struct Run {
    pub(crate) records: Vec<Record<ClearTensor>>,
    /// Of server 0, server 1, dealer; by [`RunPhase`].
    pub(crate) stats: [[Stats; 3]; 3],
    /// Of the links from server 0 to server 1, from server 0 to the dealer, from server 1 to the dealer.
    pub(crate) traffic: [ChannelBytes; 3],
    /// What server 0 got from server 1, server 1 from server 0, server 1 from the dealer.
    pub(crate) heard: [Transcript; 3],
    pub(crate) revealed: Vec<(Revealed, Vec<i64>)>,
    /// The halves of what was revealed, as server 0 and server 1 hand them out, with the bits of their ring.
    pub(crate) halves: [Vec<Handed>; 2],
    /// The halves of what is recorded.
    pub(crate) held: [Vec<Record<Held>>; 2],
}

/// A half of something revealed, with the bits of its ring.
pub(crate) type Handed = (Revealed, Vec<u64>, u32);
type Outbox = Arc<Mutex<Vec<Handed>>>;

impl Run {
    /// Asserts that the run cost what the plan said: rounds, frames, bytes and multiplications at every party, and the
    /// bytes that the channels themselves counted.
    pub(crate) fn assert_cost(&self, plan: &Plan) {
        let [zero, one, dealer] = &self.stats;
        for (at, section) in SECTIONS.into_iter().enumerate() {
            let (server, deals) = (plan.server(section), plan.dealer(section));
            let cost = |s: &Stats| (s.rounds, s.sent, s.received, s.macs);
            assert_eq!(cost(&zero[at]), cost(&server), "server 0, {section:?}");
            assert_eq!(cost(&one[at]), cost(&server), "server 1, {section:?}");
            assert_eq!(cost(&dealer[at]), cost(&deals), "the dealer, {section:?}");
            assert_eq!(zero[at].dealt.bytes, 0, "server 0 is dealt nothing");
            assert_eq!((one[at].dealt, dealer[at].dealt), (deals.dealt, deals.dealt), "dealt, {section:?}");
            assert_eq!(server.dealt, deals.dealt, "dealt, as the plan's server and dealer count it");
        }
        let sum = |of: fn(&Stats) -> u64| one.iter().map(of).sum::<u64>();
        let (opened, dealt) = (sum(|s| s.sent.bytes), sum(|s| s.dealt.bytes));
        let bytes = self.traffic.map(|t| (t.sent, t.received));
        assert_eq!(bytes, [(opened, opened), (0, 0), (0, dealt)], "the channels counted");
    }
}

impl World {
    pub(crate) fn new(profile: &Profile, seed: u64) -> Self {
        Self {
            profile: *profile,
            seed,
            session: 1,
            parameters: Vec::new(),
            sets: Vec::new(),
            logs: Default::default(),
            garble_dealt: Mutex::default(),
            garble_opened: Mutex::default(),
            backends: [0, 1, 2].map(|_| Arc::new(Cpu::default()) as Arc<dyn Backend>),
        }
    }

    /// With the values as parameters, which the servers hold as uniform shares of `Z_2^64`.
    pub(crate) fn with(mut self, values: &[(&[i64], &[usize])]) -> Self {
        let number =
            |(x, shape): &(&[i64], &[usize])| ClearTensor::master(x.to_vec(), crate::shape::Shape::new(*shape));
        self.parameters = values.iter().map(number).collect();
        self
    }

    /// Runs a program on dealer and servers; panics with the test's seed where one fails or a gate breaks its law.
    pub(crate) fn run(&self, program: &impl Program) -> Run {
        let run = self.try_run(program).unwrap_or_else(|e| panic!("seed {}: {e}", self.seed));
        law::check_all(&run.records, &self.profile).unwrap_or_else(|e| panic!("seed {}: {e}", self.seed));
        run.assert_cost(&self.plan(program));
        run
    }

    /// The same without a look into the servers' values: they leave their devices by openings alone.
    pub(crate) fn run_unwatched(&self, program: &impl Program) -> Run {
        let run = self.session(program, |server| server).unwrap_or_else(|e| panic!("seed {}: {e}", self.seed));
        run.assert_cost(&self.plan(program));
        run
    }

    /// The same in the clear.
    pub(crate) fn run_clear(&self, program: &impl Program) -> Vec<Record<ClearTensor>> {
        let records = self.clear_unchecked(program);
        law::check_all(&records, &self.profile).unwrap_or_else(|e| panic!("seed {}, in the clear: {e}", self.seed));
        records
    }

    /// The same in the clear, on values that no law allows.
    pub(crate) fn clear_unchecked(&self, program: &impl Program) -> Vec<Record<ClearTensor>> {
        let mut traced = Traced::new(self.clear());
        program.run(&mut traced).unwrap_or_else(|e| panic!("seed {}, in the clear: {e}", self.seed));
        super::record::plain(&traced.records)
    }

    /// The clear run of the session.
    pub(crate) fn clear(&self) -> Clear {
        let mut clear = Clear::new(self.profile, self.derive("coins"));
        clear.set_parameters(self.parameters.clone());
        for (set, cols, owners) in &self.sets {
            let rows = owners.iter().flatten().map(|x| i32::try_from(*x).unwrap()).collect();
            clear.set_rows(*set, *cols, rows);
        }
        clear
    }

    /// The same as a plan.
    pub(crate) fn plan(&self, program: &impl Program) -> Plan {
        let shape = |cols: usize| SetShape { cols, bits: self.profile.ring };
        let rows = |cols: &usize, owners: &[Vec<i64>]| -> Vec<u32> {
            owners.iter().map(|rows| u32::try_from(rows.len() / cols).unwrap()).collect()
        };
        let sets: Vec<_> = self.sets.iter().map(|(set, cols, all)| (*set, shape(*cols), rows(cols, all))).collect();
        let mut plan = Plan::new(&self.profile, &sets).unwrap();
        program.run(&mut plan).unwrap();
        plan
    }

    /// Runs a program on dealer and servers, and says what went wrong.
    pub(crate) fn try_run(&self, program: &impl Program) -> std::result::Result<Run, String> {
        self.session(program, Traced::new)
    }

    fn session<P: Participant>(
        &self,
        program: &impl Program,
        watch: impl Fn(Server) -> P,
    ) -> std::result::Result<Run, String> {
        let (peer0, peer1) = pair("server 0", "server 1");
        let (dealer0, at_dealer0) = pair("dealer", "server 0");
        let (dealer1, at_server1) = pair("dealer", "server 1");
        let heard: [Transcript; 3] = Default::default();
        let tap = |link, at: usize, hand: Option<Tamper>| {
            Box::new(TappedChannel::new(link, heard[at].clone(), hand)) as Box<dyn Channel>
        };
        let links = [
            Links { peer: tap(peer0, 0, self.garble_opened.lock().unwrap().take()), dealer: Box::new(at_dealer0) },
            Links { peer: tap(peer1, 1, None), dealer: tap(at_server1, 2, self.garble_dealt.lock().unwrap().take()) },
        ];
        let revealed: [Outbox; 2] = Default::default();
        let (servers, dealer) = thread::scope(|scope| {
            let server = |(id, (links, out)): (u8, (Links, &Arc<_>))| {
                let mut server = watch(self.server(id, links, out).unwrap());
                scope.spawn(move || {
                    program.run(&mut server).map_err(|e| format!("server {id}: {e}"))?;
                    let (server, records) = server.end();
                    let stats = SECTIONS.map(|s| server.session.stats(s));
                    let links = server.into_links().unwrap();
                    Ok((records, stats, [links.peer.traffic(), links.dealer.traffic()]))
                })
            };
            let servers = (0..).zip(links.into_iter().zip(&revealed)).map(server).collect::<Vec<_>>();
            let mut dealer = self.dealer(Box::new(dealer1)).unwrap();
            let result = program.run(&mut dealer).map_err(|e| format!("dealer: {e}"));
            let stats = SECTIONS.map(|s| dealer.session.stats(s));
            let servers = servers.into_iter().map(|s| s.join().map_err(|_| "a server panicked".to_owned())?);
            (servers.collect::<std::result::Result<Vec<_>, String>>(), result.map(|()| stats))
        });
        drop(dealer0);
        let (mut servers, dealer) = (servers?, dealer?);
        let (one, zero) = (servers.pop().unwrap(), servers.pop().unwrap());
        let (records0, records1): (Vec<Record<Held>>, Vec<Record<Held>>) = (zero.0, one.0);
        let [a, b] = revealed.map(|r| r.lock().unwrap().clone());
        let sum = |((what, x, bits), (_, y, _)): (&Handed, &Handed)| {
            (*what, x.iter().zip(y).map(|(x, y)| signed(x.wrapping_add(*y), *bits)).collect())
        };
        Ok(Run {
            records: join(&records0, &records1, self.profile.ring)?,
            stats: [zero.1, one.1, dealer],
            traffic: [zero.2[0], zero.2[1], one.2[1]],
            heard,
            revealed: a.iter().zip(&b).map(sum).collect(),
            halves: [a, b],
            held: [records0, records1],
        })
    }

    fn server(&self, id: u8, links: Links, out: &Outbox) -> Result<Server> {
        let device = Device::new(self.backends[usize::from(id)].clone(), self.profile.ring);
        let seed = self.seeds()[usize::from(id)].clone();
        let mut server = Server::new(id, device.clone(), self.profile, self.session, &seed, Some(links))?;
        server.session.log_draws(self.logs[0].clone());
        let mut parameters = Vec::new();
        for (index, number) in self.parameters.iter().enumerate() {
            let random = random(&self.derive(&format!("parameter {index}")), number.x.len());
            let half = |(x, r): (&i64, u64)| if id == 0 { r } else { x.cast_unsigned().wrapping_sub(r) };
            let half: Vec<u64> = number.x.iter().zip(random).map(half).collect();
            parameters.push(device.upload_wide(&half, number.shape.clone())?);
        }
        server.set_parameters(parameters);
        for (set, cols, owners) in &self.sets {
            let shape = SetShape { cols: *cols, bits: self.profile.ring };
            let (mut masked, mut masks) = (MaskedRows::new(shape), RowMasks::new(*set, shape));
            for (number, rows) in owners.iter().enumerate() {
                let count = u32::try_from(rows.len() / cols).unwrap();
                masked.push(&device, self.masked(number, *set, shape, rows), count)?;
                masks.push(&device, count, &[&self.owner(number)[usize::from(id)]])?;
            }
            server.set_rows(*set, masked, masks);
        }
        let out = out.clone();
        let reveal_to_trainer = move |what, half, bits, _| {
            out.lock().unwrap().push((what, half, bits));
            Ok(())
        };
        server.set_reveal_channel(
            self.common(),
            RevealChannel { allowed: Box::new(|_| true), reveal_to_trainer: Box::new(reveal_to_trainer) },
        );
        Ok(server)
    }

    fn dealer(&self, link: Box<dyn Channel>) -> Result<Dealer> {
        let device = Device::new(self.backends[2].clone(), self.profile.ring);
        let [a, b] = self.seeds();
        let mut dealer = Dealer::new(device.clone(), self.profile, self.session, [&a, &b], Some(link))?;
        dealer.session.log_draws(self.logs[1].clone());
        for (set, cols, owners) in &self.sets {
            let mut masks = RowMasks::new(*set, SetShape { cols: *cols, bits: self.profile.ring });
            for (number, rows) in owners.iter().enumerate() {
                let [a, b] = self.owner(number);
                masks.push(&device, u32::try_from(rows.len() / cols).unwrap(), &[&a, &b])?;
            }
            dealer.set_rows(*set, masks);
        }
        Ok(dealer)
    }

    /// The session's seeds.
    pub(crate) fn seeds(&self) -> [Seed; 2] {
        [0, 1].map(|id| self.derive(&format!("session {} server {id}", self.session)))
    }

    /// The seed that only the servers have.
    pub(crate) fn common(&self) -> Seed {
        self.derive("common")
    }

    /// An owner's seeds.
    fn owner(&self, number: usize) -> [Seed; 2] {
        [0, 1].map(|id| self.derive(&format!("owner {number} server {id}")))
    }

    /// An owner's rows under its masks.
    fn masked(&self, owner: usize, set: Set, shape: SetShape, rows: &[i64]) -> Vec<u64> {
        let (stride, blocks) = (shape.stride(), shape.blocks() as u64);
        let streams = self.owner(owner).map(|seed| seed.stream(set.stream()));
        let mut words = vec![0u32; rows.len() / shape.cols * stride];
        for ((row, x), out) in (0..).zip(rows.chunks_exact(shape.cols)).zip(words.chunks_exact_mut(stride)) {
            let masks = streams.each_ref().map(|stream| {
                let mut mask = vec![0u32; stride];
                stream.fill(row * blocks, &mut mask);
                mask
            });
            let [a, b] = masks.each_ref().map(|m| Packed::new(m, shape.bits));
            let value = |i: usize| x[i].cast_unsigned().wrapping_add(a.at(i)).wrapping_add(b.at(i)) & mask(shape.bits);
            pack(out, shape.bits, shape.cols, value);
        }
        words.resize(words.len().next_multiple_of(2), 0);
        bytemuck::pod_collect_to_vec(&words)
    }

    fn derive(&self, label: &str) -> Seed {
        public_seed(self.seed, &format!("test/{label}"))
    }
}

/// Uniform 64-bit numbers.
pub(crate) fn random(seed: &Seed, len: usize) -> Vec<u64> {
    let mut words = vec![0; 2 * len];
    seed.stream(0).fill(0, &mut words);
    words.chunks_exact(2).map(|w| u64::from(w[0]) | u64::from(w[1]) << 32).collect()
}

/// All sections, in the order of their numbers.
pub(crate) const SECTIONS: [RunPhase; 3] = [RunPhase::Setup, RunPhase::Step, RunPhase::Evaluation];
