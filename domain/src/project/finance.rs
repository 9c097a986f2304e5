//! The money of a project, as its guards look at it: what was agreed, paid, reported, given back.

use chrono::NaiveDate;

use super::agreement::Agreement;
use super::clock::days_after;
use super::recipient::{Ledger, ledger_of};
use super::report::Reported;
use crate::money::{Amount, Currency};
use crate::programme::rule_set::RuleSet;
use crate::refusal::{Refusal, codes};
use crate::word::Word;

codes! {
    AGREEMENT_MISSING: Rule,
        "Convention absente" / "Agreement missing",
        "Le projet n'a pas encore de convention." / "The project has no agreement yet.";
    AGREEMENT_DUPLICATE: Conflict,
        "Convention déjà enregistrée" / "Agreement already recorded",
        "Le projet a déjà une convention, ou la référence {reference} est prise." /
        "The project has an agreement already, or the reference {reference} is taken.";
    AGREEMENT_UNSIGNED: Rule,
        "Convention non signée" / "Agreement not signed",
        "Il manque la signature de : {missing}." / "The signature is missing of: {missing}.";
    AGREEMENT_SIGNED: Conflict,
        "Convention déjà signée" / "Agreement already signed",
        "Ce côté a déjà signé, ou celui qui signe l'a fait pour l'autre." /
        "This side signed already, or who signs did so for the other.";
    AGREEMENT_EXCEEDS_APPROVED: Rule,
        "Convention supérieure à l'accord" / "Agreement above what was approved",
        "Approuvé : {approved} ; convention : {agreed} ({currency})." / "Approved: {approved}; agreement: {agreed} ({currency}).";
    AGREEMENT_RECEIVER: Rule,
        "Destinataire inexact" / "Wrong receiver",
        "Par le Trésor, une collectivité territoriale reçoit, sur des articles de son budget ; sinon, aucune. Voie : {channel}." /
        "Through a treasury a local government receives, on articles of its budget; otherwise none does. Channel: {channel}.";
    AGREEMENT_ACCOUNT: Rule,
        "Compte bancaire inexact" / "Wrong bank account",
        "L'argent va à un compte ; en nature, il n'y en a pas. Voie : {channel}." /
        "Money goes to an account; in kind there is none. Channel: {channel}.";
    AGREEMENT_ARTICLE_UNKNOWN: Rule,
        "Article inconnu" / "Unknown article",
        "La nomenclature en vigueur n'a pas d'article {article} qui s'exécute ({direction})." /
        "The nomenclature in force has no article {article} that is executed ({direction}).";
    AGREEMENT_IN_KIND: Rule,
        "Convention en nature" / "Agreement in kind",
        "La convention est en nature : aucun argent n'est décaissé, dépensé ni remboursé." /
        "The agreement is in kind: no money is disbursed, spent or refunded.";
    COMMUNE_BUDGET_LINE_MISSING: Rule,
        "Ligne absente du budget" / "Line missing in the budget",
        "Les budgets exécutoires de {fiscal_year} du destinataire n'ont pas : {missing}." /
        "The executable budgets of {fiscal_year} of the receiver lack: {missing}.";
    AGREEMENT_SIDE: Forbidden,
        "Signature d'un autre" / "Signature of someone else",
        "L'ordonnateur signe pour l'organisation ; pour le partenaire, la personne désignée ou, à défaut, le secrétaire du conseil constate la signature." /
        "The authorising officer signs for the organisation; for the partner the person who was named does or, where none was, the registrar of the council records the signature.";
    AGREEMENT_SIGNATORY: Rule,
        "Signataire du partenaire" / "Signatory of the partner",
        "Signe pour le partenaire une personne qui n'a d'autre fonction dans l'organisation que celle de partenaire, et qui voit le projet." /
        "A person signs for the partner who has no other function in the organisation than that of a partner, and sees the project.";
    ACCOUNT_UNVERIFIED: Rule,
        "Compte bancaire non vérifié" / "Bank account not verified",
        "Personne n'a vérifié le compte du partenaire." / "Nobody verified the account of the partner.";
    ACCOUNT_VERIFIED: Conflict,
        "Compte bancaire déjà vérifié" / "Bank account already verified",
        "Le compte du partenaire est déjà vérifié." / "The account of the partner is verified already.";
    APPROVAL_LAPSED: Rule,
        "Approbation caduque" / "Approval lapsed",
        "Approuvé le {approved_on} ; à signer avant le {until}." / "Approved on {approved_on}; to be signed by {until}.";
    TRANCHE_PLAN: Rule,
        "Plan de tranches inexact" / "Wrong plan of tranches",
        "Parts : {shares} ; attendues : {expected}. Somme des montants : {sum} ; convention : {amount} ({currency})." /
        "Shares: {shares}; expected: {expected}. The amounts make {sum}; agreement: {amount} ({currency}).";
    PAYMENT_MISSING: Rule,
        "Première tranche non payée" / "First tranche not paid",
        "La première tranche n'est pas payée ou, en nature, pas livrée et vérifiée." /
        "The first tranche is not paid or, in kind, not delivered and verified.";
    PAYMENT_EXISTS: Conflict,
        "Paiement effectué" / "Something was paid",
        "Payé : {paid} {currency}. Le projet se résilie, il ne s'annule pas." /
        "Paid: {paid} {currency}. The project is terminated, not cancelled.";
    TRANCHE_UNKNOWN: Rule,
        "Tranche inconnue" / "Unknown tranche",
        "Le plan compte {tranches} tranches." / "The plan has {tranches} tranches.";
    TRANCHE_TAKEN: Conflict,
        "Tranche déjà demandée" / "Tranche already requested",
        "La tranche {tranche} est déjà demandée ou payée." / "Tranche {tranche} is requested or paid already.";
    TRANCHE_NOT_RELEASABLE: Rule,
        "Tranche non libérable" / "Tranche not releasable",
        "Tranche {tranche} : condition {condition} ; il faut {needed}, il y a {reached}. Manque : {missing}." /
        "Tranche {tranche}: condition {condition}; needed {needed}, reached {reached}. Missing: {missing}.";
    FINDING_OPEN: Rule,
        "Constat critique ouvert" / "Critical finding open",
        "Constats critiques à lever : {findings}." / "Critical findings to be closed: {findings}.";
    SAFEGUARD_OPEN: Rule,
        "Garantie non remplie" / "Safeguard not met",
        "Conditions du contrôle de sensibilité au conflit à remplir et à vérifier : {safeguards}." /
        "Conditions of the conflict-sensitivity check to be met and verified: {safeguards}.";
    PROJECT_NOT_PAYABLE: Conflict,
        "Projet non payable" / "Project not payable",
        "État : {state}. On paie un projet en cours ; la première tranche, un projet sous convention." /
        "State: {state}. Money is paid to an active project; the first tranche to a contracted one.";
    DISBURSEMENT_STATE_INVALID: Conflict,
        "Action impossible dans cet état" / "Action impossible in this state",
        "État du décaissement : {state}. Actions possibles : {allowed}." / "State of the disbursement: {state}. Possible actions: {allowed}.";
    AGREEMENT_EXCEEDED: Rule,
        "Convention dépassée" / "Agreement exceeded",
        "Déjà payé : {paid} ; demandé : {requested} ; convention : {agreed} ({currency})." /
        "Paid already: {paid}; requested: {requested}; agreement: {agreed} ({currency}).";
    REPORT_STATE_INVALID: Conflict,
        "Action impossible dans cet état" / "Action impossible in this state",
        "État du rapport : {state}. Actions possibles : {allowed}." / "State of the report: {state}. Possible actions: {allowed}.";
    REPORT_PERIOD: Rule,
        "Période du rapport invalide" / "Invalid period of the report",
        "Du {from} au {to} ; le projet commence le {starts_on} ; déjà rapporté jusqu'au {last} ; aujourd'hui : {today}." /
        "From {from} to {to}; the project begins on {starts_on}; reported already until {last}; today: {today}.";
    REPORT_CATEGORY_EXCEEDED: Rule,
        "Catégorie du budget dépassée" / "Category of the budget exceeded",
        "Catégorie {category} : budget {budget} ; sans avenant, au plus {most} ({bps} points de base) ; rapporté en tout : {reported} ({currency})." /
        "Category {category}: budget {budget}; without an amendment {most} at most ({bps} basis points); reported in all: {reported} ({currency}).";
    REPORT_FINAL: Conflict,
        "Rapport final déjà rendu" / "Final report already given",
        "Le rapport final est rendu ; aucun ne le suit." / "The final report was given; none follows it.";
    REPORT_CATEGORY: Rule,
        "Catégorie hors budget" / "Category not in the budget",
        "Catégorie : {category}. Le budget a : {allowed}." / "Category: {category}. The budget has: {allowed}.";
    REPORT_EXCEEDS_DISBURSED: Rule,
        "Dépenses supérieures au décaissé" / "More spent than disbursed",
        "Déjà rapporté : {paid} ; rapporté : {requested} ; décaissé : {disbursed} ({currency})." /
        "Reported already: {paid}; reported: {requested}; disbursed: {disbursed} ({currency}).";
    REPORT_OVERDUE: Rule,
        "Rapport en retard" / "Report overdue",
        "Un rapport de dépenses était dû le {due_on}." / "An expenditure report was due on {due_on}.";
    DISBURSEMENT_OPEN: Rule,
        "Décaissement en cours" / "Disbursement under way",
        "Tranches en cours de décaissement : {tranches}." / "Tranches under way: {tranches}.";
    ATTRIBUTION_OPEN: Rule,
        "Attribution incomplète" / "Attribution not complete",
        "Dépenses acceptées : {accepted} ; attribuées aux contributions : {attributed} ({currency})." /
        "Accepted expenditure: {accepted}; attributed to contributions: {attributed} ({currency}).";
    FUND_PURPOSE_MISSING: Rule,
        "Objet financé absent" / "Fund purpose missing",
        "Le projet ne nomme aucun objet dont un fonds le paierait : aucune instance ne pourrait l'approuver." /
        "The project names no purpose under which a fund would pay it: no committee could approve it.";
    PROJECT_NOT_ALLOCATED: Rule,
        "Aucun fonds affecté" / "Nothing allocated",
        "Aucun fonds n'a rien affecté au projet ; il demande {requested} {currency}." /
        "No fund allocated anything to the project; it asks for {requested} {currency}.";
    PROJECT_ALLOCATED: Conflict,
        "Fonds encore affectés" / "Money still allocated",
        "Encore affecté : {allocated} {currency}. Libérez d'abord cette affectation." /
        "Still allocated: {allocated} {currency}. Release the allocation first.";
    PROJECT_SETTLED: Conflict,
        "Projet déjà soldé" / "Project settled already",
        "Le projet est résilié : sa résiliation a soldé ses comptes. Une fois remboursé ce qui est dû, le fonds clôt l'objet qui le payait." /
        "The project is terminated: its end settled its accounts. Once what is due is back, the fund closes the purpose that paid it.";
    FINAL_REPORT_MISSING: Rule,
        "Rapport financier final absent" / "Final financial report missing",
        "Il manque un rapport financier final accepté." / "An accepted final financial report is missing.";
}

