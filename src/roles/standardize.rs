//! Standardization by moments of all owners' rows: every owner shares the sums of its features between the servers, they add up
//! what they have, and reveal the totals to all owners and the trainer.
//!
//! A server's half of an owner's sums is uniform, so it learns nothing; owners and trainer learn the totals alone.

use zeroize::Zeroizing;

use crate::data::Examples;
use crate::error::{Error, Result};
use crate::net::{Channel, FrameKind};
use crate::nn::Normalization;
use crate::party::{RevealChannel, Revealed, Stats};
use crate::prg::Seed;
use crate::roles::consent::Consent;
use crate::roles::messages::{await_word, receive_message, send_message};
use crate::roles::wait_limits;
use crate::train::Job;

/// Bits of a sum's ring.
const BITS: u32 = 64;

/// How an owner scales its features: as the job says, or by the moments of all owners' training rows, once all have shared theirs.
/// Nothing that it sends or refuses from then on depends on what the moments make of its rows: a server that lies about them learns
/// nothing.
///
/// # Errors
/// If a server fails.
pub(crate) fn scale_of(
    job: &Job,
    (number, consent): (u32, &Consent),
    [train, test]: [&Examples; 2],
    [zero, one]: [&mut dyn Channel; 2],
) -> Result<Option<Normalization>> {
    if !job.reveal.moments {
        return Ok(job.normalization());
    }
    let sums = job.sums(train)?;
    (consent.tell)("sums of its features shared; waiting for those of all owners");
    let scale = standardize(job, sums, [&mut *zero, &mut *one])?;
    (consent.tell)("mean and deviation of all owners' features revealed, to owners and trainer");
    job.cut_off(&scale, [train, test]).iter().for_each(|warning| (consent.warn)(warning));
    // from now on, owners wait for their turn alone
    [zero, one].into_iter().for_each(|server| server.enter(wait_limits::of_owner(job, number)));
    Ok(Some(scale))
}

/// An owner: gives each server its half of these sums ([`Job::sums`]), and hears the totals of all owners.
///
/// # Errors
/// If a server fails, or reveals totals that no rows have.
fn standardize(job: &Job, sums: Vec<u64>, [zero, one]: [&mut dyn Channel; 2]) -> Result<Normalization> {
    let sums = Zeroizing::new(sums);
    let [a, b] = halves(&sums)?;
    send_message(zero, FrameKind::Data, &*a)?;
    send_message(one, FrameKind::Data, &*b)?;
    // that may be days away, where another owner comes late
    let what = "the sums of all owners' features";
    let a: Vec<u64> = await_word(zero, [&*one], FrameKind::Result, what)?;
    let b: Vec<u64> = await_word(one, [], FrameKind::Result, what)?;
    if a.len() != sums.len() || b.len() != sums.len() {
        return Err(Error::peer("a server", "revealed sums of other features than the job's"));
    }
    let totals: Vec<u64> = a.iter().zip(&b).map(|(a, b)| a.wrapping_add(*b)).collect();
    job.normalization_by(&totals)
}

/// Uniform halves of sums.
fn halves(sums: &[u64]) -> Result<[Zeroizing<Vec<u64>>; 2]> {
    let mut mask = Zeroizing::new(vec![0u64; sums.len()]);
    Seed::fresh()?.stream(0).fill(0, bytemuck::cast_slice_mut(&mut mask));
    let rest = sums.iter().zip(mask.iter()).map(|(sum, mask)| sum.wrapping_sub(*mask)).collect();
    Ok([mask, Zeroizing::new(rest)])
}

/// A server's half of the totals.
pub(crate) struct Totals(Vec<u64>);

impl Totals {
    /// None yet; `None` if the job standardizes no features.
    pub(crate) fn new(job: &Job) -> Option<Self> {
        job.reveal.moments.then(|| Self(vec![0; 2 * job.standardized().len()]))
    }

    /// Takes an owner's half of its sums.
    ///
    /// # Errors
    /// If the owner fails, or sends sums of other features.
    pub(crate) fn take(&mut self, owner: &mut dyn Channel) -> Result<()> {
        let half: Vec<u64> = receive_message(owner, FrameKind::Data, "the sums of its features")?;
        let half = Zeroizing::new(half);
        if half.len() != self.0.len() {
            return Err(Error::peer(owner.peer(), "sent sums of other features than the job's"));
        }
        self.0.iter_mut().zip(half.iter()).for_each(|(total, half)| *total = total.wrapping_add(*half));
        Ok(())
    }

