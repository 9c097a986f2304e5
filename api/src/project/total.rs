//! What projects add up to, by group and currency.

use std::collections::BTreeMap;

use actix_web::{get, web};
use chrono::NaiveDate;
use db::connection::Conn;
use db::fault::Fault;
use db::project::total::Key;
use domain::fund::EXCHANGE_RATE_MISSING;
use domain::fund::attribution::divide;
use domain::fund::exchange::ExchangeRate;
use domain::id::{ExchangeRateId, OrganisationId};
use domain::money::{Amount, Currency, Total};
use domain::project::total::{Group, ProjectGrouping, Rounded, rounded};
use domain::sensitivity::Scope;
use serde::Serialize;
use utoipa::ToSchema;

use super::filter::narrowing;
use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::body::Query;
use crate::fund::named_currency;
use crate::problem::{Problem, REQUEST_PARAMETER_INVALID};
use crate::wire::CurrencyText;

/// What projects of one group add up to in one currency.
#[derive(Serialize, ToSchema)]
pub struct ProjectGroupTotal {
    /// A word of the grouping, a year, the code of a sector, or the id of a programme, a territorial unit or a donor. Null for what belongs
    /// to no group: projects without programme, what was never approved, shares of places that lie higher or are not told.
    #[schema(max_length = 60)]
    term: Option<String>,
    /// How a programme, a territorial unit or a donor is called.
    #[schema(max_length = 300)]
    label: Option<String>,
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    /// How many projects have a part in the group, each once, however many of its places lie there. One that is shared out over several
    /// groups is counted in each of them: the counts of the groups may be more than there are projects. Their amounts are not, they go by
    /// share.
    #[schema(minimum = 0)]
    projects: i64,
    /// Rounded to the minor unit so that the groups of a currency make its total exactly.
    #[schema(max_length = 42, example = "41970.00")]
    amount: String,
    /// In the currency asked for.
    #[schema(max_length = 42)]
    converted: Option<String>,
}

/// What all projects add up to in one currency. Currencies are never summed, but by named rates.
#[derive(Serialize, ToSchema)]
pub struct ProjectCurrencyTotal {
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    #[schema(max_length = 42, example = "41970.00")]
    amount: String,
    /// In the currency asked for.
    #[schema(max_length = 42)]
    converted: Option<String>,
    /// The rate that was used; null where none was needed.
    exchange_rate_id: Option<ExchangeRateId>,
}

/// What projects add up to. Programmes are never counted beside their projects.
#[derive(Serialize, ToSchema)]
pub struct ProjectTotals {
    by: ProjectGrouping,
    /// The day for which places were looked up.
    on: NaiveDate,
    #[schema(max_items = 10000)]
    groups: Vec<ProjectGroupTotal>,
    #[schema(max_items = 50)]
    totals: Vec<ProjectCurrencyTotal>,
    /// Everything together in the currency asked for.
    #[schema(max_length = 42)]
    converted: Option<String>,
}

narrowing!(ProjectTotalsQuery {
    /// By what projects are grouped; by state if absent.
    by: Option<ProjectGrouping>,
    /// The day for which places are looked up in the division of the territory; today if absent.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    on: Option<NaiveDate>,
    /// A currency into which everything is converted, by the rates named.
    convert_to: Option<CurrencyText>,
    /// The rates to convert with, one for each currency, separated by commas.
    #[param(
        max_length = 369,
        pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(,[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}){0,9}$",
        example = "018f0000-0000-7000-8000-000000000001"
    )]
    exchange_rate_ids: Option<String>,
});

/// The rates that were named, and the currency into which they convert.
struct Conversion {
    to: Currency,
    rates: Vec<(ExchangeRateId, ExchangeRate)>,
}

impl Conversion {
    fn load(conn: &mut Conn, scope: &Scope, to: Currency, ids: &[ExchangeRateId]) -> Result<Self, Fault> {
        let rates = ids.iter().map(|id| Ok((*id, db::fund::exchange::find_rate(conn, scope, *id)?.rate()?)));
        Ok(Self { to, rates: rates.collect::<Result<_, Fault>>()? })
    }

    /// A total in the currency asked for, with the rate that was used.
    fn convert(&self, minor: i128, from: Currency) -> Result<(Amount, Option<ExchangeRateId>), Fault> {
        let refused = || EXCHANGE_RATE_MISSING.refuse().with("from", from.code()).with("to", self.to.code()).at("?exchange_rate_ids");
        let unnamed = || Fault::from(refused());
        let amount = i64::try_from(minor).ok().and_then(Amount::from_minor).ok_or_else(unnamed)?;
        if from == self.to {
            return Ok((amount, None));
        }
        let serves = |rate: &ExchangeRate| [(rate.base, rate.quote), (rate.quote, rate.base)].contains(&(from, self.to));
        let (id, rate) = self.rates.iter().find(|(_, rate)| serves(rate)).ok_or_else(unnamed)?;
        Ok((rate.convert(amount, from, self.to).map_err(|_| unnamed())?, Some(*id)))
    }
}

