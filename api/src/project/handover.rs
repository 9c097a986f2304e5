//! Ceremonies of a project, and the certificate by which it hands over what it made.

use actix_web::{get, post, web};
use chrono::NaiveDate;
use db::fault::Fault;
use db::project::Project;
use db::project::handover::{Ceremony, Certificate, MunicipalAssetRow, NewCeremony as NewCeremonyRow, NewCertificate, NewSignature};
use db::store::Tx;
use domain::calendar::{Cause, not_before, not_future};
use domain::id::{MunicipalAssetId, OrganisationId, ProjectId, TerritorialUnitId};
use domain::money::Amount;
use domain::organisation::OrganisationKind;
use domain::project::handover::{AssetKind, CeremonyKind, HANDOVER_UNSIGNED, HandoverSide, Occasion, RecipientKind, accept_link};
use domain::project::{ProjectAction, ProjectState};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::act::take;
use super::evidence::document;
use super::review::{answer, require_state};
use super::visit::{NewVisitMember, VisitMemberView};
use super::{ProjectPath, ProjectView, view};
use crate::answer::{Answered, done, listed, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query};
use crate::fund::named_currency;
use crate::fund::pledge::Bounded;
use crate::page::{Page, keyset, page};
use crate::wire::{AmountText, CurrencyText, Sha256Hex, shown};

/// A ceremony of a project.
#[derive(Serialize, ToSchema)]
pub struct ProjectCeremonyView {
    /// Its number within the project.
    #[schema(minimum = 1)]
    number: i32,
    kind: CeremonyKind,
    held_on: NaiveDate,
    territorial_unit_id: TerritorialUnitId,
    #[schema(max_length = 200)]
    chair: String,
    #[schema(max_length = 200)]
    assisted_by: Option<String>,
    #[schema(max_length = 500)]
    public_link: Option<String>,
    #[schema(max_items = 100)]
    attendances: Vec<VisitMemberView>,
}

/// The ceremonies of the project, the first first.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<ProjectCeremonyView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/ceremonies")]
pub async fn read_project_ceremonies(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let ceremonies = call
        .store()
        .read(move |conn| {
            db::project::find_project(conn, &scope, id)?;
            db::project::handover::ceremonies_of(conn, &scope, id)
        })
        .await?;
    let shown = |one: Ceremony| ProjectCeremonyView {
        number: one.row.number,
        kind: one.row.kind.0,
        held_on: one.row.held_on,
        territorial_unit_id: one.row.territorial_unit_id.0,
        chair: one.row.chair,
        assisted_by: one.row.assisted_by,
        public_link: one.row.public_link,
        attendances: one.attendances.into_iter().map(|(organisation, function)| VisitMemberView { organisation, function }).collect(),
    };
    ok(&ceremonies.into_iter().map(shown).collect::<Vec<_>>())
}

/// A ceremony to record. It changes nothing of the project by itself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectCeremony {
    kind: CeremonyKind,
    /// Not before what it celebrates: the approval, the signature of the agreement, for a handover the completion of the work. Not later
    /// than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    held_on: NaiveDate,
    territorial_unit_id: TerritorialUnitId,
    /// The function of who presided.
    chair: Text<200>,
    assisted_by: Option<Text<200>>,
    /// Begins with https://.
    public_link: Option<Text<500>>,
    /// By organisation and function; no person is named.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 100>")]
    #[schema(max_items = 100)]
    attendances: Vec<NewVisitMember>,
}

impl Json for NewProjectCeremony {}

