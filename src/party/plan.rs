//! The plan, for cost estimates: a server and the dealer run the program on a device that computes nothing, and count.
//!
//! A cost is never written down: it is what the gates themselves ask and deal.

use std::sync::Arc;

use super::cost::CostTable;
use super::masked_rows::{MaskedRows, RowMasks, Set, SetShape};
use super::{Cost, CostEntry, CostKind, Dealer, Interpreter, RunPhase, Server, Stats, Traffic, Verdict};
use crate::backend::{Meter, Null};
use crate::error::Result;
use crate::fixed::Profile;
use crate::kernel::Operand;
use crate::prg::Seed;
use crate::shape::Shape;
use crate::tensor::Device;

/// Counts what a job costs.
#[derive(Debug)]
pub struct Plan {
    pub(crate) server: Server,
    pub(crate) dealer: Dealer,
    section: RunPhase,
    scope: String,
    cost_table: CostTable,
    /// Of the server's device and of the dealer's.
    meters: [Meter; 2],
}

/// Bytes of the bodies of the largest frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LargestFrames {
    /// From a server to the other.
    pub opened: u64,
    /// From the dealer.
    pub dealt: u64,
}

/// A data set of a plan: what it holds, its layout, and the rows of every owner.
pub type PlannedSet = (Set, SetShape, Vec<u32>);

impl Plan {
    /// A plan over data sets.
    ///
    /// # Errors
    /// None in practice: the plan's device neither allocates nor computes.
    pub fn new(profile: &Profile, sets: &[PlannedSet]) -> Result<Self> {
        let null = [Null::default(), Null::default()];
        let meters = null.each_ref().map(|n| n.meter().clone());
        let [ours, theirs] = null.map(|n| Device::new(Arc::new(n), profile.ring));
        let seed = Seed::from_bytes([0; 32]);
        let mut server = Server::new(1, ours.clone(), *profile, 0, &seed, None)?;
        let mut dealer = Dealer::new(theirs.clone(), *profile, 0, [&seed, &seed], None)?;
        for (set, shape, owners) in sets {
            let mut masked = MaskedRows::new(*shape);
            let mut masks = [RowMasks::new(*set, *shape), RowMasks::new(*set, *shape)];
            for rows in owners {
                masked.push_zeros(&ours, *rows)?;
                masks[0].push(&ours, *rows, &[&seed])?;
                masks[1].push(&theirs, *rows, &[&seed, &seed])?;
            }
            let [own, dealt] = masks;
            server.set_rows(*set, masked, own);
            dealer.set_rows(*set, dealt);
        }
        let (section, scope, cost_table) = (RunPhase::Setup, String::new(), CostTable::default());
        Ok(Self { server, dealer, section, scope, cost_table, meters })
    }

    /// Gives the server initial parameters of these shapes.
    ///
    /// # Errors
    /// None in practice: the plan's device neither allocates nor computes.
    pub fn set_parameters(&mut self, shapes: &[Shape]) -> Result<()> {
        let zeros = |shape: &Shape| self.server.device().zeros(Operand::Wide, shape.clone());
        let parameters = shapes.iter().map(zeros).collect::<Result<_>>()?;
        self.server.set_parameters(parameters);
        Ok(())
    }

    /// Runs a part of a program once, and counts it `times` times.
    ///
    /// # Errors
    /// Those of `part`.
    pub fn times(&mut self, times: u64, part: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let Some(more) = times.checked_sub(1) else { return Ok(()) };
        let before =
            (self.server.session.counters.clone(), self.dealer.session.counters.clone(), self.cost_table.clone());
        part(self)?;
        self.server.session.counters.repeat(&before.0, more);
        self.dealer.session.counters.repeat(&before.1, more);
        self.cost_table.repeat(&before.2, more);
        Ok(())
    }

    /// What a section costs a server.
    pub fn server(&self, section: RunPhase) -> Stats {
        self.server.session.stats(section)
    }

    /// What a section costs the dealer.
    pub fn dealer(&self, section: RunPhase) -> Stats {
        self.dealer.session.stats(section)
    }

    /// What everything costs, by section, place and kind. It sums up to what [`Plan::server`] and [`Plan::dealer`] say.
    pub fn entries(&self) -> &[CostEntry] {
        self.cost_table.entries()
    }

    /// What a server's device holds.
    pub fn server_memory(&self) -> &Meter {
        &self.meters[0]
    }

    /// The largest frames of the job.
    pub fn largest_frames(&self) -> LargestFrames {
        let [opened, dealt] = self.server.session.counters.longest.map(|bytes| bytes as u64);
        LargestFrames { opened, dealt }
    }

    /// What the dealer's device holds.
    pub fn dealer_memory(&self) -> &Meter {
        &self.meters[1]
    }

    /// Runs a gate on both sides and notes its cost under the kind that the server's gate has.
    pub(crate) fn gate<T, U>(
        &mut self,
        ask: impl FnOnce(&mut Server) -> Result<T>,
        deal: impl FnOnce(&mut Dealer) -> Result<U>,
    ) -> Result<(T, U)> {
        let (out, cost) = self.both(ask, deal)?;
        match self.server.last_gate() {
            Some(kind) => self.cost_table.note(self.section, &self.scope, kind, &cost),
            None => debug_assert_eq!(cost, Cost::default(), "a gate without a kind is local"),
        }
        Ok(out)
    }

