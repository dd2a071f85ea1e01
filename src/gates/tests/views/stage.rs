//! The stage: dealer and two servers run a scene on a device whose key streams are read off the cases' strings.
//!
//! All else is as in earnest: the gates themselves, the processor's kernels, frames over channels.

use std::sync::Arc;
use std::thread;

use super::script::{Axis, From, Placed, Script, Seating};
use crate::backend::{Backend, Buf, Cpu};
use crate::error::Result;
use crate::fixed::mask;
use crate::gates::Engine;
use crate::gates::harness::{Transcript, tapped_channel::TappedChannel};
use crate::kernel::packed::{pack, plane};
use crate::kernel::{Kernel, Operand, RingWord};
use crate::net::pair;
use crate::party::{BitShare, Dealer, DealtWire, Interpreter, Links, MaskedWire, Server};
use crate::prg::Seed;
use crate::shape::Shape;
use crate::tensor::{Device, Tensor};

/// A program with the script of its randomness.
pub(super) trait Scene: Sync {
    fn script(&self) -> Script;

    /// Runs gates on `rows` cases, or on `rows` times `cols` where operands lie in rows and columns.
    fn run<E: Party>(&self, e: &mut E, rows: usize, cols: usize) -> Result<()>;

    /// Runs them and gives what comes out, case by case, where that is looked at.
    fn results<E: Party>(&self, e: &mut E, rows: usize, cols: usize) -> Result<Vec<Output<E>>> {
        self.run(e, rows, cols)?;
        Ok(Vec::new())
    }
}

/// Something that comes out of a scene.
pub(super) enum Output<E: Interpreter> {
    Bits(E::Bits),
    MaskedBits(E::MaskedBits),
    Share(E::Share),
    /// A wire that is lifted by so much.
    Wire(E::Wire, u64),
}

/// A server's half of an output: the two halves add up to it in a ring of so many bits.
struct Numbers {
    bits: u32,
    x: Vec<u64>,
}

impl Numbers {
    fn of(server: &Server, output: Output<Server>) -> Result<Self> {
        let (device, first) = (server.device(), u64::from(server.first()));
        let plane = |x: &Tensor, len: usize| -> Result<Vec<u64>> {
            let words = device.download(x)?;
            Ok((0..len).map(|i| words[i / 32] >> (i % 32) & 1).collect())
        };
        Ok(match output {
            Output::Bits(b) => Self { bits: 1, x: plane(&b.x, b.shape.len())? },
            Output::MaskedBits(b) => {
                let (hat, own) = (plane(&b.hat, b.shape.len())?, plane(&b.own, b.shape.len())?);
                Self { bits: 1, x: hat.iter().zip(own).map(|(hat, own)| (first * hat) ^ own).collect() }
            }
            Output::Share(share) => Self { bits: share.bits, x: device.download(&share.x)? },
            Output::Wire(wire, lift) => {
                let (hat, r) = (device.download(&wire.hat)?, device.download(&wire.r)?);
                let half = |(hat, r): (&u64, u64)| (first * hat.wrapping_sub(lift)).wrapping_sub(r);
                Self { bits: wire.bits, x: hat.iter().zip(r).map(half).collect() }
            }
        })
    }

    /// What two halves are halves of.
    fn add(&self, other: &Self) -> Vec<u64> {
        self.x.iter().zip(&other.x).map(|(a, b)| a.wrapping_add(*b) & mask(self.bits)).collect()
    }
}

/// An engine with secret bits as inputs.
pub(super) trait Party: Engine {
    /// The lowest bits of an input.
    fn bits(&mut self, index: usize, shape: &[usize]) -> Result<Self::Bits>;

    /// A wire that says it has `bits` bits: fewer masks than a gate asks for, where all of them are to be tried. Its value is
    /// wrong then, which is nothing that a view could show.
    fn taken_for(wire: Self::Wire, bits: u32) -> Self::Wire;
}

impl Party for Server {
    fn bits(&mut self, index: usize, shape: &[usize]) -> Result<BitShare> {
        let shape = Shape::new(shape);
        let half = self.parameter(index, &shape)?;
        let x = self.device().download(&half.x)?;
        let mut words = vec![0; plane(x.len())];
        pack(&mut words, 1, x.len(), |i| x[i]);
        Ok(BitShare { x: self.device().upload_raw(&words)?, shape })
    }

    fn taken_for(wire: MaskedWire, bits: u32) -> MaskedWire {
        MaskedWire { bits, ..wire }
    }
}

impl Party for Dealer {
    fn bits(&mut self, _: usize, shape: &[usize]) -> Result<Shape> {
        Ok(Shape::new(shape))
    }

    fn taken_for(wire: DealtWire, bits: u32) -> DealtWire {
        DealtWire { bits, ..wire }
    }
}

/// Where the cases' strings are: `bits` bits from bit `at` on of the string of a case.
pub(super) type Strings = Arc<dyn Fn(usize, usize, u32) -> u64 + Send + Sync>;

/// The cases of one run.
#[derive(Clone)]
pub(super) struct Cases {
    pub(super) seating: Arc<Seating>,
    pub(super) strings: Strings,
    pub(super) rows: usize,
    pub(super) cols: usize,
}

impl Cases {
    /// Places that an item has.
    pub(super) fn places(&self, axis: Axis) -> usize {
        match axis {
            Axis::Cases => self.rows * self.cols,
            Axis::Cols => self.cols,
            Axis::Rows => self.rows,
        }
    }

    /// The place of a case in an item.
    pub(super) fn place(&self, axis: Axis, case: usize) -> usize {
        match axis {
            Axis::Cases => case,
            Axis::Cols => case % self.cols,
            Axis::Rows => case / self.cols,
        }
    }