/// What is known of a project's money.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finance {
    pub approved_on: Option<NaiveDate>,
    pub agreement: Option<Agreement>,
    /// Paid and not reversed.
    pub paid: Amount,
    /// The value dates of payments.
    pub payments: Vec<NaiveDate>,
    /// Reports that were not refused.
    pub reported: Vec<Reported>,
    /// Spent, as reports that were accepted tell.
    pub accepted: Amount,
    /// Whether the final report is accepted.
    pub final_accepted: bool,
    /// What of it the fund attributed to contributions.
    pub attributed: Amount,
    /// What the fund disbursed and is neither spent nor back.
    pub unsettled: Amount,
    /// Came back unspent.
    pub refunded: Amount,
    /// Tranches that were paid, in their order.
    pub tranches_paid: Vec<u32>,
    /// Tranches whose disbursement is under way.
    pub tranches_open: Vec<u32>,
    /// The ledgers of the recipients, where they are named.
    pub recipients: Vec<Ledger>,
}

impl Finance {
    /// What stands against the signature: everything is signed by both sides, on time, for an account that a third person verified.
    pub fn unsigned(&self, rules: &RuleSet, today: NaiveDate) -> Vec<Refusal> {
        let Some(agreement) = &self.agreement else { return vec![AGREEMENT_MISSING.refuse()] };
        let mut found = Vec::new();
        let missing: Vec<String> = agreement.unsigned().map(|side| side.as_str().to_owned()).collect();
        if !missing.is_empty() {
            found.push(AGREEMENT_UNSIGNED.refuse().with("missing", missing));
        }
        if agreement.pays() && !agreement.account_verified {
            found.push(ACCOUNT_UNVERIFIED.refuse());
        }
        found.extend(lapsed(self.approved_on, rules, today).err());
        found
    }

