//! Statements of a fund and of each donor to it, which add up line by line.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{get, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::column::Col;
use db::connection::Conn;
use db::fault::Fault;
use db::fund::contribution::{Contribution, all_contributions};
use db::fund::statement::{MovementSum, Span, count_purposes, sum_movements};
use domain::fund::allocation::too_few_purposes;
use domain::fund::statement::StatementLines;
use domain::fund::waterfall::{FundFigure, Waterfall, rate_bps};
use domain::fund::{ExchangeBasis, FundMovementKind, Ledgers};
use domain::id::{ContributionId, DonorId, FundId, OrganisationId};
use domain::money::{Balance, Currency};
use domain::sensitivity::Scope;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::body::Query;

/// The lines of a statement: closing = opening + received + interest - fee - direct cost - bank charges - spent - transferred - residual -
/// repaid + exchange.
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
    /// Passed on to other funds.
    #[schema(max_length = 22)]
    transferred: String,
    /// Rests left with who carried a purpose out.
    #[schema(max_length = 22)]
    residual: String,
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
        transferred: shown(lines.transferred),
        residual: shown(lines.residual),
        repaid: shown(lines.repaid),
        exchange: shown(lines.exchange),
        closing: shown(lines.closing()),
    }
}

/// What a donor had contributed in one currency at the end of the period.
#[derive(Serialize, ToSchema)]
pub struct ContributedView {
    #[schema(min_length = 3, max_length = 3, example = "EUR")]
    currency: String,
    #[schema(max_length = 22)]
    pledged: String,
    #[schema(max_length = 22)]
    committed: String,
    #[schema(max_length = 22)]
    received: String,
    #[schema(max_length = 22)]
    written_off: String,
}

/// A donor's part of the statement; without a donor, the fund's own account.
#[derive(Serialize, ToSchema)]
pub struct DonorStatementView {
    donor_id: Option<DonorId>,
    /// By currency, since amounts in different ones have no sum.
    #[schema(max_items = 200)]
    contributed: Vec<ContributedView>,
    lines: StatementLinesView,
    /// Of the closing: came back after the end of contributions, and waits for the donor's consent.
    #[schema(max_length = 22)]
    held: String,
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
    contributions: String,
    #[schema(max_length = 22)]
    interest: String,
    #[schema(max_length = 22)]
    recipients_interest: String,
    /// With its sign.
    #[schema(max_length = 22)]
    exchange: String,
    #[schema(max_length = 22)]
    total_source: String,
    /// Disbursed.
    #[schema(max_length = 22)]
    transferred: String,
    /// Passed on to other funds.
    #[schema(max_length = 22)]
    transferred_to_funds: String,
    #[schema(max_length = 22)]
    transfers: String,
    #[schema(max_length = 22)]
    refunds: String,
    #[schema(max_length = 22)]
    fee: String,
    #[schema(max_length = 22)]
    direct_cost: String,
    #[schema(max_length = 22)]
    bank_charges: String,
    #[schema(max_length = 22)]
    repaid: String,
    #[schema(max_length = 22)]
    total_use: String,
    /// Left with the agent.
    #[schema(max_length = 22)]
    balance: String,
    /// In basis points of the contributions.
    balance_bps: i64,
    #[schema(max_length = 22)]
    expenditure: String,
    /// Rests that recipients keep.
    #[schema(max_length = 22)]
    residual: String,
    #[schema(max_length = 22)]
    recipients_balance: String,
    /// In basis points of what was disbursed.
    recipients_balance_bps: i64,
    /// The sum of both, and of the closings of all donors.
    #[schema(max_length = 22)]
    total_balance: String,
    /// In basis points of the contributions.
    total_balance_bps: i64,
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
    /// As it was known at this instant; none for what is known now.
    known_at: Option<DateTime<Utc>>,
    /// By which rates contributions in other currencies count.
    rates: ExchangeBasis,
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
    /// Received and not allocated; below zero where interest, or what came back, was allocated as well.
    #[schema(max_length = 22)]
    unallocated: String,
    /// Of the closing: came back after the end of contributions, and waits for the consent of their donors. The sum over all donors.
    #[schema(max_length = 22)]
    held: String,
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
    /// Only what was recorded at this instant: a correction that came later is not in it.
    known_at: Option<DateTime<Utc>>,
    /// The statement of one donor only: its lines, and the rest of the statement for its contributions.
    donor_id: Option<DonorId>,
}

