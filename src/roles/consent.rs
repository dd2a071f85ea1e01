//! What an owner checks before a seed or a row of its own leaves.

use serde::{Deserialize, Serialize};

use crate::data::Description;
use crate::error::{Error, Result};
use crate::fixed::{MASTER_FRAC, decode};
use crate::net::{Channel, FrameKind, printable};
use crate::nn::initial_parameters;
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::frame_limit;
use crate::roles::memory_limit::MemoryLimit;
use crate::roles::messages::{receive_message, send_message};
use crate::roles::share_parameters::{receive_public, send_parameters};
use crate::train::{InitialSource, Job, Policy};

/// Keeps initial parameters for the owner to look at.
pub type SaveInitial = Box<dyn Fn(&Job, &[Vec<f64>]) -> Result<()> + Send>;

/// The command that takes part in the job of this hash.
pub type Again = Box<dyn Fn(&str) -> String + Send>;

/// What an owner asks of a job.
pub struct Consent {
    /// The rules.
    pub policy: Policy,
    /// The data set that it brings; none: whatever the job names.
    pub dataset: Option<String>,
    /// The description of its data, which the job must have too; `None` for a known set.
    pub description: Option<Description>,
    /// The only agreement that it takes: the first digits of its hash.
    pub accept: Option<String>,
    /// Whether it wants to see the job only.
    pub review: bool,
    /// The command that takes part in the job of a hash, for the operator of a review; `None` if there is no such command.
    pub again: Option<Again>,
    /// Where initial parameters are kept, if the owner wants them.
    pub save_initial: Option<SaveInitial>,
    /// How much memory the job may take here.
    pub memory: MemoryLimit,
    /// Takes a line for the operator.
    pub tell: Box<dyn Fn(&str) + Send>,
    /// Takes a warning of its rows, for the operator.
    pub warn: Box<dyn Fn(&str) + Send>,
}

