//! Contributions: their ledgers, instalments and earmarks.

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::fault::Fault;
use db::fund::contribution::{
    Contribution, ContributionChange, ContributionFilter, NewContribution, insert_contribution, update_contribution,
};
use db::fund::earmark::PlacedEarmark;
use db::fund::movement::{FundAct, Moved, append_movement};
use domain::audit::Event;
use domain::fund::earmark::WHOLE;
use domain::fund::{CONTRIBUTION_INSTALMENTS, CONTRIBUTION_MOVEMENT_INVALID, ContributionKind, FundMovementKind, FundVocabulary, Ledgers};
use domain::id::{ContributionId, DonorId, FundId, OrganisationId, PrincipalId, TerritorialUnitId};
use domain::money::{Amount, Balance, Currency};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::require_open_day;
use super::{named_currency, views};
use crate::answer::{Answered, created, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};
use crate::wire::{AmountText, CurrencyText, shown};

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
    recorded_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    #[schema(minimum = 1)]
    version: i64,
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

pub(super) fn view(contribution: Contribution, fund: Currency) -> Result<ContributionView, Fault> {
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
        available: Balance::from_minor(ledgers.available()).display(fund),
        fee_bps: row.fee_bps,
        agreed_on: row.agreed_on,
        first_received_on: row.first_received_on,
        ends_on: row.ends_on,
        earmark: earmark_view(contribution.earmark),
        instalments: contribution.instalments.iter().map(instalment).collect(),
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
            let mut shown = Vec::with_capacity(rows.rows.len());
            for contribution in rows.rows {
                let fund = db::fund::find_fund_row(conn, &scope, contribution.row.fund_id.0)?;
                shown.push((contribution, fund.currency()?));
            }
            views(db::page::Rows { more: rows.more, rows: shown }, |(contribution, currency)| view(contribution, currency))
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
    let contribution = call
        .store()
        .read(move |conn| {
            let contribution = db::fund::contribution::find_contribution(conn, &scope, id)?;
            let fund = db::fund::find_fund_row(conn, &scope, contribution.row.fund_id.0)?;
            view(contribution, fund.currency()?)
        })
        .await?;
    versioned(&request, contribution.version, &contribution)
}

/// What a contribution may be used for.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEarmark {
    /// Territorial units; what lies in them belongs to them.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    territorial_unit_ids: Vec<TerritorialUnitId>,
    /// Sectors of the shipped list, or the first digits of DAC purpose codes.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    sectors: Vec<Text<60>>,
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    objectives: Vec<Text<60>>,
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    instruments: Vec<Text<60>>,
    /// References of purposes, which need not exist yet.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    purposes: Vec<Text<60>>,
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 3)]
    gender_marker_min: Option<GenderMarker>,
    /// How many different purposes it pays at least until it ends.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    minimum_purposes: Option<Bounded<1, 1000>>,
    /// The most that it pays of the budget of one purpose, in basis points.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 10000)]
    cap_bps: Option<Bounded<1, 10000>>,
}

/// A whole number within bounds.
#[derive(Clone, Copy, Debug)]
pub struct Bounded<const LEAST: u32, const MOST: u32>(pub u32);

/// A gender marker.
pub type GenderMarker = Bounded<0, 3>;

impl<'de, const LEAST: u32, const MOST: u32> Deserialize<'de> for Bounded<LEAST, MOST> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        if (LEAST..=MOST).contains(&number) {
            return Ok(Self(number));
        }
        Err(serde::de::Error::custom(format!("expected {LEAST} to {MOST}")))
    }
}

impl NewEarmark {
    /// The earmark, whose terms must exist; digits that begin a DAC purpose code need no term.
    fn read(&self, conn: &mut db::connection::Conn) -> Result<PlacedEarmark, Fault> {
        let list = |terms: &[Text<60>]| terms.iter().map(|term| term.as_str().to_owned()).collect::<Vec<_>>();
        for place in &self.territorial_unit_ids {
            db::territory::find_unit(conn, *place)?;
        }
        let known = [
            (FundVocabulary::Sector, &self.sectors),
            (FundVocabulary::Objective, &self.objectives),
            (FundVocabulary::Instrument, &self.instruments),
        ];
        for (vocabulary, terms) in known {
            for term in terms.iter().filter(|term| !term.as_str().bytes().all(|byte| byte.is_ascii_digit())) {
                db::fund::find_term(conn, vocabulary, term.as_str())?;
            }
        }
        Ok(PlacedEarmark {
            places: self.territorial_unit_ids.clone(),
            sectors: list(&self.sectors),
            objectives: list(&self.objectives),
            instruments: list(&self.instruments),
            purposes: list(&self.purposes),
            gender_marker_min: self.gender_marker_min.map(|marker| marker.0),
            minimum_purposes: self.minimum_purposes.map(|least| least.0),
            cap_bps: self.cap_bps.map(|cap| cap.0.min(WHOLE)),
        })
    }
}

