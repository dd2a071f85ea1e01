//! What an owner checks before a seed or a row of its own leaves.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fixed::{MASTER_FRAC, decode};
use crate::net::{Channel, Kind};
use crate::nn::initial_parameters;
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::initial::{receive_public, send_parameters};
use crate::roles::messages::{hear, say};
use crate::train::{Initial, Job, Policy};

/// Keeps initial parameters for the owner to look at.
pub type SaveInitial = Box<dyn Fn(&Job, &[Vec<f64>]) -> Result<()> + Send>;

/// What an owner asks of a job.
pub struct Consent {
    /// The rules.
    pub policy: Policy,
    /// The data set that it brings; none: whatever the job names.
    pub dataset: Option<String>,
    /// The only agreement that it takes: the first digits of its hash.
    pub accept: Option<String>,
    /// Whether it wants to see the job only.
    pub review: bool,
    /// Where initial parameters are kept, if the owner wants them.
    pub save_initial: Option<SaveInitial>,
    /// Takes a line for the operator.
    pub tell: Box<dyn Fn(&str) + Send>,
}

impl Consent {
    /// Takes any job: for rows that are the trainer's own.
    pub fn to_anything() -> Self {
        Self {
            policy: Policy::anything(),
            dataset: None,
            accept: None,
            review: false,
            save_initial: None,
            tell: Box::new(|_| ()),
        }
    }

    /// Shows the job to the operator, and checks it.
    ///
    /// # Errors
    /// [`Error::Usage`] with the rule that the job breaks.
    pub(crate) fn check(
        &self,
        number: u32,
        job: &Job,
        agreement: &Agreement,
        parties: &Parties,
        zero: &mut dyn Channel,
    ) -> Result<()> {
        let trainer = parties.trainer().map_or_else(String::new, |key| format!(" of the trainer with key {key}"));
        (self.tell)(&format!("is asked to take part in job {agreement}{trainer}:"));
        job.in_words(number).iter().for_each(|line| (self.tell)(&format!("  {line}")));
        parties.check(job)?;
        self.dataset.as_ref().map_or(Ok(()), |name| job.is_about(name))?;
        if let Some(save) = &self.save_initial {
            save(job, &shown_initial(job, zero)?)?;
        }
        self.policy.check(job, number)?;
        let hash = agreement.to_string();
        if self.accept.as_ref().is_some_and(|accepted| !hash.starts_with(accepted)) {
            return Err(Error::Usage(format!("the owner accepts another job than {hash}")));
        }
        if self.review {
            return Err(Error::Usage(format!("the owner only looks at the job; --accept {hash} takes it")));
        }
        Ok(())
    }
}

/// The initial parameters that everybody may see: from the job, or from server 0, checked.
fn shown_initial(job: &Job, zero: &mut dyn Channel) -> Result<Vec<Vec<f64>>> {
    let parameters = match &job.initial {
        Initial::Private => {
            return Err(Error::Usage("the owner wants to see the initial weights, the job has private ones".into()));
        }
        Initial::Public { blake3 } => {
            say(zero, Kind::Control, &OwnerWord::ShowInitial)?;
            receive_public(zero, job, blake3)?
        }
        Initial::Seed => initial_parameters(&job.model, job.seed),
    };
    let real = |x: &u64| decode(*x, 64, MASTER_FRAC);
    Ok(parameters.iter().map(|all| all.iter().map(real).collect()).collect())
}

/// An owner's word on a job, to servers and dealer, before its seeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OwnerWord {
    /// It takes part.
    Accepts,
    /// It does not, and why.
    Refuses(String),
    /// To server 0: it wants to see the public initial parameters first.
    ShowInitial,
}

/// Tells everybody that the owner does not take part. The reason goes along where it is about the job; what went wrong on the
/// owner's machine is its own affair.
pub(crate) fn refuse(why: &Error, links: [&mut dyn Channel; 3]) {
    let reason = if why.is_usage() { why.to_string() } else { "its own log says why".into() };
    for link in links {
        // one that is gone needs no word
        let _ = say(link, Kind::Control, &OwnerWord::Refuses(reason.clone())).and_then(|()| link.flush());
    }
}

/// Hears whether an owner takes part; shows it the `public` initial parameters if it asks.
///
/// # Errors
/// [`Error::Peer`] with its reason where it does not.
pub(crate) fn hear_consent(owner: &mut dyn Channel, mut public: Option<&Vec<Vec<u64>>>) -> Result<()> {
    loop {
        match hear(owner, Kind::Control, "whether it takes part")? {
            OwnerWord::Accepts => return Ok(()),
            OwnerWord::Refuses(reason) => {
                let shown: String = reason.chars().filter(|c| !c.is_control()).take(MOST_SHOWN).collect();
                return Err(Error::peer(owner.peer(), format!("refuses the job: {shown}")));
            }
            OwnerWord::ShowInitial => {
                let none = || Error::peer(owner.peer(), "asks for initial parameters that nobody shows");
                let parameters = public.take().ok_or_else(none)?;
                send_parameters(owner, parameters)?;
                owner.flush()?;
            }
        }
    }
}

/// Letters of a reason that are shown.
const MOST_SHOWN: usize = 500;
