//! An estimate of a run's time, from its planned cost and the measured speed of this machine.
//!
//! | part | at a server | at the dealer |
//! |---|---|---|
//! | compute | measured here | measured here |
//! | rounds | each as over loopback, and half a round trip: both servers send at once | none |
//! | bytes | opened bytes each way, over the bandwidth | dealt bytes: as over loopback, and over the bandwidth |
//!
//! The dealer works ahead, so that a step takes as long as the slower of the two. Where all roles share this machine, its
//! cores bound a step too: `(work - path) / cores + path` (Brent, 1974); computing is then measured with all of them busy.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::roles::calibrate::Throughput;
use crate::roles::event::Bytes;
use crate::roles::planned_cost::Costs;
use crate::train::{Job, set_shapes};

/// What is between the roles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Bits a second of every link, each way; `None` if it does not matter.
    pub bandwidth: Option<f64>,
    /// Seconds to a peer and back.
    pub rtt: f64,
    /// Whether all roles share this machine.
    pub local: bool,
}

/// The time to expect, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// All steps and evaluations, and the upload of the rows.
    pub seconds: f64,
    /// A step.
    pub seconds_per_step: f64,
    /// An evaluation of all test rows.
    pub seconds_per_evaluation: f64,
    /// The masked rows on their way to each server.
    pub upload_seconds: f64,
    /// A step at a server.
    pub server: RoleTime,
    /// A step at the dealer.
    pub dealer: RoleTime,
    /// CPU time of a step, all roles together.
    pub processor_seconds: f64,
    /// Threads of every role that computes.
    pub threads: usize,
    /// Ring multiply-adds a second in 10^9, measured here.
    pub gmacs: f64,
    /// Rows of the batch that was measured here.
    pub measured_rows: u32,
}

/// A step at a role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoleTime {
    /// Computing.
    pub compute: f64,
    /// Rounds: what they take on loopback, and half a round trip each.
    pub rounds: f64,
    /// Bytes over the bandwidth; the dealer's also what they take on loopback.
    pub bytes: f64,
}

impl RoleTime {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.compute + self.rounds + self.bytes
    }
}

/// What is waited for.
struct Load {
    rounds: f64,
    bytes: Bytes,
    compute: [f64; 2],
}

impl Estimate {
    /// The time to expect of a job of these costs; measures this machine first, in about a second.
    ///
    /// # Errors
    /// If it cannot be measured, or the job is invalid.
    pub fn measure(job: &Job, costs: &Costs, network: Network) -> Result<Self> {
        job.check()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if network.local { threads_of_a_role(cores) } else { cores };
        let s = &costs.summary;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a mean frame is no longer than all"
        )]
        let frame = (s.bytes_per_step.server0_to_server1 / s.rounds_per_step.max(1.0)) as usize;
        let busy = if network.local { cores.min(COMPUTING_ROLES) } else { 1 };
        let pace = Throughput::measure(job, threads, busy, frame)?;
        Ok(Self::of(job, costs, network, &pace, cores))
    }

    /// The same at a known pace.
    pub fn of(job: &Job, costs: &Costs, network: Network, pace: &Throughput, cores: usize) -> Self {
        let s = &costs.summary;
        let compute = [pace.server_step, pace.dealer_step];
        let step = Load { rounds: s.rounds_per_step, bytes: s.bytes_per_step, compute };
        let compute = [pace.server_evaluation, pace.dealer_evaluation];
        let evaluation = Load { rounds: s.rounds_per_evaluation, bytes: s.bytes_per_evaluation, compute };
        let (server, dealer, processor_seconds) = step.parts(network, pace);
        let (seconds_per_step, seconds_per_evaluation) =
            (step.seconds(network, pace, cores), evaluation.seconds(network, pace, cores));
        let rows = |train: bool| f64::from(if train { job.train_rows() } else { job.test_rows() });
        let sets = set_shapes(job);
        let upload: f64 = sets.iter().map(|(set, shape)| rows(set.is_train()) * shape.stride() as f64 * 4.0).sum();
        let upload_seconds = upload * (pace.byte.seconds + network.per_byte());
        let evaluations = f64::from(job.evaluations());
        Self {
            seconds: upload_seconds + s.steps as f64 * seconds_per_step + evaluations * seconds_per_evaluation,
            seconds_per_step,
            seconds_per_evaluation,
            upload_seconds,
            server,
            dealer,
            processor_seconds,
            threads: pace.threads,
            gmacs: pace.gmacs,
            measured_rows: pace.rows,
        }
    }
}

