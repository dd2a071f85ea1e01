//! An owner's own data: its files, and their description.

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use ndarray::Array2;

use crate::data::description::Target;
use crate::data::visit::{Row, Set, Visitor, visit};
use crate::data::{DataSet, Description, Examples, Problem, Report, Split, Targets};
use crate::error::{Error, Result};

/// Files of rows, and what is public about them.
#[derive(Clone, Debug)]
pub struct OwnData {
    description: Description,
    /// A file, or a folder.
    file: PathBuf,
    /// Rows for testing, where they are in a file of their own.
    test_file: Option<PathBuf>,
    rows: [usize; 2],
}

impl OwnData {
    /// Reads the files once, and checks that every row fits the description. Stores none of them.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] with the first line and column that do not fit, and without values;
    /// [`Error::Usage`] if the description splits the rows and there is a file of test rows.
    pub fn open(file: &Path, test_file: Option<&Path>, description: Description) -> Result<Self> {
        let report = Self::report(file, test_file, &description)?;
        if let Some(place) = report.first.first() {
            return Err(place.problem.refusal(&place.file));
        }
        let rows = [report.train_rows, report.test_rows];
        Ok(Self { description, file: file.to_owned(), test_file: test_file.map(Path::to_owned), rows })
    }

    /// What the files hold, and what of it does not fit the description.
    ///
    /// # Errors
    /// As [`OwnData::open`], where a file cannot be read.
    pub fn report(file: &Path, test_file: Option<&Path>, description: &Description) -> Result<Report> {
        if test_file.is_some() && description.split != Split::Files {
            return Err(Error::Usage(
                "the description splits the rows into training and test rows; remove its `[split]`, or --test-data"
                    .into(),
            ));
        }
        let mut report = Report::default();
        visit_all(file, test_file, description, &mut report)?;
        Ok(report)
    }

    /// The features of all rows of a file or a folder, `[n, features]`, of the first `limit` where there is one. Labels are not
    /// read, and need not be there.
    ///
    /// # Errors
    /// As [`OwnData::open`].
    pub fn rows_to_ask(file: &Path, description: &Description, limit: Option<usize>) -> Result<Array2<f32>> {
        let mut asked = Asked { features: Vec::new(), rows: 0, limit: limit.unwrap_or(usize::MAX), first: None };
        if asked.limit > 0 {
            visit(file, description, Some(Set::Ask), &mut asked)?;
        }
        let Asked { features, rows, first, .. } = asked;
        first.map_or(Ok(()), Err)?;
        let wrong = |e: ndarray::ShapeError| Error::format(file, e.to_string());
        Array2::from_shape_vec([rows, description.features()], features).map_err(wrong)
    }

    /// What is public about the rows.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Rows for training and for testing.
    pub fn rows(&self) -> [usize; 2] {
        self.rows
    }

    /// Loads ranges of training and test rows. Other rows are read, checked, and not stored.
    ///
    /// # Errors
    /// As [`OwnData::open`], if a file has changed since; [`Error::Usage`] if there are no such rows.
    pub fn load_rows(&self, [train, test]: [Range<usize>; 2]) -> Result<DataSet> {
        for (rows, all) in [(&train, self.rows[0]), (&test, self.rows[1])] {
            if rows.start > rows.end || rows.end > all {
                let (Range { start, end }, name) = (rows, &self.description.name);
                return Err(Error::Usage(format!("rows {start} to {end} were requested, but {name} has {all}")));
            }
        }
        let description = &self.description;
        let mut collected =
            Collected { sets: [train, test].map(|wanted| Wanted::new(wanted, description)), first: None };
        visit_all(&self.file, self.test_file.as_deref(), description, &mut collected)?;
        let Collected { sets, first } = collected;
        if let Some(error) = first {
            return Err(error);
        }
        let [train, test] = sets.map(|set| set.examples(description));
        let changed = || Error::format(&self.file, "changed while it was read; start again");
        let (train, test) = (train.ok_or_else(changed)?, test.ok_or_else(changed)?);
        Ok(DataSet { name: description.name.clone(), train, test })
    }
}

/// Reads the rows for training, and those for testing where they are apart.
fn visit_all(
    file: &Path,
    test_file: Option<&Path>,
    description: &Description,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    visit(file, description, test_file.map(|_| Set::Train), visitor)?;
    test_file.map_or(Ok(()), |test| visit(test, description, Some(Set::Test), visitor))
}

/// The first rows, whatever they are for, up to the first that does not fit.
struct Asked {
    features: Vec<f32>,
    rows: usize,
    limit: usize,
    first: Option<Error>,
}

impl Visitor for Asked {
    fn row(&mut self, row: Row<'_>) -> ControlFlow<()> {
        if !row.fits || self.first.is_some() || self.rows == self.limit {
            return ControlFlow::Break(());
        }
        self.features.extend_from_slice(row.features);
        self.rows += 1;
        ControlFlow::Continue(())
    }

    fn problem(&mut self, file: &Path, problem: Problem) {
        self.first.get_or_insert_with(|| problem.refusal(file));
    }
}

/// The rows that are wanted, up to the first that does not fit.
struct Collected {
    /// For training, and for testing.
    sets: [Wanted; 2],
    first: Option<Error>,
}

impl Visitor for Collected {
    fn row(&mut self, row: Row<'_>) -> ControlFlow<()> {
        if !row.fits || self.first.is_some() {
            return ControlFlow::Break(());
        }
        self.sets[usize::from(row.set == Set::Test)].push(&row);
        ControlFlow::Continue(())
    }

    fn problem(&mut self, file: &Path, problem: Problem) {
        self.first.get_or_insert_with(|| problem.refusal(file));
    }
}

/// Rows of a set as they are read.
struct Wanted {
    wanted: Range<usize>,
    at: usize,
    features: Vec<f32>,
    targets: Vec<f32>,
    rows: usize,
}

impl Wanted {
    /// Room for all rows at once: they were counted, and a vector that grows holds them twice.
    fn new(wanted: Range<usize>, description: &Description) -> Self {
        let (rows, features, targets) = (wanted.len(), description.features(), description.target.values());
        let [features, targets] = [features, targets].map(|values| Vec::with_capacity(rows * values));
        Self { wanted, at: 0, features, targets, rows: 0 }
    }

    fn push(&mut self, row: &Row<'_>) {
        if self.wanted.contains(&self.at) {
            self.features.extend_from_slice(row.features);
            self.targets.extend_from_slice(row.targets);
            self.rows += 1;
        }
        self.at += 1;
    }

    /// The rows, if all of those that are wanted have come.
    fn examples(self, description: &Description) -> Option<Examples> {
        let rows = self.rows;
        let features = Array2::from_shape_vec([rows, description.features()], self.features).ok()?;
        let table = |targets| Array2::from_shape_vec([rows, description.target.width()], targets).ok();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "numbers of classes are below 1,000"
        )]
        let targets = match &description.target {
            Target::Class(classes) => {
                let labels = self.targets.into_iter().map(|class| class as u32).collect();
                Targets::Classes { labels, classes: classes.len() }
            }
            Target::Labels(_) => Targets::Labels(table(self.targets)?.mapv(|label| label > 0.0)),
            Target::Numbers(_) => Targets::Numbers(table(self.targets)?),
        };
        (rows == self.wanted.len()).then(|| Examples::checked(features, targets))
    }
}
