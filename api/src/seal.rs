//! Secrets that have to be read again: sealed in the database by a key that is not there (AES-256-GCM). What belongs to one is
//! no good in the place of another.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::token::{read_private, write_private};

/// The bytes of a key.
const KEY_BYTES: usize = 32;

/// Seals and opens.
pub struct Seal(RandomizedNonceKey);

impl Seal {
    pub fn of(key: [u8; KEY_BYTES]) -> Result<Self, String> {
        RandomizedNonceKey::new(&AES_256_GCM, &key).map(Self).map_err(|_| "the sealing key cannot be used".to_owned())
    }

    /// Reads a key of 32 bytes in base64, from a file that only its owner reads.
    pub fn from_file(path: &Path) -> Result<Self, String> {
        let unusable = |why: &str| format!("{}: the sealing key cannot be used: {why}", path.display());
        let bytes = read_private(path).map_err(|why| unusable(&why))?;
        let text = String::from_utf8(bytes).map_err(|_| unusable("it is no base64"))?;
        let key = STANDARD.decode(text.trim()).map_err(|_| unusable("it is no base64"))?;
        Self::of(key.try_into().map_err(|_| unusable("it has not 32 bytes"))?)
    }

    /// As [`Seal::from_file`]; makes the key if there is none.
    pub fn create(path: &Path) -> Result<Self, String> {
        if !path.exists() {
            let mut key = [0; KEY_BYTES];
            aws_lc_rs::rand::fill(&mut key).map_err(|_| "no key could be made".to_owned())?;
            write_private(path, format!("{}\n", STANDARD.encode(key)).as_bytes())
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Self::from_file(path)
    }

    /// Seals a secret of its owner: the nonce, then what nobody reads without the key.
    pub fn seal(&self, owner: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = secret.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(owner), &mut sealed).ok()?;
        Some([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for this owner with this key, and is as it was.
    pub fn open(&self, owner: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let (nonce, mut rest) = (Nonce::try_assume_unique_for_key(nonce).ok()?, rest.to_vec());
        self.0.open_in_place(nonce, Aad::from(owner), &mut rest).ok().map(|secret| secret.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_the_same_key_for_the_same_owner_as_it_was() {
        let (seal, other) = (Seal::of([1; 32]).expect("a key"), Seal::of([2; 32]).expect("a key"));
        let sealed = seal.seal(b"awa", b"a secret").expect("sealed");
        assert_eq!(seal.open(b"awa", &sealed).as_deref(), Some(b"a secret".as_slice()));
        assert_ne!(seal.seal(b"awa", b"a secret").expect("sealed"), sealed, "never twice alike");
        assert!(!sealed.windows(8).any(|part| part == b"a secret"));
        assert_eq!((seal.open(b"moussa", &sealed), other.open(b"awa", &sealed)), (None, None));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(b"awa", &changed), None, "{at}");
            assert_eq!(seal.open(b"awa", &sealed[..at]), None, "{at}");
        }
    }
}
