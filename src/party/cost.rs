//! What a job costs, by place in the program and by kind.

use serde::{Deserialize, Serialize};

use super::{RunPhase, Stats, Traffic};

/// What rounds, bytes and multiplications are for. The names are those of the literature's cost tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostKind {
    /// Weights, opened as operands of products.
    Weights,
    /// Products' corrections and multiplications.
    Products,
    /// Outputs of products, cut and opened.
    Outputs,
    /// Comparisons of activations and pools.
    Compares,
    /// Their bits, opened; dealt: the bits' masks in the ring.
    Bits,
    /// Corrections of products with these bits.
    Selects,
    /// Operands of the next layer, opened.
    Inputs,
    /// Means and variances of normalizations, and what follows from them by channel or row.
    Norm,
    /// The loss, from its opened argument to its gradient.
    Loss,
    /// Gradients on their way back, opened: outputs of products, and operands of the next.
    Gradients,
    /// Gradients and momentum, rescaled.
    Update,
    /// The count of right answers.
    Hits,
    /// Other figures on the test rows.
    Figures,
    /// Samples of wires, checked against their ranges.
    Ranges,
}

impl CostKind {
    /// All kinds, in the order of a step.
    pub const ALL: [Self; 14] = [
        Self::Weights,
        Self::Products,
        Self::Outputs,
        Self::Compares,
        Self::Bits,
        Self::Selects,
        Self::Inputs,
        Self::Norm,
        Self::Loss,
        Self::Gradients,
        Self::Update,
        Self::Hits,
        Self::Figures,
        Self::Ranges,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Products => "products",
            Self::Outputs => "outputs",
            Self::Compares => "compares",
            Self::Bits => "bits",
            Self::Selects => "selects",
            Self::Inputs => "inputs",
            Self::Norm => "norm",
            Self::Loss => "loss",
            Self::Gradients => "gradients",
            Self::Update => "update",
            Self::Hits => "hits",
            Self::Figures => "figures",
            Self::Ranges => "ranges",
        }
    }

    /// What a gate's cost counts as at a place in the program: the loss and the count of right answers are one kind each
    /// but for the logits and the gradient, what is opened on the way back is gradients, and what a normalization compares and
    /// looks up is its statistics.
    pub(super) fn at(self, place: &str) -> Self {
        let (first, last) = (place.split('/').next().unwrap_or(""), place.rsplit('/').next().unwrap_or(""));
        match (first, self) {
            ("weights", Self::Inputs) => Self::Weights,
            ("loss", Self::Inputs) => Self::Gradients,
            ("loss" | "hits", Self::Outputs) => Self::Outputs,
            ("loss", _) => Self::Loss,
            ("hits", _) => Self::Hits,
            ("figures", _) => Self::Figures,
            ("ranges", _) => Self::Ranges,
            (_, Self::Outputs | Self::Inputs) if last == "backward" => Self::Gradients,
            (norm, Self::Compares | Self::Bits | Self::Selects | Self::Update | Self::Loss)
                if norm.contains("-norm") =>
            {
                Self::Norm
            }
            (_, kind) => kind,
        }
    }
}

/// A cost; bytes are those of frames with their headers, as in [`Stats`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Simultaneous exchanges of the servers.
    pub rounds: u64,
    /// From each server to the other.
    pub opened: Traffic,
    /// From the dealer to server 1.
    pub dealt: Traffic,
    /// Ring multiply-adds of matrix products at each server.
    pub macs: u64,
    /// The same at the dealer.
    pub dealer_macs: u64,
}

impl Cost {
    /// The cost that a server's and the dealer's statistics tell.
    pub fn of(server: &Stats, dealer: &Stats) -> Self {
        Self {
            rounds: server.rounds,
            opened: server.sent,
            dealt: dealer.dealt,
            macs: server.macs,
            dealer_macs: dealer.macs,
        }
    }

    /// Adds another cost `times` times.
    pub fn add(&mut self, other: &Self, times: u64) {
        let add = |a: &mut u64, b: u64| *a = a.saturating_add(b.saturating_mul(times));
        add(&mut self.rounds, other.rounds);
        self.opened.add(other.opened, times);
        self.dealt.add(other.dealt, times);
        add(&mut self.macs, other.macs);
        add(&mut self.dealer_macs, other.dealer_macs);
    }

    /// What was added since `before`.
    #[must_use]
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            rounds: self.rounds - before.rounds,
            opened: self.opened.since(before.opened),
            dealt: self.dealt.since(before.dealt),
            macs: self.macs - before.macs,
            dealer_macs: self.dealer_macs - before.dealer_macs,
        }
    }
}

/// The layer of a place in the program, and the pass: `relu1/forward` is `relu1` and `forward`, `loss` is `loss` alone.
pub(crate) fn layer_and_pass(place: &str) -> (&str, Option<&str>) {
    place.split_once('/').map_or((place, None), |(layer, pass)| (layer, Some(pass)))
}

/// A cost with its place and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostEntry {
    /// The part of the run.
    pub section: RunPhase,
    /// The place in the program, as `relu1/forward`.
    pub place: String,
    /// What it is for.
    pub kind: CostKind,
    /// The cost.
    pub cost: Cost,
}

/// Costs by section, place and kind, in the order in which they first arose.
#[derive(Clone, Debug, Default)]
pub(crate) struct CostTable {
    entries: Vec<CostEntry>,
}

impl CostTable {
    /// Notes the cost of a gate at a place.
    pub(crate) fn note(&mut self, section: RunPhase, place: &str, gate: CostKind, cost: &Cost) {
        let kind = gate.at(place);
        let mut own = self.entries.iter_mut();
        match own.find(|e| (e.section, e.kind, e.place.as_str()) == (section, kind, place)) {
            Some(entry) => entry.cost.add(cost, 1),
            None => self.entries.push(CostEntry { section, place: place.into(), kind, cost: *cost }),
        }
    }

    /// Adds what came since `before` `times` times more.
    pub(crate) fn repeat(&mut self, before: &Self, times: u64) {
        let none = Cost::default();
        for (at, entry) in self.entries.iter_mut().enumerate() {
            let since = entry.cost.since(before.entries.get(at).map_or(&none, |e| &e.cost));
            entry.cost.add(&since, times);
        }
    }

    /// The entries.
    pub(crate) fn entries(&self) -> &[CostEntry] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_says_what_an_opening_is() {
        use CostKind::{Compares, Gradients, Hits, Inputs, Loss, Outputs, Weights};
        assert_eq!(Inputs.at("weights"), Weights);
        assert_eq!((Inputs.at("relu1/forward"), Inputs.at("relu1/backward")), (Inputs, Gradients));
        assert_eq!((Outputs.at("relu1/forward"), Outputs.at("relu1/backward")), (Outputs, Gradients));
        assert_eq!((Outputs.at("loss"), Compares.at("loss"), Inputs.at("loss")), (Outputs, Loss, Gradients));
        assert_eq!((Outputs.at("hits"), Compares.at("hits")), (Outputs, Hits));
    }
}
