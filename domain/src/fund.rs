//! Funds: what donors pledge, sign and pay, what it may be used for, what is allocated from it, and to whom each spending goes back.
//!
//! Pledged, committed, received, allocated, disbursed, spent and refunded are seven ledgers; none stands for another.

pub mod allocation;
pub mod attribution;
pub mod day;
pub mod earmark;
pub mod exchange;
pub mod ledger;
pub mod report;
pub mod statement;
pub mod waterfall;

use chrono::NaiveDate;
pub use ledger::{Ledgers, LineUse, residual};

use crate::calendar::Cause;
use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    FUND_RECORD_DUPLICATE: Conflict,
        "Déjà enregistré" / "Already recorded",
        "Un enregistrement porte déjà : {code}." / "A record already bears: {code}.";
    FUND_TERM_UNKNOWN: Rule,
        "Terme inconnu" / "Unknown term",
        "Le vocabulaire {vocabulary} n'a pas de terme {code}." / "The vocabulary {vocabulary} has no term {code}.";
    CURRENCY_UNKNOWN: Rule,
        "Devise inconnue" / "Unknown currency",
        "{currency} n'est pas une devise de l'ISO 4217." / "{currency} is no currency of ISO 4217.";
    FEE_INVALID: Rule,
        "Frais invalides" / "Invalid fee",
        "Des frais ne dépassent pas 10 000 points de base." / "A fee is 10,000 basis points at most.";
    EXCHANGE_RATE_INVALID: Rule,
        "Taux de change invalide" / "Invalid exchange rate",
        "Un taux est un décimal positif entre deux devises différentes, avec neuf décimales au plus." /
        "A rate is a positive decimal between two different currencies, with at most nine decimals.";
    EXCHANGE_RATE_MISSING: Rule,
        "Taux de change absent" / "Exchange rate missing",
        "La conversion de {from} en {to} demande un taux entre ces devises, en vigueur ce jour-là." /
        "A conversion from {from} to {to} needs a rate between these currencies, in force on that day.";
    EARMARK_MISMATCH: Rule,
        "Affectation non respectée" / "Earmark not satisfied",
        "L'objet ne satisfait pas aux affectations des contributions disponibles. Possible : {possible}. Demandé : {requested} ({currency})." /
        "The purpose does not satisfy the earmarks of the contributions that have money. Possible: {possible}. Requested: {requested} ({currency}).";
    EARMARK_PORTION: Rule,
        "Part affectée dépassée" / "Earmarked portion exceeded",
        "Les affectations ne couvrent qu'une part de l'objet. Possible : {possible}. Demandé : {requested} ({currency})." /
        "The earmarks cover only a part of the purpose. Possible: {possible}. Requested: {requested} ({currency}).";
    FUND_INSUFFICIENT: Rule,
        "Fonds insuffisants" / "Insufficient funds",
        "Possible : {possible}. Demandé : {requested} ({currency})." / "Possible: {possible}. Requested: {requested} ({currency}).";
    PURPOSE_BUDGET_EXCEEDED: Rule,
        "Budget de l'objet dépassé" / "Budget of the purpose exceeded",
        "Reste à financer : {possible}. Demandé : {requested} ({currency})." /
        "Not allocated yet: {possible}. Requested: {requested} ({currency}).";
    PURPOSE_SPLIT_SUM: Rule,
        "Répartition incomplète" / "Shares do not make the whole",
        "Les parts des lieux font {sum} points de base ; il en faut 10 000, chaque lieu une fois." /
        "The shares of the places make {sum} basis points; they must make 10,000, each place once.";
    CONTRIBUTION_MOVEMENT_INVALID: Rule,
        "Mouvement impossible sur cette contribution" / "Movement impossible on this contribution",
        "Pas de {kind} sur une contribution de nature {contribution_kind}." / "No {kind} on a contribution of kind {contribution_kind}.";
    CONTRIBUTION_EXCEEDED: Rule,
        "Montant supérieur au possible" / "Amount exceeds what is possible",
        "Possible pour {kind} : {possible}. Demandé : {requested} ({currency})." /
        "Possible for a {kind}: {possible}. Requested: {requested} ({currency}).";
    CONTRIBUTION_UNSIGNED: Rule,
        "Accord non précisé" / "Agreement not told",
        "Le premier engagement d'un donateur cite son accord." / "The first commitment of a contribution names its agreement.";
    CONTRIBUTION_FEE_FROZEN: Rule,
        "Frais fixés à la signature" / "Fee fixed at signature",
        "Les frais d'administration sont fixés à {fee_bps} points de base depuis la signature." /
        "The administrative fee has been {fee_bps} basis points since the signature.";
    CONTRIBUTION_INSTALMENTS: Rule,
        "Échéancier inexact" / "Wrong schedule of instalments",
        "Les tranches font {sum} ; la promesse est de {pledged} ({currency})." /
        "The instalments make {sum}; pledged are {pledged} ({currency}).";
    FUND_USE_EXCEEDED: Rule,
        "Montant supérieur au possible" / "Amount exceeds what is possible",
        "Possible pour {kind} : {possible}. Demandé : {requested} ({currency})." /
        "Possible for a {kind}: {possible}. Requested: {requested} ({currency}).";
    FUND_PERIOD_CLOSED: Rule,
        "Période close" / "Period closed",
        "Le fonds est arrêté au {closed_until} ; les corrections se font dans la période courante." /
        "The fund is closed until {closed_until}; corrections are made in the current period.";
    REFUND_DONOR_CONSENT: Rule,
        "Accord du donateur requis" / "Consent of the donor required",
        "Des remboursements revenus après la fin de la contribution attendent l'accord du donateur : {held} ({currency})." /
        "Refunds that came after the end of the contribution wait for the donor's consent: {held} ({currency}).";
    CONTRIBUTION_GOODS: Rule,
        "Liste des biens inexacte" / "Wrong list of goods",
        "Un apport en nature liste ses biens ; ils font {sum}, la promesse est de {pledged} ({currency})." /
        "A contribution in kind lists its goods; they make {sum}, pledged are {pledged} ({currency}).";
    FUND_OVERHEAD_EXCEEDED: Rule,
        "Coûts indirects excessifs" / "Indirect cost exceeded",
        "Le fonds admet {most_bps} points de base de coûts indirects ; demandés : {requested_bps}." /
        "The fund allows {most_bps} basis points of indirect cost; requested: {requested_bps}.";
    FUND_ENDED: Rule,
        "Fonds arrivé à terme" / "Fund ended",
        "Le fonds est arrivé à terme le {ends_on} : plus rien n'y est promis, signé ni affecté." /
        "The fund ended on {ends_on}: nothing more is pledged to it, signed or allocated.";
    FUND_PURPOSE_CLOSED: Conflict,
        "Objet clos" / "Purpose closed",
        "L'objet est clos depuis le {closed_on}." / "The purpose has been closed since {closed_on}.";
    FUND_PURPOSE_HELD: Conflict,
        "Objet d'un projet" / "Purpose of a project",
        "Un projet est payé sur cet objet : l'argent passe par ses décaissements et ses rapports." /
        "A project is paid from this purpose: money moves through its disbursements and its reports.";
    FUND_PURPOSE_USED: Conflict,
        "Objet déjà entamé" / "Purpose already used",
        "De l'argent de l'objet est déjà décaissé hors du projet." / "Money of the purpose was disbursed past the project.";
    FUND_PURPOSE_UNDISBURSED: Rule,
        "Affectation non décaissée" / "Allocation not disbursed",
        "Non décaissé, à libérer d'abord : {undisbursed} ({currency})." / "Not disbursed, to be released first: {undisbursed} ({currency}).";
    REFUND_DUE: Rule,
        "Remboursement dû" / "Refund due",
        "À rembourser : {due} ({currency}), avant le {due_on}. Reste admis : {residual_max}." /
        "To be refunded: {due} ({currency}), by {due_on}. Residual allowed: {residual_max}.";
}

