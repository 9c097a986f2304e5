//! The budget: the act by which all charges and resources of a local government are foreseen and authorised.
//!
//! Lines cross nature (chapter, article, paragraph) and function, in two sections. Speciality is by article: credits are
//! opened, and overspending refused, per article of a section. Spending itself is told by the room `expenditure`.

pub mod credit;
pub mod lifecycle;
pub mod nomenclature;
pub mod revenue;
pub mod sheet;

use std::collections::BTreeMap;

use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    BUDGET_DUPLICATE: Conflict,
        "Budget déjà ouvert" / "Budget already open",
        "Cette collectivité a déjà un budget de ce type pour l'exercice {fiscal_year} : {budget_id}." /
        "This local government already has a budget of this kind for fiscal year {fiscal_year}: {budget_id}.";
    BUDGET_NOMENCLATURE_INVALID: Rule,
        "Nomenclature invalide" / "Invalid nomenclature",
        "La nomenclature {nomenclature} n'est pas en vigueur pour l'exercice {fiscal_year}." /
        "The nomenclature {nomenclature} is not in force for fiscal year {fiscal_year}.";
    BUDGET_EMPTY_SECTION: Rule,
        "Section vide" / "Empty section",
        "Il faut au moins une ligne par section et par sens ; manquent : {missing}." /
        "Each section needs at least one line in each direction; missing: {missing}.";
    BUDGET_UNBALANCED: Rule,
        "Budget déséquilibré" / "Unbalanced budget",
        "Fonctionnement : recettes {operating_revenue}, dépenses {operating_expenditure} (écart {operating_difference}). Investissement : recettes {capital_revenue}, dépenses {capital_expenditure} (écart {capital_difference}). Prélèvement : 023 {transfer_out}, 021 {transfer_in}." /
        "Operating: revenue {operating_revenue}, expenditure {operating_expenditure} (difference {operating_difference}). Capital: revenue {capital_revenue}, expenditure {capital_expenditure} (difference {capital_difference}). Transfer: 023 {transfer_out}, 021 {transfer_in}.";
    BUDGET_MANDATORY_MISSING: Rule,
        "Dépense obligatoire absente" / "Mandatory expenditure missing",
        "Des dépenses obligatoires ne sont pas inscrites : articles {articles}." /
        "Mandatory expenditure is not provided for: articles {articles}.";
    BUDGET_PLAN_LINK_MISSING: Rule,
        "Lien au PDSEC absent" / "Development plan link missing",
        "Chaque dépense d'investissement nomme un lieu et une action du PDSEC ; lignes en cause : {lines}." /
        "Each capital expenditure line names a location and an action of the development plan; lines concerned: {lines}.";
    BUDGET_CONSULTATION_MISSING: Rule,
        "Consultation des villages absente" / "Village consultation missing",
        "Aucune consultation n'est enregistrée pour : {places}." / "No consultation is recorded for: {places}.";
    BUDGET_DEBATE_MISSING: Rule,
        "Débat public absent" / "Public debate missing",
        "Le procès-verbal d'un débat public, tenu avant le vote, doit être enregistré." /
        "The minutes of a public debate held before the vote must be recorded.";
    BUDGET_NO_QUORUM: Rule,
        "Quorum non atteint" / "No quorum",
        "Présents : {present}. Quorum : {required} des {serving} conseillers en exercice." /
        "Present: {present}. Quorum: {required} of {serving} serving councillors.";
    BUDGET_VOTE_INCONSISTENT: Rule,
        "Décompte des voix incohérent" / "Inconsistent vote count",
        "Pour, contre et abstentions font {counted} ; présents : {present} ; en exercice : {serving}." /
        "For, against and abstentions make {counted}; present: {present}; serving: {serving}.";
    BUDGET_DOCUMENTS_MISSING: Rule,
        "Pièces manquantes" / "Documents missing",
        "La transmission exige : {documents}." / "Transmission requires: {documents}.";
    BUDGET_NOTICE_REQUIRED: Rule,
        "Mise en demeure requise" / "Formal notice required",
        "Le règlement d'office suit un second renvoi et une mise en demeure enregistrée." /
        "Settlement ex officio follows a second return and a recorded formal notice.";
    BUDGET_NOT_EXECUTABLE: Conflict,
        "Budget non exécutoire" / "Budget not executable",
        "L'exercice {fiscal_year} n'a pas de budget exécutoire." / "Fiscal year {fiscal_year} has no executable budget.";
    BUDGET_LINE_IMMUTABLE: Conflict,
        "Ligne intangible" / "Immutable line",
        "Les lignes d'un budget voté ne changent plus ; passez par une modification budgétaire." /
        "The lines of a voted budget never change; use a budget amendment.";
    BUDGET_CONTINGENCY_DIRECT: Rule,
        "Ligne non exécutable" / "Non-executable line",
        "Le chapitre {chapter} ne reçoit ni engagement ni mandat ; passez par une modification budgétaire." /
        "Chapter {chapter} receives no commitment and no payment order; use a budget amendment.";
    STATE_TRANSITION_INVALID: Conflict,
        "Action impossible dans cet état" / "Action impossible in this state",
        "État : {state}. Actions possibles : {allowed}." / "State: {state}. Possible actions: {allowed}.";
    FISCAL_YEAR_DUPLICATE: Conflict,
        "Exercice déjà préparé" / "Fiscal year already prepared",
        "L'exercice {fiscal_year} existe déjà." / "Fiscal year {fiscal_year} already exists.";
    FISCAL_YEAR_OPEN: Conflict,
        "Exercice déjà ouvert" / "Fiscal year already open",
        "La balance d'entrée de l'exercice {fiscal_year} est déjà enregistrée." /
        "The opening balances of fiscal year {fiscal_year} are already recorded.";
    IMPORT_ROW_INVALID: Rule,
        "Lignes invalides" / "Invalid rows",
        "{count} anomalie(s) ; rien n'a été enregistré." / "{count} problem(s); nothing was stored.";
    IMPORT_UNREADABLE: Malformed,
        "Fichier illisible" / "Unreadable file",
        "{reason}" / "{reason}";
}

