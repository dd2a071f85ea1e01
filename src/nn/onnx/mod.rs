//! Models from and to ONNX files (<https://onnx.ai>), the exchange format of other programs.
//!
//! ONNX has images as `[batch, channels, height, width]`, and ppdnn as `[batch, height, width, channels]`. A filter
//! `[outputs, channels, rows, columns]` is `[rows columns channels, outputs]` here, and where an image becomes a row of values, the
//! rows of the next weight change places.

mod block;
mod constant;
mod export;
mod graph;
mod graph_writer;
mod import;
mod messages;
mod node;
mod operators;
mod scale;
mod shapes;
mod step;
mod windows;

pub use import::ImportedModel;

#[cfg(test)]
mod tests;
