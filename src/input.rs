//! Files that a user names: regular files of a plausible size.
//!
//! A pipe may never have a writer, and a device never an end. Neither is opened, and no file is read beyond the number of bytes
//! that its reader can use, whatever its length claims.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Opens a regular file.
///
/// # Errors
/// If the system cannot open the file, or it is a folder, a pipe or a device.
pub fn open(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() {
        return File::open(path);
    }
    Err(io::Error::other(match kind.is_dir() {
        true => "is a folder, not a file; pass the name of a file",
        false => "is a pipe or a device; save its contents to a file, and pass that file",
    }))
}

/// The first bytes of a file, at most `most`.
///
/// # Errors
/// As [`open`].
pub fn start(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All bytes of a file that has no more than `most`.
///
/// # Errors
/// As [`open`], and if the file is longer.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 <= most {
        return Ok(bytes);
    }
    Err(io::Error::other(format!("has more than {most} bytes, the maximum for such a file; is it a different file?")))
}

/// The text of a file that has no more than `most` bytes.
///
/// # Errors
/// As [`read`], and if the bytes are not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?)
        .map_err(|_| io::Error::other("is not a text file: it has bytes that are not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, [b'a'; 10]).unwrap();
        assert_eq!(read_text(&path, 10).unwrap(), "aaaaaaaaaa");
        assert!(read(&path, 9).unwrap_err().to_string().contains("more than 9 bytes"));
        // a length of a terabyte costs nothing
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&path, 1000).is_err());
        fs::write(&path, [0xff]).unwrap();
        assert!(read(&path, 1).is_ok() && read_text(&path, 1).unwrap_err().to_string().contains("not a text file"));
    }

    #[cfg(unix)]
    #[test]
    fn folders_pipes_and_devices_are_refused_unopened() {
        let folder = tempfile::tempdir().unwrap();
        assert!(open(folder.path()).unwrap_err().to_string().contains("is a folder"));
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        for path in [&pipe, Path::new("/dev/zero")] {
            assert!(open(path).unwrap_err().to_string().contains("a pipe or a device"));
        }
        assert_eq!(open(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
