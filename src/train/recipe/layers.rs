//! The layers of a recipe, one function per kind.

use crate::nn::{Factor, LayerSpec, PoolMethod, of_batch};
use crate::shape::Shape;
use crate::train::recipe::reader::{At, Table};

/// A layer as a file has it.
pub(super) struct Read {
    /// The layer.
    pub(super) spec: LayerSpec,
    /// Where it begins.
    pub(super) line: usize,
    /// The columns that it says it takes.
    inputs: Option<u32>,
}

impl Read {
    /// Checks what the file says of the layer's input, against the shape that it gets.
    pub(super) fn check(&self, number: usize, input: &Shape) -> Result<(), At> {
        let wrong = |inputs: &u32| *inputs as usize != input.len();
        self.inputs.filter(wrong).map_or(Ok(()), |inputs| {
            let (kind, got, fits) = (self.spec.kind(), of_batch(input), input.len());
            let reason = format!("layer {number} ({kind}) gets {got}, not `inputs = {inputs}`; {fits} fits");
            Err(At::new(self.line, reason))
        })
    }
}

/// The layers of a file, for data with so many classes.
pub(super) fn read(file: &mut Table<'_>, classes: usize) -> Result<Vec<Read>, At> {
    let tables = file.tables("layers")?;
    let (all, line) = (tables.len(), file.line());
    if !(1..=MOST_LAYERS).contains(&all) {
        return Err(At::new(line, format!("there have to be 1 to {MOST_LAYERS} sections [[layers]], not {all}")));
    }
    let layer = |(number, table)| layer(table, number, (number == all).then_some(classes));
    (1..).zip(tables).map(layer).collect()
}

/// The layers of a block's body.
fn body(table: &mut Table<'_>) -> Result<Vec<LayerSpec>, At> {
    let tables = table.tables("body")?;
    if !(1..=MOST_LAYERS).contains(&tables.len()) {
        return Err(table.wrong(format!("it has to have 1 to {MOST_LAYERS} sections [[layers.body]]")));
    }
    (1..).zip(tables).map(|(number, table)| Ok(layer(table, number, None)?.spec)).collect()
}

/// Layer `number`, from 1; the last knows how many classes there are.
fn layer(table: Table<'_>, number: usize, classes: Option<usize>) -> Result<Read, At> {
    type Kind = fn(&mut Table<'_>, Option<usize>) -> Result<LayerSpec, At>;
    let kinds: [(&str, Kind); 11] = [
        ("dense", dense),
        ("conv2d", conv2d),
        ("average-pool", average_pool),
        ("max-pool", max_pool),
        ("global-average-pool", |_, _| Ok(LayerSpec::GlobalAveragePool)),
        ("zero-padding", zero_padding),
        ("dropout", dropout),
        ("residual", residual),
        ("flatten", |_, _| Ok(LayerSpec::Flatten)),
        ("relu", |_, _| Ok(LayerSpec::Relu)),
        ("sigmoid", |_, _| Ok(LayerSpec::Sigmoid)),
    ];
    let mut table = table.called(format!("layer {number}"));
    let names = || kinds.map(|(name, _)| format!("`{name}`")).join(", ");
    let Some((name, kind)) = table.word("kind", &kinds.map(|(name, kind)| (name, (name, kind))))? else {
        return Err(table.wrong(format!("`kind` is missing; there are {}", names())));
    };
    let mut table = table.called(format!("layer {number} ({name})"));
    let spec = kind(&mut table, classes)?;
    let inputs = if spec.is_product() { table.whole("inputs", 1, MOST_COLUMNS)? } else { None };
    let line = table.line();
    table.finish()?;
    Ok(Read { spec, line, inputs })
}

fn dense(table: &mut Table<'_>, classes: Option<usize>) -> Result<LayerSpec, At> {
    let outputs = table.whole("outputs", 1, MOST_COLUMNS)?.map(|outputs| outputs as usize).or(classes);
    let missing = "`outputs` is missing; only the last layer may leave it out, and gives one per class then";
    let outputs = outputs.ok_or_else(|| table.wrong(missing))?;
    Ok(LayerSpec::Dense { outputs, bias: table.flag("bias")?.unwrap_or(true) })
}

fn conv2d(table: &mut Table<'_>, _: Option<usize>) -> Result<LayerSpec, At> {
    let channels = table.whole("channels", 1, MOST_COLUMNS)?.map(|channels| channels as usize);
    let channels = channels.ok_or_else(|| table.wrong("`channels` is missing: of the output"))?;
    let kernel = table.pair("kernel", 1, MOST_ROWS)?;
    let kernel = kernel.ok_or_else(|| table.wrong("`kernel` is missing: 5, or [5, 5]"))?;
    let stride = table.pair("stride", 1, MOST_ROWS)?.unwrap_or([1, 1]);
    let padding = table.pair("padding", 0, MOST_ROWS)?.unwrap_or([0, 0]);
    Ok(LayerSpec::Conv2d { channels, kernel, stride, padding, bias: table.flag("bias")?.unwrap_or(true) })
}

fn max_pool(table: &mut Table<'_>, _: Option<usize>) -> Result<LayerSpec, At> {
    let methods = [PoolMethod::Tree, PoolMethod::OneShot].map(|method| (method.name(), method));
    let method = table.word("method", &methods)?.unwrap_or(PoolMethod::Tree);
    let (window, stride) = windows(table)?;
    Ok(LayerSpec::MaxPool { window, stride, method })
}

fn zero_padding(table: &mut Table<'_>, _: Option<usize>) -> Result<LayerSpec, At> {
    let padding = table.pair("padding", 0, MOST_ROWS)?;
    let padding = padding.ok_or_else(|| table.wrong("`padding` is missing: 1, or [1, 1]"))?;
    Ok(LayerSpec::ZeroPadding { padding })
}

fn dropout(table: &mut Table<'_>, _: Option<usize>) -> Result<LayerSpec, At> {
    let rate = table.number("rate", "a number from 0 to 0.95", |rate| (0.0..=0.95).contains(&rate))?;
    let rate = rate.ok_or_else(|| table.wrong("`rate` is missing: the part of values that is set to 0, 0.5 say"))?;
    Ok(LayerSpec::Dropout { factor: Factor::kept(rate) })
}

fn residual(table: &mut Table<'_>, _: Option<usize>) -> Result<LayerSpec, At> {
    let projection = table.flag("projection")?.unwrap_or(false);
    Ok(LayerSpec::Residual { body: body(table)?, projection })
}

fn average_pool(table: &mut Table<'_>, _: Option<usize>) -> Result<LayerSpec, At> {
    let (window, stride) = windows(table)?;
    Ok(LayerSpec::AveragePool { window, stride })
}

/// Windows and their stride.
fn windows(table: &mut Table<'_>) -> Result<([usize; 2], [usize; 2]), At> {
    let window = table.pair("window", 1, MOST_ROWS)?;
    let window = window.ok_or_else(|| table.wrong("`window` is missing: 2, or [2, 2]"))?;
    Ok((window, table.pair("stride", 1, MOST_ROWS)?.unwrap_or(window)))
}

const MOST_LAYERS: usize = 1000;
const MOST_ROWS: u32 = 1 << 14;
const MOST_COLUMNS: u32 = 1 << 20;
