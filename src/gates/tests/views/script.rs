//! The randomness of a gate, written down: what is drawn, in which order, in numbers of how many bits.
//!
//! A scene's script repeats the table of draws of docs/protocols.md 0.5 for one case. From it follow the length of a
//! case's *string* (all inputs and draws, bit by bit), where each number sits in it, and what a server hears: the other server's
//! masks come back as what was opened under them, server 0's frames come back to server 1 as corrections.

use crate::fixed::Profile;
use crate::gates::harness::random;
use crate::kernel::layout::digits;
use crate::kernel::packed::words;
use crate::prg::public_seed;

/// Inputs and randomness of a scene.
pub(super) struct Script {
    pub(super) profile: Profile,
    pub(super) inputs: Vec<Input>,
    pub(super) draws: Vec<Draw>,
}

/// A value that goes into a scene: two halves, sums of which are the secret (XOR for bits).
#[derive(Clone)]
pub(super) struct Input {
    item: Item,
    /// Bits below the value in `Z_2^64`, all 0.
    pub(super) shift: u32,
    halves: [Vec<u64>; 2],
}

impl Input {
    /// All pairs of halves of `bits` bits: every secret, with every own half.
    pub(super) fn all(bits: u32) -> Self {
        Self { item: Item::new(bits), shift: 0, halves: [Vec::new(), Vec::new()] }
    }

    /// These halves in every case.
    pub(super) fn given(bits: u32, halves: [&[u64]; 2]) -> Self {
        Self::all(bits).half(0, halves[0]).half(1, halves[1])
    }

    /// With this half of a server in every case.
    pub(super) fn half(mut self, server: usize, half: &[u64]) -> Self {
        self.item = self.item.each(half.len()).given(server);
        self.halves[server] = half.to_vec();
        self
    }

    pub(super) fn shift(self, shift: u32) -> Self {
        Self { shift, ..self }
    }

    pub(super) fn each(self, each: usize) -> Self {
        Self { item: self.item.each(each), ..self }
    }

    pub(super) fn axis(self, axis: Axis) -> Self {
        Self { item: self.item.axis(axis), ..self }
    }
}

/// What is drawn under one stream number.
pub(super) enum Draw {
    /// A mask of each server, under which one thing is opened.
    Mask(Vec<Item>),
    /// Server 0's half of a frame that the dealer makes up for server 1.
    Frame(Vec<Item>),
    /// A broken one, for controls: the numbers of an earlier draw once more.
    Again(usize),
}

impl Draw {
    /// Of which a server's numbers do not vary.
    pub(super) fn given(self, server: usize) -> Self {
        self.map(|item| item.given(server))
    }

    /// Drawn by row, by column, or by case.
    pub(super) fn axis(self, axis: Axis) -> Self {
        self.map(|item| item.axis(axis))
    }

    fn map(self, f: impl Fn(Item) -> Item) -> Self {
        match self {
            Self::Mask(items) => Self::Mask(items.into_iter().map(f).collect()),
            Self::Frame(items) => Self::Frame(items.into_iter().map(f).collect()),
            Self::Again(earlier) => Self::Again(earlier),
        }
    }
}

/// Packed numbers, `each` of `bits` bits for every case, cases one behind the other.
#[derive(Clone)]
pub(super) struct Item {
    bits: u32,
    each: usize,
    axis: Axis,
    given: [bool; 2],
    only: Option<Vec<usize>>,
}

/// What an item has a place for: all cases, or the rows or columns that they are laid out in for a matrix product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Axis {
    Cases,
    Cols,
    Rows,
}

impl Item {
    pub(super) fn new(bits: u32) -> Self {
        Self { bits, each: 1, axis: Axis::Cases, given: [false; 2], only: None }
    }

    pub(super) fn each(self, each: usize) -> Self {
        Self { each, ..self }
    }

    /// A server's numbers do not vary; what is padded by them is not looked at.
    fn given(mut self, server: usize) -> Self {
        self.given[server] = true;
        self
    }

    /// Of the numbers of a case only these vary; what is padded by the others is not looked at.
    pub(super) fn only(self, numbers: &[usize]) -> Self {
        Self { only: Some(numbers.to_vec()), ..self }
    }

