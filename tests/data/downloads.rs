//! How sets are fetched, and what a mirror may get wrong.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ppdnn::data::{Download, SearchPath};
use tempfile::TempDir;

use crate::harness::{never, only_nothing, tiny, write};
use crate::mirror::{Reply, Server};

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
    let with = |certificates| tiny.load(&SearchPath { certificates, ..into(cache.path()) }, &mut |_| ());
    let refusal = |certificates| with(certificates).unwrap_err().to_string();

    let stranger = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let error = refusal(pem("stranger", &stranger));
    assert!(error.contains("certificate"), "{error}");
    let error = refusal(None);
    assert!(error.contains("certificate"), "the system's certificates do not vouch for this server: {error}");
    assert!(refusal(pem("empty", "")).contains("contains no certificate; SSL_CERT_FILE must name a PEM file"));
    assert!(refusal(Some("/nowhere".into())).contains("SSL_CERT_FILE must name a PEM file"));
    assert_eq!(kept(cache.path()), Vec::<String>::new());

    assert_eq!(with(pem("right", &server.certificate)).unwrap().test.labels(), [1, 2]);
}

#[test]
fn errors_of_a_mirror_are_reported_and_its_files_are_not_kept() {
    let cases = [
        (Reply::Damaged, "sent a different file: its SHA-256 is "),
        (Reply::Short, "broke off after "),
        (Reply::ShortUnannounced, "sent only "),
        (Reply::NotFound, "http status: 404"),
        (Reply::Endless, "sent more than the "),
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
        assert!(
            text.starts_with(&format!("data set tiny: it could not be downloaded:\n  {}train-images.gz: ", server.url)),
            "{text}"
        );
        assert!(text.contains(reason), "{reply:?}: {text}");
        assert!(text.contains("the files are\n  train-images[.gz]\n"), "{text}");
        assert!(text.contains(&format!(
            "into one of these folders, or pass their folder with --data-dir:\n  {}/tiny\n",
            cache.path().display()
        )));
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
        "\nput its files into one of these folders, or pass their folder with --data-dir:\n  {at}\nthe files are\n  \
         train-images[.gz]\n  \
         train-labels[.gz]\n  test-images[.gz]\n  test-labels[.gz]\n{at} lacks\n  train-images[.gz]\n  test-images[.gz]\n  \
         test-labels[.gz]",
        at = at.display()
    );
    assert!(
        error.starts_with("data set tiny: it could not be downloaded:\n  http://127.0.0.1:1/train-images.gz: "),
        "{error}"
    );
    assert!(error.contains("\n  http://host.invalid/train-images.gz: ") && error.ends_with(&ending), "{error}");

    let error = tiny.load(&only_nothing(), &mut never).unwrap_err().to_string();
    assert!(error.contains("there is no cache folder to download it to: set HOME or XDG_CACHE_HOME"), "{error}");
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let server = Server::new(Reply::Good, false);
    let place = TempDir::new().unwrap();
    let file = write(&place, "file", b"");
    let error = tiny(&[&server.url]).load(&into(&file), &mut never).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}/tiny: ", file.display())), "{error}");
}

fn into(cache: &Path) -> SearchPath {
    SearchPath { folders: vec![cache.to_owned()], cache: Some(cache.to_owned()), ..only_nothing() }
}

/// The files in the cache of the tiny set.
fn kept(cache: &Path) -> Vec<String> {
    let Ok(folder) = fs::read_dir(cache.join("tiny")) else { return Vec::new() };
    let mut names: Vec<String> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
