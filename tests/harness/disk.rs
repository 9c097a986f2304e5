//! Disks that behave otherwise: small libraries that are preloaded into a program.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds such a library from its source.
pub fn library(source: &str, folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let library = folder.join(source.with_extension("so").file_name().expect("a name"));
    let mut compile = Command::new("cc");
    compile.args(["-O2", "-Wall", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl");
    assert!(compile.status().expect("a C compiler").success(), "the library was not built");
    library
}
