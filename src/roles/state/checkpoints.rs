//! A server's halves of the checkpoints of a job, and which of them both servers have.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::input;
use crate::net::{Role, replace_file};
use crate::party::{Checkpoint, CheckpointStore, HalfBytes, RunState, Server, ValueShape};
use crate::roles::messages::StatusUpdate;
use crate::roles::state::{JobState, Offer};

/// A server's halves of the checkpoints of a job.
pub(crate) struct Checkpoints {
    state: JobState,
    /// The server whose halves they are.
    role: Role,
    entries: Vec<Entry>,
    /// The step and the time of the last one.
    last: (u64, Instant),
    /// Takes news for the trainer.
    tell: Box<dyn FnMut(StatusUpdate) + Send>,
}

/// A checkpoint whose half is on the disk.
#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    checkpoint: Checkpoint,
    /// BLAKE3 of this server's half.
    mine: [u8; 32],
    /// That of the other one's, once it was written, too.
    theirs: Option<[u8; 32]>,
}

impl Checkpoints {
    /// Those of server `id` that are on the disk and whole.
    pub(crate) fn open(state: JobState, id: u8, tell: impl FnMut(StatusUpdate) + Send + 'static) -> Self {
        let role = Role::Server(id);
        let mut all = Self { state, role, entries: Vec::new(), last: (0, Instant::now()), tell: Box::new(tell) };
        let listed = input::read_text(&all.list(), MOST_BYTES).ok();
        let listed = listed.and_then(|text| serde_json::from_str::<Vec<Entry>>(&text).ok()).unwrap_or_default();
        for entry in listed {
            if all.is_whole(&entry) {
                all.entries.push(entry);
            } else {
                let step = entry.checkpoint.outline.step;
                let text = format!("the checkpoint of step {step} is damaged or missing, and is not used");
                (all.tell)(StatusUpdate::Warning { text });
            }
        }
        all
    }

    /// What the other server is told of them.
    pub(crate) fn offers(&self) -> Vec<Offer> {
        let offer = |entry: &Entry| {
            let Checkpoint { session, outline } = &entry.checkpoint;
            Offer {
                session: *session,
                step: outline.step,
                over: outline.over.is_some(),
                mine: entry.mine,
                theirs: entry.theirs,
            }
        };
        self.entries.iter().map(offer).collect()
    }

    /// Has a server resume from the checkpoint that was agreed on.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Format`] if its half cannot be read.
    pub(crate) fn resume(&mut self, chosen: &Offer, server: &mut Server) -> Result<()> {
        let entry =
            self.find(chosen).ok_or_else(|| Error::Usage("the checkpoint that was agreed on is gone".into()))?;
        let path = self.file(&entry.checkpoint);
        let mut file = self.state.key.open(&path, &self.label(&entry.checkpoint))?;
        let size = fs::metadata(&path).map_err(|e| Error::file(&path, e))?.len();
        server.resume_from(&entry.checkpoint.outline, |bytes| {
            // the list is no more than a text
            if bytes as u64 > size {
                return Err(Error::format(&path, "is shorter than the list of checkpoints says"));
            }
            let mut half = Zeroizing::new(vec![0; bytes]);
            file.read(&mut half)?;
            Ok(half)
        })?;
        file.finish()?;
        self.last.0 = chosen.step;
        if chosen.over { self.keep_only(chosen) } else { Ok(()) }
    }

    /// Forgets all checkpoints but that of a run that is over, before its results are revealed again.
    fn keep_only(&mut self, chosen: &Offer) -> Result<()> {
        let is_chosen = |c: &Checkpoint| (c.session, c.outline.step) == (chosen.session, chosen.step);
        let old: Vec<Entry> = self.entries.extract_if(.., |entry| !is_chosen(&entry.checkpoint)).collect();
        self.write_list()?;
        self.remove_files(&old);
        Ok(())
    }

    fn remove_files(&self, old: &[Entry]) {
        for entry in old {
            // one that stays takes room, no more
            let _ = fs::remove_file(self.file(&entry.checkpoint));
        }
    }

    /// What is public of a checkpoint, if it is there.
    pub(crate) fn outline(&self, chosen: &Offer) -> Option<&RunState<ValueShape>> {
        self.find(chosen).map(|entry| &entry.checkpoint.outline)
    }

    fn find(&self, chosen: &Offer) -> Option<&Entry> {
        let is_chosen = |c: &Checkpoint| (c.session, c.outline.step) == (chosen.session, chosen.step);
        self.entries.iter().find(|entry| is_chosen(&entry.checkpoint))
    }

