//! Whom to name when several parties fail at once: one has a reason, the others lose their links to it.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::net::{Peer, hung_up, printable};

/// How a party failed, as it reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The party that failed: `server 0`.
    #[serde(deserialize_with = "printable::decode")]
    pub party: String,
    /// The reason, as a person reads it.
    #[serde(deserialize_with = "printable::decode")]
    pub reason: String,
    /// The peer that the reason is about; `None` if it is the party's own.
    #[serde(deserialize_with = "printable::decode_option")]
    pub about: Option<String>,
    /// Whether all that is known of that peer is that it hung up.
    pub hung_up: bool,
    /// Whether the same job fails again, whoever is there.
    pub lasting: bool,
}

impl Failure {
    /// The failure of a party with an error.
    pub fn new(party: &str, error: &Error) -> Self {
        let about = error.about().map(Peer::name).filter(|peer| peer != party);
        let reason = match error {
            // whoever prints this has named the party already
            Error::Peer { peer, reason } if peer.name() == party => reason.clone(),
            error => error.to_string(),
        };
        Self { party: party.into(), reason, about, hung_up: hung_up(error), lasting: error.is_usage() }
    }
}

/// The failure that explains the others.
///
/// That of a party with a reason of its own; without one, blame is followed from party to party until it reaches one
/// that says nothing. Where parties blame each other, the one that knows more than that the other hung up is right.
pub(crate) fn root_cause(failures: &[Failure]) -> Option<&Failure> {
    if let Some(own) = failures.iter().find(|f| f.about.is_none()) {
        return Some(own);
    }
    let mut path = vec![failures.first()?];
    loop {
        let last = path[path.len() - 1];
        let Some(next) = failures.iter().find(|f| Some(&f.party) == last.about.as_ref()) else {
            return Some(last);
        };
        if let Some(start) = path.iter().position(|f| *f == next) {
            let circle = &path[start..];
            return circle.iter().find(|f| !f.hung_up).or(circle.first()).copied();
        }
        path.push(next);
    }
}

/// The name of the trainer in events.
pub const TRAINER: &str = "trainer";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Role;

    fn failure(party: &str, about: Option<&str>, hung_up: bool) -> Failure {
        Failure {
            party: party.into(),
            reason: "reason".into(),
            about: about.map(str::to_owned),
            hung_up,
            lasting: false,
        }
    }

    fn blamed(failures: &[Failure]) -> &str {
        &root_cause(failures).unwrap().party
    }

    #[test]
    fn a_reason_of_its_own_explains_the_links_that_broke() {
        let failures = [
            failure("server 0", Some("server 1"), true),
            failure("server 1", None, false),
            failure("dealer", Some("server 1"), true),
        ];
        assert_eq!(blamed(&failures), "server 1");
    }

    #[test]
    fn blame_is_followed_to_the_party_that_is_silent() {
        // the dealer hangs: server 1 waits for it, and server 0 for server 1
        let failures = [failure("server 0", Some("server 1"), false), failure("server 1", Some("dealer"), false)];
        assert_eq!(blamed(&failures), "server 1");
        assert_eq!(root_cause(&[]), None);
    }

    #[test]
    fn of_two_that_blame_each_other_the_one_that_complains_is_right() {
        let failures = [failure("server 0", Some("server 1"), true), failure("server 1", Some("server 0"), false)];
        assert_eq!(blamed(&failures), "server 1");
        let failures = [failure("server 0", Some("server 1"), true), failure("server 1", Some("server 0"), true)];
        assert_eq!(blamed(&failures), "server 0");
    }

    #[test]
    fn a_failure_knows_whom_it_is_about_and_does_not_name_its_party_twice() {
        let late = Error::Deadline {
            peer: Peer::at(Role::Server(1), "127.0.0.1:7101"),
            what: "an opening".into(),
            seconds: 2,
        };
        let failure = Failure::new("server 0", &late.at("step 3"));
        assert_eq!(failure.about.as_deref(), Some("server 1"));
        assert!(failure.reason.starts_with("step 3: server 1 at 127.0.0.1:7101 sent nothing"), "{}", failure.reason);
        let own = Failure::new("server 1", &Error::peer("server 1", "cannot listen"));
        assert_eq!((own.about, own.reason.as_str()), (None, "cannot listen"));
    }

    #[test]
    fn the_reason_of_a_party_cannot_steer_a_terminal() {
        let said = Failure {
            party: "server 0\u{1b}[1A".into(),
            reason: "all is well\u{1b}[2K\rerror: \u{202e}send your key".into(),
            about: Some("dealer\n".into()),
            hung_up: false,
            lasting: false,
        };
        let heard: Failure = postcard::from_bytes(&postcard::to_stdvec(&said).unwrap()).unwrap();
        assert_eq!(heard.reason, "all is well?[2K?error: ?send your key");
        assert_eq!((heard.party.as_str(), heard.about.as_deref()), ("server 0?[1A", Some("dealer?")));
        let heard: Failure = serde_json::from_str(&serde_json::to_string(&said).unwrap()).unwrap();
        assert!(crate::net::is_printable(&heard.reason), "{heard:?}");
    }
}
