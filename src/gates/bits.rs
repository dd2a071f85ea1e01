//! Secret bits: opening them under masks, and what follows from that.
//!
//!   1. lambda: a XOR mask from the seeds; of bits that select, D deals it in the ring too: n bits
//!   2. b_hat <- open([b] ^ [lambda])
//!
//!   3. [b] = b_hat + (1 - 2 b_hat) [lambda] in the ring, locally
//!
//! Rounds 1 for a whole list, opens 1 bit per bit.
//! Source: protocols.md 3.2, 3.4. Perfect; every bit has its own fresh mask.

use crate::error::Result;
use crate::gates::{OpenRequest, Opening, array};
use crate::kernel::count;
use crate::kernel::packed::{plane, words};
use crate::kernel::twin::pack::{XOR, XorParams};
use crate::kernel::twin::select::{CORRECT_BITS, CorrectParams, SHARE_BITS, ShareBitsParams};
use crate::party::{
    AdditiveShare, BitShare, Clear, ClearTensor, CostKind, Dealer, DealtBits, DealtShare, DealtWire, Interpreter,
    MaskedBits, MaskedWire, Plan, Selectors, Server, planned,
};
use crate::shape::Shape;

/// Combines and opens secret bits.
pub trait BitOpening: Opening {
    /// `a ^ b`, locally.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn xor(&mut self, a: &Self::Bits, b: &Self::Bits) -> Result<Self::Bits>;

    /// Opened bits as a share of the ring: 0 or 1, without fraction bits; locally.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn share_bits(&mut self, b: &Self::Selectors) -> Result<Self::Share>;

    /// Opens all of a list in one round.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn open_bits_all(&mut self, list: &[&Self::Bits]) -> Result<Vec<Self::MaskedBits>>;

    /// Opens bits in one round.
    ///
    /// # Errors
    /// As [`BitOpening::open_bits_all`].
    fn open_bits<const N: usize>(&mut self, list: [&Self::Bits; N]) -> Result<[Self::MaskedBits; N]> {
        self.open_bits_all(&list).map(array)
    }

