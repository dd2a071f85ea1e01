//! Files of which something is missing or changed are read or refused: nothing panics, and no memory is taken for what is not there.

use std::fs;

use crate::{load, people, refused, samples};

#[test]
fn a_file_that_ends_early_is_refused_wherever_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.parquet");
    for name in ["snappy.parquet", "fastparquet.parquet", "gzip.parquet", "zstd.parquet"] {
        let whole = fs::read(samples("parquet").join(name)).unwrap();
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            let text = refused(&path);
            let known = ["footer cannot be read", "is empty", "single field"];
            assert!(known.iter().any(|known| text.contains(known)), "{name}, {end} bytes: {text}");
        }
    }
}

/// Every byte, with a bit changed that depends on its place, and with all bits set.
#[test]
fn a_changed_byte_gives_rows_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.parquet");
    let (mut read, mut failed, before) = (0, 0, peak_kib());
    for name in ["snappy.parquet", "fastparquet.parquet", "gzip.parquet", "zstd.parquet"] {
        let whole = fs::read(samples("parquet").join(name)).unwrap();
        for at in 0..whole.len() {
            for value in [whole[at] ^ (1 << (at % 8)), 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                fs::write(&path, bytes).unwrap();
                match load(&path, &people()) {
                    Ok(_) => read += 1,
                    Err(e) => {
                        failed += 1;
                        assert!(e.to_string().len() < 600, "{name}, byte {at}: {e}");
                    }
                }
            }
        }
    }
    assert!(read > 100 && failed > 1000, "{read} files were read, {failed} refused");
    assert!(peak_kib() < before + (1 << 19), "more than 512 MiB for a file of 2 KiB");
}

/// The largest address space this process has had, where the system tells it.
pub(crate) fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
