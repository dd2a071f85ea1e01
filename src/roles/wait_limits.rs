//! How long the parties wait for each other in all before training, by what the job announces.
//!
//! Owners come one after the other, so whoever waits for a party that itself waits for owners before must wait for longer: each
//! owner may take a set-up's total, and the time of its rows; rows on a link of our own count there, as they move. Whoever is
//! further from where it is stuck waits for longer, too, so that the party next to it says who it is.

use crate::net::Phase;
use crate::party::SetShape;
use crate::train::{Job, set_shapes};

/// Servers and dealer, for owner `number`: it may have to wait for the owners before it.
pub(crate) fn for_owner(job: &Job, number: u32) -> Phase {
    let turn = number.saturating_add(1);
    Phase::SET_UP.times(turn).bytes(rows_of_first(job, number))
}

/// Owner `number`, for servers and dealer: less than they wait for it.
pub(crate) fn of_owner(job: &Job, number: u32) -> Phase {
    let within = Phase::SET_UP.times(number).plus(OWNERS_OWN);
    within.bytes(rows_of_first(job, number))
}

/// A server for the other, and the trainer for all: until all owners are done.
pub(crate) fn for_all_owners(job: &Job) -> Phase {
    let owners = u32::try_from(job.owners.len()).unwrap_or(u32::MAX);
    Phase::SET_UP.times(owners.saturating_add(2)).bytes(rows_of_first(job, owners))
}

/// A server for the trainer's initial parameters, which may come after the other server's.
pub(crate) fn for_initial(job: &Job) -> Phase {
    let parameters: u64 = job.model.parameters().iter().map(|shape| 8 * shape.len() as u64).sum();
    Phase::SET_UP.times(0).plus(INITIAL).bytes(2 * parameters)
}

/// Bytes of the masked rows of the first owners.
fn rows_of_first(job: &Job, owners: u32) -> u64 {
    let row = |train: bool| -> u64 {
        let shapes = set_shapes(job).into_iter().filter(|(set, _)| set.is_train() == train);
        shapes.map(|(_, shape): (_, SetShape)| 4 * shape.stride() as u64).sum()
    };
    let (train, test) = (row(true), row(false));
    let bytes = job.owners.iter().take(owners as usize).map(|owned| {
        let [a, b] = [(owned.train, train), (owned.test, test)].map(|(rows, row)| u64::from(rows).saturating_mul(row));
        a.saturating_add(b)
    });
    bytes.fold(0, u64::saturating_add)
}

/// Deadlines that an owner waits for its own turn.
const OWNERS_OWN: u32 = 20;
/// Deadlines that servers wait for initial parameters. The trainer has them at hand, and its deadline is three times the others'.
const INITIAL: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::Profile;
    use crate::nn::Model;
    use crate::train::Training;

    #[test]
    fn whoever_is_further_from_an_owner_waits_for_longer() {
        let job = Training::new(Model::dense("small", 4, &[], 2).unwrap())
            .profile(Profile::small())
            .owners(3)
            .batch(2)
            .job(10, 5)
            .unwrap();
        let mut all = vec![Phase::SET_UP.times(0)];
        for number in 0..3 {
            all.extend([of_owner(&job, number), for_owner(&job, number)]);
        }
        all.push(for_all_owners(&job));
        assert!(all.windows(2).all(|pair| pair[0].is_shorter(pair[1])), "{all:?}");
        // 4 features and 2 labels, of 32 bits each
        assert_eq!(rows_of_first(&job, 0), 0);
        assert_eq!(rows_of_first(&job, 3), rows_of_first(&job, u32::MAX));
        assert_eq!(rows_of_first(&job, 3), 15 * 4 * 6);
    }
}
