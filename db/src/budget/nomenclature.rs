//! Versions of the budget nomenclature, loaded from the shipped folder and read by the rules.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::budget::nomenclature::{Article, Levy, Nomenclature};
use domain::budget::{Direction, Section};
use domain::calendar::FiscalYear;
use domain::id::reference;
use domain::parameter::Confidence;
use domain::word::Word;
use serde::Deserialize;
use uuid::Uuid;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::{nomenclature_items, nomenclatures};

macro_rules! shipped {
    ($file:literal) => {
        include_str!(concat!("../../../data/nomenclature/ml-ct-working-2025/", $file))
    };
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = nomenclatures)]
pub struct NomenclatureRow {
    pub id: Col<Uuid>,
    pub code: String,
    pub label_fr: String,
    pub label_en: String,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub confidence: Col<Confidence>,
    pub source: String,
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = nomenclature_items, treat_none_as_default_value = false)]
pub struct NomenclatureItemRow {
    pub nomenclature_id: Col<Uuid>,
    pub axis: String,
    pub section: String,
    pub direction: String,
    pub code: String,
    pub parent_code: String,
    pub label_fr: String,
    pub label_en: String,
    pub account_code: Option<String>,
    pub mandatory: bool,
    pub executable: bool,
    pub expenditure_kind: Option<String>,
    pub receivable: Option<String>,
    pub levy: Option<Col<Levy>>,
}

#[derive(Deserialize)]
struct NomenclatureFile {
    code: String,
    label_fr: String,
    label_en: String,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    confidence: String,
    source: String,
}

#[derive(Deserialize)]
struct ItemFile {
    #[serde(default)]
    section: String,
    #[serde(default)]
    direction: String,
    #[serde(default, alias = "parent")]
    chapter: String,
    code: String,
    label_fr: String,
    label_en: String,
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    mandatory: bool,
    #[serde(default = "yes")]
    executable: bool,
    #[serde(default)]
    expenditure_kind: Option<String>,
    #[serde(default)]
    receivable: Option<String>,
    #[serde(default)]
    levy: Option<Levy>,
}

fn yes() -> bool {
    true
}

fn records<T: for<'de> Deserialize<'de>>(text: &str) -> Result<Vec<T>, Fault> {
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|error| Fault::Corrupt(format!("shipped nomenclature: {error}")))
}

/// Loads the shipped nomenclature once; says how many items.
pub fn load(conn: &mut Conn) -> Result<usize, Fault> {
    let mut loaded = 0;
    for file in records::<NomenclatureFile>(shipped!("nomenclature.csv"))? {
        let id = Col(reference(&format!("nomenclature/{}", file.code)));
        if nomenclatures::table.filter(nomenclatures::id.eq(id)).count().get_result::<i64>(conn)? > 0 {
            continue;
        }
        let confidence = Confidence::parse(&file.confidence).ok_or_else(|| Fault::Corrupt(file.confidence.clone()))?;
        diesel::insert_into(nomenclatures::table)
            .values((
                nomenclatures::id.eq(id),
                nomenclatures::code.eq(file.code),
                nomenclatures::label_fr.eq(file.label_fr),
                nomenclatures::label_en.eq(file.label_en),
                nomenclatures::valid_from.eq(file.valid_from),
                nomenclatures::valid_to.eq(file.valid_to),
                nomenclatures::confidence.eq(Col(confidence)),
                nomenclatures::source.eq(file.source),
            ))
            .execute(conn)?;
        let axes = [
            ("chapter", shipped!("chapters.csv")),
            ("article", shipped!("articles.csv")),
            ("function", shipped!("functions.csv")),
            ("funding", shipped!("funding.csv")),
        ];
        for (axis, text) in axes {
            for item in records::<ItemFile>(text)? {
                loaded += diesel::insert_into(nomenclature_items::table)
                    .values(NomenclatureItemRow {
                        nomenclature_id: id,
                        axis: axis.to_owned(),
                        section: item.section,
                        direction: item.direction,
                        code: item.code,
                        parent_code: item.chapter,
                        label_fr: item.label_fr,
                        label_en: item.label_en,
                        account_code: item.account.filter(|account| !account.is_empty()),
                        mandatory: item.mandatory,
                        executable: item.executable,
                        expenditure_kind: item.expenditure_kind.filter(|kind| !kind.is_empty()),
                        receivable: item.receivable,
                        levy: item.levy.map(Col),
                    })
                    .execute(conn)?;
            }
        }
    }
    Ok(loaded)
}

pub fn list_nomenclatures(conn: &mut Conn) -> Result<Vec<NomenclatureRow>, Fault> {
    Ok(nomenclatures::table.order(nomenclatures::code).select(NomenclatureRow::as_select()).load(conn)?)
}

pub fn find_nomenclature_by_code(conn: &mut Conn, code: &str) -> Result<NomenclatureRow, Fault> {
    Ok(nomenclatures::table.filter(nomenclatures::code.eq(code)).select(NomenclatureRow::as_select()).first(conn)?)
}

/// The nomenclature in force on the first day of a year; the latest, if several are.
pub fn find_in_force(conn: &mut Conn, year: FiscalYear) -> Result<Option<NomenclatureRow>, Fault> {
    Ok(nomenclatures::table
        .filter(nomenclatures::valid_from.le(year.first_day()))
        .filter(nomenclatures::valid_to.is_null().or(nomenclatures::valid_to.ge(year.first_day())))
        .order(nomenclatures::valid_from.desc())
        .select(NomenclatureRow::as_select())
        .first(conn)
        .optional()?)
}

pub fn list_items(conn: &mut Conn, id: Uuid) -> Result<Vec<NomenclatureItemRow>, Fault> {
    Ok(nomenclature_items::table
        .filter(nomenclature_items::nomenclature_id.eq(Col(id)))
        .order((nomenclature_items::axis, nomenclature_items::section, nomenclature_items::direction, nomenclature_items::code))
        .select(NomenclatureItemRow::as_select())
        .load(conn)?)
}

/// The nomenclature as the rules read it.
pub fn find_nomenclature(conn: &mut Conn, id: Uuid) -> Result<Nomenclature, Fault> {
    let mut nomenclature = Nomenclature::default();
    for item in list_items(conn, id)? {
        match item.axis.as_str() {
            "article" => {
                let corrupt = || Fault::Corrupt(format!("nomenclature item {}", item.code));
                let section = Section::parse(&item.section).ok_or_else(corrupt)?;
                let direction = Direction::parse(&item.direction).ok_or_else(corrupt)?;
                let article = Article {
                    section,
                    direction,
                    chapter: item.parent_code,
                    account: item.account_code,
                    mandatory: item.mandatory,
                    executable: item.executable,
                    expenditure_kind: item.expenditure_kind,
                    receivable: item.receivable,
                    levy: item.levy.map(|levy| levy.0),
                };
                nomenclature.articles.insert((section, direction, item.code), article);
            }
            "function" => drop(nomenclature.functions.insert(item.code)),
            "funding" => drop(nomenclature.funding_sources.insert(item.code)),
            _ => {}
        }
    }
    Ok(nomenclature)
}
