//! Data sets: found on this machine or downloaded, checked, and handed on as rows and labels.
//!
//! [`load`] finds a set of [known](dataset_info) sets in the [`SearchPath`] it may be in, reads its files ([`idx`], or the binary
//! form of CIFAR-10) and checks that they are what their names promise. Only what is nowhere on this machine is downloaded.
//!
//! Data of one's own is described by a [`Description`], which is public, and read row by row ([`OwnData`]): from tables, arrays,
//! image files or binary records.
//!
//! Reading files takes the feature `datasets`, image files `images`, downloading `download`; [`Examples`] of one's own take neither.

#[cfg(feature = "datasets")]
pub mod idx;

#[cfg(feature = "datasets")]
mod array;
#[cfg(feature = "datasets")]
mod cifar;
mod datasets;
pub mod description;
#[cfg(feature = "download")]
mod download;
mod examples;
#[cfg(feature = "datasets")]
mod feature;
#[cfg(all(feature = "datasets", any(test, feature = "fuzzing")))]
pub(crate) mod fuzzing;
#[cfg(feature = "images")]
mod images;
#[cfg(feature = "datasets")]
mod load;
#[cfg(feature = "datasets")]
mod own_data;
#[cfg(feature = "datasets")]
mod pick;
#[cfg(feature = "datasets")]
mod problem;
#[cfg(feature = "datasets")]
mod records;
#[cfg(feature = "datasets")]
mod report;
mod row_format;
#[cfg(feature = "datasets")]
mod search_path;
#[cfg(feature = "datasets")]
mod source;
#[cfg(feature = "datasets")]
mod table;
mod targets;
#[cfg(feature = "datasets")]
mod visit;

pub use datasets::{DatasetFile, DatasetInfo, Format, dataset_info, names};
pub use description::{Description, Split};
pub use examples::{DataSet, Examples};
#[cfg(feature = "datasets")]
pub use load::{Download, load, locate};
#[cfg(feature = "datasets")]
pub use own_data::OwnData;
#[cfg(feature = "datasets")]
pub use problem::{At, Problem, ProblemKind};
#[cfg(feature = "datasets")]
pub use report::{MOST_PLACES, Place, Report};
pub use row_format::RowFormat;
#[cfg(feature = "datasets")]
pub use search_path::SearchPath;
#[cfg(feature = "datasets")]
pub use source::DataSource;
pub use targets::Targets;
