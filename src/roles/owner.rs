//! A data owner: masks its rows, gives each server the masked rows and its half of the masks' seeds, and leaves once training
//! begins.

use std::ops::Range;

use crate::data::{Examples, Targets};
use crate::error::{Error, Result};
use crate::fixed::encode;
use crate::net::{Channel, FrameHeader, FrameKind, Presence};
use crate::nn::Normalization;
use crate::party::{Set, SetShape};
use crate::prg::Seed;
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::consent::{Consent, OwnerWord, refuse};
use crate::roles::input_check::fits;
use crate::roles::mask_rows::{RowMasking, rows_per_frame};
use crate::roles::messages::{await_word, receive_message, send_message};
use crate::roles::standardize::scale_of;
use crate::roles::wait_limits;
use crate::train::{Job, Owned, set_shapes};

/// An owner's links.
pub struct OwnerLinks {
    /// To server 0 and server 1.
    pub servers: [Box<dyn Channel>; 2],
    /// To the dealer.
    pub dealer: Box<dyn Channel>,
    /// How the others notice this party.
    pub presence: Presence,
    /// Who takes part.
    pub parties: Parties,
}

/// Uploads the rows that `data` has for the job, to train on and to test on, if the job is as `consent` asks; returns when
/// training starts: until then, another party may refuse the job, and the next attempt needs the rows again.
///
/// # Errors
/// If the job does not fit the rows, or a peer fails.
pub fn run_owner(
    number: u32,
    links: OwnerLinks,
    consent: &Consent,
    data: impl FnOnce(&Job) -> Result<(Examples, Examples)>,
) -> Result<()> {
    let OwnerLinks { servers: [mut zero, mut one], mut dealer, presence, parties } = links;
    for link in [&mut zero, &mut one, &mut dealer] {
        link.attach(&presence);
    }
    let (job, agreement) = hear_job(number, &parties, [&mut *zero, &mut *one, &mut *dealer])?;
    let ready = consent.check(number, &job, &agreement, &parties, &mut *zero).and_then(|()| {
        // large files take longer than a deadline
        presence.at_work(|| data(&job).and_then(|rows| check(&job, number, &rows.0, &rows.1).map(|()| rows)))
    });
    let (train, test) = match ready {
        Ok(rows) => rows,
        Err(why) => {
            refuse(&why, [&mut *zero, &mut *one, &mut *dealer]);
            // a file that cannot be read is no refusal
            return Err(if why.is_usage() { why.at("refused the job") } else { why });
        }
    };
    for link in [&mut zero, &mut one, &mut dealer] {
        send_message(&mut **link, FrameKind::Control, &OwnerWord::Accepts)?;
    }
    let seeds = send_seeds([&mut *zero, &mut *one, &mut *dealer])?;
    dealer.flush()?;
    let scale = scale_of(&job, (number, consent), [&train, &test], [&mut *zero, &mut *one])?;
    send_rows(&job, (scale.as_ref(), &seeds), [&train, &test], [&mut *zero, &mut *one])?;
    drop((train, test));
    (consent.tell)("rows uploaded; waiting for training to start");
    // that may be days away, where another owner comes late
    let begins = "word that training starts";
    let (): () = await_word(&mut *zero, [&*one], FrameKind::Report, begins)?;
    await_word(&mut *one, [], FrameKind::Report, begins)
}

/// The job, which the servers and the dealer agree on.
fn hear_job(number: u32, parties: &Parties, links: [&mut dyn Channel; 3]) -> Result<(Job, Agreement)> {
    let [zero, one, dealer] = links;
    let job: Vec<u8> = await_word(zero, [&*one, &*dealer], FrameKind::Control, "the job")?;
    let job = Job::from_bytes(&job).map_err(|e| e.at(zero.peer().to_string()))?;
    let agreement = Agreement::new(&job, parties);
    for link in [zero, one, dealer] {
        link.enter(wait_limits::of_owner(&job, number));
        let theirs: Agreement = receive_message(link, FrameKind::Agree, "its agreement to the job")?;
        agreement.check(link, &theirs)?;
    }
    Ok((job, agreement))
}

/// Gives the servers their halves of the masks' seeds, and the dealer both.
fn send_seeds([zero, one, dealer]: [&mut dyn Channel; 3]) -> Result<[Seed; 2]> {
    let seeds = [Seed::fresh()?, Seed::fresh()?];
    send_message(zero, FrameKind::Seed, &seeds[0])?;
    send_message(one, FrameKind::Seed, &seeds[1])?;
    send_message(dealer, FrameKind::Seed, &seeds)?;
    Ok(seeds)
}

