//! Drawing rights: what a local government may draw on an endowment, the agreements on it, and the tranches that are paid.

use chrono::NaiveDate;

use crate::budget::{Direction, Line, Section};
use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};
use crate::word::Word as _;
use crate::words;

codes! {
    DRAWING_RIGHT_STATE_INVALID: Conflict,
        "Action impossible dans cet état" / "Action impossible in this state",
        "État : {state} ; il faut : {required}." / "State: {state}; required: {required}.";
    DRAWING_RIGHT_EXPIRED: Rule,
        "Droit de tirage expiré" / "Drawing right expired",
        "L'échéance était le {expires_on}." / "The deadline was {expires_on}.";
    DRAWING_RIGHT_NOT_EXPIRED: Rule,
        "Droit de tirage encore valable" / "Drawing right still valid",
        "L'échéance est le {expires_on}." / "The deadline is {expires_on}.";
    DRAWING_RIGHT_EXCEEDED: Rule,
        "Droit de tirage dépassé" / "Drawing right exceeded",
        "Solde du droit : {balance}. Subvention : {grant} ({currency})." / "Balance of the right: {balance}. Grant: {grant} ({currency}).";
    DRAWING_RIGHT_LINE_INVALID: Rule,
        "Ligne budgétaire inattendue" / "Unexpected budget line",
        "Il faut une ligne de {direction} en section {section} du budget exécutable." /
        "A line of {direction} in section {section} of the executable budget is required.";
    DRAWING_RIGHT_COUNTERPART_MISSING: Rule,
        "Contrepartie non inscrite" / "Counterpart not provided for",
        "Contrepartie : {counterpart}. Inscrit sur des lignes à financement propre : {provided} ({currency})." /
        "Counterpart: {counterpart}. Provided on lines with own funding: {provided} ({currency}).";
    DRAWING_RIGHT_NOT_DISBURSED: Rule,
        "Dotation sans versement" / "Endowment without payments",
        "Une dotation de type {endowment_type} ne se verse pas par tranches." /
        "An endowment of type {endowment_type} is not paid in tranches.";
    DRAWING_RIGHT_TRANCHE_UNJUSTIFIED: Rule,
        "Tranche précédente non justifiée" / "Tranche before it is not justified",
        "La tranche {tranche} est justifiée à {justified_bps} points de base ; il en faut {required_bps}." /
        "Tranche {tranche} is justified to {justified_bps} basis points; {required_bps} are required.";
    DRAWING_RIGHT_TRANCHE_EXCEEDS_GRANT: Rule,
        "Tranches supérieures à la subvention" / "Tranches exceed the grant",
        "Reste à verser : {left}. Tranche : {requested} ({currency})." / "Left to pay: {left}. Tranche: {requested} ({currency}).";
    DRAWING_RIGHT_JUSTIFICATION_EXCEEDS: Rule,
        "Justification supérieure à la tranche" / "Justification exceeds the tranche",
        "Reste à justifier : {left}. Justifié : {requested} ({currency})." / "Left to justify: {left}. Justified: {requested} ({currency}).";
}

words! {
    /// The state of a drawing right (droit de tirage).
    pub enum DrawingRightState {
        /// Notified; nothing is agreed yet.
        Notified = "notified",
        /// An agreement was concluded (conventionné).
        Agreed = "agreed",
        /// A part was paid.
        PartlyDisbursed = "partly_disbursed",
        /// All of it was paid and justified (consommé).
        Consumed = "consumed",
        /// The deadline passed.
        Expired = "expired",
        /// Withdrawn before anything was agreed.
        Cancelled = "cancelled",
    }
}

/// The states in which a right is drawn on.
pub const LIVE: &[DrawingRightState] = &[DrawingRightState::Notified, DrawingRightState::Agreed, DrawingRightState::PartlyDisbursed];

/// The states in which money was paid.
pub const PAID: &[DrawingRightState] = &[DrawingRightState::PartlyDisbursed, DrawingRightState::Expired];

/// A right and what became of it: justified ≤ disbursed ≤ agreed ≤ amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    pub amount: Amount,
    pub agreed: Amount,
    pub disbursed: Amount,
    pub justified: Amount,
}

impl Right {
    /// What can still be agreed on.
    pub fn balance(&self) -> Amount {
        self.amount.checked_sub(self.agreed).unwrap_or_default()
    }

