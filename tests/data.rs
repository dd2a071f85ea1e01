//! Data sets: what is read, what is refused and how it is said, where sets are found, how they are fetched.

#![allow(clippy::cast_possible_truncation, reason = "sizes here are small")]
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use ppdnn::data::idx::Idx;
use ppdnn::data::{DataSet, Download, Format, Known, KnownFile, Places, known, load};
use ppdnn::error::Result;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

// ---- IDX ----

#[test]
fn idx_reads_plain_and_gzip_whatever_the_name() {
    let folder = TempDir::new().unwrap();
    let plain = idx(&[2, 3], &[0, 1, 2, 253, 254, 255]);
    for (name, bytes) in [("a", plain.clone()), ("b.gz", gzip(&plain)), ("c.gz", plain.clone()), ("d", gzip(&plain))] {
        let read = Idx::open(&write(&folder, name, &bytes)).unwrap();
        assert_eq!(read.shape().axes(), [2, 3]);
        assert_eq!(read.map(|byte| byte).unwrap(), [0, 1, 2, 253, 254, 255], "{name}");
    }
    let members = [gzip(&plain[..7]), gzip(&plain[7..])].concat();
    assert_eq!(values(&write(&folder, "members", &members)).unwrap(), [0, 1, 2, 253, 254, 255]);
    assert_eq!(values(&write(&folder, "none", &idx(&[0, 5], &[]))).unwrap(), Vec::<u8>::new());
}

#[test]
fn idx_refuses_what_is_not_whole() {
    let whole = idx(&[2, 3], &[1; 6]);
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    let long = [whole.as_slice(), &[0]].concat();
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("empty", vec![], "is empty; an IDX file starts with 00 00 08"),
        ("magic", whole[..3].to_vec(), "is truncated: ends after 3 bytes"),
        ("axes", whole[..9].to_vec(), "is truncated: ends within the sizes of its 2 axes"),
        ("no values", whole[..12].to_vec(), "is truncated: holds 0 of the 6 values of shape [2, 3]"),
        ("short", whole[..17].to_vec(), "is truncated: holds 5 of the 6 values of shape [2, 3]"),
        ("long", long, "is too long: holds more than the 6 values of shape [2, 3]"),
        ("type", with(2, 0x0d), "holds values of type f32 (0x0d); only unsigned bytes (0x08) are read"),
        ("no axis", with(3, 0), "announces no axis; an IDX file has at least one"),
        ("text", b"<html>".to_vec(), "is not an IDX file: starts with 3c 68 74 6d, not with 00 00 08"),
    ];
    let folder = TempDir::new().unwrap();
    for (name, bytes, reason) in cases {
        for (packed, bytes) in [("plain", bytes.clone()), ("gzip", gzip(bytes))] {
            let path = write(&folder, &format!("{name} {packed}"), &bytes);
            assert_eq!(values(&path).unwrap_err().to_string(), format!("{}: {reason}", path.display()));
        }
    }
    let missing = folder.path().join("missing");
    assert!(values(&missing).unwrap_err().to_string().starts_with(&missing.display().to_string()));
    assert!(values(folder.path()).is_err(), "a folder is no file");
}

#[test]
fn idx_refuses_gzip_that_is_cut_or_damaged() {
    let folder = TempDir::new().unwrap();
    let bytes: Vec<u8> = (0..4000_u32).map(|i| ((i * i) >> 3) as u8).collect();
    let packed = gzip(&idx(&[4000], &bytes));
    assert_eq!(values(&write(&folder, "whole", &packed)).unwrap(), bytes);
    for cut in 2..packed.len() {
        let error = values(&write(&folder, "cut", &packed[..cut])).unwrap_err().to_string();
        assert!(error.ends_with("is truncated: its gzip data ends early"), "cut to {cut}: {error}");
    }
    // The checksum at the end finds every change of the packed data; the ten bytes before it are a header.
    for at in (10..packed.len()).step_by(7) {
        let mut damaged = packed.clone();
        damaged[at] ^= 0x10;
        assert!(values(&write(&folder, "damaged", &damaged)).is_err(), "byte {at}");
    }
    let trailing = [packed.as_slice(), b"trailing"].concat();
    assert!(values(&write(&folder, "trailing", &trailing)).is_err());
}

