//! Agreements on drawing rights, the tranches that are paid on them, and what is justified of each.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::endowment::drawing_right::{Terms, Tranche};
use domain::id::{BudgetLineId, DrawingAgreementId, DrawingRightId, OrganisationId, PrincipalId};
use domain::sensitivity::{Scope, Sensitivity};
use uuid::Uuid;

use crate::budget::amount;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::{drawing_agreement_lines, drawing_agreements, drawing_justifications, drawing_tranches};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = drawing_agreements)]
pub struct DrawingAgreementRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<DrawingAgreementId>,
    pub drawing_right_id: Col<DrawingRightId>,
    pub reference: String,
    pub project: String,
    pub beneficiary_id: Col<OrganisationId>,
    pub revenue_line_id: Col<BudgetLineId>,
    pub total_cost: i64,
    pub grant_amount: i64,
    pub counterpart: i64,
    pub counterpart_bps: i32,
    pub signed_on: NaiveDate,
    pub document_sha256: String,
    pub concluded_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = drawing_tranches)]
pub struct DrawingTrancheRow {
    pub drawing_agreement_id: Col<DrawingAgreementId>,
    pub number: i32,
    pub amount: i64,
    pub disbursed_on: NaiveDate,
    pub reference: String,
    pub disbursed_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
}

/// An agreement with the lines that it stands on, and its tranches with what is justified of each.
#[derive(Clone, Debug)]
pub struct DrawingAgreement {
    pub row: DrawingAgreementRow,
    pub lines: Vec<BudgetLineId>,
    pub tranches: Vec<(DrawingTrancheRow, i64)>,
}

impl DrawingAgreement {
    /// The tranches as the rules see them.
    pub fn paid(&self) -> Result<Vec<Tranche>, Fault> {
        let tranche = |(row, justified): &(DrawingTrancheRow, i64)| {
            Ok(Tranche { number: row.number, amount: amount(row.amount)?, justified: amount(*justified)? })
        };
        self.tranches.iter().map(tranche).collect()
    }
}

/// An agreement to conclude.
#[derive(Clone, Debug)]
pub struct NewDrawingAgreement {
    pub id: DrawingAgreementId,
    pub right: DrawingRightId,
    pub reference: String,
    pub project: String,
    pub beneficiary: OrganisationId,
    pub revenue_line: BudgetLineId,
    pub lines: Vec<BudgetLineId>,
    pub terms: Terms,
    pub counterpart_bps: i32,
    pub signed_on: NaiveDate,
    pub document_sha256: String,
    pub concluded_by: PrincipalId,
}

