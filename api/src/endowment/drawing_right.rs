//! Drawing rights: listed and read by whoever grants them and by whoever gets them; ended by whoever grants them.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use db::column::Col;
use db::connection::Conn;
use db::endowment::drawing_agreement::{DrawingAgreement, DrawingTrancheRow};
use db::endowment::drawing_right::{DrawingRightFilter, DrawingRightRow};
use db::fault::Fault;
use db::page::Keyset;
use db::store::Tx;
use domain::audit::Event;
use domain::endowment::drawing_right::{DrawingRightState, LIVE, require_past, require_right};
use domain::id::{BudgetLineId, DrawingAgreementId, DrawingRightId, EndowmentCampaignId, OrganisationId, PrincipalId, TerritorialUnitId};
use domain::money::{Currency, Total};
use domain::sensitivity::Scope;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, done, listed, ok, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query};
use crate::organisation::{currency_in, known_currency};
use crate::page::{Page, keyset, page};
use crate::wire::shown;

/// What a local government may draw on an endowment, and what became of it.
#[derive(Serialize, ToSchema)]
pub struct DrawingRightView {
    id: DrawingRightId,
    /// Who grants it.
    organisation_id: OrganisationId,
    endowment_campaign_id: EndowmentCampaignId,
    /// Whom it is for.
    territorial_unit_id: TerritorialUnitId,
    #[schema(max_length = 40, example = "ML-C01")]
    territorial_code: String,
    #[schema(max_length = 200)]
    name: String,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    #[schema(max_length = 20, example = "D_INVEST")]
    endowment_type: String,
    state: DrawingRightState,
    notified_on: NaiveDate,
    /// Its last day.
    expires_on: NaiveDate,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "40091000")]
    amount: String,
    /// Sum of the grants agreed on.
    #[schema(max_length = 21)]
    agreed: String,
    #[schema(max_length = 21)]
    disbursed: String,
    #[schema(max_length = 21)]
    justified: String,
    /// What can still be agreed on.
    #[schema(max_length = 21)]
    balance: String,
    /// Why it was cancelled.
    #[schema(max_length = 400)]
    ended_reason: Option<String>,
    #[schema(minimum = 1)]
    version: i64,
}

pub fn view(row: DrawingRightRow, currency: Currency) -> DrawingRightView {
    DrawingRightView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        endowment_campaign_id: row.endowment_campaign_id.0,
        territorial_unit_id: row.territorial_unit_id.0,
        territorial_code: row.territorial_code,
        name: row.name,
        fiscal_year: row.fiscal_year,
        endowment_type: row.endowment_type,
        state: row.state.0,
        notified_on: row.notified_on,
        expires_on: row.expires_on,
        currency: row.currency,
        amount: shown(row.amount, currency),
        agreed: shown(row.agreed, currency),
        disbursed: shown(row.disbursed, currency),
        justified: shown(row.justified, currency),
        balance: shown(row.amount - row.agreed, currency),
        ended_reason: row.ended_reason,
        version: row.version,
    }
}

/// A tranche that was paid.
#[derive(Serialize, ToSchema)]
pub struct DrawingTranche {
    #[schema(minimum = 1)]
    number: i32,
    #[schema(max_length = 21)]
    amount: String,
    /// What was justified of it.
    #[schema(max_length = 21)]
    justified: String,
    disbursed_on: NaiveDate,
    #[schema(max_length = 100)]
    reference: String,
    disbursed_by: PrincipalId,
}

/// An agreement on a right: grant and counterpart make the total cost of a project.
#[derive(Serialize, ToSchema)]
pub struct DrawingAgreementView {
    id: DrawingAgreementId,
    #[schema(max_length = 100)]
    reference: String,
    #[schema(max_length = 200)]
    project: String,
    /// The local government in whose budget the project stands.
    beneficiary_id: OrganisationId,
    revenue_line_id: BudgetLineId,
    #[schema(max_items = 20)]
    expenditure_line_ids: Vec<BudgetLineId>,
    #[schema(max_length = 21)]
    total_cost: String,
    #[schema(max_length = 21)]
    grant: String,
    #[schema(max_length = 21)]
    counterpart: String,
    #[schema(minimum = 0, maximum = 9999)]
    counterpart_bps: i32,
    signed_on: NaiveDate,
    #[schema(max_length = 64)]
    document_sha256: String,
    concluded_by: PrincipalId,
    #[schema(max_items = 1000)]
    tranches: Vec<DrawingTranche>,
}

/// A right with the agreements on it.
#[derive(Serialize, ToSchema)]
pub struct DrawingRightFile {
    right: DrawingRightView,
    #[schema(max_items = 1000)]
    agreements: Vec<DrawingAgreementView>,
}

