//! Opening secret bits under masks.
//!
//!   1. lambda: a XOR mask from the seeds; where asked for, D deals it in the ring too: n bits
//!   2. b_hat <- open([b] ^ [lambda])
//!
//! Rounds 1 for a whole list, opens 1 bit per bit. Then [b] = b_hat + (1 - 2 b_hat) [lambda] in the ring.
//! Source: protocols.md 3.2, 3.4. Perfect; every bit has its own fresh mask.

use crate::error::Result;
use crate::kernel::fast::bits::{plane, words};
use crate::kernel::table::{CORRECT_BITS, CorrectParams, XOR, XorParams};
use crate::party::{BitShare, Clear, Dealer, DealtBits, Number, OpenBits, Plan, Server, Values, count};
use crate::shape::Shape;

/// Opens secret bits.
pub trait OpenBit: Values {
    /// Opens all of a list in one round; with `ring`, the masks are dealt in the ring too, as [`select`] needs.
    ///
    /// [`select`]: crate::gates::Select::select
    ///
    /// # Errors
    /// What the device or the link says.
    fn open_bits(&mut self, list: &[&Self::Bits], ring: bool) -> Result<Vec<Self::OpenBits>>;
}

impl OpenBit for Server {
    fn open_bits(&mut self, list: &[&BitShare], ring: bool) -> Result<Vec<OpenBits>> {
        let mut held = Vec::with_capacity(list.len());
        for b in list {
            let (len, bits) = (b.shape.len(), self.profile().ring);
            let own = self.draw(plane(len))?;
            let lambda = if ring { Some(self.dealt(words(len, bits))?) } else { None };
            let masked = self.device().run(&XOR, XorParams { a_at: 0, b_at: 0 }, &[&b.x, &own], [plane(len)])?;
            held.push((masked, own, lambda));
        }
        let asks: Vec<_> = held.iter().map(|(masked, ..)| (masked, masked.len())).collect();
        let peer = self.exchange(&asks)?;
        let mut out = Vec::with_capacity(list.len());
        for (((masked, own, lambda), at), b) in held.into_iter().zip(&peer.at).zip(list) {
            let params = XorParams { a_at: 0, b_at: *at };
            let hat = self.device().run(&XOR, params, &[&masked, &peer.words], [own.len()])?;
            out.push(OpenBits { hat, own, lambda, shape: b.shape.clone() });
        }
        Ok(out)
    }
}

impl OpenBit for Dealer {
    fn open_bits(&mut self, list: &[&Shape], ring: bool) -> Result<Vec<DealtBits>> {
        let mut out = Vec::with_capacity(list.len());
        for shape in list {
            let [own0, own1] = self.draw(plane(shape.len()))?;
            let params = XorParams { a_at: 0, b_at: 0 };
            let lambda = self.device().run(&XOR, params, &[&own0, &own1], [own0.len()])?;
            if ring {
                let bits = self.profile().ring;
                let share0 = self.share0(words(shape.len(), bits))?;
                let params = CorrectParams { len: count(shape.len()), bits };
                let dealt = self.device().run(&CORRECT_BITS, params, &[&lambda, &share0], [share0.len()])?;
                self.ship(&dealt)?;
            }
            out.push(DealtBits { lambda });
        }
        Ok(out)
    }
}

impl OpenBit for Clear {
    fn open_bits(&mut self, list: &[&Number], _: bool) -> Result<Vec<Number>> {
        Ok(list.iter().map(|b| (*b).clone()).collect())
    }
}

impl OpenBit for Plan {
    fn open_bits(&mut self, list: &[&Self::Bits], ring: bool) -> Result<Vec<Self::OpenBits>> {
        let server: Vec<_> = list.iter().map(|b| &b.0).collect();
        let dealer: Vec<_> = list.iter().map(|b| &b.1).collect();
        Ok(self.server.open_bits(&server, ring)?.into_iter().zip(self.dealer.open_bits(&dealer, ring)?).collect())
    }
}
