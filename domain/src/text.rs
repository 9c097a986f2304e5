//! Text that people type: kept as written in any script, but without the characters that deceive readers or machines.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// What a text holds, as a pattern: no characters that are [`forbidden`].
pub const ALLOWED: &str = r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]*$";

/// As [`ALLOWED`], and something that is seen.
pub const NOT_BLANK: &str = concat!(
    r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]*",
    r"[^\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]",
    r"[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]*$",
);

/// Text of 1 to `MAX` characters, in Unicode form NFC, trimmed, without control, bidirectional-override or zero-width
/// characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const MAX: usize>(String);

/// Why a text is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFault {
    Empty,
    TooLong,
    Forbidden(char),
}

impl std::fmt::Display for TextFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TextFault::Empty => f.write_str("text must not be empty"),
            TextFault::TooLong => f.write_str("text is too long"),
            TextFault::Forbidden(c) => write!(f, "character U+{:04X} is not allowed", u32::from(*c)),
        }
    }
}

impl<const MAX: usize> Text<MAX> {
    pub fn parse(raw: &str) -> Result<Self, TextFault> {
        if let Some(c) = raw.chars().find(|c| forbidden(*c)) {
            return Err(TextFault::Forbidden(c));
        }
        let text: String = raw.trim().nfc().collect();
        match text.chars().count() {
            0 => Err(TextFault::Empty),
            count if count > MAX => Err(TextFault::TooLong),
            _ => Ok(Self(text)),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MAX: usize> Serialize for Text<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = String::deserialize(deserializer)?;
        Self::parse(&raw).map_err(serde::de::Error::custom)
    }
}

impl<const MAX: usize> utoipa::PartialSchema for Text<MAX> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX))
            .pattern(Some(NOT_BLANK))
            .into()
    }
}

impl<const MAX: usize> utoipa::ToSchema for Text<MAX> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("Text{MAX}").into()
    }
}

/// Characters that no honest text needs: controls (U+0000 breaks databases), bidirectional overrides and isolates
/// (text that reads otherwise than it is), zero-width characters (equal to the eye, different to the machine).
pub fn forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

/// The form under which names are searched: without accents, case or punctuation; the open letters of Malian languages
/// stand beside their Latin neighbours (ɛ with e, ɔ with o, ŋ and ɲ with n).
pub fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for c in name.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match c {
            'ɛ' => folded.push('e'),
            'ɔ' => folded.push('o'),
            'ŋ' | 'ɲ' => folded.push('n'),
            c if c.is_alphanumeric() => folded.push(c),
            '\'' | '’' | 'ʼ' => {}
            _ if folded.ends_with(' ') || folded.is_empty() => {}
            _ => folded.push(' '),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// How a numbered document is called: "E-2025-000021".
pub fn document_number(prefix: &str, fiscal_year: i32, number: i64) -> String {
    format!("{prefix}-{fiscal_year}-{number:06}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_text_in_five_scripts_is_kept() {
        for text in ["Ségou", "Bɛnkadi Ŋɔmi", "ߒߞߏ", "ⵜⵉⴼⵉⵏⴰⵖ", "مالي"] {
            assert_eq!(Text::<40>::parse(text).map(Text::into_string), Ok(text.to_owned()));
        }
        assert_eq!(Text::<40>::parse("Se\u{301}gou").map(Text::into_string), Ok("Ségou".to_owned()), "NFD becomes NFC");
    }

    #[test]
    fn deceiving_text_is_refused() {
        for text in ["a\u{0}b", "a\u{202E}b", "a\u{200B}b", "\u{FEFF}a", "a\nb", "   ", ""] {
            assert!(Text::<40>::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Text::<2>::parse("abc"), Err(TextFault::TooLong));
    }

    #[test]
    fn names_fold_without_accents_case_or_punctuation() {
        assert_eq!(fold("N'Gara  Kéniéba"), "ngara kenieba");
        assert_eq!(fold("TIN-ESSAKO"), "tin essako");
        assert_eq!(fold("Bɛnkadi"), fold("Benkadi"));
    }
}
