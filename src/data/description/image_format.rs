//! The descriptions of images: in files, a folder for each class, and in binary records.

use serde::{Deserialize, Serialize};

use crate::data::description::Split;
use crate::data::description::array_format::position;
use crate::data::description::check::{Checked, no_column_split};
use crate::data::description::difference::first_true;
use crate::shape::Shape;

/// What is public about image files: their size. Each is in the folder of its class.
///
/// Pixels become features by division by 255, from the top left corner row by row, the channels of a pixel together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageFormat {
    /// The size that all images have, or are brought to.
    pub size: ImageSize,
    /// Whether images of another size are resized; otherwise they are errors.
    pub resize: bool,
}

/// What is public about binary records, such as those of CIFAR-10: the size of the images.
///
/// A record is the number of the class, then the bytes of an image, channel by channel. They become features as those of
/// [`ImageFormat`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordFormat {
    /// The size of the images.
    pub size: ImageSize,
    /// Bytes before the image, 1 to 8; the last is the class.
    pub label_bytes: usize,
}

/// The size of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSize {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Values of a pixel: 1 is grey, 3 is red, green and blue.
    pub channels: usize,
}

impl ImageFormat {
    pub(super) fn check(&self, classes: &[String], split: &Split) -> Checked {
        self.size.check(&[1, 3]).map_err(|reason| format!("image: {reason}"))?;
        let folder = |class: &str| !class.starts_with('.') && !class.contains(['/', '\\']);
        if let Some(class) = classes.iter().find(|class| !folder(class)) {
            return Err(format!(
                "`classes`: `{class}` cannot be the name of a folder; remove the slashes and the point it starts with"
            ));
        }
        no_column_split(split)
    }

    /// The key that differs from the one of a job.
    pub(super) fn difference(&self, jobs: &Self) -> Option<&'static str> {
        first_true(&[
            ("the size of the images", self.size != jobs.size),
            ("whether images are resized", self.resize != jobs.resize),
        ])
    }
}

impl RecordFormat {
    pub(super) fn check(&self, split: &Split) -> Checked {
        self.size.check(&[1, 2, 3, 4]).map_err(|reason| format!("records: {reason}"))?;
        if !(1..=8).contains(&self.label_bytes) {
            return Err("records: `label_bytes` must be 1 to 8".into());
        }
        no_column_split(split)
    }

    /// The key that differs from the one of a job.
    pub(super) fn difference(&self, jobs: &Self) -> Option<&'static str> {
        first_true(&[
            ("the size of the images", self.size != jobs.size),
            ("`label_bytes`", self.label_bytes != jobs.label_bytes),
        ])
    }
}

impl ImageSize {
    fn check(&self, channels: &[usize]) -> Checked {
        let Self { height, width, channels: has } = self;
        if !channels.contains(has) {
            return Err(format!("`channels` must be one of {channels:?}"));
        }
        if *height == 0 || *width == 0 {
            return Err("`height` and `width` must be above 0".into());
        }
        Ok(())
    }

    /// Height, width and channels, as a network takes them.
    pub(super) fn shape(&self) -> Shape {
        let Self { height, width, channels } = *self;
        [height, width, channels].into()
    }

    /// The name of a feature: row, column and channel of a pixel.
    pub(super) fn feature_name(&self, feature: usize) -> String {
        format!("pixel{:?}", position(feature, self.shape().axes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Description;

    const PETS: &str = "\
name = \"pets\"
classes = [\"cat\", \"dog\"]
[image]
height = 2
width = 3
channels = 3
";

    const BATCH: &str = "name = \"a\"\nclasses = [\"cat\", \"dog\"]\n[records]\nheight = 2\nwidth = 3\nchannels = 3\n";

    #[test]
    fn descriptions_of_images_are_read_and_are_the_same_as_bytes() {
        for (text, labels) in [(PETS, "the folders"), (BATCH, "the records' first bytes")] {
            let read = Description::parse(text).unwrap();
            assert_eq!((read.features(), read.shape()), (18, Shape::from([2, 3, 3])));
            assert_eq!((read.feature_name(4).as_str(), read.labels().as_str()), ("pixel[0, 1, 1]", labels));
            let bytes = postcard::to_stdvec(&read).unwrap();
            assert_eq!(postcard::from_bytes::<Description>(&bytes).unwrap(), read);
        }
    }

    #[test]
    fn what_is_wrong_has_a_line_or_a_key() {
        for (text, from, to, says) in [
            (PETS, "channels = 3", "channels = 2", "image: `channels` must be one of [1, 3]"),
            (PETS, "width = 3\n", "", "line 3: image: `width` is missing"),
            (PETS, "width = 3", "width = 0", "line 5: image: `width` must be an integer from 1"),
            (PETS, "width = 3", "width = 1000000", "at most 1048576 are supported"),
            (PETS, "channels = 3", "channels = 3\nresize = 1", "line 7: image: `resize` must be true or false"),
            (PETS, "\"cat\"", "\"../cat\"", "cannot be the name of a folder"),
            (PETS, "\"cat\"", "\".cat\"", "cannot be the name of a folder"),
            (PETS, "[image]", "[split]\ncolumn = \"a\"\n[image]", "only the rows of a table"),
            (PETS, "[image]", "[records]\n[image]", "`height` is missing"),
            (BATCH, "channels = 3", "channels = 5", "records: `channels` must be one of"),
            (BATCH, "channels = 3", "channels = 3\nlabel_bytes = 9", "`label_bytes` must be an integer from 1 to 8"),
        ] {
            assert!(text.contains(from), "{from}");
            let text = Description::parse(&text.replacen(from, to, 1)).unwrap_err();
            assert!(text.contains(says), "`{says}` is not in `{text}`");
        }
        let both = format!("{PETS}{}", &BATCH[BATCH.find("[records]").unwrap()..]);
        assert!(Description::parse(&both).unwrap_err().contains("exactly one of"));
    }

    #[test]
    fn owners_of_other_images_learn_which_key_differs() {
        let mine = Description::parse(PETS).unwrap();
        let differs =
            |from: &str, to: &str| mine.difference(&Description::parse(&PETS.replacen(from, to, 1)).unwrap()).unwrap();
        assert_eq!(differs("width = 3", "width = 4"), "the size of the images");
        assert_eq!(differs("width = 3", "width = 3\nresize = true"), "whether images are resized");
        assert_eq!(differs("dog", "fox"), "the classes of the label");
        let batch = Description::parse(BATCH).unwrap();
        assert_eq!(mine.difference(&batch).unwrap(), "the data is binary records in the job, and something else here");
    }
}
