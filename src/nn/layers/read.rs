//! Layers from the sections of a file.

use crate::nn::layers::{MOST_COLUMNS, kinds, names};
use crate::nn::{LayerSpec, LineError, TomlTable, of_batch};
use crate::shape::Shape;

/// A layer as a file has it.
pub(crate) struct Read {
    /// The layer.
    pub(crate) spec: LayerSpec,
    /// Where it begins.
    pub(crate) line: usize,
    /// The columns that it says it takes.
    inputs: Option<u32>,
}

impl Read {
    /// Checks what the file says of the layer's input, against the shape that it gets.
    pub(crate) fn check(&self, number: usize, input: &Shape) -> Result<(), LineError> {
        let wrong = |inputs: &u32| *inputs as usize != input.len();
        self.inputs.filter(wrong).map_or(Ok(()), |inputs| {
            let (kind, got, fits) = (self.spec.kind(), of_batch(input), input.len());
            let reason = format!("layer {number} ({kind}) gets {got}, not `inputs = {inputs}`; use {fits}");
            Err(LineError::new(self.line, reason))
        })
    }
}

/// The layers of a file, for data with this many classes.
pub(crate) fn read(file: &mut TomlTable<'_>, classes: usize) -> Result<Vec<Read>, LineError> {
    let tables = file.tables("layers")?;
    let (all, line) = (tables.len(), file.line());
    if !(1..=MOST_LAYERS).contains(&all) {
        return Err(LineError::new(line, format!("there must be 1 to {MOST_LAYERS} sections [[layers]], not {all}")));
    }
    let layer = |(number, table)| layer(table, number, (number == all).then_some(classes));
    (1..).zip(tables).map(layer).collect()
}

/// The layers of a block's body.
pub(super) fn body(table: &mut TomlTable<'_>) -> Result<Vec<LayerSpec>, LineError> {
    let tables = table.tables("body")?;
    if !(1..=MOST_LAYERS).contains(&tables.len()) {
        return Err(table.wrong(format!("it needs 1 to {MOST_LAYERS} sections [[layers.body]]")));
    }
    (1..).zip(tables).map(|(number, table)| Ok(layer(table, number, None)?.spec)).collect()
}

/// Layer `number`, from 1; the last knows how many classes there are.
fn layer(table: TomlTable<'_>, number: usize, classes: Option<usize>) -> Result<Read, LineError> {
    let words: Vec<_> = kinds().into_iter().map(|kind| (kind.name, kind)).collect();
    let mut table = table.called(format!("layer {number}"));
    let Some(kind) = table.word("kind", &words)? else {
        return Err(table.wrong(format!("`kind` is missing; there are {}", names())));
    };
    let mut table = table.called(format!("layer {number} ({})", kind.name));
    let spec = (kind.read)(&mut table, classes)?;
    let inputs = if spec.is_product() { table.whole("inputs", 1, MOST_COLUMNS)? } else { None };
    let line = table.line();
    table.finish()?;
    Ok(Read { spec, line, inputs })
}

/// Layers of a network, or of a block.
pub(in crate::nn) const MOST_LAYERS: usize = 1000;
