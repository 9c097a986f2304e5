//! Expenditure reports of projects, their lines, refunds, and what was settled at the end.

use chrono::NaiveDate;
use diesel::dsl::max;
use diesel::prelude::*;
use domain::id::{ExpenditureReportId, OrganisationId, PrincipalId, ProjectId, ProjectRefundId};
use domain::money::Amount;
use domain::project::duty::Duty;
use domain::project::guard::BudgetCategory;
use domain::project::report::{ExpenditureReportState, Reported};
use domain::project::settlement::Settlement;
use uuid::Uuid;

use super::ProjectRow;
use crate::budget::amount;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::fund::RecordedAt;
use crate::page::{Keyset, Rows};
use crate::schema::{project_expenditure_reports, project_refunds, project_report_lines, project_settlements};
use crate::store::Tx;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_expenditure_reports)]
pub struct ReportRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<ExpenditureReportId>,
    pub project_id: Col<ProjectId>,
    pub number: i32,
    pub period_from: NaiveDate,
    pub period_to: NaiveDate,
    pub closing: bool,
    pub amount: i64,
    pub document_sha256: String,
    pub state: Col<ExpenditureReportState>,
    pub submitted_by: Col<PrincipalId>,
    pub submitted_on: NaiveDate,
    pub certified_by: Option<Col<PrincipalId>>,
    pub certified_on: Option<NaiveDate>,
    pub accepted_by: Option<Col<PrincipalId>>,
    pub accepted_on: Option<NaiveDate>,
    pub ended_by: Option<Col<PrincipalId>>,
    pub ended_on: Option<NaiveDate>,
    pub reason: Option<String>,
    pub recorded_at: RecordedAt,
    pub version: i64,
    /// Whose it is, where the project names recipients.
    pub recipient_number: Option<i32>,
}

impl ReportRow {
    /// Who did which part of it.
    pub fn done(&self) -> Vec<(Duty, PrincipalId)> {
        let parts = [(Duty::Proponent, Some(self.submitted_by)), (Duty::FinanceCertifier, self.certified_by)];
        parts.into_iter().filter_map(|(duty, who)| Some((duty, who?.0))).collect()
    }

    /// As rules look at it.
    pub fn reported(&self) -> Result<Reported, Fault> {
        let accepted = self.state.0 == ExpenditureReportState::Accepted;
        Ok(Reported { from: self.period_from, to: self.period_to, amount: amount(self.amount)?, closing: self.closing, accepted })
    }
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_report_lines)]
pub struct ReportLineRow {
    pub report_id: Col<ExpenditureReportId>,
    pub number: i32,
    pub category: Col<BudgetCategory>,
    pub description: String,
    pub amount: i64,
}

/// A report with its lines.
#[derive(Clone, Debug)]
pub struct ExpenditureReport {
    pub row: ReportRow,
    pub lines: Vec<ReportLineRow>,
}

/// A report to keep, already judged.
#[derive(Clone, Debug)]
pub struct NewReportRow {
    pub id: ExpenditureReportId,
    pub project: ProjectId,
    pub period: (NaiveDate, NaiveDate),
    pub closing: bool,
    pub amount: i64,
    pub document_sha256: String,
    pub lines: Vec<(BudgetCategory, String, i64)>,
    pub submitted_by: PrincipalId,
    pub recipient: Option<i32>,
}

