//! Errors of the device as values: wgpu panics on those that no scope catches.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use ::wgpu::{Device, ErrorFilter, PollType, SubmissionIndex};

use crate::error::{Error, Result};

/// What takes less of a device.
pub(super) const REDUCE: &str =
    "use a smaller batch, the profile `small`, a separate GPU for each server, or --backend cpu";

/// Catches the errors that a device reports during a request.
pub(super) struct Guard {
    name: String,
    device: Device,
    /// Why the device is lost, or an error that no scope caught.
    fate: Arc<Mutex<Option<String>>>,
}

impl Guard {
    pub(super) fn new(name: &str, device: &Device) -> Self {
        let fate = Arc::new(Mutex::new(None));
        let note = |message: String, fate: &Mutex<Option<String>>| {
            fate.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
        };
        let (lost, uncaught) = (fate.clone(), fate.clone());
        device.set_device_lost_callback(move |_, message| note(format!("was lost: {message}"), &lost));
        device.on_uncaptured_error(Arc::new(move |e: ::wgpu::Error| note(e.to_string(), &uncaught)));
        Self { name: name.into(), device: device.clone(), fate }
    }

    /// Asks the device for something.
    pub(super) fn run<T>(&self, what: &str, ask: impl FnOnce() -> T) -> Result<T> {
        self.unless_full(what, ask)?
            .ok_or_else(|| Error::Device(format!("{} is out of memory in {what}; {REDUCE}", self.name)))
    }

    /// Asks the device for something; `None` if it is out of memory.
    pub(super) fn unless_full<T>(&self, what: &str, ask: impl FnOnce() -> T) -> Result<Option<T>> {
        let scopes = [ErrorFilter::Internal, ErrorFilter::OutOfMemory, ErrorFilter::Validation]
            .map(|filter| self.device.push_error_scope(filter));
        let answer = ask();
        // scopes close in the reverse order
        let errors: Vec<_> = scopes.into_iter().rev().filter_map(|s| pollster::block_on(s.pop())).collect();
        if !errors.is_empty() {
            // a loss is reported while the device is polled
            let _ = catch_unwind(AssertUnwindSafe(|| self.device.poll(PollType::Poll)));
        }
        self.check(what)?;
        match errors.into_iter().next() {
            None => Ok(Some(answer)),
            Some(::wgpu::Error::OutOfMemory { .. }) => Ok(None),
            Some(e) => Err(self.refused(what, &e)),
        }
    }

    /// Waits until the device has done all, or what was sent so far. wgpu panics where it is lost meanwhile.
    pub(super) fn wait(&self, what: &str, sent: Option<SubmissionIndex>) -> Result<()> {
        let poll = || self.device.poll(PollType::Wait { submission_index: sent, timeout: None });
        match self.run(what, || catch_unwind(AssertUnwindSafe(poll)))? {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(e)) => Err(self.refused(what, &e)),
            Err(_) => Err(self.refused(what, &"the device was lost; start the run again")),
        }
    }

    /// The error of a refusal.
    pub(super) fn refused(&self, what: &str, reason: &dyn Display) -> Error {
        let reason = reason.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Error::Device(format!("{} refused {what}: {reason}; use --backend cpu instead", self.name))
    }

    fn check(&self, what: &str) -> Result<()> {
        match &*self.fate.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(fate) => Err(Error::Device(format!(
                "{} {fate}, detected in {what}; start the run again, and if that does not help, {REDUCE}",
                self.name
            ))),
        }
    }
}
