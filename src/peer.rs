//! The parts that a party can play, and a party as errors name it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The role of a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// Asks a model private questions.
    Client,
    /// Generates correlated randomness; sees no data.
    Dealer,
    /// Owns the model that answers private questions.
    ModelOwner,
    /// Owns rows of the data: the owner of this number, from 0.
    Owner(u32),
    /// Trains on shares: server 0 or server 1.
    Server(u8),
    /// Submits the job and receives the model.
    Trainer,
}

impl Role {
    /// The role as files and options name it: `server0`, `owner12`, `model-owner`.
    pub fn slug(self) -> String {
        let join = if self == Self::ModelOwner { "-" } else { "" };
        self.to_string().replace(' ', join)
    }

    /// The role of a [`Role::slug`].
    pub fn from_slug(slug: &str) -> Option<Self> {
        let at = slug.find(|c: char| c.is_ascii_digit()).unwrap_or(slug.len());
        let (name, number) = slug.split_at(at);
        let shown = if number.is_empty() { name.replace('-', " ") } else { format!("{name} {number}") };
        shown.parse().ok().filter(|role: &Self| role.slug() == slug && !matches!(role, Self::Server(2..)))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("client"),
            Self::Dealer => f.write_str("dealer"),
            Self::ModelOwner => f.write_str("model owner"),
            Self::Owner(i) => write!(f, "owner {i}"),
            Self::Server(i) => write!(f, "server {i}"),
            Self::Trainer => f.write_str("trainer"),
        }
    }
}

impl FromStr for Role {
    type Err = ();

    /// Parses the displayed name of a role.
    fn from_str(name: &str) -> Result<Self, ()> {
        let role = match name.split_once(' ') {
            None if name == "client" => Self::Client,
            None if name == "dealer" => Self::Dealer,
            Some(("model", "owner")) => Self::ModelOwner,
            None if name == "trainer" => Self::Trainer,
            Some(("owner", number)) => Self::Owner(number.parse().map_err(drop)?),
            Some(("server", number)) => Self::Server(number.parse().map_err(drop)?),
            _ => return Err(()),
        };
        // `owner 07` is no name
        if role.to_string() == name { Ok(role) } else { Err(()) }
    }
}

/// A party, or several, as errors name them: the role and the address, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    who: Who,
    address: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Role(Role),
    /// No single role: `the servers`.
    Other(String),
}

impl Peer {
    /// A role at an address.
    pub fn at(role: Role, address: impl Into<String>) -> Self {
        Self { who: Who::Role(role), address: Some(address.into()) }
    }

    /// Its role; `None` if it is not a single role's.
    pub fn role(&self) -> Option<Role> {
        match self.who {
            Who::Role(role) => Some(role),
            Who::Other(_) => None,
        }
    }

    /// Its address, if known.
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Its name without the address.
    pub fn name(&self) -> String {
        match &self.who {
            Who::Role(role) => role.to_string(),
            Who::Other(name) => name.clone(),
        }
    }
}

impl fmt::Display for Peer {
    /// `server 1 at 127.0.0.1:7101`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        self.address.as_ref().map_or(Ok(()), |address| write!(f, " at {address}"))
    }
}

impl From<Role> for Peer {
    fn from(role: Role) -> Self {
        Self { who: Who::Role(role), address: None }
    }
}

impl From<&str> for Peer {
    /// A role by its name, or whoever has another name.
    fn from(name: &str) -> Self {
        Self { who: name.parse().map_or_else(|()| Who::Other(name.into()), Who::Role), address: None }
    }
}

impl From<String> for Peer {
    fn from(name: String) -> Self {
        name.as_str().into()
    }
}

impl From<&String> for Peer {
    fn from(name: &String) -> Self {
        name.as_str().into()
    }
}

impl From<&Self> for Peer {
    fn from(peer: &Self) -> Self {
        peer.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_its_role_by_type_and_its_address_beside_it() {
        let all = [Role::Client, Role::Dealer, Role::ModelOwner, Role::Owner(12), Role::Server(0), Role::Server(1)];
        for role in all.into_iter().chain([Role::Trainer]) {
            let name = role.to_string();
            assert_eq!(name.parse(), Ok(role));
            assert_eq!(Role::from_slug(&role.slug()), Some(role));
            assert_eq!(Peer::from(name.as_str()), Peer::from(role));
            let there = Peer::at(role, "[::1]:7101");
            assert_eq!((there.role(), there.address(), there.name()), (Some(role), Some("[::1]:7101"), name.clone()));
            assert_eq!(there.to_string(), format!("{name} at [::1]:7101"));
        }
        for other in ["", "server", "server 0", "server2", "owner07", "owner", "model owner", "modelowner", "dealer0"] {
            assert_eq!(Role::from_slug(other), None);
        }
        for other in ["", "server", "server 01", "owner -1", "the servers", "server 1 at here", "dealer "] {
            let peer = Peer::from(other);
            assert_eq!((peer.role(), peer.to_string()), (None, other.to_owned()));
        }
    }
}
