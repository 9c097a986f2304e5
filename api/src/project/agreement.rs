//! Agreements on projects: what is paid in which tranches, the account that is verified, and the signatures of both sides.

use actix_web::{HttpRequest, get, post};
use chrono::NaiveDate;
use db::fault::Fault;
use db::project::Project;
use db::project::agreement::{NewAgreement, NewTranche, ProjectAgreement};
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::calendar::{Cause, not_before, not_future};
use domain::fund::FUND_PURPOSE_USED;
use domain::id::{PrincipalId, ProjectId, SupplierId};
use domain::identity::Role;
use domain::money::{Amount, Currency};
use domain::programme::rule_set::RuleSet;
use domain::project::agreement::{
    AskedTranche, ProjectAgreementKind, ProjectAgreementSide, ProjectChannel, accept_signatory, plan, require_approved, require_side, sign,
};
use domain::project::duty::Duty;
use domain::project::finance::{ACCOUNT_VERIFIED, AGREEMENT_DUPLICATE, lapsed};
use domain::project::recipient::joint_plan;
use domain::project::{JOINT_SPLIT, ProjectAction};
use domain::text::Text;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::ProjectPath;
use super::act::take;
use super::case::Case;
use super::receiver::{ProjectReceiver, ProjectReceiverView, admit_receiver};
use super::recipient::{meant, whose};
use crate::answer::{Answered, created, done, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::fund::pledge::Bounded;
use crate::wire::{AmountText, CurrencyText, Sha256Hex, shown};

/// A tranche of an agreement.
#[derive(Serialize, ToSchema)]
pub struct ProjectTrancheView {
    #[schema(minimum = 1)]
    number: i32,
    /// Its share in basis points, where the rules of the instrument pay by shares.
    #[schema(minimum = 1, maximum = 10000)]
    bps: Option<i32>,
    #[schema(max_length = 21)]
    amount: String,
    planned_on: Option<NaiveDate>,
    /// Whose it is, where the project names recipients.
    supplier_id: Option<SupplierId>,
}

/// A signature of an agreement.
#[derive(Serialize, ToSchema)]
pub struct ProjectSignatureView {
    side: ProjectAgreementSide,
    signed_by: PrincipalId,
    signed_on: NaiveDate,
    /// Of the signed document.
    #[schema(min_length = 64, max_length = 64)]
    document_sha256: String,
}

/// The agreement on a project, between the organisation and who carries the project out.
#[derive(Serialize, ToSchema)]
pub struct ProjectAgreementView {
    project_id: ProjectId,
    kind: ProjectAgreementKind,
    #[schema(max_length = 80)]
    reference: String,
    /// Who carries the project out.
    supplier_id: SupplierId,
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    #[schema(max_length = 21)]
    amount: String,
    channel: ProjectChannel,
    /// Who receives the money, where it comes through a treasury.
    receiver: Option<ProjectReceiverView>,
    /// The last four signs of the account to which money goes, the treasury's or the partner's; the rest is in the bank's paper.
    /// Four dashes where the agreement is in kind, and there is none.
    #[schema(min_length = 4, max_length = 4, example = "0417")]
    account_ending: String,
    /// Digest of the bank's paper by which the account was verified.
    #[schema(min_length = 64, max_length = 64)]
    account_sha256: Option<String>,
    account_verified_by: Option<PrincipalId>,
    account_verified_on: Option<NaiveDate>,
    /// Who signs for the partner; where nobody is named, the registrar of the council records what was signed on paper.
    partner_signatory_id: Option<PrincipalId>,
    /// Their amounts make that of the agreement; those of each recipient its part.
    #[schema(max_items = 60)]
    tranches: Vec<ProjectTrancheView>,
    #[schema(max_items = 2)]
    signatures: Vec<ProjectSignatureView>,
    /// Of the project.
    #[schema(minimum = 1)]
    version: i64,
}

fn view(project: &Project, version: i64, found: ProjectAgreement) -> Result<ProjectAgreementView, Fault> {
    let currency = project.row.currency()?;
    let tranche = |row: db::project::agreement::TrancheRow| ProjectTrancheView {
        number: row.number,
        bps: row.bps,
        amount: shown(row.amount, currency),
        planned_on: row.planned_on,
        supplier_id: whose(project, row.recipient_number),
    };
    let signature = |row: db::project::agreement::SignatureRow| ProjectSignatureView {
        side: row.side.0,
        signed_by: row.signed_by.0,
        signed_on: row.signed_on,
        document_sha256: row.document_sha256,
    };
    let row = found.row;
    let receiver = |(organisation_id, revenue_article, expenditure_article)| ProjectReceiverView {
        organisation_id,
        revenue_article,
        expenditure_article,
    };
    Ok(ProjectAgreementView {
        project_id: row.project_id.0,
        kind: row.kind.0,
        receiver: row.receiver().map(receiver),
        reference: row.reference,
        supplier_id: row.supplier_id.0,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        channel: row.channel.0,
        account_ending: row.account_ending,
        account_sha256: row.account_sha256,
        account_verified_by: row.account_verified_by.map(|by| by.0),
        account_verified_on: row.account_verified_on,
        partner_signatory_id: row.partner_signatory_id.map(|id| id.0),
        tranches: found.tranches.into_iter().map(tranche).collect(),
        signatures: found.signatures.into_iter().map(signature).collect(),
        version,
    })
}

/// The agreement on a project.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectAgreementView)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/agreement")]
pub async fn read_project_agreement(call: Call, request: HttpRequest, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let found = call
        .store()
        .read(move |conn| {
            let project = db::project::find_project(conn, &scope, id)?;
            let agreement = db::project::agreement::find_agreement(conn, &project.row)?.ok_or(Fault::Missing)?;
            view(&project, project.row.version, agreement)
        })
        .await?;
    versioned(&request, found.version, &found)
}

/// The last four signs of an account.
#[derive(Clone, Debug, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9A-Z]{4}$", min_length = 4, max_length = 4, example = "0417")]
pub struct AccountEnding(String);

impl<'de> Deserialize<'de> for AccountEnding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
            return Ok(Self(text));
        }
        Err(serde::de::Error::custom("expected four digits or capital letters"))
    }
}

