//! Similar projects: what may be done twice, and what may be one project that was split to stay under the ceiling.

use chrono::NaiveDate;
use db::connection::Conn;
use db::fault::Fault;
use db::fund::exchange::ExchangeRateRow;
use db::project::review::Overlap;
use db::project::{Project, ProjectRow};
use domain::money::Amount;
use domain::programme::rule_set::RuleSet;
use domain::project::ceiling::{ceiling, worth};
use domain::project::overlap::{OverlapDisposition, exceed_together};
use domain::sensitivity::Scope;

use super::case::rate_to_ceiling;

/// A project that is similar to another.
pub(super) struct Similar {
    pub overlap: Overlap,
    /// Together with others of one hand both are above the ceiling.
    pub possible_splitting: bool,
}

impl Similar {
    /// Whether it stands in the way as one that nobody looked at, or as a duplicate.
    pub fn may_be_duplicate(&self) -> bool {
        match self.overlap.disposition {
            None => self.overlap.at_once,
            Some(found) => !found.clears() && found != OverlapDisposition::Splitting,
        }
    }

    /// Whether it stands in the way as a part of the same project, found or feared.
    pub fn may_be_split(&self) -> bool {
        match self.overlap.disposition {
            None => self.possible_splitting,
            Some(found) => found == OverlapDisposition::Splitting,
        }
    }
}

/// What a project asks for, in the currency of the ceiling at the rate of the day; none where nobody recorded one.
fn worth_of(conn: &mut Conn, scope: &Scope, row: &ProjectRow, (rules, today): (&RuleSet, NaiveDate)) -> Result<Option<Amount>, Fault> {
    let Some((_, of)) = ceiling(rules) else { return Ok(None) };
    let rate = rate_to_ceiling(conn, scope, row, (rules, today))?.as_ref().map(ExchangeRateRow::rate).transpose()?;
    let asked = Amount::from_minor(row.budget).unwrap_or_default();
    Ok(worth((asked, row.currency()?), of, rate, today).ok())
}

/// The projects that are similar to one: those that share place, sector and time with it, and those of one hand that together with it are
/// above the ceiling of its instrument.
pub(super) fn similar_to(
    conn: &mut Conn,
    scope: &Scope,
    project: &Project,
    (rules, today): (&RuleSet, NaiveDate),
) -> Result<Vec<Similar>, Fault> {
    let found = db::project::review::overlaps_of(conn, scope, project, rules.splitting_days)?;
    let mut worths = Vec::new();
    for row in found.iter().filter(|one| one.of_one_hand).map(|one| &one.other).chain([&project.row]) {
        worths.push(worth_of(conn, scope, row, (rules, today))?);
    }
    let exceeding = ceiling(rules).is_some_and(|(max, _)| worths.len() > 1 && exceed_together(max, &worths));
    let similar = |overlap: Overlap| Similar { possible_splitting: overlap.of_one_hand && exceeding, overlap };
    Ok(found.into_iter().map(similar).filter(|one| one.overlap.at_once || one.possible_splitting).collect())
}
