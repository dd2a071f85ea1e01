//! Downloads of known sets into the user's cache.
//!
//! A file is hashed while it streams into a temporary file and renamed into place only when its size and
//! SHA-256 are right, so the cache never holds half a file and a mirror need not be trusted.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::data::load::{Download, hex, unavailable};
use crate::data::{DatasetFile, DatasetInfo, SearchPath};
use crate::error::{Error, Result};
use crate::input;

/// Downloads the files that the cache does not hold yet.
///
/// # Errors
/// If the set has no mirrors, there is no cache, it cannot be written, or no mirror delivers.
pub(super) fn fetch(
    known: &DatasetInfo,
    places: &SearchPath,
    progress: &mut dyn FnMut(Download),
) -> Result<Vec<PathBuf>> {
    if known.urls.is_empty() {
        return Err(unavailable(known, places, "ppdnn does not download this data set"));
    }
    let Some(cache) = &places.cache else {
        return Err(unavailable(
            known,
            places,
            "there is no cache folder to download it to: set HOME or XDG_CACHE_HOME",
        ));
    };
    let folder = cache.join(known.name);
    fs::create_dir_all(&folder).map_err(|e| Error::file(&folder, e))?;
    let paths: Vec<PathBuf> = known.files.iter().map(|file| folder.join(format!("{}.gz", file.name))).collect();
    for (path, file) in paths.iter().zip(known.files) {
        if !holds(path, file) {
            from_mirrors(known, file, path, places, progress)?;
        }
    }
    Ok(paths)
}

/// Whether the file is there already, from a download that was broken off later.
fn holds(path: &Path, file: &DatasetFile) -> bool {
    let right_size = fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == file.bytes);
    right_size && fs::read(path).is_ok_and(|bytes| hex(&Sha256::digest(bytes)) == file.sha256)
}

fn from_mirrors(
    known: &DatasetInfo,
    file: &DatasetFile,
    path: &Path,
    places: &SearchPath,
    progress: &mut dyn FnMut(Download),
) -> Result<()> {
    let mut reasons = Vec::new();
    for mirror in known.urls {
        let url = format!("{mirror}{}.gz", file.name);
        match from_mirror(&url, file, path, places, progress) {
            Ok(()) => return Ok(()),
            Err(Failure::Here(e)) => return Err(e),
            Err(Failure::There(reason)) => reasons.push(format!("{url}: {reason}")),
        }
    }
    Err(unavailable(known, places, &format!("it could not be downloaded:\n  {}", reasons.join("\n  "))))
}

/// Why a mirror did not do: an error of this machine ends the download, one of the mirror does not.
enum Failure {
    Here(Error),
    There(String),
}

fn from_mirror(
    url: &str,
    file: &DatasetFile,
    path: &Path,
    places: &SearchPath,
    progress: &mut dyn FnMut(Download),
) -> std::result::Result<(), Failure> {
    let here = |e: io::Error| Failure::Here(Error::file(path, e));
    let response = agent(url, places)?.get(url).call().map_err(|e| Failure::There(e.to_string()))?;
    let body = response.into_body().into_with_config().limit(file.bytes.saturating_add(1)).reader();
    let folder = path.parent().expect("a file of the cache lies in a folder");
    let mut part = NamedTempFile::new_in(folder).map_err(here)?;
    receive(body, file, |chunk| part.write_all(chunk).map_err(here), progress)?;
    part.as_file().sync_all().map_err(here)?;
    part.persist(path).map_err(|e| here(e.error))?;
    Ok(())
}

/// Passes a file on to `write` as it comes, and checks its size and its SHA-256.
fn receive(
    mut body: impl Read,
    file: &DatasetFile,
    mut write: impl FnMut(&[u8]) -> std::result::Result<(), Failure>,
    progress: &mut dyn FnMut(Download),
) -> std::result::Result<(), Failure> {
    let there = |reason: String| Failure::There(reason);
    let mut report = |bytes| progress(Download { file: file.name, bytes, total: file.bytes });
    let (mut hash, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; 1 << 16]);
    report(bytes);
    loop {
        let n = match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(there(format!("broke off after {bytes} of {} bytes ({e})", file.bytes))),
        };
        bytes += n as u64;
        if bytes > file.bytes {
            return Err(there(format!("sent more than the {} bytes of this file", file.bytes)));
        }
        hash.update(&chunk[..n]);
        write(&chunk[..n])?;
        report(bytes);
    }
    if bytes < file.bytes {
        return Err(there(format!("sent only {bytes} of {} bytes", file.bytes)));
    }
    let sum = hex(&hash.finalize());
    if sum != file.sha256 {
        return Err(there(format!("sent a different file: its SHA-256 is {sum}, not {}", file.sha256)));
    }
    Ok(())
}

/// An HTTP client with an end to its patience, and with the TLS of this crate rather than a process default.
fn agent(url: &str, places: &SearchPath) -> std::result::Result<Agent, Failure> {
    let roots = match roots(places.certificates.as_deref()) {
        Ok(roots) => roots,
        Err(reason) if url.starts_with("https:") => return Err(Failure::There(reason)),
        Err(_) => Vec::new(),
    };
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
        .root_certs(RootCerts::from(roots))
        .build();
    let mut config = Agent::config_builder()
        .tls_config(tls)
        .user_agent(concat!("ppdnn/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(places.patience))
        .timeout_connect(Some(places.patience))
        .timeout_recv_response(Some(places.patience))
        .timeout_per_read(Some(places.patience))
        .timeout_recv_body(Some(LONGEST));
    if url.starts_with("http://127.0.0.1:") || url.starts_with("https://127.0.0.1:") {
        config = config.proxy(None); // a proxy's loopback is another machine's
    }
    Ok(config.build().into())
}

/// The longest a file may take altogether, however steadily it trickles.
const LONGEST: Duration = Duration::from_secs(3600);

/// Bytes of a PEM file; the systems' have less than 1 MiB.
const MOST_PEM: u64 = 16 << 20;

/// The certificates of a PEM file, or of the system's.
fn roots(chosen: Option<&Path>) -> std::result::Result<Vec<Certificate<'static>>, String> {
    let usual = || SYSTEM_ROOTS.iter().map(Path::new).find(|path| path.is_file());
    let path = chosen.or_else(usual).ok_or("no root certificates for https: install ca-certificates")?;
    let pem = input::read(path, MOST_PEM)
        .map_err(|e| format!("{}: {e}; SSL_CERT_FILE must name a PEM file", path.display()))?;
    let certificates = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<_> = certificates.collect();
    match certificates.is_empty() {
        true => Err(format!("{} contains no certificate; SSL_CERT_FILE must name a PEM file", path.display())),
        false => Ok(certificates),
    }
}

/// Where systems keep their certificates: Debian and Arch, Fedora, openSUSE, Alpine and macOS.
const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
