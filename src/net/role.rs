//! Roles on the wire.

pub(super) use crate::peer::Role;

impl Role {
    /// The role on the wire: a tag and a number, little-endian.
    pub(super) fn encode(self) -> [u8; 5] {
        let (tag, number) = match self {
            Self::Dealer => (0, 0),
            Self::Owner(i) => (1, i),
            Self::Server(i) => (2, u32::from(i)),
            Self::Trainer => (3, 0),
            Self::Client => (4, 0),
            Self::ModelOwner => (5, 0),
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
            (4, 0) => Some(Self::Client),
            (5, 0) => Some(Self::ModelOwner),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_come_back_from_the_wire_and_nonsense_does_not() {
        let owners = [Role::Owner(0), Role::Owner(u32::MAX)];
        let others = [Role::Client, Role::Dealer, Role::ModelOwner, Role::Server(0), Role::Server(1), Role::Trainer];
        for role in owners.into_iter().chain(others) {
            assert_eq!(Role::decode(role.encode()), Some(role));
        }
        for bytes in [[6, 0, 0, 0, 0], [4, 1, 0, 0, 0], [2, 2, 0, 0, 0], [0, 1, 0, 0, 0], [255; 5]] {
            assert_eq!(Role::decode(bytes), None);
        }
    }
}
