//! The data of candidates as a table: one row a local government, one column a criterion or a rule.

use std::collections::BTreeMap;

use super::EligibilityRule;
use crate::budget::IMPORT_UNREADABLE;
use crate::id::{OrganisationId, TerritorialUnitId};
use crate::refusal::Refusal;
use crate::word::Word as _;

/// The most rows of a table.
pub const ROWS_MAX: usize = 2000;

/// The largest value of a criterion.
pub const VALUE_MAX: i64 = 1_000_000_000_000_000;

/// What a table says of a candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// One of these three names it: a code of any scheme,
    pub code: Option<String>,
    /// the id of the territorial unit,
    pub unit: Option<TerritorialUnitId>,
    /// or that of the organisation that governs it.
    pub organisation: Option<OrganisationId>,
    pub population: i64,
    pub values: BTreeMap<String, i64>,
    pub facts: BTreeMap<EligibilityRule, bool>,
    pub source: String,
}

fn unreadable(reason: String) -> Refusal {
    IMPORT_UNREADABLE.refuse().with("reason", reason)
}

/// Reads CSV, separated by ";" or ",": `code`, `territorial_unit_id` or `organisation_id`; `source`, `population`, a column for each
/// further criterion and for each rule by its name. An empty cell is missing, never zero.
pub fn read_csv(bytes: &[u8]) -> Result<Vec<Row>, Refusal> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable("Le fichier n'est pas en UTF-8 / The file is not UTF-8".to_owned()))?;
    let delimiter = if text.lines().next().unwrap_or("").contains(';') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
    let columns: Vec<String> = reader.headers().map_err(|error| unreadable(error.to_string()))?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let wrong = |column: &str| unreadable(format!("Ligne / Row {}, colonne / column {column}", index + 1));
        let record = record.map_err(|_| wrong("?"))?;
        if rows.len() == ROWS_MAX {
            return Err(unreadable(format!("Plus de / More than {ROWS_MAX} lignes / rows")));
        }
        let mut row = Row { population: -1, ..Row::default() };
        for (column, cell) in columns.iter().zip(record.iter()) {
            match (column.as_str(), EligibilityRule::parse(column)) {
                ("source", _) => cell.clone_into(&mut row.source),
                (_, _) if cell.is_empty() => {}
                ("code", _) => row.code = Some(cell.to_owned()),
                ("territorial_unit_id", _) => row.unit = Some(TerritorialUnitId(cell.parse().map_err(|_| wrong(column))?)),
                ("organisation_id", _) => row.organisation = Some(OrganisationId(cell.parse().map_err(|_| wrong(column))?)),
                (_, Some(rule)) => drop(row.facts.insert(rule, cell.parse().map_err(|_| wrong(column))?)),
                (_, None) => {
                    let value = cell.parse::<i64>().ok().filter(|value| (0..=VALUE_MAX).contains(value)).ok_or_else(|| wrong(column))?;
                    if column == "population" {
                        row.population = value;
                    }
                    row.values.insert(column.clone(), value);
                }
            }
        }
        for (column, absent) in [("source", row.source.is_empty()), ("population", row.population < 0)] {
            if absent {
                return Err(wrong(column));
            }
        }
        rows.push(row);
    }
    Ok(rows)
}