fn waterfall_view(flow: &Waterfall, currency: Currency) -> WaterfallView {
    use FundFigure as F;
    let shown = |figure| Balance::from_minor(flow.figure(figure)).display(currency);
    WaterfallView {
        contributions: shown(F::Contributions),
        interest: shown(F::Interest),
        recipients_interest: shown(F::RecipientsInterest),
        exchange: shown(F::Exchange),
        total_source: shown(F::TotalSource),
        transferred: shown(F::Transferred),
        transferred_to_funds: shown(F::TransferredToFunds),
        transfers: shown(F::Transfers),
        refunds: shown(F::Refunds),
        fee: shown(F::Fee),
        direct_cost: shown(F::DirectCost),
        bank_charges: shown(F::BankCharges),
        repaid: shown(F::Repaid),
        total_use: shown(F::TotalUse),
        balance: shown(F::Balance),
        balance_bps: rate_bps(flow.balance(), flow.contributions),
        expenditure: shown(F::Expenditure),
        residual: shown(F::Residual),
        recipients_balance: shown(F::RecipientsBalance),
        recipients_balance_bps: rate_bps(flow.recipients_balance(), flow.transferred),
        total_balance: shown(F::TotalBalance),
        total_balance_bps: rate_bps(flow.figure(F::TotalBalance), flow.contributions),
    }
}

/// The books of a fund or of one of its donors: what each contribution of theirs moved before a period and in it.
pub(super) struct Books {
    pub contributions: Vec<Contribution>,
    before: Vec<MovementSum>,
    within: Vec<MovementSum>,
}

impl Books {
    /// Reads what moved on contributions; those of one donor, or all.
    pub fn read(conn: &mut Conn, scope: &Scope, fund: FundId, donor: Option<DonorId>, span: Span) -> Result<Self, Fault> {
        let mut contributions = all_contributions(conn, scope, fund)?;
        contributions.retain(|one| donor.is_none_or(|donor| one.row.donor_id.is_some_and(|of| of.0 == donor)));
        let ids: Vec<Col<ContributionId>> = contributions.iter().map(|one| one.row.id).collect();
        let ever = Span::until(span.to, Some(span.known_at));
        let before = match span.from.pred_opt().filter(|_| span.from > ever.from) {
            Some(last) => sum_movements(conn, scope, &ids, &Span { to: last, ..ever })?,
            None => Vec::new(),
        };
        let within = sum_movements(conn, scope, &ids, &span)?;
        Ok(Self { contributions, before, within })
    }

    fn ever(&self) -> impl Iterator<Item = &MovementSum> {
        self.before.iter().chain(&self.within)
    }

    /// From what came in since the beginning to what is left.
    pub fn waterfall(&self) -> Waterfall {
        let mut flow = Waterfall::default();
        self.ever().for_each(|sum| flow.count(sum.kind.0, sum.value));
        flow
    }

    fn lines(&self, of: impl Fn(&Contribution) -> bool) -> StatementLines {
        let ids: BTreeSet<ContributionId> = self.contributions.iter().filter(|one| of(one)).map(|one| one.row.id.0).collect();
        let mut lines = StatementLines::default();
        for (sums, before) in [(&self.before, true), (&self.within, false)] {
            sums.iter().filter(|sum| ids.contains(&sum.contribution_id.0)).for_each(|sum| lines.count(sum.kind.0, sum.value, before));
        }
        lines
    }

    /// What came back to contributions that had ended, and waits for consent.
    fn held(&self, of: impl Fn(&Contribution) -> bool) -> i64 {
        let ids: BTreeSet<ContributionId> = self.contributions.iter().filter(|one| of(one)).map(|one| one.row.id.0).collect();
        let sums = self.ever().filter(|sum| ids.contains(&sum.contribution_id.0));
        sums.fold(Ledgers::default(), |kept, sum| kept.after(sum.kind.0, 0, sum.value)).held
    }

    /// What a donor contributed, by currency.
    fn contributed(&self, donor: DonorId) -> Result<Vec<ContributedView>, Fault> {
        let mut sums: BTreeMap<&str, Ledgers> = BTreeMap::new();
        for one in self.contributions.iter().filter(|one| one.row.donor_id == Some(Col(donor))) {
            let kept = sums.entry(one.row.currency.as_str()).or_default();
            for sum in self.ever().filter(|sum| sum.contribution_id == one.row.id) {
                *kept = kept.after(sum.kind.0, sum.amount, 0);
            }
        }
        let view = |(code, kept): (&str, Ledgers)| {
            let own = db::fund::currency(code)?;
            let shown = |minor| Balance::from_minor(minor).display(own);
            Ok(ContributedView {
                currency: code.to_owned(),
                pledged: shown(kept.pledged),
                committed: shown(kept.committed),
                received: shown(kept.received),
                written_off: shown(kept.written_off),
            })
        };
        sums.into_iter().map(view).collect()
    }