/// What may be left out, and is not null when it is told.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AccountEnding>, D::Error> {
    AccountEnding::deserialize(deserializer).map(Some)
}

/// A tranche: its share where the rules of the instrument pay by shares, its amount elsewhere.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectTranche {
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 10000)]
    bps: Option<Bounded<1, 10000>>,
    amount: Option<AmountText>,
    /// Not before the approval of the project.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    planned_on: Option<NaiveDate>,
    /// The recipient to whom it goes, where the project names recipients.
    supplier_id: Option<SupplierId>,
}

/// An agreement on a project.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectAgreement {
    kind: ProjectAgreementKind,
    /// Unique in the organisation.
    reference: Text<80>,
    amount: AmountText,
    /// Of the project.
    currency: CurrencyText,
    /// How money comes; straight to who carries the project out where nothing is said, which no budget holds. In kind, none comes.
    #[serde(default)]
    channel: ProjectChannel,
    /// Required through a treasury, and only then: nothing is approved or paid before its budget of the year has both articles.
    receiver: Option<ProjectReceiver>,
    /// Of the account to which money goes, the treasury's or the partner's. Required unless the agreement is in kind.
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = AccountEnding, required = false)]
    account_ending: Option<AccountEnding>,
    /// Who signs for the partner: a person with the role `partner` in the organisation, and with no other. Of a project above what partners
    /// may see, nobody is named.
    partner_signatory_id: Option<PrincipalId>,
    /// Where the project names recipients, those of each make its part, in the shares of its kind.
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 60>")]
    #[schema(min_items = 1, max_items = 60)]
    tranches: Vec<NewProjectTranche>,
}