    /// Opens values, and bits that [`select`] takes, in one round: the bits' masks are dealt in the ring too.
    ///
    /// [`select`]: crate::gates::Select::select
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    #[expect(clippy::type_complexity, reason = "the two lists of the two gates")]
    fn open_with_selectors_all(
        &mut self,
        values: &[OpenRequest<'_, Self::Share>],
        list: &[&Self::Bits],
    ) -> Result<(Vec<Self::Wire>, Vec<Self::Selectors>)>;

    /// The same for a known number of values.
    ///
    /// # Errors
    /// As [`BitOpening::open_with_selectors_all`].
    #[expect(clippy::type_complexity, reason = "the two lists of the two gates")]
    fn open_with_selectors<const N: usize>(
        &mut self,
        values: [OpenRequest<'_, Self::Share>; N],
        list: &[&Self::Bits],
    ) -> Result<([Self::Wire; N], Vec<Self::Selectors>)> {
        self.open_with_selectors_all(&values, list).map(|(wires, selectors)| (array(wires), selectors))
    }

    /// Opens bits that [`select`] takes in one round.
    ///
    /// [`select`]: crate::gates::Select::select
    ///
    /// # Errors
    /// As [`BitOpening::open_with_selectors_all`].
    fn open_selectors_all(&mut self, list: &[&Self::Bits]) -> Result<Vec<Self::Selectors>> {
        self.open_with_selectors_all(&[], list).map(|(_, selectors)| selectors)
    }

    /// The same for a known number of bits.
    ///
    /// # Errors
    /// As [`BitOpening::open_with_selectors_all`].
    fn open_selectors<const N: usize>(&mut self, list: [&Self::Bits; N]) -> Result<[Self::Selectors; N]> {
        self.open_selectors_all(&list).map(array)
    }
}

impl Server {
    /// Opens values and bits in one round; gives with each of the bits what `dealt` receives for as many masks.
    #[expect(clippy::type_complexity, reason = "the two lists of the two gates")]
    fn open_masked<T>(
        &mut self,
        values: &[OpenRequest<'_, AdditiveShare>],
        list: &[&BitShare],
        dealt: impl Fn(&mut Self, usize) -> Result<T>,
    ) -> Result<(Vec<MaskedWire>, Vec<(MaskedBits, T)>)> {
        let values = self.ask_open(values)?;
        let mut held = Vec::with_capacity(list.len());
        for b in list {
            let len = b.shape.len();
            let own = self.draw(plane(len))?;
            let dealt = dealt(self, len)?;
            let masked = self.device().run(&XOR, XorParams { a_at: 0, b_at: 0 }, &[&b.x, &own], [plane(len)])?;
            held.push((masked, own, dealt, b.shape.clone()));
        }
        let packed = values.iter().map(|v| &v.packed).chain(held.iter().map(|(masked, ..)| masked));
        let asks: Vec<_> = packed.map(|words| (words, words.len())).collect();
        let peer = self.exchange(&asks)?;
        let (of_values, of_bits) = peer.at.split_at(values.len());
        let values = values.into_iter().zip(of_values);
        let wires = values.map(|(v, at)| self.tell_open(v, &peer.words, *at)).collect::<Result<_>>()?;
        let mut bits = Vec::with_capacity(list.len());
        for ((masked, own, dealt, shape), at) in held.into_iter().zip(of_bits) {
            let params = XorParams { a_at: 0, b_at: *at };
            let hat = self.device().run(&XOR, params, &[&masked, &peer.words], [own.len()])?;
            bits.push((MaskedBits { hat, own, shape }, dealt));
        }
        Ok((wires, bits))
    }
}

impl BitOpening for Server {
    fn xor(&mut self, a: &BitShare, b: &BitShare) -> Result<BitShare> {
        let x = self.device().run(&XOR, XorParams { a_at: 0, b_at: 0 }, &[&a.x, &b.x], [a.x.len()])?;
        Ok(BitShare { x, shape: a.shape.clone() })
    }

    fn share_bits(&mut self, b: &Selectors) -> Result<AdditiveShare> {
        let bits = self.profile().ring;
        let params = ShareBitsParams { ring: bits, first: self.first() };
        let x = self.device().run(&SHARE_BITS, params, &[&b.bits.hat, &b.lambda], b.bits.shape.clone())?;
        Ok(AdditiveShare { x, bits, frac: 0 })
    }

    fn open_bits_all(&mut self, list: &[&BitShare]) -> Result<Vec<MaskedBits>> {
        let _gate = self.gate(CostKind::Bits);
        let (_, bits) = self.open_masked(&[], list, |_, _| Ok(()))?;
        Ok(bits.into_iter().map(|(bits, ())| bits).collect())
    }

    fn open_with_selectors_all(
        &mut self,
        values: &[OpenRequest<'_, AdditiveShare>],
        list: &[&BitShare],
    ) -> Result<(Vec<MaskedWire>, Vec<Selectors>)> {
        let _gate = self.gate(values.first().map_or(CostKind::Bits, OpenRequest::kind));
        let ring = self.profile().ring;
        let (wires, bits) = self.open_masked(values, list, |server, len| server.dealt(words(len, ring)))?;
        Ok((wires, bits.into_iter().map(|(bits, lambda)| Selectors { bits, lambda }).collect()))
    }
}

impl Dealer {
    /// Draws the masks of bits.
    fn mask_bits(&mut self, shape: &Shape) -> Result<DealtBits> {
        let [own0, own1] = self.draw(plane(shape.len()))?;
        let params = XorParams { a_at: 0, b_at: 0 };
        let lambda = self.device().run(&XOR, params, &[&own0, &own1], [own0.len()])?;
        Ok(DealtBits { lambda, shape: shape.clone() })
    }
}

impl BitOpening for Dealer {
    fn xor(&mut self, a: &Shape, _: &Shape) -> Result<Shape> {
        Ok(a.clone())
    }

    fn share_bits(&mut self, b: &DealtBits) -> Result<DealtShare> {
        Ok(DealtShare { shape: b.shape.clone(), bits: self.profile().ring, frac: 0 })
    }

    fn open_bits_all(&mut self, list: &[&Shape]) -> Result<Vec<DealtBits>> {
        list.iter().map(|shape| self.mask_bits(shape)).collect()
    }

    fn open_with_selectors_all(
        &mut self,
        values: &[OpenRequest<'_, DealtShare>],
        list: &[&Shape],
    ) -> Result<(Vec<DealtWire>, Vec<DealtBits>)> {
        let wires = self.open_all(values)?;
        let (mut selectors, bits) = (Vec::with_capacity(list.len()), self.profile().ring);
        for shape in list {
            let masks = self.mask_bits(shape)?;
            let params = CorrectParams { len: count(shape.len()), bits };
            self.deal(&CORRECT_BITS, params, &[&masks.lambda], words(shape.len(), bits))?;
            selectors.push(masks);
        }
        Ok((wires, selectors))
    }
}

impl BitOpening for Clear {
    fn xor(&mut self, a: &ClearTensor, b: &ClearTensor) -> Result<ClearTensor> {
        let x = a.x.iter().zip(&b.x).map(|(a, b)| a ^ b).collect();
        Ok(ClearTensor { x, ..a.clone() })
    }

    fn share_bits(&mut self, b: &ClearTensor) -> Result<ClearTensor> {
        Ok(ClearTensor::new(b.x.clone(), b.shape.clone(), self.profile().ring, 0))
    }

    fn open_bits_all(&mut self, list: &[&ClearTensor]) -> Result<Vec<ClearTensor>> {
        Ok(list.iter().map(|b| (*b).clone()).collect())
    }

    fn open_with_selectors_all(
        &mut self,
        values: &[OpenRequest<'_, ClearTensor>],
        list: &[&ClearTensor],
    ) -> Result<(Vec<ClearTensor>, Vec<ClearTensor>)> {
        Ok((self.open_all(values)?, self.open_bits_all(list)?))
    }
}

impl BitOpening for Plan {
    planned! {
        fn xor(a: Bits, b: Bits) -> Bits;
        fn share_bits(b: Selectors) -> Share;
    }

    fn open_bits_all(&mut self, list: &[&Self::Bits]) -> Result<Vec<Self::MaskedBits>> {
        let (server, dealer): (Vec<_>, Vec<_>) = list.iter().map(|b| (&b.0, &b.1)).unzip();
        self.gates(|s| s.open_bits_all(&server), |d| d.open_bits_all(&dealer))
    }

    fn open_with_selectors_all(
        &mut self,
        values: &[OpenRequest<'_, Self::Share>],
        list: &[&Self::Bits],
    ) -> Result<(Vec<Self::Wire>, Vec<Self::Selectors>)> {
        let (server, dealer): (Vec<_>, Vec<_>) = list.iter().map(|b| (&b.0, &b.1)).unzip();
        let shares: Vec<_> = values.iter().map(|o| o.of(&o.share.0)).collect();
        let shapes: Vec<_> = values.iter().map(|o| o.of(&o.share.1)).collect();
        let opened: usize = list.iter().map(|b| 4 * plane(b.1.len())).sum();
        let ((wires, bits), (masks, lambdas)) = self.gate_with_bits(
            opened,
            |s| s.open_with_selectors_all(&shares, &server),
            |d| d.open_with_selectors_all(&shapes, &dealer),
        )?;
        Ok((wires.into_iter().zip(masks).collect(), bits.into_iter().zip(lambdas).collect()))
    }
}
