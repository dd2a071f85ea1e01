//! Sections of a description that say what files hold.

use crate::data::description::array_format::SHAPE;
use crate::data::description::check::{MOST_FEATURES, NAME, is_name};
use crate::data::description::{ArrayFormat, DataFormat, ImageFormat, ImageSize, RecordFormat, Scale, Scaling};
use crate::nn::{LineError, TomlTable};

type Result<T> = std::result::Result<T, LineError>;

/// The format of data that is no table; `None` if there is no such section.
pub(super) fn format(file: &mut TomlTable<'_>) -> Result<Option<DataFormat>> {
    let array = file.table("array")?.map(|table| array(table).map(DataFormat::Array)).transpose()?;
    let image = file.table("image")?.map(|table| image(table).map(DataFormat::Image)).transpose()?;
    let records = file.table("records")?.map(|table| records(table).map(DataFormat::Records)).transpose()?;
    let mut found = [array, image, records].into_iter().flatten();
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(file.wrong(FORMATS)),
        (first, None) => Ok(first),
    }
}

/// What says what the files hold.
pub(super) const FORMATS: &str =
    "a description has exactly one of: sections [[columns]] (a table), or a section [array], [image] or [records]";

fn image(mut table: TomlTable<'_>) -> Result<ImageFormat> {
    let (size, resize) = (size(&mut table)?, table.flag("resize")?.unwrap_or(false));
    table.finish()?;
    Ok(ImageFormat { size, resize })
}

fn records(mut table: TomlTable<'_>) -> Result<RecordFormat> {
    let (size, label_bytes) = (size(&mut table)?, table.whole("label_bytes", 1, 8)?.unwrap_or(1) as usize);
    table.finish()?;
    Ok(RecordFormat { size, label_bytes })
}

fn size(table: &mut TomlTable<'_>) -> Result<ImageSize> {
    let mut whole = |key: &'static str| {
        let number = table.whole(key, 1, 1 << 20)?;
        number.map(|n| n as usize).ok_or_else(|| table.wrong(format!("`{key}` is missing")))
    };
    Ok(ImageSize { height: whole("height")?, width: whole("width")?, channels: whole("channels")? })
}

fn array(mut table: TomlTable<'_>) -> Result<ArrayFormat> {
    let mut name = |key: &'static str| table.text(key, NAME, is_name);
    let features = name("features")?.unwrap_or_else(|| "x".into());
    let labels = name("labels")?.unwrap_or_else(|| "y".into());
    let test = match (name("test_features")?, name("test_labels")?) {
        (None, None) => None,
        (Some(features), Some(labels)) => Some([features, labels]),
        _ => return Err(table.wrong("`test_features` and `test_labels` go together")),
    };
    let shape = table.wholes("shape", SHAPE, 1..=3, 1..=MOST_FEATURES)?;
    let shape = shape.ok_or_else(|| table.wrong(format!("`shape` is missing: {SHAPE}")))?;
    let channels_first = table.word("channels", &[("last", false), ("first", true)])?.unwrap_or(false);
    let scaling = scaling(&mut table)?;
    table.finish()?;
    Ok(ArrayFormat { features, labels, test, shape, channels_first, scaling })
}

pub(super) fn scaling(table: &mut TomlTable<'_>) -> Result<Scaling> {
    let range = table.interval("range")?;
    let words = [("range", Scale::Range), ("none", Scale::None), ("standard", Scale::Revealed)];
    let scale = table.word("scale", &words)?.unwrap_or(Scale::Range);
    let reveal = table.flag("reveal")?.unwrap_or(false);
    let mut finite = |key: &'static str| table.number(key, "a finite number", f64::is_finite);
    let scale = match (scale, reveal, finite("mean")?, finite("deviation")?) {
        (Scale::Revealed, false, Some(mean), Some(deviation)) => Scale::Standard { mean, deviation },
        (Scale::Revealed, true, None, None) | (Scale::None | Scale::Range, false, None, None) => scale,
        _ => return Err(table.wrong(STANDARD)),
    };
    let clip = table.word("outside", &[("refuse", false), ("clip", true)])?.unwrap_or(false);
    let scaling = Scaling { range, clip, scale };
    scaling.check().map_err(|reason| table.wrong(reason))?;
    Ok(scaling)
}

/// What goes with `scale = "standard"`.
const STANDARD: &str = "`scale = \"standard\"` goes with a public `mean` and `deviation`, or with `reveal = true`: then the servers \
                        compute both on shares of all owners' rows, and reveal them to the owners and the trainer";
