//! What a job says of the owners' data, and whether its network and its owners agree.

use crate::data::Description;
use crate::data::description::{DataFormat, Standardized};
use crate::error::{Error, Result};
use crate::train::Job;

impl Job {
    /// Checks the description, and that the network takes its features and has its classes.
    pub(super) fn check_description(&self) -> Result<()> {
        let Some(description) = &self.description else { return Ok(()) };
        description.check()?;
        if self.dataset != description.name {
            let reason =
                format!("is `{}` in the job, but `{}` in the data description", self.dataset, description.name);
            return Err(Error::Usage(format!("the name of the data {reason}; use the same")));
        }
        if self.settings.normalize {
            let text =
                "features of own data are scaled by their description; remove --normalize, or `normalize = true`";
            return Err(Error::Usage(text.into()));
        }
        let (takes, has) = (&self.model.input, description.shape());
        let images = takes.axes().len() > 1;
        let (target, fits) = (&description.target, description.fits(&self.model));
        if fits.is_ok() && (*takes == has || !images) {
            return Ok(());
        }
        let remedy = match images {
            true if has.axes().len() == 1 => "use a network without layers for images".to_owned(),
            true => format!("build the network for images of shape {has}"),
            false => format!(
                "in the network's file, write `inputs = {}` in the first dense layer (or leave it out) and `outputs = {}` in the last",
                has.len(),
                target.width()
            ),
        };
        let why = fits.err().unwrap_or_else(|| {
            format!(
                "the network takes rows of shape {takes}, but the data description `{}` has {has}",
                description.name
            )
        });
        Err(Error::Usage(format!("{why}; {remedy}")))
    }

    /// The features that are standardized by mean and deviation over all owners' training rows, which the servers reveal.
    pub fn standardized(&self) -> Vec<Standardized> {
        self.description.as_ref().map_or(Vec::new(), Description::standardized)
    }

    /// Checks that the job has the data description of an owner, or that both have none.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the column or the key that differs.
    pub fn is_described_as(&self, own: Option<&Description>) -> Result<()> {
        let reason = match (&self.description, own) {
            (None, None) => return Ok(()),
            (Some(_), None) => "the job describes own data, but this owner has a data set that ppdnn knows".into(),
            (None, Some(_)) => "the job has no data description, but this owner has one".into(),
            (Some(jobs), Some(own)) => match own.difference(jobs) {
                None => return Ok(()),
                Some(what) => format!("the job's data description differs from this owner's: {what}"),
            },
        };
        Err(Error::Usage(format!("{reason}; use the same --description for both")))
    }

    /// The description in words, a line or two.
    pub(super) fn description_in_words(&self) -> Vec<String> {
        let Some(description) = &self.description else { return Vec::new() };
        let (features, shape) = (description.features(), description.shape());
        let what = match &description.format {
            DataFormat::Array(_) => format!("arrays, rows of shape {shape}"),
            DataFormat::Image(_) => format!("images of shape {shape}"),
            DataFormat::Records(_) => format!("binary records, images of shape {shape}"),
            DataFormat::Table(table) => format!("{} columns", table.columns.len()),
        };
        let mut labels = description.labels();
        if labels.len() > MOST_LETTERS {
            labels = "a label with a long name".to_owned();
        }
        let mut lines = vec![format!("  described: {what}, {features} features, {labels}")];
        let standardized = description.standardized().len();
        if standardized > 0 {
            lines.push(format!("  mean and deviation of {standardized} features, over all owners' training rows, are"));
            lines.push("    revealed before training: to the trainer, and to every owner, who scale by them".into());
            if self.owners.len() == 2 {
                lines.push("    (of two owners, each can subtract its own rows, and so learns the other's)".into());
            }
        }
        lines
    }
}

/// Letters of a name that a line shows.
const MOST_LETTERS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::description::tests::small;
    use crate::fixed::Profile;
    use crate::nn::Model;
    use crate::train::Training;

    fn training(features: usize, classes: usize) -> Training {
        let model = Model::dense("own", features, &[3], classes).unwrap();
        Training::new(model).profile(Profile::small()).description(small())
    }

    #[test]
    fn the_description_is_part_of_the_job_and_its_hash() {
        let job = training(5, 2).job(40, 20).unwrap();
        assert_eq!((job.dataset.as_str(), job.description.as_ref()), ("people", Some(&small())));
        assert_eq!(Job::from_bytes(&job.to_bytes()).unwrap(), job);
        let mut other = job.clone();
        other.description.as_mut().unwrap().table().missing.clear();
        assert_ne!(other.to_bytes(), job.to_bytes());
        let mut invalid = job.clone();
        invalid.description.as_mut().unwrap().table().columns[0].name = "a\u{1b}[2J".into();
        let text = Job::from_bytes(&invalid.to_bytes()).unwrap_err().to_string();
        assert!(text.contains("data description: ") && !text.contains('\u{1b}'), "{text}");
        let renamed = Job { dataset: "persons".into(), ..job };
        assert!(renamed.check().unwrap_err().to_string().contains("`persons` in the job, but `people`"));
        let lines = training(5, 2).job(40, 20).unwrap().in_words(0).join("\n");
        assert!(lines.contains("described: 4 columns, 5 features, label `answer`"), "{lines}");
    }

    #[test]
    fn a_network_of_other_features_or_classes_is_refused_with_both_numbers() {
        for (features, classes) in [(6, 2), (5, 3)] {
            let text = training(features, classes).job(40, 20).unwrap_err().to_string();
            let takes = format!("takes {features} features and has {classes} classes");
            assert!(text.contains(&takes) && text.contains("has 5 features and 2 classes"), "{text}");
            assert!(text.contains("`inputs = 5` in the first dense layer"), "{text}");
        }
        let scaled = crate::nn::Normalization::uniform(0.0, 1.0);
        let text = training(5, 2).normalization(Some(scaled)).job(40, 20).unwrap_err().to_string();
        assert!(text.contains("scaled by their description"), "{text}");
    }

    #[test]
    fn an_owner_with_another_description_refuses_and_names_the_column() {
        let job = training(5, 2).job(40, 20).unwrap();
        job.is_described_as(Some(&small())).unwrap();
        let mut own = small();
        own.table().columns[0].kind = crate::data::description::ColumnKind::Ignore;
        let text = job.is_described_as(Some(&own)).unwrap_err().to_string();
        assert!(text.contains("column 1, `age`: the kind is number in the job, and another one here"), "{text}");
        assert!(job.is_described_as(None).is_err());
        assert!(Job { description: None, ..job }.is_described_as(Some(&own)).is_err());
    }
}
