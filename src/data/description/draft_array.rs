//! A first description of arrays, guessed from their names, shapes and values.

use std::fmt::Write as _;
use std::path::Path;

use crate::data::array::{Array, ArrayFiles};
use crate::data::description::check::{MOST_CLASSES, MOST_FEATURES};
use crate::data::description::draft::{Draft, HEAD, SPLIT, finished, list, name, quoted};
use crate::data::description::draft_target::{DraftTarget, Learn};
use crate::error::{Error, Result};
use crate::nn::Task;

/// Guesses the description of arrays. Features and labels are those of usual names (`x` and `y`, `images` and `labels`, ..), unless
/// the labels are named. Their classes are the numbers up to the largest label, and the range is that of bytes, or of the values.
pub(super) fn draft(path: &Path, learn: Learn<'_>) -> Result<Draft> {
    let mut files = ArrayFiles::open(path)?;
    let label = learn.labels.first().map(String::as_str);
    let [features, labels, test @ ..] = names(path, &files, label)?;
    let target = target(files.labels(&labels)?, learn.task)?;
    let tested = test.iter().all(|name| files.labels(name).is_ok());
    let array = files.features(&features)?;
    let shape = row_shape(&array)?;
    let rows = array.shape()[0];
    let range = if array.element().is_byte() { [0.0, 255.0] } else { range(array, &shape)? };
    let mut text = HEAD.to_owned();
    let _ = write!(text, "name = {}\n{}", quoted(&name(path)), target.keys);
    if !tested {
        text += SPLIT;
    }
    let _ = writeln!(text, "\n[array]\nfeatures = {}\nlabels = {}", quoted(&features), quoted(&labels));
    if tested {
        let _ = writeln!(text, "test_features = {}\ntest_labels = {}", quoted(&test[0]), quoted(&test[1]));
    }
    let _ = match shape[..] {
        [channels @ 1..=4, height, width] if width > 4 => {
            writeln!(text, "shape = [{height}, {width}, {channels}]\nchannels = \"first\"")
        }
        _ => writeln!(text, "shape = {shape:?}"),
    };
    let [low, high] = range;
    let _ =
        writeln!(text, "range = [{low:?}, {high:?}]    # becomes 0 to 1; scale = \"none\" leaves numbers as they are");
    text += &target.sections;
    finished(path, text, rows)
}

/// The names of features and labels, and of those for testing.
fn names(path: &Path, files: &ArrayFiles, label: Option<&str>) -> Result<[String; 4]> {
    let names = files.names()?;
    if names.is_empty() {
        return Err(Error::format(path, "has no arrays; is it a spreadsheet or a table? Export it as CSV"));
    }
    let has = |name: &str| names.iter().any(|n| n == name);
    let own = match files {
        ArrayFiles::Folder { features: Some(file), .. } => {
            let file = file.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
            names.iter().filter(|name| file.starts_with(name.as_str())).max_by_key(|name| name.len())
        }
        _ => None,
    };
    let fits = |[features, labels, ..]: &[&str; 4]| {
        own.map_or(has(features), |own| own == features) && label.map_or(has(labels), |label| label == *labels)
    };
    if let Some(usual) = USUAL.iter().find(|usual| fits(usual)) {
        return Ok(usual.map(str::to_owned));
    }
    let others = || names.iter().filter(|name| label != Some(name.as_str()));
    let features = own.or_else(|| others().next().filter(|_| others().count() == 1));
    match (features, label) {
        (Some(features), Some(label)) => Ok([features, label, "", ""].map(str::to_owned)),
        _ => Err(Error::format(
            path,
            "its arrays do not have usual names (x and y, images and labels, ..); rename them, or name the labels with --label",
        )),
    }
}

/// Usual names of features and labels, and of those for testing.
const USUAL: [[&str; 4]; 12] = [
    ["x_train", "y_train", "x_test", "y_test"],
    ["X_train", "y_train", "X_test", "y_test"],
    ["train_images", "train_labels", "test_images", "test_labels"],
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
    ["x", "y", "x_test", "y_test"],
    ["X", "y", "X_test", "y_test"],
    ["features", "labels", "test_features", "test_labels"],
    ["images", "labels", "test_images", "test_labels"],
    ["images-idx3-ubyte", "labels-idx1-ubyte", "", ""],
    ["data", "labels", "", ""],
    ["data", "target", "", ""],
    ["arr_0", "arr_1", "arr_2", "arr_3"],
];