/// Records a ceremony in its order: a launch after the approval, one first stone of what is built, a handover when the work is done and
/// there is a certificate.
#[utoipa::path(tag = "project", request_body = NewProjectCeremony, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/ceremonies")]
pub async fn record_project_ceremony(asked: Asked<NewProjectCeremony>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            not_future(body.held_on, call.today).map_err(|refusal| refusal.at("/held_on"))?;
            if let Some(link) = &body.public_link {
                accept_link(link.as_str())?;
            }
            db::territory::find_unit(tx.conn, body.territorial_unit_id)?;
            let occasion = Occasion {
                kind: body.kind,
                held_on: body.held_on,
                state: project.row.state.0,
                nature: project.row.nature.0,
                approved_on: project.row.approved_on,
                certificate: db::project::handover::certificate_of(tx.conn, &scope, id)?.is_some(),
            };
            occasion.accept()?;
            let cause = match body.kind {
                CeremonyKind::Launch => (Cause::Approval, project.row.approved_on),
                CeremonyKind::Handover => (Cause::Completion, completed_on(tx, &project)?),
                _ => (Cause::Agreement, signed_on(tx, &project)?),
            };
            not_before(body.held_on, &[cause]).map_err(|refusal| refusal.at("/held_on"))?;
            let new = NewCeremonyRow {
                kind: body.kind,
                held_on: body.held_on,
                place: body.territorial_unit_id,
                chair: body.chair.as_str().to_owned(),
                assisted_by: body.assisted_by.as_ref().map(|text| text.as_str().to_owned()),
                public_link: body.public_link.as_ref().map(|text| text.as_str().to_owned()),
                attendances: body.attendances.iter().map(NewVisitMember::read).collect(),
                recorded_by: by,
            };
            let number = db::project::handover::insert_ceremony(tx, &project.row, &new)?;
            let event = project.row.event("project.ceremony_recorded")?.with("ceremony", number).with("kind", body.kind);
            answer(tx, &project.row, event.with("held_on", body.held_on))
        })
        .await
}

/// When the work of a project was said to be done.
fn completed_on(tx: &mut Tx<'_>, project: &Project) -> Result<Option<NaiveDate>, Fault> {
    db::project::came_on(tx.conn, &tx.all(), project.row.id.0, ProjectState::PhysicallyCompleted)
}

/// When the second side signed the agreement on a project.
fn signed_on(tx: &mut Tx<'_>, project: &Project) -> Result<Option<NaiveDate>, Fault> {
    let agreement = db::project::agreement::find_agreement(tx.conn, &project.row)?;
    Ok(agreement.and_then(|one| one.signatures.iter().map(|signature| signature.signed_on).max()))
}

/// Something that is handed over.
#[derive(Serialize, ToSchema)]
pub struct HandedAssetView {
    #[schema(minimum = 1)]
    number: i32,
    kind: AssetKind,
    #[schema(max_length = 300)]
    description: String,
    #[schema(minimum = 1)]
    quantity: i32,
    /// What one is worth.
    #[schema(max_length = 21)]
    unit_value: String,
    /// What all of them are worth.
    #[schema(max_length = 21)]
    value: String,
}

/// A signature of a certificate.
#[derive(Serialize, ToSchema)]
pub struct HandoverSignatureView {
    side: HandoverSide,
    #[schema(max_length = 200)]
    organisation: String,
    #[schema(max_length = 200)]
    function: String,
    signed_on: NaiveDate,
    #[schema(max_length = 200)]
    document_reference: String,
    #[schema(min_length = 64, max_length = 64)]
    document_sha256: String,
}

/// The certificate of what a project hands over.
#[derive(Serialize, ToSchema)]
pub struct HandoverCertificateView {
    project_id: ProjectId,
    #[schema(max_length = 80)]
    reference: String,
    recipient_kind: RecipientKind,
    #[schema(max_length = 1000)]
    condition: String,
    /// Who keeps it up from now on.
    #[schema(max_length = 200)]
    maintained_by: String,
    #[schema(max_length = 2000)]
    maintenance_plan: String,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    #[schema(max_items = 200)]
    assets: Vec<HandedAssetView>,
    #[schema(max_items = 2)]
    signatures: Vec<HandoverSignatureView>,
}

