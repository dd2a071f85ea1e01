//! An engine that forwards every gate to another and records it.

use super::record::{Gate, Held, Record};
use crate::engine::Engine;
use crate::error::Result;
use crate::fixed::{Profile, Window};
use crate::gates::{
    Bilinear, Boxes, Checked, Compare, Kept, Local, Open, OpenBit, Opening, Places, Pool, Product, RangeCheck, Rescale,
    Reveal, Scaling, Select, Softmax, Winner,
};
use crate::party::{
    BitShare, Clear, Half, Number, OpenBits, OpenWire, Revealed, Section, Server, Set, Values, Verdict,
};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// An engine whose values can be looked into.
pub(crate) trait Look: Engine {
    fn share(&self, x: &Self::Share) -> Held;
    fn wire(&self, x: &Self::Wire, lifted: bool) -> Held;
    fn bits(&self, x: &Self::Bits) -> Held;
    fn opened(&self, x: &Self::OpenBits) -> Held;
    /// Stream numbers and rounds used so far.
    fn place(&self) -> [u64; 2];
}

/// Forwards and records.
pub(crate) struct Traced<E> {
    pub(crate) engine: E,
    pub(crate) records: Vec<Record<Held>>,
    scope: String,
}

/// A wire, and whether it is lifted.
#[derive(Clone)]
pub(crate) struct Lifted<W> {
    wire: W,
    lifted: bool,
}

impl<E: Look> Traced<E> {
    pub(crate) fn new(engine: E) -> Self {
        Self { engine, records: Vec::new(), scope: String::new() }
    }

    fn note(&mut self, gate: Gate, inputs: Vec<Held>, output: Held) {
        let (scope, place) = (self.scope.clone(), self.engine.place());
        self.records.push(Record { scope, gate, inputs, output, place });
    }

    fn note_share(&mut self, gate: Gate, inputs: Vec<Held>, output: E::Share) -> E::Share {
        let held = self.engine.share(&output);
        self.note(gate, inputs, held);
        output
    }

    fn seen(&self, x: &Lifted<E::Wire>) -> Held {
        self.engine.wire(&x.wire, x.lifted)
    }
}

impl<E: Look> Values for Traced<E> {
    type Share = E::Share;
    type Wire = Lifted<E::Wire>;
    type Bits = E::Bits;
    type OpenBits = E::OpenBits;

    fn profile(&self) -> &Profile {
        self.engine.profile()
    }

    fn section(&mut self, section: Section) {
        self.engine.section(section);
    }

    fn scope(&mut self, name: &str) {
        self.scope = name.into();
        self.engine.scope(name);
    }

    fn parameter(&mut self, index: usize, shape: &Shape) -> Result<E::Share> {
        self.engine.parameter(index, shape)
    }

    fn zeros(&mut self, shape: &Shape) -> Result<E::Share> {
        self.engine.zeros(shape)
    }

    fn rows(&mut self, set: Set, rows: &[u32]) -> Result<Self::Wire> {
        Ok(Lifted { wire: self.engine.rows(set, rows)?, lifted: false })
    }

    fn begin(&mut self, step: u64) -> Result<()> {
        self.engine.begin(step)
    }

    fn tick(&mut self, step: u64) -> Result<bool> {
        self.engine.tick(step)
    }

    fn judge(&mut self, epoch: u32) -> Result<Verdict> {
        self.engine.judge(epoch)
    }

    fn shape_of(share: &E::Share) -> Shape {
        E::shape_of(share)
    }

    fn wire_bits(wire: &Self::Wire) -> u32 {
        E::wire_bits(&wire.wire)
    }

    fn wire_shape(wire: &Self::Wire) -> Shape {
        E::wire_shape(&wire.wire)
    }
}

