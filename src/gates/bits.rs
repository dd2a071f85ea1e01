//! Secret bits: opening them under masks, and what follows from that.
//!
//!   1. lambda: a XOR mask from the seeds; where asked for, D deals it in the ring too: n bits
//!   2. b_hat <- open([b] ^ [lambda])
//!
//!   3. [b] = b_hat + (1 - 2 b_hat) [lambda] in the ring, locally
//!
//! Rounds 1 for a whole list, opens 1 bit per bit.
//! Source: protocols.md 3.2, 3.4. Perfect; every bit has its own fresh mask.

use crate::error::Result;
use crate::gates::{Open, Opening};
use crate::kernel::fast::bits::{plane, words};
use crate::kernel::table::{CORRECT_BITS, CorrectParams, SHARE_BITS, ShareBitsParams, XOR, XorParams};
use crate::party::{
    BitShare, Clear, CostKind, Dealer, DealtBits, Half, Number, OpenBits, OpenWire, Plan, Server, Values, count,
};
use crate::shape::Shape;

/// Combines and opens secret bits.
pub trait OpenBit: Opening {
    /// `a ^ b`, locally.
    ///
    /// # Errors
    /// What the device says.
    fn xor(&mut self, a: &Self::Bits, b: &Self::Bits) -> Result<Self::Bits>;

    /// Opened bits, with their masks in the ring, as a share of the ring: 0 or 1; locally.
    ///
    /// # Errors
    /// What the device says.
    fn share_bits(&mut self, b: &Self::OpenBits) -> Result<Self::Share>;

    /// Opens all of a list in one round; with `ring`, the masks are dealt in the ring too, as [`select`] needs.
    ///
    /// [`select`]: crate::gates::Select::select
    ///
    /// # Errors
    /// What the device or the link says.
    fn open_bits(&mut self, list: &[&Self::Bits], ring: bool) -> Result<Vec<Self::OpenBits>>;

    /// Opens values and bits in one round.
    ///
    /// # Errors
    /// What the device or the link says.
    #[expect(clippy::type_complexity, reason = "the two lists of the two gates")]
    fn open_with_bits(
        &mut self,
        values: &[Open<'_, Self::Share>],
        list: &[&Self::Bits],
        ring: bool,
    ) -> Result<(Vec<Self::Wire>, Vec<Self::OpenBits>)> {
        Ok((self.open(values)?, self.open_bits(list, ring)?))
    }
}

impl OpenBit for Server {
    fn xor(&mut self, a: &BitShare, b: &BitShare) -> Result<BitShare> {
        let x = self.device().run(&XOR, XorParams { a_at: 0, b_at: 0 }, &[&a.x, &b.x], [a.x.len()])?;
        Ok(BitShare { x, shape: a.shape.clone() })
    }

    fn share_bits(&mut self, b: &OpenBits) -> Result<Half> {
        let bits = self.profile().ring;
        let params = ShareBitsParams { ring: bits, first: self.first() };
        let x = self.device().run(&SHARE_BITS, params, &[&b.hat, b.in_ring()], b.shape.clone())?;
        Ok(Half { x, bits })
    }

    fn open_bits(&mut self, list: &[&BitShare], ring: bool) -> Result<Vec<OpenBits>> {
        self.open_with_bits(&[], list, ring).map(|(_, bits)| bits)
    }

