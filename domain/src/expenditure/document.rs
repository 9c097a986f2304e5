//! Supporting documents (pièces justificatives): which papers each kind of expenditure needs, at which stage. Data.

use super::verification::Nature;
use crate::ledger::Part;
use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    VERIFICATION_NATURE_INVALID: Rule,
        "Nature de dette impossible" / "Impossible nature of debt",
        "Une dépense de nature « {kind} » n'est pas due sans service fait au titre de « {nature} »." /
        "Expenditure of kind \"{kind}\" is not due without a certified service as \"{nature}\".";
    DOCUMENT_MISSING: Rule,
        "Pièce justificative absente" / "Supporting document missing",
        "Dépense de nature « {kind} » : il faut {documents}." / "Expenditure of kind \"{kind}\" needs: {documents}.";
    COMMITMENT_VISA_MISSING: Rule,
        "Visa absent" / "Visa missing",
        "À partir de {from_amount} ({currency}), l'engagement porte le visa du contrôle financier." /
        "From {from_amount} ({currency}) a commitment needs the financial controller's visa.";
    VERIFICATION_RECEPTION_MISSING: Rule,
        "Procès-verbal de réception absent" / "Acceptance minutes missing",
        "Une dépense de travaux se liquide sur procès-verbal de réception ou décompte." /
        "Works are verified on acceptance minutes or a statement of works.";
    VERIFICATION_FUEL_LOG_MISSING: Rule,
        "Journal de carburant absent" / "Fuel log missing",
        "Le carburant se liquide sur le journal d'utilisation par véhicule." / "Fuel is verified on the usage log by vehicle.";
    VERIFICATION_INVENTORY_MISSING: Rule,
        "Fiche d'inventaire absente" / "Inventory card missing",
        "Un bien durable de {from_amount} ou plus ({currency}) entre à l'inventaire." /
        "A durable good of {from_amount} or more ({currency}) enters the inventory.";
    VERIFICATION_GUARANTEE_MISSING: Rule,
        "Caution absente" / "Bank guarantee missing",
        "Une avance de démarrage s'accorde contre une caution bancaire." / "A start-up advance is granted against a bank guarantee.";
    PAYMENT_ORDER_TAX_PROOF_MISSING: Rule,
        "Preuve de patente absente" / "Business tax proof missing",
        "Un marché se mandate sur la quittance de patente du titulaire." /
        "A public contract is ordered on the contractor's receipt of business tax (patente).";
}

words! {
    /// A kind of supporting document.
    pub enum DocumentKind {
        /// Order form (bon de commande).
        OrderForm = "order_form",
        /// Signed, approved and notified contract (marché).
        Contract = "contract",
        /// Amendment to a contract (avenant).
        Amendment = "amendment",
        /// Visa of the financial controller.
        ControllerVisa = "controller_visa",
        /// Invoice (facture).
        Invoice = "invoice",
        /// Delivery slip (bordereau de livraison).
        DeliverySlip = "delivery_slip",
        /// Statement of works (décompte, attachement).
        StatementOfWorks = "statement_of_works",
        /// Minutes of acceptance (procès-verbal de réception).
        AcceptanceMinutes = "acceptance_minutes",
        /// Minutes of the final acceptance of works (réception définitive).
        FinalAcceptance = "final_acceptance",
        /// Bank guarantee (caution bancaire).
        BankGuarantee = "bank_guarantee",
        /// Fuel log by vehicle (journal de carburant).
        FuelLog = "fuel_log",
        /// Inventory card (fiche d'inventaire).
        InventoryCard = "inventory_card",
        /// Pay sheet (état de paie).
        PaySheet = "pay_sheet",
        /// Attendance sheet (feuille de présence).
        AttendanceSheet = "attendance_sheet",
        /// Mission report (rapport de mission).
        MissionReport = "mission_report",
        /// Agreement with a beneficiary (convention).
        Agreement = "agreement",
        /// Deliberation of the council.
        Deliberation = "deliberation",
        /// Receipt of the business tax (quittance de patente).
        BusinessTaxProof = "business_tax_proof",
        /// Bank details of the creditor (relevé d'identité bancaire).
        BankDetails = "bank_details",
        /// Any other paper.
        Other = "other",
    }
}