    /// Whether a half is as it was written.
    fn is_whole(&self, entry: &Entry) -> bool {
        let mut hash = blake3::Hasher::new();
        let read = input::open(&self.file(&entry.checkpoint)).and_then(|file| hash.update_reader(file).map(drop));
        read.is_ok() && *hash.finalize().as_bytes() == entry.mine
    }

    fn list(&self) -> PathBuf {
        self.state.path.join("checkpoints.json")
    }

    fn file(&self, checkpoint: &Checkpoint) -> PathBuf {
        let Checkpoint { session, outline } = checkpoint;
        self.state.path.join(format!("checkpoint-{}-{session:016x}", outline.step))
    }

    /// A half opens for this job, this server and this checkpoint alone.
    fn label(&self, checkpoint: &Checkpoint) -> Vec<u8> {
        let public = postcard::to_stdvec(checkpoint).expect("a checkpoint's outline can be written");
        [self.state.label(b"checkpoint", self.role), public].concat()
    }

    fn write(
        &self,
        checkpoint: &Checkpoint,
        values: &mut dyn Iterator<Item = Result<HalfBytes>>,
    ) -> Result<std::result::Result<[u8; 32], Error>> {
        let mut file = match self.state.key.create(&self.file(checkpoint), &self.label(checkpoint)) {
            Ok(file) => file,
            Err(why) => return Ok(Err(why)),
        };
        for value in values {
            let value = value?;
            if let Err(why) = file.write(&value) {
                return Ok(Err(why));
            }
        }
        Ok(file.finish())
    }

    fn write_list(&self) -> Result<()> {
        let text = serde_json::to_vec(&self.entries).expect("a list of checkpoints can be written");
        replace_file(&self.list(), &text)
    }

    /// Takes those out that are older than the newest that both servers have; all others, if the newest is of a run that is over.
    fn take_old(&mut self) -> Vec<Entry> {
        let over = |entry: &Entry| entry.checkpoint.outline.over.is_some();
        if self.entries.iter().any(over) {
            return self.entries.extract_if(.., |entry| !over(entry)).collect();
        }
        let both: Vec<usize> = (0..self.entries.len()).filter(|at| self.entries[*at].theirs.is_some()).collect();
        let first = both.len().checked_sub(KEPT).map_or(0, |older| both[older]);
        self.entries.drain(..first).collect()
    }

    fn report(&mut self, why: &Error) {
        let text =
            format!("a checkpoint could not be written: {why}; the run continues, and would resume from an older one");
        (self.tell)(StatusUpdate::Warning { text });
    }
}

impl CheckpointStore for Checkpoints {
    fn is_due(&mut self, step: u64) -> bool {
        let every = self.state.every;
        let (last, since) = self.last;
        every.steps.is_some_and(|steps| step.saturating_sub(last) >= steps) || since.elapsed() >= every.time
    }

    fn prepare(
        &mut self,
        checkpoint: &Checkpoint,
        values: &mut dyn Iterator<Item = Result<HalfBytes>>,
    ) -> Result<Option<[u8; 32]>> {
        self.last = (checkpoint.outline.step, Instant::now());
        // of an attempt before, which came further on one server only
        let overtaken = |c: &Checkpoint| c.outline.over.is_some() || c.outline.step >= checkpoint.outline.step;
        let old: Vec<Entry> = self.entries.extract_if(.., |entry| overtaken(&entry.checkpoint)).collect();
        let written = self.write(checkpoint, values)?.and_then(|mine| {
            self.entries.push(Entry { checkpoint: checkpoint.clone(), mine, theirs: None });
            self.write_list().map(|()| mine)
        });
        if written.is_ok() {
            self.remove_files(&old);
        }
        Ok(written.inspect_err(|why| self.report(why)).ok())
    }

    fn commit(&mut self, checkpoint: &Checkpoint, theirs: [u8; 32]) -> bool {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.checkpoint == *checkpoint) {
            entry.theirs = Some(theirs);
        }
        let old = self.take_old();
        if let Err(why) = self.write_list() {
            self.report(&why);
            return false;
        }
        self.remove_files(&old);
        (self.tell)(StatusUpdate::Checkpoint { step: checkpoint.outline.step });
        true
    }

    fn forget(&mut self) -> Result<()> {
        self.entries.clear();
        self.state.remove()
    }
}

/// Checkpoints of both servers that are kept.
const KEPT: usize = 2;
/// Bytes of the list.
const MOST_BYTES: u64 = 64 << 20;