words! {
    /// The state of a fiscal year.
    pub enum FiscalYearState {
        /// Prepared: its budget may be drafted, nothing is posted.
        Preparation = "preparation",
        /// Open to commitments and entries.
        Open = "open",
    }
}

words! {
    /// A section of the budget.
    pub enum Section {
        /// Fonctionnement.
        Operating = "operating",
        /// Investissement.
        Capital = "capital",
    }
}

words! {
    /// Whether money comes in or goes out.
    pub enum Direction {
        /// Recette.
        Revenue = "revenue",
        /// Dépense.
        Expenditure = "expenditure",
    }
}

words! {
    /// The kind of a budget.
    pub enum BudgetKind {
        /// Budget primitif.
        Original = "original",
        /// Budget additionnel.
        Supplementary = "supplementary",
        /// Décision modificative.
        Amending = "amending",
    }
}

/// A line of a budget, as the council reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub section: Section,
    pub direction: Direction,
    pub chapter: String,
    pub article: String,
    pub paragraph: String,
    pub label_fr: String,
    pub label_en: String,
    /// COFOG code of the function.
    pub function: String,
    /// Source codes joined by "+".
    pub funding: String,
    pub mandatory: bool,
    /// False for lines that only move credit: contingency, transfer between sections, results carried.
    pub executable: bool,
    pub location: Option<String>,
    /// Action of the development plan.
    pub plan_action: Option<String>,
    /// Why a capital line stands in no plan.
    pub non_project_reason: Option<String>,
    pub initial: Amount,
}

/// "F-D-60-602-01": how accountants name a line.
pub fn line_code(section: Section, direction: Direction, chapter: &str, article: &str, paragraph: &str) -> String {
    format!("{}-{}-{chapter}-{article}-{paragraph}", sheet::section_code(section), sheet::direction_code(direction))
}

