//! Funds, their phases, and the shipped terms that they use. Donors, contributions, allocations and movements have files of their own.

pub mod allocation;
pub mod contribution;
pub mod day;
pub mod donor;
pub mod earmark;
pub mod exchange;
pub mod movement;
pub mod payer;
pub mod purpose;
pub mod report;
pub mod statement;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::fund::{FUND_RECORD_DUPLICATE, FUND_TERM_UNKNOWN, FundKind, FundVocabulary};
use domain::id::{FundId, OrganisationId, PrincipalId};
use domain::money::Currency;
use domain::parameter::Confidence;
use domain::sensitivity::{Scope, Sensitivity};
use domain::word::Word;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{fund_phases, fund_terms, funds};
use crate::store::Tx;
use crate::visible;

const TERMS: &str = include_str!("../../data/fund/terms.csv");

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = fund_terms)]
pub struct FundTermRow {
    pub vocabulary: Col<FundVocabulary>,
    pub code: String,
    pub label_en: String,
    pub label_fr: String,
    pub dac_code: Option<String>,
    /// Separated by spaces.
    pub secondary_dac_codes: String,
    pub sdg_targets: String,
    pub confidence: Col<Confidence>,
    pub source: String,
}

/// Loads the shipped terms that are not there yet; says how many. A sector that refers to what does not exist is refused.
pub fn load(conn: &mut Conn) -> Result<usize, Fault> {
    type File = (String, String, String, String, Option<String>, String, String, String, String);
    let corrupt = |what: String| Fault::Corrupt(format!("terms.csv: {what}"));
    let mut records: Vec<File> = Vec::new();
    for record in csv::Reader::from_reader(TERMS.as_bytes()).deserialize() {
        records.push(record.map_err(|error| corrupt(error.to_string()))?);
    }
    let exists = |vocabulary: FundVocabulary, code: &str| records.iter().any(|row| row.0 == vocabulary.as_str() && row.1 == code);
    let lost = |row: &&File| {
        let primary = row.4.as_deref().is_some_and(|code| exists(FundVocabulary::DacPurpose, code));
        let secondary = row.5.split_whitespace().all(|code| exists(FundVocabulary::DacPurpose, code));
        let targets = row.6.split_whitespace().all(|code| exists(FundVocabulary::SdgTarget, code));
        row.0 == FundVocabulary::Sector.as_str() && !(primary && secondary && targets)
    };
    if let Some(row) = records.iter().find(lost) {
        return Err(corrupt(format!("the sector {} refers to what is not there", row.1)));
    }
    let mut loaded = 0;
    for (vocabulary, code, label_en, label_fr, dac_code, secondary_dac_codes, sdg_targets, confidence, source) in &records {
        let vocabulary = Col(FundVocabulary::parse(vocabulary).ok_or_else(|| corrupt(vocabulary.clone()))?);
        let confidence = Col(Confidence::parse(confidence).ok_or_else(|| corrupt(confidence.clone()))?);
        let known: i64 =
            fund_terms::table.filter(fund_terms::vocabulary.eq(vocabulary)).filter(fund_terms::code.eq(code)).count().get_result(conn)?;
        if known == 0 {
            loaded += diesel::insert_into(fund_terms::table)
                .values((
                    fund_terms::vocabulary.eq(vocabulary),
                    fund_terms::code.eq(code),
                    fund_terms::label_en.eq(label_en),
                    fund_terms::label_fr.eq(label_fr),
                    fund_terms::dac_code.eq(dac_code.as_deref()),
                    fund_terms::secondary_dac_codes.eq(secondary_dac_codes),
                    fund_terms::sdg_targets.eq(sdg_targets),
                    fund_terms::confidence.eq(confidence),
                    fund_terms::source.eq(source),
                ))
                .execute(conn)?;
        }
    }
    Ok(loaded)
}

/// The terms of one vocabulary, or of all.
pub fn list_terms(conn: &mut Conn, vocabulary: Option<FundVocabulary>) -> Result<Vec<FundTermRow>, Fault> {
    let mut query = fund_terms::table.order((fund_terms::vocabulary, fund_terms::code)).select(FundTermRow::as_select()).into_boxed();
    if let Some(vocabulary) = vocabulary {
        query = query.filter(fund_terms::vocabulary.eq(Col(vocabulary)));
    }
    Ok(query.load(conn)?)
}