words! {
    /// What a fund is.
    pub enum FundKind {
        /// Money of a mission's own budget.
        MissionBudget = "mission_budget",
        /// A trust fund (fonds fiduciaire).
        TrustFund = "trust_fund",
        /// A fund of several donors administered by an agent (fonds commun).
        PooledFund = "pooled_fund",
        /// Money of one donor.
        Bilateral = "bilateral",
        /// A fund of a community.
        Community = "community",
    }
}

words! {
    /// What a donor is.
    pub enum DonorKind {
        /// A state.
        State = "state",
        /// A multilateral organisation.
        Multilateral = "multilateral",
        /// Anyone else: a foundation, a company, a person.
        Other = "other",
    }
}

words! {
    /// What is contributed.
    pub enum ContributionKind {
        /// Money.
        Cash = "cash",
        /// Goods or services with a value; no money moves.
        InKind = "in_kind",
        /// The fund's own account: interest, costs and results of exchange, which are no donor's. Every fund has one.
        Own = "own",
    }
}

words! {
    /// Where a rate of exchange comes from.
    pub enum ExchangeRateKind {
        /// The United Nations' operational rate of the month.
        UnOperational = "un_operational",
        /// A central bank's rate.
        CentralBank = "central_bank",
        /// The rate that a contract or a bank advice fixes.
        Contract = "contract",
        /// Made for demonstrations and tests.
        Fixture = "fixture",
    }
}

