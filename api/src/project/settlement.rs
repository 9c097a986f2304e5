//! How the money of a project ends: refunds, the closure of its accounts, its termination; and where all of it stands.

use actix_web::{HttpRequest, get, post};
use chrono::NaiveDate;
use db::connection::Conn;
use db::fault::Fault;
use db::project::report::NewRefund;
use db::project::{Project, ProjectRow};
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::calendar::not_future;
use domain::fund::FundUseKind;
use domain::id::{CommitteeId, ProjectId, ProjectRefundId, SupplierId};
use domain::money::Amount;
use domain::programme::rule_set::find;
use domain::project::agreement::Agreement;
use domain::project::ceiling::{ceiling, use_bps, worth};
use domain::project::committee::{Sitting, require_termination};
use domain::project::finance::{AGREEMENT_MISSING, ATTRIBUTION_OPEN, Finance, PROJECT_SETTLED};
use domain::project::recipient::require_left;
use domain::project::settlement::{Settlement, residual_max};
use domain::project::{ProjectAction, ProjectState, VOTER_ABSENT};
use domain::sensitivity::Scope;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::act::take;
use super::case::{Case, allocated, submitted_at};
use super::disbursement::{purpose_of, through_fund};
use super::recipient::{RecipientLedgerView, ledger, ledgers, meant};
use super::{ProjectPath, ProjectView, view};
use crate::answer::{Answered, done, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::fund::spending::{PurposeUse, settle_purpose};
use crate::wire::{AmountText, CurrencyText};

/// Where the money of a project stands: ledgers in its currency, none of which stands for another.
#[derive(Serialize, ToSchema)]
pub struct FinanceSummary {
    project_id: ProjectId,
    state: ProjectState,
    /// Of all amounts.
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    /// What the project asks for.
    #[schema(max_length = 21)]
    budget: String,
    /// What of the ceiling of its instrument that is, in basis points: where it stands in another currency, at the rate of its
    /// submission. None before it is submitted, and where there is no ceiling.
    #[schema(minimum = 0)]
    ceiling_use_bps: Option<i64>,
    /// What was approved; nothing before.
    #[schema(max_length = 21)]
    approved: Option<String>,
    /// What its fund set aside and did not take back; nothing where the fund counts in another currency.
    #[schema(max_length = 21)]
    allocated: Option<String>,
    /// What the agreement is on.
    #[schema(max_length = 21)]
    agreed: Option<String>,
    /// Paid and not sent back by the bank.
    #[schema(max_length = 21)]
    disbursed: String,
    /// Spent, as reports that were accepted tell.
    #[schema(max_length = 21)]
    accepted_expenditure: String,
    /// What of it is attributed to the contributions that pay.
    #[schema(max_length = 21)]
    attributed: String,
    /// Came back unspent.
    #[schema(max_length = 21)]
    refunded: String,
    /// Disbursed, and neither spent nor back. Left with the partner once the accounts are closed.
    #[schema(max_length = 21)]
    rest: String,
    /// Until when the rest of a project that was terminated is due; null for others.
    refund_due_on: Option<NaiveDate>,
    /// The ledgers of the recipients, where the project names them; together they make those of the project.
    #[schema(max_items = 20)]
    recipients: Vec<RecipientLedgerView>,
    /// Of the project.
    #[schema(minimum = 1)]
    version: i64,
}

fn summary(conn: &mut Conn, scope: &Scope, project: &Project, version: i64) -> Result<FinanceSummary, Fault> {
    let (row, currency) = (&project.row, project.row.currency()?);
    let finance = db::project::finance::finance_of(conn, row)?;
    let settled = db::project::report::settlement_of(conn, row)?;
    let shown = |amount: Amount| amount.display(currency);
    let budget = shown(db::budget::amount(row.budget)?);
    let spent = finance.accepted.checked_add(finance.refunded).unwrap_or_default();
    Ok(FinanceSummary {
        project_id: row.id.0,
        state: row.state.0,
        currency: currency.code().to_owned(),
        // One that was given up was approved too.
        approved: row.state.0.class().map(|_| budget.clone()),
        budget,
        ceiling_use_bps: ceiling_used(conn, row)?,
        allocated: allocated(conn, scope, row)?.map(shown),
        agreed: finance.agreement.as_ref().map(|agreement: &Agreement| shown(agreement.amount)),
        disbursed: shown(finance.paid),
        accepted_expenditure: shown(finance.accepted),
        attributed: shown(finance.attributed),
        refunded: shown(finance.refunded),
        rest: shown(finance.paid.checked_sub(spent).unwrap_or_default()),
        refund_due_on: settled.and_then(|settled| settled.due_on),
        recipients: ledgers(project, &finance, currency),
        version,
    })
}

/// What of the ceiling of its pinned rules a project asks for.
fn ceiling_used(conn: &mut Conn, row: &ProjectRow) -> Result<Option<i64>, Fault> {
    let Some(rules) = row.rule_set_version.and_then(|version| find(row.instrument.0, version)) else { return Ok(None) };
    let Some((max, of)) = ceiling(rules) else { return Ok(None) };
    let rate = submitted_at(conn, row, rules)?;
    let asked = (db::budget::amount(row.budget)?, row.currency()?);
    Ok(worth(asked, of, rate, row.starts_on).ok().and_then(|worth| use_bps(worth, max)))
}

/// Where the money of a project stands: asked for, approved, allocated, agreed, disbursed, spent and refunded.
#[utoipa::path(tag = "project", responses((status = 200, body = FinanceSummary)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/finance-summary")]
pub async fn read_finance_summary(call: Call, request: HttpRequest, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let found = call
        .store()
        .read(move |conn| {
            let project = db::project::find_project(conn, &scope, id)?;
            let version = project.row.version;
            summary(conn, &scope, &project, version)
        })
        .await?;
    versioned(&request, found.version, &found)
}

/// A refund.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectRefund {
    amount: AmountText,
    /// Of the project.
    currency: CurrencyText,
    /// Value date of the bank: not before the first payment, not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    on: NaiveDate,
    bank_reference: Text<80>,
    /// Of the donor's consent, where money returns to a contribution that has ended; without it, the refund is held until it is given.
    donor_consent: Option<Text<80>>,
    /// The recipient that gives it back, where the project names recipients.
    supplier_id: Option<SupplierId>,
}

