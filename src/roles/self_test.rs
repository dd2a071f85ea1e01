//! A test of the device that this machine has: small trainings whose kernels are all compared with their definitions.
//!
//! The networks have convolution, pooling and normalization, ReLU and a piecewise-linear function, softmax and a momentum, in rings
//! of both words; the parameters of the kernels are those of real jobs. What no small network uses is not tested here: the
//! tests of the crate (`kernels_tests`) run every kernel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ndarray::Array2;

use crate::backend::{Backend, Checked};
use crate::data::Examples;
use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::kernel::twin::kernels;
use crate::layer::{average_pool, batch_norm, conv2d, dense, flatten, max_pool, relu, sigmoid};
use crate::nn::Model;
use crate::train::Training;

/// What a self-test ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfTest {
    /// The kernels that ran, all of whose results were as defined.
    pub kernels: Vec<&'static str>,
    /// Kernels that there are.
    pub of: usize,
    /// How long it took.
    pub time: Duration,
}

/// Trains small networks on made-up rows with a device, and compares everything that it computes.
///
/// # Errors
/// [`Error::Device`] naming the first kernel that is not as defined, or if the device does not work.
pub fn self_test(device: &Arc<dyn Backend>) -> Result<SelfTest> {
    let start = Instant::now();
    let checked = Arc::new(Checked::new(device.clone()));
    let backend = checked.clone() as Arc<dyn Backend>;
    let rows = rows()?;
    for (profile, model) in [(Profile::small(), images()?), (Profile::wide(), normalized()?)] {
        let training = Training::new(model).profile(profile).batch(BATCH).epochs(1);
        let trained = training.run_on(&backend, &rows, &rows, |_| ());
        // a role that fails for it says less than the device
        if let Some(wrong) = checked.wrong() {
            return Err(Error::Device(wrong));
        }
        trained?;
    }
    Ok(SelfTest { kernels: checked.kernels(), of: kernels().count(), time: start.elapsed() })
}

fn images() -> Result<Model> {
    Model::sequential([SIDE, SIDE, 1], vec![conv2d(2, 3), relu(), max_pool(2), flatten(), dense(CLASSES)])
}

fn normalized() -> Result<Model> {
    let layers =
        vec![conv2d(2, 3), batch_norm(), relu(), average_pool(2), flatten(), dense(4), sigmoid(), dense(CLASSES)];
    Model::sequential([SIDE, SIDE, 1], layers)
}

/// Rows that nobody owns.
fn rows() -> Result<Examples> {
    let pixel = |(row, at): (usize, usize)| ((row * 31 + at * 17) % 64) as f32 / 64.0;
    let classes = (0..ROWS).map(|row| u32::from(row % 2 == 1) + u32::from(row % 3 == 2)).collect();
    Examples::new(Array2::from_shape_fn((ROWS, SIDE * SIDE), pixel), classes, CLASSES)
}

const SIDE: usize = 6;
const ROWS: usize = 24;
const BATCH: u32 = 8;
const CLASSES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Buf, Cpu};
    use crate::kernel::{Kernel, RingWord};

    /// A processor of which one kernel has a bit wrong.
    struct Broken {
        kernel: &'static str,
        cpu: Cpu,
    }

    impl Backend for Broken {
        fn name(&self) -> String {
            "broken".into()
        }

        fn upload(&self, bytes: &[u8]) -> Result<Buf> {
            self.cpu.upload(bytes)
        }

        fn download(&self, bufs: &[(&Buf, usize)]) -> Result<Vec<u8>> {
            self.cpu.download(bufs)
        }

        fn run(&self, kernel: &Kernel, ring: RingWord, params: &[u32], inputs: &[&Buf], len: usize) -> Result<Buf> {
            let out = self.cpu.run(kernel, ring, params, inputs, len)?;
            let mut bytes = self.cpu.download(&[(&out, out.bytes())])?;
            match bytes.last_mut().filter(|_| kernel.name == self.kernel) {
                Some(last) => *last ^= 0x80,
                None => return Ok(out),
            }
            self.cpu.upload(&bytes)
        }
    }

    #[test]
    fn the_processor_passes_and_any_kernel_with_a_bit_wrong_is_named() {
        let passed = self_test(&(Arc::new(Cpu::default()) as Arc<dyn Backend>)).unwrap();
        // the others are a dealer's, or of layers that the networks do not have
        assert!(passed.kernels.len() >= 40 && passed.kernels.len() < passed.of, "{passed:?}");
        for kernel in passed.kernels.into_iter().step_by(4) {
            let broken = Arc::new(Broken { kernel, cpu: Cpu::default() }) as Arc<dyn Backend>;
            let error = self_test(&broken).unwrap_err().to_string();
            assert!(error.contains(&format!("kernel `{kernel}`")), "{kernel}: {error}");
        }
    }
}