/// A term that must exist, as a member of a request names it.
pub fn find_term(conn: &mut Conn, vocabulary: FundVocabulary, code: &str, pointer: &str) -> Result<FundTermRow, Fault> {
    let query = fund_terms::table.filter(fund_terms::vocabulary.eq(Col(vocabulary))).filter(fund_terms::code.eq(code));
    let found = query.select(FundTermRow::as_select()).first(conn).optional()?;
    found.ok_or_else(|| FUND_TERM_UNKNOWN.refuse().with("vocabulary", vocabulary).with("code", code).at(pointer).into())
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = funds)]
pub struct FundRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<FundId>,
    pub code: String,
    pub name: String,
    pub kind: Col<FundKind>,
    pub currency: String,
    pub legal_basis: Option<String>,
    pub fee_bps: i32,
    pub source: Option<String>,
    pub closed_until: Option<NaiveDate>,
    pub indirect_bps_max: Option<i32>,
    pub residual_max: i64,
    pub starts_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    pub version: i64,
}

impl FundRow {
    pub fn currency(&self) -> Result<Currency, Fault> {
        currency(&self.currency)
    }
}

/// A currency read back from a column.
pub fn currency(code: &str) -> Result<Currency, Fault> {
    Currency::parse(code).ok_or_else(|| Fault::Corrupt(format!("unknown currency {code}")))
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = fund_phases)]
pub struct FundPhaseRow {
    pub fund_id: Col<FundId>,
    pub number: i32,
    pub name: String,
    pub envelope: i64,
    pub themes: String,
}

/// A fund and its phases.
#[derive(Clone, Debug)]
pub struct Fund {
    pub row: FundRow,
    pub phases: Vec<FundPhaseRow>,
}

/// A phase of a new fund.
#[derive(Clone, Debug)]
pub struct NewPhase {
    pub name: String,
    pub envelope: i64,
    pub themes: String,
}

/// A new fund.
#[derive(Clone, Debug)]
pub struct NewFund {
    pub id: FundId,
    pub code: String,
    pub name: String,
    pub kind: FundKind,
    pub currency: Currency,
    pub legal_basis: Option<String>,
    pub fee_bps: i32,
    pub source: Option<String>,
    pub indirect_bps_max: Option<i32>,
    pub residual_max: i64,
    pub starts_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    pub phases: Vec<NewPhase>,
    pub recorded_by: PrincipalId,
}

pub fn insert_fund(tx: &mut Tx<'_>, new: &NewFund) -> Result<(), Fault> {
    diesel::insert_into(funds::table)
        .values((
            funds::organisation_id.eq(Col(tx.organisation)),
            funds::id.eq(Col(new.id)),
            funds::code.eq(&new.code),
            funds::name.eq(&new.name),
            funds::kind.eq(Col(new.kind)),
            funds::currency.eq(new.currency.code()),
            funds::legal_basis.eq(new.legal_basis.as_deref()),
            funds::fee_bps.eq(new.fee_bps),
            funds::source.eq(new.source.as_deref()),
            funds::indirect_bps_max.eq(new.indirect_bps_max),
            funds::residual_max.eq(new.residual_max),
            funds::starts_on.eq(new.starts_on),
            funds::ends_on.eq(new.ends_on),
            funds::recorded_by.eq(Col(new.recorded_by)),
            funds::recorded_at.eq(Col(tx.author.now)),
            funds::sensitivity.eq(Sensitivity::Partner.rank()),
            funds::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| FUND_RECORD_DUPLICATE.refuse().with("code", &new.code).at("/code")))?;
    insert_phases(tx, new.id, 1, &new.phases)
}