    /// The state that the sums lead to.
    pub fn state(&self) -> DrawingRightState {
        match *self {
            Self { amount, justified, .. } if justified == amount => DrawingRightState::Consumed,
            Self { disbursed, .. } if !disbursed.is_zero() => DrawingRightState::PartlyDisbursed,
            Self { agreed, .. } if !agreed.is_zero() => DrawingRightState::Agreed,
            _ => DrawingRightState::Notified,
        }
    }

    /// Agrees on a grant, as far as the right goes.
    pub fn agree(self, grant: Amount, currency: Currency) -> Result<Self, Refusal> {
        match self.agreed.checked_add(grant).filter(|agreed| *agreed <= self.amount) {
            Some(agreed) => Ok(Self { agreed, ..self }),
            None => {
                let refusal = DRAWING_RIGHT_EXCEEDED.refuse().with("balance", self.balance().display(currency));
                Err(refusal.with("grant", grant.display(currency)).with("currency", currency.code()).at("/total_cost"))
            }
        }
    }
}

/// How the cost of a project is borne: grant and counterpart make the total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub total: Amount,
    pub grant: Amount,
    pub counterpart: Amount,
}

impl Terms {
    /// The counterpart is a part of the total cost in basis points, rounded up.
    pub fn of(total: Amount, counterpart_bps: i64) -> Option<Self> {
        let counterpart = (i128::from(total.minor()) * i128::from(counterpart_bps) + 9_999) / 10_000;
        let counterpart = Amount::from_minor(i64::try_from(counterpart).ok()?)?;
        Some(Self { total, grant: total.checked_sub(counterpart)?, counterpart })
    }
}

/// A tranche that was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tranche {
    pub number: i32,
    pub amount: Amount,
    pub justified: Amount,
}

/// Refuses an action on a right that is not in one of the required states.
pub fn require_right(state: DrawingRightState, required: &[DrawingRightState]) -> Result<(), Refusal> {
    if required.contains(&state) {
        return Ok(());
    }
    let required: Vec<String> = required.iter().map(|state| state.as_str().to_owned()).collect();
    Err(DRAWING_RIGHT_STATE_INVALID.refuse().with("state", state).with("required", required))
}

/// Refuses to draw on a right after its deadline.
pub fn require_valid(expires_on: NaiveDate, today: NaiveDate) -> Result<(), Refusal> {
    if today > expires_on { Err(DRAWING_RIGHT_EXPIRED.refuse().with("expires_on", expires_on)) } else { Ok(()) }
}

/// Refuses to end a right before its deadline.
pub fn require_past(expires_on: NaiveDate, today: NaiveDate) -> Result<(), Refusal> {
    if today > expires_on { Ok(()) } else { Err(DRAWING_RIGHT_NOT_EXPIRED.refuse().with("expires_on", expires_on)) }
}

/// Refuses a line of another direction, of another section than the endowment is earmarked to, or that only moves credit.
pub fn require_line(line: &Line, direction: Direction, section: Option<Section>, pointer: &str) -> Result<(), Refusal> {
    if line.executable && line.direction == direction && section.is_none_or(|section| line.section == section) {
        return Ok(());
    }
    let section = section.unwrap_or(line.section);
    Err(DRAWING_RIGHT_LINE_INVALID.refuse().with("direction", direction).with("section", section).at(pointer))
}

/// The organisation's own money among the funding sources of a line.
const OWN_FUNDING: &str = "OWN";

/// Refuses an agreement whose counterpart no line provides for.
pub fn require_counterpart<'l>(counterpart: Amount, lines: impl IntoIterator<Item = &'l Line>, currency: Currency) -> Result<(), Refusal> {
    let own = lines.into_iter().filter(|line| line.funding.split('+').any(|source| source == OWN_FUNDING));
    let provided = Amount::sum(own.map(|line| line.initial)).unwrap_or_default();
    if provided >= counterpart {
        return Ok(());
    }
    let refusal = DRAWING_RIGHT_COUNTERPART_MISSING.refuse().with("counterpart", counterpart.display(currency));
    Err(refusal.with("provided", provided.display(currency)).with("currency", currency.code()).at("/expenditure_line_ids"))
}

