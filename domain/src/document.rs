//! Documents that are kept as they were written: one spelling for one content, known by its digest.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::audit::hex;

/// SHA-256 of a document, in lower-case hexadecimal.
pub fn digest(document: &str) -> String {
    hex(&Sha256::digest(document.as_bytes()))
}

/// A document as it is kept: one spelling for one content.
pub fn write(document: &impl Serialize) -> Option<String> {
    serde_json::to_string(document).ok()
}

/// A document read back; nothing if it is none.
pub fn read<'d, T: Deserialize<'d>>(document: &'d str) -> Option<T> {
    serde_json::from_str(document).ok()
}