fn insert_phases(tx: &mut Tx<'_>, fund: FundId, first: i32, phases: &[NewPhase]) -> Result<(), Fault> {
    for (number, phase) in (first..).zip(phases) {
        diesel::insert_into(fund_phases::table)
            .values((
                fund_phases::organisation_id.eq(Col(tx.organisation)),
                fund_phases::fund_id.eq(Col(fund)),
                fund_phases::number.eq(number),
                fund_phases::name.eq(&phase.name),
                fund_phases::envelope.eq(phase.envelope),
                fund_phases::themes.eq(&phase.themes),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// What a fund is from now on. Its phases stay, and these are added.
#[derive(Clone, Debug)]
pub struct FundChange {
    pub name: String,
    pub legal_basis: Option<String>,
    pub fee_bps: i32,
    pub source: Option<String>,
    pub indirect_bps_max: Option<i32>,
    pub residual_max: i64,
    pub ends_on: Option<NaiveDate>,
    pub added: Vec<NewPhase>,
}

pub fn update_fund(tx: &mut Tx<'_>, fund: &Fund, change: &FundChange) -> Result<Fund, Fault> {
    let row = &fund.row;
    diesel::update(funds::table.filter(funds::organisation_id.eq(row.organisation_id)).filter(funds::id.eq(row.id)))
        .set((
            funds::name.eq(&change.name),
            funds::legal_basis.eq(change.legal_basis.as_deref()),
            funds::fee_bps.eq(change.fee_bps),
            funds::source.eq(change.source.as_deref()),
            funds::indirect_bps_max.eq(change.indirect_bps_max),
            funds::residual_max.eq(change.residual_max),
            funds::ends_on.eq(change.ends_on),
            funds::version.eq(row.version + 1),
        ))
        .execute(tx.conn)?;
    insert_phases(tx, row.id.0, fund.phases.last().map_or(1, |last| last.number + 1), &change.added)?;
    find_fund(tx.conn, &tx.all(), row.id.0)
}

fn with_phases(conn: &mut Conn, scope: &Scope, rows: Vec<FundRow>) -> Result<Vec<Fund>, Fault> {
    let ids: Vec<Col<FundId>> = rows.iter().map(|row| row.id).collect();
    let phases: Vec<FundPhaseRow> = fund_phases::table
        .filter(fund_phases::organisation_id.eq(Col(scope.organisation)))
        .filter(fund_phases::fund_id.eq_any(ids))
        .order((fund_phases::fund_id, fund_phases::number))
        .select(FundPhaseRow::as_select())
        .load(conn)?;
    let of = |id: Col<FundId>| phases.iter().filter(|phase| phase.fund_id == id).cloned().collect();
    Ok(rows.into_iter().map(|row| Fund { phases: of(row.id), row }).collect())
}

pub fn find_fund(conn: &mut Conn, scope: &Scope, id: FundId) -> Result<Fund, Fault> {
    let row = find_fund_row(conn, scope, id)?;
    with_phases(conn, scope, vec![row])?.pop().ok_or(Fault::Missing)
}

/// A fund without its phases.
pub fn find_fund_row(conn: &mut Conn, scope: &Scope, id: FundId) -> Result<FundRow, Fault> {
    Ok(visible!(funds, scope).filter(funds::id.eq(Col(id))).select(FundRow::as_select()).first(conn)?)
}

pub fn list_funds(conn: &mut Conn, scope: &Scope, kind: Option<FundKind>, page: &Keyset<FundId>) -> Result<Rows<Fund>, Fault> {
    let mut query = visible!(funds, scope).order(funds::id).limit(page.probe()).select(FundRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(funds::id.gt(Col(after)));
    }
    if let Some(kind) = kind {
        query = query.filter(funds::kind.eq(Col(kind)));
    }
    let rows = page.cut(query.load(conn)?);
    Ok(Rows { more: rows.more, rows: with_phases(conn, scope, rows.rows)? })
}

/// Closes a fund's books until a day.
pub fn close_fund(tx: &mut Tx<'_>, row: &FundRow, until: NaiveDate) -> Result<(), Fault> {
    diesel::update(funds::table.filter(funds::organisation_id.eq(row.organisation_id)).filter(funds::id.eq(row.id)))
        .set((funds::closed_until.eq(Some(until)), funds::version.eq(row.version + 1)))
        .execute(tx.conn)?;
    Ok(())
}

/// The instant at which a row was recorded, as columns hold it.
pub(crate) type RecordedAt = Col<DateTime<Utc>>;