words! {
    /// By which rates a statement converts.
    pub enum ExchangeBasis {
        /// Every receipt by the rate of its value date: sums of what was converted when it came.
        Historical = "historical",
    }
}

words! {
    /// A list of terms that funds use.
    pub enum FundVocabulary {
        /// Sectors, each with its DAC purpose code and SDG targets.
        Sector = "sector",
        /// Purpose codes of the Development Assistance Committee.
        DacPurpose = "dac_purpose",
        /// Targets of the Sustainable Development Goals.
        SdgTarget = "sdg_target",
        /// Objectives.
        Objective = "objective",
        /// Instruments: under which rules money is spent.
        Instrument = "instrument",
        /// Gender markers, 0 to 3.
        GenderMarker = "gender_marker",
    }
}

words! {
    /// A movement of money in a fund, or of what is said of it. Nothing is ever changed: a correction is another movement.
    pub enum FundMovementKind {
        /// A donor's public intention (promesse).
        Pledge = "pledge",
        /// A signed agreement, or an amendment that adds to it (engagement du donateur).
        Commitment = "commitment",
        /// Money on the bank account, or goods received.
        Receipt = "receipt",
        /// The administering agent's fee, taken at receipt.
        Fee = "fee",
        /// A part of what was signed that will not come.
        WriteOff = "write_off",
        /// Money given back to the donor.
        Repayment = "repayment",
        /// Interest of the fund.
        Interest = "interest",
        /// Cost of the fund's own work.
        DirectCost = "direct_cost",
        /// Charges of the bank.
        BankCharge = "bank_charge",
        /// A receipt brought more than its rate said.
        ExchangeGain = "exchange_gain",
        /// A receipt brought less than its rate said.
        ExchangeLoss = "exchange_loss",
        /// Money set aside for a purpose (affectation).
        Allocation = "allocation",
        /// An allocation given back.
        Release = "release",
        /// Money paid to who carries the purpose out (décaissement).
        Disbursement = "disbursement",
        /// A disbursement that the bank sent back: the money can be disbursed again.
        Reversal = "reversal",
        /// Spending that was reported and accepted.
        Expenditure = "expenditure",
        /// Spending that was reported before and was none.
        Correction = "correction",
        /// Disbursed money that came back unspent.
        Refund = "refund",
        /// Money passed on to another fund, which tells what became of it.
        Transfer = "transfer",
        /// A rest too small to be asked back, left with who carried the purpose out.
        Residual = "residual",
        /// A refund to a contribution that has ended, which waits for the donor's consent.
        Hold = "hold",
        /// The donor's consent to what was held.
        Consent = "consent",
        /// Interest that who carries purposes out earned and passed on.
        RecipientsInterest = "recipients_interest",
    }
}

