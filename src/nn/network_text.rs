//! A network as the text of a network file, which [`Recipe`](crate::train::Recipe) reads.

use std::fmt::Write as _;

use crate::error::{Error, Result};
use crate::nn::layers::{
    AveragePool, BatchNorm, Conv2d, Dense, Dropout, Flatten, GlobalAveragePool, HardTanh, LayerNorm, LeakyRelu,
    MaxPool, Relu, Residual, Sigmoid, Square, ZeroPadding,
};
use crate::nn::{LayerSpec, TrainedModel};

impl TrainedModel {
    /// The text of a network file with the model's layers, its loss, and whether its features are normalized.
    ///
    /// # Errors
    /// [`Error::Usage`] naming a layer of a kind that is not ppdnn's.
    pub fn network_file(&self) -> Result<String> {
        let model = &self.model;
        let mut text = format!("name = \"{}\"\n", file_name(model.name()));
        if let Some(dataset) = self.dataset.as_deref().filter(|name| file_name(name) == *name) {
            let _ = writeln!(text, "dataset = \"{dataset}\"");
        }
        let (loss, init, normalize) = (
            model.loss().name(),
            model.init().name(),
            self.normalization.as_ref().is_some_and(|scale| scale.as_uniform().is_some()),
        );
        let _ = write!(text, "loss = \"{loss}\"\ninit = \"{init}\"\n\n[training]\nnormalize = {normalize}\n");
        for layer in model.layers() {
            text += &section("layers", layer)?;
            for inner in layer.body() {
                text += &section("layers.body", inner)?;
            }
        }
        Ok(text)
    }
}

/// A name as network files have it: letters, digits, `-`, `_` and `.`.
pub(super) fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).skip_while(|c| !c.is_ascii_alphanumeric()).take(64).collect();
    if name.is_empty() { "network".into() } else { name }
}

/// The section of a layer.
fn section(list: &str, layer: &LayerSpec) -> Result<String> {
    let kind = layer.kind();
    let keys = keys(layer).ok_or_else(|| {
        Error::Usage(format!("the layer `{kind}` is not one of ppdnn's, and cannot be written to a network file"))
    })?;
    let lines: String = keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    Ok(format!("\n[[{list}]]\nkind = \"{kind}\"\n{lines}"))
}

/// What a layer's section says, if its kind is known.
fn keys(layer: &LayerSpec) -> Option<Vec<(&'static str, String)>> {
    let pair = |[a, b]: [usize; 2]| format!("[{a}, {b}]");
    let power = |shift: u32| f64::exp2(-f64::from(shift)).to_string();
    if let Some(Dense { outputs, bias }) = layer.get() {
        return Some(vec![("outputs", outputs.to_string()), ("bias", bias.to_string())]);
    }
    if let Some(Conv2d { channels, kernel, stride, padding, bias }) = layer.get() {
        let sizes = [("kernel", pair(*kernel)), ("stride", pair(*stride)), ("padding", pair(*padding))];
        let all = std::iter::once(("channels", channels.to_string())).chain(sizes);
        return Some(all.chain([("bias", bias.to_string())]).collect());
    }
    if let Some(AveragePool { window, stride }) = layer.get() {
        return Some(vec![("window", pair(*window)), ("stride", pair(*stride))]);
    }
    if let Some(MaxPool { window, stride, method }) = layer.get() {
        let method = format!("\"{}\"", method.name());
        return Some(vec![("window", pair(*window)), ("stride", pair(*stride)), ("method", method)]);
    }
    if let Some(ZeroPadding { padding }) = layer.get() {
        return Some(vec![("padding", pair(*padding))]);
    }
    if let Some(LeakyRelu { shift }) = layer.get() {
        return Some(vec![("slope", power(*shift))]);
    }
    if let Some(BatchNorm { momentum }) = layer.get() {
        return Some(vec![("momentum", power(*momentum))]);
    }
    if let Some(Dropout { factor }) = layer.get() {
        return Some(vec![("rate", (1.0 - 1.0 / factor.value()).to_string())]);
    }
    if let Some(Residual { projection, .. }) = layer.get() {
        return Some(vec![("projection", projection.to_string())]);
    }
    has_no_keys(layer).then(Vec::new)
}

fn has_no_keys(layer: &LayerSpec) -> bool {
    layer.is::<Flatten>()
        || layer.is::<GlobalAveragePool>()
        || layer.is::<HardTanh>()
        || layer.is::<LayerNorm>()
        || layer.is::<Relu>()
        || layer.is::<Sigmoid>()
        || layer.is::<Square>()
}
