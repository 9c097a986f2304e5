//! What money is allocated to.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use db::fault::Fault;
use db::fund::purpose::{FundPurpose, NewPurpose as NewRow, PurposeFilter};
use domain::audit::Event;
use domain::fund::earmark::WHOLE;
use domain::fund::{FundVocabulary, PURPOSE_SPLIT_SUM, direct_and_indirect, require_overhead};
use domain::id::{FundId, FundPurposeId, OrganisationId, TerritorialUnitId};
use domain::money::{Amount, Currency};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::pledge::{Bounded, GenderMarker};
use super::views;
use crate::answer::{Answered, created, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};
use crate::wire::{AmountText, CurrencyText};

/// A place of a purpose.
#[derive(Serialize, ToSchema)]
pub struct PurposePlaceView {
    territorial_unit_id: TerritorialUnitId,
    /// Its share, in basis points.
    #[schema(minimum = 1, maximum = 10000)]
    bps: i32,
}

/// What a fund's money is allocated to: as much of a project as earmarks look at.
#[derive(Serialize, ToSchema)]
pub struct FundPurposeView {
    id: FundPurposeId,
    organisation_id: OrganisationId,
    fund_id: FundId,
    /// By which earmarks name it.
    #[schema(max_length = 60, example = "TF-GAO-18-001")]
    reference: String,
    #[schema(max_length = 300)]
    title: String,
    #[schema(max_length = 60, example = "security")]
    sector: String,
    #[schema(max_length = 60)]
    objective: Option<String>,
    #[schema(max_length = 60)]
    instrument: Option<String>,
    #[schema(minimum = 0, maximum = 3)]
    gender_marker: Option<i32>,
    /// Of the fund.
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    #[schema(max_length = 21)]
    budget: String,
    /// Indirect cost in basis points of the direct cost; both make the budget.
    #[schema(minimum = 0, maximum = 10000)]
    indirect_bps: i32,
    #[schema(max_length = 21)]
    direct: String,
    #[schema(max_length = 21)]
    indirect: String,
    /// Since when nothing more happens to it.
    closed_on: Option<NaiveDate>,
    /// Whether a project is paid from it: then money moves through the project.
    held: bool,
    #[schema(max_items = 8)]
    places: Vec<PurposePlaceView>,
    #[schema(minimum = 1)]
    version: i64,
}

pub(super) fn view(purpose: FundPurpose, currency: Currency) -> FundPurposeView {
    let budget = Amount::from_minor(purpose.row.budget).unwrap_or_default();
    let (direct, indirect) = direct_and_indirect(budget, u32::try_from(purpose.row.indirect_bps).unwrap_or_default());
    let place =
        |place: &db::fund::purpose::PurposePlaceRow| PurposePlaceView { territorial_unit_id: place.territorial_unit_id.0, bps: place.bps };
    FundPurposeView {
        places: purpose.places.iter().map(place).collect(),
        id: purpose.row.id.0,
        organisation_id: purpose.row.organisation_id.0,
        fund_id: purpose.row.fund_id.0,
        reference: purpose.row.reference,
        title: purpose.row.title,
        sector: purpose.row.sector,
        objective: purpose.row.objective,
        instrument: purpose.row.instrument,
        gender_marker: purpose.row.gender_marker,
        currency: currency.code().to_owned(),
        budget: budget.display(currency),
        indirect_bps: purpose.row.indirect_bps,
        direct: direct.display(currency),
        indirect: indirect.display(currency),
        closed_on: purpose.row.closed_on,
        held: purpose.row.held,
        version: purpose.row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FundPurposeQuery {
    /// A part of the title, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// Only purposes of this fund.
    fund_id: Option<FundId>,
    /// Only purposes in this sector.
    #[param(max_length = 60)]
    sector: Option<String>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// What money of the organisation's funds is allocated to.
#[utoipa::path(tag = "fund", params(FundPurposeQuery), responses((status = 200, body = Page<FundPurposeView>)))]
#[get("/v1/organisations/{organisation_id}/fund-purposes")]
pub async fn list_fund_purposes(call: Call, _path: web::Path<OrganisationId>, query: Query<FundPurposeQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<FundPurposeId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let filter = PurposeFilter { text: query.q, fund_id: query.fund_id, sector: query.sector };
    let rows = call
        .store()
        .read(move |conn| {
            let rows = db::fund::purpose::list_purposes(conn, &scope, &filter, &asked)?;
            let mut found = Vec::with_capacity(rows.rows.len());
            for purpose in rows.rows {
                let currency = db::fund::find_fund_row(conn, &scope, purpose.row.fund_id.0)?.currency()?;
                found.push((purpose, currency));
            }
            views(db::page::Rows { more: rows.more, rows: found }, |(purpose, currency)| Ok(view(purpose, currency)))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |one| one.id, |one| one))
}

pub(super) type PurposePath = web::Path<(OrganisationId, FundPurposeId)>;

/// One purpose.
#[utoipa::path(tag = "fund", responses((status = 200, body = FundPurposeView)))]
#[get("/v1/organisations/{organisation_id}/fund-purposes/{fund_purpose_id}")]
pub async fn read_fund_purpose(call: Call, request: HttpRequest, path: PurposePath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let purpose = call
        .store()
        .read(move |conn| {
            let purpose = db::fund::purpose::find_purpose(conn, &scope, id)?;
            let currency = db::fund::find_fund_row(conn, &scope, purpose.row.fund_id.0)?.currency()?;
            Ok(view(purpose, currency))
        })
        .await?;
    versioned(&request, purpose.version, &purpose)
}

/// A place of a purpose.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPurposePlace {
    territorial_unit_id: TerritorialUnitId,
    /// Its share, in basis points; together 10,000.
    #[schema(value_type = u32, minimum = 1, maximum = 10000)]
    bps: Bounded<1, 10000>,
}

/// A purpose to define.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFundPurpose {
    /// An identifier made by the client, if it works offline.
    id: Option<FundPurposeId>,
    fund_id: FundId,
    /// Unique in the organisation.
    reference: Text<60>,
    title: Text<300>,
    sector: Text<60>,
    objective: Option<Text<60>>,
    instrument: Option<Text<60>>,
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 3)]
    gender_marker: Option<GenderMarker>,
    /// Direct and indirect cost together.
    budget: AmountText,
    currency: CurrencyText,
    /// Indirect cost in basis points of the direct cost, at most what the fund allows; none by default.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 10000)]
    indirect_bps: Option<Bounded<0, 10000>>,
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 8>")]
    #[schema(min_items = 1, max_items = 8)]
    places: Vec<NewPurposePlace>,
}

