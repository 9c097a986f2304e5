//! Supporting documents: what each kind of expenditure needs, and what was recorded.

use actix_web::{HttpRequest, get, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::expenditure::document::{DocumentFilter, DocumentRow, KindRow, RequirementRow, list_kinds};
use db::fault::Fault;
use db::store::Tx;
use domain::expenditure::document::{DocumentKind, DocumentStage};
use domain::expenditure::verification::Nature;
use domain::id::{DocumentId, OrganisationId, PrincipalId};
use domain::money::{Amount, Currency};
use domain::parameter::Confidence;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::answer::{Answered, listed, published};
use crate::auth::Call;
use crate::body::{Query, words};
use crate::page::{Page, keyset, page};
use crate::wire::Sha256Hex;

/// A supporting document (pièce justificative): what it is, its reference, and the digest of the file. The file itself
/// stays with the organisation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDocument {
    kind: DocumentKind,
    /// Its number or name, as written on it.
    reference: Text<200>,
    sha256: Sha256Hex,
}

/// Refuses a stage at which a document is missing that the kind of expenditure needs.
pub fn require(
    tx: &mut Tx<'_>,
    kind: &str,
    stage: DocumentStage,
    nature: Option<Nature>,
    amount: Amount,
    given: &[NewDocument],
    currency: Currency,
) -> Result<(), Fault> {
    let kind = tx.shelf.kind(tx.conn, kind)?;
    let given: Vec<DocumentKind> = given.iter().map(|document| document.kind).collect();
    Ok(domain::expenditure::document::require(&kind.0, &kind.1, stage, nature, amount, &given, currency)?)
}

/// Refuses to release retention money without the minutes of the final acceptance.
pub fn require_final_acceptance(kind: &str, given: &[NewDocument]) -> Result<(), Fault> {
    let documents: Vec<DocumentKind> = given.iter().map(|document| document.kind).collect();
    Ok(domain::expenditure::document::require_final_acceptance(kind, &documents)?)
}

/// Refuses a debt without certified service where the kind of expenditure knows none.
pub fn require_nature(tx: &mut Tx<'_>, kind: &str, nature: Nature) -> Result<(), Fault> {
    let kind = tx.shelf.kind(tx.conn, kind)?;
    Ok(domain::expenditure::document::require_nature(&kind.0, nature)?)
}

/// Keeps the documents behind an act.
pub fn record(tx: &mut Tx<'_>, subject: (&str, Uuid), documents: &[NewDocument]) -> Result<(), Fault> {
    let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
    for document in documents {
        db::expenditure::document::append_document(tx, subject, document.kind, document.reference.as_str(), &document.sha256.0, principal)?;
    }
    Ok(())
}

/// One of these documents is needed.
#[derive(Serialize, ToSchema)]
pub struct RequirementView {
    stage: DocumentStage,
    /// Only for debts of this nature; for all when null.
    nature: Option<Nature>,
    /// Any of them will do.
    #[schema(max_items = 10)]
    documents: Vec<DocumentKind>,
    /// From this amount on, in whole francs (XOF).
    #[schema(max_length = 21, example = "0")]
    from_amount: String,
    confidence: Confidence,
    /// The rule or the audit finding behind it.
    #[schema(max_length = 400)]
    source: String,
}

/// A kind of expenditure. Articles of the nomenclature name theirs.
#[derive(Serialize, ToSchema)]
pub struct ExpenditureKindView {
    #[schema(max_length = 40, example = "works")]
    code: String,
    #[schema(max_length = 200)]
    label_fr: String,
    #[schema(max_length = 200)]
    label_en: String,
    /// The parameter that bounds start-up advances, in basis points of the commitment; null where none may be granted.
    #[schema(max_length = 60, example = "advance_max_works_bps")]
    advance_parameter: Option<String>,
    /// Natures of debt, beside advances, that are due without a certified service.
    #[schema(max_items = 10)]
    prepaid_natures: Vec<Nature>,
    #[schema(max_items = 50)]
    requirements: Vec<RequirementView>,
}

fn requirement(row: &RequirementRow) -> Result<RequirementView, Fault> {
    Ok(RequirementView {
        stage: row.stage.0,
        nature: row.nature.map(|nature| nature.0),
        documents: row.kinds()?,
        from_amount: row.from_amount.to_string(),
        confidence: row.confidence.0,
        source: row.source.clone(),
    })
}

/// The kinds of expenditure and the supporting documents that each needs, at which stage.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = Vec<ExpenditureKindView>)))]
#[get("/v1/expenditure-kinds")]
pub async fn list_expenditure_kinds(request: HttpRequest, call: Call) -> Answered {
    published(&request, &call, |conn| list_kinds(conn)?.into_iter().map(kind_view).collect::<Result<Vec<_>, Fault>>()).await
}

fn kind_view((kind, rows): (KindRow, Vec<RequirementRow>)) -> Result<ExpenditureKindView, Fault> {
    Ok(ExpenditureKindView {
        prepaid_natures: kind.prepaid()?,
        code: kind.code,
        label_fr: kind.label_fr,
        label_en: kind.label_en,
        advance_parameter: kind.advance_parameter,
        requirements: rows.iter().map(requirement).collect::<Result<_, _>>()?,
    })
}

/// A supporting document, as recorded. It never changes.
#[derive(Serialize, ToSchema)]
pub struct DocumentView {
    id: DocumentId,
    organisation_id: OrganisationId,
    /// What it supports: "commitment", "verification", "payment_order"…
    #[schema(max_length = 40, example = "verification")]
    subject_kind: String,
    subject_id: Uuid,
    kind: DocumentKind,
    #[schema(max_length = 200)]
    reference: String,
    #[schema(min_length = 64, max_length = 64)]
    sha256: String,
    recorded_by: PrincipalId,
    recorded_at: DateTime<Utc>,
}

fn view(row: DocumentRow) -> DocumentView {
    DocumentView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        subject_kind: row.subject_kind,
        subject_id: row.subject_id.0,
        kind: row.kind.0,
        reference: row.reference,
        sha256: row.sha256,
        recorded_by: row.recorded_by.0,
        recorded_at: row.recorded_at.0,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DocumentQuery {
    /// Only documents behind this commitment, verification or payment order.
    subject_id: Option<Uuid>,
    /// Only documents of one of these kinds, separated by commas.
    #[param(max_length = 300)]
    kind: Option<String>,
    /// First day of the record, UTC.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of the record, UTC.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// A part of the reference, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The supporting documents of the organisation's expenditure.
#[utoipa::path(tag = "expenditure", params(DocumentQuery), responses((status = 200, body = Page<DocumentView>)))]
#[get("/v1/organisations/{organisation_id}/supporting-documents")]
pub async fn list_supporting_documents(call: Call, _path: web::Path<OrganisationId>, query: Query<DocumentQuery>) -> Answered {
    let keys = keyset::<DocumentId>(&call, query.0.after.as_deref(), query.0.limit)?;
    let scope = call.scope()?;
    let query = query.0;
    let filter = DocumentFilter {
        subject_id: query.subject_id,
        kind: words("kind", query.kind.as_deref())?,
        from: query.from,
        to: query.to,
        text: query.q,
    };
    let asked = keys.clone();
    let rows = call.store().read(move |conn| db::expenditure::document::list_documents(conn, &scope, &filter, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, view))
}
