//! The initial parameters, from wherever the job takes them, on their way into shares.
//!
//! Parameters that are public, by the job's seed or by the trainer's word, are shared by the servers themselves: server 0's
//! share of parameter i is stream i of a seed that only the two have, 64 bits an element; server 1's is what is missing.

use crate::error::{Error, Result};
use crate::fixed::MASTER_BITS;
use crate::kernel::Operand;
use crate::net::{Channel, FrameHeader, FrameKind, receive_exactly};
use crate::nn::{Model, initial_parameters};
use crate::prg::Seed;
use crate::roles::seeds::initial_seed;
use crate::tensor::{Device, Tensor};
use crate::train::{InitialSource, Job, initial_hash};

/// The trainer's side: sends the servers what the job says it does.
pub(crate) fn send_initial(job: &Job, parameters: &[Vec<u64>], servers: [&mut dyn Channel; 2]) -> Result<()> {
    match &job.initial {
        InitialSource::Seed => Ok(()),
        InitialSource::Public { blake3 } if *blake3 != initial_hash(parameters) => {
            Err(Error::Usage("the hash of the initial parameters is not the one in the job".into()))
        }
        InitialSource::Public { .. } => servers.into_iter().try_for_each(|link| send_parameters(link, parameters)),
        InitialSource::Private => send_shares(parameters, servers),
    }
}

