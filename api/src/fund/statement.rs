//! Statements of a fund and of each donor to it, which add up line by line.

use std::collections::BTreeMap;

use actix_web::{get, web};
use chrono::NaiveDate;
use db::fund::contribution::all_contributions;
use domain::fund::allocation::too_few_purposes;
use domain::fund::statement::StatementLines;
use domain::fund::waterfall::{Waterfall, rate_bps};
use domain::fund::{FundMovementKind, Ledgers};
use domain::id::{ContributionId, DonorId, FundId, OrganisationId};
use domain::money::{Balance, Currency};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::body::Query;

/// The lines of a statement: closing = opening + received + interest - fee - direct cost - bank charges - spent - repaid + exchange.
#[derive(Serialize, ToSchema)]
pub struct StatementLinesView {
    #[schema(max_length = 22)]
    opening: String,
    #[schema(max_length = 22)]
    received: String,
    #[schema(max_length = 22)]
    interest: String,
    #[schema(max_length = 22)]
    fee: String,
    #[schema(max_length = 22)]
    direct_cost: String,
    #[schema(max_length = 22)]
    bank_charges: String,
    /// Spending attributed.
    #[schema(max_length = 22)]
    spent: String,
    /// Given back to donors.
    #[schema(max_length = 22)]
    repaid: String,
    /// Result of exchange, with its sign.
    #[schema(max_length = 22)]
    exchange: String,
    #[schema(max_length = 22)]
    closing: String,
}

fn lines_view(lines: &StatementLines, currency: Currency) -> StatementLinesView {
    let shown = |minor| Balance::from_minor(minor).display(currency);
    StatementLinesView {
        opening: shown(lines.opening),
        received: shown(lines.received),
        interest: shown(lines.interest),
        fee: shown(lines.fee),
        direct_cost: shown(lines.direct_cost),
        bank_charges: shown(lines.bank_charges),
        spent: shown(lines.spent),
        repaid: shown(lines.repaid),
        exchange: shown(lines.exchange),
        closing: shown(lines.closing()),
    }
}

/// A donor's part of the statement; without a donor, the fund's own account.
#[derive(Serialize, ToSchema)]
pub struct DonorStatementView {
    donor_id: Option<DonorId>,
    lines: StatementLinesView,
}

/// A contribution that must pay several purposes and is about to end with too few.
#[derive(Serialize, ToSchema)]
pub struct FundAlertView {
    contribution_id: ContributionId,
    ends_on: Option<NaiveDate>,
    #[schema(minimum = 1)]
    minimum_purposes: u32,
    #[schema(minimum = 0)]
    purposes: usize,
}

/// From what came in since the beginning to what is left, with the agent and with who carries purposes out.
#[derive(Serialize, ToSchema)]
pub struct WaterfallView {
    #[schema(max_length = 22)]
    total_source: String,
    /// Disbursed.
    #[schema(max_length = 22)]
    transferred: String,
    #[schema(max_length = 22)]
    refunds: String,
    #[schema(max_length = 22)]
    repaid: String,
    #[schema(max_length = 22)]
    total_use: String,
    #[schema(max_length = 22)]
    balance: String,
    #[schema(max_length = 22)]
    recipients_balance: String,
    /// The sum of both, and of the closings of all donors.
    #[schema(max_length = 22)]
    total_balance: String,
}

