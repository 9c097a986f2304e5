//! The ledger: double entry, kept by the public accountant. Posted entries never change; a mistake is reversed.
//!
//! The posting table (who is debited and credited by which event) is here; the chart of accounts is data. Budget
//! credits are not here: they live beside the budget and move earlier, at the commitment.

pub mod import;

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};
use crate::word::Word as _;
use crate::words;

codes! {
    LEDGER_UNBALANCED: Rule,
        "Écriture déséquilibrée" / "Unbalanced entry",
        "Débits : {debit}. Crédits : {credit} ({currency})." / "Debits: {debit}. Credits: {credit} ({currency}).";
    LEDGER_ENTRY_INVALID: Rule,
        "Écriture invalide" / "Invalid entry",
        "Une écriture a au moins deux lignes, chacune au débit ou au crédit d'un montant non nul." /
        "An entry has at least two lines, each debiting or crediting a non-zero amount.";
    LEDGER_ACCOUNT_UNKNOWN: Rule,
        "Compte inconnu" / "Unknown account",
        "Le compte {account} n'existe pas au plan de l'exercice, ou ne reçoit pas d'écriture." /
        "Account {account} is not in the chart of the fiscal year, or takes no postings.";
    LEDGER_PERIOD_CLOSED: Conflict,
        "Période close" / "Period closed",
        "L'exercice {fiscal_year} n'est pas ouvert aux écritures (état : {state})." /
        "Fiscal year {fiscal_year} is not open to entries (state: {state}).";
    LEDGER_OPENING_CLASS: Rule,
        "Compte inattendu à l'ouverture" / "Unexpected account at opening",
        "La balance d'entrée ne reprend que les classes 1 à 5 ; compte en cause : {account}." /
        "Opening balances hold classes 1 to 5 only; account concerned: {account}.";
    LEDGER_ACCOUNT_RESERVED: Rule,
        "Compte réservé" / "Reserved account",
        "Le compte {account} n'est mouvementé que par les pièces : mandats, titres, quittances, régies." /
        "Account {account} moves only by documents: payment orders, revenue orders, receipts, cash offices.";
    LEDGER_ENTRY_SOURCED: Conflict,
        "Écriture issue d'une pièce" / "Entry made by a document",
        "Cette écriture vient d'une pièce ({source_kind}) : corrigez la pièce." /
        "This entry comes from a document ({source_kind}): correct the document.";
    LEDGER_ENTRY_REVERSED: Conflict,
        "Écriture déjà extournée" / "Entry already reversed",
        "Cette écriture est déjà extournée, ou en extourne une autre." /
        "This entry is already reversed, or reverses another one.";
    LEDGER_CARRIED_DEBT_DUPLICATE: Conflict,
        "Dette reprise deux fois" / "Debt carried twice",
        "La dette {reference} de ce fournisseur est déjà reprise." / "The debt {reference} of this supplier is already carried.";
    LEDGER_CARRIED_DEBT_MISMATCH: Rule,
        "Dettes reprises incohérentes" / "Carried debts do not match",
        "Les dettes détaillées du compte {account} font {items} ; le solde repris est {balance}." /
        "The itemised debts of account {account} make {items}; the balance carried is {balance}.";
}

words! {
    /// What an entry of the accountant's own is: other entries come out of documents.
    pub enum ManualJournal {
        /// Movements of money between accounts.
        Treasury = "treasury",
        /// Gifts in kind, loans, accruals and other operations.
        Miscellaneous = "miscellaneous",
    }
}

impl ManualJournal {
    pub fn journal(self) -> Journal {
        match self {
            ManualJournal::Treasury => Journal::Treasury,
            ManualJournal::Miscellaneous => Journal::Miscellaneous,
        }
    }
}

words! {
    /// A journal: entries are numbered without gap in each.
    pub enum Journal {
        /// Balance d'entrée.
        Opening = "opening",
        /// Acceptance of payment orders (prises en charge de mandats).
        Expenditure = "expenditure",
        /// Acceptance of revenue orders.
        Revenue = "revenue",
        /// Movements of money.
        Treasury = "treasury",
        /// Corrections and other operations.
        Miscellaneous = "miscellaneous",
    }
}

words! {
    /// The side of an account.
    pub enum Side {
        /// Débit.
        Debit = "debit",
        /// Crédit.
        Credit = "credit",
    }
}

/// One line of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    pub account: String,
    pub side: Side,
    pub amount: Amount,
}

impl Posting {
    pub fn debit(account: &str, amount: Amount) -> Self {
        Self { account: account.to_owned(), side: Side::Debit, amount }
    }