/// Adds groups up.
struct Table {
    groups: Vec<ProjectGroupTotal>,
    totals: Vec<ProjectCurrencyTotal>,
    converted: i128,
}

impl Table {
    fn add(&mut self, code: &str, groups: Vec<Group<Key>>, conversion: Option<&Conversion>) -> Result<(), Fault> {
        let currency = db::fund::currency(code)?;
        let total = groups.iter().map(|group| group.parts).sum::<i128>() / domain::project::total::whole(1);
        let rounded: Vec<Rounded<Key>> = rounded(total, groups);
        let value = conversion.map(|to| Ok::<_, Fault>((to.to, to.convert(total, currency)?))).transpose()?;
        let told = |amount: Amount, to: Currency| Total::of_minor(amount.minor().into()).display(to);
        let weights: Vec<(usize, Amount)> = rounded
            .iter()
            .enumerate()
            .map(|(index, group)| (index, i64::try_from(group.minor).ok().and_then(Amount::from_minor).unwrap_or_default()))
            .collect();
        let parts: BTreeMap<usize, Amount> = value.iter().flat_map(|(_, (amount, _))| divide(*amount, &weights)).collect();
        for (index, group) in rounded.into_iter().enumerate() {
            self.groups.push(ProjectGroupTotal {
                term: group.key.1,
                label: None,
                currency: code.to_owned(),
                projects: group.projects,
                amount: Total::of_minor(group.minor).display(currency),
                converted: value.as_ref().zip(parts.get(&index)).map(|((to, _), part)| told(*part, *to)),
            });
        }
        self.converted += value.as_ref().map_or(0, |(_, (amount, _))| amount.minor().into());
        self.totals.push(ProjectCurrencyTotal {
            currency: code.to_owned(),
            amount: Total::of_minor(total).display(currency),
            converted: value.as_ref().map(|(to, (amount, _))| told(*amount, *to)),
            exchange_rate_id: value.and_then(|(_, (_, rate))| rate),
        });
        Ok(())
    }

    fn name(&mut self, labels: &BTreeMap<String, String>) {
        for group in &mut self.groups {
            group.label = group.term.as_ref().and_then(|term| labels.get(term).cloned());
        }
    }
}

/// The ids of a parameter.
fn ids(text: Option<&str>) -> Result<Vec<ExchangeRateId>, Problem> {
    let read = |one: &str| one.parse().map(ExchangeRateId).map_err(|_| one.to_owned());
    let ids: Result<Vec<_>, String> = text.map_or(Ok(Vec::new()), |text| text.split(',').map(read).collect());
    ids.map_err(|one| Problem::unreadable(&REQUEST_PARAMETER_INVALID, "?exchange_rate_ids", &format!("not an id: {one:?}")))
}

/// What the organisation's projects add up to, by group and currency. Only projects that the caller may see are counted. Currencies are
/// summed only where `convert_to` asks for it, by the rates that are named; without one the answer is refused.
#[utoipa::path(tag = "project", params(ProjectTotalsQuery), responses((status = 200, body = ProjectTotals)))]
#[get("/v1/organisations/{organisation_id}/project-totals")]
pub async fn read_project_totals(call: Call, _path: web::Path<OrganisationId>, query: Query<ProjectTotalsQuery>) -> Answered {
    let (query, scope) = (query.0, call.scope()?);
    let (by, on, filter) = (query.by.unwrap_or(ProjectGrouping::State), query.on.unwrap_or(call.today), query.filter());
    let rates = ids(query.exchange_rate_ids.as_deref())?;
    let to = query.convert_to.as_ref().map(|code| named_currency(code, "?convert_to")).transpose()?;
    let totals = call
        .store()
        .read(move |conn| {
            let conversion = to.map(|to| Conversion::load(conn, &scope, to, &rates)).transpose()?;
            let mut currencies: BTreeMap<String, Vec<Group<Key>>> = BTreeMap::new();
            for group in db::project::total::total_projects(conn, &scope, &filter, by, on)? {
                currencies.entry(group.key.0.clone()).or_default().push(group);
            }
            let mut table = Table { groups: Vec::new(), totals: Vec::new(), converted: 0 };
            for (code, groups) in currencies {
                table.add(&code, groups, conversion.as_ref())?;
            }
            let terms: Vec<String> = table.groups.iter().filter_map(|group| group.term.clone()).collect();
            table.name(&db::project::total::labels(conn, &scope, by, &terms)?);
            let converted = conversion.map(|to| Total::of_minor(table.converted).display(to.to));
            Ok(ProjectTotals { by, on, groups: table.groups, totals: table.totals, converted })
        })
        .await?;
    ok(&totals)
}