    fn axis(self, axis: Axis) -> Self {
        Self { axis, ..self }
    }
}

/// An item with its places in the strings of the cases.
#[derive(Clone)]
pub(super) struct Placed {
    pub(super) bits: u32,
    pub(super) axis: Axis,
    /// For every number of a case, where it comes from.
    pub(super) from: Vec<From>,
    /// For every number of a case, where in the view what is padded by it sits; `None` if it is not looked at.
    pub(super) to: Vec<Option<usize>>,
}

/// Where a number comes from.
#[derive(Clone, Copy)]
pub(super) enum From {
    /// The case's string, from a bit on.
    String(usize),
    /// The same in every case.
    Given(u64),
}

impl Placed {
    /// Words that the item takes.
    pub(super) fn words(&self, places: usize) -> usize {
        words(places * self.from.len(), self.bits)
    }

    /// The bits of the string that it is.
    pub(super) fn string(&self) -> impl Iterator<Item = usize> {
        let start = |from: &From| if let From::String(at) = from { Some(*at) } else { None };
        self.from.iter().filter_map(start).flat_map(|at| at..at + self.bits as usize)
    }

    /// The bits of the view that what is padded by it is.
    pub(super) fn view(&self) -> impl Iterator<Item = usize> {
        self.to.iter().flatten().flat_map(|at| *at..at + self.bits as usize)
    }
}

/// A draw with its places.
pub(super) struct Drawn {
    /// Whether it is a frame: server 0's alone, told to server 1 as a correction.
    pub(super) frame: bool,
    /// Each server's items; of a frame, server 1 has none.
    pub(super) items: [Vec<Placed>; 2],
}

/// A script with all places given.
pub(super) struct Seating {
    /// Halves of each input.
    pub(super) inputs: Vec<[Placed; 2]>,
    pub(super) draws: Vec<Drawn>,
    /// Bits of a string.
    pub(super) string: usize,
    /// Bits of a view; more than those of a string where a draw comes again.
    pub(super) view: usize,
    /// Bits of a string that columns take; they come first.
    pub(super) columns: usize,
}

impl Seating {
    /// Places for what varies; `all` lets everything vary.
    pub(super) fn new(script: &Script, all: bool) -> Self {
        // columns take the low bits: the first pass counts them
        let (.., [columns, _]) = seat(script, Seats { next: [0, 0], all });
        let (inputs, mut draws, [_, string]) = seat(script, Seats { next: [0, columns], all });
        let mut view = string;
        for (at, draw) in script.draws.iter().enumerate() {
            if let Draw::Again(earlier) = draw {
                let (frame, mut items) = (draws[*earlier].frame, draws[*earlier].items.clone());
                for item in items.iter_mut().flatten() {
                    for to in item.to.iter_mut().flatten() {
                        *to = view;
                        view += item.bits as usize;
                    }
                }
                draws[at] = Drawn { frame, items };
            }
        }
        Self { inputs, draws, string, view, columns }
    }

    /// The bits of a string that a server knows itself.
    pub(super) fn own(&self, server: usize) -> impl Iterator<Item = usize> {
        let inputs = self.inputs.iter().flatten();
        inputs.chain(self.draws.iter().flat_map(move |d| &d.items[server])).flat_map(Placed::string)
    }

    /// The items under which a server hears something, in the order in which it hears it: openings, or corrections.
    pub(super) fn heard(&self, server: usize, frames: bool) -> impl Iterator<Item = &Placed> {
        let draws = self.draws.iter().filter(move |d| d.frame == frames);
        draws.flat_map(move |d| &d.items[1 - server])
    }
}

