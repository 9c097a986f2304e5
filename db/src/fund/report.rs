//! What was told of funds elsewhere, as it was told. It is never changed.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::fund::FUND_RECORD_DUPLICATE;
use domain::fund::waterfall::FundFigure;
use domain::id::{FundId, FundReportId, OrganisationId, PrincipalId};
use domain::sensitivity::{Scope, Sensitivity};

use super::RecordedAt;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{fund_report_donors, fund_report_figures, fund_reports};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = fund_reports)]
pub struct FundReportRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<FundReportId>,
    pub fund_id: Col<FundId>,
    pub source: String,
    pub as_of: NaiveDate,
    pub unit: i64,
    pub allocated_bps: Option<i32>,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: RecordedAt,
}

/// A report with its figures and the contributors that it names.
#[derive(Clone, Debug)]
pub struct FundReport {
    pub row: FundReportRow,
    pub figures: Vec<(FundFigure, i64)>,
    pub donors: Vec<String>,
}

/// A report to record.
#[derive(Clone, Debug)]
pub struct NewReport {
    pub id: FundReportId,
    pub fund: FundId,
    pub source: String,
    pub as_of: NaiveDate,
    pub unit: i64,
    pub allocated_bps: Option<i32>,
    pub figures: BTreeMap<FundFigure, i64>,
    pub donors: Vec<String>,
    pub recorded_by: PrincipalId,
}

pub fn append_report(tx: &mut Tx<'_>, new: &NewReport) -> Result<FundReport, Fault> {
    diesel::insert_into(fund_reports::table)
        .values((
            fund_reports::organisation_id.eq(Col(tx.organisation)),
            fund_reports::id.eq(Col(new.id)),
            fund_reports::fund_id.eq(Col(new.fund)),
            fund_reports::source.eq(&new.source),
            fund_reports::as_of.eq(new.as_of),
            fund_reports::unit.eq(new.unit),
            fund_reports::allocated_bps.eq(new.allocated_bps),
            fund_reports::recorded_by.eq(Col(new.recorded_by)),
            fund_reports::recorded_at.eq(Col(tx.author.now)),
            fund_reports::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| FUND_RECORD_DUPLICATE.refuse().with("code", new.id.to_string()).at("/id")))?;
    for (figure, amount) in &new.figures {
        diesel::insert_into(fund_report_figures::table)
            .values((
                fund_report_figures::organisation_id.eq(Col(tx.organisation)),
                fund_report_figures::report_id.eq(Col(new.id)),
                fund_report_figures::figure.eq(Col(*figure)),
                fund_report_figures::amount.eq(*amount),
            ))
            .execute(tx.conn)?;
    }
    for name in &new.donors {
        diesel::insert_into(fund_report_donors::table)
            .values((
                fund_report_donors::organisation_id.eq(Col(tx.organisation)),
                fund_report_donors::report_id.eq(Col(new.id)),
                fund_report_donors::name.eq(name),
            ))
            .execute(tx.conn)?;
    }
    find_report(tx.conn, &tx.all(), new.id)
}

fn with_figures(conn: &mut Conn, scope: &Scope, rows: Vec<FundReportRow>) -> Result<Vec<FundReport>, Fault> {
    let ids: Vec<Col<FundReportId>> = rows.iter().map(|row| row.id).collect();
    let figures: Vec<(Col<FundReportId>, Col<FundFigure>, i64)> = fund_report_figures::table
        .filter(fund_report_figures::organisation_id.eq(Col(scope.organisation)))
        .filter(fund_report_figures::report_id.eq_any(&ids))
        .select((fund_report_figures::report_id, fund_report_figures::figure, fund_report_figures::amount))
        .load(conn)?;
    let donors: Vec<(Col<FundReportId>, String)> = fund_report_donors::table
        .filter(fund_report_donors::organisation_id.eq(Col(scope.organisation)))
        .filter(fund_report_donors::report_id.eq_any(&ids))
        .select((fund_report_donors::report_id, fund_report_donors::name))
        .load(conn)?;
    let whole = |row: FundReportRow| {
        let of = figures.iter().filter(|(report, _, _)| *report == row.id).map(|(_, figure, amount)| (figure.0, *amount));
        let mut of: Vec<(FundFigure, i64)> = of.collect();
        of.sort_unstable();
        let mut named: Vec<String> = donors.iter().filter(|(report, _)| *report == row.id).map(|(_, name)| name.clone()).collect();
        named.sort();
        FundReport { figures: of, donors: named, row }
    };
    Ok(rows.into_iter().map(whole).collect())
}

/// A report.
pub fn find_report(conn: &mut Conn, scope: &Scope, id: FundReportId) -> Result<FundReport, Fault> {
    let row = visible!(fund_reports, scope).filter(fund_reports::id.eq(Col(id)));
    let row = row.select(FundReportRow::as_select()).first(conn)?;
    with_figures(conn, scope, vec![row])?.pop().ok_or(Fault::Missing)
}

/// The reports on funds, or on one of them.
pub fn list_reports(conn: &mut Conn, scope: &Scope, fund: Option<FundId>, page: &Keyset<FundReportId>) -> Result<Rows<FundReport>, Fault> {
    let mut query =
        visible!(fund_reports, scope).order(fund_reports::id).limit(page.probe()).select(FundReportRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(fund_reports::id.gt(Col(after)));
    }
    if let Some(fund) = fund {
        query = query.filter(fund_reports::fund_id.eq(Col(fund)));
    }
    let rows = page.cut(query.load(conn)?);
    Ok(Rows { more: rows.more, rows: with_figures(conn, scope, rows.rows)? })
}
