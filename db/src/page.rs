//! Pages of lists: keyset, never offset; and how a list is searched by name.

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::sql_types::Text;
use domain::text::fold;

/// A character that no folded name has.
const NOWHERE: &str = "\u{1}";

/// The pattern of LIKE for folded names that contain a text. Folding leaves none of LIKE's wildcards; what folds to
/// nothing is a part of no name, not even of one that is empty.
pub fn containing(text: &str) -> String {
    let folded = fold(text);
    if folded.is_empty() { NOWHERE.to_owned() } else { format!("%{folded}%") }
}

/// How many rows after which key.
#[derive(Clone, Debug)]
pub struct Keyset<K> {
    pub after: Option<K>,
    pub limit: i64,
}

/// A page of rows and whether more follow.
#[derive(Clone, Debug)]
pub struct Rows<T> {
    pub rows: Vec<T>,
    pub more: bool,
}

impl<K> Keyset<K> {
    /// One row more than asked tells whether the page is the last.
    pub fn probe(&self) -> i64 {
        self.limit + 1
    }

    pub fn cut<T>(&self, mut rows: Vec<T>) -> Rows<T> {
        let limit = usize::try_from(self.limit).unwrap_or(0);
        let more = rows.len() > limit;
        rows.truncate(limit);
        Rows { rows, more }
    }
}

/// Bounds of an amount in minor units; both belong to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    pub least: Option<i64>,
    pub most: Option<i64>,
}

/// How many rows a list has, and the exact sum of their amounts in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totalled {
    pub rows: i64,
    pub minor: i128,
}

/// Narrows a boxed query by [`Bounds`] of a column.
#[macro_export]
macro_rules! within {
    ($query:ident, $column:expr, $bounds:expr) => {
        if let Some(least) = $bounds.least {
            $query = $query.filter($column.ge(least));
        }
        if let Some(most) = $bounds.most {
            $query = $query.filter($column.le(most));
        }
    };
}

/// Narrows a boxed query by first and last day of a column of dates.
#[macro_export]
macro_rules! between {
    ($query:ident, $column:expr, $from:expr, $to:expr) => {
        if let Some(from) = $from {
            $query = $query.filter($column.ge(from));
        }
        if let Some(to) = $to {
            $query = $query.filter($column.le(to));
        }
    };
}

/// The [`Totalled`] of a boxed query, over a column of amounts named in SQL. The sum is taken in two parts, each of which
/// fits into a big integer on both engines, however many rows there are.
#[macro_export]
macro_rules! totalled {
    ($conn:expr, $query:expr, $column:literal) => {{
        use diesel::dsl::sql;
        use diesel::sql_types::BigInt;
        let (rows, high, low): (i64, i64, i64) = $query
            .select((
                sql::<BigInt>("COUNT(*)"),
                sql::<BigInt>(concat!("COALESCE(CAST(SUM(", $column, " / 1000000000) AS BIGINT), 0)")),
                sql::<BigInt>(concat!("COALESCE(CAST(SUM(", $column, " % 1000000000) AS BIGINT), 0)")),
            ))
            .get_result($conn)?;
        $crate::page::Totalled { rows, minor: i128::from(high) * 1_000_000_000 + i128::from(low) }
    }};
}

/// What folding makes of the letters that Malian papers use, for columns that are not kept folded.
const FOLDED: [(&str, &str); 24] = [
    ("àâäáãå", "a"),
    ("ÀÂÄÁÃÅ", "a"),
    ("çÇ", "c"),
    ("éèêë", "e"),
    ("ÉÈÊË", "e"),
    ("ɛƐ", "e"),
    ("íìîï", "i"),
    ("ÍÌÎÏ", "i"),
    ("óòôöõ", "o"),
    ("ÓÒÔÖÕ", "o"),
    ("ɔƆ", "o"),
    ("úùûü", "u"),
    ("ÚÙÛÜ", "u"),
    ("ñÑɲƝŋŊ", "n"),
    ("ÿŸý", "y"),
    ("\u{301}\u{300}\u{302}\u{30C}\u{308}", ""),
    ("'’ʼ", ""),
    ("-–—_", " "),
    (".,:;!?", " "),
    ("/\\|", " "),
    ("()[]«»\"", " "),
    ("°", " "),
    ("œŒ", "œ"),
    ("æÆ", "æ"),
];

/// A column of text in the form of [`fold`], computed by the database, alike on both engines.
pub fn folded(column: &'static str) -> SqlLiteral<Text> {
    let mut expression = format!("LOWER({column})");
    for (letters, plain) in FOLDED {
        for letter in letters.chars() {
            let letter = if letter == '\'' { "''".to_owned() } else { letter.to_string() };
            expression = format!("REPLACE({expression}, '{letter}', '{plain}')");
        }
    }
    // What stood between two marks becomes one space.
    sql(&format!("REPLACE(REPLACE({expression}, '  ', ' '), '  ', ' ')"))
}
