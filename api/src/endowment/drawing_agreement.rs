//! What is drawn on a right: agreements on projects of the beneficiary's budget, tranches, justifications.

use actix_web::post;
use chrono::NaiveDate;
use db::budget::StoredLine;
use db::endowment::drawing_agreement::{NewDrawingAgreement, append_drawing_agreement, append_justification, append_tranche};
use db::endowment::drawing_right::{DrawingRightRow, update_drawing_right};
use db::fault::Fault;
use db::parameter::find_parameters;
use db::store::Tx;
use domain::audit::Event;
use domain::budget::{BUDGET_NOT_EXECUTABLE, Direction, Section};
use domain::calendar::{Cause, not_before, not_future};
use domain::endowment::drawing_right::{
    DRAWING_RIGHT_NOT_DISBURSED, LIVE, PAID, Right, Terms, disburse, justify, require_counterpart, require_line, require_valid,
};
use domain::endowment::endowment_type;
use domain::id::{BudgetLineId, DrawingAgreementId, OrganisationId};
use domain::money::Amount;
use domain::refusal::Refusal;
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::drawing_right::{DrawingRightView, RightPath, agreement_of, load, view};
use crate::answer::{Answered, done};
use crate::body::{Asked, Json};
use crate::parameter::COUNTRY;
use crate::wire::{AmountText, CurrencyText, Sha256Hex};

/// An agreement to conclude.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDrawingAgreementBody {
    /// Unique on the right.
    reference: Text<100>,
    /// What is financed.
    project: Text<200>,
    total_cost: AmountText,
    currency: CurrencyText,
    /// The line of revenue that waits for the grant, in the executable budget of the beneficiary.
    revenue_line_id: BudgetLineId,
    /// The lines of expenditure that the project stands on, in the same budget; those with own funding provide the counterpart.
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 20>")]
    #[schema(min_items = 1, max_items = 20)]
    expenditure_line_ids: Vec<BudgetLineId>,
    /// Not before the right was notified, not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    signed_on: NaiveDate,
    document_sha256: Sha256Hex,
}

impl Json for NewDrawingAgreementBody {}

/// A line of the beneficiary's budget that can be executed in the year of the right, as a partner sees it.
fn line_of(tx: &mut Tx<'_>, row: &DrawingRightRow, beneficiary: OrganisationId, id: BudgetLineId) -> Result<StoredLine, Fault> {
    let scope = Scope { organisation: beneficiary, clearance: Sensitivity::Partner };
    let (line, budget) = db::wall::beyond(tx.conn, |conn| db::budget::find_line(conn, &scope, id))?;
    if budget.fiscal_year != row.fiscal_year || !budget.state.is_executable() {
        return Err(BUDGET_NOT_EXECUTABLE.refuse().with("fiscal_year", row.fiscal_year).into());
    }
    Ok(line)
}

/// Concludes an agreement: the grant stays within the right, and grant and counterpart make the cost. The budget of the beneficiary
/// has the lines of the project, and provides for the counterpart.
#[utoipa::path(tag = "endowment", request_body = NewDrawingAgreementBody, responses((status = 200, body = DrawingRightView)))]
#[post("/v1/organisations/{organisation_id}/drawing-rights/{drawing_right_id}/agreements")]
pub async fn conclude_drawing_agreement(asked: Asked<NewDrawingAgreementBody>, path: RightPath) -> Answered {
    let (_, id) = path.into_inner();
    let agreement = DrawingAgreementId::new();
    asked
        .write(move |call, body, tx| {
            let concluded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (row, currency) = load(call, tx, id, LIVE)?;
            require_valid(row.expires_on, call.today)?;
            currency.require(&body.currency.0)?;
            let total = Amount::parse_positive(&body.total_cost.0, currency).map_err(|refusal| refusal.at("/total_cost"))?;
            not_future(body.signed_on, call.today).map_err(|refusal| refusal.at("/signed_on"))?;
            let notified = [(Cause::Notification, Some(row.notified_on))];
            not_before(body.signed_on, &notified).map_err(|refusal| refusal.at("/signed_on"))?;
            let section = endowment_type(&row.endowment_type)?.section;
            let beneficiary = db::endowment::candidate::find_governing(tx.conn, row.territorial_unit_id.0)?;
            let revenue = line_of(tx, &row, beneficiary, body.revenue_line_id)?;
            let mut ids = body.expenditure_line_ids.clone();
            ids.sort_unstable();
            ids.dedup();
            let lines = ids.iter().map(|line| line_of(tx, &row, beneficiary, *line)).collect::<Result<Vec<_>, _>>()?;
            require_line(&revenue.line, Direction::Revenue, section, "/revenue_line_id")?;
            for line in &lines {
                require_line(&line.line, Direction::Expenditure, section, "/expenditure_line_ids")?;
            }
            let parameters = find_parameters(tx.conn, COUNTRY, "commune", body.signed_on)?;
            // Only investments are borne together; the parameter says to which part.
            let bps = if section == Some(Section::Capital) { parameters.number("counterpart_bps").unwrap_or(0) } else { 0 };
            let terms = Terms::of(total, bps).ok_or_else(|| Fault::Broken(format!("counterpart of {bps}")))?;
            if terms.grant.is_zero() {
                return Err(Refusal::at(domain::money::AMOUNT_ZERO.refuse(), "/total_cost").into());
            }
            require_counterpart(terms.counterpart, lines.iter().map(|line| &line.line), currency)?;
            let right = row.right()?.agree(terms.grant, currency)?;
            let new = NewDrawingAgreement {
                id: agreement,
                right: id,
                reference: body.reference.as_str().to_owned(),
                project: body.project.as_str().to_owned(),
                beneficiary,
                revenue_line: body.revenue_line_id,
                lines: ids,
                terms,
                counterpart_bps: i32::try_from(bps).unwrap_or(0),
                signed_on: body.signed_on,
                document_sha256: body.document_sha256.0.clone(),
                concluded_by,
            };
            append_drawing_agreement(tx, &new)?;
            let after = update_drawing_right(tx, &row, &right, (right.state(), None))?;
            let event = Event::of("drawing_right.agreed", "drawing_right", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("agreement_id", agreement.to_string())
                .with("grant", terms.grant.display(currency))
                .with("counterpart", terms.counterpart.display(currency))
                .with("document_sha256", &new.document_sha256);
            Ok((done(after.version, &view(after, currency))?, event.into()))
        })
        .await
}

/// A tranche to pay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDrawingTranche {
    drawing_agreement_id: DrawingAgreementId,
    amount: AmountText,
    currency: CurrencyText,
    /// Not before the agreement and the tranche before.
    #[serde(deserialize_with = "crate::wire::day")]
    disbursed_on: NaiveDate,
    /// The payment or transfer.
    reference: Text<100>,
}

