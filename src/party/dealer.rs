//! The state of the dealer: both servers' seeds, and the link to server 1 that takes its corrections.

use std::fmt;
use std::time::Instant;

use super::constants::Constants;
use super::ending::is_dismissed;
use super::harness::DrawLog;
use super::rows::{RowMasks, Set, low};
use super::server::unpacked;
use super::stats::Account;
use super::{Judge, Section, Stats, Values, Verdict};
use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::kernel::Operand;
use crate::kernel::fast::bits::words;
use crate::kernel::table::{CHACHA, COMBINE, ChachaParams, CombineParams};
use crate::net::{Channel, Head, Kind, Phase};
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
}

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
    device: Device,
    profile: Profile,
    keys: [Tensor; 2],
    draws: u64,
    log: DrawLog,
    link: Option<Box<dyn Channel>>,
    session: u64,
    step: u32,
    scope: String,
    account: Account,
    sets: Vec<(Set, RowMasks)>,
    constants: Constants,
    observer: Box<dyn FnMut(u64, Stats) -> Result<()> + Send>,
    scores: Box<dyn FnMut(u32, u32) -> Result<()> + Send>,
    judge: Judge,
}

impl Dealer {
    /// A dealer for one session; `link` leads to server 1 and is none where the job is only planned.
    ///
    /// # Errors
    /// What the device says.
    pub fn new(
        device: Device,
        profile: Profile,
        session: u64,
        seeds: [&Seed; 2],
        link: Option<Box<dyn Channel>>,
    ) -> Result<Self> {
        let key = |s: &Seed| device.upload(s.bytes(), Operand::Raw, [8]);
        let keys = [key(seeds[0])?, key(seeds[1])?];
        Ok(Self {
            device,
            profile,
            keys,
            draws: 0,
            log: DrawLog::default(),
            link,
            session,
            step: 0,
            scope: String::new(),
            account: Account::default(),
            sets: Vec::new(),
            constants: Constants::default(),
            observer: Box::new(|_, _| Ok(())),
            scores: Box::new(|_, _| Ok(())),
            judge: Box::new(|_| Ok(Verdict { goes_on: true, best: true })),
        })
    }

    /// A public table on the device, copied there once.
    pub(crate) fn constant(&mut self, table: &'static [u64]) -> Result<Tensor> {
        self.constants.get(&self.device, table)
    }

    /// Gives the dealer the masks of a data set.
    pub fn set_rows(&mut self, set: Set, masks: RowMasks) {
        self.sets.push((set, masks));
    }

    /// Calls `observer` after every step, with the step's number and what the steps cost so far.
    pub fn observe(&mut self, observer: impl FnMut(u64, Stats) -> Result<()> + Send + 'static) {
        self.observer = Box::new(observer);
    }

    /// Calls `observer` within evaluations, with the test rows that are dealt for and all of them.
    pub fn observe_scores(&mut self, observer: impl FnMut(u32, u32) -> Result<()> + Send + 'static) {
        self.scores = Box::new(observer);
    }

    /// Lets `judge` say after every epoch whether the run goes on, and whether the epoch is the best so far.
    pub fn set_judge(&mut self, judge: impl FnMut(u32) -> Result<Verdict> + Send + 'static) {
        self.judge = Box::new(judge);
    }