/// Sends each server its share of parameters.
pub(crate) fn send_shares(parameters: &[Vec<u64>], servers: [&mut dyn Channel; 2]) -> Result<()> {
    let shares = Seed::fresh()?;
    for (id, server) in (0..).zip(servers) {
        let share = |(i, x): (u64, &Vec<u64>)| share_of(id, &shares, i, x);
        send_parameters(server, &(0..).zip(parameters).map(share).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// Sends parameters, a frame each.
pub(crate) fn send_parameters(link: &mut dyn Channel, parameters: &[Vec<u64>]) -> Result<()> {
    for (gate, x) in (0..).zip(parameters) {
        link.send(FrameHeader { kind: FrameKind::Data, session: 0, step: 0, gate }, bytemuck::cast_slice(x).to_vec())?;
    }
    Ok(())
}

/// Receives as many as a network has.
pub(crate) fn receive_parameters(link: &mut dyn Channel, model: &Model) -> Result<Vec<Vec<u64>>> {
    let one = |(gate, shape): (u32, crate::shape::Shape)| {
        let head = FrameHeader { kind: FrameKind::Data, session: 0, step: 0, gate };
        let bytes = shape.len() * (MASTER_BITS / 8) as usize;
        Ok(bytemuck::pod_collect_to_vec(&receive_exactly(link, head, bytes, "the parameters")?))
    };
    (0..).zip(model.parameters()).map(one).collect()
}

/// Receives public parameters, and checks that they are those that the job names.
///
/// # Errors
/// [`Error::Peer`] if they are others.
pub(crate) fn receive_public(link: &mut dyn Channel, job: &Job, blake3: &str) -> Result<Vec<Vec<u64>>> {
    let parameters = receive_parameters(link, &job.model)?;
    if initial_hash(&parameters) == blake3 {
        return Ok(parameters);
    }
    Err(Error::peer(link.peer(), "sent initial parameters whose hash is not the one in the job"))
}

/// What server `id` begins with.
pub(crate) struct Begun {
    /// Its shares.
    pub shares: Vec<Tensor>,
    /// The parameters themselves, at server 0 where the trainer sent them in the clear: owners may want to see them.
    pub public: Option<Vec<Vec<u64>>>,
}

/// A server's side: its shares of the initial parameters.
pub(crate) fn take_initial(
    id: u8,
    job: &Job,
    trainer: &mut dyn Channel,
    common: &Seed,
    device: &Device,
) -> Result<Begun> {
    let seed = initial_seed(common);
    let (parameters, is_share) = match &job.initial {
        InitialSource::Private => (receive_parameters(trainer, &job.model)?, true),
        InitialSource::Public { blake3 } => (receive_public(trainer, job, blake3)?, false),
        InitialSource::Seed if id == 0 => (job.model.parameters().iter().map(|s| vec![0; s.len()]).collect(), false),
        InitialSource::Seed => (initial_parameters(&job.model, job.seed), false),
    };
    let mut shares = Vec::with_capacity(parameters.len());
    for ((i, x), shape) in (0..).zip(&parameters).zip(job.model.parameters()) {
        let of_public = (!is_share).then(|| share_of(id, &seed, i, x));
        let share = of_public.as_ref().unwrap_or(x);
        shares.push(device.upload(bytemuck::cast_slice(share), Operand::Wide, shape)?);
    }
    let public = (id == 0 && matches!(job.initial, InitialSource::Public { .. })).then_some(parameters);
    Ok(Begun { shares, public })
}

/// Server `id`'s share of parameter number `i`: server 0's does not depend on it.
fn share_of(id: u8, seed: &Seed, i: u64, x: &[u64]) -> Vec<u64> {
    let mut words = vec![0u32; 2 * x.len()];
    seed.stream(i).fill(0, &mut words);
    let random = words.chunks_exact(2).map(|w| u64::from(w[0]) | u64::from(w[1]) << 32);
    if id == 0 { random.collect() } else { x.iter().zip(random).map(|(x, r)| x.wrapping_sub(r)).collect() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::backend::Cpu;
    use crate::fixed::Profile;
    use crate::net::pair;
    use crate::prg::public_seed;
    use crate::train::Training;

    fn training() -> Training {
        Training::new(Model::dense("small", 4, &[3], 2).unwrap()).profile(Profile::small()).batch(2)
    }

    fn given() -> Vec<Vec<f64>> {
        vec![(0..12).map(|i| f64::from(i) / 8.0).collect(), vec![0.5; 3], vec![-1.0; 6], vec![0.0; 2]]
    }

    /// The sum of both servers' shares, and server 0's.
    fn shared(job: &Job, sent: &[Vec<u64>]) -> Result<[Vec<Vec<u64>>; 2]> {
        let (mut to_zero, mut zero) = pair("trainer", "server 0");
        let (mut to_one, mut one) = pair("trainer", "server 1");
        send_initial(job, sent, [&mut to_zero, &mut to_one])?;
        let device = Device::new(Arc::new(Cpu::default()), job.settings.profile.ring);
        let common = public_seed(3, "what both servers know");
        let words = |begun: Begun| -> Vec<Vec<u64>> {
            let one = |t: &Tensor| bytemuck::pod_collect_to_vec(&device.download(t).unwrap());
            begun.shares.iter().map(one).collect()
        };
        let zero = words(take_initial(0, job, &mut zero, &common, &device)?);
        let one = words(take_initial(1, job, &mut one, &common, &device)?);
        let add = |(a, b): (&Vec<u64>, &Vec<u64>)| a.iter().zip(b).map(|(a, b)| a.wrapping_add(*b)).collect();
        Ok([zero.iter().zip(&one).map(add).collect(), zero])
    }

    #[test]
    fn shares_add_up_to_the_parameters_that_the_job_says() {
        let job = training().job(10, 5).unwrap();
        assert_eq!(job.initial, InitialSource::Seed);
        let [sum, zero] = shared(&job, &[]).unwrap();
        assert_eq!(sum, initial_parameters(&job.model, job.seed));
        // server 0's share follows from the common seed alone, and has no pattern where parameters are 0
        let [_, other] = shared(&Job { seed: 9, ..job }, &[]).unwrap();
        assert_eq!(zero, other);
        assert!(zero.iter().flatten().all(|x| *x != 0));

        for training in [training().initial(given()), training().private_initial(given())] {
            let job = training.job(10, 5).unwrap();
            let sent = training.initial_parameters(&job).unwrap();
            assert_eq!(shared(&job, &sent).unwrap()[0], sent, "{:?}", job.initial);
        }
    }

    #[test]
    fn public_parameters_with_another_hash_are_refused_at_both_ends() {
        let job = training().initial(given()).job(10, 5).unwrap();
        let mut other = training().initial(given()).initial_parameters(&job).unwrap();
        other[0][0] ^= 1;
        assert!(shared(&job, &other).unwrap_err().to_string().contains("is not the one in the job"));
        let (mut trainer, mut server) = pair("trainer", "server 1");
        send_parameters(&mut trainer, &other).unwrap();
        let InitialSource::Public { blake3 } = &job.initial else { panic!("{:?}", job.initial) };
        let reason = receive_public(&mut server, &job, blake3).unwrap_err().to_string();
        assert!(reason.contains("trainer: sent initial parameters whose hash"), "{reason}");
    }
}
