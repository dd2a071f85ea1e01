//! The plan: a server and the dealer run the program on a device that computes nothing, and count.
//!
//! A cost is never written down: it is what the gates themselves ask and deal.

use std::sync::Arc;

use super::rows::{MaskedRows, RowMasks, Set, SetShape};
use super::{Dealer, Section, Server, Stats, Values};
use crate::backend::Null;
use crate::error::Result;
use crate::fixed::Profile;
use crate::prg::Seed;
use crate::shape::Shape;
use crate::tensor::Device;

/// Counts what a job costs.
#[derive(Debug)]
pub struct Plan {
    pub(crate) server: Server,
    pub(crate) dealer: Dealer,
}

impl Plan {
    /// A plan over data sets of the given layouts.
    ///
    /// # Errors
    /// None in practice: the device computes nothing.
    pub fn new(profile: &Profile, sets: &[(Set, SetShape)]) -> Result<Self> {
        let device = Device::new(Arc::new(Null), profile.ring);
        let seed = Seed::from_bytes([0; 32]);
        let mut server = Server::new(1, device.clone(), profile.clone(), 0, &seed, None)?;
        let mut dealer = Dealer::new(device, profile.clone(), 0, [&seed, &seed], None)?;
        for (set, shape) in sets {
            server.set_rows(*set, MaskedRows::new(*shape), RowMasks::new(*set, *shape));
            dealer.set_rows(*set, RowMasks::new(*set, *shape));
        }
        Ok(Self { server, dealer })
    }

    /// What a section costs a server.
    pub fn server(&self, section: Section) -> Stats {
        self.server.stats(section)
    }

    /// What a section costs the dealer.
    pub fn dealer(&self, section: Section) -> Stats {
        self.dealer.stats(section)
    }
}

impl Values for Plan {
    type Share = (super::Half, Shape);
    type Wire = (super::OpenWire, super::DealtWire);
    type Bits = (super::BitShare, Shape);
    type OpenBits = (super::OpenBits, super::DealtBits);

    fn profile(&self) -> &Profile {
        self.server.profile()
    }

    fn section(&mut self, section: Section) {
        self.server.section(section);
        self.dealer.section(section);
    }

    fn scope(&mut self, _: &str) {}

    fn parameter(&mut self, index: usize, shape: &Shape) -> Result<Self::Share> {
        Ok((self.server.parameter(index, shape)?, self.dealer.parameter(index, shape)?))
    }

    fn zeros(&mut self, shape: &Shape) -> Result<Self::Share> {
        Ok((self.server.zeros(shape)?, self.dealer.zeros(shape)?))
    }

    fn rows(&mut self, set: Set, numbers: &[u32]) -> Result<Self::Wire> {
        Ok((self.server.rows(set, numbers)?, self.dealer.rows(set, numbers)?))
    }

    fn tick(&mut self, step: u64) -> Result<()> {
        self.server.tick(step)?;
        self.dealer.tick(step)
    }

    fn shape_of(share: &Self::Share) -> Shape {
        share.1.clone()
    }
}
