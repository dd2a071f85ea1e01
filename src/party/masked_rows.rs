//! Data sets in masked form: public masked rows, and the seeds that their masks come from.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kernel::packed::words;
use crate::kernel::twin::pack::{CONCAT, ConcatParams, GATHER_ROWS, GatherParams, UNPACK_ROWS, UnpackRowsParams};
use crate::kernel::twin::prg::{CHACHA_ROWS, ChachaRowsParams};
use crate::kernel::{Operand, count, low};
use crate::prg::Seed;
use crate::tensor::{Device, Tensor};

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Set {
    /// Features to train on.
    TrainFeatures,
    /// One-hot labels to train on.
    TrainLabels,
    /// Features to test on.
    TestFeatures,
    /// One-hot labels to test on.
    TestLabels,
}

impl Set {
    /// All of them, in the order of their streams.
    pub const ALL: [Self; 4] = [Self::TrainFeatures, Self::TrainLabels, Self::TestFeatures, Self::TestLabels];

    /// The stream number of an owner's masks for the set.
    pub fn stream(self) -> u64 {
        self as u64
    }

    /// Whether the rows are features rather than labels.
    pub fn is_features(self) -> bool {
        matches!(self, Self::TrainFeatures | Self::TestFeatures)
    }

    /// Whether the rows are trained on.
    pub fn is_train(self) -> bool {
        matches!(self, Self::TrainFeatures | Self::TrainLabels)
    }
}

/// Layout of a set's rows: each begins on a word, its mask on a ChaCha block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetShape {
    /// Elements of a row.
    pub cols: usize,
    /// Bits of an element.
    pub bits: u32,
}

impl SetShape {
    /// Words of a packed row.
    pub fn stride(self) -> usize {
        words(self.cols, self.bits)
    }

    /// ChaCha blocks of a row's mask.
    pub fn blocks(self) -> usize {
        self.stride().div_ceil(16)
    }
}

/// One owner's rows of a set, as a party knows them.
struct OwnerBlock {
    /// Number of the first row in the whole set.
    first: u32,
    rows: u32,
    /// Seeds of the masks: one at a server, two at the dealer.
    keys: Vec<Tensor>,
}

/// The masks of a set's rows, by row number; owners one behind the other.
pub struct RowMasks {
    set: Set,
    shape: SetShape,
    parts: Vec<OwnerBlock>,
}

impl RowMasks {
    /// No rows yet.
    pub fn new(set: Set, shape: SetShape) -> Self {
        Self { set, shape, parts: Vec::new() }
    }

    /// Appends an owner's rows with the seeds of their masks.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if the device runs out of memory or is lost.
    pub fn push(&mut self, device: &Device, rows: u32, seeds: &[&Seed]) -> Result<()> {
        let first = self.len();
        let key = |seed: &&Seed| device.upload(seed.bytes(), Operand::Raw, [8]);
        self.parts.push(OwnerBlock { first, rows, keys: seeds.iter().map(key).collect::<Result<_>>()? });
        Ok(())
    }

    /// Layout of the rows.
    pub fn shape(&self) -> SetShape {
        self.shape
    }

    /// Number of rows.
    pub fn len(&self) -> u32 {
        self.parts.last().map_or(0, |p| p.first + p.rows)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The masks of the rows of ascending `numbers`, `[rows, cols]`; `which` of the seeds.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if the device runs out of memory or is lost.
    pub fn masks(&self, device: &Device, numbers: &[u32], which: usize) -> Result<Tensor> {
        let stride = self.shape.stride();
        let mut all = None;
        for part in &self.parts {
            let own: Vec<u32> = within(numbers, part.first, part.rows).iter().map(|n| n - part.first).collect();
            if own.is_empty() {
                continue;
            }
            let stream = self.set.stream();
            let params = ChachaRowsParams {
                stream_lo: low(stream),
                stream_hi: low(stream >> 32),
                stride: count(stride),
                blocks: count(self.shape.blocks()),
            };
            let index = device.upload_raw(&own)?;
            let rows = device.run(&CHACHA_ROWS, params, &[&part.keys[which], &index], [own.len() * stride])?;
            all = Some(join(device, all, rows)?);
        }
        unpack(device, self.shape, numbers, all)
    }
}

/// Masked rows of a set, in blocks of whole rows, one owner's rows to a block.
pub struct MaskedRows {
    shape: SetShape,
    first: u32,
    blocks: Vec<(u32, u32, Tensor)>,
}

impl MaskedRows {
    /// No rows yet.
    pub fn new(shape: SetShape) -> Self {
        Self::from_row(shape, 0)
    }

