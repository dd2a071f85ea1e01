//! The model owner's part in private prediction: it checks the job, gives each server a share of the parameters, and leaves.

use crate::error::{Error, Result};
use crate::net::{Channel, FrameKind, Presence};
use crate::nn::TrainedModel;
use crate::prediction::{ModelCard, PredictionJob};
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::consent::{OwnerWord, refuse};
use crate::roles::messages::{await_word, receive_message, send_message};
use crate::roles::share_parameters::{send_parameters, send_shares};
use crate::train::on_grid;

/// The model owner's links.
pub struct ModelOwnerLinks {
    /// To server 0 and server 1.
    pub servers: [Box<dyn Channel>; 2],
    /// How the others notice this party.
    pub presence: Presence,
    /// Who takes part.
    pub parties: Parties,
}

/// What a model's owner asks of a job.
pub struct ModelConsent {
    /// The card that the job must have.
    pub card: ModelCard,
    /// The only agreement that it takes: the first digits of its hash.
    pub accept: Option<String>,
    /// Takes a line for the operator.
    pub tell: Box<dyn Fn(&str) + Send>,
}

impl ModelConsent {
    /// Takes any job that has this card.
    pub fn to_card(card: ModelCard) -> Self {
        Self { card, accept: None, tell: Box::new(|_| ()) }
    }

    fn check(&self, job: &PredictionJob, agreement: &Agreement, parties: &Parties) -> Result<()> {
        (self.tell)(&format!("asked to answer in job {agreement}"));
        parties.submitter().into_iter().for_each(|key| (self.tell)(&format!("  client: key {key}")));
        job.in_words().iter().for_each(|line| (self.tell)(&format!("  {line}")));
        self.card.same(&job.card).map_err(|e| e.at("the client's card is not the model owner's"))?;
        let hash = agreement.to_string();
        if self.accept.as_ref().is_some_and(|accepted| !hash.starts_with(accepted)) {
            let text = format!("the model's owner accepts only the job of its --accept, which is not {hash}");
            return Err(Error::Usage(text));
        }
        Ok(())
    }
}

/// Shares a model's parameters for a session, if the job is as `consent` asks; returns when the session starts: until then, it
/// can come to nothing, and the next attempt needs the shares again.
///
/// # Errors
/// If the job is refused, or a peer fails.
pub fn run_model_owner(links: ModelOwnerLinks, consent: &ModelConsent, model: &TrainedModel) -> Result<()> {
    let ModelOwnerLinks { servers: [mut zero, mut one], presence, parties } = links;
    for link in [&mut zero, &mut one] {
        link.attach(&presence);
    }
    let (job, agreement) = hear_job(&parties, [&mut *zero, &mut *one])?;
    let ready = consent.check(&job, &agreement, &parties).and_then(|()| {
        job.card.fits(model)?;
        on_grid(&model.parameter_list()?, &model.model, &job.card.profile)
    });
    let parameters = match ready {
        Ok(parameters) => parameters,
        Err(why) => {
            refuse(&why, [&mut *zero, &mut *one]);
            return Err(if why.is_usage() { why.at("refused the job") } else { why });
        }
    };
    for link in [&mut zero, &mut one] {
        send_message(&mut **link, FrameKind::Control, &OwnerWord::Accepts)?;
    }
    if job.card.public_model {
        [&mut zero, &mut one].into_iter().try_for_each(|link| send_parameters(&mut **link, &parameters))?;
    } else {
        send_shares(&parameters, [&mut *zero, &mut *one])?;
    }
    (consent.tell)("the model is shared; waiting for the session to start");
    let starts = "word that the session starts";
    let (): () = await_word(&mut *zero, [&*one], FrameKind::Report, starts)?;
    await_word(&mut *one, [], FrameKind::Report, starts)
}

/// The job, which the servers agree on.
fn hear_job(parties: &Parties, [zero, one]: [&mut dyn Channel; 2]) -> Result<(PredictionJob, Agreement)> {
    let job: Vec<u8> = await_word(zero, [&*one], FrameKind::Control, "the job")?;
    let job = PredictionJob::from_bytes(&job).map_err(|e| e.at(zero.peer().to_string()))?;
    let agreement = Agreement::on_predictions(&job, parties);
    for link in [zero, one] {
        link.enter(crate::net::Phase::SET_UP);
        let theirs: Agreement = receive_message(link, FrameKind::Agree, "its agreement to the job")?;
        agreement.check(link, &theirs)?;
    }
    Ok((job, agreement))
}