fn agreement_view(agreement: DrawingAgreement, currency: Currency) -> DrawingAgreementView {
    let tranche = |(row, justified): (DrawingTrancheRow, i64)| DrawingTranche {
        number: row.number,
        amount: shown(row.amount, currency),
        justified: shown(justified, currency),
        disbursed_on: row.disbursed_on,
        reference: row.reference,
        disbursed_by: row.disbursed_by.0,
    };
    let row = agreement.row;
    DrawingAgreementView {
        id: row.id.0,
        reference: row.reference,
        project: row.project,
        beneficiary_id: row.beneficiary_id.0,
        revenue_line_id: row.revenue_line_id.0,
        expenditure_line_ids: agreement.lines,
        total_cost: shown(row.total_cost, currency),
        grant: shown(row.grant_amount, currency),
        counterpart: shown(row.counterpart, currency),
        counterpart_bps: row.counterpart_bps,
        signed_on: row.signed_on,
        document_sha256: row.document_sha256,
        concluded_by: row.concluded_by.0,
        tranches: agreement.tranches.into_iter().map(tranche).collect(),
    }
}

/// What the path of a right names.
pub type RightPath = web::Path<(OrganisationId, DrawingRightId)>;

/// The right to act on: granted by the organisation of the path, in the version that the caller read, in one of these states.
pub fn load(
    call: &Call,
    tx: &mut Tx<'_>,
    id: DrawingRightId,
    required: &[DrawingRightState],
) -> Result<(DrawingRightRow, Currency), Fault> {
    let scope = call.scope_in(tx.organisation);
    let row = db::endowment::drawing_right::find_granted(tx.conn, &scope, id)?;
    call.check_version(row.version)?;
    require_right(row.state.0, required)?;
    let currency = known_currency(&row.currency)?;
    Ok((row, currency))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DrawingRightQuery {
    /// Only rights of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only rights of this type of endowment.
    #[param(max_length = 20)]
    endowment_type: Option<String>,
    /// Only rights in this state.
    state: Option<DrawingRightState>,
    /// Only rights of this campaign.
    endowment_campaign_id: Option<EndowmentCampaignId>,
    /// True to be told what the whole list adds up to, over all its pages.
    #[serde(default)]
    totals: bool,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The drawing rights that the organisation granted, and those that it got.
#[utoipa::path(tag = "endowment", params(DrawingRightQuery), responses((status = 200, body = Page<DrawingRightView>)))]
#[get("/v1/organisations/{organisation_id}/drawing-rights")]
pub async fn list_drawing_rights(call: Call, _path: web::Path<OrganisationId>, query: Query<DrawingRightQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<DrawingRightId>(&call, query.after.as_deref(), query.limit)?;
    let scope = call.scope()?;
    let asked = keys.clone();
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = DrawingRightFilter {
                fiscal_year: query.fiscal_year,
                endowment_type: query.endowment_type,
                state: query.state,
                campaign: query.endowment_campaign_id,
            };
            let total = query.totals.then(|| db::endowment::drawing_right::total_drawing_rights(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::endowment::drawing_right::list_drawing_rights(conn, &scope, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)).with_total(total, currency))
}

/// One drawing right with the agreements on it, their tranches and what was justified.
#[utoipa::path(tag = "endowment", responses((status = 200, body = DrawingRightFile)))]
#[get("/v1/organisations/{organisation_id}/drawing-rights/{drawing_right_id}")]
pub async fn read_drawing_right(call: Call, request: HttpRequest, path: RightPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (row, agreements) = call
        .store()
        .read(move |conn| {
            let row = db::endowment::drawing_right::find_drawing_right(conn, &scope, id)?;
            // What was agreed belongs to whoever granted the right; whoever sees the right sees it.
            let granting = Scope { organisation: row.organisation_id.0, clearance: scope.clearance };
            let agreed = |conn: &mut Conn| db::endowment::drawing_agreement::list_drawing_agreements(conn, &granting, id);
            Ok((row, db::wall::beyond(conn, agreed)?))
        })
        .await?;
    let currency = known_currency(&row.currency)?;
    let agreements = agreements.into_iter().map(|agreement| agreement_view(agreement, currency)).collect();
    versioned(&request, row.version, &DrawingRightFile { right: view(row.clone(), currency), agreements })
}

/// The rights of a type and a currency.
#[derive(Serialize, ToSchema)]
pub struct DrawingRightTotal {
    #[schema(max_length = 20)]
    endowment_type: String,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    #[schema(minimum = 0)]
    rights: usize,
    /// What was notified, but for what was cancelled.
    #[schema(max_length = 42)]
    notified: String,
    #[schema(max_length = 42)]
    agreed: String,
    #[schema(max_length = 42)]
    disbursed: String,
    #[schema(max_length = 42)]
    justified: String,
    /// What was notified and not paid.
    #[schema(max_length = 42)]
    outstanding: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DrawingRightTotalQuery {
    /// Only rights of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
}

/// How many rights are added up at most.
const RIGHTS_MAX: i64 = 100_000;

/// What was notified against what was paid, by type of endowment: of the rights that the organisation granted and got.
#[utoipa::path(tag = "endowment", params(DrawingRightTotalQuery), responses((status = 200, body = Vec<DrawingRightTotal>)))]
#[get("/v1/organisations/{organisation_id}/drawing-right-totals")]
pub async fn list_drawing_right_totals(call: Call, _path: web::Path<OrganisationId>, query: Query<DrawingRightTotalQuery>) -> Answered {
    let scope = call.scope()?;
    let filter = DrawingRightFilter { fiscal_year: query.0.fiscal_year, ..DrawingRightFilter::default() };
    let all = Keyset { after: None, limit: RIGHTS_MAX };
    let rows = call.store().read(move |conn| db::endowment::drawing_right::list_drawing_rights(conn, &scope, &filter, &all)).await?;
    let mut sums: BTreeMap<(String, String), (usize, [i128; 4])> = BTreeMap::new();
    for row in rows.rows.into_iter().filter(|row| row.state.0 != DrawingRightState::Cancelled) {
        let (rights, sum) = sums.entry((row.endowment_type, row.currency)).or_default();
        *rights += 1;
        for (sum, part) in sum.iter_mut().zip([row.amount, row.agreed, row.disbursed, row.justified]) {
            *sum += i128::from(part);
        }
    }
    let total = |((endowment_type, code), (rights, [notified, agreed, disbursed, justified])): ((String, String), (usize, [i128; 4]))| {
        let currency = known_currency(&code)?;
        let text = |minor| Total::of_minor(minor).display(currency);
        Ok(DrawingRightTotal {
            endowment_type,
            rights,
            notified: text(notified),
            agreed: text(agreed),
            disbursed: text(disbursed),
            justified: text(justified),
            outstanding: text(notified - disbursed),
            currency: code,
        })
    };
    ok(&sums.into_iter().map(total).collect::<Result<Vec<_>, Fault>>()?)
}

/// Ends a right after its last day: nothing more is agreed or paid on it.
#[utoipa::path(tag = "endowment", responses((status = 200, body = DrawingRightView)))]
#[post("/v1/organisations/{organisation_id}/drawing-rights/{drawing_right_id}/expiry")]
pub async fn expire_drawing_right(asked: Asked<Nothing>, path: RightPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let (row, currency) = load(call, tx, id, LIVE)?;
            require_past(row.expires_on, call.today)?;
            let ended = (DrawingRightState::Expired, None);
            let after = db::endowment::drawing_right::update_drawing_right(tx, &row, &row.right()?, ended)?;
            let event = Event::of("drawing_right.expired", "drawing_right", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("undrawn", shown(row.amount - row.disbursed, currency));
            Ok((done(after.version, &view(after, currency))?, event.into()))
        })
        .await
}

/// Why a right is cancelled.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrawingRightCancellation {
    reason: Text<400>,
}

impl Json for DrawingRightCancellation {}

/// Cancels a right on which nothing was agreed yet.
#[utoipa::path(tag = "endowment", request_body = DrawingRightCancellation, responses((status = 200, body = DrawingRightView)))]
#[post("/v1/organisations/{organisation_id}/drawing-rights/{drawing_right_id}/cancellation")]
pub async fn cancel_drawing_right(asked: Asked<DrawingRightCancellation>, path: RightPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let (row, currency) = load(call, tx, id, &[DrawingRightState::Notified])?;
            let ended = (DrawingRightState::Cancelled, Some(body.reason.as_str()));
            let after = db::endowment::drawing_right::update_drawing_right(tx, &row, &row.right()?, ended)?;
            let event = Event::of("drawing_right.cancelled", "drawing_right", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("amount", shown(row.amount, currency));
            Ok((done(after.version, &view(after, currency))?, event.into()))
        })
        .await
}

/// The agreement of a right that a request names.
pub fn agreement_of(tx: &mut Tx<'_>, right: DrawingRightId, id: DrawingAgreementId) -> Result<DrawingAgreement, Fault> {
    let scope = tx.all();
    let agreements = db::endowment::drawing_agreement::list_drawing_agreements(tx.conn, &scope, right)?;
    agreements.into_iter().find(|agreement| agreement.row.id == Col(id)).ok_or(Fault::Missing)
}