    pub fn credit(account: &str, amount: Amount) -> Self {
        Self { account: account.to_owned(), side: Side::Credit, amount }
    }
}

/// The sum of each side of an entry; refuses lines that do not balance, or are no entry.
fn weigh(lines: impl Iterator<Item = (Side, Amount)> + Clone, currency: Currency) -> Result<Amount, Refusal> {
    let sum = |wanted| Amount::sum(lines.clone().filter(|(side, _)| *side == wanted).map(|(_, amount)| amount));
    let (Some(debit), Some(credit)) = (sum(Side::Debit), sum(Side::Credit)) else {
        return Err(LEDGER_ENTRY_INVALID.refuse());
    };
    if debit != credit {
        return Err(LEDGER_UNBALANCED
            .refuse()
            .with("debit", debit.display(currency))
            .with("credit", credit.display(currency))
            .with("currency", currency.code()));
    }
    if lines.clone().count() < 2 || lines.clone().any(|(_, amount)| amount.is_zero()) {
        return Err(LEDGER_ENTRY_INVALID.refuse());
    }
    Ok(debit)
}

/// An entry that balances. There is no way to make one that does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    journal: Journal,
    accounting_date: NaiveDate,
    label: String,
    postings: Vec<Posting>,
    total: Amount,
}

impl Entry {
    pub fn new(
        journal: Journal,
        accounting_date: NaiveDate,
        label: &str,
        postings: Vec<Posting>,
        currency: Currency,
    ) -> Result<Self, Refusal> {
        let total = weigh(postings.iter().map(|posting| (posting.side, posting.amount)), currency)?;
        Ok(Self { journal, accounting_date, label: label.to_owned(), postings, total })
    }

    /// The opposite entry, line by line: what undoes this one.
    pub fn opposite(postings: &[Posting]) -> Vec<Posting> {
        let turned = |side| if side == Side::Debit { Side::Credit } else { Side::Debit };
        postings.iter().map(|posting| Posting { side: turned(posting.side), ..posting.clone() }).collect()
    }

    pub fn journal(&self) -> Journal {
        self.journal
    }

    pub fn accounting_date(&self) -> NaiveDate {
        self.accounting_date
    }

    pub fn label(&self) -> &str {
        &self.label
    }

    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }

    pub fn total(&self) -> Amount {
        self.total
    }
}

words! {
    /// The part that an account plays in the posting table, beside the accounts of the articles.
    pub enum Part {
        /// Suppliers (401).
        Suppliers = "suppliers",
        /// Suppliers of fixed assets (404).
        AssetSuppliers = "asset_suppliers",
        /// The account at the Treasury (515).
        Treasury = "treasury",
        /// The authorised bank account (521).
        Bank = "bank",
        /// Cash in hand (531).
        Cash = "cash",
        /// Retention money (4047).
        Retention = "retention",
        /// Start-up advances on contracts (251).
        Advance = "advance",
        /// Personnel (421).
        Personnel = "personnel",
        /// Social insurance bodies (431).
        Social = "social",
        /// Taxes withheld for the State (442).
        TaxesWithheld = "taxes_withheld",
        /// Debtors of revenue orders and tax rolls (411).
        Taxpayers = "taxpayers",
        /// State endowments receivable (441).
        StateGrants = "state_grants",
        /// Investment grants receivable (443).
        InvestmentGrants = "investment_grants",
        /// Shares of others in shared taxes (445).
        SharedTaxes = "shared_taxes",
        /// What debtors paid in excess (419).
        Overpayments = "overpayments",
        /// Debtors of recoveries and shortages (462).
        Debtors = "debtors",
        /// Sundry creditors (467).
        SundryCreditors = "sundry_creditors",
        /// Receipts to classify (471).
        UnclassifiedReceipts = "unclassified_receipts",
        /// Expenditure to regularise (472).
        ExpenditureToRegularise = "expenditure_to_regularise",
        /// Imprest offices (541).
        Imprest = "imprest",
        /// Collection offices (542).
        CollectionOffice = "collection_office",
        /// Movements of funds (581).
        Transfers = "transfers",
        /// Exceptional income (751).
        ExceptionalIncome = "exceptional_income",
        /// Write-offs of debts that cannot be collected (651).
        WriteOffs = "write_offs",
        /// Revenue orders of earlier years cancelled (652).
        CancelledPriorOrders = "cancelled_prior_orders",
        /// Waivers of debts (653).
        Waivers = "waivers",
    }
}

