//! An engine that forwards every gate to another and records it.

use super::look::Look;
use super::record::{Gate, Held, Record};
use crate::error::Result;
use crate::fixed::{Profile, Window};
use crate::gates::{
    Bilinear, BitOpening, Checked, Chunks, Compare, DropoutMask, ImageWindows, Local, MaxPoolGates, OpenRequest,
    Opening, Product, PublicWires, RangeCheck, Rescale, Reveal, Sampling, Scaling, Select, Softmax, Winner,
};
use crate::party::{Interpreter, Revealed, RunPhase, Scaled, Set, Verdict};
use crate::shape::Shape;

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

impl<W: Scaled> Scaled for Lifted<W> {
    fn shape(&self) -> &Shape {
        self.wire.shape()
    }

    fn bits(&self) -> u32 {
        self.wire.bits()
    }

    fn frac(&self) -> u32 {
        self.wire.frac()
    }

    fn with_frac(self, frac: u32) -> Self {
        Self { wire: self.wire.with_frac(frac), ..self }
    }
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

impl<E: Look> Interpreter for Traced<E> {
    type Share = E::Share;
    type Wire = Lifted<E::Wire>;
    type Bits = E::Bits;
    type MaskedBits = E::MaskedBits;
    type Selectors = E::Selectors;

    fn profile(&self) -> &Profile {
        self.engine.profile()
    }

    fn enter_phase(&mut self, section: RunPhase) {
        self.engine.enter_phase(section);
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

    fn step_done(&mut self, step: u64) -> Result<bool> {
        self.engine.step_done(step)
    }

    fn judge(&mut self, epoch: u32) -> Result<Verdict> {
        self.engine.judge(epoch)
    }

    fn bits_of(selectors: &E::Selectors) -> E::MaskedBits {
        E::bits_of(selectors)
    }
}

/// Gates that make one value of values, and behind a semicolon of what is handed on as it is: each is recorded as a [`Gate`].
macro_rules! traced {
    ($(fn $name:ident($($x:ident: $of:ident),+ $(; $($arg:ident: $plain:ty),+)?) -> $out:ident as $gate:expr;)+) => { $(
        fn $name(&mut self, $($x: &Self::$of,)+ $($($arg: $plain),+)?) -> Result<Self::$out> {
            let out = self.engine.$name($(traced!(@plain $of $x),)+ $($($arg),+)?)?;
            let (gate, inputs) = ($gate, vec![$(traced!(@look self $of $x)),+]);
            let held = traced!(@look self $out (&out));
            self.note(gate, inputs, held);
            Ok(out)
        }
    )+ };
    (@plain Wire $x:ident) => { &$x.wire };
    (@plain $of:ident $x:ident) => { $x };
    (@look $e:ident Bits $x:tt) => { $e.engine.bits($x) };
    (@look $e:ident MaskedBits $x:tt) => { $e.engine.opened($x) };
    (@look $e:ident Selectors $x:tt) => { $e.engine.selectors($x) };
    (@look $e:ident Share $x:tt) => { Look::share(&$e.engine, $x) };
    (@look $e:ident Wire $x:tt) => { $e.seen($x) };
}

impl<E: Look> Opening for Traced<E> {
    fn open_all(&mut self, list: &[OpenRequest<'_, E::Share>]) -> Result<Vec<Self::Wire>> {
        let wires = self.engine.open_all(list)?;
        Ok(self.note_wires(list, wires))
    }
}

impl<E: Look> Compare for Traced<E> {
    traced! {
        fn pair_signs(y: Wire; window: Window) -> Bits as Gate::PairSigns { window };
    }

    fn sign_all(&mut self, list: &[(&Self::Wire, Window)]) -> Result<Vec<E::Bits>> {
        let plain: Vec<_> = list.iter().map(|(y, w)| (&y.wire, *w)).collect();
        let out = self.engine.sign_all(&plain)?;
        for ((y, window), bits) in list.iter().zip(&out) {
            let (y, bits) = (self.seen(y), self.engine.bits(bits));
            self.note(Gate::Sign { window: *window }, vec![y], bits);
        }
        Ok(out)
    }

    fn at_least_all(&mut self, y: &Self::Wire, window: Window, thresholds: &[i64]) -> Result<Vec<E::Bits>> {
        let out = self.engine.at_least_all(&y.wire, window, thresholds)?;
        for (threshold, bits) in thresholds.iter().zip(&out) {
            let (y, bits) = (self.seen(y), self.engine.bits(bits));
            self.note(Gate::AtLeast { window, threshold: *threshold }, vec![y], bits);
        }
        Ok(out)
    }