impl<E: Look> Opening for Traced<E> {
    fn open(&mut self, list: &[Open<'_, E::Share>]) -> Result<Vec<Self::Wire>> {
        let wires = self.engine.open(list)?;
        Ok(self.note_wires(list, wires))
    }
}

impl<E: Look> Compare for Traced<E> {
    fn sign(&mut self, list: &[(&Self::Wire, Window)]) -> Result<Vec<E::Bits>> {
        let plain: Vec<_> = list.iter().map(|(y, w)| (&y.wire, *w)).collect();
        let out = self.engine.sign(&plain)?;
        for ((y, window), bits) in list.iter().zip(&out) {
            let (y, bits) = (self.seen(y), self.engine.bits(bits));
            self.note(Gate::Sign { window: *window }, vec![y], bits);
        }
        Ok(out)
    }

    fn at_least(&mut self, y: &Self::Wire, window: Window, thresholds: &[i64]) -> Result<Vec<E::Bits>> {
        let out = self.engine.at_least(&y.wire, window, thresholds)?;
        for (threshold, bits) in thresholds.iter().zip(&out) {
            let (y, bits) = (self.seen(y), self.engine.bits(bits));
            self.note(Gate::AtLeast { window, threshold: *threshold }, vec![y], bits);
        }
        Ok(out)
    }

    fn order(
        &mut self,
        pairs: &[(&Self::Wire, &Self::Wire)],
        wires: &[&Self::Wire],
        window: Window,
    ) -> Result<(Vec<E::Bits>, Vec<E::Bits>)> {
        let plain: Vec<_> = pairs.iter().map(|(x, y)| (&x.wire, &y.wire)).collect();
        let single: Vec<_> = wires.iter().map(|y| &y.wire).collect();
        let (larger, signs) = self.engine.order(&plain, &single, window)?;
        for ((x, y), bits) in pairs.iter().zip(&larger) {
            let (inputs, bits) = (vec![self.seen(x), self.seen(y)], self.engine.bits(bits));
            self.note(Gate::Larger { window }, inputs, bits);
        }
        for (y, bits) in wires.iter().zip(&signs) {
            let (y, bits) = (self.seen(y), self.engine.bits(bits));
            self.note(Gate::Sign { window }, vec![y], bits);
        }
        Ok((larger, signs))
    }

    fn pair_signs(&mut self, y: &Self::Wire, window: Window) -> Result<E::Bits> {
        let out = self.engine.pair_signs(&y.wire, window)?;
        let (y, bits) = (self.seen(y), self.engine.bits(&out));
        self.note(Gate::PairSigns { window }, vec![y], bits);
        Ok(out)
    }
}

impl<E: Look> OpenBit for Traced<E> {
    fn xor(&mut self, a: &E::Bits, b: &E::Bits) -> Result<E::Bits> {
        let out = self.engine.xor(a, b)?;
        let inputs = vec![self.engine.bits(a), self.engine.bits(b)];
        let held = self.engine.bits(&out);
        self.note(Gate::Xor, inputs, held);
        Ok(out)
    }

    fn share_bits(&mut self, b: &E::OpenBits) -> Result<E::Share> {
        let out = self.engine.share_bits(b)?;
        Ok(self.note_share(Gate::ShareBits, vec![self.engine.opened(b)], out))
    }