    /// The donors whose money or goods came.
    pub fn contributors(&self) -> BTreeSet<DonorId> {
        let came = |one: &&Contribution| {
            let of = self.ever().filter(|sum| sum.contribution_id == one.row.id && sum.kind.0 == FundMovementKind::Receipt);
            of.map(|sum| sum.amount).sum::<i64>() > 0
        };
        self.contributions.iter().filter(came).filter_map(|one| one.row.donor_id.map(|donor| donor.0)).collect()
    }
}

fn alerts(conn: &mut Conn, scope: &Scope, books: &Books, span: &Span) -> Result<Vec<FundAlertView>, Fault> {
    let bound = books.contributions.iter().filter(|one| one.earmark.minimum_purposes.is_some());
    let ids: Vec<Col<ContributionId>> = bound.clone().map(|one| one.row.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let paid = count_purposes(conn, scope, &ids, &Span::until(span.to, Some(span.known_at)))?;
    let alert = |one: &Contribution| {
        let purposes = paid.get(&one.row.id.0).copied().unwrap_or_default();
        let minimum = one.earmark.minimum_purposes;
        too_few_purposes(minimum, purposes, one.row.ends_on, span.to).then_some(FundAlertView {
            contribution_id: one.row.id.0,
            ends_on: one.row.ends_on,
            minimum_purposes: minimum.unwrap_or_default(),
            purposes,
        })
    };
    Ok(bound.filter_map(alert).collect())
}

/// The statement of a fund and of each of its donors, to the smallest unit. Filtered by a donor, that donor's own.
#[utoipa::path(tag = "fund", params(FundStatementQuery), responses((status = 200, body = FundStatementView)))]
#[get("/v1/organisations/{organisation_id}/funds/{fund_id}/statement")]
pub async fn read_fund_statement(call: Call, path: web::Path<(OrganisationId, FundId)>, query: Query<FundStatementQuery>) -> Answered {
    let (_, id) = path.into_inner();
    let (scope, today, query) = (call.scope()?, call.today, query.0);
    let to = query.to.unwrap_or(today);
    let view = call
        .store()
        .read(move |conn| {
            let currency = db::fund::find_fund_row(conn, &scope, id)?.currency()?;
            let ever = Span::until(to, query.known_at);
            let span = Span { from: query.from.unwrap_or(ever.from), ..ever };
            let books = Books::read(conn, &scope, id, query.donor_id, span)?;
            let donors: BTreeSet<Option<DonorId>> = books.contributions.iter().map(|one| one.row.donor_id.map(|donor| donor.0)).collect();
            let (mut parts, mut total) = (Vec::with_capacity(donors.len()), StatementLines::default());
            for donor_id in donors {
                let lines = books.lines(|one| one.row.donor_id.map(|donor| donor.0) == donor_id);
                let contributed = donor_id.map_or(Ok(Vec::new()), |donor| books.contributed(donor))?;
                let held = books.held(|one| one.row.donor_id.map(|donor| donor.0) == donor_id);
                let held = Balance::from_minor(held).display(currency);
                parts.push(DonorStatementView { donor_id, contributed, lines: lines_view(&lines, currency), held });
                total = total.and(lines);
            }
            let flow = books.waterfall();
            Ok(FundStatementView {
                fund_id: id,
                currency: currency.code().to_owned(),
                from: query.from,
                to,
                known_at: query.known_at,
                rates: ExchangeBasis::Historical,
                total: lines_view(&total, currency),
                donors: parts,
                waterfall: waterfall_view(&flow, currency),
                allocated: Balance::from_minor(flow.allocated).display(currency),
                allocated_bps: rate_bps(flow.allocated, flow.contributions),
                unallocated: Balance::from_minor(flow.figure(FundFigure::Unallocated)).display(currency),
                held: Balance::from_minor(books.held(|_| true)).display(currency),
                alerts: alerts(conn, &scope, &books, &span)?,
            })
        })
        .await?;
    ok(&view)
}