pub fn insert_report(tx: &mut Tx<'_>, new: &NewReportRow) -> Result<(), Fault> {
    let last: Option<i32> = project_expenditure_reports::table
        .filter(project_expenditure_reports::organisation_id.eq(Col(tx.organisation)))
        .filter(project_expenditure_reports::project_id.eq(Col(new.project)))
        .order(project_expenditure_reports::number.desc())
        .select(project_expenditure_reports::number)
        .first(tx.conn)
        .optional()?;
    diesel::insert_into(project_expenditure_reports::table)
        .values((
            project_expenditure_reports::organisation_id.eq(Col(tx.organisation)),
            project_expenditure_reports::id.eq(Col(new.id)),
            project_expenditure_reports::project_id.eq(Col(new.project)),
            project_expenditure_reports::number.eq(last.unwrap_or(0) + 1),
            project_expenditure_reports::period_from.eq(new.period.0),
            project_expenditure_reports::period_to.eq(new.period.1),
            project_expenditure_reports::closing.eq(new.closing),
            project_expenditure_reports::amount.eq(new.amount),
            project_expenditure_reports::document_sha256.eq(&new.document_sha256),
            project_expenditure_reports::state.eq(Col(ExpenditureReportState::Submitted)),
            project_expenditure_reports::submitted_by.eq(Col(new.submitted_by)),
            project_expenditure_reports::submitted_on.eq(tx.today()),
            project_expenditure_reports::recorded_at.eq(Col(tx.now())),
            project_expenditure_reports::version.eq(1),
            project_expenditure_reports::recipient_number.eq(new.recipient),
        ))
        .execute(tx.conn)?;
    for (number, (category, description, amount)) in (1_i32..).zip(&new.lines) {
        diesel::insert_into(project_report_lines::table)
            .values((
                project_report_lines::organisation_id.eq(Col(tx.organisation)),
                project_report_lines::report_id.eq(Col(new.id)),
                project_report_lines::number.eq(number),
                project_report_lines::category.eq(Col(*category)),
                project_report_lines::description.eq(description),
                project_report_lines::amount.eq(*amount),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

fn with_lines(conn: &mut Conn, owner: Col<OrganisationId>, rows: Vec<ReportRow>) -> Result<Vec<ExpenditureReport>, Fault> {
    let ids: Vec<Col<ExpenditureReportId>> = rows.iter().map(|row| row.id).collect();
    let lines: Vec<ReportLineRow> = project_report_lines::table
        .filter(project_report_lines::organisation_id.eq(owner))
        .filter(project_report_lines::report_id.eq_any(ids))
        .order((project_report_lines::report_id, project_report_lines::number))
        .select(ReportLineRow::as_select())
        .load(conn)?;
    let of = |id: Col<ExpenditureReportId>| lines.iter().filter(|line| line.report_id == id).cloned().collect();
    Ok(rows.into_iter().map(|row| ExpenditureReport { lines: of(row.id), row }).collect())
}

/// When a report of a project was accepted last.
pub fn last_accepted_on(conn: &mut Conn, project: &ProjectRow) -> Result<Option<NaiveDate>, Fault> {
    Ok(project_expenditure_reports::table
        .filter(project_expenditure_reports::organisation_id.eq(project.organisation_id))
        .filter(project_expenditure_reports::project_id.eq(project.id))
        .filter(project_expenditure_reports::state.eq(Col(ExpenditureReportState::Accepted)))
        .select(max(project_expenditure_reports::accepted_on))
        .first(conn)?)
}

/// A report of a project, which the caller was seen to see.
pub fn find_report(conn: &mut Conn, project: &ProjectRow, id: ExpenditureReportId) -> Result<ExpenditureReport, Fault> {
    let row: ReportRow = project_expenditure_reports::table
        .filter(project_expenditure_reports::organisation_id.eq(project.organisation_id))
        .filter(project_expenditure_reports::project_id.eq(project.id))
        .filter(project_expenditure_reports::id.eq(Col(id)))
        .select(ReportRow::as_select())
        .first(conn)?;
    with_lines(conn, project.organisation_id, vec![row])?.pop().ok_or(Fault::Missing)
}

/// Every report of a project that was not refused, the first first, and whose it is.
pub fn reported_of(conn: &mut Conn, project: &ProjectRow) -> Result<Vec<(Option<i32>, Reported)>, Fault> {
    let rows: Vec<ReportRow> = project_expenditure_reports::table
        .filter(project_expenditure_reports::organisation_id.eq(project.organisation_id))
        .filter(project_expenditure_reports::project_id.eq(project.id))
        .filter(project_expenditure_reports::state.ne(Col(ExpenditureReportState::Rejected)))
        .order(project_expenditure_reports::number)
        .select(ReportRow::as_select())
        .load(conn)?;
    rows.iter().map(|row| Ok((row.recipient_number, row.reported()?))).collect()
}

/// The lines of every report of a project that was not refused.
pub fn told_of(conn: &mut Conn, project: &ProjectRow) -> Result<Vec<(BudgetCategory, Amount)>, Fault> {
    let lines: Vec<(Col<BudgetCategory>, i64)> = project_report_lines::table
        .inner_join(
            project_expenditure_reports::table.on(project_expenditure_reports::organisation_id
                .eq(project_report_lines::organisation_id)
                .and(project_expenditure_reports::id.eq(project_report_lines::report_id))),
        )
        .filter(project_report_lines::organisation_id.eq(project.organisation_id))
        .filter(project_expenditure_reports::project_id.eq(project.id))
        .filter(project_expenditure_reports::state.ne(Col(ExpenditureReportState::Rejected)))
        .select((project_report_lines::category, project_report_lines::amount))
        .load(conn)?;
    lines.into_iter().map(|(category, told)| Ok((category.0, amount(told)?))).collect()
}

pub fn list_reports(
    conn: &mut Conn,
    project: &ProjectRow,
    state: Option<ExpenditureReportState>,
    page: &Keyset<ExpenditureReportId>,
) -> Result<Rows<ExpenditureReport>, Fault> {
    let mut query = project_expenditure_reports::table
        .filter(project_expenditure_reports::organisation_id.eq(project.organisation_id))
        .filter(project_expenditure_reports::project_id.eq(project.id))
        .order(project_expenditure_reports::id)
        .limit(page.probe())
        .select(ReportRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(project_expenditure_reports::id.gt(Col(after)));
    }
    if let Some(state) = state {
        query = query.filter(project_expenditure_reports::state.eq(Col(state)));
    }
    let rows = page.cut(query.load(conn)?);
    Ok(Rows { more: rows.more, rows: with_lines(conn, project.organisation_id, rows.rows)? })
}

/// Keeps a report as it is after an act, under its next version.
pub fn update_report(tx: &mut Tx<'_>, row: &ReportRow) -> Result<(), Fault> {
    let own = project_expenditure_reports::table.filter(project_expenditure_reports::organisation_id.eq(row.organisation_id));
    diesel::update(own.filter(project_expenditure_reports::id.eq(row.id)))
        .set((
            project_expenditure_reports::state.eq(row.state),
            project_expenditure_reports::certified_by.eq(row.certified_by),
            project_expenditure_reports::certified_on.eq(row.certified_on),
            project_expenditure_reports::accepted_by.eq(row.accepted_by),
            project_expenditure_reports::accepted_on.eq(row.accepted_on),
            project_expenditure_reports::ended_by.eq(row.ended_by),
            project_expenditure_reports::ended_on.eq(row.ended_on),
            project_expenditure_reports::reason.eq(row.reason.as_deref()),
            project_expenditure_reports::version.eq(row.version + 1),
        ))
        .execute(tx.conn)?;
    Ok(())
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_refunds)]
pub struct RefundRow {
    pub id: Col<ProjectRefundId>,
    pub amount: i64,
    pub received_on: NaiveDate,
    pub bank_reference: String,
    pub act_id: Col<Uuid>,
    pub recorded_by: Col<PrincipalId>,
    /// Who gave it back, where the project names recipients.
    pub recipient_number: Option<i32>,
}

/// Money that came back.
#[derive(Clone, Debug)]
pub struct NewRefund {
    pub id: ProjectRefundId,
    pub project: ProjectId,
    pub amount: i64,
    pub received_on: NaiveDate,
    pub bank_reference: String,
    pub act: Uuid,
    pub recorded_by: PrincipalId,
    pub recipient: Option<i32>,
}

pub fn insert_refund(tx: &mut Tx<'_>, new: &NewRefund) -> Result<(), Fault> {
    diesel::insert_into(project_refunds::table)
        .values((
            project_refunds::organisation_id.eq(Col(tx.organisation)),
            project_refunds::id.eq(Col(new.id)),
            project_refunds::project_id.eq(Col(new.project)),
            project_refunds::amount.eq(new.amount),
            project_refunds::received_on.eq(new.received_on),
            project_refunds::bank_reference.eq(&new.bank_reference),
            project_refunds::act_id.eq(Col(new.act)),
            project_refunds::recorded_by.eq(Col(new.recorded_by)),
            project_refunds::recorded_at.eq(Col(tx.now())),
            project_refunds::recipient_number.eq(new.recipient),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Everything that came back from a project.
pub fn refunds_of(conn: &mut Conn, project: &ProjectRow) -> Result<Vec<RefundRow>, Fault> {
    Ok(project_refunds::table
        .filter(project_refunds::organisation_id.eq(project.organisation_id))
        .filter(project_refunds::project_id.eq(project.id))
        .order(project_refunds::id)
        .select(RefundRow::as_select())
        .load(conn)?)
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_settlements)]
pub struct SettlementRow {
    pub disbursed: i64,
    pub accepted: i64,
    pub refunded: i64,
    pub rest: i64,
    pub due_on: Option<NaiveDate>,
}

/// Keeps what was settled; `due` where the rest is to come back.
pub fn insert_settlement(tx: &mut Tx<'_>, project: ProjectId, settled: &Settlement, due: bool, by: PrincipalId) -> Result<(), Fault> {
    diesel::insert_into(project_settlements::table)
        .values((
            project_settlements::organisation_id.eq(Col(tx.organisation)),
            project_settlements::project_id.eq(Col(project)),
            project_settlements::disbursed.eq(settled.disbursed.minor()),
            project_settlements::accepted.eq(settled.accepted.minor()),
            project_settlements::refunded.eq(settled.refunded.minor()),
            project_settlements::rest.eq(settled.rest.minor()),
            project_settlements::due_on.eq(due.then_some(settled.due_on)),
            project_settlements::recorded_by.eq(Col(by)),
            project_settlements::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// What was settled at the end of a project, if it ended.
pub fn settlement_of(conn: &mut Conn, project: &ProjectRow) -> Result<Option<SettlementRow>, Fault> {
    Ok(project_settlements::table
        .filter(project_settlements::organisation_id.eq(project.organisation_id))
        .filter(project_settlements::project_id.eq(project.id))
        .select(SettlementRow::as_select())
        .first(conn)
        .optional()?)
}
