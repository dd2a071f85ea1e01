//! The adapters of this machine.

use std::cmp::Reverse;

use ::wgpu::{
    Backends, Device, DeviceDescriptor, DeviceType, DownlevelFlags, Features, Instance, InstanceDescriptor, Limits,
    Queue,
};

use crate::error::{Error, Result};

/// A GPU of this machine, or software that acts as one.
#[derive(Debug)]
pub struct Adapter {
    /// What its maker calls it.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// `vulkan`, `metal` or `dx12`.
    pub api: String,
    /// The most bytes that one operand of a kernel may have.
    pub max_operand_bytes: u64,
    /// Whether it computes with 64-bit integers itself.
    pub native_u64: bool,
    adapter: ::wgpu::Adapter,
}

impl Adapter {
    /// All that can compute, the likely fastest first.
    pub fn list() -> Vec<Self> {
        let instance = Instance::new(InstanceDescriptor::new_without_display_handle());
        let all = pollster::block_on(instance.enumerate_adapters(Backends::all()));
        let computes = DownlevelFlags::COMPUTE_SHADERS;
        let mut list: Vec<Self> = all
            .into_iter()
            .filter(|a| a.get_downlevel_capabilities().flags.contains(computes))
            .map(Self::describe)
            .collect();
        list.sort_by_key(|a| (KINDS.iter().position(|k| *k == a.kind), Reverse(a.native_u64)));
        list
    }

    fn describe(adapter: ::wgpu::Adapter) -> Self {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        let kind = match info.device_type {
            DeviceType::Cpu => "software",
            DeviceType::DiscreteGpu => "discrete",
            DeviceType::IntegratedGpu => "integrated",
            DeviceType::Other => "other",
            DeviceType::VirtualGpu => "virtual",
        };
        Self {
            name: info.name,
            kind,
            api: info.backend.to_string(),
            max_operand_bytes: max_operand_bytes(&limits),
            native_u64: adapter.features().contains(Features::SHADER_INT64),
            adapter,
        }
    }

    /// A device with all that the adapter allows.
    pub(super) fn open(&self) -> Result<(Device, Queue)> {
        let description = DeviceDescriptor {
            required_features: self.adapter.features() & Features::SHADER_INT64,
            required_limits: self.adapter.limits(),
            ..Default::default()
        };
        pollster::block_on(self.adapter.request_device(&description))
            .map_err(|e| Error::Device(format!("{} provides no device: {e}; use --backend cpu", self.name)))
    }
}

/// The most bytes that one operand of a kernel may have.
pub(super) fn max_operand_bytes(limits: &Limits) -> u64 {
    limits.max_buffer_size.min(limits.max_storage_buffer_binding_size)
}

/// Likely fastest first.
const KINDS: [&str; 5] = ["discrete", "integrated", "virtual", "other", "software"];