/// What is to be learned of labels: classes of integers, several labels of rows of 0 and 1, and of other numbers a regression.
fn target(mut labels: Array<'_>, task: Option<Task>) -> Result<DraftTarget> {
    let width = match *labels.shape() {
        [_] => 1,
        [_, width] if (1..=MOST_CLASSES as u64).contains(&width) => usize::try_from(width).unwrap_or(1),
        _ => return Err(labels.wrong(&format!("cannot be the labels: {LABELS}; name others with --label"))),
    };
    let (integers, element) = (labels.element().is_integer(), labels.element());
    let mut ranges = vec![[f64::INFINITY, f64::NEG_INFINITY]; width];
    let mut bytes = vec![0; width * element.bytes()];
    for row in 0..labels.shape()[0] {
        labels.read(&mut bytes, row, width)?;
        for ([low, high], bytes) in ranges.iter_mut().zip(bytes.chunks_exact(element.bytes())) {
            let x = element.value(bytes);
            (*low, *high) = (low.min(x), high.max(x));
        }
    }
    let bits = ranges.iter().all(|[low, high]| *low >= 0.0 && *high <= 1.0);
    let task = task.unwrap_or(match integers {
        true if width == 1 => Task::Classification,
        true if bits => Task::MultiLabel,
        _ => Task::Regression,
    });
    let name = |at: usize| if width == 1 { labels.name().to_owned() } else { format!("{} {at}", labels.name()) };
    match task {
        Task::Classification if integers && width == 1 => classes(&labels, ranges[0]),
        Task::Classification => Err(labels.wrong(&format!("cannot be the labels: {LABELS}; name others with --label"))),
        Task::MultiLabel => Ok(DraftTarget::of_labels(&(0..width).map(name).collect::<Vec<_>>())),
        Task::Regression => {
            let ranges = (0..width)
                .zip(ranges)
                .map(|(at, [low, high])| (name(at), [low, if low < high { high } else { low + 1.0 }]));
            Ok(DraftTarget::numbers(&ranges.collect::<Vec<_>>()))
        }
    }
}

/// What labels of classes are.
const LABELS: &str = "they are integers, one for each row";

/// The classes of labels: the numbers from 0 to the largest.
fn classes(labels: &Array<'_>, [low, high]: [f64; 2]) -> Result<DraftTarget> {
    if low < 0.0 || high >= MOST_CLASSES as f64 {
        let text = format!("cannot be the labels: one is not of 0 to {}", MOST_CLASSES - 1);
        return Err(labels.wrong(&text));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 999")]
    let classes: Vec<String> = (0..=high.max(1.0) as u32).map(|class| class.to_string()).collect();
    let keys = format!(
        "task = \"{}\"\nclasses = {}    # by label, 0 first: write what they are\n",
        Task::Classification,
        list(&classes)
    );
    Ok(DraftTarget { keys, sections: String::new() })
}

/// The shape of a row.
fn row_shape(array: &Array<'_>) -> Result<Vec<usize>> {
    let axes = array.shape().get(1..).unwrap_or_default();
    let sizes: Option<Vec<usize>> = axes.iter().map(|axis| usize::try_from(*axis).ok()).collect();
    let few = |axes: &Vec<usize>| {
        let values = axes.iter().try_fold(1_usize, |n, axis| n.checked_mul(*axis));
        (1..=3).contains(&axes.len()) && values.is_some_and(|n| (1..=MOST_FEATURES).contains(&n))
    };
    sizes.filter(few).ok_or_else(|| {
        array.wrong(&format!(
            "has shape {:?}; its first axis must be the rows, followed by one to three more, of at most {MOST_FEATURES} values",
            array.shape()
        ))
    })
}

/// The smallest and the largest finite value; 0 and 1 if all are between them.
fn range(mut array: Array<'_>, shape: &[usize]) -> Result<[f64; 2]> {
    let values = shape.iter().product::<usize>();
    let element = array.element();
    let mut bytes = vec![0; values * element.bytes()];
    let [mut low, mut high] = [0.0_f64, 1.0_f64];
    for row in 0..array.shape()[0] {
        array.read(&mut bytes, row, values)?;
        for x in bytes.chunks_exact(element.bytes()).map(|bytes| element.value(bytes)).filter(|x| x.is_finite()) {
            (low, high) = (low.min(x), high.max(x));
        }
    }
    Ok([low, high])
}