pub fn append_drawing_agreement(tx: &mut Tx<'_>, new: &NewDrawingAgreement) -> Result<(), Fault> {
    diesel::insert_into(drawing_agreements::table)
        .values((
            drawing_agreements::organisation_id.eq(Col(tx.organisation)),
            drawing_agreements::id.eq(Col(new.id)),
            drawing_agreements::drawing_right_id.eq(Col(new.right)),
            drawing_agreements::reference.eq(&new.reference),
            drawing_agreements::project.eq(&new.project),
            drawing_agreements::beneficiary_id.eq(Col(new.beneficiary)),
            drawing_agreements::revenue_line_id.eq(Col(new.revenue_line)),
            drawing_agreements::total_cost.eq(new.terms.total.minor()),
            drawing_agreements::grant_amount.eq(new.terms.grant.minor()),
            drawing_agreements::counterpart.eq(new.terms.counterpart.minor()),
            drawing_agreements::counterpart_bps.eq(new.counterpart_bps),
            drawing_agreements::signed_on.eq(new.signed_on),
            drawing_agreements::document_sha256.eq(&new.document_sha256),
            drawing_agreements::concluded_by.eq(Col(new.concluded_by)),
            drawing_agreements::recorded_at.eq(Col(tx.author.now)),
            drawing_agreements::sensitivity.eq(Sensitivity::Partner.rank()),
        ))
        .execute(tx.conn)?;
    for line in &new.lines {
        diesel::insert_into(drawing_agreement_lines::table)
            .values((
                drawing_agreement_lines::organisation_id.eq(Col(tx.organisation)),
                drawing_agreement_lines::drawing_agreement_id.eq(Col(new.id)),
                drawing_agreement_lines::beneficiary_id.eq(Col(new.beneficiary)),
                drawing_agreement_lines::budget_line_id.eq(Col(*line)),
                drawing_agreement_lines::sensitivity.eq(Sensitivity::Partner.rank()),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// The agreements on a right, in the order of their conclusion. The scope is that of the organisation that granted it.
pub fn list_drawing_agreements(conn: &mut Conn, scope: &Scope, right: DrawingRightId) -> Result<Vec<DrawingAgreement>, Fault> {
    let rows: Vec<DrawingAgreementRow> = visible!(drawing_agreements, scope)
        .filter(drawing_agreements::drawing_right_id.eq(Col(right)))
        .order(drawing_agreements::id)
        .select(DrawingAgreementRow::as_select())
        .load(conn)?;
    let ids: Vec<Col<DrawingAgreementId>> = rows.iter().map(|row| row.id).collect();
    let mut lines: BTreeMap<DrawingAgreementId, Vec<BudgetLineId>> = BTreeMap::new();
    let named: Vec<(Col<DrawingAgreementId>, Col<BudgetLineId>)> = visible!(drawing_agreement_lines, scope)
        .filter(drawing_agreement_lines::drawing_agreement_id.eq_any(ids.clone()))
        .order(drawing_agreement_lines::budget_line_id)
        .select((drawing_agreement_lines::drawing_agreement_id, drawing_agreement_lines::budget_line_id))
        .load(conn)?;
    for (agreement, line) in named {
        lines.entry(agreement.0).or_default().push(line.0);
    }
    let mut justified: BTreeMap<(DrawingAgreementId, i32), i64> = BTreeMap::new();
    let proofs: Vec<(Col<DrawingAgreementId>, i32, i64)> = visible!(drawing_justifications, scope)
        .filter(drawing_justifications::drawing_agreement_id.eq_any(ids.clone()))
        .select((drawing_justifications::drawing_agreement_id, drawing_justifications::number, drawing_justifications::amount))
        .load(conn)?;
    for (agreement, number, amount) in proofs {
        *justified.entry((agreement.0, number)).or_default() += amount;
    }
    let mut tranches: BTreeMap<DrawingAgreementId, Vec<(DrawingTrancheRow, i64)>> = BTreeMap::new();
    let paid: Vec<DrawingTrancheRow> = visible!(drawing_tranches, scope)
        .filter(drawing_tranches::drawing_agreement_id.eq_any(ids))
        .order((drawing_tranches::drawing_agreement_id, drawing_tranches::number))
        .select(DrawingTrancheRow::as_select())
        .load(conn)?;
    for row in paid {
        let proven = justified.get(&(row.drawing_agreement_id.0, row.number)).copied().unwrap_or_default();
        tranches.entry(row.drawing_agreement_id.0).or_default().push((row, proven));
    }
    let whole = |row: DrawingAgreementRow| DrawingAgreement {
        lines: lines.remove(&row.id.0).unwrap_or_default(),
        tranches: tranches.remove(&row.id.0).unwrap_or_default(),
        row,
    };
    Ok(rows.into_iter().map(whole).collect())
}

/// Records a tranche that was paid.
pub fn append_tranche(
    tx: &mut Tx<'_>,
    agreement: DrawingAgreementId,
    tranche: &Tranche,
    (on, reference, by): (NaiveDate, &str, PrincipalId),
) -> Result<(), Fault> {
    diesel::insert_into(drawing_tranches::table)
        .values((
            drawing_tranches::organisation_id.eq(Col(tx.organisation)),
            drawing_tranches::drawing_agreement_id.eq(Col(agreement)),
            drawing_tranches::number.eq(tranche.number),
            drawing_tranches::amount.eq(tranche.amount.minor()),
            drawing_tranches::disbursed_on.eq(on),
            drawing_tranches::reference.eq(reference),
            drawing_tranches::disbursed_by.eq(Col(by)),
            drawing_tranches::recorded_at.eq(Col(tx.author.now)),
            drawing_tranches::sensitivity.eq(Sensitivity::Partner.rank()),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Records what was justified of a tranche.
pub fn append_justification(
    tx: &mut Tx<'_>,
    (id, agreement, number): (Uuid, DrawingAgreementId, i32),
    minor: i64,
    (document_sha256, by): (&str, PrincipalId),
) -> Result<(), Fault> {
    diesel::insert_into(drawing_justifications::table)
        .values((
            drawing_justifications::organisation_id.eq(Col(tx.organisation)),
            drawing_justifications::id.eq(Col(id)),
            drawing_justifications::drawing_agreement_id.eq(Col(agreement)),
            drawing_justifications::number.eq(number),
            drawing_justifications::amount.eq(minor),
            drawing_justifications::document_sha256.eq(document_sha256),
            drawing_justifications::recorded_by.eq(Col(by)),
            drawing_justifications::recorded_at.eq(Col(tx.author.now)),
            drawing_justifications::sensitivity.eq(Sensitivity::Partner.rank()),
        ))
        .execute(tx.conn)?;
    Ok(())
}
