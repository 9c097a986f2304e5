//! Pages of lists: keyset, never offset; and how a list is searched by name.

use domain::text::fold;

/// The pattern of LIKE for folded names that contain a text. Folding leaves none of LIKE's wildcards; what folds to
/// nothing is a part of no name.
pub fn containing(text: &str) -> String {
    let folded = fold(text);
    if folded.is_empty() { folded } else { format!("%{folded}%") }
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
