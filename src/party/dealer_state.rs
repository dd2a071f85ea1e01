//! The state of the dealer: both servers' seeds, and the link to server 1 that takes its corrections.

use std::fmt;
use std::time::Instant;

use super::ending::is_dismissed;
use super::masked_rows::{RowMasks, Set};
use super::scaled::scaled;
use super::server_state::unpacked;
use super::session::Session;
use super::{Interpreter, RunPhase, RunState, ValueShape, Verdict};
use crate::error::{Error, Result};
use crate::fixed::{MASTER_BITS, MASTER_FRAC, Profile};
use crate::kernel::packed::words;
use crate::kernel::twin::linear::{COMBINE, CombineParams};
use crate::kernel::twin::pack::{PACK, PackParams};
use crate::kernel::{Kernel, Operand, Params, RingWord, low};
use crate::net::{Channel, FrameKind, Phase};
use crate::prg::Seed;
use crate::shape::Shape;
use crate::tensor::{Device, Tensor};

/// The mask of a wire.
#[derive(Clone, Debug)]
pub struct DealtWire {
    /// The sum of both servers' masks, not reduced: bit `bits` is the carry.
    pub(crate) r: Tensor,
    /// Bits of the wire's ring.
    pub(crate) bits: u32,
    /// Fraction bits.
    pub(crate) frac: u32,
    /// Whether the value is public: the mask is 0, and nothing is dealt for its products.
    pub(crate) public: bool,
}

/// A share, of which the dealer knows what is public.
#[derive(Clone, Debug)]
pub struct DealtShare {
    /// Its shape.
    pub(crate) shape: Shape,
    /// Bits of its ring.
    pub(crate) bits: u32,
    /// Fraction bits.
    pub(crate) frac: u32,
}

scaled!(DealtShare, |share| &share.shape);
scaled!(DealtWire, |wire| wire.r.shape());

/// The masks of opened bits.
#[derive(Clone, Debug)]
pub struct DealtBits {
    /// 32 to a word.
    pub(crate) lambda: Tensor,
    /// The bits' shape.
    pub(crate) shape: Shape,
}

/// The dealer.
pub struct Dealer {
    keys: [Tensor; 2],
    link: Option<Box<dyn Channel>>,
    /// What the run resumes from.
    resumed: Option<RunState<DealtShare>>,
    pub(crate) session: Session,
}

impl Dealer {
    /// A dealer for one session; `link` leads to server 1 and is `None` if the job is only planned.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if the device runs out of memory or is lost.
    pub fn new(
        device: Device,
        profile: Profile,
        session: u64,
        seeds: [&Seed; 2],
        link: Option<Box<dyn Channel>>,
    ) -> Result<Self> {
        let key = |s: &Seed| device.upload(s.bytes(), Operand::Raw, [8]);
        let keys = [key(seeds[0])?, key(seeds[1])?];
        Ok(Self { keys, link, resumed: None, session: Session::new(device, profile, session) })
    }

    /// Gives the dealer the masks of a data set.
    pub fn set_rows(&mut self, set: Set, masks: RowMasks) {
        self.session.set_masks(set, masks);
    }

    /// Has the run resume from a state.
    pub(crate) fn resume_from(&mut self, outline: &RunState<ValueShape>) -> Result<()> {
        let dealt = |value: &ValueShape| {
            let ValueShape { shape, bits, frac } = value.clone();
            Ok(DealtShare { shape, bits, frac })
        };
        self.session.resume_after(outline.step);
        self.resumed = Some(outline.try_map(dealt)?);
        Ok(())
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.session.device
    }

    /// What each server draws next.
    pub(crate) fn draw(&mut self, words: usize) -> Result<[Tensor; 2]> {
        let stream = self.session.next_stream();
        Ok([self.stream(0, stream, words)?, self.stream(1, stream, words)?])
    }

    /// The mask of a new wire.
    pub(crate) fn draw_mask(&mut self, shape: &Shape, bits: u32, frac: u32) -> Result<DealtWire> {
        let [a, b] = self.draw(words(shape.len(), bits))?;
        let (a, b) = (unpacked(self.device(), &a, shape, bits)?, unpacked(self.device(), &b, shape, bits)?);
        Ok(DealtWire { r: self.sum(&a, &b)?, bits, frac, public: false })
    }

    /// Deals a gate's correction: server 0 draws `words` words of the next stream, and server 1 is sent what `kernel` makes of
    /// `inputs` and, behind them, these.
    pub(crate) fn deal<P: Params>(
        &mut self,
        kernel: &Kernel,
        params: P,
        inputs: &[&Tensor],
        words: usize,
    ) -> Result<()> {
        let stream = self.session.next_stream();
        let share0 = self.stream(0, stream, words)?;
        let mut all = inputs.to_vec();
        all.push(&share0);
        let correction = self.device().run(kernel, params, &all, [words])?;
        self.ship(stream, &correction)
    }

