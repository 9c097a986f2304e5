//! Expenditure reports: what was spent in a period, reported, certified and accepted by three different people.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::clock::days_after;
use super::finance::{
    AGREEMENT_EXCEEDED, REPORT_CATEGORY, REPORT_CATEGORY_EXCEEDED, REPORT_EXCEEDS_DISBURSED, REPORT_FINAL, REPORT_OVERDUE, REPORT_PERIOD,
    REPORT_STATE_INVALID,
};
use super::guard::BudgetCategory;
use crate::money::{Amount, Currency};
use crate::programme::rule_set::RuleSet;
use crate::refusal::Refusal;
use crate::word::Word as _;
use crate::words;

words! {
    /// The state of an expenditure report.
    pub enum ExpenditureReportState {
        /// Given in by who carries the project out.
        Submitted = "submitted",
        /// Certifié: held against its papers.
        Certified = "certified",
        /// Accepted: its expenditure is attributed to the contributions that pay.
        Accepted = "accepted",
        /// Refused; its period can be reported again.
        Rejected = "rejected",
    }
}

words! {
    /// What is done to an expenditure report.
    pub enum ExpenditureReportAction {
        /// Certify it.
        Certify = "certify",
        /// Accept it.
        Accept = "accept",
        /// Refuse it.
        Reject = "reject",
    }
}

use ExpenditureReportAction as A;
use ExpenditureReportState as S;

const WAYS: &[(ExpenditureReportAction, &[ExpenditureReportState], ExpenditureReportState)] = &[
    (A::Certify, &[S::Submitted], S::Certified),
    (A::Accept, &[S::Certified], S::Accepted),
    (A::Reject, &[S::Submitted, S::Certified], S::Rejected),
];

impl ExpenditureReportState {
    /// The state after an action, or a refusal that names what is possible.
    pub fn act(self, action: ExpenditureReportAction) -> Result<Self, Refusal> {
        let ways = WAYS.iter().filter(|(_, from, _)| from.contains(&self));
        if let Some((_, _, to)) = ways.clone().find(|(way, _, _)| *way == action) {
            return Ok(*to);
        }
        let allowed: Vec<String> = ways.map(|(way, _, _)| way.as_str().to_owned()).collect();
        Err(REPORT_STATE_INVALID.refuse().with("state", self).with("allowed", allowed))
    }
}

/// A report that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub amount: Amount,
    pub closing: bool,
    pub accepted: bool,
}

/// A report as it is given in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReport {
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub lines: Vec<(BudgetCategory, Amount)>,
}

/// What a report is held against.
#[derive(Clone, Copy, Debug)]
pub struct Against<'a> {
    pub rules: &'a RuleSet,
    /// The lines of the project's budget.
    pub budget: &'a [(BudgetCategory, Amount)],
    /// Lines of all reports on the project that were not refused.
    pub told: &'a [(BudgetCategory, Amount)],
    /// The first day of the project.
    pub starts_on: NaiveDate,
    pub earlier: &'a [Reported],
    pub paid: Amount,
    pub agreed: Amount,
    pub currency: Currency,
    pub today: NaiveDate,
}

/// The first day of which a project may report: the planned one, or the day of the first payment where that was earlier.
pub fn first_day(planned: NaiveDate, payments: &[NaiveDate]) -> NaiveDate {
    payments.iter().copied().min().map_or(planned, |paid| paid.min(planned))
}

/// What a report tells in all, unless its period is told already or lies before the project, a line is of no category of the budget, a
/// category is spent beyond what the rules let move, or more was spent than was disbursed; where the rules let a partner pay in advance,
/// than was agreed.
pub fn submit(new: &NewReport, against: &Against<'_>) -> Result<Amount, Refusal> {
    if against.earlier.iter().any(|report| report.closing) {
        return Err(REPORT_FINAL.refuse());
    }
    let last = against.earlier.iter().map(|report| report.to).max();
    if new.from < against.starts_on || new.from > new.to || new.to > against.today || last.is_some_and(|last| new.from <= last) {
        let refusal = REPORT_PERIOD.refuse().with("from", new.from).with("to", new.to).with("today", against.today);
        let refusal = refusal.with("starts_on", against.starts_on);
        return Err(refusal.with("last", last.map_or_else(|| "—".to_owned(), |last| last.to_string())).at("/period_from"));
    }
    let budgeted = |category: &BudgetCategory| against.budget.iter().any(|(line, _)| line == category);
    if let Some((index, (category, _))) = new.lines.iter().enumerate().find(|(_, (category, _))| !budgeted(category)) {
        let allowed: BTreeSet<&str> = against.budget.iter().map(|(category, _)| category.as_str()).collect();
        let allowed: Vec<String> = allowed.into_iter().map(str::to_owned).collect();
        let refusal = REPORT_CATEGORY.refuse().with("category", *category).with("allowed", allowed);
        return Err(refusal.at(&format!("/lines/{index}/category")));
    }
    let (currency, earlier) = (against.currency, against.earlier.iter().map(|report| report.amount));
    let reported = Amount::sum(earlier).unwrap_or_default();
    let amount = Amount::sum(new.lines.iter().map(|(_, amount)| *amount));
    let (most, code, name) = if against.rules.prefinancing_allowed {
        (against.agreed, &AGREEMENT_EXCEEDED, "agreed")
    } else {
        (against.paid, &REPORT_EXCEEDS_DISBURSED, "disbursed")
    };
    match amount.filter(|amount| reported.checked_add(*amount).is_some_and(|all| all <= most)) {
        Some(amount) => require_categories(new, against).map(|()| amount),
        None => {
            let refusal =
                code.refuse().with("paid", reported.display(currency)).with("requested", amount.unwrap_or_default().display(currency));
            Err(refusal.with(name, most.display(currency)).with("currency", currency.code()).at("/lines"))
        }
    }
}