    /// What was accepted and is not attributed yet, as far as it was disbursed.
    pub fn attributable(&self) -> Amount {
        self.accepted.checked_sub(self.attributed).unwrap_or_default().min(self.unsettled)
    }

    /// Which tranche of its recipient one of the plan is.
    pub fn round_of(&self, tranche: u32) -> u32 {
        ledger_of(&self.recipients, tranche).and_then(|ledger| ledger.round_of(tranche)).unwrap_or(tranche)
    }

    /// Whether the agreement brings goods, works or services instead of money.
    pub fn in_kind(&self) -> bool {
        self.agreement.as_ref().is_some_and(|agreement| !agreement.pays())
    }

    /// Refuses money where goods were agreed on.
    pub fn require_money(&self) -> Result<(), Refusal> {
        self.agreement.as_ref().map_or(Ok(()), Agreement::require_money)
    }

    /// A project begins once its first tranche is paid; in kind, once the milestone of its first tranche is met.
    pub fn unpaid(&self, delivered: &[u32]) -> Option<Refusal> {
        let begun = if self.in_kind() { delivered } else { &self.tranches_paid };
        (!begun.contains(&1)).then(|| PAYMENT_MISSING.refuse())
    }

    /// What was paid from is not cancelled.
    pub fn paid_already(&self, currency: Currency) -> Option<Refusal> {
        let exists = || PAYMENT_EXISTS.refuse().with("paid", self.paid.display(currency)).with("currency", currency.code());
        (!self.paid.is_zero()).then(exists)
    }
}

/// Refuses to sign on an approval that is too old.
pub fn lapsed(approved_on: Option<NaiveDate>, rules: &RuleSet, today: NaiveDate) -> Result<(), Refusal> {
    let Some(approved_on) = approved_on else { return Ok(()) };
    let until = days_after(approved_on, rules.approval_days);
    if today <= until {
        return Ok(());
    }
    Err(APPROVAL_LAPSED.refuse().with("approved_on", approved_on).with("until", until))
}
