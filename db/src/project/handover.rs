//! The end of the work: ceremonies, the certificate of what is handed over, the register of assets, lessons and final reports.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::id::{MunicipalAssetId, OrganisationId, PrincipalId, ProjectId, TerritorialUnitId};
use domain::money::Currency;
use domain::project::handover::{
    AssetKind, CEREMONY_DUPLICATE, CeremonyKind, Certificate as Signed, Closure, HANDOVER_DRAWN_UP, HandoverSide, RecipientKind,
};
use domain::sensitivity::Scope;
use domain::text::fold;

use super::ProjectRow;
use super::evidence::Document;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{
    ceremony_attendances, handover_assets, handover_certificates, handover_signatures, municipal_assets, project_ceremonies,
    project_lessons, project_narratives,
};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_ceremonies)]
pub struct CeremonyRow {
    pub number: i32,
    pub kind: Col<CeremonyKind>,
    pub held_on: NaiveDate,
    pub territorial_unit_id: Col<TerritorialUnitId>,
    pub chair: String,
    pub assisted_by: Option<String>,
    pub public_link: Option<String>,
    pub recorded_by: Col<PrincipalId>,
}

/// A ceremony with who was there, by organisation and function.
#[derive(Clone, Debug)]
pub struct Ceremony {
    pub row: CeremonyRow,
    pub attendances: Vec<(String, String)>,
}

/// A new ceremony.
#[derive(Clone, Debug)]
pub struct NewCeremony {
    pub kind: CeremonyKind,
    pub held_on: NaiveDate,
    pub place: TerritorialUnitId,
    pub chair: String,
    pub assisted_by: Option<String>,
    pub public_link: Option<String>,
    pub attendances: Vec<(String, String)>,
    pub recorded_by: PrincipalId,
}

/// The ceremonies of a project, the first first.
pub fn ceremonies_of(conn: &mut Conn, scope: &Scope, project: ProjectId) -> Result<Vec<Ceremony>, Fault> {
    let rows: Vec<CeremonyRow> = project_ceremonies::table
        .filter(project_ceremonies::organisation_id.eq(Col(scope.organisation)))
        .filter(project_ceremonies::project_id.eq(Col(project)))
        .order(project_ceremonies::number)
        .select(CeremonyRow::as_select())
        .load(conn)?;
    let there: Vec<(i32, String, String)> = ceremony_attendances::table
        .filter(ceremony_attendances::organisation_id.eq(Col(scope.organisation)))
        .filter(ceremony_attendances::project_id.eq(Col(project)))
        .order((ceremony_attendances::ceremony_number, ceremony_attendances::number))
        .select((ceremony_attendances::ceremony_number, ceremony_attendances::represents, ceremony_attendances::function))
        .load(conn)?;
    let of = |number: i32| there.iter().filter(|(at, ..)| *at == number).map(|(_, of, function)| (of.clone(), function.clone())).collect();
    Ok(rows.into_iter().map(|row| Ceremony { attendances: of(row.number), row }).collect())
}

/// Records a ceremony; gives its number.
pub fn insert_ceremony(tx: &mut Tx<'_>, row: &ProjectRow, new: &NewCeremony) -> Result<i32, Fault> {
    let scope = tx.all();
    let number = ceremonies_of(tx.conn, &scope, row.id.0)?.last().map_or(1, |last| last.row.number + 1);
    diesel::insert_into(project_ceremonies::table)
        .values((
            project_ceremonies::organisation_id.eq(row.organisation_id),
            project_ceremonies::project_id.eq(row.id),
            project_ceremonies::number.eq(number),
            project_ceremonies::kind.eq(Col(new.kind)),
            project_ceremonies::held_on.eq(new.held_on),
            project_ceremonies::territorial_unit_id.eq(Col(new.place)),
            project_ceremonies::chair.eq(&new.chair),
            project_ceremonies::assisted_by.eq(new.assisted_by.as_deref()),
            project_ceremonies::public_link.eq(new.public_link.as_deref()),
            project_ceremonies::recorded_by.eq(Col(new.recorded_by)),
            project_ceremonies::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| CEREMONY_DUPLICATE.refuse().at("/kind")))?;
    for (place, (represents, function)) in (1_i32..).zip(&new.attendances) {
        diesel::insert_into(ceremony_attendances::table)
            .values((
                ceremony_attendances::organisation_id.eq(row.organisation_id),
                ceremony_attendances::project_id.eq(row.id),
                ceremony_attendances::ceremony_number.eq(number),
                ceremony_attendances::number.eq(place),
                ceremony_attendances::represents.eq(represents),
                ceremony_attendances::function.eq(function),
            ))
            .execute(tx.conn)?;
    }
    Ok(number)
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = handover_certificates)]
pub struct CertificateRow {
    pub reference: String,
    pub recipient_kind: Col<RecipientKind>,
    pub condition: String,
    pub maintained_by: String,
    pub maintenance_plan: String,
    pub currency: String,
    pub recorded_by: Col<PrincipalId>,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = handover_assets)]
