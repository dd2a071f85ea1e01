//! Which checkpoint a run resumes from: the newest that both servers have whole.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::net::{Channel, FrameKind};
use crate::roles::messages::{receive_message, send_message};

/// A checkpoint whose half a server has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offer {
    /// The session that wrote it.
    pub session: u64,
    /// Steps done.
    pub step: u64,
    /// Whether no step follows: what is left is to reveal the results.
    pub over: bool,
    /// BLAKE3 of this server's half.
    pub mine: [u8; 32],
    /// That of the other server's, if this one heard that it was written.
    pub theirs: Option<[u8; 32]>,
}

/// A server's word to the other on what it keeps of the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerState {
    /// Whether it keeps checkpoints.
    pub keeps: bool,
    /// Those that it has; none for a run that starts at its first step.
    pub offers: Vec<Offer>,
}

/// Hears what the other server has. Returns whether both keep checkpoints, and the one to resume from: the newest of both servers,
/// of up to `most` steps. A job that is over resumes from behind its last step only, as its results may have been revealed.
///
/// # Errors
/// [`Error::Usage`] if it cannot.
pub(crate) fn agree(peer: &mut dyn Channel, mine: &ServerState, most: u64) -> Result<(bool, Option<Offer>)> {
    send_message(peer, FrameKind::Agree, mine)?;
    let theirs: ServerState = receive_message(peer, FrameKind::Agree, "which checkpoints it has")?;
    let chosen = newest(&mine.offers, &theirs.offers, most);
    // results leave once both servers know that the other has its half
    let over = mine.offers.iter().chain(&theirs.offers).any(|offer| offer.over && offer.theirs.is_some());
    if over && !chosen.as_ref().is_some_and(|chosen| chosen.over) {
        return Err(Error::Usage(
            "the job is over, but the trainer lacks figures of its epochs or a server lacks its half: start a new run"
                .into(),
        ));
    }
    Ok((mine.keeps && theirs.keeps, chosen))
}