impl Line {
    pub fn code(&self) -> String {
        line_code(self.section, self.direction, &self.chapter, &self.article, &self.paragraph)
    }

    /// What makes a line unique in its budget.
    pub fn key(&self) -> (Section, Direction, &str, &str, &str, &str, &str) {
        (
            self.section,
            self.direction,
            &self.article,
            &self.paragraph,
            &self.function,
            &self.funding,
            self.location.as_deref().unwrap_or(""),
        )
    }
}

/// The sums of a budget by section and direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub operating_revenue: Amount,
    pub operating_expenditure: Amount,
    pub capital_revenue: Amount,
    pub capital_expenditure: Amount,
    /// Article 023, operating expenditure: what the operating section gives to the capital section (prélèvement).
    pub transfer_out: Amount,
    /// Article 021, capital revenue: what the capital section receives.
    pub transfer_in: Amount,
}

/// The article that takes the transfer to the capital section out of the operating section.
pub const TRANSFER_OUT: &str = "023";
/// The article by which the capital section receives it.
pub const TRANSFER_IN: &str = "021";

impl Totals {
    /// The exact sums; `None` when one leaves the range of amounts.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Option<Totals> {
        let mut totals = Totals::default();
        for line in lines {
            let side = match (line.section, line.direction) {
                (Section::Operating, Direction::Revenue) => &mut totals.operating_revenue,
                (Section::Operating, Direction::Expenditure) => &mut totals.operating_expenditure,
                (Section::Capital, Direction::Revenue) => &mut totals.capital_revenue,
                (Section::Capital, Direction::Expenditure) => &mut totals.capital_expenditure,
            };
            *side = side.checked_add(line.initial)?;
            match (line.section, line.direction, line.article.as_str()) {
                (Section::Operating, Direction::Expenditure, TRANSFER_OUT) => {
                    totals.transfer_out = totals.transfer_out.checked_add(line.initial)?;
                }
                (Section::Capital, Direction::Revenue, TRANSFER_IN) => {
                    totals.transfer_in = totals.transfer_in.checked_add(line.initial)?;
                }
                _ => {}
            }
        }
        Some(totals)
    }

    /// Each section balances, and what one section gives the other receives.
    pub fn balanced(&self) -> bool {
        self.operating_revenue == self.operating_expenditure
            && self.capital_revenue == self.capital_expenditure
            && self.transfer_out == self.transfer_in
    }

    /// Both sections, the transfer between them counted once.
    pub fn consolidated(&self) -> Option<Amount> {
        self.operating_revenue.checked_add(self.capital_revenue)?.checked_sub(self.transfer_in)
    }

    /// Refuses an unbalanced budget, with the sums and differences.
    pub fn require_balance(&self, currency: Currency) -> Result<(), Refusal> {
        if self.balanced() {
            return Ok(());
        }
        let difference = |one: Amount, other: Amount| crate::money::Balance::between(one, other).display(currency);
        Err(BUDGET_UNBALANCED
            .refuse()
            .with("operating_revenue", self.operating_revenue.display(currency))
            .with("operating_expenditure", self.operating_expenditure.display(currency))
            .with("operating_difference", difference(self.operating_revenue, self.operating_expenditure))
            .with("capital_revenue", self.capital_revenue.display(currency))
            .with("capital_expenditure", self.capital_expenditure.display(currency))
            .with("capital_difference", difference(self.capital_revenue, self.capital_expenditure))
            .with("transfer_out", self.transfer_out.display(currency))
            .with("transfer_in", self.transfer_in.display(currency))
            .with("currency", currency.code()))
    }
}

/// The initial credit of each article of expenditure: what approval opens.
pub fn articles(lines: &[Line]) -> Option<BTreeMap<(Section, &str), Amount>> {
    let mut articles = BTreeMap::new();
    for line in lines.iter().filter(|line| line.direction == Direction::Expenditure) {
        let sum = articles.entry((line.section, line.article.as_str())).or_insert(Amount::ZERO);
        *sum = sum.checked_add(line.initial)?;
    }
    Some(articles)
}
