//! The parts that a party can play.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A part that a party plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// Deals correlated randomness, sees no data.
    Dealer,
    /// Owns rows of the data: the owner of this number, from 0.
    Owner(u32),
    /// Trains on shares: server 0 or server 1.
    Server(u8),
    /// Gives the job, gets the model.
    Trainer,
}

impl Role {
    /// The role on the wire: a tag and a number, little-endian.
    pub(super) fn encode(self) -> [u8; 5] {
        let (tag, number) = match self {
            Self::Dealer => (0, 0),
            Self::Owner(i) => (1, i),
            Self::Server(i) => (2, u32::from(i)),
            Self::Trainer => (3, 0),
        };
        let [a, b, c, d] = number.to_le_bytes();
        [tag, a, b, c, d]
    }

    /// The role that five bytes stand for, if they stand for one.
    pub(super) fn decode([tag, a, b, c, d]: [u8; 5]) -> Option<Self> {
        match (tag, u32::from_le_bytes([a, b, c, d])) {
            (0, 0) => Some(Self::Dealer),
            (1, i) => Some(Self::Owner(i)),
            (2, 0) => Some(Self::Server(0)),
            (2, 1) => Some(Self::Server(1)),
            (3, 0) => Some(Self::Trainer),
            _ => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dealer => f.write_str("dealer"),
            Self::Owner(i) => write!(f, "owner {i}"),
            Self::Server(i) => write!(f, "server {i}"),
            Self::Trainer => f.write_str("trainer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_come_back_from_the_wire_and_nonsense_does_not() {
        for role in
            [Role::Dealer, Role::Owner(0), Role::Owner(u32::MAX), Role::Server(0), Role::Server(1), Role::Trainer]
        {
            assert_eq!(Role::decode(role.encode()), Some(role));
        }
        for bytes in [[4, 0, 0, 0, 0], [2, 2, 0, 0, 0], [0, 1, 0, 0, 0], [255; 5]] {
            assert_eq!(Role::decode(bytes), None);
        }
    }
}
