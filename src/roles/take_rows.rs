//! A server takes the owners' rows: masked, with the seed of its half of the masks.

use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::net::{Channel, FrameHeader, FrameKind, Role, SealedReader, SealedWriter, receive_exactly};
use crate::party::{MaskedRows, RevealChannel, RowMasks, Set, SetShape};
use crate::prg::Seed;
use crate::roles::agreement::Agreement;
use crate::roles::connect::Connector;
use crate::roles::consent::hear_consent;
use crate::roles::frame_limit;
use crate::roles::mask_rows::rows_per_frame;
use crate::roles::messages::{receive_message, send_message};
use crate::roles::standardize::Totals;
use crate::roles::wait_limits;
use crate::tensor::Device;
use crate::train::{Job, Owned, set_shapes};

/// What the owners gave.
pub(crate) struct Taken {
    /// Masked rows and masks, by set.
    pub(crate) rows: Vec<(Set, MaskedRows, RowMasks)>,
    /// Hashes the masked rows.
    pub(crate) digest: blake3::Hasher,
    /// Links to the owners, who wait until training starts.
    pub(crate) owners: Vec<Box<dyn Channel>>,
    /// Where rows and seeds are kept, for a job that resumes without its owners.
    keep: Option<SealedWriter>,
}

impl Taken {
    /// Nothing yet; what comes is kept there.
    pub(crate) fn new(job: &Job, keep: Option<SealedWriter>) -> Self {
        let sets = set_shapes(job).into_iter();
        let rows = sets.map(|(set, shape)| (set, MaskedRows::new(shape), RowMasks::new(set, shape))).collect();
        Self { rows, digest: blake3::Hasher::new(), owners: Vec::new(), keep }
    }

    /// Takes the rows of all owners. Where features are standardized, all owners share their sums before any sends its rows.
    pub(crate) fn take_all(
        &mut self,
        (id, job, agreement): (u8, &Job, &Agreement),
        initial: Option<&Vec<Vec<u64>>>,
        reveal: &mut RevealChannel,
        connector: &mut Connector<'_>,
        device: &Device,
    ) -> Result<()> {
        let (mut totals, mut seeds) = (Totals::new(job), Vec::new());
        for (number, owned) in (0..).zip(&job.owners) {
            let mut link = connector.with(Role::Owner(number), wait_limits::for_owner(job, number))?;
            if id == 0 {
                send_message(&mut *link, FrameKind::Control, &job.to_bytes())?;
            }
            send_message(&mut *link, FrameKind::Agree, agreement)?;
            hear_consent(&mut *link, initial)?;
            let seed: Seed = receive_message(&mut *link, FrameKind::Seed, "the seed of its masks")?;
            match &mut totals {
                Some(totals) => totals.take(&mut *link)?,
                None => self.take(job, &mut *link, (*owned, &seed), device)?,
            }
            seeds.push(seed);
            self.owners.push(link);
        }
        let Some(totals) = totals else { return Ok(()) };
        let mut owners = std::mem::take(&mut self.owners);
        totals.reveal(reveal, &mut owners)?;
        for (number, (link, (owned, seed))) in (0..).zip(owners.iter_mut().zip(job.owners.iter().zip(&seeds))) {
            link.enter(wait_limits::for_owner(job, number));
            self.take(job, &mut **link, (*owned, seed), device)?;
        }
        self.owners = owners;
        Ok(())
    }

    /// Takes an owner's rows.
    fn take(
        &mut self,
        job: &Job,
        link: &mut dyn Channel,
        (owned, seed): (Owned, &Seed),
        device: &Device,
    ) -> Result<()> {
        link.set_max_frame(frame_limit::of_owner(job));
        self.keep.as_mut().map_or(Ok(()), |keep| keep.write(seed.bytes()))?;
        for (set, masked, masks) in &mut self.rows {
            let count = if set.is_train() { owned.train } else { owned.test };
            let words = receive_rows(link, *set as u32, masks.shape(), count as usize, &mut self.digest)?;
            self.keep
                .as_mut()
                .map_or(Ok(()), |keep| keep.write(&bytemuck::cast_slice(&words)[..bytes_of(masks, count)]))?;
            masked.push(device, words, count)?;
            masks.push(device, count, &[seed])?;
        }
        Ok(())
    }

    /// Takes what was kept when the job ran before.
    pub(crate) fn take_kept(&mut self, job: &Job, mut kept: SealedReader, device: &Device) -> Result<()> {
        for owned in &job.owners {
            let mut seed = Zeroizing::new([0; 32]);
            kept.read(&mut *seed)?;
            let seed = Seed::from_bytes(*seed);
            for (set, masked, masks) in &mut self.rows {
                let count = if set.is_train() { owned.train } else { owned.test };
                let bytes = bytes_of(masks, count);
                let mut words = vec![0u64; bytes.div_ceil(8)];
                let rows = &mut bytemuck::cast_slice_mut(&mut words)[..bytes];
                kept.read(rows)?;
                self.digest.update(rows);
                masked.push(device, words, count)?;
                masks.push(device, count, &[&seed])?;
            }
        }
        kept.finish()
    }

    /// Has the disk keep what came.
    pub(crate) fn settle(&mut self) -> Result<()> {
        self.keep.take().map_or(Ok(()), |keep| keep.finish().map(drop))
    }
}

/// Bytes of an owner's masked rows.
fn bytes_of(masks: &RowMasks, rows: u32) -> usize {
    rows as usize * masks.shape().stride() * 4
}

/// An owner's masked rows of a set, as words.
fn receive_rows(
    link: &mut dyn Channel,
    set: u32,
    shape: SetShape,
    rows: usize,
    digest: &mut blake3::Hasher,
) -> Result<Vec<u64>> {
    let bytes = rows * shape.stride() * 4;
    let mut words: Vec<u64> = Vec::new();
    let room = words.try_reserve_exact(bytes.div_ceil(8));
    room.map_err(|_| Error::Device(format!("not enough memory for {rows} masked rows ({bytes} bytes)")))?;
    let per = rows_per_frame(shape) * shape.stride() * 4;
    for (gate, start) in (0..).zip((0..bytes).step_by(per)) {
        let end = bytes.min(start + per);
        let head = FrameHeader { kind: FrameKind::Data, session: 0, step: set, gate };
        let frame = receive_exactly(link, head, end - start, "its masked rows")?;
        digest.update(&frame);
        // memory is touched as rows arrive
        words.resize(end.div_ceil(8), 0);
        bytemuck::cast_slice_mut(&mut words)[start..end].copy_from_slice(&frame);
    }
    Ok(words)
}
