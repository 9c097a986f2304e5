//! How the money of a project ends: what was spent is attributed, what was not comes back, but for a rest that its rules leave.

use chrono::NaiveDate;

use super::clock::days_after;
use super::finance::{ATTRIBUTION_OPEN, DISBURSEMENT_OPEN, FINAL_REPORT_MISSING, Finance};
use crate::fund::REFUND_DUE;
use crate::money::{Amount, Currency};
use crate::programme::rule_set::RuleSet;
use crate::refusal::Refusal;

/// How long after the end a refund may come.
const REFUND_DAYS: u32 = 30;

/// What became of the money that was disbursed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    pub disbursed: Amount,
    pub accepted: Amount,
    pub refunded: Amount,
    /// Neither spent nor back.
    pub rest: Amount,
    /// Until when the rest is to be refunded.
    pub due_on: NaiveDate,
}

impl Finance {
    /// What is settled; nothing where more was accepted than was disbursed, which is not attributed yet.
    pub fn settlement(&self, today: NaiveDate) -> Option<Settlement> {
        let rest = self.paid.checked_sub(self.accepted)?.checked_sub(self.refunded)?;
        let due_on = days_after(today, REFUND_DAYS);
        Some(Settlement { disbursed: self.paid, accepted: self.accepted, refunded: self.refunded, rest, due_on })
    }

    /// Money that is under way, or spent and not attributed yet.
    pub fn under_way(&self, currency: Currency) -> Vec<Refusal> {
        let mut found = Vec::new();
        if !self.tranches_open.is_empty() {
            let tranches: Vec<String> = self.tranches_open.iter().map(u32::to_string).collect();
            found.push(DISBURSEMENT_OPEN.refuse().with("tranches", tranches));
        }
        if self.accepted != self.attributed {
            let refusal = ATTRIBUTION_OPEN.refuse().with("accepted", self.accepted.display(currency));
            found.push(refusal.with("attributed", self.attributed.display(currency)).with("currency", currency.code()));
        }
        found
    }

    /// What stands against the closure of the accounts. Where nothing was paid, nothing is reported.
    pub fn unclosed(&self, rules: &RuleSet, today: NaiveDate, currency: Currency) -> Vec<Refusal> {
        let mut found = Vec::new();
        if !self.final_accepted && !self.in_kind() {
            found.push(FINAL_REPORT_MISSING.refuse());
        }
        found.extend(self.under_way(currency));
        let most = residual_max(rules, currency);
        if let Some(settlement) = self.settlement(today).filter(|settlement| settlement.rest > most) {
            let refusal = REFUND_DUE.refuse().with("due", settlement.rest.display(currency)).with("residual_max", most.display(currency));
            found.push(refusal.with("due_on", settlement.due_on).with("currency", currency.code()));
        }
        found
    }
}

/// What the rules leave with who carried a project out; nothing in another currency.
pub fn residual_max(rules: &RuleSet, currency: Currency) -> Amount {
    let residual = rules.residual.as_ref().and_then(|residual| residual.read());
    residual.filter(|(_, of)| *of == currency).map(|(most, _)| most).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programme::Instrument;
    use crate::programme::rule_set::find;
    use crate::project::agreement::{Agreement, ProjectChannel};

    fn usd() -> Currency {
        Currency::parse("USD").expect("known")
    }

    fn money(text: &str) -> Amount {
        Amount::parse(text, usd()).expect("an amount")
    }

    fn closing(accepted: &str) -> Finance {
        let accepted = money(accepted);
        Finance { paid: money("100000"), accepted, attributed: accepted, final_accepted: true, ..Finance::default() }
    }

    fn unclosed(instrument: Instrument, finance: &Finance) -> Vec<(&'static str, Option<String>)> {
        let rules = (1..).map_while(|version| find(instrument, version)).last().expect("shipped");
        let found = finance.unclosed(rules, "2025-01-01".parse().expect("a date"), usd());
        found
            .into_iter()
            .map(|refusal| (refusal.code.name, refusal.facts.get("due").and_then(|due| due.as_str().map(str::to_owned))))
            .collect()
    }

    #[test]
    fn ac_23_a_rest_stays_where_the_rules_leave_one() {
        let due = |amount: &str| [("REFUND_DUE", Some(amount.to_owned()))];
        assert_eq!(unclosed(Instrument::PeacebuildingImmediate, &closing("99760")), []);
        assert_eq!(unclosed(Instrument::PeacebuildingImmediate, &closing("99740")), due("260.00"));
        assert_eq!(unclosed(Instrument::QuickImpact, &closing("99760")), due("240.00"));
        let back = Finance { refunded: money("240"), ..closing("99760") };
        assert_eq!(unclosed(Instrument::QuickImpact, &back), []);
    }

    #[test]
    fn ac_53_what_came_in_kind_is_settled_without_a_report_of_money() {
        let agreement = Some(Agreement { channel: ProjectChannel::InKind, ..Agreement::default() });
        assert_eq!(unclosed(Instrument::TrustFund, &Finance { agreement, ..Finance::default() }), []);
        let paid = Finance { agreement: Some(Agreement::default()), ..Finance::default() };
        assert_eq!(unclosed(Instrument::TrustFund, &paid), [("FINAL_REPORT_MISSING", None)]);
    }

    #[test]
    fn accounts_close_when_nothing_is_under_way() {
        let codes = |finance: &Finance| unclosed(Instrument::QuickImpact, finance).into_iter().map(|(code, _)| code).collect::<Vec<_>>();
        let whole = closing("100000");
        assert_eq!(codes(&Finance { final_accepted: false, ..whole.clone() }), ["FINAL_REPORT_MISSING"]);
        assert_eq!(codes(&Finance { tranches_open: vec![2], ..whole.clone() }), ["DISBURSEMENT_OPEN"]);
        assert_eq!(codes(&Finance { attributed: money("99999"), ..whole.clone() }), ["ATTRIBUTION_OPEN"]);
        // Money that a partner advanced and was not paid is not attributed.
        let advanced = Finance { paid: money("90000"), attributed: money("90000"), ..whole };
        assert_eq!(codes(&advanced), ["ATTRIBUTION_OPEN"]);
        assert_eq!(advanced.settlement("2025-01-01".parse().expect("a date")), None);
    }
}