    /// An item's numbers, place by place.
    fn numbers<'a>(&'a self, item: &'a Placed) -> impl Fn(usize) -> u64 + 'a {
        let each = item.from.len();
        move |i| {
            let case = match item.axis {
                Axis::Cases | Axis::Cols => i / each,
                Axis::Rows => i / each * self.cols,
            };
            match item.from[i % each] {
                From::String(at) => (self.strings)(case, at, item.bits),
                From::Given(x) => x & mask(item.bits),
            }
        }
    }

    /// A draw of a server, packed.
    fn draw(&self, server: usize, stream: usize, len: usize) -> Vec<u32> {
        let items = &self.seating.draws.get(stream).expect("the script knows every draw").items[server];
        let mut out = vec![0; items.iter().map(|item| item.words(self.places(item.axis))).sum()];
        assert_eq!(out.len(), len, "words of draw {stream} of server {server}, by the script and by the gate");
        let mut rest = &mut out[..];
        for item in items {
            let places = self.places(item.axis);
            let (words, behind) = rest.split_at_mut(item.words(places));
            pack(words, item.bits, places * item.from.len(), self.numbers(item));
            rest = behind;
        }
        out
    }

    /// A server's half of an input.
    fn half(&self, server: usize, input: usize, shift: u32) -> Vec<u64> {
        let item = &self.seating.inputs[input][server];
        let number = self.numbers(item);
        (0..self.places(item.axis) * item.from.len()).map(|i| number(i) << shift).collect()
    }
}

/// The processor, with key streams from the cases' strings. A key is the server's number.
struct Scripted {
    cpu: Cpu,
    cases: Cases,
}

impl Backend for Scripted {
    fn name(&self) -> String {
        "scripted".into()
    }

    fn upload(&self, bytes: &[u8]) -> Result<Buf> {
        self.cpu.upload(bytes)
    }

    fn download(&self, bufs: &[(&Buf, usize)]) -> Result<Vec<u8>> {
        self.cpu.download(bufs)
    }

    fn run(&self, kernel: &Kernel, ring: RingWord, params: &[u32], inputs: &[&Buf], len: usize) -> Result<Buf> {
        match kernel.name {
            "chacha" => {
                let key = self.cpu.download(&[(inputs[0], 32)])?;
                let words = self.cases.draw(usize::from(key[0]), params[0] as usize, len);
                self.cpu.upload(bytemuck::cast_slice(&words))
            }
            "chacha_rows" => panic!("scenes have no rows of owners"),
            _ => self.cpu.run(kernel, ring, params, inputs, len),
        }
    }
}

/// What the servers heard in a run.
pub(super) struct Played {
    /// What the other server sent to server 0 and to server 1.
    pub(super) opened: [Vec<u32>; 2],
    /// What the dealer sent to server 1.
    pub(super) dealt: Vec<u32>,
    /// What came out, put together.
    pub(super) results: Vec<Vec<u64>>,
}

/// Runs a scene.
pub(super) fn play(scene: &impl Scene, script: &Script, cases: &Cases) -> Played {
    let device = || Device::new(Arc::new(Scripted { cpu: Cpu::default(), cases: cases.clone() }), script.profile.ring);
    let seeds = [0, 1].map(|server| Seed::from_bytes([server; 32]));
    let (peer0, peer1) = pair("server 0", "server 1");
    let (dealer0, at_dealer) = pair("dealer", "server 0");
    let (dealer1, at_server1) = pair("dealer", "server 1");
    let heard: [Transcript; 3] = Default::default();
    let tap = |link, at: usize| Box::new(TappedChannel::new(link, heard[at].clone(), None));
    let links = [
        Links { peer: tap(peer0, 0), dealer: Box::new(at_dealer) },
        Links { peer: tap(peer1, 1), dealer: tap(at_server1, 2) },
    ];
    let results = thread::scope(|scope| {
        let device = &device;
        let mut servers = Vec::new();
        for (id, (links, seed)) in (0..).zip(links.into_iter().zip(&seeds)) {
            servers.push(scope.spawn(move || {
                let device = device();
                let mut parameters = Vec::new();
                for (at, input) in script.inputs.iter().enumerate() {
                    let half = cases.half(usize::from(id), at, input.shift);
                    parameters.push(device.upload(bytemuck::cast_slice(&half), Operand::Wide, [half.len()]).unwrap());
                }
                let mut server = Server::new(id, device, script.profile, 1, seed, Some(links)).unwrap();
                server.set_parameters(parameters);
                let results = scene.results(&mut server, cases.rows, cases.cols).unwrap();
                results.into_iter().map(|output| Numbers::of(&server, output).unwrap()).collect::<Vec<_>>()
            }));
        }
        let seeds = [&seeds[0], &seeds[1]];
        let mut dealer = Dealer::new(device(), script.profile, 1, seeds, Some(Box::new(dealer1))).unwrap();
        scene.run(&mut dealer, cases.rows, cases.cols).unwrap();
        let halves: Vec<_> = servers.into_iter().map(|server| server.join().unwrap()).collect();
        halves[0].iter().zip(&halves[1]).map(|(a, b)| a.add(b)).collect()
    });
    drop(dealer0);
    let words = |heard: Transcript| {
        let bytes: Vec<u8> = heard.frames().into_iter().flat_map(|frame| frame.body).collect();
        bytemuck::pod_collect_to_vec(&bytes)
    };
    let [at0, at1, dealt] = heard.map(words);
    Played { opened: [at0, at1], dealt, results }
}
