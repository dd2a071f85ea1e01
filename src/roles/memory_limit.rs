//! Whether a job fits into this machine's memory. Asked before anything of its size is allocated.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::party::LargestFrames;
use crate::prediction::PredictionJob;
use crate::roles::planned_cost::{Memory, forecast, owner_memory};
use crate::roles::prediction::forecast_predictions;
use crate::train::{Job, set_shapes};

/// How much memory a job may be planned to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemoryLimit {
    /// What the machine has available, or the control group of this process if that is less, but for a sixteenth.
    #[default]
    Available,
    /// So many bytes.
    Bytes(u64),
    /// As much as it wants: somebody else looks after it.
    Unlimited,
}

impl MemoryLimit {
    /// The largest frames of a job that is planned to fit where these roles run together, as `server0`.
    ///
    /// # Errors
    /// [`Error::Memory`] if it takes more.
    pub(crate) fn check(self, job: &Job, roles: impl Fn(&str) -> bool) -> Result<LargestFrames> {
        let limit = self.bytes();
        // planning takes memory, too: what can be seen without comes first
        refuse(limit, &[("at least for a batch and the rows", least_mib(job, &roles))])?;
        let (frames, memory) = forecast(job)?;
        let own: Vec<(&str, f64)> = memory
            .iter()
            .filter(|(role, _)| roles(role))
            .map(|(role, memory)| (role.as_str(), Memory::total_mib(memory)))
            .collect();
        refuse(limit, &own)?;
        Ok(frames)
    }

    /// The same for a session of private predictions.
    ///
    /// # Errors
    /// As [`MemoryLimit::check`].
    pub(crate) fn check_prediction(self, job: &PredictionJob, roles: impl Fn(&str) -> bool) -> Result<LargestFrames> {
        let limit = self.bytes();
        let card = &job.card;
        let parameters: f64 = card.model.parameters().iter().map(|shape| shape.len() as f64 * 16.0).sum();
        let request = f64::from(job.batch) * card.model.widest() as f64 * 8.0;
        refuse(limit, &[("at least for a request and the parameters", (request + parameters) / MIB)])?;
        let (frames, memory) = forecast_predictions(job)?;
        let own: Vec<(&str, f64)> = memory
            .iter()
            .filter(|(role, _)| roles(role))
            .map(|(role, memory)| (role.as_str(), Memory::total_mib(memory)))
            .collect();
        refuse(limit, &own)?;
        Ok(frames)
    }

    /// Refuses a job that takes more memory at an owner.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub(crate) fn check_owner(self, job: &Job, owner: u32) -> Result<()> {
        let owned = job.owners.get(owner as usize);
        owned.map_or(Ok(()), |owned| refuse(self.bytes(), &[("the rows", owner_memory(job, owned).total_mib())]))
    }

    /// Refuses to look at initial parameters of a job that take more: as they come, as real numbers, and as a file.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub(crate) fn check_initial(self, job: &Job) -> Result<()> {
        let parameters: f64 = job.model.parameters().iter().map(|shape| shape.len() as f64).sum();
        refuse(self.bytes(), &[("its initial parameters, to look at", parameters * 32.0 / MIB)])
    }

    /// The limit in bytes, if there is one.
    pub(crate) fn bytes(self) -> Option<u64> {
        match self {
            Self::Available => available(Path::new("/")).map(|bytes| bytes - bytes / 16),
            Self::Bytes(bytes) => Some(bytes),
            Self::Unlimited => None,
        }
    }
}

/// Refuses where the sum of some parts, in MiB, is above a limit in bytes.
fn refuse(limit: Option<u64>, parts: &[(&str, f64)]) -> Result<()> {
    let needed = parts.iter().map(|(_, mib)| mib).sum::<f64>();
    let Some(limit) = limit.filter(|limit| needed * MIB > *limit as f64) else { return Ok(()) };
    let mut parts = parts.to_vec();
    parts.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let shown = parts.iter().take(MOST_SHOWN).map(|(of, mib)| format!("{of}: {}", size(mib * MIB)));
    let more = parts.len().saturating_sub(MOST_SHOWN);
    let more = (more > 0).then(|| format!("{more} more"));
    let parts = shown.chain(more).collect::<Vec<_>>().join(", ");
    Err(Error::Memory { needed: size(needed * MIB), parts, available: size(limit as f64) })
}

/// MiB that a job takes in any case: a batch in the widest layer, the order of the rows, at a server rows and parameters.
fn least_mib(job: &Job, roles: impl Fn(&str) -> bool) -> f64 {
    let batch = f64::from(job.settings.batch.min(job.train_rows())) * job.model.widest() as f64 * 8.0;
    let order = f64::from(job.train_rows()) * ORDER_BYTES;
    let rows = |train| f64::from(if train { job.train_rows() } else { job.test_rows() });
    let data: f64 = set_shapes(job).iter().map(|(set, shape)| rows(set.is_train()) * shape.stride() as f64 * 4.0).sum();
    let parameters: f64 = job.model.parameters().iter().map(|shape| shape.len() as f64 * 8.0).sum();
    let servers = ["server0", "server1"].into_iter().filter(|role| roles(role)).count();
    let dealers = usize::from(roles("dealer"));
    ((servers + dealers) as f64 * (batch + order) + servers as f64 * (data + 3.0 * parameters)) / MIB
}

/// Bytes per row while an epoch's order is made: random words, numbers, and the batches.
pub(crate) const ORDER_BYTES: f64 = 16.0;