/// Refuses to spend more on a category of the budget than the rules let move without an amendment; where they leave that to the agreement,
/// nothing is refused.
fn require_categories(new: &NewReport, against: &Against<'_>) -> Result<(), Refusal> {
    let (Some(bps), currency) = (against.rules.reallocation_bps, against.currency) else { return Ok(()) };
    let of = |lines: &[(BudgetCategory, Amount)], category| {
        Amount::sum(lines.iter().filter(|(line, _)| *line == category).map(|(_, amount)| *amount)).unwrap_or_default()
    };
    for (index, (category, _)) in new.lines.iter().enumerate() {
        let (budget, told) = (of(against.budget, *category), of(against.told, *category));
        let reported = told.checked_add(of(&new.lines, *category)).unwrap_or_default();
        let beyond = i128::from(reported.minor()) - i128::from(budget.minor());
        if beyond * 10_000 > i128::from(budget.minor()) * i128::from(bps) {
            let more = i128::from(budget.minor()) * i128::from(bps) / 10_000;
            let more = i64::try_from(more).ok().and_then(Amount::from_minor).unwrap_or_default();
            let most = budget.checked_add(more).unwrap_or(budget);
            let refusal = REPORT_CATEGORY_EXCEEDED.refuse().with("category", *category).with("bps", bps).with("currency", currency.code());
            let refusal = refusal.with("budget", budget.display(currency)).with("most", most.display(currency));
            return Err(refusal.with("reported", reported.display(currency)).at(&format!("/lines/{index}/category")));
        }
    }
    Ok(())
}