words! {
    /// The stage at which a document is required.
    pub enum DocumentStage {
        /// Commitment (engagement).
        Commitment = "commitment",
        /// Increase of a commitment; the amount is that of the commitment, increased.
        Increase = "increase",
        /// Verification (liquidation).
        Verification = "verification",
        /// Payment order (mandat).
        PaymentOrder = "payment_order",
    }
}

/// A kind of expenditure, as the nomenclature gives it to each article.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    pub code: String,
    /// Whose account the creditor's is.
    pub creditor: Part,
    /// The parameter that bounds start-up advances, in basis points of the commitment; none are granted without.
    pub advance_parameter: Option<String>,
    /// Natures of debt, beside advances, that are due without a certified service.
    pub prepaid: Vec<Nature>,
}

/// One of these documents is needed, from an amount on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub stage: DocumentStage,
    /// Only for debts of this nature; for all when none is named.
    pub nature: Option<Nature>,
    /// Any of them will do.
    pub documents: Vec<DocumentKind>,
    pub from_amount: Amount,
}

/// Refuses a debt without certified service where the kind of expenditure knows none. Advances have their ceiling.
pub fn require_nature(kind: &Kind, nature: Nature) -> Result<(), Refusal> {
    if nature.needs_service() || nature == Nature::Advance || kind.prepaid.contains(&nature) {
        return Ok(());
    }
    Err(VERIFICATION_NATURE_INVALID.refuse().with("kind", &kind.code).with("nature", nature).at("/nature"))
}

/// Refuses to release retention money without the minutes of the final acceptance.
pub fn require_final_acceptance(kind: &str, given: &[DocumentKind]) -> Result<(), Refusal> {
    if given.contains(&DocumentKind::FinalAcceptance) {
        return Ok(());
    }
    let documents = vec![DocumentKind::FinalAcceptance.to_string()];
    Err(DOCUMENT_MISSING.refuse().with("kind", kind).with("documents", documents).at("/documents"))
}

/// Refuses a stage at which a required document is missing.
pub fn require(
    kind: &Kind,
    requirements: &[Requirement],
    stage: DocumentStage,
    nature: Option<Nature>,
    amount: Amount,
    given: &[DocumentKind],
    currency: Currency,
) -> Result<(), Refusal> {
    let applies = |needed: &&Requirement| {
        needed.stage == stage && amount >= needed.from_amount && (needed.nature.is_none() || needed.nature == nature)
    };
    let missing = requirements.iter().filter(applies).find(|needed| !needed.documents.iter().any(|one| given.contains(one)));
    let Some(missing) = missing else { return Ok(()) };
    let code = match missing.documents.first() {
        Some(DocumentKind::ControllerVisa) => &COMMITMENT_VISA_MISSING,
        Some(DocumentKind::StatementOfWorks | DocumentKind::AcceptanceMinutes) => &VERIFICATION_RECEPTION_MISSING,
        Some(DocumentKind::FuelLog) => &VERIFICATION_FUEL_LOG_MISSING,
        Some(DocumentKind::InventoryCard) => &VERIFICATION_INVENTORY_MISSING,
        Some(DocumentKind::BankGuarantee) => &VERIFICATION_GUARANTEE_MISSING,
        Some(DocumentKind::BusinessTaxProof) => &PAYMENT_ORDER_TAX_PROOF_MISSING,
        _ => &DOCUMENT_MISSING,
    };
    let documents: Vec<String> = missing.documents.iter().map(ToString::to_string).collect();
    Err(code
        .refuse()
        .with("kind", &kind.code)
        .with("documents", documents)
        .with("from_amount", missing.from_amount.display(currency))
        .with("currency", currency.code())
        .at("/documents"))
}