pub struct HandedAssetRow {
    pub number: i32,
    pub kind: Col<AssetKind>,
    pub description: String,
    pub quantity: i32,
    pub unit_value: i64,
}

impl HandedAssetRow {
    /// What all of them are worth.
    pub fn value(&self) -> Result<i64, Fault> {
        let value = self.unit_value.checked_mul(i64::from(self.quantity));
        value.ok_or_else(|| Fault::Corrupt(format!("{} times {}", self.quantity, self.unit_value)))
    }
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = handover_signatures)]
pub struct SignatureRow {
    pub side: Col<HandoverSide>,
    pub represents: String,
    pub function: String,
    pub signed_on: NaiveDate,
    pub document_reference: String,
    pub document_sha256: String,
}

/// A certificate with what it hands over and who signed it.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub row: CertificateRow,
    pub assets: Vec<HandedAssetRow>,
    pub signatures: Vec<SignatureRow>,
}

impl Certificate {
    /// As rules look at it.
    pub fn facts(&self) -> Signed {
        Signed { signed: self.signatures.iter().map(|one| (one.side.0, one.represents.clone())).collect() }
    }
}

/// The certificate of a project, if there is one.
pub fn certificate_of(conn: &mut Conn, scope: &Scope, project: ProjectId) -> Result<Option<Certificate>, Fault> {
    let row: Option<CertificateRow> = handover_certificates::table
        .filter(handover_certificates::organisation_id.eq(Col(scope.organisation)))
        .filter(handover_certificates::project_id.eq(Col(project)))
        .select(CertificateRow::as_select())
        .first(conn)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let assets = handover_assets::table
        .filter(handover_assets::organisation_id.eq(Col(scope.organisation)))
        .filter(handover_assets::project_id.eq(Col(project)))
        .order(handover_assets::number)
        .select(HandedAssetRow::as_select())
        .load(conn)?;
    let signatures = handover_signatures::table
        .filter(handover_signatures::organisation_id.eq(Col(scope.organisation)))
        .filter(handover_signatures::project_id.eq(Col(project)))
        .order(handover_signatures::side)
        .select(SignatureRow::as_select())
        .load(conn)?;
    Ok(Some(Certificate { row, assets, signatures }))
}

/// A new certificate; assets by kind, description, quantity and value of one.
#[derive(Clone, Debug)]
pub struct NewCertificate {
    pub reference: String,
    pub recipient_kind: RecipientKind,
    pub condition: String,
    pub maintained_by: String,
    pub maintenance_plan: String,
    pub currency: Currency,
    pub assets: Vec<(AssetKind, String, i32, i64)>,
    pub recorded_by: PrincipalId,
}