/// The newest checkpoint of both. Halves of one session and one step belong together; where a server knows the other's hash, it is
/// that of the half which the other offers, and one of the two knows it.
fn newest(mine: &[Offer], theirs: &[Offer], most: u64) -> Option<Offer> {
    let fits = |a: &Offer, b: &Offer| {
        let same = (a.session, a.step, a.over) == (b.session, b.step, b.over);
        let known = a.theirs.is_none_or(|hash| hash == b.mine) && b.theirs.is_none_or(|hash| hash == a.mine);
        same && known && (a.theirs.is_some() || b.theirs.is_some())
    };
    let common = mine.iter().filter(|a| a.step <= most && theirs.iter().any(|b| fits(a, b)));
    common.max_by_key(|offer| (offer.step, offer.session)).cloned()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::net::pair;

    /// A checkpoint whose halves have these hashes, as both servers offer it once both know of each other's.
    fn both(session: u64, step: u64, [a, b]: [u8; 2]) -> [Offer; 2] {
        let half =
            |mine: u8, theirs: u8| Offer { session, step, over: false, mine: [mine; 32], theirs: Some([theirs; 32]) };
        [half(a, b), half(b, a)]
    }

    fn chosen(mine: &[&Offer], theirs: &[&Offer], most: u64) -> Option<(u64, u64)> {
        let list = |offers: &[&Offer]| offers.iter().map(|offer| (*offer).clone()).collect::<Vec<_>>();
        let one = newest(&list(mine), &list(theirs), most).map(|offer| (offer.session, offer.step));
        let other = newest(&list(theirs), &list(mine), most).map(|offer| (offer.session, offer.step));
        assert_eq!(one, other, "both servers choose the same");
        one
    }

    #[test]
    fn the_newest_that_both_have_is_chosen() {
        let [[a1, b1], [a2, b2], [a3, b3]] = [both(7, 32, [1, 2]), both(7, 64, [3, 4]), both(9, 96, [5, 6])];
        assert_eq!(chosen(&[&a1, &a2, &a3], &[&b1, &b2, &b3], u64::MAX), Some((9, 96)));
        assert_eq!(chosen(&[&a1, &a2, &a3], &[&b1, &b2, &b3], 95), Some((7, 64)), "no further than the trainer knows");
        assert_eq!(chosen(&[&a1, &a2], &[&b2, &b3], u64::MAX), Some((7, 64)));
        assert_eq!(chosen(&[&a1], &[&b2, &b3], u64::MAX), None);
        assert_eq!(chosen(&[], &[], u64::MAX), None);
    }

    #[test]
    fn halves_of_different_checkpoints_are_never_mixed() {
        let [a, b] = both(7, 32, [1, 2]);
        let [_, of_another_session] = both(8, 32, [1, 2]);
        let [_, of_another_step] = both(7, 64, [1, 2]);
        let [_, changed] = both(7, 32, [1, 9]);
        for other in [&of_another_session, &of_another_step, &changed] {
            assert_eq!(chosen(&[&a], &[other], u64::MAX), None, "{other:?}");
        }
        assert_eq!(chosen(&[&a], &[&b], u64::MAX), Some((7, 32)), "the control");
    }

    #[test]
    fn a_half_that_one_server_knows_of_counts_and_one_that_none_does_not() {
        let [a, b] = both(7, 32, [1, 2]);
        let alone = |offer: &Offer| Offer { theirs: None, ..offer.clone() };
        assert_eq!(chosen(&[&a], &[&alone(&b)], u64::MAX), Some((7, 32)));
        assert_eq!(chosen(&[&alone(&a)], &[&alone(&b)], u64::MAX), None, "nobody heard that both were written");
    }

    #[test]
    fn a_job_that_is_over_resumes_from_behind_its_last_step_or_not_at_all() {
        let [[a, b], [a_last, b_last]] = [both(7, 64, [1, 2]), both(7, 70, [3, 4])];
        let [a_last, b_last] = [a_last, b_last].map(|offer| Offer { over: true, ..offer });
        let agreed = |mine: Vec<Offer>, theirs: Vec<Offer>, most| {
            let (mut zero, mut one) = pair("server 0", "server 1");
            let one =
                thread::spawn(move || agree(&mut one, &ServerState { keeps: true, offers: theirs }, most).map(drop));
            let zero = agree(&mut zero, &ServerState { keeps: true, offers: mine }, most);
            assert_eq!(zero.is_err(), one.join().unwrap().is_err());
            zero.ok().map(|(_, chosen)| chosen.map(|offer| offer.step))
        };
        let all = |offers: &[&Offer]| offers.iter().map(|offer| (*offer).clone()).collect::<Vec<_>>();
        assert_eq!(agreed(all(&[&a_last]), all(&[&b, &b_last]), u64::MAX), Some(Some(70)));
        assert_eq!(agreed(all(&[&a, &a_last]), all(&[&b]), u64::MAX), None, "one server lacks its half");
        assert_eq!(agreed(all(&[&a, &a_last]), all(&[&b, &b_last]), 69), None, "the trainer asks for less");
        assert_eq!(agreed(all(&[&a_last]), Vec::new(), u64::MAX), None);
        // a server that does not know of the other's half has revealed nothing, nor has the other
        let alone = Offer { theirs: None, ..a_last.clone() };
        assert_eq!(agreed(all(&[&a, &alone]), all(&[&b]), u64::MAX), Some(Some(64)));
        assert_eq!(agreed(all(&[&a, &alone]), all(&[&b_last]), u64::MAX), Some(Some(70)));
        assert_eq!(agreed(all(&[&a]), all(&[&b]), 69), Some(Some(64)), "the control");
    }

    #[test]
    fn servers_hear_of_each_others_checkpoints() {
        let (mut zero, mut one) = pair("server 0", "server 1");
        let [a, b] = both(7, 32, [1, 2]);
        let one = thread::spawn(move || agree(&mut one, &ServerState { keeps: false, offers: vec![b] }, 50).unwrap());
        let zero = agree(&mut zero, &ServerState { keeps: true, offers: vec![a.clone()] }, 50).unwrap();
        assert_eq!(zero, (false, Some(a)), "checkpoints are written by both or by none");
        assert_eq!(one.join().unwrap().1.map(|offer| offer.mine), Some([2; 32]));
    }
}
