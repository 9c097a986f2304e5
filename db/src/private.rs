//! Files that only their owner reads.

use std::fs::{File, OpenOptions};
use std::io::Result;
use std::path::Path;

/// Makes a new file that only its owner reads and writes. It must not be there yet.
pub fn create_new(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