/// Bytes that this process may still take; `None` if the system does not report it. `root` is that of the file system.
fn available(root: &Path) -> Option<u64> {
    let machine = fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| meminfo(&text));
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let group = groups.lines().filter_map(|line| control_group(root, line)).min();
    machine.into_iter().chain(group).min()
}

/// Available memory of the machine.
fn meminfo(text: &str) -> Option<u64> {
    let kib = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What is left in the control group of a line of `/proc/self/cgroup`, or in one that it is in: `0::/user.slice` in version 2,
/// `5:memory:/docker/..` in version 1.
fn control_group(root: &Path, line: &str) -> Option<u64> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let (mount, [limit, usage, reclaimable]) = match controllers {
        "" => ("sys/fs/cgroup", ["memory.max", "memory.current", "inactive_file "]),
        list if list.split(',').any(|c| c == "memory") => {
            let files = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "];
            ("sys/fs/cgroup/memory", files)
        }
        _ => return None,
    };
    let mount = root.join(mount);
    let left = |group: &Path| {
        let number = |file: &str| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
        let limit = number(limit)?;
        // version 1 says "none" with a number close to 2^63
        let cache = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        let cache = cache.lines().find_map(|line| line.strip_prefix(reclaimable)?.trim().parse::<u64>().ok());
        Some(limit.saturating_sub(number(usage)?.saturating_sub(cache.unwrap_or(0))))
    };
    // a container may see its group as the root, whatever the path says
    let inside = mount.join(path.trim_start_matches('/'));
    inside.ancestors().take_while(|group| group.starts_with(&mount)).filter_map(left).min()
}

/// A size as a person reads it.
fn size(bytes: f64) -> String {
    let gib = bytes / MIB / 1024.0;
    if gib < 1.0 { format!("{:.0} MiB", bytes / MIB) } else { format!("{gib:.1} GiB") }
}

const MIB: f64 = (1 << 20) as f64;
const MOST_SHOWN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::Profile;
    use crate::nn::Model;
    use crate::train::Training;

    fn job(rows: usize) -> Job {
        Training::new(Model::dense("small", 40, &[30], 3).unwrap())
            .profile(Profile::small())
            .batch(50)
            .job(rows, 10)
            .unwrap()
    }

    #[test]
    fn a_job_that_takes_more_than_there_is_is_refused_with_what_to_do() {
        let server = |role: &str| role == "server0";
        let fits = MemoryLimit::Bytes(1 << 30).check(&job(1000), server).unwrap();
        assert!(fits.opened > 0 && fits.dealt > fits.opened);
        let error = MemoryLimit::Bytes(1 << 20).check(&job(1000), server).unwrap_err().to_string();
        for words in ["1 MiB is allowed or available", "server0: ", "--batch", "--memory-limit"] {
            assert!(error.contains(words), "`{words}` is not in: {error}");
        }
        MemoryLimit::Unlimited.check(&job(1000), server).unwrap();
        MemoryLimit::Bytes(1 << 30).check_owner(&job(1000), 0).unwrap();
        let error = MemoryLimit::Bytes(1 << 20).check_owner(&job(1000), 0).unwrap_err().to_string();
        assert!(error.contains("1 MiB is allowed or available") && error.contains("the rows: "), "{error}");
        // all roles on one machine take more than one of them
        let all = |role: &str| role != "owner7";
        let one = MemoryLimit::Bytes(40 << 20);
        assert!(one.check(&job(1000), server).is_ok() && one.check(&job(1000), all).is_err());
    }

    /// Tables of 80 GB, which [`Job::check`] lets through.
    #[test]
    fn a_job_of_tables_beyond_any_machine_is_refused_before_it_is_planned() {
        let huge = job(1 << 26);
        let start = std::time::Instant::now();
        let error = MemoryLimit::Bytes(8 << 30).check(&huge, |role| role == "server1").unwrap_err().to_string();
        assert!(error.contains("a batch and the rows") && error.contains("GiB"), "{error}");
        assert!(start.elapsed().as_secs() < 5);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_says_what_it_has() {
        let bytes = available(Path::new("/")).unwrap();
        assert!((1 << 20..1 << 50).contains(&bytes), "{bytes}");
    }

    #[test]
    fn the_least_of_machine_and_control_groups_counts() {
        let root = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(available(root.path()), None);
        file("proc/meminfo", "MemTotal:  9000 kB\nMemAvailable:    8000 kB\n");
        assert_eq!(available(root.path()), Some(8000 << 10));
        // version 2: the group is unlimited, the one around it is not
        file("proc/self/cgroup", "0::/a/b\n");
        file("sys/fs/cgroup/a/b/memory.max", "max\n");
        file("sys/fs/cgroup/a/memory.max", "3000000\n");
        file("sys/fs/cgroup/a/memory.current", "2000000\n");
        assert_eq!(available(root.path()), Some(1_000_000));
        file("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 500000\n");
        assert_eq!(available(root.path()), Some(1_500_000));
        // version 1, as a container sees it
        file("proc/self/cgroup", "11:cpu,cpuacct:/docker/x\n5:memory:/docker/x\n");
        file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        file("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000\n");
        assert_eq!(available(root.path()), Some(8000 << 10));
        file("sys/fs/cgroup/memory/memory.limit_in_bytes", "5000\n");
        assert_eq!(available(root.path()), Some(4000));
    }
}
