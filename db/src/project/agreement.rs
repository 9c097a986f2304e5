//! Agreements of projects: their tranches, who signed them, and who verified the partner's account.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::id::{OrganisationId, PrincipalId, ProjectId, SupplierId};
use domain::project::agreement::{Agreement, ProjectAgreementKind, ProjectAgreementSide, ProjectChannel};
use domain::project::finance::AGREEMENT_DUPLICATE;

use super::ProjectRow;
use crate::budget::amount;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::fund::RecordedAt;
use crate::schema::{project_agreements, project_signatures, project_tranches};
use crate::store::Tx;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_agreements)]
pub struct AgreementRow {
    pub organisation_id: Col<OrganisationId>,
    pub project_id: Col<ProjectId>,
    pub kind: Col<ProjectAgreementKind>,
    pub reference: String,
    pub supplier_id: Col<SupplierId>,
    pub amount: i64,
    pub channel: Col<ProjectChannel>,
    pub receiver_id: Option<Col<OrganisationId>>,
    pub revenue_code: Option<String>,
    pub expenditure_code: Option<String>,
    pub account_ending: String,
    pub account_sha256: Option<String>,
    pub account_verified_by: Option<Col<PrincipalId>>,
    pub account_verified_on: Option<NaiveDate>,
    pub recorded_at: RecordedAt,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_tranches)]
pub struct TrancheRow {
    pub number: i32,
    pub bps: Option<i32>,
    pub amount: i64,
    pub planned_on: Option<NaiveDate>,
    /// Whose it is, where the project names recipients.
    pub recipient_number: Option<i32>,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_signatures)]
pub struct SignatureRow {
    pub side: Col<ProjectAgreementSide>,
    pub signed_by: Col<PrincipalId>,
    pub signed_on: NaiveDate,
    pub document_sha256: String,
}

/// An agreement with its tranches and signatures.
#[derive(Clone, Debug)]
pub struct ProjectAgreement {
    pub row: AgreementRow,
    pub tranches: Vec<TrancheRow>,
    pub signatures: Vec<SignatureRow>,
}

impl ProjectAgreement {
    /// As guards look at it.
    pub fn facts(&self) -> Result<Agreement, Fault> {
        Ok(Agreement {
            amount: amount(self.row.amount)?,
            tranches: self.tranches.iter().map(|tranche| amount(tranche.amount)).collect::<Result<_, _>>()?,
            signed: self.signatures.iter().map(|signature| signature.side.0).collect(),
            account_verified: self.row.account_verified_by.is_some(),
        })
    }
}

/// A tranche to keep.
#[derive(Clone, Copy, Debug)]
pub struct NewTranche {
    pub bps: Option<i32>,
    pub amount: i64,
    pub planned_on: Option<NaiveDate>,
    pub recipient: Option<i32>,
}

/// A new agreement, already judged.
#[derive(Clone, Debug)]
pub struct NewAgreement {
    pub kind: ProjectAgreementKind,
    pub reference: String,
    pub supplier: SupplierId,
    pub amount: i64,
    pub channel: ProjectChannel,
    /// The local government through whose treasury money comes, and the codes of the lines of its budget.
    pub receiver: Option<(OrganisationId, String, String)>,
    pub account_ending: String,
    pub tranches: Vec<NewTranche>,
    pub recorded_by: PrincipalId,
}

pub fn insert_agreement(tx: &mut Tx<'_>, project: ProjectId, new: &NewAgreement) -> Result<(), Fault> {
    diesel::insert_into(project_agreements::table)
        .values((
            project_agreements::organisation_id.eq(Col(tx.organisation)),
            project_agreements::project_id.eq(Col(project)),
            project_agreements::kind.eq(Col(new.kind)),
            project_agreements::reference.eq(&new.reference),
            project_agreements::supplier_id.eq(Col(new.supplier)),
            project_agreements::amount.eq(new.amount),
            project_agreements::channel.eq(Col(new.channel)),
            project_agreements::receiver_id.eq(new.receiver.as_ref().map(|one| Col(one.0))),
            project_agreements::revenue_code.eq(new.receiver.as_ref().map(|one| one.1.as_str())),
            project_agreements::expenditure_code.eq(new.receiver.as_ref().map(|one| one.2.as_str())),
            project_agreements::account_ending.eq(&new.account_ending),
            project_agreements::recorded_by.eq(Col(new.recorded_by)),
            project_agreements::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| AGREEMENT_DUPLICATE.refuse().with("reference", &new.reference)))?;
    for (number, tranche) in (1_i32..).zip(&new.tranches) {
        diesel::insert_into(project_tranches::table)
            .values((
                project_tranches::organisation_id.eq(Col(tx.organisation)),
                project_tranches::project_id.eq(Col(project)),
                project_tranches::number.eq(number),
                project_tranches::bps.eq(tranche.bps),
                project_tranches::amount.eq(tranche.amount),
                project_tranches::planned_on.eq(tranche.planned_on),
                project_tranches::recipient_number.eq(tranche.recipient),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// The agreement of a project, which the caller was seen to see.
pub fn find_agreement(conn: &mut Conn, project: &ProjectRow) -> Result<Option<ProjectAgreement>, Fault> {
    let (owner, id) = (project.organisation_id, project.id);
    let row: Option<AgreementRow> = project_agreements::table
        .filter(project_agreements::organisation_id.eq(owner))
        .filter(project_agreements::project_id.eq(id))
        .select(AgreementRow::as_select())
        .first(conn)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let tranches = project_tranches::table
        .filter(project_tranches::organisation_id.eq(owner))
        .filter(project_tranches::project_id.eq(id))
        .order(project_tranches::number)
        .select(TrancheRow::as_select())
        .load(conn)?;
    let signatures = project_signatures::table
        .filter(project_signatures::organisation_id.eq(owner))
        .filter(project_signatures::project_id.eq(id))
        .order(project_signatures::side)
        .select(SignatureRow::as_select())
        .load(conn)?;
    Ok(Some(ProjectAgreement { row, tranches, signatures }))
}

/// Keeps who verified the account of the partner, by which paper.
pub fn verify_account(tx: &mut Tx<'_>, row: &AgreementRow, by: PrincipalId, on: NaiveDate, sha256: &str) -> Result<(), Fault> {
    let own = project_agreements::table.filter(project_agreements::organisation_id.eq(row.organisation_id));
    diesel::update(own.filter(project_agreements::project_id.eq(row.project_id)))
        .set((
            project_agreements::account_verified_by.eq(Some(Col(by))),
            project_agreements::account_verified_on.eq(Some(on)),
            project_agreements::account_sha256.eq(Some(sha256)),
        ))
        .execute(tx.conn)?;
    Ok(())
}

pub fn insert_signature(
    tx: &mut Tx<'_>,
    project: ProjectId,
    (side, by): (ProjectAgreementSide, PrincipalId),
    on: NaiveDate,
    sha256: &str,
) -> Result<(), Fault> {
    diesel::insert_into(project_signatures::table)
        .values((
            project_signatures::organisation_id.eq(Col(tx.organisation)),
            project_signatures::project_id.eq(Col(project)),
            project_signatures::side.eq(Col(side)),
            project_signatures::signed_by.eq(Col(by)),
            project_signatures::signed_on.eq(on),
            project_signatures::document_sha256.eq(sha256),
            project_signatures::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    Ok(())
}