    /// Reveals this half to the trainer and to all owners.
    ///
    /// # Errors
    /// If the job does not list it, or a link broke.
    pub(crate) fn reveal(self, trainer: &mut RevealChannel, owners: &mut [Box<dyn Channel>]) -> Result<()> {
        if !(trainer.allowed)(Revealed::Moments) {
            return Err(Error::Usage("the job does not reveal moments of features".into()));
        }
        for owner in owners {
            send_message(&mut **owner, FrameKind::Result, &self.0)?;
        }
        (trainer.reveal_to_trainer)(Revealed::Moments, self.0, BITS, Stats::default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::net::pair;
    use crate::train::moments::tests::{job, rows};

    /// A reveal channel that keeps what leaves by it.
    fn trainer(allowed: bool) -> (RevealChannel, Arc<Mutex<Vec<Vec<u64>>>>) {
        let left: Arc<Mutex<Vec<Vec<u64>>>> = Arc::default();
        let keeps = left.clone();
        let reveal_to_trainer = Box::new(move |what, half, bits, _| {
            assert_eq!((what, bits), (Revealed::Moments, BITS));
            keeps.lock().unwrap().push(half);
            Ok(())
        });
        (RevealChannel { allowed: Box::new(move |_| allowed), reveal_to_trainer }, left)
    }

    #[test]
    fn all_owners_and_the_trainer_get_the_moments_of_all_rows() {
        let (job, all) = (job([300, 20], 2), rows(300));
        let mut totals = [Totals::new(&job).unwrap(), Totals::new(&job).unwrap()];
        let (mut links, mut owners) = ([Vec::new(), Vec::new()], Vec::new());
        for part in [0..50, 50..300] {
            let ((mut zero, at_zero), (mut one, at_one)) = (pair("owner", "server 0"), pair("owner", "server 1"));
            let (job, sums) = (job.clone(), job.sums(&all.slice(part)).unwrap());
            owners.push(std::thread::spawn(move || standardize(&job, sums, [&mut zero, &mut one])));
            for (server, link) in [at_zero, at_one].into_iter().enumerate() {
                let mut link: Box<dyn Channel> = Box::new(link);
                totals[server].take(&mut *link).unwrap();
                links[server].push(link);
            }
        }
        let (mut channel, left) = trainer(true);
        for (totals, links) in totals.into_iter().zip(&mut links) {
            totals.reveal(&mut channel, links).unwrap();
        }
        let want = job.normalization_of(&all).unwrap().unwrap();
        for owner in owners {
            assert_eq!(owner.join().unwrap().unwrap(), want);
        }
        let left = left.lock().unwrap();
        let sum: Vec<u64> = left[0].iter().zip(&left[1]).map(|(a, b)| a.wrapping_add(*b)).collect();
        assert_eq!(job.normalization_by(&sum).unwrap(), want);
    }

    #[test]
    fn halves_add_up_and_each_is_uniform_whatever_the_sums() {
        for value in [0u64, 1 << 60] {
            let mut ones = [[0u32; 64]; 2];
            for _ in 0..500 {
                let [a, b] = halves(&[value; 8]).unwrap();
                assert!(a.iter().zip(b.iter()).all(|(a, b)| a.wrapping_add(*b) == value));
                for (half, ones) in [a, b].iter().zip(&mut ones) {
                    half.iter().for_each(|word| (0..64).for_each(|bit| ones[bit] += u32::from(word >> bit & 1 == 1)));
                }
            }
            // 4000 fair bits at each place: six deviations
            assert!(ones.as_flattened().iter().all(|ones| ones.abs_diff(2000) < 190), "{ones:?}");
        }
        assert_eq!((0..64).filter(|bit| (1u64 << 60) >> bit & 1 == 1).count(), 1, "a sum itself is not uniform");
    }

    #[test]
    fn nothing_is_revealed_that_is_not_listed_and_no_other_sums_are_taken() {
        let job = job([300, 20], 1);
        let (mut owner, mut server) = pair("owner", "server 0");
        send_message(&mut owner, FrameKind::Data, &vec![1u64; 3]).unwrap();
        let text = Totals::new(&job).unwrap().take(&mut server).unwrap_err().to_string();
        assert!(text.contains("other features"), "{text}");
        let (mut closed, left) = trainer(false);
        let mut owners: Vec<Box<dyn Channel>> = vec![Box::new(server)];
        assert!(Totals::new(&job).unwrap().reveal(&mut closed, &mut owners).is_err());
        assert!(left.lock().unwrap().is_empty() && owner.poll(std::time::Duration::ZERO).unwrap().is_none());
    }
}