/// Gives the servers the masked rows.
fn send_rows(
    job: &Job,
    (scale, seeds): (Option<&Normalization>, &[Seed; 2]),
    [train, test]: [&Examples; 2],
    [zero, one]: [&mut dyn Channel; 2],
) -> Result<()> {
    // rows that wait to be sent are there besides the rows
    [&mut *zero, &mut *one].into_iter().for_each(|server| server.set_room(ROOM));
    for (set, shape) in set_shapes(job) {
        let rows = if set.is_train() { train } else { test };
        let value = |row: usize, out: &mut [u64]| grid((job, scale), rows, set, row, out);
        upload(&mut [&mut *zero, &mut *one], set, shape, rows.len(), seeds, value)?;
    }
    Ok(())
}

/// The rows of owner `number` where the owners of a job share a data set: one after the other, as many as the job says.
///
/// # Errors
/// [`Error::Usage`] if the data set has too few.
pub fn rows_of(job: &Job, number: u32, train: &Examples, test: &Examples) -> Result<(Examples, Examples)> {
    let [own_train, own_test] = ranges_of(job, number, [train.len(), test.len()])?;
    Ok((train.slice(own_train), test.slice(own_test)))
}

/// The numbers of those rows, to train on and to test on, in a data set of so many.
pub fn ranges_of(job: &Job, number: u32, rows: [usize; 2]) -> Result<[Range<usize>; 2]> {
    let of = |all: usize, count: fn(&Owned) -> u32| {
        let before: usize = job.owners.iter().take(number as usize).map(|o| count(o) as usize).sum();
        let own = job.owners.get(number as usize).map_or(0, |o| count(o) as usize);
        if before + own > all {
            let text = format!("the job needs rows {before} to {} of a data set that has {all} rows", before + own);
            return Err(Error::Usage(text));
        }
        Ok(before..before + own)
    };
    Ok([of(rows[0], |o| o.train)?, of(rows[1], |o| o.test)?])
}

/// The rows of owner `number` where every owner has files of its own: the first, as many as the job says.
///
/// # Errors
/// [`Error::Usage`] if the files have too few.
pub fn first_rows(job: &Job, number: u32, [train, test]: [usize; 2]) -> Result<[Range<usize>; 2]> {
    let wants = job.owners.get(number as usize).map_or([0, 0], |own| [own.train as usize, own.test as usize]);
    if wants[0] > train || wants[1] > test {
        return Err(Error::Usage(format!(
            "the job needs {} training and {} test rows of owner {number}, which has {train} and {test}; correct train_rows and \
             test_rows in the cluster file",
            wants[0], wants[1]
        )));
    }
    Ok(wants.map(|rows| 0..rows))
}

/// Row `row` on the grid of the job's fraction bits: scaled features, or what is to be learned. That is a one-hot class, or 1 for
/// the second of two classes where the network has one output; 0 or 1 for every label; or numbers.
pub(crate) fn grid(
    (job, scale): (&Job, Option<&Normalization>),
    rows: &Examples,
    set: Set,
    row: usize,
    out: &mut [u64],
) {
    let frac = job.settings.profile.frac;
    if set.is_features() {
        let word = |(feature, x): (usize, &f32)| encode(job.feature(scale, feature, *x), frac);
        out.iter_mut().zip(rows.features().row(row).iter().enumerate()).for_each(|(o, x)| *o = word(x));
        return;
    }
    match rows.targets() {
        Targets::Classes { labels, .. } => {
            let single = out.len() == 1;
            let class = labels[row] as usize;
            out.iter_mut().enumerate().for_each(|(at, o)| *o = u64::from(class == at + usize::from(single)) << frac);
        }
        Targets::Labels(labels) => {
            out.iter_mut().zip(labels.row(row)).for_each(|(o, label)| *o = u64::from(*label) << frac);
        }
        Targets::Numbers(numbers) => {
            out.iter_mut().zip(numbers.row(row)).for_each(|(o, y)| *o = encode(f64::from(*y), frac));
        }
    }
}

fn check(job: &Job, number: u32, train: &Examples, test: &Examples) -> Result<()> {
    let has = Owned { train: rows(train)?, test: rows(test)? };
    let wants = job.owners.get(number as usize);
    let wants = wants.ok_or_else(|| {
        Error::Usage(format!("the job has {} owners, so there is no owner {number}; see --number", job.owners.len()))
    })?;
    if has != *wants {
        let text = format!(
            "the job needs {} training and {} test rows of owner {number}, which has {} and {}",
            wants.train, wants.test, has.train, has.test
        );
        return Err(Error::Usage(text));
    }
    fits(job, job.normalization().as_ref(), [train, test])
}

fn rows(examples: &Examples) -> Result<u32> {
    u32::try_from(examples.len()).map_err(|_| Error::Usage("more than 2^32 rows are not supported; use fewer".into()))
}