impl Json for NewProjectAgreement {}

/// Records the agreement on an approved project, with its plan of tranches as the rules of the instrument say. It takes effect when both
/// sides have signed it, and is not changed any more.
#[utoipa::path(tag = "project", request_body = NewProjectAgreement, responses((status = 201, body = ProjectAgreementView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/agreement")]
pub async fn conclude_project_agreement(asked: Asked<NewProjectAgreement>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            project.row.state.0.act(ProjectAction::Sign)?;
            let case = Case::load(tx.conn, &tx.all(), &project, call.today)?;
            if case.finance().agreement.is_some() {
                return Err(AGREEMENT_DUPLICATE.refuse().with("reference", body.reference.as_str()).into());
            }
            lapsed(project.row.approved_on, case.rules, call.today)?;
            admit_receiver(call, tx.conn, body.channel, body.receiver.as_ref(), body.account_ending.is_some())?;
            if let Some(signatory) = body.partner_signatory_id {
                admit_signatory(call, tx, &project, signatory)?;
            }
            let new = read(body, &project, case.rules, by)?;
            db::project::agreement::insert_agreement(tx, id, &new)?;
            let event = project
                .row
                .event("project.agreement_recorded")?
                .with("kind", body.kind)
                .with("channel", body.channel)
                .with("amount", shown(new.amount, project.row.currency()?))
                .with("currency", project.row.currency.clone())
                .with("tranches", new.tranches.len());
            db::project::touch_project(tx, &project.row)?;
            let (version, found) = (project.row.version + 1, found(tx, &project)?);
            let location = format!("/v1/organisations/{organisation}/projects/{id}/agreement");
            Ok((created(location, version, &view(&project, version, found)?)?, event.into()))
        })
        .await
}

/// Refuses to name someone to sign for the partner who stands on the side that pays, or could not see what is to be signed.
fn admit_signatory(call: &Call, tx: &mut Tx<'_>, project: &Project, signatory: PrincipalId) -> Result<(), Fault> {
    let seen = project.row.sensitivity <= Role::Partner.clearance().rank();
    let kind = db::identity::find_principal(tx.conn, signatory)?.kind.0;
    let held = db::identity::assignments_of(tx.conn, signatory)?;
    let held = held.into_iter().filter(|held| held.holds(tx.organisation, call.today));
    Ok(accept_signatory(kind, &held.map(|held| held.role).collect::<Vec<_>>(), seen)?)
}

fn found(tx: &mut Tx<'_>, project: &Project) -> Result<ProjectAgreement, Fault> {
    db::project::agreement::find_agreement(tx.conn, &project.row)?.ok_or(Fault::Missing)
}

/// Refuses what is dated before the project was approved.
fn require_approved_before(project: &Project, date: NaiveDate, pointer: &str) -> Result<(), Fault> {
    Ok(not_before(date, &[(Cause::Approval, project.row.approved_on)]).map_err(|refusal| refusal.at(pointer))?)
}