#[test]
fn announced_sizes_allocate_nothing() {
    let folder = TempDir::new().unwrap();
    for sizes in
        [&[u32::MAX, u32::MAX, u32::MAX][..], &[u32::MAX, 2], &[0, u32::MAX, u32::MAX, u32::MAX], &[1 << 31; 255]]
    {
        let error = values(&write(&folder, "beyond", &idx(sizes, &[1; 10]))).unwrap_err().to_string();
        assert!(error.contains("at most 4294967296 are read"), "{error}");
    }
    let before = peak_kib();
    for bytes in [idx(&[u32::MAX], &[1; 10]), gzip(&idx(&[u32::MAX], &[1; 10]))] {
        let path = write(&folder, "hollow", &bytes);
        let error = Idx::open(&path).unwrap().map(f32::from).unwrap_err().to_string();
        assert!(error.ends_with("is truncated: holds 10 of the 4294967295 values of shape [4294967295]"), "{error}");
    }
    // 16 GiB were announced; the other tests of this file need far less than 4 GiB.
    let grown = peak_kib() - before;
    assert!(grown < 4 << 20, "address space grew by {grown} KiB");
}

#[test]
fn a_gzip_bomb_is_left_at_its_announced_size() {
    let folder = TempDir::new().unwrap();
    // 16 GiB of zeros in 16 MiB: a member of 1 MiB, many times.
    let bomb = [gzip(&idx(&[100], &[])), gzip(&vec![0; 1 << 20]).repeat(1 << 14)].concat();
    let started = Instant::now();
    let error = values(&write(&folder, "bomb", &bomb)).unwrap_err().to_string();
    assert!(error.ends_with("is too long: holds more than the 100 values of shape [100]"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(2), "took {:?}", started.elapsed());
}

#[test]
fn noise_is_refused_without_panic() {
    let folder = TempDir::new().unwrap();
    let mut state = 7_u64;
    for round in 0..500_usize {
        let mut bytes: Vec<u8> = (0..round % 90)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        let start: &[u8] = [&[][..], &[0, 0, 8, 1], &[0, 0, 8, 3], &[0x1f, 0x8b, 8, 0]][round % 4];
        let n = start.len().min(bytes.len());
        bytes[..n].copy_from_slice(&start[..n]);
        assert!(values(&write(&folder, "noise", &bytes)).is_err(), "round {round}");
    }
}

// ---- the sets ----

#[test]
fn mnist_is_what_it_should_be() {
    let started = Instant::now();
    let set = load("mnist", &only(&checkout()), &mut never).unwrap();
    println!("mnist loads in {:?}", started.elapsed());
    is_like_mnist(&set, "mnist");
    assert_eq!(set.train.labels()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(set.test.labels()[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    // Means of the pixels, as published for this set: 0.1307 and 0.1325.
    assert!((mean(&set.train) - 0.1307).abs() < 5e-5 && (mean(&set.test) - 0.1325).abs() < 5e-5);
    // Counts of the digits, as published for this set.
    assert_eq!(counts(set.train.labels()), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
}

#[test]
fn fashion_mnist_is_what_it_should_be() {
    let mut places = Places::new(None);
    places.cache = None;
    if !Path::new("/usr/share/datasets/fashion-mnist").is_dir() {
        println!("skipped: no /usr/share/datasets/fashion-mnist (Debian: apt install dataset-fashion-mnist)");
        return;
    }
    places.folders = vec!["/usr/share/datasets".into()];
    let set = load("fashion-mnist", &places, &mut never).unwrap();
    is_like_mnist(&set, "fashion-mnist");
    assert_eq!(counts(set.train.labels()), [6000; 10]);
    assert_eq!(counts(set.test.labels()), [1000; 10]);
    assert!((mean(&set.train) - 0.2860).abs() < 5e-5);
}

#[test]
fn the_readme_tells_the_checksums_of_the_files() {
    let folder = checkout();
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    assert_eq!(untold(&folder, &readme), Vec::<String>::new());
    let broken = readme.replacen("ae18e77e", "ae18e77f", 1);
    assert_eq!(untold(&folder, &broken), ["t10k-labels-idx1-ubyte.gz"], "a wrong checksum must be noticed");
    for text in ["CC BY-SA 3.0", "Yann LeCun, Corinna Cortes, Christopher J.C. Burges", "yann.lecun.com/exdb/mnist/"] {
        assert!(readme.contains(text), "{text}");
    }
}

#[test]
fn unknown_names_are_refused_with_those_there_are() {
    let error = load("cifar", &only(&checkout()), &mut never).unwrap_err();
    assert!(error.is_usage());
    assert_eq!(error.to_string(), "no data set is named `cifar`; there are: mnist, fashion-mnist, cifar-10");
}

#[test]
fn mislabelled_files_are_named() {
    let tiny = tiny(&[]);
    let labels = |labels: &[u8]| idx(&[labels.len() as u32], labels);
    let images = |rows: u32, side: u32| idx(&[rows, side, side], &vec![9; (rows * side * side) as usize]);
    let cases: &[(usize, Vec<u8>, &str)] = &[
        (0, labels(&[2, 0, 1]), "holds labels of shape [3], but the images of tiny here have shape [3, 2, 2]"),
        (1, images(3, 2), "holds images of shape [3, 2, 2], but the labels of tiny here have shape [3]"),
        (0, images(2, 2), "holds images of shape [2, 2, 2], but the images of tiny here have shape [3, 2, 2]"),
        (2, images(2, 3), "holds images of shape [2, 3, 3], but the images of tiny here have shape [2, 2, 2]"),
        (3, labels(&[0, 1, 2]), "holds labels of shape [3], but the labels of tiny here have shape [2]"),
        (3, idx(&[1, 2], &[0; 2]), "holds neither images nor labels of shape [1, 2]"),
        (3, labels(&[0, 3]), "row 1 has label 3, but tiny has 0 to 2"),
        (1, labels(&[0, 0, 1]), "these labels are not those of tiny: its training set begins with [2, 0, 1,"),
    ];
    for (which, bytes, reason) in cases {
        let place = TempDir::new().unwrap();
        put(place.path(), &tiny, &tiny_files(0), "");
        let path = place.path().join(tiny.files[*which].name);
        fs::write(&path, bytes).unwrap();
        let error = tiny.load(&only(place.path()), &mut never).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: {reason}", path.display())), "{error}");
    }
}

#[test]
fn cifar_files_become_images_with_channels_last_and_wrong_ones_are_refused() {
    let file = |name| KnownFile { name, sha256: "", bytes: 0, content: "" };
    let cifar = Known {
        name: "tiny-cifar",
        image: [2, 2, 3],
        features: 12,
        train_rows: 4,
        test_rows: 1,
        format: Format::Cifar,
        files: vec![file("data_batch_1.bin"), file("data_batch_2.bin"), file("test_batch.bin")].leak(),
        first_labels: [2, 0, 1, 2, 0, 0, 0, 0],
        ..tiny(&[])
    };
    let place = TempDir::new().unwrap();
    // a label, then four red, four green and four blue values
    let row = |label: u8, first: u8| std::iter::once(label).chain(first..first + 12).collect::<Vec<u8>>();
    let write = |name: &str, rows: &[Vec<u8>]| fs::write(place.path().join(name), rows.concat()).unwrap();
    write("data_batch_1.bin", &[row(2, 0), row(0, 12)]);
    write("data_batch_2.bin", &[row(1, 24), row(2, 36)]);
    fs::write(place.path().join("test_batch.bin.gz"), gzip(&row(1, 100))).unwrap();
    let set = cifar.load(&only(place.path()), &mut never).unwrap();
    assert_eq!((set.train.labels(), set.test.labels()), (&[2, 0, 1, 2][..], &[1][..]));
    let values = |row: &[u8]| row.iter().map(|x| f32::from(*x) / 255.0).collect::<Vec<f32>>();
    let first = [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11];
    assert_eq!(set.train.features().row(0).to_vec(), values(&first));
    assert_eq!(set.train.features().row(3).to_vec(), values(&first.map(|x| x + 36)));
    assert_eq!(set.test.features().row(0).to_vec(), values(&first.map(|x| x + 100)));
    let refused = |name: &str, rows: &[Vec<u8>], says: &str| {
        write(name, rows);
        let error = cifar.load(&only(place.path()), &mut never).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(says), "{error}");
    };
    refused("data_batch_2.bin", &[row(1, 24)], "has 13 bytes instead of 26");
    refused("data_batch_2.bin", &[row(1, 24), row(2, 36), row(2, 36)], "has more than 26 bytes");
    refused("data_batch_2.bin", &[row(1, 24), row(3, 36)], "row 1 has label 3, but tiny-cifar has 0 to 2");
    write("data_batch_2.bin", &[row(1, 24), row(2, 36)]);
    refused("data_batch_1.bin", &[row(0, 0), row(0, 12)], "these labels are not those of tiny-cifar");
    let error = load("cifar-10", &Places { folders: vec!["nowhere".into()], ..only_nothing() }, &mut never);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("this set is not downloaded") && error.contains("data_batch_5.bin"), "{error}");
}

#[test]
fn a_set_in_the_folder_of_another_is_noticed() {
    let error = load("fashion-mnist", &only(&checkout().join("mnist")), &mut never).unwrap_err().to_string();
    assert!(error.contains("train-labels-idx1-ubyte.gz: these labels are not those of fashion-mnist"), "{error}");
}

// ---- where sets are found ----

#[test]
fn places_are_searched_in_order() {
    let tiny = tiny(&[]);
    let root = TempDir::new().unwrap();
    let [a, b] = ["a", "b"].map(|name| root.path().join(name));
    let places = Places { folders: vec![a.clone(), b.clone()], ..only_nothing() };
    let found = || tiny.load(&places, &mut never).unwrap().train.features()[[0, 0]];
    // Each step puts a set where it goes before all earlier ones, told apart by its first pixel.
    let steps =
        [(b.clone(), ""), (b.clone(), ".gz"), (b.join("tiny"), ".gz"), (a.clone(), ""), (a.join("tiny"), ".gz")];
    for (i, (folder, ending)) in steps.into_iter().enumerate() {
        let pixel = i as u8 + 1;
        put(&folder, &tiny, &tiny_files(pixel), ending);
        assert_eq!(found(), f32::from(pixel) / 255.0, "{}", folder.display());
    }
    fs::remove_file(a.join("tiny").join(tiny.files[3].name).with_extension("gz")).unwrap();
    assert_eq!(found(), 4.0 / 255.0, "a folder that lacks a file is passed over");
    let chosen = Places { chosen: Some(b.join("tiny")), ..places.clone() };
    assert_eq!(tiny.load(&chosen, &mut never).unwrap().train.features()[[0, 0]], 3.0 / 255.0, "--data-dir goes first");
}

#[test]
fn plain_and_gzip_may_be_mixed() {
    let tiny = tiny(&[]);
    let place = TempDir::new().unwrap();
    put(place.path(), &tiny, &tiny_files(8), "");
    let plain = place.path().join(tiny.files[1].name);
    fs::write(place.path().join(format!("{}.gz", tiny.files[1].name)), gzip(&fs::read(&plain).unwrap())).unwrap();
    fs::remove_file(plain).unwrap();
    assert_eq!(tiny.load(&only(place.path()), &mut never).unwrap().train.labels(), [2, 0, 1]);
}

#[test]
fn a_chosen_folder_without_the_set_is_an_error_and_not_a_download() {
    let server = Server::new(Reply::Good, false);
    let tiny = tiny(&[&server.url]);
    let [place, cache] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    put(place.path(), &tiny, &tiny_files(0), "");
    fs::remove_file(place.path().join("test-labels")).unwrap();
    let places = Places { cache: Some(cache.path().to_owned()), ..only(place.path()) };
    let error = tiny.load(&places, &mut never).unwrap_err();
    let at = place.path().display();
    assert!(error.is_usage());
    assert_eq!(
        error.to_string(),
        format!(
            "--data-dir has no tiny: {at}/tiny lacks train-images[.gz], train-labels[.gz], test-images[.gz], \
             test-labels[.gz]; {at} lacks test-labels[.gz]; put the files there or leave --data-dir out"
        )
    );
    assert_eq!(server.requests(), 0);
}

#[test]
fn the_environment_names_the_places() {
    let env = |pairs: &'static [(&str, &str)]| {
        let places = Places::from_env(None, |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| v.into()));
        let folders: Vec<String> = places.folders.iter().map(|folder| folder.display().to_string()).collect();
        (folders.join(":"), places.cache)
    };
    let all = env(&[("PPDNN_DATA", "/data"), ("XDG_CACHE_HOME", "/cache"), ("HOME", "/home/me")]);
    assert_eq!(all, ("/data:datasets:/cache/ppdnn:/usr/share/datasets".into(), Some("/cache/ppdnn".into())));
    let home = env(&[("PPDNN_DATA", ""), ("XDG_CACHE_HOME", "relative"), ("HOME", "/home/me")]);
    let cache: PathBuf = "/home/me/.cache/ppdnn".into();
    assert_eq!(home, ("datasets:/home/me/.cache/ppdnn:/usr/share/datasets".into(), Some(cache)));
    assert_eq!(env(&[]), ("datasets:/usr/share/datasets".into(), None));
}

// ---- downloads ----

#[test]
fn a_download_is_kept_and_reported() {
    let server = Server::new(Reply::Good, false);
    let tiny = tiny(&[&server.url]);
    let cache = TempDir::new().unwrap();
    let places = into(cache.path());
    let mut reports = Vec::new();
    let set = tiny.load(&places, &mut |at| reports.push(at)).unwrap();
    assert_eq!((set.train.labels(), set.test.labels()), (&[2, 0, 1][..], &[1, 2][..]));
    for file in tiny.files {
        let of: Vec<Download> = reports.iter().copied().filter(|at| at.file == file.name).collect();
        assert!(of.len() >= 2 && of.is_sorted_by_key(|at| at.bytes) && of.iter().all(|at| at.total == file.bytes));
        assert_eq!((of[0].bytes, of[of.len() - 1].bytes), (0, file.bytes));
    }
    assert_eq!(kept(cache.path()), ["test-images.gz", "test-labels.gz", "train-images.gz", "train-labels.gz"]);
    assert_eq!(server.requests(), 4);
    tiny.load(&places, &mut never).unwrap();
    assert_eq!(server.requests(), 4, "the second run finds the set in the cache");
    fs::remove_file(cache.path().join("tiny/test-images.gz")).unwrap();
    fs::write(cache.path().join("tiny/test-labels.gz"), "damaged").unwrap();
    assert!(tiny.load(&places, &mut |_| ()).is_ok());
    assert_eq!(server.requests(), 6, "only what is missing or damaged is fetched");
}

#[test]
fn https_is_checked_against_the_certificates() {
    let server = Server::new(Reply::Good, true);
    let tiny = tiny(&[&server.url]);
    let [cache, keys] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let pem = |name: &str, text: &str| Some(write(&keys, name, text.as_bytes()));
    let with = |certificates| tiny.load(&Places { certificates, ..into(cache.path()) }, &mut |_| ());
    let refusal = |certificates| with(certificates).unwrap_err().to_string();

    let stranger = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let error = refusal(pem("stranger", &stranger));
    assert!(error.contains("certificate"), "{error}");
    let error = refusal(None);
    assert!(error.contains("certificate"), "the system's certificates do not vouch for this server: {error}");
    assert!(refusal(pem("empty", "")).contains("holds no certificate; SSL_CERT_FILE must name a PEM file"));
    assert!(refusal(Some("/nowhere".into())).contains("SSL_CERT_FILE must name a PEM file"));
    assert_eq!(kept(cache.path()), Vec::<String>::new());

    assert_eq!(with(pem("right", &server.certificate)).unwrap().test.labels(), [1, 2]);
}

#[test]
fn what_a_mirror_gets_wrong_is_said_and_not_kept() {
    let cases = [
        (Reply::Damaged, "sent another file: its SHA-256 is "),
        (Reply::Short, "broke off after "),
        (Reply::ShortUnannounced, "sent only "),
        (Reply::NotFound, "http status: 404"),
        (Reply::Endless, "sends more than the "),
        (Reply::EndlessHeader, "header"),
        (Reply::Silent, "timeout"),
        (Reply::Stalled, "broke off after 1 of "),
    ];
    for (reply, reason) in cases {
        let server = Server::new(reply, false);
        let tiny = tiny(&[&server.url]);
        let cache = TempDir::new().unwrap();
        let started = Instant::now();
        let error = tiny.load(&into(cache.path()), &mut |_| ()).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("download of tiny: {}train-images.gz: ", server.url)), "{text}");
        assert!(text.contains(reason), "{reply:?}: {text}");
        assert!(text.contains("without a network, put train-images[.gz], "), "{text}");
        assert!(
            text.contains(&format!(
                "into one of {}/tiny, or name their folder with --data-dir",
                cache.path().display()
            ))
        );
        assert_eq!(kept(cache.path()), Vec::<String>::new(), "{reply:?}");
        assert!(started.elapsed() < Duration::from_secs(20), "{reply:?} took {:?}", started.elapsed());
    }
}

