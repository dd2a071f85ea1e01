//! Whether a party's news say that the run moves on: the trainer waits for what comes next, not for the same thing again and
//! again.

use crate::net::Phase;
use crate::roles::messages::StatusUpdate;

/// How far a party is, by its own news.
#[derive(Clone, Copy)]
pub(crate) struct Advance {
    set_up: Phase,
    /// The last step, and the rows of an evaluation.
    most: (u64, u32),
    training: bool,
    step: u64,
    rows: u32,
}

impl Advance {
    /// That of a party before training, where its set-up may take so long; of the steps and test rows of a job.
    pub(crate) fn new(set_up: Phase, steps: u64, test_rows: u32) -> Self {
        Self { set_up, most: (steps, test_rows), training: false, step: 0, rows: 0 }
    }

    /// The phase before training.
    pub(crate) fn set_up(&self) -> Phase {
        self.set_up
    }

    /// The phase that begins with a party's news, if one does. A party that waits for another before training is waited for as
    /// long as the trainer likes, who is shown for whom; once it trains, only a later step or row counts.
    pub(crate) fn phase(&mut self, news: &StatusUpdate) -> Option<Phase> {
        match *news {
            StatusUpdate::Waiting { .. } if !self.training => Some(self.set_up),
            StatusUpdate::Ready if !self.training => {
                self.training = true;
                Some(WORK)
            }
            StatusUpdate::Progress { step, .. } if step > self.step && step <= self.most.0 => {
                (self.training, self.step, self.rows) = (true, step, 0);
                Some(WORK)
            }
            StatusUpdate::Scored { rows, .. } if rows > self.rows && rows <= self.most.1 => {
                self.rows = rows;
                Some(WORK)
            }
            _ => None,
        }
    }
}

/// Parties wait for each other up to three times the total of a step.
const WORK: Phase = Phase::STEP.times(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::party::Stats;

    #[test]
    fn what_is_told_again_is_no_progress() {
        let waiting = || StatusUpdate::Waiting { what: "owner 1".into() };
        let step = |step| StatusUpdate::Progress { step, stats: Stats::default() };
        let scored = |rows| StatusUpdate::Scored { rows, of: 100 };
        let mut party = Advance::new(Phase::SET_UP, 8, 20);
        let mut moves = |news: StatusUpdate| party.phase(&news).is_some();
        assert!(moves(waiting()) && moves(waiting()), "a late owner is waited for, and shown");
        assert!(moves(StatusUpdate::Ready) && !moves(StatusUpdate::Ready) && !moves(waiting()));
        assert!(moves(step(1)) && !moves(step(1)) && moves(step(7)) && !moves(step(3)));
        assert!(moves(scored(10)) && !moves(scored(10)) && moves(scored(20)));
        // the next evaluation begins anew
        assert!(!moves(scored(10)) && moves(step(8)) && moves(scored(10)));
        assert!(!moves(step(9)) && !moves(scored(21)), "the job has no such step or row");
        assert!(!moves(StatusUpdate::Asks { epoch: 1 }) && !moves(StatusUpdate::Ended { step: 9 }));
    }
}
