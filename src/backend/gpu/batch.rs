//! Dispatches on their way: recorded one after the other, and sent to the device together.

use ::wgpu::{BindGroup, CommandBuffer, CommandEncoder, ComputePass, Device};

use super::pipeline::Pipeline;

/// What was recorded and has not gone to the device.
#[derive(Default)]
pub(super) struct Batch {
    // dropped before the encoder that it writes to
    pass: Option<ComputePass<'static>>,
    encoder: Option<CommandEncoder>,
    /// Parameters of the dispatches, [`Batch::slot`] bytes each.
    pub(super) params: Vec<u8>,
    dispatches: usize,
    /// Bytes that were uploaded meanwhile.
    pub(super) staged: usize,
}

impl Batch {
    /// Whether it should go to the device without waiting for a download.
    pub(super) fn is_full(&self) -> bool {
        self.dispatches >= DISPATCHES || self.staged >= STAGED
    }

    /// Where the next dispatch's parameters lie, if each has `slot` bytes.
    pub(super) fn offset(&self, slot: usize) -> usize {
        self.dispatches * slot
    }

    /// Records a dispatch, whose parameters lie at [`Batch::offset`].
    pub(super) fn dispatch(
        &mut self,
        device: &Device,
        pipeline: &Pipeline,
        bindings: &BindGroup,
        params: &[u32],
        slot: usize,
        [x, y]: [u32; 2],
    ) {
        let start = self.offset(slot);
        self.params.resize(start, 0);
        self.params.extend_from_slice(bytemuck::cast_slice(params));
        self.dispatches += 1;
        let encoder = self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()));
        let begin = || encoder.begin_compute_pass(&Default::default()).forget_lifetime();
        let pass = self.pass.get_or_insert_with(begin);
        pass.set_pipeline(&pipeline.pipeline);
        pass.set_bind_group(0, bindings, &[]);
        pass.dispatch_workgroups(x, y, 1);
    }

    /// Records something else.
    pub(super) fn encoder(&mut self, device: &Device) -> &mut CommandEncoder {
        self.pass = None;
        self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()))
    }

    /// The commands of what was recorded.
    pub(super) fn finish(self) -> Option<CommandBuffer> {
        drop(self.pass);
        self.encoder.map(CommandEncoder::finish)
    }
}

/// Dispatches of a batch: enough to hide what a submission costs.
pub(super) const DISPATCHES: usize = 64;
/// Uploaded bytes that wait in memory of the host.
const STAGED: usize = 64 << 20;