    fn compare_batch(
        &mut self,
        pairs: &[(&Self::Wire, &Self::Wire)],
        wires: &[&Self::Wire],
        window: Window,
    ) -> Result<(Vec<E::Bits>, Vec<E::Bits>)> {
        let plain: Vec<_> = pairs.iter().map(|(x, y)| (&x.wire, &y.wire)).collect();
        let single: Vec<_> = wires.iter().map(|y| &y.wire).collect();
        let (larger, signs) = self.engine.compare_batch(&plain, &single, window)?;
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
}

impl<E: Look> BitOpening for Traced<E> {
    traced! {
        fn xor(a: Bits, b: Bits) -> Bits as Gate::Xor;
        fn share_bits(b: Selectors) -> Share as Gate::ShareBits;
    }

    fn open_with_selectors_all(
        &mut self,
        values: &[OpenRequest<'_, E::Share>],
        list: &[&E::Bits],
    ) -> Result<(Vec<Self::Wire>, Vec<E::Selectors>)> {
        let (wires, out) = self.engine.open_with_selectors_all(values, list)?;
        let wires = self.note_wires(values, wires);
        for (b, open) in list.iter().zip(&out) {
            let (b, open) = (self.engine.bits(b), self.engine.selectors(open));
            self.note(Gate::MaskedBits { ring: true }, vec![b], open);
        }
        Ok((wires, out))
    }

    fn open_bits_all(&mut self, list: &[&E::Bits]) -> Result<Vec<E::MaskedBits>> {
        let out = self.engine.open_bits_all(list)?;
        for (b, open) in list.iter().zip(&out) {
            let (b, open) = (self.engine.bits(b), self.engine.opened(open));
            self.note(Gate::MaskedBits { ring: false }, vec![b], open);
        }
        Ok(out)
    }
}

impl<E: Look> Traced<E> {
    fn note_wires(&mut self, list: &[OpenRequest<'_, E::Share>], wires: Vec<E::Wire>) -> Vec<Lifted<E::Wire>> {
        let one = |(open, wire): (&OpenRequest<'_, E::Share>, E::Wire)| {
            let OpenRequest { share, bits, lifted, .. } = *open;
            let cut = share.frac() - open.frac;
            let (share, held) = (self.engine.share(share), self.engine.wire(&wire, lifted));
            self.note(Gate::Open { cut, bits, lifted }, vec![share], held);
            Lifted { wire, lifted }
        };
        list.iter().zip(wires).map(one).collect()
    }
}

impl<E: Look> MaxPoolGates for Traced<E> {
    traced! {
        fn pick(c: MaskedBits, x: Wire, y: Wire) -> Share as Gate::Pick;
    }

    fn and(&mut self, bits: &[(&E::MaskedBits, bool)]) -> Result<E::Bits> {
        let out = self.engine.and(bits)?;
        let flips = bits.iter().map(|(_, flip)| *flip).collect();
        let inputs = bits.iter().map(|(b, _)| self.engine.opened(b)).collect();
        let held = self.engine.bits(&out);
        self.note(Gate::And { flips }, inputs, held);
        Ok(out)
    }
}

impl<E: Look> Winner for Traced<E> {
    traced! {
        fn winner(y: Wire; window: Window) -> Bits as Gate::Winner { window };
    }
}

impl<E: Look> Select for Traced<E> {
    traced! {
        fn extend(y: Wire) -> Share as Gate::Extend;
        fn select(b: Selectors, y: Wire) -> Share as Gate::Select;
    }
}

impl<E: Look> Product for Traced<E> {
    fn product(&mut self, x: &Self::Wire, w: &Self::Wire, map: impl Into<Bilinear>) -> Result<E::Share> {
        let map = map.into();
        let out = self.engine.product(&x.wire, &w.wire, map)?;
        Ok(self.note_share(Gate::Product { map }, vec![self.seen(x), self.seen(w)], out))
    }
}

impl<E: Look> PublicWires for Traced<E> {
    fn public_parameter(&mut self, index: usize, shape: &Shape) -> Result<Self::Wire> {
        Ok(Lifted { wire: self.engine.public_parameter(index, shape)?, lifted: false })
    }

