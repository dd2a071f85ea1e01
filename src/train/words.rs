//! A job in plain words, for an owner who is asked for rows.

use crate::train::{EarlyStop, Initial, Job};

impl Job {
    /// What the job does with the rows of owner `number`, a line each.
    pub fn in_words(&self, number: u32) -> Vec<String> {
        let (steps, rows) = (self.total_steps(), self.rows_per_step().min(self.train_rows().into()));
        let own = self.owners.get(number as usize);
        let own = own.map_or("none".into(), |own| format!("{} and {}", own.train, own.test));
        let parameters: usize = self.model.parameters().iter().map(crate::shape::Shape::len).sum();
        let (name, classes) = (self.model.name(), self.model.classes());
        vec![
            format!(
                "network {name:?}: {} features, {} products, {classes} classes, {parameters} parameters; numbers {:?}",
                self.model.features(),
                self.model.stages().len(),
                self.profile.name
            ),
            format!(
                "data set {:?}: {} rows to train on, {} to test on; of this owner {own}",
                self.dataset,
                self.train_rows(),
                self.test_rows()
            ),
            format!(
                "{steps} steps in {} epochs, {rows} rows a step, the smallest has {}; learning rate {}, {}",
                self.epochs_begun(),
                self.least_step_rows(),
                self.settings().lr,
                self.schedule
            ),
            format!("initial weights: {}", self.initial_in_words()),
            format!("leaves the servers, for the trainer alone: {}", self.reveals_in_words()),
        ]
    }

    fn initial_in_words(&self) -> String {
        match &self.initial {
            Initial::Private => "chosen by the trainer, nobody else sees them".into(),
            Initial::Public { blake3 } => format!("chosen by the trainer, public, BLAKE3 {blake3}"),
            Initial::Seed => format!("random, by the public seed {}", self.seed),
        }
    }

    fn reveals_in_words(&self) -> String {
        let mut words = Vec::new();
        if self.reveal.accuracy {
            words.push(format!("how many test rows are right, after every epoch of {} steps", self.steps_per_epoch()));
        }
        if self.reveal.ranges {
            words.push("how many values of samples are out of range, after every epoch".into());
        }
        if self.reveal.model {
            words.push("the final model".into());
        }
        if words.is_empty() {
            return "nothing".into();
        }
        words.push(format!("first after {} steps", self.least_steps()));
        words.extend(self.stop.as_ref().map(EarlyStop::to_string));
        words.join(", ")
    }
}
