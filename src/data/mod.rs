//! Data sets: found on this machine or downloaded, checked, and handed on as rows and labels.
//!
//! [`load`] finds a set of [known](dataset_info) sets in the [`SearchPath`] it may be in, reads its files ([`idx`], or the binary
//! form of CIFAR-10) and checks that they are what their names promise. Only what is nowhere on this machine is downloaded.
//!
//! Reading files takes the feature `datasets`, downloading `download`; [`Examples`] of one's own take neither.

#[cfg(feature = "datasets")]
pub mod idx;

#[cfg(feature = "datasets")]
mod cifar;
mod datasets;
#[cfg(feature = "download")]
mod download;
mod examples;
#[cfg(all(feature = "datasets", any(test, feature = "fuzzing")))]
pub(crate) mod fuzzing;
#[cfg(feature = "datasets")]
mod load;
#[cfg(feature = "datasets")]
mod search_path;

pub use datasets::{DatasetFile, DatasetInfo, Format, dataset_info, names};
pub use examples::{DataSet, Examples};
#[cfg(feature = "datasets")]
pub use load::{Download, load, locate};
#[cfg(feature = "datasets")]
pub use search_path::SearchPath;