#[test]
fn the_next_mirror_is_tried() {
    let servers = [Reply::Damaged, Reply::NotFound, Reply::Good].map(|reply| Server::new(reply, false));
    let cache = TempDir::new().unwrap();
    let tiny = tiny(&["http://127.0.0.1:1/", &servers[0].url, &servers[1].url, &servers[2].url]);
    assert!(tiny.load(&into(cache.path()), &mut |_| ()).is_ok());
    assert_eq!(servers.map(|server| server.requests()), [4; 3]);
}

#[test]
fn without_network_or_cache_the_error_says_where_files_go() {
    let cache = TempDir::new().unwrap();
    let tiny = tiny(&["http://127.0.0.1:1/", "http://host.invalid/"]);
    fs::create_dir(cache.path().join("tiny")).unwrap();
    fs::write(cache.path().join("tiny/train-labels"), "").unwrap();
    let at = cache.path().join("tiny");
    let error = tiny.load(&into(cache.path()), &mut |_| ()).unwrap_err().to_string();
    let ending = format!(
        "; without a network, put train-images[.gz], train-labels[.gz], test-images[.gz], test-labels[.gz] into one of \
         {at}, or name their folder with --data-dir; {at} lacks train-images[.gz], test-images[.gz], test-labels[.gz]",
        at = at.display()
    );
    assert!(error.starts_with("download of tiny: http://127.0.0.1:1/train-images.gz: "), "{error}");
    assert!(error.contains("; http://host.invalid/train-images.gz: ") && error.ends_with(&ending), "{error}");

    let error = tiny.load(&only_nothing(), &mut never).unwrap_err().to_string();
    assert!(error.contains("there is no cache to download it to: set HOME or XDG_CACHE_HOME"), "{error}");
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let server = Server::new(Reply::Good, false);
    let place = TempDir::new().unwrap();
    let file = write(&place, "file", b"");
    let error = tiny(&[&server.url]).load(&into(&file), &mut never).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}/tiny: ", file.display())), "{error}");
}