/// Inputs and draws with their places, and how many bits columns and all take.
fn seat(script: &Script, mut seats: Seats) -> (Vec<[Placed; 2]>, Vec<Drawn>, [usize; 2]) {
    let mut inputs = Vec::new();
    for (at, input) in script.inputs.iter().enumerate() {
        let name = |server: usize| format!("input {at} of server {server}");
        inputs.push([0, 1].map(|server| seats.place(&input.item, server, &input.halves[server], &name(server))));
    }
    let mut draws = Vec::new();
    for (at, draw) in script.draws.iter().enumerate() {
        let (items, frame) = match draw {
            Draw::Mask(items) => (&items[..], false),
            Draw::Frame(items) => (&items[..], true),
            Draw::Again(_) => (&[][..], false),
        };
        let items = [0, 1].map(|server| {
            let name = format!("draw {at} of server {server}");
            let place = |item| seats.place(item, server, &[], &name);
            if frame && server == 1 { Vec::new() } else { items.iter().map(place).collect() }
        });
        draws.push(Drawn { frame, items });
    }
    (inputs, draws, seats.next)
}

/// Hands out places: of columns, of all others.
struct Seats {
    next: [usize; 2],
    all: bool,
}

impl Seats {
    /// Places of a server's numbers of an item; those that do not vary are `given`, or of this name's own.
    fn place(&mut self, item: &Item, server: usize, given: &[u64], name: &str) -> Placed {
        let values = if given.is_empty() { &random(&public_seed(0, name), item.each)[..] } else { given };
        let next = &mut self.next[usize::from(item.axis != Axis::Cols)];
        let mut from = |number: usize| {
            let varies = !item.given[server] && item.only.as_ref().is_none_or(|only| only.contains(&number));
            if !self.all && !varies {
                return From::Given(values[number]);
            }
            *next += item.bits as usize;
            From::String(*next - item.bits as usize)
        };
        let from: Vec<From> = (0..item.each).map(&mut from).collect();
        let to = from.iter().map(|from| if let From::String(at) = from { Some(*at) } else { None }).collect();
        Placed { bits: item.bits, axis: item.axis, from, to }
    }
}

/// An opening of `each` numbers a case (1.1, 2.2).
pub(super) fn open(bits: u32, each: usize) -> Draw {
    Draw::Mask(vec![Item::new(bits).each(each)])
}

/// A frame of items, one number each.
pub(super) fn frame(bits: &[u32], each: usize) -> Draw {
    Draw::Frame(bits.iter().map(|bits| Item::new(*bits).each(each)).collect())
}

/// An extension (2.3).
pub(super) fn extend(p: &Profile, wire: u32, each: usize) -> Draw {
    frame(&[p.ring - wire; 2], each)
}

/// A select (3.2).
pub(super) fn select(p: &Profile, wire: u32, each: usize) -> Draw {
    frame(&[p.ring - wire, p.ring - wire, p.ring, p.ring - wire], each)
}

/// A comparison (3.1): of `each` elements that lie beside each other in a case, in `planes` that lie one behind the other.
/// Of the tables' bits only `entries` vary where some are named.
pub(super) fn compare(k: u32, each: usize, planes: usize, entries: Option<&[usize]>) -> [Draw; 2] {
    let table = Item::new(1).each(16 * each);
    let table = entries.map_or(table.clone(), |entries| table.only(entries));
    let rho = vec![Item::new(1).each(each); planes];
    let [own, products] = threshold(k, each, planes);
    let Draw::Frame(products) = products else { unreachable!("products are dealt") };
    [own, Draw::Frame([vec![table; digits(k) * planes], rho, products].concat())]
}

/// One more threshold of a comparison (3.1): no tables.
pub(super) fn threshold(k: u32, each: usize, planes: usize) -> [Draw; 2] {
    let m = digits(k);
    let bits = |count: usize| vec![Item::new(1).each(each); count * planes];
    let products = (1 << (m - 1)) - m + (0..m - 1).map(|j| (1 << (m - 1 - j)) - 1).sum::<usize>();
    [Draw::Mask(bits(2 * m - 2)), Draw::Frame(bits(products))]
}

/// A winner of `classes` (3.4), from the comparisons of all pairs on.
pub(super) fn winner(classes: usize) -> [Draw; 3] {
    let pairs = classes * (classes - 1) / 2;
    let products = (1 << (classes - 1)) - classes;
    [
        Draw::Mask(vec![Item::new(1); pairs]),
        Draw::Frame(vec![Item::new(1).each(classes); products]),
        Draw::Mask(vec![Item::new(1).each(classes)]),
    ]
}