    /// Notes every draw that it makes in a server's place; for tests.
    pub fn log_draws(&mut self, log: DrawLog) {
        self.log = log;
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What a section cost so far.
    pub fn stats(&self, section: Section) -> Stats {
        self.account.of(section)
    }

    /// What was counted.
    pub(crate) fn account(&mut self) -> &mut Account {
        &mut self.account
    }

    /// Counts ring multiply-adds.
    pub(crate) fn count_macs(&mut self, macs: usize) {
        self.account.now().macs += macs as u64;
    }

    /// What each server draws next.
    pub(crate) fn draw(&mut self, words: usize) -> Result<[Tensor; 2]> {
        let stream = self.next_stream();
        Ok([self.stream(0, stream, words)?, self.stream(1, stream, words)?])
    }

    /// The mask of a new wire.
    pub(crate) fn draw_mask(&mut self, shape: &Shape, bits: u32) -> Result<DealtWire> {
        let [a, b] = self.draw(words(shape.len(), bits))?;
        let (a, b) = (unpacked(&self.device, &a, shape, bits)?, unpacked(&self.device, &b, shape, bits)?);
        Ok(DealtWire { r: self.sum(&a, &b)?, bits })
    }

    /// Server 0's half of what is dealt next; [`Dealer::ship`] follows.
    pub(crate) fn share0(&mut self, words: usize) -> Result<Tensor> {
        let stream = self.next_stream();
        self.stream(0, stream, words)
    }

    /// Sends server 1 its half of what is dealt.
    pub(crate) fn ship(&mut self, correction: &Tensor) -> Result<()> {
        let bytes = correction.buf().bytes();
        self.account.dealt(bytes);
        let Some(link) = &mut self.link else { return Ok(()) };
        let head = Head { kind: Kind::Correction, session: self.session, step: self.step, gate: low(self.draws - 1) };
        let body = self.device.backend().download(&[(correction.buf(), bytes)])?;
        let start = Instant::now();
        link.send(head, body).map_err(|e| e.at(&self.scope))?;
        self.account.now().dealer_seconds += start.elapsed().as_secs_f64();
        Ok(())
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
        self.device.run(&COMBINE, params, &[a, b], a.shape().clone())
    }

    fn stream(&self, server: u8, stream: u64, words: usize) -> Result<Tensor> {
        self.log.session(server, self.session, stream);
        let params = ChachaParams { stream_lo: low(stream), stream_hi: low(stream >> 32) };
        self.device.run(&CHACHA, params, &[&self.keys[usize::from(server)]], [words])
    }

    fn next_stream(&mut self) -> u64 {
        let stream = self.draws;
        self.draws += 1;
        stream
    }
}

impl Values for Dealer {
    type Share = Shape;
    type Wire = DealtWire;
    type Bits = Shape;
    type OpenBits = DealtBits;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn section(&mut self, section: Section) {
        self.account.enter(section);
    }

    fn scope(&mut self, name: &str) {
        self.scope.clear();
        self.scope.push_str(name);
    }

    fn parameter(&mut self, _: usize, shape: &Shape) -> Result<Shape> {
        Ok(shape.clone())
    }

    fn zeros(&mut self, shape: &Shape) -> Result<Shape> {
        Ok(shape.clone())
    }

    fn rows(&mut self, set: Set, numbers: &[u32]) -> Result<DealtWire> {
        let (_, masks) = self
            .sets
            .iter()
            .find(|(s, _)| *s == set)
            .ok_or_else(|| Error::peer("owners", format!("sent no seeds for {set:?}")))?;
        (0..2).for_each(|server| self.log.rows(server, set, numbers));
        let (a, b) = (masks.masks(&self.device, numbers, 0)?, masks.masks(&self.device, numbers, 1)?);
        Ok(DealtWire { r: self.sum(&a, &b)?, bits: self.profile.ring })
    }

    fn begin(&mut self, _: u64) -> Result<()> {
        self.enter(Phase::STEP);
        Ok(())
    }

    fn scored(&mut self, rows: u32, of: u32) -> Result<()> {
        self.enter(Phase::STEP);
        (self.scores)(rows, of)
    }

    fn tick(&mut self, step: u64) -> Result<bool> {
        self.step = low(step);
        let stats = self.account.of(Section::Step);
        (self.observer)(step, stats)?;
        let Some(link) = &mut self.link else { return Ok(true) };
        Ok(!is_dismissed(&mut **link, self.session)?)
    }

    fn judge(&mut self, epoch: u32) -> Result<Verdict> {
        (self.judge)(epoch)
    }

    fn shape_of(share: &Shape) -> Shape {
        share.clone()
    }

    fn wire_bits(wire: &DealtWire) -> u32 {
        wire.bits
    }

    fn wire_shape(wire: &DealtWire) -> Shape {
        wire.r.shape().clone()
    }
}

impl fmt::Debug for Dealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dealer({:?})", self.device)
    }
}