    fn open_with_bits(
        &mut self,
        values: &[Open<'_, E::Share>],
        list: &[&E::Bits],
        ring: bool,
    ) -> Result<(Vec<Self::Wire>, Vec<E::OpenBits>)> {
        let (wires, out) = self.engine.open_with_bits(values, list, ring)?;
        let wires = self.note_wires(values, wires);
        self.note_bits(list, &out, ring);
        Ok((wires, out))
    }

    fn open_bits(&mut self, list: &[&E::Bits], ring: bool) -> Result<Vec<E::OpenBits>> {
        let out = self.engine.open_bits(list, ring)?;
        self.note_bits(list, &out, ring);
        Ok(out)
    }
}

impl<E: Look> Traced<E> {
    fn note_wires(&mut self, list: &[Open<'_, E::Share>], wires: Vec<E::Wire>) -> Vec<Lifted<E::Wire>> {
        let one = |(open, wire): (&Open<'_, E::Share>, E::Wire)| {
            let Open { share, cut, bits, lifted, .. } = *open;
            let (share, held) = (self.engine.share(share), self.engine.wire(&wire, lifted));
            self.note(Gate::Open { cut, bits, lifted }, vec![share], held);
            Lifted { wire, lifted }
        };
        list.iter().zip(wires).map(one).collect()
    }

    fn note_bits(&mut self, list: &[&E::Bits], out: &[E::OpenBits], ring: bool) {
        for (b, open) in list.iter().zip(out) {
            let (b, open) = (self.engine.bits(b), self.engine.opened(open));
            self.note(Gate::OpenBits { ring }, vec![b], open);
        }
    }
}

impl<E: Look> Pool for Traced<E> {
    fn pick(&mut self, c: &E::OpenBits, x: &Self::Wire, y: &Self::Wire) -> Result<E::Share> {
        let out = self.engine.pick(c, &x.wire, &y.wire)?;
        Ok(self.note_share(Gate::Pick, vec![self.engine.opened(c), self.seen(x), self.seen(y)], out))
    }

    fn and(&mut self, bits: &[(&E::OpenBits, bool)]) -> Result<E::Bits> {
        let out = self.engine.and(bits)?;
        let flips = bits.iter().map(|(_, flip)| *flip).collect();
        let inputs = bits.iter().map(|(b, _)| self.engine.opened(b)).collect();
        let held = self.engine.bits(&out);
        self.note(Gate::And { flips }, inputs, held);
        Ok(out)
    }
}

impl<E: Look> Winner for Traced<E> {
    fn winner(&mut self, y: &Self::Wire, window: Window) -> Result<E::OpenBits> {
        let out = self.engine.winner(&y.wire, window)?;
        let (y, won) = (self.seen(y), self.engine.opened(&out));
        self.note(Gate::Winner { window }, vec![y], won);
        Ok(out)
    }
}

impl<E: Look> Select for Traced<E> {
    fn extend(&mut self, y: &Self::Wire) -> Result<E::Share> {
        let out = self.engine.extend(&y.wire)?;
        Ok(self.note_share(Gate::Extend, vec![self.seen(y)], out))
    }

    fn select(&mut self, b: &E::OpenBits, y: &Self::Wire) -> Result<E::Share> {
        let out = self.engine.select(b, &y.wire)?;
        Ok(self.note_share(Gate::Select, vec![self.engine.opened(b), self.seen(y)], out))
    }
}

impl<E: Look> Product for Traced<E> {
    fn product(&mut self, x: &Self::Wire, w: &Self::Wire, map: impl Into<Bilinear>) -> Result<E::Share> {
        let map = map.into();
        let out = self.engine.product(&x.wire, &w.wire, map)?;
        Ok(self.note_share(Gate::Product { map }, vec![self.seen(x), self.seen(w)], out))
    }
}

impl<E: Look> Rescale for Traced<E> {
    fn rescale(&mut self, list: &[Scaling<'_, E::Share>]) -> Result<Vec<E::Share>> {
        let out = self.engine.rescale(list)?;
        for (s, y) in list.iter().zip(&out) {
            let gate = Gate::Rescale { bits: s.bits, scale: s.scale, shift: s.shift, times: s.times };
            let (x, y) = (self.engine.share(s.share), self.engine.share(y));
            self.note(gate, vec![x], y);
        }
        Ok(out)
    }
}

impl<E: Look> Local for Traced<E> {
    fn box_sum(&mut self, x: &Self::Wire, boxes: Boxes) -> Result<Self::Wire> {
        let wire = self.engine.box_sum(&x.wire, boxes)?;
        // one tap a box is a wire like the one it is of
        debug_assert!(!x.lifted || boxes.len() == 1, "a sum has several lifts");
        let out = Lifted { wire, lifted: x.lifted };
        let (x, held) = (self.seen(x), self.seen(&out));
        self.note(Gate::BoxSum { boxes }, vec![x], held);
        Ok(out)
    }