fn certificate_view(project_id: ProjectId, certificate: Certificate) -> Result<HandoverCertificateView, Fault> {
    let currency = db::fund::currency(&certificate.row.currency)?;
    let mut assets = Vec::with_capacity(certificate.assets.len());
    for asset in certificate.assets {
        let value = shown(asset.value()?, currency);
        let unit_value = shown(asset.unit_value, currency);
        let (number, kind, quantity) = (asset.number, asset.kind.0, asset.quantity);
        assets.push(HandedAssetView { number, kind, description: asset.description, quantity, unit_value, value });
    }
    let signature = |one: db::project::handover::SignatureRow| HandoverSignatureView {
        side: one.side.0,
        organisation: one.represents,
        function: one.function,
        signed_on: one.signed_on,
        document_reference: one.document_reference,
        document_sha256: one.document_sha256,
    };
    let row = certificate.row;
    Ok(HandoverCertificateView {
        project_id,
        reference: row.reference,
        recipient_kind: row.recipient_kind.0,
        condition: row.condition,
        maintained_by: row.maintained_by,
        maintenance_plan: row.maintenance_plan,
        currency: row.currency,
        assets,
        signatures: certificate.signatures.into_iter().map(signature).collect(),
    })
}

/// The handover certificate of the project: a list with one, or none.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<HandoverCertificateView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/handover-certificates")]
pub async fn read_handover_certificates(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let certificates = call
        .store()
        .read(move |conn| {
            db::project::find_project(conn, &scope, id)?;
            let found = db::project::handover::certificate_of(conn, &scope, id)?;
            found.into_iter().map(|one| certificate_view(id, one)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    ok(&certificates)
}

/// Something to hand over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHandedAsset {
    kind: AssetKind,
    description: Text<300>,
    #[schema(value_type = u32, minimum = 1, maximum = 1000000)]
    quantity: Bounded<1, 1_000_000>,
    /// What one is worth, in the currency of the certificate.
    unit_value: AmountText,
}

/// A certificate to draw up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHandoverCertificate {
    reference: Text<80>,
    recipient_kind: RecipientKind,
    condition: Text<1000>,
    /// Who keeps it up from now on: an organisation.
    maintained_by: Text<200>,
    maintenance_plan: Text<2000>,
    currency: CurrencyText,
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 200>")]
    #[schema(min_items = 1, max_items = 200)]
    assets: Vec<NewHandedAsset>,
}

impl Json for NewHandoverCertificate {}

/// Draws up the certificate of what a project hands over, once, when its work is done.
#[utoipa::path(tag = "project", request_body = NewHandoverCertificate, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/handover-certificates")]
pub async fn draw_up_handover_certificate(asked: Asked<NewHandoverCertificate>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &[ProjectState::PhysicallyCompleted])?;
            let currency = named_currency(&body.currency, "/currency")?;
            let mut assets = Vec::with_capacity(body.assets.len());
            for (index, asset) in body.assets.iter().enumerate() {
                let pointer = format!("/assets/{index}/unit_value");
                let value = Amount::parse_positive(&asset.unit_value.0, currency).map_err(|refusal| refusal.at(&pointer))?;
                let quantity = i32::try_from(asset.quantity.0).unwrap_or_default();
                assets.push((asset.kind, asset.description.as_str().to_owned(), quantity, value.minor()));
            }
            let new = NewCertificate {
                reference: body.reference.as_str().to_owned(),
                recipient_kind: body.recipient_kind,
                condition: body.condition.as_str().to_owned(),
                maintained_by: body.maintained_by.as_str().to_owned(),
                maintenance_plan: body.maintenance_plan.as_str().to_owned(),
                currency,
                assets,
                recorded_by: by,
            };
            db::project::handover::insert_certificate(tx, &project.row, &new)?;
            let event = project.row.event("project.handover_drawn_up")?.with("recipient_kind", body.recipient_kind);
            answer(tx, &project.row, event.with("assets", new.assets.len()))
        })
        .await
}

/// A signature of the certificate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHandoverSignature {
    side: HandoverSide,
    /// For which organisation; the two sides are two organisations.
    organisation: Text<200>,
    function: Text<200>,
    /// Not before the completion of the work, not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    signed_on: NaiveDate,
    /// The signed paper.
    document_reference: Text<200>,
    document_sha256: Sha256Hex,
}

impl Json for NewHandoverSignature {}