impl Network {
    fn per_byte(&self) -> f64 {
        self.bandwidth.map_or(0.0, |bits| 8.0 / bits)
    }
}

impl Load {
    /// A server's path, the dealer's, and the CPU time of all roles.
    fn parts(&self, network: Network, pace: &Throughput) -> (RoleTime, RoleTime, f64) {
        let (opened, dealt) = (self.bytes.server0_to_server1, self.bytes.dealer_to_server1);
        let server = RoleTime {
            compute: self.compute[0],
            rounds: self.rounds * (pace.round.seconds + network.rtt / 2.0),
            bytes: opened * network.per_byte(),
        };
        let dealer =
            RoleTime { compute: self.compute[1], rounds: 0.0, bytes: dealt * (pace.byte.seconds + network.per_byte()) };
        let computing = (2.0 * self.compute[0] + self.compute[1]) * pace.threads as f64;
        (server, dealer, computing + self.rounds * pace.round.cpu + dealt * pace.byte.cpu)
    }

    fn seconds(&self, network: Network, pace: &Throughput, cores: usize) -> f64 {
        let (server, dealer, processor) = self.parts(network, pace);
        let path = server.total().max(dealer.total());
        if network.local { (processor - path).max(0.0) / cores as f64 + path } else { path }
    }
}

/// Threads of each server and of the dealer where they share a machine.
pub fn threads_of_a_role(cores: usize) -> usize {
    (cores / COMPUTING_ROLES).max(1)
}

/// Two servers and the dealer.
const COMPUTING_ROLES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::Profile;
    use crate::nn::Model;
    use crate::roles::calibrate::Transfer;
    use crate::train::Training;

    const PACE: Throughput = Throughput {
        threads: 1,
        gmacs: 50.0,
        rows: 128,
        server_step: 3e-3,
        dealer_step: 2e-3,
        server_evaluation: 0.0,
        dealer_evaluation: 0.0,
        round: Transfer { seconds: 1e-4, cpu: 2e-4 },
        byte: Transfer { seconds: 1e-9, cpu: 2e-9 },
    };

    #[test]
    fn a_step_is_the_slower_of_servers_and_dealer() {
        let training = Training::new(Model::named("secureml", 784, 10).unwrap()).profile(Profile::small());
        let (job, costs) = (training.job(1280, 0), training.costs(1280, 0, "cpu"));
        let training = training.reveal(crate::train::Reveals { model: true, ..crate::train::Reveals::NOTHING });
        assert!(job.is_err() && costs.is_err(), "accuracy takes test rows");
        let (job, costs) = (training.job(1280, 0).unwrap(), training.costs(1280, 0, "cpu").unwrap());
        let at = |bandwidth, rtt, local| Estimate::of(&job, &costs, Network { bandwidth, rtt, local }, &PACE, 2);
        let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-9, "{a} is not {b}");
        let b = costs.summary.bytes_per_step;
        // 22 rounds of 1e-4 and half of 40 ms each
        close(at(None, 0.04, false).seconds_per_step, 3e-3 + 22.0 * 0.0201);
        close(at(Some(1e8), 0.0, false).seconds_per_step, 2e-3 + b.dealer_to_server1 * (1e-9 + 8e-8));
        let slow = at(Some(1e8), 0.04, false);
        close(slow.seconds_per_step, 3e-3 + 22.0 * 0.0201 + b.server0_to_server1 * 8e-8);
        close(slow.seconds, slow.upload_seconds + 50.0 * slow.seconds_per_step);
        let work = 2.0 * 3e-3 + 2e-3 + 22.0 * 2e-4 + b.dealer_to_server1 * 2e-9;
        let path = 3e-3 + 22.0 * 1e-4;
        close(at(None, 0.0, true).seconds_per_step, (work - path) / 2.0 + path);
    }
}