/// Refuses more money to who owes a report: so many days after each payment, some report goes beyond its day.
pub fn require_reported(rules: &RuleSet, payments: &[NaiveDate], reported: &[Reported], today: NaiveDate) -> Result<(), Refusal> {
    let Some(days) = rules.report_days else { return Ok(()) };
    let told = |on: &&NaiveDate| !reported.iter().any(|report| report.to >= **on);
    let due = payments.iter().filter(told).map(|on| days_after(*on, days)).min();
    match due.filter(|due| *due < today) {
        Some(due) => Err(REPORT_OVERDUE.refuse().with("due_on", due)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programme::Instrument;
    use crate::programme::rule_set::find;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn usd() -> Currency {
        Currency::parse("USD").expect("known")
    }

    fn money(text: &str) -> Amount {
        Amount::parse(text, usd()).expect("an amount")
    }

    fn report(from: &str, to: &str, amount: &str) -> NewReport {
        NewReport { from: day(from), to: day(to), lines: vec![(BudgetCategory::Grants, money(amount))] }
    }

    fn told(instrument: Instrument, new: &NewReport, earlier: &[Reported]) -> Result<Amount, &'static str> {
        let rules = (1..).map_while(|version| find(instrument, version)).last().expect("shipped");
        let budget = [(BudgetCategory::Grants, money("150"))];
        let told: Vec<(BudgetCategory, Amount)> = earlier.iter().map(|report| (BudgetCategory::Grants, report.amount)).collect();
        let (paid, agreed, today, starts_on) = (money("100"), money("150"), day("2025-06-30"), day("2025-01-01"));
        let against = Against { rules, budget: &budget, told: &told, starts_on, earlier, paid, agreed, currency: usd(), today };
        submit(new, &against).map_err(|refusal| refusal.code.name)
    }

    #[test]
    fn what_moves_between_categories_without_an_amendment_is_within_the_rules() {
        let budget = [(BudgetCategory::Grants, money("60")), (BudgetCategory::Travel, money("40")), (BudgetCategory::Grants, money("40"))];
        let told = [(BudgetCategory::Grants, money("90")), (BudgetCategory::Travel, money("1"))];
        let judged = |instrument, amount: &str| {
            let rules = (1..).map_while(|version| find(instrument, version)).last().expect("shipped");
            let (today, starts_on, all) = (day("2025-06-30"), day("2025-01-01"), money("1000"));
            let against =
                Against { rules, budget: &budget, told: &told, starts_on, earlier: &[], paid: all, agreed: all, currency: usd(), today };
            submit(&report("2025-01-01", "2025-02-01", amount), &against)
                .map_err(|refusal| (refusal.code.name, refusal.facts["most"].clone()))
        };
        let beyond = |most: &str| Err(("REPORT_CATEGORY_EXCEEDED", serde_json::json!(most)));
        // Of a category of 100: nothing, 15 % or 20 % more.
        assert_eq!(judged(Instrument::QuickImpact, "10"), Ok(money("10")));
        assert_eq!(judged(Instrument::QuickImpact, "10.01"), beyond("100.00"));
        assert_eq!(judged(Instrument::PeacebuildingImmediate, "25"), Ok(money("25")));
        assert_eq!(judged(Instrument::PeacebuildingImmediate, "25.01"), beyond("115.00"));
        assert_eq!(judged(Instrument::TrustFund, "30"), Ok(money("30")));
        assert_eq!(judged(Instrument::TrustFund, "30.01"), beyond("120.00"));
        assert_eq!(judged(Instrument::Bilateral, "500"), Ok(money("500")), "as the agreement says");
    }

    #[test]
    fn nothing_is_reported_of_the_time_before_the_project() {
        assert_eq!(told(Instrument::QuickImpact, &report("2025-01-01", "2025-01-31", "1"), &[]), Ok(money("1")));
        assert_eq!(told(Instrument::QuickImpact, &report("2024-12-31", "2025-01-31", "1"), &[]), Err("REPORT_PERIOD"));
        let planned = day("2025-03-01");
        assert_eq!(first_day(planned, &[]), planned);
        assert_eq!(first_day(planned, &[day("2025-02-03"), day("2025-06-01")]), day("2025-02-03"));
        assert_eq!(first_day(planned, &[day("2025-06-01")]), planned);
    }

    #[test]
    fn no_more_is_reported_than_was_disbursed_but_where_partners_advance_money() {
        let first = Reported { from: day("2025-01-01"), to: day("2025-01-31"), amount: money("60"), closing: false, accepted: false };
        let next = |amount| report("2025-02-01", "2025-02-28", amount);
        assert_eq!(told(Instrument::QuickImpact, &next("40"), &[first]), Ok(money("40")));
        assert_eq!(told(Instrument::QuickImpact, &next("40.01"), &[first]), Err("REPORT_EXCEEDS_DISBURSED"));
        assert_eq!(told(Instrument::TrustFund, &next("90"), &[first]), Ok(money("90")));
        assert_eq!(told(Instrument::TrustFund, &next("90.01"), &[first]), Err("AGREEMENT_EXCEEDED"));
    }

    #[test]
    fn periods_follow_one_another_to_the_final_one() {
        let first = Reported { from: day("2025-01-01"), to: day("2025-01-31"), amount: money("1"), closing: false, accepted: true };
        for (from, to) in [("2025-01-31", "2025-02-28"), ("2025-03-01", "2025-02-28"), ("2025-06-01", "2025-07-01")] {
            assert_eq!(told(Instrument::QuickImpact, &report(from, to, "1"), &[first]), Err("REPORT_PERIOD"), "{from} {to}");
        }
        let closed = Reported { closing: true, ..first };
        assert_eq!(told(Instrument::QuickImpact, &report("2025-02-01", "2025-02-28", "1"), &[closed]), Err("REPORT_FINAL"));
        let travel = NewReport { lines: vec![(BudgetCategory::Travel, money("1"))], ..report("2025-02-01", "2025-02-28", "1") };
        assert_eq!(told(Instrument::QuickImpact, &travel, &[first]), Err("REPORT_CATEGORY"));
    }

    #[test]
    fn a_report_is_due_so_many_days_after_each_payment() {
        let rules = find(Instrument::Bilateral, 1).expect("shipped");
        let days = rules.report_days.expect("reports are due");
        let paid = [day("2025-01-10"), day("2025-05-10")];
        let due = days_after(paid[0], days);
        let told = Reported { from: day("2025-01-01"), to: day("2025-01-10"), amount: money("1"), closing: false, accepted: false };
        let code = |payments: &[NaiveDate], reported: &[Reported], today| {
            require_reported(rules, payments, reported, today).map_err(|refusal| (refusal.code.name, refusal.facts["due_on"].clone()))
        };
        assert_eq!(code(&paid[..1], &[], due), Ok(()));
        let late = days_after(due, 1);
        assert_eq!(code(&paid[..1], &[], late), Err(("REPORT_OVERDUE", due.to_string().into())));
        assert_eq!(code(&paid[..1], &[told], late), Ok(()));
        let next = days_after(paid[1], days);
        assert_eq!(code(&paid, &[told], days_after(next, 1)), Err(("REPORT_OVERDUE", next.to_string().into())));
        let free = find(Instrument::QuickImpact, 2).expect("shipped");
        assert_eq!(require_reported(free, &paid, &[], days_after(next, 999)), Ok(()), "six months need no report between");
    }
}