/// Records that a side signed the handover certificate.
#[utoipa::path(tag = "project", request_body = NewHandoverSignature, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/handover-signatures")]
pub async fn sign_handover_certificate(asked: Asked<NewHandoverSignature>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &[ProjectState::PhysicallyCompleted])?;
            not_future(body.signed_on, call.today).map_err(|refusal| refusal.at("/signed_on"))?;
            let completed = [(Cause::Completion, completed_on(tx, &project)?)];
            not_before(body.signed_on, &completed).map_err(|refusal| refusal.at("/signed_on"))?;
            let Some(certificate) = db::project::handover::certificate_of(tx.conn, &scope, id)? else {
                return Err(HANDOVER_UNSIGNED.refuse().with("missing", vec!["certificate".to_owned()]).into());
            };
            certificate.facts().accept(body.side, body.organisation.as_str())?;
            let new = NewSignature {
                side: body.side,
                represents: body.organisation.as_str().to_owned(),
                function: body.function.as_str().to_owned(),
                signed_on: body.signed_on,
                document: document(&body.document_reference, &body.document_sha256),
                recorded_by: by,
            };
            db::project::handover::insert_signature(tx, &project.row, &new)?;
            let event = project.row.event("project.handover_signed")?.with("side", body.side);
            answer(tx, &project.row, event.with("document_sha256", &new.document.sha256))
        })
        .await
}

/// Hands over what a project made: both sides have signed. Where the commune that keeps the project receives it, it enters the register
/// of its assets at the value of the certificate; nothing is paid for it.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/handover")]
pub async fn hand_over_project(asked: Asked<Nothing>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    let ids: Vec<MunicipalAssetId> = (0..200).map(|_| MunicipalAssetId::new()).collect();
    asked
        .write(move |call, _, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            let mut event = take(call, tx, &project, ProjectAction::HandOver, (None, None))?;
            let certificate = db::project::handover::certificate_of(tx.conn, &scope, id)?.ok_or(Fault::Missing)?;
            let own = db::organisation::find_own(tx)?;
            if certificate.row.recipient_kind.0 == RecipientKind::Commune && own.kind.0 == OrganisationKind::Commune {
                let total = db::project::handover::enter_assets(tx, &project.row, &certificate, &ids, by)?;
                let currency = db::fund::currency(&certificate.row.currency)?;
                event = event.with("assets", certificate.assets.len()).with("value", shown(total, currency));
                event = event.with("currency", currency.code());
            }
            let after = db::project::find_project(tx.conn, &tx.all(), id)?;
            Ok((done(after.row.version, &view(after)?)?, event.into()))
        })
        .await
}

/// An asset of a commune.
#[derive(Serialize, ToSchema)]
pub struct MunicipalAssetView {
    id: MunicipalAssetId,
    organisation_id: OrganisationId,
    /// The project that handed it over.
    project_id: ProjectId,
    kind: AssetKind,
    #[schema(max_length = 300)]
    description: String,
    #[schema(minimum = 1)]
    quantity: i32,
    #[schema(max_length = 21)]
    unit_value: String,
    #[schema(max_length = 21)]
    value: String,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    entered_on: NaiveDate,
    #[schema(max_length = 200)]
    maintained_by: String,
}

fn asset_view(row: MunicipalAssetRow) -> Result<MunicipalAssetView, Fault> {
    let currency = db::fund::currency(&row.currency)?;
    Ok(MunicipalAssetView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        project_id: row.project_id.0,
        kind: row.kind.0,
        description: row.description,
        quantity: row.quantity,
        unit_value: shown(row.unit_value, currency),
        value: shown(row.value, currency),
        currency: row.currency,
        entered_on: row.entered_on,
        maintained_by: row.maintained_by,
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MunicipalAssetQuery {
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The register of the commune's assets that projects handed over.
#[utoipa::path(tag = "project", params(MunicipalAssetQuery), responses((status = 200, body = Page<MunicipalAssetView>)))]
#[get("/v1/organisations/{organisation_id}/assets")]
pub async fn list_municipal_assets(call: Call, _path: web::Path<OrganisationId>, query: Query<MunicipalAssetQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<MunicipalAssetId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let rows = call
        .store()
        .read(move |conn| {
            let rows = db::project::handover::list_assets(conn, &scope, &asked)?;
            Ok(db::page::Rows { more: rows.more, rows: rows.rows.into_iter().map(asset_view).collect::<Result<Vec<_>, _>>()? })
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |one| one.id, |one| one))
}
