//! The movements of funds, contribution by contribution.

use actix_web::{get, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::fault::Fault;
use db::fund::movement::{FundMovementRow, MovementFilter};
use domain::fund::FundMovementKind;
use domain::id::{ContributionId, ExchangeRateId, FundAllocationId, FundId, FundMovementId, FundPurposeId, OrganisationId, PrincipalId};
use domain::money::Currency;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::views;
use crate::answer::{Answered, listed};
use crate::auth::Call;
use crate::body::{Query, words};
use crate::page::{Page, keyset, page};
use crate::wire::shown;

/// A movement of a contribution. It is never changed.
#[derive(Serialize, ToSchema)]
pub struct FundMovementView {
    id: FundMovementId,
    organisation_id: OrganisationId,
    fund_id: FundId,
    contribution_id: ContributionId,
    /// What one act moved has one id.
    act_id: Uuid,
    kind: FundMovementKind,
    on: NaiveDate,
    #[schema(min_length = 3, max_length = 3, example = "EUR")]
    currency: String,
    /// Of what is pledged, signed, received or written off, in the currency of the contribution; else zero.
    #[schema(max_length = 21)]
    amount: String,
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    fund_currency: String,
    /// Of money that moved, in the currency of the fund; else zero.
    #[schema(max_length = 21)]
    value: String,
    /// By which a receipt was converted.
    exchange_rate_id: Option<ExchangeRateId>,
    fund_allocation_id: Option<FundAllocationId>,
    fund_purpose_id: Option<FundPurposeId>,
    #[schema(max_length = 300)]
    reference: Option<String>,
    recorded_by: PrincipalId,
    recorded_at: DateTime<Utc>,
}

fn view((row, own, fund): (FundMovementRow, Currency, Currency)) -> Result<FundMovementView, Fault> {
    Ok(FundMovementView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        fund_id: row.fund_id.0,
        contribution_id: row.contribution_id.0,
        act_id: row.act_id.0,
        kind: row.kind.0,
        on: row.moved_on,
        currency: own.code().to_owned(),
        amount: shown(row.amount, own),
        fund_currency: fund.code().to_owned(),
        value: shown(row.value, fund),
        exchange_rate_id: row.exchange_rate_id.map(|rate| rate.0),
        fund_allocation_id: row.allocation_id.map(|allocation| allocation.0),
        fund_purpose_id: row.purpose_id.map(|purpose| purpose.0),
        reference: row.reference,
        recorded_by: row.recorded_by.0,
        recorded_at: row.recorded_at.0,
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FundMovementQuery {
    /// Only movements of this fund.
    fund_id: Option<FundId>,
    /// Only movements of this contribution.
    contribution_id: Option<ContributionId>,
    /// Only movements on this purpose.
    fund_purpose_id: Option<FundPurposeId>,
    /// Only movements of this allocation.
    fund_allocation_id: Option<FundAllocationId>,
    /// Only these kinds, separated by commas.
    #[param(max_length = 200)]
    kind: Option<String>,
    /// First day.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Everything that moved in the organisation's funds: by donor to the smallest unit, with the rate of each conversion.
#[utoipa::path(tag = "fund", params(FundMovementQuery), responses((status = 200, body = Page<FundMovementView>)))]
#[get("/v1/organisations/{organisation_id}/fund-movements")]
pub async fn list_fund_movements(call: Call, _path: web::Path<OrganisationId>, query: Query<FundMovementQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<FundMovementId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let filter = MovementFilter {
        fund_id: query.fund_id,
        contribution_id: query.contribution_id,
        purpose_id: query.fund_purpose_id,
        allocation_id: query.fund_allocation_id,
        kinds: words("kind", query.kind.as_deref())?,
        from: query.from,
        to: query.to,
    };
    let rows = call
        .store()
        .read(move |conn| {
            let rows = db::fund::movement::list_movements(conn, &scope, &filter, &asked)?;
            let currencies = db::fund::contribution::currencies(conn, &scope, rows.rows.iter().map(|row| row.contribution_id))?;
            let with = |row: FundMovementRow| {
                let (own, fund) = currencies.get(&row.contribution_id.0).copied().ok_or(Fault::Missing)?;
                view((row, own, fund))
            };
            views(rows, with)
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |one| one.id, |one| one))
}
