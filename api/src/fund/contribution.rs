//! Contributions: their ledgers, instalments and earmarks.

use actix_web::{HttpRequest, get, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::connection::Conn;
use db::fault::Fault;
use db::fund::contribution::{Contribution, ContributionDetails, ContributionFilter, GoodsRow, find_details};
use db::fund::earmark::PlacedEarmark;
use domain::fund::ContributionKind;
use domain::id::{ContributionId, DonorId, FundId, OrganisationId, PrincipalId, TerritorialUnitId};
use domain::money::{Balance, Currency};
use domain::sensitivity::Scope;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views;
use crate::answer::{Answered, listed, versioned};
use crate::auth::Call;
use crate::body::Query;
use crate::page::{Page, keyset, page};
use crate::wire::shown;

/// Money that is expected; none of it counts as received.
#[derive(Serialize, ToSchema)]
pub struct InstalmentView {
    #[schema(minimum = 1)]
    number: i32,
    due_on: NaiveDate,
    /// In the currency of the contribution.
    #[schema(max_length = 21)]
    amount: String,
}

/// Goods of a contribution: what is given, or what money of it buys.
#[derive(Serialize, ToSchema)]
pub struct GoodsView {
    #[schema(minimum = 1)]
    number: i32,
    #[schema(max_length = 300)]
    description: String,
    #[schema(minimum = 1)]
    quantity: i32,
    /// What all of them are worth, in the currency of the contribution.
    #[schema(max_length = 21)]
    amount: String,
    /// What one of them is worth on average, rounded.
    #[schema(max_length = 21)]
    mean: String,
}

/// What a contribution may be used for; where a list is empty, everything.
#[derive(Serialize, ToSchema)]
pub struct EarmarkView {
    /// Territorial units; what lies in them belongs to them.
    #[schema(max_items = 20)]
    territorial_unit_ids: Vec<TerritorialUnitId>,
    /// Sectors, or the first digits of DAC purpose codes.
    #[schema(max_items = 20, value_type = Vec<Text<60>>)]
    sectors: Vec<String>,
    #[schema(max_items = 20, value_type = Vec<Text<60>>)]
    objectives: Vec<String>,
    #[schema(max_items = 20, value_type = Vec<Text<60>>)]
    instruments: Vec<String>,
    /// References of purposes.
    #[schema(max_items = 20, value_type = Vec<Text<60>>)]
    purposes: Vec<String>,
    #[schema(minimum = 0, maximum = 3)]
    gender_marker_min: Option<u32>,
    /// How many different purposes the contribution pays at least until it ends.
    #[schema(minimum = 1, maximum = 1000)]
    minimum_purposes: Option<u32>,
    /// The most that it pays of the budget of one purpose, in basis points.
    #[schema(minimum = 1, maximum = 10000)]
    cap_bps: Option<u32>,
}

/// A donor's contribution to a fund, or the fund's own account. Seven ledgers, none of which stands for another.
#[derive(Serialize, ToSchema)]
pub struct ContributionView {
    id: ContributionId,
    organisation_id: OrganisationId,
    fund_id: FundId,
    /// None for the fund's own account.
    donor_id: Option<DonorId>,
    kind: ContributionKind,
    #[schema(max_length = 80)]
    reference: String,
    /// Of what is pledged, committed, received and written off.
    #[schema(min_length = 3, max_length = 3, example = "EUR")]
    currency: String,
    /// Announced.
    #[schema(max_length = 21)]
    pledged: String,
    /// Signed.
    #[schema(max_length = 21)]
    committed: String,
    /// On the bank account, or delivered.
    #[schema(max_length = 21)]
    received: String,
    /// Signed, but will not come.
    #[schema(max_length = 21)]
    written_off: String,
    /// Signed and still to come.
    #[schema(max_length = 21)]
    receivable: String,
    /// Of what follows.
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    fund_currency: String,
    /// What was received, by the rate of its day. Goods bring no money.
    #[schema(max_length = 21)]
    received_value: String,
    /// Fees; of the fund's own account, its costs and losses of exchange.
    #[schema(max_length = 21)]
    charged: String,
    /// Given back to the donor.
    #[schema(max_length = 21)]
    repaid: String,
    /// Set aside for purposes.
    #[schema(max_length = 21)]
    allocated: String,
    /// Paid to who carries purposes out.
    #[schema(max_length = 21)]
    disbursed: String,
    /// Spending attributed.
    #[schema(max_length = 21)]
    spent: String,
    /// Disbursed, but came back.
    #[schema(max_length = 21)]
    refunded: String,
    /// Passed on to other funds, or left with who carried a purpose out.
    #[schema(max_length = 21)]
    passed_on: String,
    /// Of what was refunded: waits for the donor's consent, since the contribution has ended.
    #[schema(max_length = 21)]
    held: String,
    /// Can be allocated; below zero only where the fund's own account is short.
    #[schema(max_length = 22)]
    available: String,
    /// In basis points; fixed when the agreement was signed.
    #[schema(minimum = 0, maximum = 10000)]
    fee_bps: Option<i32>,
    #[schema(max_length = 80)]
    agreement_reference: Option<String>,
    agreed_on: Option<NaiveDate>,
    first_received_on: Option<NaiveDate>,
    /// Until when it may be used.
    ends_on: Option<NaiveDate>,
    #[schema(max_length = 500)]
    note: Option<String>,
    earmark: EarmarkView,
    #[schema(max_items = 40)]
    instalments: Vec<InstalmentView>,
    #[schema(max_items = 40)]
    goods: Vec<GoodsView>,
    recorded_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    #[schema(minimum = 1)]
    pub(super) version: i64,
}

fn earmark_view(earmark: PlacedEarmark) -> EarmarkView {
    EarmarkView {
        territorial_unit_ids: earmark.places,
        sectors: earmark.sectors,
        objectives: earmark.objectives,
        instruments: earmark.instruments,
        purposes: earmark.purposes,
        gender_marker_min: earmark.gender_marker_min,
        minimum_purposes: earmark.minimum_purposes,
        cap_bps: earmark.cap_bps,
    }
}

fn goods_view(row: &GoodsRow, currency: Currency) -> GoodsView {
    let quantity = i64::from(row.quantity).max(1);
    let mean = (row.amount + quantity / 2).checked_div(quantity).unwrap_or_default();
    GoodsView {
        number: row.number,
        description: row.description.clone(),
        quantity: row.quantity,
        amount: shown(row.amount, currency),
        mean: shown(mean, currency),
    }
}

/// A contribution as it is shown, with its details.
pub(super) fn read_view(conn: &mut Conn, scope: &Scope, id: ContributionId) -> Result<ContributionView, Fault> {
    let contribution = db::fund::contribution::find_contribution(conn, scope, id)?;
    let currency = db::fund::find_fund_row(conn, scope, contribution.row.fund_id.0)?.currency()?;
    let details = find_details(conn, scope, std::iter::once(contribution.row.id))?.remove(&id);
    view(contribution, &details.unwrap_or_default(), currency)
}

fn view(contribution: Contribution, details: &ContributionDetails, fund: Currency) -> Result<ContributionView, Fault> {
    let row = contribution.row;
    let ledgers = row.ledgers();
    let own = row.currency()?;
    let instalment = |row: &db::fund::contribution::InstalmentRow| InstalmentView {
        number: row.number,
        due_on: row.due_on,
        amount: shown(row.amount, own),
    };
    Ok(ContributionView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        fund_id: row.fund_id.0,
        donor_id: row.donor_id.map(|donor| donor.0),
        kind: row.kind.0,
        currency: own.code().to_owned(),
        pledged: shown(row.pledged, own),
        committed: shown(row.committed, own),
        received: shown(row.received, own),
        written_off: shown(row.written_off, own),
        receivable: shown(row.committed - row.received - row.written_off, own),
        fund_currency: fund.code().to_owned(),
        received_value: shown(row.value, fund),
        charged: shown(row.charged, fund),
        repaid: shown(row.repaid, fund),
        allocated: shown(row.allocated, fund),
        disbursed: shown(row.disbursed, fund),
        spent: shown(row.spent, fund),
        refunded: shown(row.returned, fund),
        passed_on: shown(row.passed_on, fund),
        held: shown(row.held, fund),
        available: Balance::from_minor(ledgers.available()).display(fund),
        fee_bps: row.fee_bps,
        agreed_on: row.agreed_on,
        first_received_on: row.first_received_on,
        ends_on: row.ends_on,
        earmark: earmark_view(contribution.earmark),
        instalments: details.instalments.iter().map(instalment).collect(),
        goods: details.goods.iter().map(|row| goods_view(row, own)).collect(),
        recorded_by: row.recorded_by.0,
        recorded_at: row.recorded_at.0,
        version: row.version,
        agreement_reference: row.agreement_reference,
        reference: row.reference,
        note: row.note,
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ContributionQuery {
    /// Only contributions to this fund.
    fund_id: Option<FundId>,
    /// Only contributions of this donor.
    donor_id: Option<DonorId>,
    /// Only contributions of this kind.
    kind: Option<ContributionKind>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The contributions to the organisation's funds.
#[utoipa::path(tag = "fund", params(ContributionQuery), responses((status = 200, body = Page<ContributionView>)))]
#[get("/v1/organisations/{organisation_id}/contributions")]
pub async fn list_contributions(call: Call, _path: web::Path<OrganisationId>, query: Query<ContributionQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<ContributionId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let filter = ContributionFilter { fund_id: query.fund_id, donor_id: query.donor_id, kind: query.kind };
    let rows = call
        .store()
        .read(move |conn| {
            let rows = db::fund::contribution::list_contributions(conn, &scope, &filter, &asked)?;
            let mut details = find_details(conn, &scope, rows.rows.iter().map(|one| one.row.id))?;
            let mut shown = Vec::with_capacity(rows.rows.len());
            for contribution in rows.rows {
                let fund = db::fund::find_fund_row(conn, &scope, contribution.row.fund_id.0)?;
                let details = details.remove(&contribution.row.id.0).unwrap_or_default();
                shown.push((contribution, details, fund.currency()?));
            }
            views(db::page::Rows { more: rows.more, rows: shown }, |(one, details, currency)| view(one, &details, currency))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |one| one.id, |one| one))
}

pub(super) type ContributionPath = web::Path<(OrganisationId, ContributionId)>;

/// One contribution.
#[utoipa::path(tag = "fund", responses((status = 200, body = ContributionView)))]
#[get("/v1/organisations/{organisation_id}/contributions/{contribution_id}")]
pub async fn read_contribution(call: Call, request: HttpRequest, path: ContributionPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let contribution = call.store().read(move |conn| read_view(conn, &scope, id)).await?;
    versioned(&request, contribution.version, &contribution)
}