/// Which account of the chart in force plays which part. Data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostingAccounts {
    accounts: BTreeMap<Part, String>,
}

impl PostingAccounts {
    /// Takes the accounts of a chart; gives the part that the chart leaves out.
    pub fn new(accounts: BTreeMap<Part, String>) -> Result<Self, Part> {
        match Part::ALL.iter().find(|part| !accounts.contains_key(part)) {
            Some(missing) => Err(*missing),
            None => Ok(Self { accounts }),
        }
    }

    pub fn of(&self, part: Part) -> &str {
        self.accounts.get(&part).map_or("", String::as_str)
    }

    /// The part that an account plays.
    pub fn part_of(&self, account: &str) -> Option<Part> {
        self.accounts.iter().find(|(_, code)| *code == account).map(|(part, _)| *part)
    }
}

/// X1, X2, X4, X5 and X7: a payment order is accepted. The charge or asset is debited with the whole; what is recovered or
/// kept back, and what is due to the creditor, are credited.
pub fn order_accepted<'a>(charge: &str, whole: Amount, credited: impl IntoIterator<Item = (&'a str, Amount)>) -> Vec<Posting> {
    let credited = credited.into_iter().filter(|(_, amount)| !amount.is_zero());
    std::iter::once(Posting::debit(charge, whole)).chain(credited.map(|(account, amount)| Posting::credit(account, amount))).collect()
}

/// X3, X6 and X7: a creditor is paid, or money held for others is remitted. The creditor is debited, the money account credited.
pub fn creditor_paid(creditor: &str, money: &str, amount: Amount) -> Vec<Posting> {
    vec![Posting::debit(creditor, amount), Posting::credit(money, amount)]
}

/// Whether only documents move an account: charges and income, which the budget controls, and third parties and offices,
/// whose balances are the sums of their documents.
fn is_reserved(account: &str, accounts: &PostingAccounts) -> bool {
    let free = [Part::Treasury, Part::Bank, Part::Cash, Part::Transfers, Part::SundryCreditors];
    account.starts_with(['6', '7']) || accounts.part_of(account).is_some_and(|part| !free.contains(&part))
}

/// Refuses accounts in an entry of the accountant's own that only documents move.
pub fn accept_manual(postings: &[Posting], accounts: &PostingAccounts) -> Result<(), Refusal> {
    match postings.iter().find(|posting| is_reserved(&posting.account, accounts)) {
        Some(posting) => Err(LEDGER_ACCOUNT_RESERVED.refuse().with("account", &posting.account).at("/lines")),
        None => Ok(()),
    }
}

/// Refuses opening balances of the classes of charges, income and memoranda.
pub fn accept_opening(postings: &[Posting]) -> Result<(), Refusal> {
    match postings.iter().find(|posting| !posting.account.starts_with(['1', '2', '3', '4', '5'])) {
        Some(posting) => Err(LEDGER_OPENING_CLASS.refuse().with("account", &posting.account)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(minor: i64) -> Amount {
        Amount::from_minor(minor).expect("in range")
    }

    fn entry(postings: Vec<Posting>) -> Result<Entry, Refusal> {
        let date = NaiveDate::from_ymd_opt(2025, 3, 14).expect("date");
        Entry::new(Journal::Miscellaneous, date, "test", postings, Currency::XOF)
    }

    #[test]
    fn an_entry_balances_or_does_not_exist() {
        let one = Posting::debit("602", amount(850_000));
        assert!(entry(vec![one.clone(), Posting::credit("401", amount(850_000))]).is_ok());
        let refusal = entry(vec![one.clone(), Posting::credit("401", amount(849_999))]).expect_err("unbalanced");
        assert_eq!(refusal.code, &LEDGER_UNBALANCED);
        assert!(entry(vec![]).is_err());
        assert!(entry(vec![one, Posting::credit("401", amount(850_000)), Posting::debit("515", Amount::ZERO)]).is_err());
    }

    #[test]
    fn the_posting_table_of_expenditure() {
        let all = amount(850_000);
        assert_eq!(order_accepted("602", all, [("401", all)]), vec![Posting::debit("602", all), Posting::credit("401", all)]);
        let statement = order_accepted("231", amount(12_000), [("251", amount(2_400)), ("4047", Amount::ZERO), ("404", amount(9_600))]);
        assert_eq!(statement.len(), 3, "nothing is posted of nothing");
        assert_eq!(creditor_paid("401", "515", all), vec![Posting::debit("401", all), Posting::credit("515", all)]);
    }
}