/// The next tranche of a grant: refused until the one before is justified as far as is required, and beyond the grant.
pub fn disburse(grant: Amount, paid: &[Tranche], amount: Amount, required_bps: i64, currency: Currency) -> Result<Tranche, Refusal> {
    if let Some(last) = paid.last() {
        let justified_bps =
            i64::try_from(i128::from(last.justified.minor()) * 10_000 / i128::from(last.amount.minor().max(1))).unwrap_or(0);
        if justified_bps < required_bps {
            let refusal = DRAWING_RIGHT_TRANCHE_UNJUSTIFIED.refuse().with("tranche", last.number).with("justified_bps", justified_bps);
            return Err(refusal.with("required_bps", required_bps));
        }
    }
    let left = Amount::sum(paid.iter().map(|tranche| tranche.amount)).and_then(|sum| grant.checked_sub(sum)).unwrap_or_default();
    if amount > left {
        let refusal = DRAWING_RIGHT_TRANCHE_EXCEEDS_GRANT.refuse().with("left", left.display(currency));
        return Err(refusal.with("requested", amount.display(currency)).with("currency", currency.code()).at("/amount"));
    }
    Ok(Tranche { number: paid.last().map_or(1, |last| last.number + 1), amount, justified: Amount::ZERO })
}

/// Justifies a part of a tranche, as far as it was paid.
pub fn justify(tranche: Tranche, amount: Amount, currency: Currency) -> Result<Tranche, Refusal> {
    match tranche.justified.checked_add(amount).filter(|justified| *justified <= tranche.amount) {
        Some(justified) => Ok(Tranche { justified, ..tranche }),
        None => {
            let left = tranche.amount.checked_sub(tranche.justified).unwrap_or_default();
            let refusal = DRAWING_RIGHT_JUSTIFICATION_EXCEEDS.refuse().with("left", left.display(currency));
            Err(refusal.with("requested", amount.display(currency)).with("currency", currency.code()).at("/amount"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn francs(minor: i64) -> Amount {
        Amount::from_minor(minor).expect("in range")
    }

    #[test]
    fn inv_40_grant_and_counterpart_make_the_cost_and_the_counterpart_rounds_up() {
        let terms = Terms::of(francs(35_000_000), 2000).expect("in range");
        assert_eq!((terms.grant, terms.counterpart), (francs(28_000_000), francs(7_000_000)));
        for total in [1, 2, 3, 4, 5, 6, 24_500_001, 999_999_999_999_999] {
            let terms = Terms::of(francs(total), 2000).expect("in range");
            assert_eq!(terms.grant.checked_add(terms.counterpart), Some(francs(total)));
            assert_eq!(terms.counterpart.minor(), total / 5 + i64::from(total % 5 > 0));
        }
        let right = Right { amount: francs(40_091_000), agreed: Amount::ZERO, disbursed: Amount::ZERO, justified: Amount::ZERO };
        assert_eq!(right.agree(terms.grant, Currency::XOF).map(|right| right.balance()), Ok(francs(12_091_000)));
    }

    #[test]
    fn agreements_never_exceed_the_right() {
        let right = Right { amount: francs(10), agreed: francs(4), disbursed: Amount::ZERO, justified: Amount::ZERO };
        assert_eq!(right.agree(francs(6), Currency::XOF).map(|right| right.agreed), Ok(francs(10)));
        let refusal = right.agree(francs(7), Currency::XOF).expect_err("too much");
        assert_eq!((refusal.code, &refusal.facts["balance"]), (&DRAWING_RIGHT_EXCEEDED, &serde_json::json!("6")));
    }

    #[test]
    fn a_tranche_waits_for_the_justification_of_the_one_before() {
        let paid = |justified| [Tranche { number: 1, amount: francs(1000), justified: francs(justified) }];
        let refusal = disburse(francs(2000), &paid(799), francs(1), 8000, Currency::XOF).expect_err("unjustified");
        assert_eq!((refusal.code, &refusal.facts["justified_bps"]), (&DRAWING_RIGHT_TRANCHE_UNJUSTIFIED, &serde_json::json!(7990)));
        assert_eq!(disburse(francs(2000), &paid(800), francs(1000), 8000, Currency::XOF).map(|next| next.number), Ok(2));
        let refusal = disburse(francs(2000), &paid(1000), francs(1001), 8000, Currency::XOF).expect_err("too much");
        assert_eq!(refusal.code, &DRAWING_RIGHT_TRANCHE_EXCEEDS_GRANT);
    }
}
