//! Another signing key in the place of the present one, without an error for anyone: first all believe it, then it signs,
//! and the one before is believed until it is removed.

use std::path::{Path, PathBuf};

use super::file::{new_pem, write_private};
use super::ring::Key;

/// A rotation of the key in a file. The keys before and after it lie beside it.
pub struct Rotation {
    signing: PathBuf,
    /// The key that is about to sign: `signing-key.next.pem` beside `signing-key.pem`.
    pub next: PathBuf,
    /// The key that signed before: `signing-key.previous.pem`.
    pub previous: PathBuf,
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

fn remove(path: &Path) -> Result<(), String> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

impl Rotation {
    pub fn of(signing: &Path) -> Self {
        Self { signing: signing.to_owned(), next: signing.with_extension("next.pem"), previous: signing.with_extension("previous.pem") }
    }

    /// Makes the next key, for a service that believes what lies in these files; one that an interrupted rotation left is
    /// taken. Gives its name.
    pub fn begin(&self, believed: &[PathBuf]) -> Result<String, String> {
        if let Some(unknown) = [&self.next, &self.previous].into_iter().find(|path| !believed.contains(path)) {
            return Err(format!("verifying_key_files does not name {}: nobody would believe its key", unknown.display()));
        }
        if self.previous.exists() {
            return Err(format!("{} is still believed: remove it when its last token is over", self.previous.display()));
        }
        self.make_next()
    }

    /// The next key signs; the one before stays believed. The order matters to those who look meanwhile.
    pub fn complete(&self) -> Result<(), String> {
        let copy = self.previous.with_extension("new");
        remove(&copy)?;
        let present = std::fs::read(&self.signing).map_err(at(&self.signing))?;
        write_private(&copy, &present).map_err(at(&copy))?;
        std::fs::rename(&copy, &self.previous).map_err(at(&self.previous))?;
        std::fs::rename(&self.next, &self.signing).map_err(at(&self.signing))
    }

    /// A new key signs at once, and no key from before is believed. Gives its name.
    pub fn replace(&self) -> Result<String, String> {
        remove(&self.next)?;
        remove(&self.previous)?;
        let kid = self.make_next()?;
        std::fs::rename(&self.next, &self.signing).map_err(at(&self.signing))?;
        Ok(kid)
    }

    fn make_next(&self) -> Result<String, String> {
        if !self.next.exists() {
            write_private(&self.next, new_pem()?.as_bytes()).map_err(at(&self.next))?;
        }
        if !have_one_owner(&self.signing, &self.next)? {
            remove(&self.next)?;
            return Err(format!("{} belongs to another account: run this as that account", self.signing.display()));
        }
        let pem = std::fs::read(&self.next).map_err(at(&self.next))?;
        let key = Key::from_pem(&pem).map_err(|why| format!("{}: {why}", self.next.display()))?;
        if key.signing.is_none() {
            return Err(format!("{} is a public key", self.next.display()));
        }
        Ok(key.kid)
    }
}

/// A key that the service's account cannot read would end the service at its next start.
#[cfg(unix)]
fn have_one_owner(one: &Path, other: &Path) -> Result<bool, String> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = |path: &Path| std::fs::metadata(path).map(|about| about.uid()).map_err(at(path));
    Ok(owner(one)? == owner(other)?)
}

#[cfg(not(unix))]
fn have_one_owner(_: &Path, _: &Path) -> Result<bool, String> {
    Ok(true)
}