impl Json for NewDrawingTranche {}

/// Records the next tranche that was paid on an agreement. The one before has to be justified as far as the parameter says.
#[utoipa::path(tag = "endowment", request_body = NewDrawingTranche, responses((status = 200, body = DrawingRightView)))]
#[post("/v1/organisations/{organisation_id}/drawing-rights/{drawing_right_id}/tranches")]
pub async fn disburse_drawing_tranche(asked: Asked<NewDrawingTranche>, path: RightPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let disbursed_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (row, currency) = load(call, tx, id, LIVE)?;
            let agreement = agreement_of(tx, id, body.drawing_agreement_id)?;
            require_valid(row.expires_on, call.today)?;
            let kind = endowment_type(&row.endowment_type)?;
            if !kind.disbursed {
                return Err(DRAWING_RIGHT_NOT_DISBURSED.refuse().with("endowment_type", &row.endowment_type).into());
            }
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            not_future(body.disbursed_on, call.today).map_err(|refusal| refusal.at("/disbursed_on"))?;
            let before = agreement.tranches.iter().map(|(tranche, _)| tranche.disbursed_on).max();
            let causes = [(Cause::Tranche, before), (Cause::Agreement, Some(agreement.row.signed_on))];
            not_before(body.disbursed_on, &causes).map_err(|refusal| refusal.at("/disbursed_on"))?;
            let parameters = find_parameters(tx.conn, COUNTRY, "commune", body.disbursed_on)?;
            let required = parameters.number("tranche_justification_bps").unwrap_or(10_000);
            let grant = db::budget::amount(agreement.row.grant_amount)?;
            let tranche = disburse(grant, &agreement.paid()?, amount, required, currency)?;
            append_tranche(tx, body.drawing_agreement_id, &tranche, (body.disbursed_on, body.reference.as_str(), disbursed_by))?;
            let before = row.right()?;
            let right = Right { disbursed: before.disbursed.checked_add(amount).unwrap_or(before.agreed), ..before };
            let after = update_drawing_right(tx, &row, &right, (right.state(), None))?;
            let event = Event::of("drawing_right.disbursed", "drawing_right", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("agreement_id", body.drawing_agreement_id.to_string())
                .with("tranche", tranche.number)
                .with("amount", amount.display(currency));
            Ok((done(after.version, &view(after, currency))?, event.into()))
        })
        .await
}

/// What is justified of a tranche.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDrawingJustification {
    drawing_agreement_id: DrawingAgreementId,
    /// The number of the tranche.
    #[schema(minimum = 1, maximum = 10000, example = 1)]
    tranche: i32,
    amount: AmountText,
    currency: CurrencyText,
    document_sha256: Sha256Hex,
}

impl Json for NewDrawingJustification {}

/// Records what the beneficiary justified of a tranche, never more than was paid. A right that is wholly paid and justified is
/// consumed; what was paid on one that has expired is justified as well.
#[utoipa::path(tag = "endowment", request_body = NewDrawingJustification, responses((status = 200, body = DrawingRightView)))]
#[post("/v1/organisations/{organisation_id}/drawing-rights/{drawing_right_id}/justifications")]
pub async fn justify_drawing_tranche(asked: Asked<NewDrawingJustification>, path: RightPath) -> Answered {
    let (_, id) = path.into_inner();
    let justification = Uuid::now_v7();
    asked
        .write(move |call, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (row, currency) = load(call, tx, id, PAID)?;
            let agreement = agreement_of(tx, id, body.drawing_agreement_id)?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            let tranche = agreement.paid()?.into_iter().find(|tranche| tranche.number == body.tranche).ok_or(Fault::Missing)?;
            justify(tranche, amount, currency)?;
            let named = (justification, body.drawing_agreement_id, body.tranche);
            append_justification(tx, named, amount.minor(), (&body.document_sha256.0, recorded_by))?;
            let before = row.right()?;
            let right = Right { justified: before.justified.checked_add(amount).unwrap_or(before.disbursed), ..before };
            let state = if LIVE.contains(&row.state.0) { right.state() } else { row.state.0 };
            let after = update_drawing_right(tx, &row, &right, (state, None))?;
            let event = Event::of("drawing_right.justified", "drawing_right", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("agreement_id", body.drawing_agreement_id.to_string())
                .with("tranche", body.tranche)
                .with("amount", amount.display(currency))
                .with("document_sha256", &body.document_sha256.0);
            Ok((done(after.version, &view(after, currency))?, event.into()))
        })
        .await
}
