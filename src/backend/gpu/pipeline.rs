//! Compiled kernels.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ::wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry,
    BindingResource, BindingType, Buffer, BufferBinding, BufferBindingType, ComputePipeline, ComputePipelineDescriptor,
    Device, PipelineLayoutDescriptor, ShaderModuleDescriptor, ShaderSource, ShaderStages,
};

use super::binding_bytes;
use super::guard::Guard;
use super::shader::{self, Arithmetic};
use crate::error::Result;
use crate::kernel::{Kernel, RingWord};

/// The kernels compiled so far.
#[derive(Default)]
pub(super) struct Pipelines {
    compiled: Mutex<HashMap<(&'static str, RingWord), Arc<Pipeline>>>,
}

/// A compiled kernel.
pub(super) struct Pipeline {
    pub(super) pipeline: ComputePipeline,
    layout: BindGroupLayout,
}

/// Where a dispatch's parameters lie.
pub(super) struct Slot<'a> {
    pub(super) buffer: &'a Buffer,
    pub(super) offset: usize,
    pub(super) bytes: usize,
}

impl Pipelines {
    /// The kernel for a word pair, compiled if it is asked for the first time.
    pub(super) fn get(
        &self,
        kernel: &Kernel,
        ring: RingWord,
        arithmetic: Arithmetic,
        device: &Device,
        guard: &Guard,
    ) -> Result<Arc<Pipeline>> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = compiled.get(&(kernel.name, ring)) {
            return Ok(pipeline.clone());
        }
        let source = shader::source(kernel, ring, arithmetic);
        let what = format!("kernel `{}`", kernel.name);
        let pipeline = Arc::new(guard.run(&what, || compile(kernel, source, device))?);
        compiled.insert((kernel.name, ring), pipeline.clone());
        Ok(pipeline)
    }
}

/// The layout comes from the kernel's row and not from the shader: there, a parameter that is not used is no binding.
fn compile(kernel: &Kernel, source: String, device: &Device) -> Pipeline {
    let storage = |read_only| BufferBindingType::Storage { read_only };
    let bindings = std::iter::once(BufferBindingType::Uniform)
        .chain(kernel.inputs.iter().map(|_| storage(true)))
        .chain([storage(false)]);
    let entries: Vec<_> = bindings
        .zip(0..)
        .map(|(ty, binding)| BindGroupLayoutEntry {
            binding,
            visibility: ShaderStages::COMPUTE,
            ty: BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        })
        .collect();
    let label = Some(kernel.name);
    let layout = device.create_bind_group_layout(&BindGroupLayoutDescriptor { label, entries: &entries });
    let pipeline_layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let module =
        device.create_shader_module(ShaderModuleDescriptor { label, source: ShaderSource::Wgsl(source.into()) });
    let pipeline = device.create_compute_pipeline(&ComputePipelineDescriptor {
        label,
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some(kernel.entry),
        compilation_options: Default::default(),
        cache: None,
    });
    Pipeline { pipeline, layout }
}

impl Pipeline {
    /// The parameters and the operands, each with its exact size.
    pub(super) fn bind<'a>(
        &self,
        what: &str,
        device: &Device,
        guard: &Guard,
        params: Slot<'a>,
        operands: impl Iterator<Item = (&'a Buffer, usize)>,
    ) -> Result<BindGroup> {
        let operands = operands.map(|(buffer, bytes)| {
            let size = std::num::NonZero::new(binding_bytes(bytes));
            BindingResource::Buffer(BufferBinding { buffer, offset: 0, size })
        });
        let Slot { buffer, offset, bytes } = params;
        let size = std::num::NonZero::new(bytes as u64);
        let params = BindingResource::Buffer(BufferBinding { buffer, offset: offset as u64, size });
        let entries: Vec<_> = std::iter::once(params)
            .chain(operands)
            .zip(0..)
            .map(|(resource, binding)| BindGroupEntry { binding, resource })
            .collect();
        guard.run(what, || {
            device.create_bind_group(&BindGroupDescriptor { label: None, layout: &self.layout, entries: &entries })
        })
    }
}