impl Json for ProjectRefund {}

/// Records that unspent money came back. It returns to the contributions that paid it, in the same proportions.
#[utoipa::path(tag = "project", request_body = ProjectRefund, responses((status = 200, body = FinanceSummary)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/refunds")]
pub async fn record_project_refund(asked: Asked<ProjectRefund>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    let (refund, act) = (ProjectRefundId::new(), Uuid::now_v7());
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            let currency = project.row.currency()?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            let finance = db::project::finance::finance_of(tx.conn, &project.row)?;
            finance.agreement.as_ref().ok_or_else(|| AGREEMENT_MISSING.refuse())?.require_money()?;
            let recipient = meant(&project, body.supplier_id, "/supplier_id")?;
            if let Some(ledger) = ledger(&finance, recipient) {
                require_left(ledger, amount, currency)?;
            }
            let used = PurposeUse {
                act,
                kind: FundUseKind::Refund,
                amount,
                on: body.on,
                reference: body.bank_reference.as_str().to_owned(),
                donor_consent: body.donor_consent.as_ref().map(|consent| consent.as_str().to_owned()),
                undone: None,
            };
            let moved = through_fund(call, tx, &project, &used)?;
            let bank_reference = body.bank_reference.as_str().to_owned();
            let (amount, received_on, recorded_by) = (amount.minor(), body.on, by);
            let new = NewRefund { id: refund, project: id, amount, received_on, bank_reference, act, recorded_by, recipient };
            db::project::report::insert_refund(tx, &new)?;
            db::project::touch_project(tx, &project.row)?;
            let freed = free_settled(tx, &project)?;
            let event = project.row.event("project.refunded")?.with("refund_id", refund.to_string()).with("on", body.on);
            let answer = summary(tx.conn, &tx.all(), &project, project.row.version + 1)?;
            Ok((done(answer.version, &answer)?, Events::from(event).and(moved).also(freed)))
        })
        .await
}

/// Lets the purpose of a project that was terminated go, once nothing of it is outstanding: the fund closes it.
fn free_settled(tx: &mut Tx<'_>, project: &Project) -> Result<Option<Event>, Fault> {
    let ended = db::project::report::settlement_of(tx.conn, &project.row)?.is_some();
    let finance = db::project::finance::finance_of(tx.conn, &project.row)?;
    let free = ended && finance.unsettled.is_zero() && !finance.in_kind();
    let Some(purpose) = project.row.fund_purpose_id.filter(|_| free) else { return Ok(None) };
    let purpose = db::fund::purpose::find_purpose(tx.conn, &tx.all(), purpose.0)?;
    db::fund::purpose::hold_purpose(tx, &purpose.row, false)?;
    let freed = Event::of("fund_purpose.freed", "fund_purpose", purpose.row.id.0.0, purpose.row.version + 1);
    Ok(Some(freed.with("project_id", project.row.id.0.to_string())))
}

