//! From the calculation on: validated by the board, notified as drawing rights, published, closed.

use actix_web::post;
use chrono::NaiveDate;
use db::column::Col;
use db::endowment::CampaignChange;
use db::endowment::drawing_right::NewDrawingRight;
use db::fault::Fault;
use domain::audit::Event;
use domain::calendar::{Cause, not_before, not_future};
use domain::document::{digest, read};
use domain::endowment::document::Outcome;
use domain::endowment::{CampaignState, require_campaign, require_other};
use domain::id::DrawingRightId;
use domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{CampaignPath, EndowmentCampaignView, load, view};
use crate::answer::{Answered, done};
use crate::body::{Asked, Json, Nothing};
use crate::wire::Sha256Hex;

/// The decision of the board.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndowmentDecision {
    decision_reference: Text<100>,
    /// Not before the calculation, not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    decided_on: NaiveDate,
    document_sha256: Sha256Hex,
}

impl Json for EndowmentDecision {}

/// Records that the board validated the allocation. Whoever calculated it does not validate it.
#[utoipa::path(tag = "endowment", request_body = EndowmentDecision, responses((status = 200, body = EndowmentCampaignView)))]
#[post("/v1/organisations/{organisation_id}/endowment-campaigns/{endowment_campaign_id}/validation")]
pub async fn validate_endowment(asked: Asked<EndowmentDecision>, path: CampaignPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let validated_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let row = load(call, tx, id, &[CampaignState::Calculated])?;
            require_other(row.calculated_by.map(|id| id.0), validated_by)?;
            not_future(body.decided_on, call.today).map_err(|refusal| refusal.at("/decided_on"))?;
            let calculated = [(Cause::Calculation, row.calculated_on)];
            not_before(body.decided_on, &calculated).map_err(|refusal| refusal.at("/decided_on"))?;
            let change = CampaignChange {
                validated_by: Some(Col(validated_by)),
                validated_on: Some(body.decided_on),
                decision_reference: Some(body.decision_reference.as_str().to_owned()),
                decision_sha256: Some(body.document_sha256.0.clone()),
                ..CampaignChange::to(CampaignState::Validated)
            };
            let after = db::endowment::update_campaign(tx, &row, change)?;
            let event = Event::of("endowment_campaign.validated", "endowment_campaign", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("outcome_sha256", after.outcome_sha256.clone().unwrap_or_default())
                .with("decision_sha256", &body.document_sha256.0);
            Ok((done(after.version, &view(after)?)?, event.into()))
        })
        .await
}

/// Notifies the allocation: every eligible local government gets its drawing right, which it sees as its own.
#[utoipa::path(tag = "endowment", responses((status = 200, body = EndowmentCampaignView)))]
#[post("/v1/organisations/{organisation_id}/endowment-campaigns/{endowment_campaign_id}/notification")]
pub async fn notify_endowment(asked: Asked<Nothing>, path: CampaignPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let row = load(call, tx, id, &[CampaignState::Validated])?;
            let kept = db::endowment::find_documents(tx.conn, &tx.all(), id)?.outcome.unwrap_or_default();
            let corrupt = || Fault::Corrupt(format!("outcome of campaign {id}"));
            let outcome: Outcome = read(&kept).filter(|_| Some(digest(&kept)) == row.outcome_sha256).ok_or_else(corrupt)?;
            let mut rights = 0_usize;
            for share in outcome.allocation.shares.into_iter().filter(|share| share.amount > 0) {
                let new = NewDrawingRight {
                    id: DrawingRightId::new(),
                    campaign: id,
                    unit: share.unit,
                    code: share.code,
                    name: share.name,
                    fiscal_year: row.fiscal_year,
                    endowment_type: row.endowment_type.clone(),
                    currency: row.currency.clone(),
                    expires_on: row.rights_expire_on,
                    amount: share.amount,
                };
                db::endowment::drawing_right::insert_drawing_right(tx, &new)?;
                rights += 1;
            }
            let change = CampaignChange { notified_on: Some(call.today), ..CampaignChange::to(CampaignState::Notified) };
            let after = db::endowment::update_campaign(tx, &row, change)?;
            let event = Event::of("endowment_campaign.notified", "endowment_campaign", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("rights", rights)
                .with("outcome_sha256", after.outcome_sha256.clone().unwrap_or_default());
            Ok((done(after.version, &view(after)?)?, event.into()))
        })
        .await
}

/// Publishes formula, data and allocation, once they are notified: anyone may read and recalculate them.
#[utoipa::path(tag = "endowment", responses((status = 200, body = EndowmentCampaignView)))]
#[post("/v1/organisations/{organisation_id}/endowment-campaigns/{endowment_campaign_id}/publication")]
pub async fn publish_endowment(asked: Asked<Nothing>, path: CampaignPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let row = load(call, tx, id, &[CampaignState::Notified, CampaignState::Closed])?;
            if row.published_on.is_some() {
                // Published is published: no state is required that it could still come to.
                require_campaign(row.state.0, &[])?;
            }
            let after = db::endowment::update_campaign(tx, &row, CampaignChange::published(call.today))?;
            let event = Event::of("endowment_campaign.published", "endowment_campaign", id.0, after.version)
                .with("inputs_sha256", after.inputs_sha256.clone().unwrap_or_default())
                .with("outcome_sha256", after.outcome_sha256.clone().unwrap_or_default());
            Ok((done(after.version, &view(after)?)?, event.into()))
        })
        .await
}

/// Closes a campaign that is notified. Its rights go on until they are consumed, expired or cancelled.
#[utoipa::path(tag = "endowment", responses((status = 200, body = EndowmentCampaignView)))]
#[post("/v1/organisations/{organisation_id}/endowment-campaigns/{endowment_campaign_id}/closure")]
pub async fn close_endowment(asked: Asked<Nothing>, path: CampaignPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let row = load(call, tx, id, &[CampaignState::Notified])?;
            let after = db::endowment::update_campaign(tx, &row, CampaignChange::to(CampaignState::Closed))?;
            let event = Event::of("endowment_campaign.closed", "endowment_campaign", id.0, after.version).moved(row.state.0, after.state.0);
            Ok((done(after.version, &view(after)?)?, event.into()))
        })
        .await
}