words! {
    /// What is recorded on one contribution.
    pub enum ContributionMovementKind {
        /// A signed agreement, or an amendment that adds to it.
        Commitment = "commitment",
        /// Money on the bank account, or goods received.
        Receipt = "receipt",
        /// A part of what was signed that will not come.
        WriteOff = "write_off",
        /// Money given back to the donor, in the currency of the fund.
        Repayment = "repayment",
        /// Interest, on the fund's own account.
        Interest = "interest",
        /// Cost of the fund's own work, on its own account.
        DirectCost = "direct_cost",
        /// Charges of the bank, on the fund's own account.
        BankCharge = "bank_charge",
        /// Interest that who carries purposes out earned and passed on, on the fund's own account.
        RecipientsInterest = "recipients_interest",
        /// The donor's consent that refunds to an ended contribution be used or given back, in the currency of the fund.
        Consent = "consent",
    }
}

words! {
    /// What is done with allocated money.
    pub enum FundUseKind {
        /// Money paid to who carries the purpose out.
        Disbursement = "disbursement",
        /// A disbursement that the bank sent back: the money can be disbursed again.
        Reversal = "reversal",
        /// Spending that was reported and accepted.
        Expenditure = "expenditure",
        /// Spending that was reported before and was none.
        Correction = "correction",
        /// Disbursed money that came back unspent.
        Refund = "refund",
        /// Money passed on to another fund, which tells what became of it.
        Transfer = "transfer",
    }
}

impl ContributionMovementKind {
    pub fn movement(self) -> FundMovementKind {
        match self {
            Self::Commitment => FundMovementKind::Commitment,
            Self::Receipt => FundMovementKind::Receipt,
            Self::WriteOff => FundMovementKind::WriteOff,
            Self::Repayment => FundMovementKind::Repayment,
            Self::Interest => FundMovementKind::Interest,
            Self::DirectCost => FundMovementKind::DirectCost,
            Self::BankCharge => FundMovementKind::BankCharge,
            Self::RecipientsInterest => FundMovementKind::RecipientsInterest,
            Self::Consent => FundMovementKind::Consent,
        }
    }

    /// What it follows from.
    pub fn cause(self) -> Cause {
        match self {
            Self::Commitment => Cause::Pledge,
            Self::Receipt | Self::WriteOff => Cause::Commitment,
            // A fund that received nothing has nothing that bears interest or costs.
            Self::Repayment | Self::Interest | Self::DirectCost | Self::BankCharge => Cause::Receipt,
            Self::RecipientsInterest => Cause::Disbursement,
            Self::Consent => Cause::Hold,
        }
    }

    /// Refuses what such a contribution does not have: donors' money earns no interest of its own, goods are not given back as money.
    pub fn require(self, kind: ContributionKind) -> Result<(), Refusal> {
        let own = matches!(self, Self::Interest | Self::RecipientsInterest | Self::DirectCost | Self::BankCharge);
        let fits = match kind {
            ContributionKind::Own => own,
            ContributionKind::Cash => !own,
            ContributionKind::InKind => !own && !matches!(self, Self::Repayment | Self::Consent),
        };
        if fits {
            return Ok(());
        }
        Err(CONTRIBUTION_MOVEMENT_INVALID.refuse().with("kind", self).with("contribution_kind", kind).at("/kind"))
    }
}

impl FundUseKind {
    pub fn movement(self) -> FundMovementKind {
        match self {
            Self::Disbursement => FundMovementKind::Disbursement,
            Self::Reversal => FundMovementKind::Reversal,
            Self::Expenditure => FundMovementKind::Expenditure,
            Self::Correction => FundMovementKind::Correction,
            Self::Refund => FundMovementKind::Refund,
            Self::Transfer => FundMovementKind::Transfer,
        }
    }

    /// What it follows from.
    pub fn cause(self) -> Cause {
        match self {
            Self::Disbursement | Self::Transfer => Cause::Allocation,
            Self::Expenditure | Self::Refund | Self::Reversal => Cause::Disbursement,
            Self::Correction => Cause::Expenditure,
        }
    }
}

/// A refusal that tells what would have been possible.
pub fn exceeded(
    code: &'static crate::refusal::Code,
    kind: impl crate::word::Word,
    most: Amount,
    asked: Amount,
    currency: Currency,
) -> Refusal {
    let refusal = code.refuse().with("kind", kind).with("possible", most.display(currency)).with("requested", asked.display(currency));
    refusal.with("currency", currency.code()).at("/amount")
}

