//! Recipients of a project on the wire: those who have a part of its budget, and the ledger of each.

use std::collections::BTreeSet;

use db::connection::Conn;
use db::fault::Fault;
use db::project::Project;
use db::project::recipient::AskedRecipient;
use domain::id::SupplierId;
use domain::money::{Amount, Currency};
use domain::programme::rule_set::ImplementerKind;
use domain::project::finance::Finance;
use domain::project::recipient::{Ledger, RECIPIENT_DUPLICATE, RECIPIENT_UNKNOWN};
use domain::refusal::Refusal;
use domain::sensitivity::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::wire::{AmountText, shown};

/// A recipient of a project, with its part of the budget.
#[derive(Serialize, ToSchema)]
pub struct ProjectRecipientView {
    #[schema(minimum = 1)]
    number: i32,
    kind: ImplementerKind,
    supplier_id: SupplierId,
    #[schema(max_length = 21)]
    amount: String,
}

pub(super) fn view(project: &Project, currency: Currency) -> Vec<ProjectRecipientView> {
    let one = |row: &db::project::recipient::ProjectRecipientRow| ProjectRecipientView {
        number: row.number,
        kind: row.kind.0,
        supplier_id: row.supplier_id.0,
        amount: shown(row.part, currency),
    };
    project.recipients.iter().map(one).collect()
}

/// A recipient of a project: an organisation that has a part of its budget, and a ledger of tranches of its own.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectRecipient {
    kind: ImplementerKind,
    /// Their file.
    supplier_id: SupplierId,
    /// Their part. The parts of all recipients make the budget when the project is submitted.
    amount: AmountText,
}

/// The recipients that are asked for, each once and known.
pub(super) fn read(
    conn: &mut Conn,
    scope: &Scope,
    asked: &[NewProjectRecipient],
    currency: Currency,
) -> Result<Vec<AskedRecipient>, Fault> {
    let (mut recipients, mut seen) = (Vec::with_capacity(asked.len()), BTreeSet::new());
    for (index, one) in asked.iter().enumerate() {
        if !seen.insert(one.supplier_id) {
            return Err(RECIPIENT_DUPLICATE.refuse().at(&format!("/proposal/recipients/{index}/supplier_id")).into());
        }
        db::organisation::supplier::find_supplier(conn, scope, one.supplier_id)?;
        let part = Amount::parse_positive(&one.amount.0, currency);
        let part = part.map_err(|refusal| refusal.at(&format!("/proposal/recipients/{index}/amount")))?;
        recipients.push((one.kind, one.supplier_id, part.minor()));
    }
    Ok(recipients)
}

/// Which recipient of a project is meant; none where it names none.
pub(super) fn meant(project: &Project, named: Option<SupplierId>, pointer: &str) -> Result<Option<i32>, Refusal> {
    let known = project.recipients.iter().find(|one| Some(one.supplier_id.0) == named);
    match known {
        Some(one) => Ok(Some(one.number)),
        None if named.is_none() && project.recipients.is_empty() => Ok(None),
        None => {
            let allowed: Vec<String> = project.recipients.iter().map(|one| one.supplier_id.0.to_string()).collect();
            Err(RECIPIENT_UNKNOWN.refuse().with("allowed", allowed).at(pointer))
        }
    }
}

/// Whose something of a project is, by the number of the recipient.
pub(super) fn whose(project: &Project, number: Option<i32>) -> Option<SupplierId> {
    project.recipients.iter().find(|one| Some(one.number) == number).map(|one| one.supplier_id.0)
}

/// The ledger of the recipient that is meant.
pub(super) fn ledger(finance: &Finance, number: Option<i32>) -> Option<&Ledger> {
    let number = number.and_then(|number| u32::try_from(number).ok());
    finance.recipients.iter().find(|one| Some(one.number) == number)
}

/// The ledger of one recipient of a project.
#[derive(Serialize, ToSchema)]
pub struct RecipientLedgerView {
    supplier_id: SupplierId,
    /// Its part of the budget.
    #[schema(max_length = 21)]
    budget: String,
    /// What the agreement promises it; nothing before there is one.
    #[schema(max_length = 21)]
    agreed: Option<String>,
    /// Paid to it and not sent back by the bank.
    #[schema(max_length = 21)]
    disbursed: String,
    /// Spent, as reports that were accepted tell.
    #[schema(max_length = 21)]
    accepted_expenditure: String,
    /// Came back unspent.
    #[schema(max_length = 21)]
    refunded: String,
    /// Disbursed, and neither spent nor back.
    #[schema(max_length = 21)]
    rest: String,
}

pub(super) fn ledgers(project: &Project, finance: &Finance, currency: Currency) -> Vec<RecipientLedgerView> {
    let one = |row: &db::project::recipient::ProjectRecipientRow| {
        let kept = ledger(finance, Some(row.number)).cloned().unwrap_or_default();
        let told = |amount: Amount| amount.display(currency);
        RecipientLedgerView {
            supplier_id: row.supplier_id.0,
            budget: shown(row.part, currency),
            agreed: finance.agreement.as_ref().map(|_| told(kept.agreed())),
            disbursed: told(kept.paid),
            accepted_expenditure: told(kept.accepted),
            refunded: told(kept.refunded),
            rest: told(kept.rest()),
        }
    };
    project.recipients.iter().map(one).collect()
}