fn read(body: &NewProjectAgreement, project: &Project, rules: &RuleSet, by: PrincipalId) -> Result<NewAgreement, Fault> {
    let currency = project.row.currency()?;
    currency.require(&body.currency.0)?;
    let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
    require_approved(amount, db::budget::amount(project.row.budget)?, currency)?;
    let mut asked = Vec::with_capacity(body.tranches.len());
    for (index, tranche) in body.tranches.iter().enumerate() {
        if let Some(planned_on) = tranche.planned_on {
            require_approved_before(project, planned_on, &format!("/tranches/{index}/planned_on"))?;
        }
        let told = tranche.amount.as_ref().map(|text| Amount::parse_positive(&text.0, currency)).transpose();
        let amount = told.map_err(|refusal| refusal.at(&format!("/tranches/{index}/amount")))?;
        asked.push(AskedTranche { bps: tranche.bps.map(|bps| bps.0), amount });
    }
    let mut recipients = Vec::with_capacity(asked.len());
    for (index, tranche) in body.tranches.iter().enumerate() {
        recipients.push(meant(project, tranche.supplier_id, &format!("/tranches/{index}/supplier_id"))?);
    }
    let amounts = if project.recipients.is_empty() {
        plan(rules, project.row.implementer_kind.map(|kind| kind.0), (amount, currency), &asked)?
    } else {
        parted(project, rules, (amount, currency), &recipients, &asked)?
    };
    let supplier = project.row.supplier_id.ok_or_else(|| Fault::Corrupt("an approved project without an implementer".to_owned()))?;
    let bps = |tranche: &NewProjectTranche| tranche.bps.and_then(|bps| i32::try_from(bps.0).ok());
    let tranche = |((asked, amount), recipient): ((&NewProjectTranche, Amount), Option<i32>)| NewTranche {
        bps: bps(asked),
        amount: amount.minor(),
        planned_on: asked.planned_on,
        recipient,
    };
    let tranches = body.tranches.iter().zip(amounts).zip(recipients).map(tranche);
    Ok(NewAgreement {
        kind: body.kind,
        reference: body.reference.as_str().to_owned(),
        supplier: supplier.0,
        amount: amount.minor(),
        channel: body.channel,
        receiver: body.receiver.as_ref().map(|receiver| {
            let article = |article: &Text<10>| article.as_str().to_owned();
            (receiver.organisation_id, article(&receiver.revenue_article), article(&receiver.expenditure_article))
        }),
        account_ending: body.account_ending.as_ref().map(|account| account.0.clone()),
        partner_signatory: body.partner_signatory_id,
        tranches: tranches.collect(),
        recorded_by: by,
    })
}

/// The amounts of the tranches of recipients. Such an agreement is on the whole of what was approved, as the parts are.
fn parted(
    project: &Project,
    rules: &RuleSet,
    (amount, currency): (Amount, Currency),
    recipients: &[Option<i32>],
    asked: &[AskedTranche],
) -> Result<Vec<Amount>, Fault> {
    let parts = project.recipients.iter().map(|one| Ok((one.kind.0, db::budget::amount(one.part)?))).collect::<Result<Vec<_>, Fault>>()?;
    let whole = Amount::sum(parts.iter().map(|(_, part)| *part)).unwrap_or_default();
    if whole != amount {
        let refusal = JOINT_SPLIT.refuse().with("sum", whole.display(currency)).with("budget", amount.display(currency));
        return Err(refusal.with("currency", currency.code()).at("/amount").into());
    }
    let place = |number: &Option<i32>| project.recipients.iter().position(|one| Some(one.number) == *number).unwrap_or_default();
    let placed: Vec<(usize, AskedTranche)> = recipients.iter().map(place).zip(asked.iter().copied()).collect();
    Ok(joint_plan(rules, &parts, currency, &placed)?)
}

/// The verification of an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountVerification {
    /// Not before the approval of the project, not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    on: NaiveDate,
    /// Of the bank's paper on the account.
    document_sha256: Sha256Hex,
}

impl Json for AccountVerification {}

