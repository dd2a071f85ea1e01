//! The data sets that are known by name.

use crate::error::{Error, Result};

/// A data set known by name: what it holds, and where it can be had.
#[derive(Clone, Debug)]
pub struct DatasetInfo {
    /// Its name, which is also the name of its folder.
    pub name: &'static str,
    /// Number of classes; labels are below it.
    pub classes: usize,
    /// Features of a row: the product of `image`.
    pub features: usize,
    /// Height, width and channels of a row's image.
    pub image: [usize; 3],
    /// Rows to train on.
    pub train_rows: usize,
    /// Rows to test on.
    pub test_rows: usize,
    /// Mean of the training set's features.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// The first labels of the training set, which distinguish sets of the same shape.
    pub first_labels: [u8; 8],
    /// How the files are to be read, and which there are.
    pub format: Format,
    /// The files, in the order of the format.
    pub files: &'static [DatasetFile],
    /// Addresses that a file's name and `.gz` are appended to, tried in order; `None` if the set is not downloaded.
    pub urls: &'static [&'static str],
}

/// What a set's files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// IDX: training images, training labels, test images, test labels.
    Idx,
    /// The binary form of CIFAR-10: files of as many rows each to train on, and one to test on.
    Cifar,
}

/// A file of a known set, as its mirrors hold it.
#[derive(Clone, Copy, Debug)]
pub struct DatasetFile {
    /// Its name, without `.gz`.
    pub name: &'static str,
    /// SHA-256 of the gzip file on the mirrors, in hex; empty if there are none.
    pub sha256: &'static str,
    /// Size of the gzip file on the mirrors; 0 where there are none.
    pub bytes: u64,
    /// SHA-256 of what it unpacks to, in hex; empty if it is not known.
    pub content: &'static str,
}

/// The set of a name.
///
/// # Errors
/// If no set has the name; the error lists the names there are.
pub fn dataset_info(name: &str) -> Result<&'static DatasetInfo> {
    SETS.iter().find(|set| set.name == name).ok_or_else(|| {
        let names: Vec<&str> = names().collect();
        Error::Usage(format!("unknown data set `{name}`; choose one of {}", names.join(", ")))
    })
}

/// The names of all known sets.
pub fn names() -> impl Iterator<Item = &'static str> {
    SETS.iter().map(|set| set.name)
}

const fn file(name: &'static str, sha256: &'static str, bytes: u64, content: &'static str) -> DatasetFile {
    DatasetFile { name, sha256, bytes, content }
}

const SETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: "mnist",
        classes: 10,
        features: 784,
        image: [28, 28, 1],
        train_rows: 60_000,
        test_rows: 10_000,
        mean: 0.1307,
        deviation: 0.3081,
        first_labels: [5, 0, 4, 1, 9, 2, 1, 3],
        format: Format::Idx,
        files: &[
            file(
                TRAIN_IMAGES,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                9_912_422,
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            file(
                TRAIN_LABELS,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                28_881,
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            file(
                TEST_IMAGES,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                1_648_877,
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            file(
                TEST_LABELS,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                4_542,
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ],
        urls: &[
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ],
    },
    DatasetInfo {
        name: "fashion-mnist",
        classes: 10,
        features: 784,
        image: [28, 28, 1],
        train_rows: 60_000,
        test_rows: 10_000,
        mean: 0.2860,
        deviation: 0.3530,
        first_labels: [9, 0, 0, 3, 0, 2, 7, 2],
        format: Format::Idx,
        files: &[
            file(
                TRAIN_IMAGES,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                26_421_880,
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            file(
                TRAIN_LABELS,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                29_515,
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            file(
                TEST_IMAGES,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                4_422_102,
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            file(
                TEST_LABELS,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                5_148,
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ],
        urls: &[
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ],
    },
    // its home has one archive of all files
    DatasetInfo {
        name: "cifar-10",
        classes: 10,
        features: 3072,
        image: [32, 32, 3],
        train_rows: 50_000,
        test_rows: 10_000,
        mean: 0.4734,
        deviation: 0.2516,
        first_labels: [6, 9, 9, 4, 1, 1, 2, 7],
        format: Format::Cifar,
        files: &[
            file("data_batch_1.bin", "", 0, ""),
            file("data_batch_2.bin", "", 0, ""),
            file("data_batch_3.bin", "", 0, ""),
            file("data_batch_4.bin", "", 0, ""),
            file("data_batch_5.bin", "", 0, ""),
            file("test_batch.bin", "", 0, ""),
        ],
        urls: &[],
    },
];

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_the_error_lists_them() {
        assert!(names().all(|name| dataset_info(name).unwrap().name == name));
        let error = dataset_info("minst").unwrap_err();
        assert!(error.is_usage());
        assert_eq!(error.to_string(), "unknown data set `minst`; choose one of mnist, fashion-mnist, cifar-10");
    }

    #[test]
    fn the_table_agrees_with_itself() {
        for set in SETS {
            assert_eq!(set.features, set.image.iter().product::<usize>());
            assert!(set.urls.len() != 1 && set.urls.iter().all(|url| url.ends_with('/')));
            assert!(set.first_labels.iter().all(|label| usize::from(*label) < set.classes));
            for file in set.files.iter().filter(|_| !set.urls.is_empty()) {
                for sum in [file.sha256, file.content] {
                    assert_eq!(sum.len(), 64);
                    assert!(sum.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
                }
            }
        }
    }
}
