//! Versions of the budget nomenclature. Public reference data.

use actix_web::{HttpRequest, get, web};
use chrono::NaiveDate;
use db::budget::nomenclature::{NomenclatureItemRow, NomenclatureRow};
use domain::budget::nomenclature::Levy;
use domain::parameter::Confidence;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{Answered, published};
use crate::auth::Call;

/// A version of the budget nomenclature.
#[derive(Serialize, ToSchema)]
pub struct NomenclatureView {
    #[schema(max_length = 40)]
    code: String,
    #[schema(max_length = 200)]
    label_fr: String,
    #[schema(max_length = 200)]
    label_en: String,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    confidence: Confidence,
    /// The text behind it.
    #[schema(max_length = 1000)]
    source: String,
}

fn view(row: NomenclatureRow) -> NomenclatureView {
    NomenclatureView {
        code: row.code,
        label_fr: row.label_fr,
        label_en: row.label_en,
        valid_from: row.valid_from,
        valid_to: row.valid_to,
        confidence: row.confidence.0,
        source: row.source,
    }
}

/// A chapter, an article, a function or a funding source.
#[derive(Serialize, ToSchema)]
pub struct NomenclatureItem {
    /// "chapter", "article", "function" or "funding".
    #[schema(max_length = 20)]
    axis: String,
    /// Section, for chapters and articles.
    #[schema(max_length = 20)]
    section: String,
    /// Direction, for chapters and articles.
    #[schema(max_length = 20)]
    direction: String,
    #[schema(max_length = 20)]
    code: String,
    /// The chapter of an article, the division of a function.
    #[schema(max_length = 20)]
    parent_code: String,
    #[schema(max_length = 300)]
    label_fr: String,
    #[schema(max_length = 300)]
    label_en: String,
    /// Account of the ledger that the article's execution moves.
    #[schema(max_length = 20)]
    account_code: Option<String>,
    /// Law makes this expenditure mandatory.
    mandatory: bool,
    /// False for lines that only move credit.
    executable: bool,
    /// For articles of revenue: the part of the posting table that is debited when an order is accepted.
    #[schema(max_length = 40, example = "taxpayers")]
    receivable: Option<String>,
    /// For articles of revenue: a levy that the council authorises for the year.
    levy: Option<Levy>,
}

fn item(row: NomenclatureItemRow) -> NomenclatureItem {
    NomenclatureItem {
        axis: row.axis,
        section: row.section,
        direction: row.direction,
        code: row.code,
        parent_code: row.parent_code,
        label_fr: row.label_fr,
        label_en: row.label_en,
        account_code: row.account_code,
        mandatory: row.mandatory,
        executable: row.executable,
        receivable: row.receivable,
        levy: row.levy.map(|levy| levy.0),
    }
}

/// A nomenclature with its items.
#[derive(Serialize, ToSchema)]
pub struct NomenclatureDetail {
    nomenclature: NomenclatureView,
    #[schema(max_items = 10_000)]
    items: Vec<NomenclatureItem>,
}

/// The versions of the budget nomenclature.
#[utoipa::path(tag = "budget", responses((status = 200, body = Vec<NomenclatureView>)))]
#[get("/v1/nomenclatures")]
pub async fn list_nomenclatures(request: HttpRequest, call: Call) -> Answered {
    published(&request, &call, |conn| Ok(db::budget::nomenclature::list_nomenclatures(conn)?.into_iter().map(view).collect::<Vec<_>>()))
        .await
}

/// A version of the nomenclature, with every chapter, article, function and funding source.
#[utoipa::path(tag = "budget", responses((status = 200, body = NomenclatureDetail)))]
#[get("/v1/nomenclatures/{code}")]
pub async fn read_nomenclature(request: HttpRequest, call: Call, path: web::Path<String>) -> Answered {
    let code = path.into_inner();
    published(&request, &call, move |conn| {
        let row = db::budget::nomenclature::find_nomenclature_by_code(conn, &code)?;
        let items = db::budget::nomenclature::list_items(conn, row.id.0)?;
        Ok(NomenclatureDetail { nomenclature: view(row), items: items.into_iter().map(item).collect() })
    })
    .await
}
