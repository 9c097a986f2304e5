//! Endowments of one organisation: allocations recalculated from their frozen inputs, rights and what became of them recomputed.

use std::collections::BTreeMap;

use diesel::prelude::*;
use domain::document::digest;
use domain::endowment::CampaignState;
use domain::endowment::document::calculate;
use domain::endowment::drawing_right::{DrawingRightState, LIVE};
use domain::id::{OrganisationId, TerritorialUnitId};
use domain::sensitivity::{Scope, Sensitivity};

use super::{Failure, wrong};
use crate::column::Col;
use crate::connection::Conn;
use crate::endowment::drawing_agreement::list_drawing_agreements;
use crate::endowment::drawing_right::DrawingRightRow;
use crate::endowment::{EndowmentCampaignRow, find_documents};
use crate::schema::{drawing_rights, endowment_campaigns};

/// Digests are those of the documents; outcomes are what comes of the inputs, again; rights are those of the outcome, and
/// with the reserve make the envelope; what became of them is what agreements, tranches and justifications sum to.
pub fn verify_endowments(conn: &mut Conn, organisation: OrganisationId, code: &str) -> Result<usize, Failure> {
    let all = Scope { organisation, clearance: Sensitivity::Sealed };
    let campaigns: Vec<EndowmentCampaignRow> = endowment_campaigns::table
        .filter(endowment_campaigns::organisation_id.eq(Col(organisation)))
        .select(EndowmentCampaignRow::as_select())
        .load(conn)?;
    for campaign in &campaigns {
        let place = format!("{code}, endowment campaign {}", campaign.id.0);
        let kept = find_documents(conn, &all, campaign.id.0)?;
        if kept.inputs.as_deref().map(digest) != campaign.inputs_sha256 || kept.outcome.as_deref().map(digest) != campaign.outcome_sha256 {
            return wrong(format!("{place}: its documents are not those of the digests"));
        }
        let (Some(inputs), Some(outcome)) = (&kept.inputs, &kept.outcome) else { continue };
        let Ok(Some((again, text))) = calculate(inputs) else { return wrong(format!("{place}: cannot be recalculated")) };
        if text != *outcome {
            return wrong(format!("{place}: recalculated to {}, kept {:?}", digest(&text), campaign.outcome_sha256));
        }
        let shares = &again.allocation.shares;
        if shares.iter().map(|share| share.amount).sum::<i64>() + again.allocation.reserve != campaign.envelope {
            return wrong(format!("{place}: does not make its envelope"));
        }
        let rows: Vec<(Col<TerritorialUnitId>, i64)> = drawing_rights::table
            .filter(drawing_rights::organisation_id.eq(Col(organisation)))
            .filter(drawing_rights::endowment_campaign_id.eq(campaign.id))
            .select((drawing_rights::territorial_unit_id, drawing_rights::amount))
            .load(conn)?;
        let rights: BTreeMap<TerritorialUnitId, i64> = rows.into_iter().map(|(unit, amount)| (unit.0, amount)).collect();
        let notified = matches!(campaign.state.0, CampaignState::Notified | CampaignState::Closed);
        let due = shares.iter().filter(|share| notified && share.amount > 0).map(|share| (share.unit, share.amount));
        if rights != due.collect() {
            return wrong(format!("{place}: its rights are not those of its outcome"));
        }
    }
    let rights: Vec<DrawingRightRow> = drawing_rights::table
        .filter(drawing_rights::organisation_id.eq(Col(organisation)))
        .select(DrawingRightRow::as_select())
        .load(conn)?;
    for row in &rights {
        let place = format!("{code}, drawing right {}", row.id.0);
        let agreements = list_drawing_agreements(conn, &all, row.id.0)?;
        let tranches = || agreements.iter().flat_map(|agreement| &agreement.tranches);
        let summed = [
            agreements.iter().map(|agreement| agreement.row.grant_amount).sum::<i64>(),
            tranches().map(|(tranche, _)| tranche.amount).sum(),
            tranches().map(|(_, justified)| justified).sum(),
        ];
        let kept = [row.agreed, row.disbursed, row.justified];
        if kept != summed {
            return wrong(format!("{place}: kept {kept:?}, documents sum to {summed:?}"));
        }
        let moving = LIVE.contains(&row.state.0) || row.state.0 == DrawingRightState::Consumed;
        if moving && row.right()?.state() != row.state.0 {
            return wrong(format!("{place}: its sums do not lead to {}", row.state.0));
        }
    }
    Ok(campaigns.len() + rights.len())
}