// ---- harness ----

fn idx(sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn values(path: &Path) -> Result<Vec<u8>> {
    Idx::open(path)?.map(|byte| byte)
}

/// The largest address space this process has had, where the system tells it.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets")
}

fn is_like_mnist(set: &DataSet, name: &str) {
    let known = known(name).unwrap();
    assert_eq!((set.name.as_str(), set.train.classes(), set.test.classes()), (name, 10, 10));
    for (examples, rows) in [(&set.train, 60_000), (&set.test, 10_000)] {
        assert_eq!((examples.features().dim(), examples.len()), ((rows, known.features), rows));
        let pixels = examples.features().as_slice().unwrap();
        // Whole 255ths in [0, 1], and both ends are reached.
        assert!(pixels.iter().all(|x| (0.0..=1.0).contains(x) && (x * 255.0).round() / 255.0 == *x));
        assert!(pixels.contains(&0.0) && pixels.contains(&1.0));
    }
}

fn mean(examples: &ppdnn::data::Examples) -> f64 {
    let sum: f64 = examples.features().iter().map(|x| f64::from(*x)).sum();
    sum / examples.features().len() as f64
}

fn counts(labels: &[u32]) -> [usize; 10] {
    std::array::from_fn(|class| labels.iter().filter(|label| **label as usize == class).count())
}

