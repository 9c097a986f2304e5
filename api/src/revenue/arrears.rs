//! Arrears both ways: accepted and not paid, due and not collected, by age.

use actix_web::{get, web};
use chrono::NaiveDate;
use db::fault::Fault;
use db::revenue::arrears::{Arrear, list_payable, list_receivable};
use domain::id::OrganisationId;
use domain::money::{Amount, Currency};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::organisation::currency_in;

/// The last day of each age, and how many days it reaches back; the last age has no end.
const AGES: [(&str, i64); 4] = [("0-30", 30), ("31-90", 90), ("91-365", 365), ("over-365", i64::MAX)];

/// Debts of an age.
#[derive(Serialize, ToSchema)]
pub struct ArrearsAge {
    /// Days since the acceptance: "0-30", "31-90", "91-365" or "over-365".
    #[schema(max_length = 20, example = "31-90")]
    days: &'static str,
    #[schema(minimum = 0)]
    count: usize,
    #[schema(max_length = 21)]
    amount: String,
}

/// Debts in one direction.
#[derive(Serialize, ToSchema)]
pub struct ArrearsSide {
    #[schema(minimum = 0)]
    count: usize,
    #[schema(max_length = 21)]
    amount: String,
    /// Date of the oldest debt.
    oldest: Option<NaiveDate>,
    #[schema(max_items = 4)]
    ages: Vec<ArrearsAge>,
}

/// What the organisation owes and is owed, by age.
#[derive(Serialize, ToSchema)]
pub struct Arrears {
    organisation_id: OrganisationId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    /// The business date from which ages count.
    as_of: NaiveDate,
    /// Accepted orders and carried debts that are not paid (restes à payer).
    payable: ArrearsSide,
    /// Accepted revenue orders and carried receivables that are not collected (restes à recouvrer).
    receivable: ArrearsSide,
}

fn side(debts: &[Arrear], today: NaiveDate, currency: Currency) -> Result<ArrearsSide, Fault> {
    let sum = |debts: &mut dyn Iterator<Item = &Arrear>| {
        Amount::sum(debts.map(|debt| debt.amount)).ok_or_else(|| Fault::Corrupt("arrears out of range".to_owned()))
    };
    let mut from = i64::MIN;
    let mut ages = Vec::with_capacity(AGES.len());
    for (days, to) in AGES {
        let of_age = |debt: &&Arrear| (from..=to).contains(&(today - debt.since).num_days());
        let amount = sum(&mut debts.iter().filter(of_age))?;
        ages.push(ArrearsAge { days, count: debts.iter().filter(of_age).count(), amount: amount.display(currency) });
        from = to.saturating_add(1);
    }
    Ok(ArrearsSide {
        count: debts.len(),
        amount: sum(&mut debts.iter())?.display(currency),
        oldest: debts.iter().map(|debt| debt.since).min(),
        ages,
    })
}

/// The arrears of a year, both ways: accepted payment orders and carried debts not paid, accepted revenue orders and carried
/// receivables not collected, by age in days.
#[utoipa::path(tag = "revenue", responses((status = 200, body = Arrears)))]
#[get("/v1/organisations/{organisation_id}/fiscal-years/{year}/arrears")]
pub async fn read_arrears(call: Call, path: web::Path<(OrganisationId, i32)>) -> Answered {
    let (organisation, year) = path.into_inner();
    let scope = call.scope()?;
    let today = call.today;
    let view = call
        .store()
        .read(move |conn| {
            db::budget::fiscal_year::find_fiscal_year(conn, &scope, year)?;
            let currency = currency_in(conn, &scope)?;
            Ok(Arrears {
                organisation_id: organisation,
                fiscal_year: year,
                currency: currency.code().to_owned(),
                as_of: today,
                payable: side(&list_payable(conn, &scope, year)?, today, currency)?,
                receivable: side(&list_receivable(conn, &scope, year)?, today, currency)?,
            })
        })
        .await?;
    ok(&view)
}
