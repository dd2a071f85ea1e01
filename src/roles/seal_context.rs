//! What a sealed half is bound to: it opens as this one thing of this one run, and as nothing else.

use crate::party::Revealed;

/// The place of a half that a server seals to the trainer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SealContext<'a> {
    /// The hash that the parties agreed on.
    pub(crate) agreed: &'a [u8; 32],
    /// The session.
    pub(crate) session: u64,
    /// The server whose half it is.
    pub(crate) server: u8,
    /// What is revealed.
    pub(crate) what: Revealed,
    /// Bits of its ring.
    pub(crate) bits: u32,
    /// Its numbers.
    pub(crate) len: usize,
}

impl SealContext<'_> {
    /// The label that the half is sealed under.
    ///
    /// # Panics
    /// Never: a place has no field that cannot be written.
    pub(crate) fn label(&self) -> Vec<u8> {
        let mut label = b"ppdnn half 2".to_vec();
        label.extend(self.agreed);
        label.extend(self.session.to_le_bytes());
        label.push(self.server);
        label.extend(self.bits.to_le_bytes());
        label.extend((self.len as u64).to_le_bytes());
        // last, as its length depends on what it is
        label.extend(postcard::to_stdvec(&self.what).expect("it can be written"));
        label
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::UnsealingKey;

    #[test]
    fn a_half_opens_at_its_own_place_only() {
        let trainer = UnsealingKey::generate().unwrap();
        let agreed = [7; 32];
        let parameter = |index| Revealed::Parameter { index };
        let place = SealContext { agreed: &agreed, session: 5, server: 0, what: parameter(1), bits: 32, len: 10 };
        let sealed = trainer.public().seal(&place.label(), b"a half").unwrap();
        assert_eq!(&*trainer.unseal(&place.label(), &sealed).unwrap(), b"a half");
        let others = [
            SealContext { agreed: &[8; 32], ..place },
            SealContext { session: 6, ..place },
            SealContext { server: 1, ..place },
            SealContext { what: parameter(2), ..place },
            SealContext { what: Revealed::Hits { epoch: 1 }, ..place },
            SealContext { bits: 48, ..place },
            SealContext { len: 11, ..place },
        ];
        for other in others {
            assert!(trainer.unseal(&other.label(), &sealed).is_err(), "{other:?}");
        }
    }
}
