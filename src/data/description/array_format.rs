//! The description of arrays: NumPy's NPZ and NPY, and IDX.

use serde::{Deserialize, Serialize};

use crate::data::description::check::{Checked, NAME, is_name, no_column_split};
use crate::data::description::difference::first_true;
use crate::data::description::{Scale, Scaling, Split};
use crate::shape::Shape;

/// What is public about arrays: their names, the shape of a row, and how their values become features.
///
/// Labels are integers, 0 for the first class, one for each row; or a column for each label, of 0 and 1, or for each number that is
/// to be learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArrayFormat {
    /// The array of the features: its name in an archive, or that of its file without an ending.
    pub features: String,
    /// The array of the labels.
    pub labels: String,
    /// The arrays of features and labels for testing, if they are arrays of their own.
    pub test: Option<[String; 2]>,
    /// The shape of a row as a network takes it: features, or height, width and perhaps channels of an image.
    pub shape: Vec<usize>,
    /// Whether the array has the channels of an image before its height and width.
    pub channels_first: bool,
    /// How values become features.
    pub scaling: Scaling,
}

impl ArrayFormat {
    /// The shape of a row as a network takes it; an image without channels has one.
    pub(super) fn row_shape(&self) -> Shape {
        match self.shape[..] {
            [height, width] => [height, width, 1].into(),
            _ => Shape::new(&self.shape[..]),
        }
    }

    /// The shape of a row as it is stored.
    #[cfg(any(test, feature = "datasets"))]
    pub(crate) fn stored_shape(&self) -> Vec<usize> {
        match self.shape[..] {
            [height, width, channels] if self.channels_first => vec![channels, height, width],
            _ => self.shape.clone(),
        }
    }

    /// The name of a feature: `x[3, 4, 0]`, in the order of the network.
    pub(super) fn feature_name(&self, feature: usize) -> String {
        format!("{}{:?}", self.features, position(feature, &self.shape))
    }

    pub(super) fn check(&self, split: &Split) -> Checked {
        let tests = self.test.iter().flatten();
        if let Some(name) = [&self.features, &self.labels].into_iter().chain(tests).find(|name| !is_name(name)) {
            let shown = crate::net::printable(name).chars().take(40).collect::<String>();
            return Err(format!("array: the name `{shown}` must be {NAME}"));
        }
        if !(1..=3).contains(&self.shape.len()) || self.shape.contains(&0) {
            return Err(format!("array: `shape` must be {SHAPE}"));
        }
        if self.channels_first && self.shape.len() < 3 {
            return Err("array: `channels = \"first\"` needs a `shape` of height, width and channels".into());
        }
        if self.test.is_some() && *split != Split::Files {
            return Err("array: `test_features` are the test rows; remove them, or `[split]`".into());
        }
        self.scaling.check().map_err(|reason| format!("array: {reason}"))?;
        if self.scaling.scale == Scale::Revealed && self.shape.len() > 1 {
            return Err("array: `reveal = true` standardizes every feature by itself, which is not for images; use `range`, or a \
                        public `mean` and `deviation`"
                .into());
        }
        no_column_split(split)
    }

    /// The key that differs from the one of a job.
    pub(super) fn difference(&self, jobs: &Self) -> Option<&'static str> {
        first_true(&[
            ("the names of the arrays", (&self.features, &self.labels) != (&jobs.features, &jobs.labels)),
            ("the arrays for testing", self.test != jobs.test),
            ("the shape of a row", self.shape != jobs.shape || self.channels_first != jobs.channels_first),
            ("the range or the scale of the values", self.scaling != jobs.scaling),
        ])
    }
}

/// Where a value is in a row, by axis.
pub(crate) fn position(mut value: usize, shape: &[usize]) -> Vec<usize> {
    let mut at: Vec<usize> = shape
        .iter()
        .rev()
        .map(|axis| {
            let here = value % axis.max(&1);
            value /= axis.max(&1);
            here
        })
        .collect();
    at.reverse();
    at
}

/// What a shape has to be.
pub(super) const SHAPE: &str =
    "a list of 1 to 3 sizes above 0: [features], [height, width] or [height, width, channels]";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Description;

    const DIGITS: &str = "\
name = \"digits\"
classes = [\"zero\", \"one\"]
[array]
shape = [2, 3]
range = [0, 255]
";

    #[test]
    fn a_description_of_arrays_is_read_and_is_the_same_as_bytes() {
        let read = Description::parse(DIGITS).unwrap();
        assert_eq!((read.features(), read.shape()), (6, Shape::from([2, 3, 1])));
        assert_eq!((read.feature_name(4).as_str(), read.labels().as_str()), ("x[1, 1]", "labels `y`"));
        let bytes = postcard::to_stdvec(&read).unwrap();
        assert_eq!(postcard::from_bytes::<Description>(&bytes).unwrap(), read);
        let text = DIGITS.replace("[2, 3]", "[2, 3, 4]\nchannels = \"first\"");
        let crate::data::description::DataFormat::Array(array) = Description::parse(&text).unwrap().format else {
            panic!("arrays")
        };
        assert_eq!(array.stored_shape(), [4, 2, 3]);
    }

    #[test]
    fn what_is_wrong_has_a_line_or_a_name() {
        for (from, to, says) in [
            ("[2, 3]", "[2, 3, 4, 5]", "line 4: array: `shape` must be a list of 1 to 3 sizes"),
            ("[2, 3]", "[2, 0]", "line 4: array: `shape` must be"),
            ("[2, 3]", "[4096, 4096]", "at most 1048576 are supported"),
            ("range = [0, 255]", "", "`range = [low, high]` is missing, such as [0, 255] for pixels"),
            ("range = [0, 255]", "scale = \"none\"\noutside = \"clip\"", "needs a `range`"),
            ("range = [0, 255]", "range = [0, inf]", "two finite numbers"),
            ("[2, 3]", "[2, 3]\nfeatures = \"../x\"", "line 5: array: `features` must be 1 to 64 letters"),
            ("[2, 3]", "[2, 3]\nchannels = \"first\"", "needs a `shape` of height, width and channels"),
            ("[2, 3]", "[2, 3]\ntest_features = \"a\"", "`test_features` and `test_labels` go together"),
            ("[array]", "[split]\ncolumn = \"a\"\n[array]", "only the rows of a table are split by a `column`"),
            ("[array]", "label = \"y\"\n[array]", "line 3: unknown key `label`"),
            ("[array]", "[[columns]]\nname = \"a\"\nkind = \"ignore\"\n[array]", "exactly one of"),
            ("[array]\nshape = [2, 3]\nrange = [0, 255]", "", "exactly one of"),
        ] {
            assert!(DIGITS.contains(from), "{from}");
            let text = Description::parse(&DIGITS.replacen(from, to, 1)).unwrap_err();
            assert!(text.contains(says), "`{says}` is not in `{text}`");
        }
    }

    #[test]
    fn owners_of_other_arrays_learn_which_key_differs() {
        let mine = Description::parse(DIGITS).unwrap();
        let differs = |from: &str, to: &str| {
            let job = Description::parse(&DIGITS.replacen(from, to, 1)).unwrap();
            mine.difference(&job).unwrap()
        };
        assert_eq!(differs("255", "16"), "the range or the scale of the values");
        assert_eq!(differs("[2, 3]", "[3, 2]"), "the shape of a row");
        assert_eq!(differs("\"zero\"", "\"nought\""), "the classes of the label");
        let table = crate::data::description::tests::small();
        assert_eq!(mine.difference(&table).unwrap(), "the data is a table in the job, and something else here");
    }
}