/// What is settled today. Guards have seen that nothing is open, so more was not accepted than disbursed.
fn settled(finance: &Finance, today: NaiveDate) -> Result<Settlement, Fault> {
    finance.settlement(today).ok_or_else(|| ATTRIBUTION_OPEN.refuse().into())
}

/// The closure of a project's accounts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountsClosure {
    /// Of the certified final report.
    reference: Text<80>,
}

impl Json for AccountsClosure {}

/// Closes the accounts of a project: its final report is accepted, nothing is under way, all that was spent is attributed, and what was
/// not is back, but for a rest that the rules of its instrument leave with the partner. The purpose is closed with it. The accounts of a
/// project that was terminated were settled with its end: once what is due is back, the fund closes its purpose.
#[utoipa::path(tag = "project", request_body = AccountsClosure, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/financial-closure")]
pub async fn close_project_accounts(asked: Asked<AccountsClosure>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    let act = Uuid::now_v7();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            if project.row.state.0 == ProjectState::Terminated {
                return Err(PROJECT_SETTLED.refuse().into());
            }
            let moved = take(call, tx, &project, ProjectAction::CloseFinancial, (None, None))?;
            let case = Case::load(tx.conn, &tx.all(), &project, call.today)?;
            let settled = settled(case.finance(), call.today)?;
            db::project::report::insert_settlement(tx, id, &settled, false, by)?;
            let most = residual_max(case.rules, project.row.currency()?).minor();
            let closed = close_purpose(call, tx, &project, (act, body.reference.as_str()), most)?;
            let after = db::project::find_project(tx.conn, &tx.all(), id)?;
            Ok((done(after.row.version, &view(after)?)?, Events::from(moved).and(closed)))
        })
        .await
}

fn close_purpose(call: &Call, tx: &mut Tx<'_>, project: &Project, (act, reference): (Uuid, &str), most: i64) -> Result<Event, Fault> {
    let (purpose, fund) = purpose_of(tx, project)?;
    settle_purpose(call, tx, (&purpose.row, &fund), (act, call.today, reference), most)
}

/// The termination of a project.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectTermination {
    /// The committee whose motion to terminate was carried, of which the caller is a member.
    committee_id: CommitteeId,
    /// Of the session that carried it. Not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    held_on: NaiveDate,
    /// Of its minutes.
    minutes_reference: Text<80>,
    reason: Text<500>,
}

impl Json for ProjectTermination {}

/// Ends a project after payments, as a committee decided: the last motion that was carried on it is one to terminate, of the session that
/// is named. What was paid is settled: what is neither spent nor back is due in thirty days.
#[utoipa::path(tag = "project", request_body = ProjectTermination, responses((status = 200, body = FinanceSummary)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/termination")]
pub async fn terminate_project(asked: Asked<ProjectTermination>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            project.row.state.0.act(ProjectAction::Terminate)?;
            not_future(body.held_on, call.today).map_err(|refusal| refusal.at("/held_on"))?;
            let committee = db::project::committee::find_committee(tx.conn, &scope, body.committee_id)?;
            if !committee.members.contains(&by) {
                return Err(VOTER_ABSENT.refuse().at("/committee_id").into());
            }
            super::review::require_disinterested(tx, id)?;
            let carried = db::project::committee::last_carried(tx.conn, &project.row)?;
            let told = Sitting { committee: body.committee_id, held_on: body.held_on, minutes: body.minutes_reference.as_str() };
            require_termination(carried.as_ref().map(|motion| (motion.action.0, motion.sitting())), &told)?;
            let motion = carried.map(|motion| motion.id.0);
            let reason = format!("{}: {}", body.minutes_reference.as_str(), body.reason.as_str());
            let moved = take(call, tx, &project, ProjectAction::Terminate, (Some(reason), motion))?;
            let settled = settled(&db::project::finance::finance_of(tx.conn, &project.row)?, call.today)?;
            let currency = project.row.currency()?;
            db::project::report::insert_settlement(tx, id, &settled, !settled.rest.is_zero(), by)?;
            let freed = free_settled(tx, &project)?;
            let moved = moved.with("rest", settled.rest.display(currency)).with("currency", currency.code());
            let after = db::project::find_project(tx.conn, &tx.all(), id)?;
            let answer = summary(tx.conn, &tx.all(), &after, after.row.version)?;
            Ok((done(answer.version, &answer)?, Events::from(moved).also(freed)))
        })
        .await
}