/// The files of `mnist/` whose size and SHA-256 the README does not tell rightly.
fn untold(folder: &Path, readme: &str) -> Vec<String> {
    let names = ["t10k-images", "t10k-labels", "train-images", "train-labels"];
    let files = fs::read_dir(folder.join("mnist")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    assert_eq!(files.len(), names.len());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(files.iter().zip(names).all(|(file, start)| name(file).starts_with(start)));
    let told = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        readme.contains(&format!("| `mnist/{}` | {} | `{}` |", name(path), bytes.len(), hex(&bytes)))
    };
    files.iter().filter(|file| !told(file)).map(|file| name(file)).collect()
}

/// A set of three rows to train on and two to test on, fetched from these addresses.
fn tiny(urls: &[&str]) -> Known {
    let urls: Vec<&'static str> = urls.iter().map(|url| &*url.to_string().leak()).collect();
    let files = tiny_files(0).map(|(name, bytes)| {
        let packed = gzip(&bytes);
        KnownFile { name, sha256: hex(&packed).leak(), bytes: packed.len() as u64, content: "" }
    });
    Known {
        format: Format::Idx,
        name: "tiny",
        classes: 3,
        features: 4,
        image: [2, 2, 1],
        train_rows: 3,
        mean: 0.5,
        deviation: 0.25,
        test_rows: 2,
        first_labels: [2, 0, 1, 0, 0, 0, 0, 0],
        files: Vec::from(files).leak(),
        urls: urls.leak(),
    }
}