/// Money that is expected.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInstalment {
    #[serde(deserialize_with = "crate::wire::day")]
    due_on: NaiveDate,
    amount: AmountText,
}

/// A pledge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPledge {
    /// An identifier made by the client, if it works offline.
    id: Option<ContributionId>,
    fund_id: FundId,
    donor_id: DonorId,
    /// Money or goods.
    kind: ContributionKind,
    /// Unique in the organisation.
    reference: Text<80>,
    currency: CurrencyText,
    /// What the donor announced.
    amount: AmountText,
    /// When it was announced.
    #[serde(deserialize_with = "crate::wire::day")]
    on: NaiveDate,
    /// Until when it may be used.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    ends_on: Option<NaiveDate>,
    /// What it consists of, where it is goods; where its figures come from.
    note: Option<Text<500>>,
    /// What it may be used for; everything by default.
    #[serde(default)]
    earmark: NewEarmark,
    /// When it is expected; together the amount.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 40>")]
    #[schema(max_items = 40)]
    instalments: Vec<NewInstalment>,
}

impl Json for NewPledge {}

impl NewPledge {
    fn schedule(&self, pledged: Amount, currency: Currency) -> Result<Vec<(NaiveDate, i64)>, Fault> {
        let mut schedule = Vec::with_capacity(self.instalments.len());
        for (index, instalment) in self.instalments.iter().enumerate() {
            let pointer = format!("/instalments/{index}/amount");
            let amount = Amount::parse_positive(&instalment.amount.0, currency).map_err(|refusal| refusal.at(&pointer))?;
            schedule.push((instalment.due_on, amount));
        }
        let sum = Amount::sum(schedule.iter().map(|(_, amount)| *amount));
        if !schedule.is_empty() && sum != Some(pledged) {
            let refusal = CONTRIBUTION_INSTALMENTS.refuse().with("sum", sum.unwrap_or_default().display(currency));
            let refusal = refusal.with("pledged", pledged.display(currency)).with("currency", currency.code());
            return Err(refusal.at("/instalments").into());
        }
        Ok(schedule.into_iter().map(|(due_on, amount)| (due_on, amount.minor())).collect())
    }
}

/// Records a pledge: a donor's public intention, with what it is for. Nothing is signed or received by it.
#[utoipa::path(tag = "fund", request_body = NewPledge, responses((status = 201, body = ContributionView)))]
#[post("/v1/organisations/{organisation_id}/contributions")]
pub async fn pledge_contribution(asked: Asked<NewPledge>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let fund = db::fund::find_fund_row(tx.conn, &scope, body.fund_id)?;
            let donor = db::fund::donor::find_donor(tx.conn, &scope, body.donor_id)?;
            if body.kind == ContributionKind::Own {
                let refusal = CONTRIBUTION_MOVEMENT_INVALID.refuse().with("kind", FundMovementKind::Pledge);
                return Err(refusal.with("contribution_kind", body.kind).at("/kind").into());
            }
            let currency = named_currency(&body.currency, "/currency")?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            require_open_day(call, &fund, body.on)?;
            let new = NewContribution {
                id,
                fund: body.fund_id,
                donor: Some(donor.row.id.0),
                kind: body.kind,
                reference: body.reference.as_str().to_owned(),
                currency,
                ends_on: body.ends_on,
                note: body.note.as_ref().map(|note| note.as_str().to_owned()),
                earmark: body.earmark.read(tx.conn)?,
                instalments: body.schedule(amount, currency)?,
                recorded_by,
            };
            insert_contribution(tx, &new)?;
            let row = db::fund::contribution::find_contribution(tx.conn, &tx.all(), id)?.row;
            let act = FundAct { id: id.0, on: body.on, reference: None, rate: None, allocation: None, purpose: None, by: recorded_by };
            let pledge = Moved::amount(FundMovementKind::Pledge, amount.minor());
            let ledgers = append_movement(tx, &act, &row, Ledgers::default(), pledge)?;
            update_contribution(tx, &row, &ContributionChange::of(&row, ledgers))?;
            let event = Event::of("contribution.pledged", "contribution", id.0, 2)
                .with("fund_id", body.fund_id.to_string())
                .with("donor_id", body.donor_id.to_string())
                .with("amount", amount.display(currency))
                .with("currency", currency.code());
            let after = db::fund::contribution::find_contribution(tx.conn, &tx.all(), id)?;
            let location = format!("/v1/organisations/{organisation}/contributions/{id}");
            Ok((created(location, after.row.version, &view(after, fund.currency()?)?)?, event.into()))
        })
        .await
}
