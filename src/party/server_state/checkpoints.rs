//! How the two servers write a checkpoint: both decide that it is due, both write, both hear that the other has.

use zeroize::Zeroizing;

use super::Server;
use crate::error::{Error, Result};
use crate::net::{FrameKind, receive_exactly};
use crate::party::shares::AdditiveShare;
use crate::party::{Checkpoint, CheckpointStore, HalfBytes, Over, RunState, ValueShape};

impl Server {
    /// Has the server write checkpoints. Both servers have a store, or neither.
    pub(crate) fn set_checkpoints(&mut self, store: Box<dyn CheckpointStore>) {
        self.checkpoints = Some(store);
    }

    /// Has the run resume from a state, whose halves `read` returns in order.
    ///
    /// # Errors
    /// That of `read`; [`Error::Device`] if the device runs out of memory or is lost.
    pub(crate) fn resume_from(
        &mut self,
        outline: &RunState<ValueShape>,
        mut read: impl FnMut(usize) -> Result<HalfBytes>,
    ) -> Result<()> {
        let device = self.device().clone();
        let state = outline.try_map(|value| {
            let too_large = || Error::Usage("the checkpoint has a value larger than any machine's memory".into());
            let bytes = read(value.bytes(device.ring()).ok_or_else(too_large)?)?;
            let x = device.upload(&bytes, value.kind(), value.shape.clone())?;
            Ok(AdditiveShare { x, bits: value.bits, frac: value.frac })
        })?;
        if outline.over == Some(Over::Ended) {
            self.ending.end_with(outline.step);
        }
        self.session.resume_after(outline.step);
        self.resumed = Some(state);
        Ok(())
    }

    /// Whether one of the two servers wants a checkpoint after `step`.
    pub(super) fn is_checkpoint_due(&mut self, step: u64) -> Result<bool> {
        let Some(store) = &mut self.checkpoints else { return Ok(false) };
        let mine = u8::from(store.is_due(step));
        let [theirs] = self.tell_each_other(DUE, [mine], "whether a checkpoint is due")?;
        Ok(mine | theirs != 0)
    }

    /// Has the run resume from behind its last step or not at all.
    pub(super) fn close_state(&mut self, state: &RunState<&AdditiveShare>) -> Result<()> {
        if self.checkpoints.is_none() {
            return Ok(());
        }
        let mine = u8::from(self.write_checkpoint(state)?);
        let theirs = self.tell_each_other(CLOSED, [mine], "whether its state is closed")?;
        match &mut self.checkpoints {
            Some(store) if [mine] != [1] || theirs != [1] => store.forget()?,
            _ => {}
        }
        // neither reveals anything before the other has forgotten, too
        self.tell_each_other(FORGOTTEN, [0], "word that nothing older is left").map(drop)
    }

    /// Writes this server's half of a checkpoint, and notes it once both are written; whether it did.
    pub(super) fn write_checkpoint(&mut self, state: &RunState<&AdditiveShare>) -> Result<bool> {
        let outline = state.try_map(|share| {
            let shape = ValueShape::of(*share);
            let same = shape.kind() == share.x.kind();
            same.then_some(shape).ok_or_else(|| Error::Device("a share has another word than its ring's".into()))
        })?;
        let checkpoint = Checkpoint { session: self.session.number, outline };
        let device = self.device().clone();
        let list = values(state);
        let mut halves = list.iter().map(|share| {
            let bytes = share.x.len() * share.x.kind().bytes(device.ring());
            device.backend().download(&[(share.x.buf(), bytes)]).map(Zeroizing::new)
        });
        let Some(store) = &mut self.checkpoints else { return Ok(false) };
        let mine = store.prepare(&checkpoint, &mut halves)?;
        let mut word = [0; 33];
        word[0] = u8::from(mine.is_some());
        word[1..].copy_from_slice(&mine.unwrap_or_default());
        let theirs = self.tell_each_other(WRITTEN, word, "whether it wrote the checkpoint")?;
        if let (Some(store), Some(_), 1) = (&mut self.checkpoints, mine, theirs[0]) {
            let mut hash = [0; 32];
            hash.copy_from_slice(&theirs[1..]);
            return Ok(store.commit(&checkpoint, hash));
        }
        Ok(false)
    }

    /// Exchanges public words with the other server, which are no openings.
    fn tell_each_other<const N: usize>(&mut self, gate: u32, mine: [u8; N], what: &str) -> Result<[u8; N]> {
        let Some(links) = &mut self.links else { return Ok(mine) };
        let head = self.session.head(FrameKind::Control, gate);
        links.peer.send(head, mine.to_vec())?;
        let theirs = receive_exactly(&mut *links.peer, head, N, what)?;
        let mut word = [0; N];
        word.copy_from_slice(&theirs);
        Ok(word)
    }
}

/// All values of a state, in the order of [`RunState::try_map`].
fn values<'a>(state: &RunState<&'a AdditiveShare>) -> Vec<&'a AdditiveShare> {
    let mut all = Vec::new();
    let listed: Result<RunState<()>> = state.try_map(|share| {
        all.push(*share);
        Ok(())
    });
    debug_assert!(listed.is_ok(), "nothing fails here");
    all
}

/// No round and no epoch has these numbers, and another one is that of the last step.
const DUE: u32 = u32::MAX - 1;
const WRITTEN: u32 = u32::MAX - 2;
const CLOSED: u32 = u32::MAX - 3;
const FORGOTTEN: u32 = u32::MAX - 4;