    /// The same for elements of a ring of `bits` bits, where `share1` makes server 1's half from server 0's.
    pub(crate) fn deal_elements(
        &mut self,
        shape: &Shape,
        bits: u32,
        share1: impl FnOnce(&Device, &Tensor) -> Result<Tensor>,
    ) -> Result<()> {
        let stream = self.session.next_stream();
        let words = words(shape.len(), bits);
        let share0 = self.stream(0, stream, words)?;
        let device = self.device();
        let share1 = share1(device, &unpacked(device, &share0, shape, bits)?)?;
        let correction = if bits == 32 && device.ring() == RingWord::U32 {
            device.as_raw(&share1)
        } else {
            device.run(&PACK, PackParams { bits }, &[&share1], [words])?
        };
        self.ship(stream, &correction)
    }

    /// Sends server 1 its half of what is dealt under the number of server 0's stream.
    fn ship(&mut self, stream: u64, correction: &Tensor) -> Result<()> {
        debug_assert_eq!(correction.kind(), Operand::Raw, "a correction is packed");
        let Self { session, link, .. } = self;
        let bytes = correction.buf().bytes();
        session.counters.dealt(bytes);
        let Some(link) = link else { return Ok(()) };
        let body = session.device.backend().download(&[(correction.buf(), bytes)])?;
        let start = Instant::now();
        link.send(session.head(FrameKind::Correction, low(stream)), body).map_err(|e| e.at(&session.scope))?;
        session.counters.now().dealer_seconds += start.elapsed().as_secs_f64();
        Ok(())
    }

    /// Why server 1 sends nothing any more, if its link has ended.
    pub(crate) fn server_ended(&self) -> Option<Error> {
        self.link.as_ref().and_then(|link| link.ended())
    }

    /// The link back, at the end of a session.
    pub fn into_link(self) -> Option<Box<dyn Channel>> {
        self.link
    }

    /// Begins a phase of work on the link to server 1, which may itself wait for server 0.
    fn enter(&mut self, phase: Phase) {
        if let Some(link) = &mut self.link {
            link.enter(phase.times(3));
        }
    }

    fn sum(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let params = CombineParams { kx_lo: 1, kx_hi: 0, ky_lo: 1, ky_hi: 0 };
        self.device().run(&COMBINE, params, &[a, b], a.shape().clone())
    }

    fn stream(&self, server: u8, stream: u64, words: usize) -> Result<Tensor> {
        self.session.stream(server, &self.keys[usize::from(server)], stream, words)
    }
}

impl Interpreter for Dealer {
    type Share = DealtShare;
    type Wire = DealtWire;
    type Bits = Shape;
    type MaskedBits = DealtBits;
    type Selectors = DealtBits;

    fn profile(&self) -> &Profile {
        &self.session.profile
    }

    fn enter_phase(&mut self, section: RunPhase) {
        self.session.counters.enter(section, Instant::now());
    }

    fn scope(&mut self, name: &str) {
        self.session.enter_scope(name);
    }

    fn parameter(&mut self, _: usize, shape: &Shape) -> Result<DealtShare> {
        Ok(DealtShare { shape: shape.clone(), bits: MASTER_BITS, frac: MASTER_FRAC })
    }

    fn zeros(&mut self, shape: &Shape) -> Result<DealtShare> {
        Ok(DealtShare { shape: shape.clone(), bits: MASTER_BITS, frac: MASTER_FRAC })
    }

    fn rows(&mut self, set: Set, numbers: &[u32]) -> Result<DealtWire> {
        let masks = self.session.masks(set)?;
        let Session { device, profile, log, .. } = &self.session;
        (0..2).for_each(|server| log.rows(server, set, numbers));
        let (a, b) = (masks.masks(device, numbers, 0)?, masks.masks(device, numbers, 1)?);
        Ok(DealtWire { r: self.sum(&a, &b)?, bits: profile.ring, frac: profile.frac, public: false })
    }

    fn begin(&mut self, _: u64) -> Result<()> {
        self.enter(Phase::STEP);
        Ok(())
    }

    fn take_resumed(&mut self) -> Option<RunState<DealtShare>> {
        self.resumed.take()
    }

    fn scored(&mut self, rows: u32, of: u32) -> Result<()> {
        self.enter(Phase::STEP);
        self.session.scored(rows, of)
    }

    fn step_done(&mut self, step: u64) -> Result<bool> {
        self.session.step_done(step)?;
        let Some(link) = &mut self.link else { return Ok(true) };
        Ok(!is_dismissed(&mut **link, self.session.number)?)
    }

    fn judge(&mut self, epoch: u32) -> Result<Verdict> {
        self.session.judge(epoch)
    }

    fn bits_of(selectors: &DealtBits) -> DealtBits {
        selectors.clone()
    }
}

impl fmt::Debug for Dealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dealer({:?})", self.device())
    }
}