/// Records that the partner's account was verified with the bank. Whoever did so neither signs the agreement nor approves payments.
#[utoipa::path(tag = "project", request_body = AccountVerification, responses((status = 200, body = ProjectAgreementView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/account-verification")]
pub async fn verify_partner_account(asked: Asked<AccountVerification>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            project.row.state.0.act(ProjectAction::Sign)?;
            let agreement = found(tx, &project)?;
            if agreement.row.account_verified_by.is_some() {
                return Err(ACCOUNT_VERIFIED.refuse().into());
            }
            agreement.facts()?.require_money()?;
            not_future(body.on, call.today).map_err(|refusal| refusal.at("/on"))?;
            require_approved_before(&project, body.on, "/on")?;
            db::project::review::take_duty(tx, id, by, Duty::AccountVerifier)?;
            db::project::agreement::verify_account(tx, &agreement.row, by, body.on, &body.document_sha256.0)?;
            let event = project.row.event("project.account_verified")?.with("document_sha256", body.document_sha256.0.clone());
            db::project::touch_project(tx, &project.row)?;
            let (version, found) = (project.row.version + 1, found(tx, &project)?);
            Ok((done(version, &view(&project, version, found)?)?, event.into()))
        })
        .await
}

/// A signature of an agreement.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementSignature {
    side: ProjectAgreementSide,
    /// Not before the approval of the project, not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    on: NaiveDate,
    /// Of the signed document.
    document_sha256: Sha256Hex,
}

impl Json for AgreementSignature {}

/// Signs the agreement on a project for one side: the authorising officer for the organisation, who was named for the partner. Where
/// nobody was named, the registrar of the council records the signature of the partner. With the second signature the project is
/// contracted: the account is verified by someone else, and the approval has not lapsed. From then on money of its purpose moves through
/// the project alone.
#[utoipa::path(tag = "project", request_body = AgreementSignature, responses((status = 200, body = ProjectAgreementView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/signatures")]
pub async fn sign_project_agreement(asked: Asked<AgreementSignature>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            project.row.state.0.act(ProjectAction::Sign)?;
            let agreement = found(tx, &project)?;
            let named = agreement.row.partner_signatory_id.map(|named| named.0);
            require_side(body.side, &by, &call.roles, named.as_ref())?;
            let signatures: Vec<(ProjectAgreementSide, PrincipalId)> =
                agreement.signatures.iter().map(|one| (one.side.0, one.signed_by.0)).collect();
            sign(body.side, &by, &signatures)?;
            not_future(body.on, call.today).map_err(|refusal| refusal.at("/on"))?;
            require_approved_before(&project, body.on, "/on")?;
            db::project::review::take_duty(tx, id, by, Duty::Signatory)?;
            db::project::agreement::insert_signature(tx, id, (body.side, by), body.on, &body.document_sha256.0)?;
            let event = project.row.event("project.agreement_signed")?.with("side", body.side);
            let events = if signatures.is_empty() {
                db::project::touch_project(tx, &project.row)?;
                Events::from(event)
            } else {
                contract(call, tx, &project, event)?
            };
            let (version, found) = (project.row.version + 1, found(tx, &project)?);
            Ok((done(version, &view(&project, version, found)?)?, events))
        })
        .await
}

/// Makes a project contracted, and holds its money for it; in kind there is none, and the fund pays for what is given.
fn contract(call: &Call, tx: &mut Tx<'_>, project: &Project, signed: Event) -> Result<Events, Fault> {
    let moved = take(call, tx, project, ProjectAction::Sign, (None, None))?;
    let pays = found(tx, project)?.facts()?.pays();
    let Some(purpose) = project.row.fund_purpose_id.filter(|_| pays) else { return Ok(Events::from(signed).and(moved)) };
    let purpose = db::fund::purpose::find_purpose(tx.conn, &tx.all(), purpose.0)?;
    let allocations = db::fund::allocation::allocations_of(tx.conn, &tx.all(), purpose.row.id.0)?;
    if allocations.iter().flat_map(|allocation| &allocation.lines).any(|line| line.disbursed != 0) {
        return Err(FUND_PURPOSE_USED.refuse().into());
    }
    db::fund::purpose::hold_purpose(tx, &purpose.row, true)?;
    let held = Event::of("fund_purpose.held", "fund_purpose", purpose.row.id.0.0, purpose.row.version + 1)
        .with("project_id", project.row.id.0.to_string());
    Ok(Events::from(signed).and(moved).and(held))
}