    fn open_with_bits(
        &mut self,
        values: &[Open<'_, Half>],
        list: &[&BitShare],
        ring: bool,
    ) -> Result<(Vec<OpenWire>, Vec<OpenBits>)> {
        let values = self.ask_open(values)?;
        let mut held = Vec::with_capacity(list.len());
        for b in list {
            let (len, bits) = (b.shape.len(), self.profile().ring);
            let own = self.draw(plane(len))?;
            let lambda = if ring { Some(self.dealt(words(len, bits))?) } else { None };
            let masked = self.device().run(&XOR, XorParams { a_at: 0, b_at: 0 }, &[&b.x, &own], [plane(len)])?;
            held.push((masked, own, lambda));
        }
        let packed = values.iter().map(|v| &v.packed).chain(held.iter().map(|(masked, ..)| masked));
        let asks: Vec<_> = packed.map(|words| (words, words.len())).collect();
        let peer = self.exchange(&asks)?;
        let mut at = peer.at.iter().copied();
        let mut next = || at.next().expect("an exchange answers every ask");
        let wires = values.into_iter().map(|v| self.tell_open(v, &peer.words, next())).collect::<Result<_>>()?;
        let mut out = Vec::with_capacity(list.len());
        for ((masked, own, lambda), b) in held.into_iter().zip(list) {
            let params = XorParams { a_at: 0, b_at: next() };
            let hat = self.device().run(&XOR, params, &[&masked, &peer.words], [own.len()])?;
            out.push(OpenBits { hat, own, lambda, shape: b.shape.clone() });
        }
        Ok((wires, out))
    }
}

impl OpenBit for Dealer {
    fn xor(&mut self, a: &Shape, _: &Shape) -> Result<Shape> {
        Ok(a.clone())
    }

    fn share_bits(&mut self, b: &DealtBits) -> Result<Shape> {
        Ok(b.shape.clone())
    }

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
            out.push(DealtBits { lambda, shape: (*shape).clone() });
        }
        Ok(out)
    }
}

impl OpenBit for Clear {
    fn xor(&mut self, a: &Number, b: &Number) -> Result<Number> {
        let x = a.x.iter().zip(&b.x).map(|(a, b)| a ^ b).collect();
        Ok(Number { x, ..a.clone() })
    }

    fn share_bits(&mut self, b: &Number) -> Result<Number> {
        Ok(Number::new(b.x.clone(), b.shape.clone(), self.profile().ring))
    }

    fn open_bits(&mut self, list: &[&Number], _: bool) -> Result<Vec<Number>> {
        Ok(list.iter().map(|b| (*b).clone()).collect())
    }
}

impl OpenBit for Plan {
    fn open_with_bits(
        &mut self,
        values: &[Open<'_, Self::Share>],
        list: &[&Self::Bits],
        ring: bool,
    ) -> Result<(Vec<Self::Wire>, Vec<Self::OpenBits>)> {
        let (server, dealer): (Vec<_>, Vec<_>) = list.iter().map(|b| (&b.0, &b.1)).unzip();
        let shares: Vec<_> = values.iter().map(|o| o.of(&o.share.0)).collect();
        let shapes: Vec<_> = values.iter().map(|o| o.of(&o.share.1)).collect();
        let kind = values.first().map_or(CostKind::Bits, Open::kind);
        let opened: usize = list.iter().map(|b| 4 * plane(b.1.len())).sum();
        let ((wires, bits), (masks, lambdas)) = self.gate_with_bits(
            kind,
            opened,
            |s| s.open_with_bits(&shares, &server, ring),
            |d| d.open_with_bits(&shapes, &dealer, ring),
        )?;
        Ok((wires.into_iter().zip(masks).collect(), bits.into_iter().zip(lambdas).collect()))
    }

    fn xor(&mut self, a: &Self::Bits, b: &Self::Bits) -> Result<Self::Bits> {
        Ok((self.server.xor(&a.0, &b.0)?, self.dealer.xor(&a.1, &b.1)?))
    }

    fn share_bits(&mut self, b: &Self::OpenBits) -> Result<Self::Share> {
        Ok((self.server.share_bits(&b.0)?, self.dealer.share_bits(&b.1)?))
    }

    fn open_bits(&mut self, list: &[&Self::Bits], ring: bool) -> Result<Vec<Self::OpenBits>> {
        let server: Vec<_> = list.iter().map(|b| &b.0).collect();
        let dealer: Vec<_> = list.iter().map(|b| &b.1).collect();
        self.gates(CostKind::Bits, |s| s.open_bits(&server, ring), |d| d.open_bits(&dealer, ring))
    }
}