/// Draws up the certificate of a project, once.
pub fn insert_certificate(tx: &mut Tx<'_>, row: &ProjectRow, new: &NewCertificate) -> Result<(), Fault> {
    diesel::insert_into(handover_certificates::table)
        .values((
            handover_certificates::organisation_id.eq(row.organisation_id),
            handover_certificates::project_id.eq(row.id),
            handover_certificates::reference.eq(&new.reference),
            handover_certificates::recipient_kind.eq(Col(new.recipient_kind)),
            handover_certificates::condition.eq(&new.condition),
            handover_certificates::maintained_by.eq(&new.maintained_by),
            handover_certificates::maintenance_plan.eq(&new.maintenance_plan),
            handover_certificates::currency.eq(new.currency.code()),
            handover_certificates::recorded_by.eq(Col(new.recorded_by)),
            handover_certificates::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| HANDOVER_DRAWN_UP.refuse()))?;
    for (number, (kind, description, quantity, unit_value)) in (1_i32..).zip(&new.assets) {
        diesel::insert_into(handover_assets::table)
            .values((
                handover_assets::organisation_id.eq(row.organisation_id),
                handover_assets::project_id.eq(row.id),
                handover_assets::number.eq(number),
                handover_assets::kind.eq(Col(*kind)),
                handover_assets::description.eq(description),
                handover_assets::quantity.eq(*quantity),
                handover_assets::unit_value.eq(*unit_value),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// A new signature.
#[derive(Clone, Debug)]
pub struct NewSignature {
    pub side: HandoverSide,
    pub represents: String,
    pub function: String,
    pub signed_on: NaiveDate,
    pub document: Document,
    pub recorded_by: PrincipalId,
}

/// Signs the certificate of a project for one side.
pub fn insert_signature(tx: &mut Tx<'_>, row: &ProjectRow, new: &NewSignature) -> Result<(), Fault> {
    diesel::insert_into(handover_signatures::table)
        .values((
            handover_signatures::organisation_id.eq(row.organisation_id),
            handover_signatures::project_id.eq(row.id),
            handover_signatures::side.eq(Col(new.side)),
            handover_signatures::represents.eq(&new.represents),
            handover_signatures::folded_represents.eq(fold(&new.represents)),
            handover_signatures::function.eq(&new.function),
            handover_signatures::signed_on.eq(new.signed_on),
            handover_signatures::document_reference.eq(&new.document.reference),
            handover_signatures::document_sha256.eq(&new.document.sha256),
            handover_signatures::recorded_by.eq(Col(new.recorded_by)),
            handover_signatures::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    Ok(())
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = municipal_assets)]
pub struct MunicipalAssetRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<MunicipalAssetId>,
    pub project_id: Col<ProjectId>,
    pub kind: Col<AssetKind>,
    pub description: String,
    pub quantity: i32,
    pub unit_value: i64,
    pub value: i64,
    pub currency: String,
    pub entered_on: NaiveDate,
    pub maintained_by: String,
}

/// Enters what a certificate hands over in the register of assets, each under one of the ids; says what all of it is worth.
pub fn enter_assets(
    tx: &mut Tx<'_>,
    row: &ProjectRow,
    certificate: &Certificate,
    ids: &[MunicipalAssetId],
    by: PrincipalId,
) -> Result<i64, Fault> {
    let mut total = 0_i64;
    for (asset, id) in certificate.assets.iter().zip(ids) {
        let value = asset.value()?;
        total = total.checked_add(value).ok_or_else(|| Fault::Corrupt("what is handed over is worth too much".to_owned()))?;
        diesel::insert_into(municipal_assets::table)
            .values((
                municipal_assets::organisation_id.eq(row.organisation_id),
                municipal_assets::id.eq(Col(*id)),
                municipal_assets::project_id.eq(row.id),
                municipal_assets::number.eq(asset.number),
                municipal_assets::kind.eq(asset.kind),
                municipal_assets::description.eq(&asset.description),
                municipal_assets::quantity.eq(asset.quantity),
                municipal_assets::unit_value.eq(asset.unit_value),
                municipal_assets::value.eq(value),
                municipal_assets::currency.eq(&certificate.row.currency),
                municipal_assets::entered_on.eq(tx.today()),
                municipal_assets::maintained_by.eq(&certificate.row.maintained_by),
                municipal_assets::recorded_by.eq(Col(by)),
                municipal_assets::recorded_at.eq(Col(tx.now())),
                municipal_assets::sensitivity.eq(row.sensitivity),
            ))
            .execute(tx.conn)?;
    }
    Ok(total)
}

pub fn list_assets(conn: &mut Conn, scope: &Scope, page: &Keyset<MunicipalAssetId>) -> Result<Rows<MunicipalAssetRow>, Fault> {
    let mut query = visible!(municipal_assets, scope)
        .order(municipal_assets::id)
        .limit(page.probe())
        .select(MunicipalAssetRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(municipal_assets::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_lessons)]
pub struct LessonRow {
    pub number: i32,
    pub theme: String,
    pub lesson: String,
    pub recorded_by: Col<PrincipalId>,
}

/// The lessons of a project, the first first.
pub fn lessons_of(conn: &mut Conn, scope: &Scope, project: ProjectId) -> Result<Vec<LessonRow>, Fault> {
    Ok(project_lessons::table
        .filter(project_lessons::organisation_id.eq(Col(scope.organisation)))
        .filter(project_lessons::project_id.eq(Col(project)))
        .order(project_lessons::number)
        .select(LessonRow::as_select())
        .load(conn)?)
}

/// Records a lesson of a project; gives its number.
pub fn insert_lesson(tx: &mut Tx<'_>, row: &ProjectRow, (theme, lesson): (&str, &str), by: PrincipalId) -> Result<i32, Fault> {
    let scope = tx.all();
    let number = lessons_of(tx.conn, &scope, row.id.0)?.last().map_or(1, |last| last.number + 1);
    diesel::insert_into(project_lessons::table)
        .values((
            project_lessons::organisation_id.eq(row.organisation_id),
            project_lessons::project_id.eq(row.id),
            project_lessons::number.eq(number),
            project_lessons::theme.eq(theme),
            project_lessons::lesson.eq(lesson),
            project_lessons::recorded_by.eq(Col(by)),
            project_lessons::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    Ok(number)
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_narratives)]
pub struct NarrativeRow {
    pub number: i32,
    pub document_reference: String,
    pub document_sha256: String,
    pub submitted_by: Col<PrincipalId>,
    pub submitted_on: NaiveDate,
    pub accepted_by: Option<Col<PrincipalId>>,
    pub accepted_on: Option<NaiveDate>,
}

/// The final reports that were submitted on a project, the first first.
pub fn narratives_of(conn: &mut Conn, scope: &Scope, project: ProjectId) -> Result<Vec<NarrativeRow>, Fault> {
    Ok(project_narratives::table
        .filter(project_narratives::organisation_id.eq(Col(scope.organisation)))
        .filter(project_narratives::project_id.eq(Col(project)))
        .order(project_narratives::number)
        .select(NarrativeRow::as_select())
        .load(conn)?)
}

/// Records a final report; gives its number.
pub fn insert_narrative(tx: &mut Tx<'_>, row: &ProjectRow, document: &Document, by: PrincipalId) -> Result<i32, Fault> {
    let scope = tx.all();
    let number = narratives_of(tx.conn, &scope, row.id.0)?.last().map_or(1, |last| last.number + 1);
    diesel::insert_into(project_narratives::table)
        .values((
            project_narratives::organisation_id.eq(row.organisation_id),
            project_narratives::project_id.eq(row.id),
            project_narratives::number.eq(number),
            project_narratives::document_reference.eq(&document.reference),
            project_narratives::document_sha256.eq(&document.sha256),
            project_narratives::submitted_by.eq(Col(by)),
            project_narratives::submitted_on.eq(tx.today()),
        ))
        .execute(tx.conn)?;
    Ok(number)
}

/// Accepts a final report.
pub fn accept_narrative(tx: &mut Tx<'_>, row: &ProjectRow, number: i32, by: PrincipalId) -> Result<(), Fault> {
    let narrative = project_narratives::table
        .filter(project_narratives::organisation_id.eq(row.organisation_id))
        .filter(project_narratives::project_id.eq(row.id))
        .filter(project_narratives::number.eq(number));
    diesel::update(narrative)
        .set((project_narratives::accepted_by.eq(Some(Col(by))), project_narratives::accepted_on.eq(Some(tx.today()))))
        .execute(tx.conn)?;
    Ok(())
}

/// What is known when the work of a project is closed, where its report is due on a day.
pub fn closure_of(conn: &mut Conn, scope: &Scope, project: ProjectId, narrative_due_on: Option<NaiveDate>) -> Result<Closure, Fault> {
    let narrative_accepted = narratives_of(conn, scope, project)?.iter().any(|one| one.accepted_by.is_some());
    Ok(Closure { lessons: lessons_of(conn, scope, project)?.len(), narrative_accepted, narrative_due_on })
}
