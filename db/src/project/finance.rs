//! The money of a project, put together for its guards.

use domain::fund::LineUse;
use domain::money::Amount;
use domain::project::disbursement::ProjectDisbursementState;
use domain::project::finance::Finance;
use domain::project::recipient::Ledger;
use domain::project::report::Reported;
use domain::sensitivity::{Scope, Sensitivity};

use super::ProjectRow;
use super::agreement::{ProjectAgreement, find_agreement};
use super::disbursement::{DisbursementRow, disbursements_of};
use super::recipient::recipients_of;
use super::report::{RefundRow, refunds_of, reported_of};
use crate::budget::amount;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::fund::allocation::{AllocationLineRow, allocations_of};

fn sum(amounts: impl Iterator<Item = Result<Amount, Fault>>) -> Result<Amount, Fault> {
    Amount::sum(amounts.collect::<Result<Vec<_>, _>>()?).ok_or_else(|| Fault::Corrupt("the money of a project overflows".to_owned()))
}

fn is_paid(one: &&DisbursementRow) -> bool {
    one.state.0 == ProjectDisbursementState::Paid
}

/// What was agreed, paid, reported, attributed and given back. Rules look at all of it, whatever the caller may see.
pub fn finance_of(conn: &mut Conn, project: &ProjectRow) -> Result<Finance, Fault> {
    let agreement = find_agreement(conn, project)?;
    let disbursements = disbursements_of(conn, project)?;
    let reported = reported_of(conn, project)?;
    let refunds = refunds_of(conn, project)?;
    let lines: Vec<LineUse> = match (&agreement, project.fund_purpose_id) {
        (Some(_), Some(purpose)) => {
            let all = Scope { organisation: project.organisation_id.0, clearance: Sensitivity::Sealed };
            let allocations = allocations_of(conn, &all, purpose.0)?;
            allocations.iter().flat_map(|allocation| &allocation.lines).map(AllocationLineRow::line_use).collect()
        }
        _ => Vec::new(),
    };
    let named = recipients_of(conn, project.organisation_id.0, &[project.id])?;
    let ledger = |number: i32| ledger(number, agreement.as_ref(), &disbursements, &reported, &refunds);
    let recipients: Vec<Ledger> = named.iter().map(|one| ledger(one.number)).collect::<Result<_, _>>()?;
    let paid = || disbursements.iter().filter(is_paid);
    let accepted = || reported.iter().map(|(_, one)| one).filter(|one| one.accepted);
    Ok(Finance {
        approved_on: project.approved_on,
        agreement: agreement.as_ref().map(ProjectAgreement::facts).transpose()?,
        paid: sum(paid().map(DisbursementRow::amount))?,
        payments: paid().filter_map(|one| one.paid_on).collect(),
        accepted: sum(accepted().map(|one| Ok(one.amount)))?,
        // Of a joint project, each recipient gives a final report.
        final_accepted: if recipients.is_empty() {
            accepted().any(|one| one.closing)
        } else {
            recipients.iter().all(|one| one.final_accepted)
        },
        attributed: sum(lines.iter().map(|line| amount(line.spent)))?,
        unsettled: sum(lines.iter().map(|line| amount(line.unsettled())))?,
        refunded: sum(refunds.iter().map(|one| amount(one.amount)))?,
        tranches_paid: paid().map(DisbursementRow::tranche).collect(),
        tranches_open: disbursements.iter().filter(|one| one.state.0.is_open()).map(DisbursementRow::tranche).collect(),
        reported: reported.iter().map(|(_, one)| *one).collect(),
        recipients,
    })
}

/// What one recipient was promised and paid, what it told and gave back.
fn ledger(
    number: i32,
    agreement: Option<&ProjectAgreement>,
    disbursements: &[DisbursementRow],
    reported: &[(Option<i32>, Reported)],
    refunds: &[RefundRow],
) -> Result<Ledger, Fault> {
    let own: Vec<(i32, Amount)> = agreement
        .iter()
        .flat_map(|agreement| &agreement.tranches)
        .filter(|tranche| tranche.recipient_number == Some(number))
        .map(|tranche| Ok((tranche.number, amount(tranche.amount)?)))
        .collect::<Result<_, Fault>>()?;
    let paid = || disbursements.iter().filter(is_paid).filter(|one| own.iter().any(|(tranche, _)| *tranche == one.tranche));
    let told: Vec<Reported> = reported.iter().filter(|(whose, _)| *whose == Some(number)).map(|(_, one)| *one).collect();
    let accepted = || told.iter().filter(|one| one.accepted);
    Ok(Ledger {
        number: u32::try_from(number).unwrap_or_default(),
        tranches_paid: paid().map(DisbursementRow::tranche).collect(),
        paid: sum(paid().map(DisbursementRow::amount))?,
        payments: paid().filter_map(|one| one.paid_on).collect(),
        accepted: sum(accepted().map(|one| Ok(one.amount)))?,
        final_accepted: accepted().any(|one| one.closing),
        refunded: sum(refunds.iter().filter(|one| one.recipient_number == Some(number)).map(|one| amount(one.amount)))?,
        tranches: own.into_iter().map(|(tranche, amount)| (u32::try_from(tranche).unwrap_or_default(), amount)).collect(),
        reported: told,
    })
}