/// A fee in basis points, rounded half up.
pub fn fee(received: Amount, bps: u32) -> Amount {
    let doubled = i128::from(received.minor()) * i128::from(bps) * 2 + 10_000;
    i64::try_from(doubled / 20_000).ok().and_then(Amount::from_minor).unwrap_or(received).min(received)
}

/// The direct cost in a total that includes indirect cost at a rate in basis points, and the indirect cost; both make the total.
pub fn direct_and_indirect(total: Amount, indirect_bps: u32) -> (Amount, Amount) {
    let over = 10_000 + i128::from(indirect_bps);
    let direct = (i128::from(total.minor()) * 20_000 + over) / (over * 2);
    let direct = i64::try_from(direct).ok().and_then(Amount::from_minor).unwrap_or(total).min(total);
    (direct, total.checked_sub(direct).unwrap_or_default())
}

/// Refuses indirect cost above what a fund allows.
pub fn require_overhead(requested_bps: u32, most_bps: Option<u32>) -> Result<(), Refusal> {
    match most_bps.filter(|most| requested_bps > *most) {
        None => Ok(()),
        Some(most) => Err(FUND_OVERHEAD_EXCEEDED.refuse().with("most_bps", most).with("requested_bps", requested_bps).at("/indirect_bps")),
    }
}

/// Refuses to act on a purpose that is closed.
pub fn require_open_purpose(closed_on: Option<NaiveDate>) -> Result<(), Refusal> {
    closed_on.map_or(Ok(()), |on| Err(FUND_PURPOSE_CLOSED.refuse().with("closed_on", on)))
}

/// Refuses to act on a purpose past the project that is paid from it.
pub fn require_free_purpose(held: bool) -> Result<(), Refusal> {
    if held { Err(FUND_PURPOSE_HELD.refuse()) } else { Ok(()) }
}

/// Refuses to promise, sign or allocate after the end of a fund. What is under way by then is wound up.
pub fn require_running(on: NaiveDate, ends_on: Option<NaiveDate>) -> Result<(), Refusal> {
    match ends_on.filter(|end| on > *end) {
        None => Ok(()),
        Some(end) => Err(FUND_ENDED.refuse().with("ends_on", end).at("/on")),
    }
}

/// Refuses to record in a period that is closed.
pub fn require_open_period(on: NaiveDate, closed_until: Option<NaiveDate>) -> Result<(), Refusal> {
    match closed_until.filter(|until| on <= *until) {
        None => Ok(()),
        Some(until) => Err(FUND_PERIOD_CLOSED.refuse().with("closed_until", until).at("/on")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Amount {
        Amount::parse(text, Currency::parse("USD").expect("known")).expect("an amount")
    }

    #[test]
    fn fees_and_indirect_costs_are_met_to_the_cent() {
        assert_eq!(fee(usd("62500000.00"), 100), usd("625000.00"));
        assert_eq!(fee(usd("0.49"), 100), usd("0"));
        assert_eq!(fee(usd("0.50"), 100), usd("0.01"));
        assert_eq!(direct_and_indirect(usd("181320.00"), 700), (usd("169457.94"), usd("11862.06")));
        assert_eq!(direct_and_indirect(usd("41970.00"), 0), (usd("41970.00"), usd("0")));
    }

    #[test]
    fn each_kind_of_contribution_has_its_movements() {
        use ContributionKind as C;
        use ContributionMovementKind as M;
        for (kind, has, lacks) in
            [(C::Cash, M::Repayment, M::Interest), (C::InKind, M::Receipt, M::Repayment), (C::Own, M::Interest, M::Receipt)]
        {
            assert_eq!(has.require(kind), Ok(()));
            assert_eq!(lacks.require(kind).map_err(|refusal| refusal.code.name), Err("CONTRIBUTION_MOVEMENT_INVALID"));
        }
        let until = "2018-06-30".parse().ok();
        let on = |text: &str| require_open_period(text.parse().expect("a date"), until).is_ok();
        assert_eq!([on("2018-06-30"), on("2018-07-01")], [false, true]);
        let runs = |text: &str| require_running(text.parse().expect("a date"), until).is_ok();
        assert_eq!([runs("2018-06-30"), runs("2018-07-01")], [true, false]);
    }
}
