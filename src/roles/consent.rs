//! What an owner checks before a seed or a row of its own leaves.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fixed::{MASTER_FRAC, decode};
use crate::net::{Channel, Kind, printable};
use crate::nn::initial_parameters;
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::frames;
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
            zero.set_max_frame(frames::of_parameters(job));
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
    Refuses(#[serde(deserialize_with = "printable::decode")] String),
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
                return Err(Error::peer(owner.peer(), format!("refuses the job: {reason}")));
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::data::{known, names};
    use crate::net::{SealingKey, pair};
    use crate::roles::Training;
    use crate::train::Recipe;

    fn job(private: bool) -> Job {
        let model = crate::nn::Model::dense("small", 4, &[], 2).unwrap();
        let given = vec![vec![0.5; 8], vec![-0.25; 2]];
        let training = Training::new(model).dataset("mnist").batch(50).epochs(10);
        let training = if private { training.private_initial(given) } else { training.initial(given) };
        training.job(5000, 500).unwrap()
    }

    fn asked(consent: &Consent, job: &Job, zero: &mut dyn Channel) -> Result<()> {
        let parties = Parties::threads(SealingKey::parse(&"9".repeat(64)).unwrap());
        consent.check(0, job, &Agreement::new(job, &parties), &parties, zero)
    }

    #[test]
    fn networks_with_names_pass_the_default_policy_with_their_own_settings() {
        let mut passed = 0;
        for (name, data) in Recipe::names().flat_map(|name| names().map(move |set| (name, known(set).unwrap()))) {
            let Ok(recipe) = Recipe::named(name, data) else { continue };
            let rows = recipe.settings.train_limit.unwrap_or(data.train_rows);
            let job = Training::of(&recipe, data).unwrap().job(rows, data.test_rows).unwrap();
            Policy::default().check(&job, 0).unwrap_or_else(|e| panic!("{name} on {}: {e}", data.name));
            passed += 1;
        }
        assert!(passed > 12, "{passed} jobs");
    }

    #[test]
    fn only_the_job_that_was_accepted_is_and_none_in_a_review() {
        let (mut zero, _server) = pair("owner 0", "server 0");
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let said = lines.clone();
        let mut consent = Consent::to_anything();
        consent.tell = Box::new(move |line| said.lock().unwrap().push(line.into()));
        consent.review = true;
        let reason = asked(&consent, &job(false), &mut zero).unwrap_err().to_string();
        let hash = reason.split_once("--accept ").unwrap().1[..64].to_owned();
        assert!(lines.lock().unwrap()[0].contains(&hash));
        consent.review = false;
        consent.accept = Some(hash[..16].to_owned());
        asked(&consent, &job(false), &mut zero).unwrap();
        let reason = asked(&consent, &Job { seed: 2, ..job(false) }, &mut zero).unwrap_err().to_string();
        assert!(reason.contains("accepts another job"), "{reason}");
        consent.dataset = Some("cifar-10".into());
        assert!(asked(&consent, &job(false), &mut zero).unwrap_err().to_string().contains("brings `cifar-10`"));
    }

    #[test]
    fn public_weights_are_shown_once_and_private_ones_never() {
        let (mut owner, mut server) = pair("owner 0", "server 0");
        let saved: Arc<Mutex<Vec<Vec<f64>>>> = Arc::default();
        let keep = saved.clone();
        let mut consent = Consent::to_anything();
        consent.save_initial = Some(Box::new(move |_, parameters| {
            *keep.lock().unwrap() = parameters.to_vec();
            Ok(())
        }));
        let parameters = vec![vec![1 << 31; 8], vec![(1u64 << 30).wrapping_neg(); 2]];
        let serving = std::thread::spawn(move || hear_consent(&mut server, Some(&parameters)));
        asked(&consent, &job(false), &mut owner).unwrap();
        assert_eq!(*saved.lock().unwrap(), [vec![0.5; 8], vec![-0.25; 2]]);
        say(&mut owner, Kind::Control, &OwnerWord::ShowInitial).unwrap();
        assert!(serving.join().unwrap().unwrap_err().to_string().contains("nobody shows"));
        assert!(asked(&consent, &job(true), &mut owner).unwrap_err().to_string().contains("private"));
    }

    #[test]
    fn a_refusal_reaches_the_others_without_what_is_the_owners_affair() {
        let heard = |why: &Error| {
            let links: Vec<_> = ["server 0", "server 1", "dealer"].into_iter().map(|to| pair("owner 3", to)).collect();
            let (owner, mut others): (Vec<_>, Vec<_>) = links.into_iter().unzip();
            let mut owner = owner.into_iter();
            let [mut a, mut b, mut c] = [(); 3].map(|()| owner.next().unwrap());
            refuse(why, [&mut a, &mut b, &mut c]);
            let reasons: Vec<_> = others.iter_mut().map(|o| hear_consent(o, None).unwrap_err().to_string()).collect();
            assert!(reasons.iter().all(|reason| *reason == reasons[0]));
            reasons[0].clone()
        };
        let rule = heard(&Error::Usage("`least_rows = 5`\u{1b}[2J".into()));
        assert_eq!(rule, "owner 3: refuses the job: `least_rows = 5`?[2J");
        let own = heard(&Error::format("/home/somebody/rows.csv", "is not there"));
        assert!(own.contains("its own log") && !own.contains("somebody"), "{own}");
    }
}