impl Json for NewFundPurpose {}

impl NewFundPurpose {
    /// The places, each once, whose shares are the whole.
    fn shares(&self) -> Result<Vec<(TerritorialUnitId, i32)>, Fault> {
        let sum: u32 = self.places.iter().map(|place| place.bps.0).sum();
        let units: BTreeSet<TerritorialUnitId> = self.places.iter().map(|place| place.territorial_unit_id).collect();
        if sum != WHOLE || units.len() != self.places.len() {
            return Err(PURPOSE_SPLIT_SUM.refuse().with("sum", sum).at("/places").into());
        }
        let bps = |place: &NewPurposePlace| i32::try_from(place.bps.0).unwrap_or_default();
        Ok(self.places.iter().map(|place| (place.territorial_unit_id, bps(place))).collect())
    }
}

/// Defines what money can be allocated to.
#[utoipa::path(tag = "fund", request_body = NewFundPurpose, responses((status = 201, body = FundPurposeView)))]
#[post("/v1/organisations/{organisation_id}/fund-purposes")]
pub async fn define_fund_purpose(asked: Asked<NewFundPurpose>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let fund = db::fund::find_fund_row(tx.conn, &call.scope_in(organisation), body.fund_id)?;
            let currency = fund.currency()?;
            let places = body.shares()?;
            for (unit, _) in &places {
                db::territory::find_unit(tx.conn, *unit)?;
            }
            currency.require(&body.currency.0)?;
            let budget = Amount::parse_positive(&body.budget.0, currency).map_err(|refusal| refusal.at("/budget"))?;
            let indirect_bps = body.indirect_bps.map_or(0, |bps| bps.0);
            require_overhead(indirect_bps, fund.indirect_bps_max.and_then(|most| u32::try_from(most).ok()))?;
            db::fund::find_term(tx.conn, FundVocabulary::Sector, body.sector.as_str(), "/sector")?;
            for (vocabulary, term) in [(FundVocabulary::Objective, &body.objective), (FundVocabulary::Instrument, &body.instrument)] {
                if let Some(term) = term {
                    db::fund::find_term(tx.conn, vocabulary, term.as_str(), &format!("/{vocabulary}"))?;
                }
            }
            let text = |term: &Option<Text<60>>| term.as_ref().map(|term| term.as_str().to_owned());
            let new = NewRow {
                id,
                fund: body.fund_id,
                reference: body.reference.as_str().to_owned(),
                title: body.title.as_str().to_owned(),
                sector: body.sector.as_str().to_owned(),
                objective: text(&body.objective),
                instrument: text(&body.instrument),
                gender_marker: body.gender_marker.and_then(|marker| i32::try_from(marker.0).ok()),
                budget: budget.minor(),
                indirect_bps: i32::try_from(indirect_bps).unwrap_or_default(),
                places,
                recorded_by,
            };
            let purpose = db::fund::purpose::insert_purpose(tx, &new)?;
            let event = Event::of("fund_purpose.defined", "fund_purpose", id.0, 1)
                .with("reference", &new.reference)
                .with("budget", budget.display(currency))
                .with("currency", currency.code());
            let location = format!("/v1/organisations/{organisation}/fund-purposes/{id}");
            Ok((created(location, 1, &view(purpose, currency))?, event.into()))
        })
        .await
}
