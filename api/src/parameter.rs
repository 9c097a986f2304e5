//! Legal values in force: deadlines, ceilings, percentages, with their source and how sure it is. Public.

use actix_web::{HttpRequest, get};
use chrono::NaiveDate;
use db::parameter::ParameterRow;
use domain::parameter::Confidence;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, published};
use crate::auth::Call;
use crate::body::Query;

/// The country whose law applies.
pub const COUNTRY: &str = "ML";

/// A legal value.
#[derive(Serialize, ToSchema)]
pub struct ParameterView {
    #[schema(min_length = 2, max_length = 2)]
    country: String,
    /// Level of local government; "*" for all.
    #[schema(max_length = 20)]
    level: String,
    #[schema(max_length = 60, example = "vote_deadline")]
    key: String,
    /// Dates count from the fiscal year N: "N-1-10-31" is 31 October of the year before.
    #[schema(max_length = 60, example = "N-1-10-31")]
    value: String,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    confidence: Confidence,
    /// The text or practice behind the value.
    #[schema(max_length = 400)]
    source: String,
}

fn view(row: ParameterRow) -> ParameterView {
    ParameterView {
        country: row.country,
        level: row.level,
        key: row.key,
        value: row.value,
        valid_from: row.valid_from,
        valid_to: row.valid_to,
        confidence: row.confidence.0,
        source: row.source,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ParameterQuery {
    /// Level of local government: commune, cercle, region or district.
    #[param(max_length = 20)]
    level: Option<String>,
    /// Values in force on that day; the business date by default.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    on: Option<NaiveDate>,
}

/// The legal values in force.
#[utoipa::path(tag = "parameter", params(ParameterQuery), responses((status = 200, body = Vec<ParameterView>)))]
#[get("/v1/parameters")]
pub async fn list_parameters(request: HttpRequest, call: Call, query: Query<ParameterQuery>) -> Answered {
    let on = query.0.on.unwrap_or(call.today);
    let level = query.0.level.unwrap_or_else(|| "commune".to_owned());
    published(&request, &call, move |conn| {
        let rows = db::parameter::list_parameters(conn, COUNTRY, &level, on)?;
        Ok(rows.into_iter().map(view).collect::<Vec<_>>())
    })
    .await
}
