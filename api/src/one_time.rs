//! One-time passwords of authenticators (RFC 6238): six digits of HMAC-SHA-1, which every application for telephones makes.
//! The cryptography is that which signs our tokens; what is left is here. The crate `totp-rs` (6.0, MIT) would bring `sha1` and a second
//! HMAC for five lines of arithmetic, and says whether a code is right, not to spend which step: so it is not used.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use domain::identity::step_up::STEP_SECONDS;

/// The bytes of a secret: as many as the digest has (RFC 4226 §4).
pub const SECRET_BYTES: usize = 20;
/// The digits of a code.
pub const DIGITS: usize = 6;

/// The code of a step.
pub fn code(secret: &[u8], step: i64) -> String {
    let tag = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret), &step.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = bytes.last().map_or(0, |last| usize::from(last & 0x0f));
    let word = bytes.iter().skip(offset).take(4).fold(0_u32, |word, byte| (word << 8) | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

/// The latest of the steps whose code this is. Every step is compared, whatever the others gave.
pub fn step_of(secret: &[u8], given: &str, steps: &[i64]) -> Option<i64> {
    let is = |step: &i64| verify_slices_are_equal(code(secret, *step).as_bytes(), given.as_bytes()).is_ok();
    steps.iter().copied().filter(is).fold(None, |found: Option<i64>, step| Some(found.map_or(step, |before| before.max(step))))
}

/// Base32 (RFC 4648) without padding, as applications read secrets.
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| (byte >> at) & 1)).collect();
    let digit = |five: &[u8]| five.iter().chain([0; 4].iter()).take(5).fold(0_usize, |value, bit| (value << 1) | usize::from(*bit));
    bits.chunks(5).filter_map(|five| ALPHABET.get(digit(five)).copied().map(char::from)).collect()
}

/// What applications read from a square of dots, or take when it is touched.
pub fn uri(login: &str, secret: &[u8]) -> String {
    let login = percent_encoding::utf8_percent_encode(login, percent_encoding::NON_ALPHANUMERIC);
    format!("otpauth://totp/Sigida:{login}?secret={}&issuer=Sigida&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}", base32(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, of which these are the last six digits.
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(SECRET, seconds / STEP_SECONDS), expected, "{seconds}");
        }
        // RFC 4226, appendix D.
        let first = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (count, expected) in (0..).zip(first) {
            assert_eq!(code(SECRET, count), expected);
        }
    }

    #[test]
    fn a_code_is_found_among_its_steps_alone() {
        assert_eq!(step_of(SECRET, "359152", &[1, 2, 3]), Some(2));
        for wrong in ["755224", "", "35915", "3591520", "٣٥٩١٥٢"] {
            assert_eq!(step_of(SECRET, wrong, &[1, 2, 3]), None, "{wrong}");
        }
    }

    #[test]
    fn secrets_are_spelled_as_the_standard_spells() {
        for (bytes, expected) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB")] {
            assert_eq!(base32(bytes.as_bytes()), expected);
        }
        assert_eq!(base32(SECRET).len(), 32);
        assert!(uri("awa@ML-C01", SECRET).starts_with("otpauth://totp/Sigida:awa%40ML%2DC01?secret=GEZDGNBVGY3TQOJQ"));
    }
}
