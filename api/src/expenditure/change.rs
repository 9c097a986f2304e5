//! What changes a commitment: increase, release of what is left, cancellation.

use actix_web::{post, web};
use db::budget::credit::{Cause, update_credit};
use db::budget::fiscal_year::find_fiscal_year;
use db::column::Col;
use db::expenditure::{CommitmentChange, CommitmentRow};
use db::fault::Fault;
use db::store::Tx;
use domain::audit::Event;
use domain::budget::credit::Step;
use domain::calendar::FiscalYear;
use domain::expenditure::document::DocumentStage;
use domain::expenditure::{CommitmentState, Committed, LIVE, cancel, release, require_open, require_state};
use domain::id::{CommitmentId, OrganisationId};
use domain::money::{Amount, Currency};
use domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

use super::document::{self, NewDocument};
use super::{CommitmentView, Demand, judge, own_currency, view};
use crate::answer::{Answered, done};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::wire::{AmountText, CurrencyText};

/// Why something ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    pub reason: Text<2000>,
}

impl Json for Ending {}

/// An increase of a commitment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Increase {
    /// What is added; the available credit must cover it.
    amount: AmountText,
    currency: CurrencyText,
    /// The amendment to the contract, and what else supports the increase.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    documents: Vec<NewDocument>,
}

impl Json for Increase {}

type CommitmentPath = web::Path<(OrganisationId, CommitmentId)>;

/// Loads a commitment at the version that the caller read, in a year that is open.
fn load(call: &Call, tx: &mut Tx<'_>, id: CommitmentId) -> Result<(CommitmentRow, Currency), Fault> {
    let scope = call.scope_in(tx.organisation);
    let row = db::expenditure::find_commitment(tx.conn, &scope, id)?;
    call.check_version(row.version)?;
    let year = find_fiscal_year(tx.conn, &scope, row.fiscal_year)?;
    require_open(FiscalYear::new(row.fiscal_year)?, year.state.0)?;
    Ok((row, own_currency(tx)?))
}

/// Increases a commitment under the same controls as a new one: the available credit must cover what is added, before the
/// cutoff, to a supplier who may be committed to.
#[utoipa::path(tag = "expenditure", request_body = Increase, responses((status = 200, body = CommitmentView)))]
#[post("/v1/organisations/{organisation_id}/commitments/{commitment_id}/increase")]
pub async fn increase_commitment(asked: Asked<Increase>, path: CommitmentPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let (row, currency) = load(call, tx, id)?;
            require_state(row.state.0, &LIVE)?;
            let demand = Demand {
                line: row.budget_line_id.0,
                supplier: row.supplier_id.0,
                before: db::budget::amount(row.amount)?,
                amount: &body.amount,
                currency: &body.currency,
                on: call.today,
                stage: DocumentStage::Increase,
                documents: &body.documents,
            };
            let judged = judge(call, &demand, tx)?;
            document::record(tx, ("commitment", id.0), &body.documents)?;
            let cause = Cause { kind: "commitment", id: id.0, on: call.today };
            update_credit(tx, &judged.charge, Step::Commit, judged.amount, cause)?;
            let sums = Committed { amount: db::budget::amount(row.amount + judged.amount.minor())?, ..row.sums()? };
            let change =
                CommitmentChange { amount: Some(sums.amount.minor()), state: Some(Col(sums.state())), ..CommitmentChange::default() };
            let after = db::expenditure::update_commitment(tx, &row, change)?;
            let event = Event::of("commitment.increased", "commitment", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("amount", judged.amount.display(currency))
                .with("currency", currency.code());
            Ok((done(after.version, &view(after, currency))?, event.into()))
        })
        .await
}

/// Gives an amount of the commitment back to the available credit, and ends it.
fn give_back(
    tx: &mut Tx<'_>,
    row: &CommitmentRow,
    amount: Amount,
    to: CommitmentState,
    reason: &str,
    currency: Currency,
) -> Result<(CommitmentRow, Event), Fault> {
    let cause = Cause { kind: "commitment", id: row.id.0.0, on: tx.today() };
    update_credit(tx, &row.charge(), Step::Release, amount, cause)?;
    let change = CommitmentChange {
        amount: Some(row.amount - amount.minor()),
        state: Some(Col(to)),
        end_reason: Some(Some(reason.to_owned())),
        ..CommitmentChange::default()
    };
    let after = db::expenditure::update_commitment(tx, row, change)?;
    let event = Event::of(
        if to == CommitmentState::Released { "commitment.released" } else { "commitment.cancelled" },
        "commitment",
        row.id.0.0,
        after.version,
    )
    .moved(row.state.0, to)
    .with("amount", amount.display(currency))
    .with("currency", currency.code())
    .with("reason", reason);
    Ok((after, event))
}

/// Releases what is not verified (dégagement): it goes back to the available credit of the article. A start-up advance is
/// recovered first, by statements or by claiming it back.
#[utoipa::path(tag = "expenditure", request_body = Ending, responses((status = 200, body = CommitmentView)))]
#[post("/v1/organisations/{organisation_id}/commitments/{commitment_id}/release")]
pub async fn release_commitment(asked: Asked<Ending>, path: CommitmentPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let (row, currency) = load(call, tx, id)?;
            let amount = release(row.state.0, row.sums()?, &row.advance()?, currency)?;
            let (after, event) = give_back(tx, &row, amount, CommitmentState::Released, body.reason.as_str(), currency)?;
            Ok((done(after.version, &view(after, currency))?, event.into()))
        })
        .await
}

/// Cancels a commitment on which nothing is verified; otherwise release what is left of it.
#[utoipa::path(tag = "expenditure", request_body = Ending, responses((status = 200, body = CommitmentView)))]
#[post("/v1/organisations/{organisation_id}/commitments/{commitment_id}/cancellation")]
pub async fn cancel_commitment(asked: Asked<Ending>, path: CommitmentPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let (row, currency) = load(call, tx, id)?;
            let amount = cancel(row.state.0, row.sums()?, currency)?;
            let (after, event) = give_back(tx, &row, amount, CommitmentState::Cancelled, body.reason.as_str(), currency)?;
            Ok((done(after.version, &view(after, currency))?, event.into()))
        })
        .await
}
