//! A network as the file that would make it, so that one that fails can be tried with the program.

use std::fmt::Write;

use crate::nn::layers::{AveragePool, BatchNorm, Conv2d, Dense, Dropout, LeakyRelu, MaxPool, Residual, ZeroPadding};
use crate::nn::{Factor, LayerSpec, Model};

/// Rates of dropout.
pub(super) const RATES: [f64; 8] = [0.0, 0.1, 0.2, 0.25, 0.3, 0.5, 0.75, 0.9];

/// The file of a network; its input is told in a comment.
pub(super) fn toml(model: &Model) -> String {
    let mut text = format!("# input {}, {} classes\n", model.input(), model.classes());
    let _ = writeln!(
        text,
        "name = \"{}\"\nloss = \"{}\"\ninit = \"{}\"",
        model.name(),
        model.loss().name(),
        model.init().name()
    );
    model.layers().iter().for_each(|layer| write_layer(&mut text, layer, "layers"));
    text
}

fn write_layer(text: &mut String, layer: &LayerSpec, table: &str) {
    let keys = if let Some(Dense { outputs, bias }) = layer.get() {
        format!("outputs = {outputs}\nbias = {bias}\n")
    } else if let Some(Conv2d { channels, kernel, stride, padding, bias }) = layer.get() {
        format!(
            "channels = {channels}\nkernel = {kernel:?}\nstride = {stride:?}\npadding = {padding:?}\nbias = {bias}\n"
        )
    } else if let Some(AveragePool { window, stride }) = layer.get() {
        format!("window = {window:?}\nstride = {stride:?}\n")
    } else if let Some(MaxPool { window, stride, method }) = layer.get() {
        format!("window = {window:?}\nstride = {stride:?}\nmethod = \"{}\"\n", method.name())
    } else if let Some(ZeroPadding { padding }) = layer.get() {
        format!("padding = {padding:?}\n")
    } else if let Some(Dropout { factor }) = layer.get() {
        let rate = RATES.into_iter().find(|rate| Factor::kept(*rate) == *factor);
        format!("rate = {:?}\n", rate.expect("a rate of the list"))
    } else if let Some(Residual { projection, .. }) = layer.get() {
        format!("projection = {projection}\n")
    } else if let Some(LeakyRelu { shift }) = layer.get() {
        format!("slope = {}\n", f64::exp2(-f64::from(*shift)))
    } else if let Some(BatchNorm { momentum }) = layer.get() {
        format!("momentum = {}\n", f64::exp2(-f64::from(*momentum)))
    } else {
        // kinds without anything to say
        String::new()
    };
    let _ = write!(text, "\n[[{table}]]\nkind = \"{}\"\n{keys}", layer.kind());
    layer.body().iter().for_each(|layer| write_layer(text, layer, &format!("{table}.body")));
}
