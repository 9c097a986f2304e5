//! Kinds of expenditure with the documents that they need (reference data), and the documents recorded.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use diesel::prelude::*;
use domain::expenditure::document::{DocumentKind, DocumentStage, Kind, Requirement};
use domain::expenditure::verification::Nature;
use domain::id::{DocumentId, OrganisationId, PrincipalId};
use domain::ledger::Part;
use domain::parameter::Confidence;
use domain::sensitivity::{Scope, Sensitivity};
use domain::word::Word;
use uuid::Uuid;

use crate::budget::amount;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows, containing, folded};
use crate::schema::{expenditure_kinds, required_documents, supporting_documents};
use crate::store::Tx;
use crate::visible;

const KINDS: &str = include_str!("../../../data/expenditure/kinds.csv");
const DOCUMENTS: &str = include_str!("../../../data/expenditure/documents.csv");

/// The kind of a requirement that holds for every kind.
const ANY_KIND: &str = "*";

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = expenditure_kinds)]
pub struct KindRow {
    pub code: String,
    pub label_fr: String,
    pub label_en: String,
    pub creditor_part: Col<Part>,
    pub advance_parameter: Option<String>,
    pub prepaid_natures: String,
}

impl KindRow {
    /// What is due without a certified service.
    pub fn prepaid(&self) -> Result<Vec<Nature>, Fault> {
        self.prepaid_natures.split('|').filter(|word| !word.is_empty()).map(word).collect()
    }
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = required_documents)]
pub struct RequirementRow {
    pub kind_code: String,
    pub stage: Col<DocumentStage>,
    pub nature: Option<Col<Nature>>,
    pub documents: String,
    pub from_amount: i64,
    pub confidence: Col<Confidence>,
    pub source: String,
}

impl RequirementRow {
    /// Any of these will do.
    pub fn kinds(&self) -> Result<Vec<DocumentKind>, Fault> {
        self.documents.split('|').map(|word| DocumentKind::parse(word).ok_or_else(|| corrupt(word))).collect()
    }
}

fn corrupt(what: impl ToString) -> Fault {
    Fault::Corrupt(format!("documents by kind of expenditure: {}", what.to_string()))
}

fn word<W: Word>(text: &str) -> Result<W, Fault> {
    W::parse(text).ok_or_else(|| corrupt(text))
}

/// Loads the shipped kinds and requirements once; says how many kinds.
pub fn load(conn: &mut Conn) -> Result<usize, Fault> {
    type KindFile = (String, String, String, String, Option<String>, String);
    type DocumentFile = (String, String, String, String, i64, String, String);
    if expenditure_kinds::table.count().get_result::<i64>(conn)? > 0 {
        return Ok(0);
    }
    let mut loaded = 0;
    for record in csv::Reader::from_reader(KINDS.as_bytes()).deserialize() {
        let (code, label_fr, label_en, creditor, advance, prepaid): KindFile = record.map_err(corrupt)?;
        loaded += diesel::insert_into(expenditure_kinds::table)
            .values((
                expenditure_kinds::code.eq(code),
                expenditure_kinds::label_fr.eq(label_fr),
                expenditure_kinds::label_en.eq(label_en),
                expenditure_kinds::creditor_part.eq(Col(word::<Part>(&creditor)?)),
                expenditure_kinds::advance_parameter.eq(advance),
                expenditure_kinds::prepaid_natures.eq(prepaid),
            ))
            .execute(conn)?;
    }
    for (position, record) in (1..).zip(csv::Reader::from_reader(DOCUMENTS.as_bytes()).deserialize()) {
        let (kind, stage, nature, documents, from_amount, confidence, source): DocumentFile = record.map_err(corrupt)?;
        let nature = if nature.is_empty() { None } else { Some(Col(word::<Nature>(&nature)?)) };
        diesel::insert_into(required_documents::table)
            .values((
                required_documents::kind_code.eq(kind),
                required_documents::position.eq(position),
                required_documents::stage.eq(Col(word::<DocumentStage>(&stage)?)),
                required_documents::nature.eq(nature),
                required_documents::documents.eq(documents),
                required_documents::from_amount.eq(from_amount),
                required_documents::confidence.eq(Col(word::<Confidence>(&confidence)?)),
                required_documents::source.eq(source),
            ))
            .execute(conn)?;
    }
    Ok(loaded)
}

