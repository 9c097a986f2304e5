//! Files that hold keys. They may change while the service runs.

use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ring::{Key, Ring};

/// The most bytes of a file that are read.
const LENGTH_MAX: u64 = 16 * 1024;

/// What a look at a file saw: its bytes, nothing if it is not there or empty, or why it cannot be read.
type Look = Result<Option<Vec<u8>>, String>;

/// One file, what was taken in of it last, and the key in use.
struct KeyFile {
    path: PathBuf,
    signs: bool,
    taken: Look,
    key: Option<Key>,
}

impl KeyFile {
    fn open(path: PathBuf, signs: bool) -> Result<Self, String> {
        let taken = look(&path);
        let mut file = Self { path, signs, taken: taken.clone(), key: None };
        file.key = file.read(&taken)?;
        Ok(file)
    }

    /// The key that a look has seen. Without a file nothing is believed; without a signing key nothing goes.
    fn read(&self, look: &Look) -> Result<Option<Key>, String> {
        let (path, what) = (self.path.display(), if self.signs { "signing" } else { "verifying" });
        let bytes = look.as_ref().map_err(|why| format!("{what} key {path} {why}"))?;
        let Some(bytes) = bytes else {
            return if self.signs { Err(format!("{path}: the signing key cannot be used: there is none")) } else { Ok(None) };
        };
        let key = Key::from_pem(bytes).map_err(|why| format!("{path}: the {what} key cannot be used: {why}"))?;
        if self.signs && key.signing.is_none() {
            return Err(format!("{path}: the signing key cannot be used: it is a public key"));
        }
        Ok(Some(key))
    }

    /// Takes in what was seen, if it is new; the key in use stays if it cannot be used. Gives whether the key is another.
    fn take(&mut self, look: &Look) -> bool {
        if self.taken == *look {
            return false;
        }
        self.taken = look.clone();
        match self.read(look) {
            Ok(key) => {
                self.key = key;
                true
            }
            Err(why) => {
                log::error!("{why}; the key that was in use goes on");
                false
            }
        }
    }
}

/// The file of the key that signs, and the files of the keys that are believed as well.
pub struct KeyFiles {
    files: Vec<KeyFile>,
    seen: Vec<Look>,
}

impl KeyFiles {
    /// Reads all files; the signing key has to be there, the others need not.
    pub fn open(signing: &Path, verifying: &[PathBuf]) -> Result<Self, String> {
        let signs = KeyFile::open(signing.to_owned(), true)?;
        let others = verifying.iter().map(|path| KeyFile::open(path.clone(), false));
        let files = std::iter::once(Ok(signs)).chain(others).collect::<Result<_, _>>()?;
        Ok(Self { files, seen: Vec::new() })
    }

    /// Looks at all files again, the signing one first. What two looks in a row have seen alike counts, so that nothing
    /// does that is half written or half moved. Gives whether any key is another.
    pub fn look_again(&mut self) -> bool {
        let looks: Vec<Look> = self.files.iter().map(|file| look(&file.path)).collect();
        let settled = looks == self.seen;
        self.seen = looks;
        settled && self.files.iter_mut().zip(&self.seen).fold(false, |changed, (file, look)| file.take(look) || changed)
    }

    /// The keys that the files hold.
    pub fn ring(&self) -> Result<Ring, String> {
        let mut keys = self.files.iter().filter_map(|file| file.key.as_ref());
        Ring::new(keys.next().ok_or("no signing key")?, keys)
    }
}

fn look(path: &Path) -> Look {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let about = file.metadata().map_err(|error| format!("cannot be read: {error}"))?;
    if !about.is_file() {
        return Err("cannot be read: it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let read = (&file).take(LENGTH_MAX).read_to_end(&mut bytes);
    read.map_err(|error| format!("cannot be read: {error}"))?;
    let private = bytes.windows(7).any(|word| word == b"PRIVATE");
    if private && is_open_to_others(&about) {
        return Err("can be read by others: chmod 600 it".to_owned());
    }
    Ok(Some(bytes).filter(|bytes| !bytes.iter().all(u8::is_ascii_whitespace)))
}

/// A private key that others can read is no key.
#[cfg(unix)]
fn is_open_to_others(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    about.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

/// Reads what its owner alone may read.
pub fn read_private(path: &Path) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let about = file.metadata().map_err(|error| format!("cannot be read: {error}"))?;
    if is_open_to_others(&about) {
        return Err("can be read by others: chmod 600 it".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(LENGTH_MAX).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    Ok(bytes)
}

/// A new private key, PKCS #8 in PEM.
pub fn new_pem() -> Result<String, String> {
    let der = aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8v1(&aws_lc_rs::rand::SystemRandom::new())
        .map_err(|_| "no key could be made".to_owned())?;
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref())))
}

/// Writes a new file that only its owner reads, down to the disk.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = db::private::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