    fn box_sum_share(&mut self, x: &E::Share, boxes: Boxes) -> Result<E::Share> {
        let out = self.engine.box_sum_share(x, boxes)?;
        Ok(self.note_share(Gate::BoxSum { boxes }, vec![self.engine.share(x)], out))
    }

    fn dropout(&mut self, x: &Self::Wire, kept: &Kept) -> Result<Self::Wire> {
        let out = Lifted { wire: self.engine.dropout(&x.wire, kept)?, lifted: x.lifted };
        debug_assert!(!x.lifted, "a lift is not 0");
        let (x, held) = (self.seen(x), self.seen(&out));
        self.note(Gate::Dropout { kept: kept.clone() }, vec![x], held);
        Ok(out)
    }

    fn dropout_share(&mut self, x: &E::Share, kept: &Kept) -> Result<E::Share> {
        let out = self.engine.dropout_share(x, kept)?;
        Ok(self.note_share(Gate::Dropout { kept: kept.clone() }, vec![self.engine.share(x)], out))
    }

    fn narrow(&mut self, x: &E::Share, cut: u32) -> Result<E::Share> {
        let out = self.engine.narrow(x, cut)?;
        Ok(self.note_share(Gate::Narrow { cut }, vec![self.engine.share(x)], out))
    }

    fn add_row(&mut self, z: &E::Share, b: &E::Share) -> Result<E::Share> {
        let out = self.engine.add_row(z, b)?;
        Ok(self.note_share(Gate::AddRow, vec![self.engine.share(z), self.engine.share(b)], out))
    }

    fn sum_rows(&mut self, x: &Self::Wire, cols: usize, shift: u32) -> Result<E::Share> {
        let out = self.engine.sum_rows(&x.wire, cols, shift)?;
        Ok(self.note_share(Gate::SumRows { cols, shift }, vec![self.seen(x)], out))
    }

    fn combine(&mut self, x: &E::Share, y: &E::Share, kx: i64, ky: i64) -> Result<E::Share> {
        let out = self.engine.combine(x, y, kx, ky)?;
        Ok(self.note_share(Gate::Combine { kx, ky }, vec![self.engine.share(x), self.engine.share(y)], out))
    }

    fn share(&mut self, x: &Self::Wire) -> Result<E::Share> {
        let out = Local::share(&mut self.engine, &x.wire)?;
        Ok(self.note_share(Gate::Share, vec![self.seen(x)], out))
    }
}

impl<E: Look> RangeCheck for Traced<E> {
    fn sample(
        &mut self,
        kept: Option<&Self::Wire>,
        y: &Self::Wire,
        z: Option<&Self::Wire>,
        places: Places,
    ) -> Result<Self::Wire> {
        let wire = self.engine.sample(kept.map(|w| &w.wire), &y.wire, z.map(|w| &w.wire), places)?;
        // two lifts cancel out
        let out = Lifted { wire, lifted: y.lifted && z.is_none() };
        let inputs = [Some(y), z, kept].into_iter().flatten().map(|w| self.seen(w)).collect();
        let held = self.seen(&out);
        self.note(Gate::Sample { places, difference: z.is_some(), kept: kept.is_some() }, inputs, held);
        Ok(out)
    }

    fn outside<'a>(&mut self, list: &[Checked<'a, Self::Wire>]) -> Result<Vec<E::Bits>> {
        debug_assert!(list.iter().all(|y| y.lifted == y.wire.lifted), "a lift is told");
        let plain = |y: &Checked<'a, Self::Wire>| Checked { wire: &y.wire.wire, bound: y.bound, lifted: y.lifted };
        let out = self.engine.outside(&list.iter().map(plain).collect::<Vec<_>>())?;
        for (y, bits) in list.iter().zip(&out) {
            let (wire, bits) = (self.seen(y.wire), self.engine.bits(bits));
            self.note(Gate::Outside { bound: y.bound }, vec![wire], bits);
        }
        Ok(out)
    }

