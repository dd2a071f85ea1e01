//! How long a role stays: for one job, for some, or until it is stopped.

use crate::error::Result;
use crate::roles::connect::BrokenOff;

/// How long a role stays, and where it reports why an attempt failed.
pub struct Stay<'a> {
    /// The jobs that it takes part in before it ends; none: until it is stopped.
    pub jobs: Option<u32>,
    /// Whether it ends at the first failure, whenever that comes.
    pub brief: bool,
    /// Takes a line for the operator.
    pub tell: &'a mut dyn FnMut(&str),
}

impl Stay<'_> {
    /// Takes part in jobs. An attempt that ends before training counts for nothing: the role waits for the next one.
    ///
    /// # Errors
    /// The reason why an attempt could not start; after the last job, that of a job that failed in training.
    pub(crate) fn repeat(
        &mut self,
        mut attempt: impl FnMut() -> Result<std::result::Result<(), BrokenOff>>,
    ) -> Result<()> {
        let (mut done, mut failed) = (0, Ok(()));
        loop {
            match attempt()? {
                Ok(()) => {}
                Err(broken) if self.brief => return Err(broken.why),
                Err(BrokenOff { why, training: false }) => {
                    (self.tell)(&why.to_string());
                    (self.tell)("the job ended before training started; waiting for the next job");
                    continue;
                }
                Err(broken) => failed = Err(broken.why),
            }
            done += 1;
            if self.jobs == Some(done) {
                return failed;
            }
            let how = failed.as_ref().err().map_or_else(|| "done".into(), |why| format!("failed: {why}"));
            (self.tell)(&format!("job {done} {how}; waiting for the next job"));
            if self.jobs.is_none() {
                failed = Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// How a role ends whose attempts go like this, and what it tells.
    fn ends(jobs: Option<u32>, brief: bool, attempts: &[Option<bool>]) -> (Result<()>, Vec<String>) {
        let (mut told, mut attempts) = (Vec::new(), attempts.iter());
        let mut tell = |line: &str| told.push(line.to_owned());
        let mut stay = Stay { jobs, brief, tell: &mut tell };
        let ended = stay.repeat(|| match attempts.next() {
            None => Err(Error::Interrupted),
            Some(None) => Ok(Ok(())),
            Some(Some(training)) => Ok(Err(BrokenOff { why: Error::peer("trainer", "left"), training: *training })),
        });
        (ended, told)
    }

    #[test]
    fn an_attempt_before_training_is_told_and_counts_for_nothing() {
        let (ended, told) = ends(Some(1), false, &[Some(false), Some(false), None]);
        assert!(ended.is_ok() && told.len() == 4 && told[0].contains("trainer: left"), "{told:?}");
        // in a local run, the first failure is the end
        assert!(ends(Some(1), true, &[Some(false), None]).0.is_err());
    }

    #[test]
    fn jobs_are_counted_and_one_that_fails_in_training_is_remembered() {
        assert!(ends(Some(1), false, &[Some(true)]).0.is_err());
        let (ended, told) = ends(Some(3), false, &[None, Some(true), None]);
        assert!(ended.is_err() && told.len() == 2 && told[1].contains("job 2 failed: trainer: left"), "{told:?}");
        let (ended, told) = ends(None, false, &[None, Some(true), None, None]);
        assert!(matches!(ended, Err(Error::Interrupted)) && told.len() == 4, "{told:?}");
    }
}