    /// No rows yet, the first of which will have number `first`.
    pub fn from_row(shape: SetShape, first: u32) -> Self {
        Self { shape, first, blocks: Vec::new() }
    }

    /// Appends `rows` packed rows, in as few blocks as the device can hold.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if the device runs out of memory or is lost.
    pub fn push(&mut self, device: &Device, words: Vec<u64>, rows: u32) -> Result<()> {
        let stride = self.shape.stride();
        let bytes = rows as usize * stride * 4;
        let most = device.backend().block_bytes();
        if bytes <= most {
            self.blocks.push((self.end(), rows, device.adopt(words, [rows as usize * stride])?));
            return Ok(());
        }
        let all: &[u8] = &bytemuck::cast_slice(&words)[..bytes];
        for block in all.chunks((most / (stride * 4)).max(1) * stride * 4) {
            let rows = count(block.len() / (stride * 4));
            self.blocks.push((self.end(), rows, device.upload(block, Operand::Raw, [block.len() / 4])?));
        }
        Ok(())
    }

    /// Appends rows of zeros, for a run that only counts.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if the device runs out of memory or is lost.
    pub(crate) fn push_zeros(&mut self, device: &Device, rows: u32) -> Result<()> {
        let zeros = device.zeros(Operand::Raw, [rows as usize * self.shape.stride()])?;
        self.blocks.push((self.end(), rows, zeros));
        Ok(())
    }

    /// Number of rows.
    pub fn len(&self) -> u32 {
        self.end() - self.first
    }

    /// The number of the row that would come next.
    fn end(&self) -> u32 {
        self.blocks.last().map_or(self.first, |(first, rows, _)| first + rows)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of ascending `numbers`, `[rows, cols]`.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if the device runs out of memory or is lost.
    pub fn gather(&self, device: &Device, numbers: &[u32]) -> Result<Tensor> {
        let stride = self.shape.stride();
        let mut all = None;
        for (first, rows, block) in &self.blocks {
            let own = within(numbers, *first, *rows);
            if own.is_empty() {
                continue;
            }
            let params = GatherParams { stride: count(stride), base: *first };
            let index = device.upload_raw(own)?;
            let rows = device.run(&GATHER_ROWS, params, &[block, &index], [own.len() * stride])?;
            all = Some(join(device, all, rows)?);
        }
        unpack(device, self.shape, numbers, all)
    }
}

/// The ascending `numbers` in `first .. first + rows`.
fn within(numbers: &[u32], first: u32, rows: u32) -> &[u32] {
    debug_assert!(numbers.is_sorted(), "the rows of a batch are asked for in order");
    let from = numbers.partition_point(|n| *n < first);
    let to = numbers.partition_point(|n| *n < first + rows);
    &numbers[from..to]
}

fn join(device: &Device, before: Option<Tensor>, rows: Tensor) -> Result<Tensor> {
    let Some(before) = before else { return Ok(rows) };
    let params = ConcatParams { first: count(before.len()) };
    device.run(&CONCAT, params, &[&before, &rows], [before.len() + rows.len()])
}

fn unpack(device: &Device, shape: SetShape, numbers: &[u32], rows: Option<Tensor>) -> Result<Tensor> {
    let size = [numbers.len(), shape.cols];
    let found = rows.as_ref().map_or(0, Tensor::len);
    if found != numbers.len() * shape.stride() {
        return Err(Error::Usage(format!(
            "{} rows were requested, but the data set has {} of them",
            numbers.len(),
            found / shape.stride().max(1)
        )));
    }
    let rows = rows.map_or_else(|| device.upload_raw(&[]), Ok)?;
    if shape.bits == 32 && device.ring().bits() == 32 {
        return Ok(device.as_ring(&rows, size));
    }
    let params = UnpackRowsParams { cols: count(shape.cols), bits: shape.bits, stride: count(shape.stride()) };
    device.run(&UNPACK_ROWS, params, &[&rows], size)
}