    fn count(&mut self, before: Option<&E::Share>, list: &[&E::OpenBits]) -> Result<E::Share> {
        let out = self.engine.count(before, list)?;
        let bits = list.iter().map(|b| self.engine.opened(b));
        let inputs = bits.chain(before.map(|x| self.engine.share(x))).collect();
        Ok(self.note_share(Gate::Count { before: before.is_some() }, inputs, out))
    }
}

impl<E: Look> Softmax for Traced<E> {
    fn below_max(&mut self, y: &Self::Wire, won: &E::OpenBits) -> Result<E::Share> {
        let out = self.engine.below_max(&y.wire, won)?;
        Ok(self.note_share(Gate::BelowMax, vec![self.seen(y), self.engine.opened(won)], out))
    }

    fn exp(&mut self, d: &Self::Wire) -> Result<E::Share> {
        let out = self.engine.exp(&d.wire)?;
        Ok(self.note_share(Gate::Exp, vec![self.seen(d)], out))
    }

    fn row_sum(&mut self, e: &E::Share) -> Result<E::Share> {
        let out = self.engine.row_sum(e)?;
        Ok(self.note_share(Gate::RowSum, vec![self.engine.share(e)], out))
    }

    fn reciprocal(&mut self, s: &Self::Wire) -> Result<E::Share> {
        let out = self.engine.reciprocal(&s.wire)?;
        Ok(self.note_share(Gate::Reciprocal, vec![self.seen(s)], out))
    }

    fn probability(&mut self, e: &Self::Wire, r: &Self::Wire) -> Result<E::Share> {
        let out = self.engine.probability(&e.wire, &r.wire)?;
        Ok(self.note_share(Gate::Probability, vec![self.seen(e), self.seen(r)], out))
    }
}

impl<E: Look> Reveal for Traced<E> {
    fn hits(&mut self, won: &E::OpenBits, labels: &Self::Wire) -> Result<E::Share> {
        let out = self.engine.hits(won, &labels.wire)?;
        Ok(self.note_share(Gate::Hits, vec![self.engine.opened(won), self.seen(labels)], out))
    }

    fn reveal(&mut self, what: Revealed, share: &E::Share) -> Result<()> {
        self.engine.reveal(what, share)
    }
}

impl Look for Server {
    fn share(&self, x: &Half) -> Held {
        Held::Share { x: values(self, &x.x), bits: x.bits, shape: x.x.shape().clone() }
    }

    fn wire(&self, x: &OpenWire, lifted: bool) -> Held {
        let (hat, r) = (values(self, &x.hat), values(self, &x.r));
        Held::Wire { hat, r, bits: x.bits, lifted, shape: x.hat.shape().clone() }
    }

    fn bits(&self, x: &BitShare) -> Held {
        Held::Bits { x: words(self, &x.x), shape: x.shape.clone() }
    }

    fn opened(&self, x: &OpenBits) -> Held {
        let lambda = x.lambda.as_ref().map(|l| words(self, l));
        Held::OpenBits { hat: words(self, &x.hat), own: words(self, &x.own), lambda, shape: x.shape.clone() }
    }

    fn place(&self) -> [u64; 2] {
        Self::place(self)
    }
}

impl Look for Clear {
    fn share(&self, x: &Number) -> Held {
        Held::Plain(x.clone())
    }

    fn wire(&self, x: &Number, _: bool) -> Held {
        Held::Plain(x.clone())
    }

    fn bits(&self, x: &Number) -> Held {
        Held::Plain(x.clone())
    }

    fn opened(&self, x: &Number) -> Held {
        Held::Plain(x.clone())
    }

    fn place(&self) -> [u64; 2] {
        [0; 2]
    }
}

fn values(server: &Server, x: &Tensor) -> Vec<u64> {
    server.device().download(x).unwrap()
}

fn words(server: &Server, x: &Tensor) -> Vec<u32> {
    values(server, x).into_iter().map(|w| u32::try_from(w).unwrap()).collect()
}
