//! Legal values in force, by country, level and date.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::parameter::{Confidence, Parameters};
use domain::word::Word;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::parameters;

const PARAMETERS: &str = include_str!("../../data/parameter/parameters.csv");

/// The level of a parameter that holds for every level of local government.
const ANY_LEVEL: &str = "*";

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = parameters)]
pub struct ParameterRow {
    pub country: String,
    pub level: String,
    pub key: String,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub value: String,
    pub confidence: Col<Confidence>,
    pub source: String,
}

/// Loads the shipped values that are not there yet; says how many. Values already there are never changed.
pub fn load(conn: &mut Conn) -> Result<usize, Fault> {
    let corrupt = |what: String| Fault::Corrupt(format!("parameters.csv: {what}"));
    let mut loaded = 0;
    for record in csv::Reader::from_reader(PARAMETERS.as_bytes()).deserialize() {
        let (country, level, key, valid_from, valid_to, value, confidence, source): (
            String,
            String,
            String,
            NaiveDate,
            Option<NaiveDate>,
            String,
            String,
            String,
        ) = record.map_err(|error| corrupt(error.to_string()))?;
        let confidence = Confidence::parse(&confidence).ok_or_else(|| corrupt(confidence))?;
        let known: i64 = parameters::table
            .filter(parameters::country.eq(&country))
            .filter(parameters::level.eq(&level))
            .filter(parameters::key.eq(&key))
            .filter(parameters::valid_from.eq(valid_from))
            .count()
            .get_result(conn)?;
        if known > 0 {
            continue;
        }
        loaded += diesel::insert_into(parameters::table)
            .values((
                parameters::country.eq(country),
                parameters::level.eq(level),
                parameters::key.eq(key),
                parameters::valid_from.eq(valid_from),
                parameters::valid_to.eq(valid_to),
                parameters::value.eq(value),
                parameters::confidence.eq(Col(confidence)),
                parameters::source.eq(source),
            ))
            .execute(conn)?;
    }
    Ok(loaded)
}

/// The rows in force on a date for a level; what is said for the level wins over what is said for all.
pub fn list_parameters(conn: &mut Conn, country: &str, level: &str, on: NaiveDate) -> Result<Vec<ParameterRow>, Fault> {
    let rows: Vec<ParameterRow> = parameters::table
        .filter(parameters::country.eq(country))
        .filter(parameters::level.eq_any([ANY_LEVEL, level]))
        .filter(parameters::valid_from.le(on))
        .filter(parameters::valid_to.is_null().or(parameters::valid_to.ge(on)))
        .order((parameters::key, parameters::valid_from))
        .select(ParameterRow::as_select())
        .load(conn)?;
    let mut chosen: Vec<ParameterRow> = Vec::with_capacity(rows.len());
    for row in rows {
        match chosen.last_mut() {
            Some(last) if last.key == row.key => {
                if last.level == ANY_LEVEL || row.level != ANY_LEVEL {
                    *last = row;
                }
            }
            _ => chosen.push(row),
        }
    }
    Ok(chosen)
}

/// The values in force on a date for a level, for the rules to read.
pub fn find_parameters(conn: &mut Conn, country: &str, level: &str, on: NaiveDate) -> Result<Parameters, Fault> {
    let rows = list_parameters(conn, country, level, on)?;
    Ok(Parameters::new(rows.into_iter().map(|row| (row.key, row.value))))
}