    /// Runs a gate that opens values and, in the same round, bits: `bytes` of them, and all that is dealt, count as bits.
    pub(crate) fn gate_with_bits<T, U>(
        &mut self,
        bytes: usize,
        ask: impl FnOnce(&mut Server) -> Result<T>,
        deal: impl FnOnce(&mut Dealer) -> Result<U>,
    ) -> Result<(T, U)> {
        let (out, cost) = self.both(ask, deal)?;
        let kind = self.server.last_gate().unwrap_or(CostKind::Bits);
        let opened = Traffic { frames: 0, bytes: bytes as u64 };
        let bits = Cost { opened, dealt: cost.dealt, ..Cost::default() };
        self.cost_table.note(self.section, &self.scope, kind, &cost.since(&bits));
        self.cost_table.note(self.section, &self.scope, CostKind::Bits, &bits);
        Ok(out)
    }

    /// Runs a gate on both sides, and says what it cost.
    fn both<T, U>(
        &mut self,
        ask: impl FnOnce(&mut Server) -> Result<T>,
        deal: impl FnOnce(&mut Dealer) -> Result<U>,
    ) -> Result<((T, U), Cost)> {
        let before = self.cost();
        let out = (ask(&mut self.server)?, deal(&mut self.dealer)?);
        let cost = self.cost().since(&before);
        Ok((out, cost))
    }

    /// Runs a gate that answers a list.
    pub(crate) fn gates<T, U>(
        &mut self,
        ask: impl FnOnce(&mut Server) -> Result<Vec<T>>,
        deal: impl FnOnce(&mut Dealer) -> Result<Vec<U>>,
    ) -> Result<Vec<(T, U)>> {
        let (asked, dealt) = self.gate(ask, deal)?;
        Ok(asked.into_iter().zip(dealt).collect())
    }

    fn cost(&self) -> Cost {
        Cost::of(&self.server(self.section), &self.dealer(self.section))
    }
}

/// Gates of the plan: the server's and the dealer's run one after the other on what each of the two holds.
///
/// Values come first, and what is handed on as it is comes behind a semicolon.
macro_rules! planned {
    ($(fn $gate:ident($($x:ident: $of:ident),+ $(; $($arg:ident: $plain:ty),+)?) -> $out:ident;)+) => { $(
        fn $gate(&mut self, $($x: &Self::$of,)+ $($($arg: $plain),+)?) -> $crate::error::Result<Self::$out> {
            $crate::party::planned!(@run self [$gate] [$($x)+] [$($($arg)+)?])
        }
    )+ };
    (@run $plan:ident [$gate:ident] [$($x:ident)+] $args:tt) => {
        $plan.gate(
            |s| $crate::party::planned!(@call s $gate [$((&$x.0))+] $args),
            |d| $crate::party::planned!(@call d $gate [$((&$x.1))+] $args),
        )
    };
    (@call $party:ident $gate:ident [$($x:tt)+] [$($arg:ident)*]) => { $party.$gate($($x,)+ $($arg),*) };
}
pub(crate) use planned;

impl Interpreter for Plan {
    type Share = (super::AdditiveShare, super::DealtShare);
    type Wire = (super::MaskedWire, super::DealtWire);
    type Bits = (super::BitShare, Shape);
    type MaskedBits = (super::MaskedBits, super::DealtBits);
    type Selectors = (super::Selectors, super::DealtBits);

    fn profile(&self) -> &Profile {
        self.server.profile()
    }

    fn enter_phase(&mut self, section: RunPhase) {
        self.section = section;
        self.server.enter_phase(section);
        self.dealer.enter_phase(section);
    }

    fn scope(&mut self, name: &str) {
        self.scope.clear();
        self.scope.push_str(name);
    }

    fn parameter(&mut self, index: usize, shape: &Shape) -> Result<Self::Share> {
        Ok((self.server.parameter(index, shape)?, self.dealer.parameter(index, shape)?))
    }

    fn zeros(&mut self, shape: &Shape) -> Result<Self::Share> {
        Ok((self.server.zeros(shape)?, self.dealer.zeros(shape)?))
    }

    fn rows(&mut self, set: Set, numbers: &[u32]) -> Result<Self::Wire> {
        Ok((self.server.rows(set, numbers)?, self.dealer.rows(set, numbers)?))
    }

    fn step_done(&mut self, step: u64) -> Result<bool> {
        Ok(self.server.step_done(step)? && self.dealer.step_done(step)?)
    }

    /// A plan is of all epochs.
    fn judge(&mut self, _: u32) -> Result<Verdict> {
        Ok(Verdict { goes_on: true, best: true })
    }

    fn bits_of(selectors: &Self::Selectors) -> Self::MaskedBits {
        (selectors.0.bits.clone(), selectors.1.clone())
    }
}