/// Bytes that a link's queue holds of an upload.
const ROOM: u64 = 4 << 20;

/// Sends both servers the same masked rows, `x + r_0 + r_1` in the ring, in frames of whole rows.
fn upload(
    servers: &mut [&mut dyn Channel; 2],
    set: Set,
    shape: SetShape,
    rows: usize,
    seeds: &[Seed; 2],
    value: impl Fn(usize, &mut [u64]),
) -> Result<()> {
    let mut masking = RowMasking::new(set, shape, seeds);
    for (frame, start) in (0..).zip((0..rows).step_by(rows_per_frame(shape))) {
        let end = rows.min(start + rows_per_frame(shape));
        let words = masking.masked(start..end, &value);
        let head = FrameHeader { kind: FrameKind::Data, session: 0, step: set as u32, gate: frame };
        for server in servers.iter_mut() {
            server.send(head, bytemuck::cast_slice(&words).to_vec())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::thread;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::backend::Cpu;
    use crate::fixed::{Profile, mask};
    use crate::gates::harness::golden::keep;
    use crate::gates::harness::vectors::{decimal, hex, profile, ring};
    use crate::kernel::packed::{Packed, pack};
    use crate::net::{SealingKey, pair};
    use crate::nn::Model;
    use crate::party::{MaskedRows, RowMasks};
    use crate::prg::public_seed;
    use crate::roles::consent::hear_consent;
    use crate::tensor::Device;
    use crate::train::Training;

    /// What both servers get of `rows` rows of `value`, as words; the same bytes go to both.
    fn uploaded(shape: SetShape, rows: usize, seeds: &[Seed; 2], value: u64) -> Vec<u32> {
        uploaded_rows(Set::TestFeatures, shape, rows, seeds, |_, out| out.fill(value))
    }

    fn uploaded_rows(
        set: Set,
        shape: SetShape,
        rows: usize,
        seeds: &[Seed; 2],
        value: impl Fn(usize, &mut [u64]),
    ) -> Vec<u32> {
        let ((mut zero, mut at_zero), (mut one, mut at_one)) = (pair("owner", "server 0"), pair("owner", "server 1"));
        upload(&mut [&mut zero, &mut one], set, shape, rows, seeds, value).unwrap();
        drop((zero, one));
        let all = |link: &mut dyn Channel| -> Vec<u8> {
            std::iter::from_fn(|| link.recv("rows").ok()).flat_map(|frame| frame.body).collect()
        };
        let (a, b) = (all(&mut at_zero), all(&mut at_one));
        assert_eq!(a, b, "both servers get the same masked rows");
        bytemuck::pod_collect_to_vec(&a)
    }

    #[test]
    fn rows_are_masked_once_each_by_their_own_blocks_and_come_back() {
        let seeds = [0, 1].map(|server| public_seed(server, "an owner"));
        for bits in [32, 48] {
            let (shape, rows, value) = (SetShape { cols: 29, bits }, 40, 1u64.wrapping_neg() & mask(bits));
            assert!(shape.blocks() * 16 >= shape.stride(), "a row's blocks are its own");
            let words = uploaded(shape, rows, &seeds, value);
            assert_eq!(words.len(), rows * shape.stride());
            let masks = |row: usize, server: usize| {
                let mut words = vec![0; shape.stride()];
                seeds[server].stream(Set::TestFeatures.stream()).fill((row * shape.blocks()) as u64, &mut words);
                words
            };
            for (row, hat) in words.chunks_exact(shape.stride()).enumerate() {
                let (a, b) = (masks(row, 0), masks(row, 1));
                let [hat, a, b] = [hat, &a, &b].map(|words| Packed::new(words, bits));
                let x = |i| hat.at(i).wrapping_sub(a.at(i)).wrapping_sub(b.at(i)) & mask(bits);
                assert!((0..shape.cols).all(|i| x(i) == value), "row {row}");
            }
        }
    }

    #[test]
    fn an_owner_that_reads_for_longer_than_a_deadline_is_waited_for() {
        let job = Training::new(Model::dense("small", 4, &[], 2).unwrap())
            .profile(Profile::small())
            .batch(2)
            .job(10, 5)
            .unwrap();
        let parties = Parties::threads(SealingKey::parse(&"9".repeat(64)).unwrap());
        let agreement = Agreement::new(&job, &parties);
        let [zero, one, dealer] = ["server 0", "server 1", "dealer"].map(|party| pair("owner 0", party));
        let mut theirs = [zero.1, one.1, dealer.1];
        send_message(&mut theirs[0], FrameKind::Control, &job.to_bytes()).unwrap();
        for link in &mut theirs {
            send_message(link, FrameKind::Agree, &agreement).unwrap();
            link.attach(&Presence::default());
            link.set_deadline(Duration::from_secs(1));
        }
        let servers: [Box<dyn Channel>; 2] = [Box::new(zero.0), Box::new(one.0)];
        let links = OwnerLinks { servers, dealer: Box::new(dealer.0), presence: Presence::default(), parties };
        let (begun, reads) = mpsc::channel();
        let reading = thread::spawn(move || {
            run_owner(0, links, &Consent::to_anything(), |_| {
                begun.send(()).unwrap();
                thread::sleep(Duration::from_secs(2));
                Err(Error::Usage("it has read enough".into()))
            })
        });
        reads.recv().unwrap();
        for link in &mut theirs {
            let text = hear_consent(link, None).unwrap_err().to_string();
            assert!(text.contains("it has read enough"), "{text}");
        }
        assert!(reading.join().unwrap().is_err());
    }

    /// Pearson's statistic of the bytes, 255 degrees of freedom; above 415 lies less than 1e-9 of its law.
    fn chi_square(words: &[u32]) -> f64 {
        let bytes: &[u8] = bytemuck::cast_slice(words);
        let count = |byte: u8| bytes.iter().filter(|b| **b == byte).count() as f64;
        let expected = bytes.len() as f64 / 256.0;
        (0..=255).map(|byte| (count(byte) - expected).powi(2) / expected).sum()
    }

    /// Two owners' rows of a set, and a batch of them at the servers.
    fn vectors(p: &Profile, set: Set) -> serde_json::Value {
        let device = Device::new(Arc::new(Cpu::default()), p.ring);
        let cols = if set.is_features() { 29 } else { 3 };
        let shape = SetShape { cols, bits: p.ring };
        let (mut masked, mut masks) = (MaskedRows::new(shape), RowMasks::new(set, shape));
        let mut owners = Vec::new();
        for (number, rows) in [(0, 3), (1, 2)] {
            let seeds = [0, 1].map(|server| public_seed(number, &format!("an owner of vectors, server {server}")));
            let x =
                |row: usize| (0..cols).map(move |i| [0, 1, -1, 255, 1 << p.frac][(row + i) % 5]).collect::<Vec<i64>>();
            let fill = |row: usize, out: &mut [u64]| {
                out.iter_mut().zip(x(row)).for_each(|(o, x)| *o = x.cast_unsigned());
            };
            let mut words = uploaded_rows(set, shape, rows, &seeds, fill);
            let sent = hex(bytemuck::cast_slice(&words));
            words.resize(words.len().next_multiple_of(2), 0);
            let count = u32::try_from(rows).unwrap();
            masked.push(&device, bytemuck::pod_collect_to_vec(&words), count).unwrap();
            masks.push(&device, count, &seeds.each_ref()).unwrap();
            let rows: Vec<_> = (0..rows).map(|row| decimal(&x(row))).collect();
            owners.push(json!({ "seeds": seeds.map(|s| hex(s.bytes())), "rows": rows, "sent": sent }));
        }
        let rows = [0, 2, 4];
        let hat = device.download(&masked.gather(&device, &rows).unwrap()).unwrap();
        let of = |server| device.download(&masks.masks(&device, &rows, server).unwrap()).unwrap();
        let masks = [of(0), of(1)].map(|r| ring(&r, p.ring));
        let batch = json!({ "rows": rows, "hat": ring(&hat, p.ring), "masks": masks });
        json!({ "name": format!("{set:?}"), "stream": set.stream(), "cols": cols, "owners": owners, "batch": batch })
    }

    #[test]
    fn vectors_of_owners_rows_are_what_the_program_makes() {
        for p in [Profile::small(), Profile::wide()] {
            let sets = Set::ALL.map(|set| vectors(&p, set));
            keep(&format!("{}-owners", p.name), &json!({ "profile": profile(&p), "sets": sets }));
        }
    }

    #[test]
    fn masked_rows_are_uniform_whatever_the_rows() {
        // 32 columns: rows end with their last word
        for bits in [32, 48] {
            let shape = SetShape { cols: 32, bits };
            for (seed, value) in [(1, 0), (2, 1 << 8), (3, mask(bits))] {
                let seeds = [0, 1].map(|server| public_seed(seed, &format!("an owner, {server}")));
                let words = uploaded(shape, 200, &seeds, value);
                assert!(chi_square(&words) < 415.0, "{bits} bits of {value:x}");
                let mut plain = vec![0; words.len()];
                pack(&mut plain, bits, 200 * 32, |_| value);
                assert!(chi_square(&plain) > 1e5, "unmasked rows are noticed");
            }
        }
    }
}
