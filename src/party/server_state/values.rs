//! What a server holds under the names of the program: parameters, rows, shapes; and how it goes from step to step.

use std::time::Instant;

use super::Server;
use crate::error::{Error, Result};
use crate::fixed::{MASTER_BITS, MASTER_FRAC, Profile};
use crate::kernel::Operand;
use crate::net::{Channel, FrameKind, Phase, receive_exactly};
use crate::party::masked_rows::Set;
use crate::party::session::Session;
use crate::party::shares::{AdditiveShare, BitShare, MaskedBits, MaskedWire, Selectors};
use crate::party::{Interpreter, RunPhase, RunState, Verdict};
use crate::shape::Shape;

impl Interpreter for Server {
    type Share = AdditiveShare;
    type Wire = MaskedWire;
    type Bits = BitShare;
    type MaskedBits = MaskedBits;
    type Selectors = Selectors;

    fn profile(&self) -> &Profile {
        &self.session.profile
    }

    fn enter_phase(&mut self, section: RunPhase) {
        let now = Instant::now();
        self.session.counters.enter(section, now);
        self.clock.enter_phase(section, now);
    }

    fn scope(&mut self, name: &str) {
        self.session.enter_scope(name);
        self.clock.enter_place(name);
    }

    fn parameter(&mut self, index: usize, shape: &Shape) -> Result<AdditiveShare> {
        let x = match (self.parameters.get(index), &self.links) {
            (Some(x), _) if x.len() == shape.len() => x.reshape(shape.clone()),
            (_, None) => self.device().zeros(Operand::Wide, shape.clone())?,
            _ => return Err(Error::peer("trainer", format!("sent no parameter {index} of shape {shape}"))),
        };
        Ok(AdditiveShare { x, bits: MASTER_BITS, frac: MASTER_FRAC })
    }

    fn zeros(&mut self, shape: &Shape) -> Result<AdditiveShare> {
        let x = self.device().zeros(Operand::Wide, shape.clone())?;
        Ok(AdditiveShare { x, bits: MASTER_BITS, frac: MASTER_FRAC })
    }

    fn rows(&mut self, set: Set, numbers: &[u32]) -> Result<MaskedWire> {
        let rows = self.rows.iter().find(|(s, _)| *s == set);
        let (_, rows) = rows.ok_or_else(|| Error::peer("owners", format!("sent no rows of {set:?}")))?;
        let Session { device, profile, log, .. } = &self.session;
        log.rows(self.id, set, numbers);
        let hat = rows.gather(device, numbers)?;
        let r = self.session.masks(set)?.masks(device, numbers, 0)?;
        Ok(MaskedWire::new(hat, r, profile.ring, profile.frac))
    }

    fn begin(&mut self, step: u64) -> Result<()> {
        self.clock.leave_place();
        self.enter(Phase::STEP);
        let peer = self.links.as_mut().map(|links| &mut *links.peer as &mut dyn Channel);
        self.ending.begin(self.id, step, self.session.number, peer)
    }

    fn step_done(&mut self, step: u64) -> Result<bool> {
        self.clock.leave_place();
        self.session.step_done(step)?;
        Ok(self.ending.goes_on(step))
    }

    fn take_resumed(&mut self) -> Option<RunState<AdditiveShare>> {
        self.resumed.take()
    }

    fn is_checkpoint_due(&mut self, step: u64) -> Result<bool> {
        Self::is_checkpoint_due(self, step)
    }

    fn checkpoint(&mut self, state: &RunState<&AdditiveShare>) -> Result<()> {
        self.write_checkpoint(state).map(drop)
    }

    fn close(&mut self, state: &RunState<&AdditiveShare>) -> Result<()> {
        self.close_state(state)
    }

    fn scored(&mut self, rows: u32, of: u32) -> Result<()> {
        self.enter(Phase::STEP);
        self.session.scored(rows, of)
    }

    fn judge(&mut self, epoch: u32) -> Result<Verdict> {
        let mine = self.session.judge(epoch)?;
        let Some(links) = &mut self.links else { return Ok(mine) };
        // a word of the trainer's, no value: it is not counted as an opening
        let head = self.session.head(FrameKind::Control, epoch);
        links.peer.send(head, vec![mine.to_byte()])?;
        let theirs = receive_exactly(&mut *links.peer, head, 1, "the trainer's verdict on the epoch")?;
        if theirs == [mine.to_byte()] {
            return Ok(mine);
        }
        Err(Error::peer("trainer", format!("sent the two servers different verdicts on epoch {epoch}")))
    }

    fn bits_of(selectors: &Selectors) -> MaskedBits {
        selectors.bits.clone()
    }
}