pub fn list_kinds(conn: &mut Conn) -> Result<Vec<(KindRow, Vec<RequirementRow>)>, Fault> {
    let kinds: Vec<KindRow> = expenditure_kinds::table.order(expenditure_kinds::code).select(KindRow::as_select()).load(conn)?;
    let rows: Vec<RequirementRow> =
        required_documents::table.order(required_documents::position).select(RequirementRow::as_select()).load(conn)?;
    let of = |code: &str| rows.iter().filter(|row| row.kind_code == code || row.kind_code == ANY_KIND).cloned().collect();
    Ok(kinds.into_iter().map(|kind| (of(&kind.code), kind)).map(|(rows, kind)| (kind, rows)).collect())
}

/// A kind and what it needs, as the rules read them.
pub fn find_kind(conn: &mut Conn, code: &str) -> Result<(Kind, Vec<Requirement>), Fault> {
    let (kind, rows) =
        list_kinds(conn)?.into_iter().find(|(kind, _)| kind.code == code).ok_or_else(|| corrupt(format!("no kind {code}")))?;
    let prepaid = kind.prepaid()?;
    let requirements = rows
        .into_iter()
        .map(|row| {
            let documents = row.kinds()?;
            let nature = row.nature.map(|nature| nature.0);
            Ok(Requirement { stage: row.stage.0, nature, documents, from_amount: amount(row.from_amount)? })
        })
        .collect::<Result<_, Fault>>()?;
    Ok((Kind { code: kind.code, creditor: kind.creditor_part.0, advance_parameter: kind.advance_parameter, prepaid }, requirements))
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = supporting_documents)]
pub struct DocumentRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<DocumentId>,
    pub subject_kind: String,
    pub subject_id: Col<Uuid>,
    pub kind: Col<DocumentKind>,
    pub reference: String,
    pub sha256: String,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
}

/// Records a document behind an act.
pub fn append_document(
    tx: &mut Tx<'_>,
    (subject_kind, subject_id): (&str, Uuid),
    kind: DocumentKind,
    reference: &str,
    sha256: &str,
    by: PrincipalId,
) -> Result<(), Fault> {
    diesel::insert_into(supporting_documents::table)
        .values((
            supporting_documents::organisation_id.eq(Col(tx.organisation)),
            supporting_documents::id.eq(Col(DocumentId::new())),
            supporting_documents::subject_kind.eq(subject_kind),
            supporting_documents::subject_id.eq(Col(subject_id)),
            supporting_documents::kind.eq(Col(kind)),
            supporting_documents::reference.eq(reference),
            supporting_documents::sha256.eq(sha256),
            supporting_documents::recorded_by.eq(Col(by)),
            supporting_documents::recorded_at.eq(Col(tx.author.now)),
            supporting_documents::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Which documents to list.
#[derive(Clone, Debug, Default)]
pub struct DocumentFilter {
    pub subject_id: Option<Uuid>,
    pub kind: Vec<DocumentKind>,
    /// First and last day of the record.
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    /// A part of the reference, without regard to accents and case.
    pub text: Option<String>,
}

pub fn list_documents(
    conn: &mut Conn,
    scope: &Scope,
    filter: &DocumentFilter,
    page: &Keyset<DocumentId>,
) -> Result<Rows<DocumentRow>, Fault> {
    let mut query = visible!(supporting_documents, scope)
        .order(supporting_documents::id)
        .limit(page.probe())
        .select(DocumentRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(supporting_documents::id.gt(Col(after)));
    }
    if let Some(subject) = filter.subject_id {
        query = query.filter(supporting_documents::subject_id.eq(Col(subject)));
    }
    if !filter.kind.is_empty() {
        query = query.filter(supporting_documents::kind.eq_any(filter.kind.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(text) = &filter.text {
        query = query.filter(folded("supporting_documents.reference").like(containing(text)));
    }
    let start = |day: NaiveDate| Col(day.and_time(NaiveTime::MIN).and_utc());
    if let Some(from) = filter.from {
        query = query.filter(supporting_documents::recorded_at.ge(start(from)));
    }
    if let Some(after) = filter.to.and_then(|to| to.succ_opt()) {
        query = query.filter(supporting_documents::recorded_at.lt(start(after)));
    }
    Ok(page.cut(query.load(conn)?))
}
