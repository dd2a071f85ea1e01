//! Where the rows of a job come from: a known data set, or own data.

use std::ops::Range;

use crate::data::{DataSet, DatasetInfo, Description, Download, OwnData, RowFormat, SearchPath, load};
use crate::error::{Error, Result};

/// Where rows come from.
#[derive(Clone, Debug)]
pub enum DataSource {
    /// They are the owners', and only their description is here.
    Described(Description),
    /// A known data set.
    Known(&'static DatasetInfo),
    /// Files on this machine.
    Own(OwnData),
}

impl DataSource {
    /// The name of the data.
    pub fn name(&self) -> &str {
        self.format().name
    }

    /// What a network has to know of the rows.
    pub fn format(&self) -> RowFormat<'_> {
        match self {
            Self::Described(description) => description.into(),
            Self::Known(set) => (*set).into(),
            Self::Own(data) => data.description().into(),
        }
    }

    /// The description; `None` for a known data set.
    pub fn description(&self) -> Option<&Description> {
        self.format().description
    }

    /// Rows for training and for testing; `None` if the rows are not here.
    pub fn rows(&self) -> Option<[usize; 2]> {
        match self {
            Self::Described(_) => None,
            Self::Known(set) => Some([set.train_rows, set.test_rows]),
            Self::Own(data) => Some(data.rows()),
        }
    }

    /// Makes sure that the rows are on this machine, without reading them.
    ///
    /// # Errors
    /// As [`locate`](crate::data::locate); [`Error::Usage`] if the rows are the owners'.
    pub fn locate(&self, places: &SearchPath, progress: &mut dyn FnMut(Download)) -> Result<()> {
        match self {
            Self::Described(_) => Err(elsewhere()),
            Self::Known(set) => crate::data::locate(set.name, places, progress),
            Self::Own(_) => Ok(()),
        }
    }

    /// Loads ranges of training and test rows.
    ///
    /// # Errors
    /// As [`DatasetInfo::load_rows`] and [`OwnData::load_rows`]; [`Error::Usage`] if the rows are the owners'.
    pub fn load_rows(
        &self,
        rows: [Range<usize>; 2],
        places: &SearchPath,
        progress: &mut dyn FnMut(Download),
    ) -> Result<DataSet> {
        match self {
            Self::Described(_) => Err(elsewhere()),
            Self::Known(set) => set.load_rows(rows, places, progress),
            Self::Own(data) => data.load_rows(rows),
        }
    }

    /// Loads the first training and test rows. The files of a known set are read completely, and so compared with the known ones.
    ///
    /// # Errors
    /// As [`DataSource::load_rows`].
    pub fn first_rows(
        &self,
        [train, test]: [usize; 2],
        places: &SearchPath,
        progress: &mut dyn FnMut(Download),
    ) -> Result<DataSet> {
        let Self::Known(set) = self else { return self.load_rows([0..train, 0..test], places, progress) };
        let all = load(set.name, places, progress)?;
        Ok(DataSet { name: all.name, train: all.train.first(train), test: all.test.first(test) })
    }
}

fn elsewhere() -> Error {
    Error::Usage("the rows are the owners'; this needs rows on this machine (--data)".into())
}