/// The files of the tiny set, plain; the pixels say which copy it is.
fn tiny_files(pixel: u8) -> [(&'static str, Vec<u8>); 4] {
    [
        ("train-images", idx(&[3, 2, 2], &[pixel; 12])),
        ("train-labels", idx(&[3], &[2, 0, 1])),
        ("test-images", idx(&[2, 2, 2], &[pixel; 8])),
        ("test-labels", idx(&[2], &[1, 2])),
    ]
}

/// Puts the files into a folder, packed where they end in `.gz`.
fn put(folder: &Path, known: &Known, files: &[(&str, Vec<u8>); 4], ending: &str) {
    fs::create_dir_all(folder).unwrap();
    for (file, (_, bytes)) in known.files.iter().zip(files) {
        let bytes = if ending.is_empty() { bytes.clone() } else { gzip(bytes) };
        fs::write(folder.join(format!("{}{ending}", file.name)), bytes).unwrap();
    }
}

fn only_nothing() -> Places {
    let patience = Duration::from_secs(2);
    Places { chosen: None, folders: Vec::new(), cache: None, certificates: None, patience, unchecked: false }
}

fn only(folder: &Path) -> Places {
    Places { chosen: Some(folder.to_owned()), ..only_nothing() }
}

fn into(cache: &Path) -> Places {
    Places { folders: vec![cache.to_owned()], cache: Some(cache.to_owned()), ..only_nothing() }
}

fn never(at: Download) {
    panic!("nothing is to be downloaded, but {at:?} was");
}

/// The files in the cache of the tiny set.
fn kept(cache: &Path) -> Vec<String> {
    let Ok(folder) = fs::read_dir(cache.join("tiny")) else { return Vec::new() };
    let mut names: Vec<String> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What a server answers to each request.
#[derive(Clone, Copy, Debug)]
enum Reply {
    Damaged,
    Endless,
    EndlessHeader,
    Good,
    NotFound,
    Short,
    ShortUnannounced,
    Silent,
    Stalled,
}

/// An HTTP server of the tiny set on loopback; ends with the test process.
struct Server {
    url: String,
    certificate: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    fn new(reply: Reply, tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://{}/", listener.local_addr().unwrap());
        let identity = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let certificate = identity.cert.pem();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
        let config = config.unwrap().with_no_client_auth().with_single_cert(vec![identity.cert.into()], key.into());
        let config = Arc::new(config.unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, counter) = (config.clone(), counter.clone());
                thread::spawn(move || {
                    if tls {
                        let session = rustls::ServerConnection::new(config).unwrap();
                        answer(rustls::StreamOwned::new(session, stream), reply, &counter);
                    } else {
                        answer::<TcpStream>(stream, reply, &counter);
                    }
                });
            }
        });
        Self { url, certificate, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Answers one request. The client may leave at any time, so errors end the answer and nothing else.
fn answer<S: Read + Write>(mut stream: S, reply: Reply, requests: &AtomicUsize) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    requests.fetch_add(1, Ordering::SeqCst);
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let file = tiny_files(0).into_iter().find(|(name, _)| format!("{name}.gz") == path);
    let mut body = file.map(|(_, bytes)| gzip(&bytes)).unwrap_or_default();
    let length = format!("Content-Length: {}\r\n", body.len());
    let ok = |lines: &str| format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{lines}\r\n");
    let head = match reply {
        Reply::Good | Reply::Short | Reply::Stalled => ok(&length),
        Reply::Damaged => {
            body[20] ^= 1;
            ok(&length)
        }
        Reply::Endless | Reply::ShortUnannounced => ok(""),
        Reply::EndlessHeader => "HTTP/1.1 200 OK\r\n".to_owned(),
        Reply::NotFound => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
        Reply::Silent => String::new(),
    };
    let _ = stream.write_all(head.as_bytes());
    let mut until_left = |bytes: &[u8]| while stream.write_all(bytes).is_ok() {};
    let _ = match reply {
        Reply::Damaged | Reply::Good => stream.write_all(&body),
        Reply::Short | Reply::ShortUnannounced => stream.write_all(&body[..body.len() / 2]),
        Reply::Stalled => stream.write_all(&body[..1]).map(|()| thread::sleep(Duration::from_secs(30))),
        Reply::Silent => return thread::sleep(Duration::from_secs(30)),
        Reply::Endless => return until_left(&[7; 1 << 16]),
        Reply::EndlessHeader => return until_left(b"X-More: of the same\r\n"),
        Reply::NotFound => Ok(()),
    };
    let _ = stream.flush();
}