impl Consent {
    /// Takes any job: for rows that are the trainer's own.
    pub fn to_anything() -> Self {
        Self {
            policy: Policy::anything(),
            dataset: None,
            description: None,
            accept: None,
            review: false,
            again: None,
            save_initial: None,
            memory: MemoryLimit::Unlimited,
            tell: Box::new(|_| ()),
            warn: Box::new(|_| ()),
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
        (self.tell)(&format!("asked to take part in job {agreement}"));
        parties.submitter().into_iter().for_each(|key| (self.tell)(&format!("  trainer: key {key}")));
        job.in_words(number).iter().for_each(|line| (self.tell)(&format!("  {line}")));
        parties.check(job)?;
        if let Some(name) = &self.dataset {
            job.is_about(name)?;
            job.is_described_as(self.description.as_ref())?;
        }
        self.policy.check(job, number)?;
        self.memory.check_owner(job, number)?;
        let hash = agreement.to_string();
        if self.accept.as_ref().is_some_and(|accepted| !hash.starts_with(accepted)) {
            return Err(Error::Usage(format!("the owner accepts only the job of its --accept, which is not {hash}")));
        }
        // rules first: weights are as large as the job says
        if let Some(save) = &self.save_initial {
            self.memory.check_initial(job)?;
            save(job, &shown_initial(job, zero)?)?;
        }
        if self.review {
            if let Some(again) = &self.again {
                (self.tell)("to take part in this job, run:");
                (self.tell)(&format!("  {}", again(&hash)));
            }
            return Err(Error::Usage(format!(
                "the owner only reviews the job; to take part: --accept {hash}, with the same --policy"
            )));
        }
        Ok(())
    }
}

/// The initial parameters that everybody may see: from the job, or from server 0, checked.
fn shown_initial(job: &Job, zero: &mut dyn Channel) -> Result<Vec<Vec<f64>>> {
    let parameters = match &job.initial {
        InitialSource::Private => {
            return Err(Error::Usage(
                "the owner inspects the initial weights, but those of the job are private".into(),
            ));
        }
        InitialSource::Public { blake3 } => {
            send_message(zero, FrameKind::Control, &OwnerWord::ShowInitial)?;
            zero.set_max_frame(frame_limit::of_parameters(&job.model));
            receive_public(zero, job, blake3)?
        }
        InitialSource::Seed => initial_parameters(&job.model, job.seed),
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

/// Notifies everybody that the owner does not take part. The reason goes along where it is about the job; what went wrong on the
/// owner's machine is its own affair.
pub(crate) fn refuse<const N: usize>(why: &Error, links: [&mut dyn Channel; N]) {
    let reason = if why.is_usage() { why.to_string() } else { "see its log".into() };
    for link in links {
        // one that is gone needs no word
        let _ = send_message(link, FrameKind::Control, &OwnerWord::Refuses(reason.clone())).and_then(|()| link.flush());
    }
}

/// Hears whether an owner takes part; shows it the `public` initial parameters if it asks.
///
/// # Errors
/// [`Error::Peer`] with its reason if it does not.
pub(crate) fn hear_consent(owner: &mut dyn Channel, mut public: Option<&Vec<Vec<u64>>>) -> Result<()> {
    loop {
        match receive_message(owner, FrameKind::Control, "whether it takes part")? {
            OwnerWord::Accepts => return Ok(()),
            OwnerWord::Refuses(reason) => {
                return Err(Error::peer(owner.peer(), format!("refuses the job: {reason}")));
            }
            OwnerWord::ShowInitial => {
                let none = || Error::peer(owner.peer(), "asked for initial parameters that are private");
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
    use crate::data::{dataset_info, names};
    use crate::fixed::Profile;
    use crate::net::{SealingKey, pair};
    use crate::nn::Model;
    use crate::train::Training;
    use crate::train::{EarlyStop, InitialPolicy, Recipe};

    fn job(private: bool) -> Job {
        let model = Model::dense("small", 4, &[], 2).unwrap();
        let given = vec![vec![0.5; 8], vec![-0.25; 2]];
        let training = Training::new(model).profile(Profile::small()).dataset("mnist").batch(50).epochs(10);
        let training = if private { training.private_initial(given) } else { training.initial(given) };
        training.job(5000, 500).unwrap()
    }

    fn asked(consent: &Consent, job: &Job, zero: &mut dyn Channel) -> Result<()> {
        let parties = Parties::threads(SealingKey::parse(&"9".repeat(64)).unwrap());
        consent.check(0, job, &Agreement::new(job, &parties), &parties, zero)
    }

    #[test]
    fn a_job_is_told_in_lines_that_fit_a_terminal() {
        let stop = EarlyStop { patience: Some(3), target: Some(0.99) };
        let training = Training::new(Model::dense("small", 4, &[], 2).unwrap())
            .profile(Profile::small())
            .dataset("mnist")
            .batch(16)
            .epochs(20);
        let training = training.owners(2).stop(stop).initial(vec![vec![0.5; 8], vec![-0.25; 2]]);
        let job = training.job(5000, 500).unwrap();
        let lines = job.in_words(1);
        assert!(lines.iter().all(|line| line.len() <= 88), "{lines:#?}");
        let text = lines.join("\n");
        for part in [
            "of this owner: 2500 training rows, 250 test rows",
            "epochs 20, steps 6260, rows per step 16, in the smallest step 8",
            "until accuracy 0.99 or 3 epochs without improvement",
            "rows shuffled",
            "momentum 0.90625, weight decay 0",
            "loss softmax-cross-entropy",
            "layers:\n  ",
            "public; their BLAKE3:",
            "after 313 steps at the earliest",
        ] {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
        assert!(job.in_words(7).iter().any(|line| line.contains("of this owner: 0 training rows")));
    }

    #[test]
    fn networks_with_names_pass_the_default_policy_with_their_own_settings() {
        let mut passed = 0;
        for (name, data) in Recipe::names().flat_map(|name| names().map(move |set| (name, dataset_info(set).unwrap())))
        {
            let Ok(recipe) = Recipe::named(name, data) else { continue };
            let rows = recipe.settings.train_limit.unwrap_or(data.train_rows);
            let job = Training::of(&recipe, data).job(rows, data.test_rows).unwrap();
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
        assert!(reason.contains("--policy"), "{reason}");
        assert!(lines.lock().unwrap()[0].contains(&hash));
        consent.review = false;
        consent.accept = Some(hash[..16].to_owned());
        asked(&consent, &job(false), &mut zero).unwrap();
        let reason = asked(&consent, &Job { seed: 2, ..job(false) }, &mut zero).unwrap_err().to_string();
        assert!(reason.contains("accepts only the job of its --accept"), "{reason}");
        consent.dataset = Some("cifar-10".into());
        assert!(asked(&consent, &job(false), &mut zero).unwrap_err().to_string().contains("this owner has `cifar-10`"));
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
        send_message(&mut owner, FrameKind::Control, &OwnerWord::ShowInitial).unwrap();
        assert!(serving.join().unwrap().unwrap_err().to_string().contains("initial parameters that are private"));
        assert!(asked(&consent, &job(true), &mut owner).unwrap_err().to_string().contains("private"));
    }

    #[test]
    fn weights_are_not_asked_for_where_a_rule_or_the_memory_refuses_the_job() {
        let (mut owner, mut server) = pair("owner 0", "server 0");
        let refused = |consent: Consent, owner: &mut dyn Channel| {
            let save: SaveInitial = Box::new(|_, _| panic!("no weights have come"));
            let consent = Consent { save_initial: Some(save), ..consent };
            asked(&consent, &job(false), owner).unwrap_err().to_string()
        };
        let strict =
            Consent { policy: Policy { initial: InitialPolicy::Seed, ..Policy::anything() }, ..Consent::to_anything() };
        assert!(refused(strict, &mut owner).contains("`initial = "));
        let other = Consent { accept: Some("0".repeat(16)), ..Consent::to_anything() };
        assert!(refused(other, &mut owner).contains("accepts only the job of its --accept"));
        let small = Consent { memory: MemoryLimit::Bytes(100), ..Consent::to_anything() };
        assert!(refused(small, &mut owner).contains("the rows: "));
        assert!(server.poll(std::time::Duration::ZERO).unwrap().is_none(), "nothing was asked for");
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
        assert!(own.contains("its log") && !own.contains("somebody"), "{own}");
    }
}