    fn public_numbers(&mut self, x: &[i64], frac: u32, shape: &Shape) -> Result<Self::Wire> {
        Ok(Lifted { wire: self.engine.public_numbers(x, frac, shape)?, lifted: false })
    }
}

impl<E: Look> Rescale for Traced<E> {
    fn rescale(&mut self, list: &[Scaling<'_, E::Share>]) -> Result<Vec<E::Share>> {
        let out = self.engine.rescale(list)?;
        for (s, y) in list.iter().zip(&out) {
            let gate = Gate::Rescale { bits: s.share.bits(), scale: s.scale, shift: s.shift(), times: s.times };
            let (x, y) = (self.engine.share(s.share), self.engine.share(y));
            self.note(gate, vec![x], y);
        }
        Ok(out)
    }
}

impl<E: Look> Local for Traced<E> {
    traced! {
        fn box_sum_share(x: Share; boxes: ImageWindows) -> Share as Gate::BoxSum { boxes };
        fn dropout_share(x: Share; kept: &DropoutMask) -> Share as Gate::Dropout { kept: kept.clone() };
        fn narrow(x: Share; frac: u32) -> Share as Gate::Narrow { cut: x.frac() - frac };
        fn add_row(z: Share, b: Share) -> Share as Gate::AddRow;
        fn sum_chunks(x: Share; chunks: Chunks) -> Share as Gate::SumChunks { chunks };
        fn sum_rows(x: Wire; cols: usize, frac: u32) -> Share as Gate::SumRows { cols, shift: frac - x.frac() };
        fn combine(x: Share, y: Share; kx: i64, ky: i64) -> Share as Gate::Combine { kx, ky };
    }

    fn box_sum(&mut self, x: &Self::Wire, boxes: ImageWindows) -> Result<Self::Wire> {
        let wire = self.engine.box_sum(&x.wire, boxes)?;
        // one tap a box is a wire like the one it is of
        debug_assert!(!x.lifted || boxes.len() == 1, "a sum has several lifts");
        let out = Lifted { wire, lifted: x.lifted };
        let (x, held) = (self.seen(x), self.seen(&out));
        self.note(Gate::BoxSum { boxes }, vec![x], held);
        Ok(out)
    }

    fn dropout(&mut self, x: &Self::Wire, kept: &DropoutMask) -> Result<Self::Wire> {
        let out = Lifted { wire: self.engine.dropout(&x.wire, kept)?, lifted: x.lifted };
        debug_assert!(!x.lifted, "a lift is not 0");
        let (x, held) = (self.seen(x), self.seen(&out));
        self.note(Gate::Dropout { kept: kept.clone() }, vec![x], held);
        Ok(out)
    }

    fn share(&mut self, x: &Self::Wire) -> Result<E::Share> {
        let out = Local::share(&mut self.engine, &x.wire)?;
        Ok(self.note_share(Gate::Share, vec![self.seen(x)], out))
    }
}

impl<E: Look> RangeCheck for Traced<E> {
    fn sample(&mut self, of: Sampling<'_, Self::Wire>) -> Result<Self::Wire> {
        let wire = self.engine.sample(of.part(|w| &w.wire))?;
        let Sampling { kept, y, z, places } = of;
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

    fn count(&mut self, before: Option<&E::Share>, list: &[&E::Selectors]) -> Result<E::Share> {
        let out = self.engine.count(before, list)?;
        let bits = list.iter().map(|b| self.engine.selectors(b));
        let inputs = bits.chain(before.map(|x| self.engine.share(x))).collect();
        Ok(self.note_share(Gate::Count { before: before.is_some() }, inputs, out))
    }
}

impl<E: Look> Softmax for Traced<E> {
    traced! {
        fn below_max(y: Wire, won: MaskedBits) -> Share as Gate::BelowMax;
        fn exp(d: Wire) -> Share as Gate::Exp;
        fn row_sum(e: Share) -> Share as Gate::RowSum;
        fn reciprocal(s: Wire) -> Share as Gate::Reciprocal;
        fn inverse_sqrt(s: Wire) -> Share as Gate::InverseSqrt;
        fn probability(e: Wire, r: Wire) -> Share as Gate::Probability;
    }
}

impl<E: Look> Reveal for Traced<E> {
    traced! {
        fn hits(won: MaskedBits, labels: Wire) -> Share as Gate::Hits;
    }

    fn reveal(&mut self, what: Revealed, share: &E::Share) -> Result<()> {
        self.engine.reveal(what, share)
    }

    fn reveal_bits(&mut self, what: Revealed, bits: &E::Bits) -> Result<()> {
        self.engine.reveal_bits(what, bits)
    }
}