/// The statement of a fund over a period.
#[derive(Serialize, ToSchema)]
pub struct FundStatementView {
    fund_id: FundId,
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    /// None from the beginning.
    from: Option<NaiveDate>,
    to: NaiveDate,
    /// Each line is the sum of that line over all donors and the fund's own account.
    total: StatementLinesView,
    #[schema(max_items = 500)]
    donors: Vec<DonorStatementView>,
    waterfall: WaterfallView,
    /// Allocated until the end of the period.
    #[schema(max_length = 22)]
    allocated: String,
    /// Allocated of what was received, in basis points.
    #[schema(minimum = 0)]
    allocated_bps: i64,
    #[schema(max_items = 500)]
    alerts: Vec<FundAlertView>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FundStatementQuery {
    /// First day; from the beginning by default.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day; the business date by default.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// The statement of one donor only: its lines, and the rest of the statement for its contributions.
    donor_id: Option<DonorId>,
}

fn waterfall(total: &StatementLines, kept: &Ledgers) -> Waterfall {
    Waterfall {
        contributions: total.received,
        interest: total.interest,
        exchange: total.exchange,
        transferred: kept.disbursed,
        refunds: kept.returned,
        fee: total.fee,
        direct_cost: total.direct_cost,
        bank_charges: total.bank_charges,
        repaid: total.repaid,
        expenditure: total.spent,
        recipients_refunds: kept.returned,
        ..Waterfall::default()
    }
}

fn waterfall_view(flow: &Waterfall, currency: Currency) -> WaterfallView {
    let shown = |minor| Balance::from_minor(minor).display(currency);
    WaterfallView {
        total_source: shown(flow.source()),
        transferred: shown(flow.transfers()),
        refunds: shown(flow.refunds),
        repaid: shown(flow.repaid),
        total_use: shown(flow.total_use()),
        balance: shown(flow.balance()),
        recipients_balance: shown(flow.recipients_balance()),
        total_balance: shown(flow.total_balance()),
    }
}

/// The statement of a fund and of each of its donors, to the smallest unit. Filtered by a donor, that donor's own.
#[utoipa::path(tag = "fund", params(FundStatementQuery), responses((status = 200, body = FundStatementView)))]
#[get("/v1/organisations/{organisation_id}/funds/{fund_id}/statement")]
pub async fn read_fund_statement(call: Call, path: web::Path<(OrganisationId, FundId)>, query: Query<FundStatementQuery>) -> Answered {
    let (_, id) = path.into_inner();
    let (scope, today) = (call.scope()?, call.today);
    let (from, to, donor) = (query.0.from, query.0.to.unwrap_or(today), query.0.donor_id);
    let view = call
        .store()
        .read(move |conn| {
            let currency = db::fund::find_fund_row(conn, &scope, id)?.currency()?;
            let mut contributions = all_contributions(conn, &scope, id)?;
            contributions.retain(|one| donor.is_none_or(|donor| one.row.donor_id.is_some_and(|of| of.0 == donor)));
            let donor_of: BTreeMap<ContributionId, Option<DonorId>> =
                contributions.iter().map(|one| (one.row.id.0, one.row.donor_id.map(|donor| donor.0))).collect();
            let mut donors: BTreeMap<Option<DonorId>, StatementLines> =
                donor_of.values().map(|donor| (*donor, StatementLines::default())).collect();
            let (mut ever, mut kept) = (StatementLines::default(), Ledgers::default());
            for (contribution, kind, on, value) in db::fund::movement::counted_movements(conn, &scope, id, to)? {
                let Some(donor) = donor_of.get(&contribution.0) else { continue };
                donors.entry(*donor).or_default().count(kind.0, value, on, from, to);
                ever.count(kind.0, value, on, None, to);
                if !matches!(kind.0, FundMovementKind::Pledge | FundMovementKind::Commitment | FundMovementKind::WriteOff) {
                    kept = kept.after(kind.0, 0, value);
                }
            }
            let total = donors.values().fold(StatementLines::default(), |sum, lines| sum.and(*lines));
            let paid = db::fund::allocation::purposes_paid(conn, &scope, id)?;
            let alerts = contributions.iter().filter_map(|one| {
                let purposes = paid.get(&one.row.id.0).copied().unwrap_or_default();
                let minimum = one.earmark.minimum_purposes;
                too_few_purposes(minimum, purposes, one.row.ends_on, to).then_some(FundAlertView {
                    contribution_id: one.row.id.0,
                    ends_on: one.row.ends_on,
                    minimum_purposes: minimum.unwrap_or_default(),
                    purposes,
                })
            });
            Ok(FundStatementView {
                fund_id: id,
                currency: currency.code().to_owned(),
                from,
                to,
                total: lines_view(&total, currency),
                donors: donors
                    .iter()
                    .map(|(donor, lines)| DonorStatementView { donor_id: *donor, lines: lines_view(lines, currency) })
                    .collect(),
                waterfall: waterfall_view(&waterfall(&ever, &kept), currency),
                allocated: Balance::from_minor(kept.allocated).display(currency),
                allocated_bps: rate_bps(kept.allocated, ever.received),
                alerts: alerts.collect(),
            })
        })
        .await?;
    ok(&view)
}
