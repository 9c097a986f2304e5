//! Guards of the machine: each looks at the rules and the facts of a project, and says everything that stands against it.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::ceiling::Exchange;
use super::check::{Check, Study, StudyKind};
use super::clock::add_months;
use super::finance::{FUND_PURPOSE_MISSING, Finance, PROJECT_ALLOCATED, PROJECT_NOT_ALLOCATED};
use super::handover::{Certificate, Closure, unsigned};
use super::milestone::{FindingSeverity, Work};
use super::overlap::{DUPLICATE_UNRESOLVED, POSSIBLE_SPLITTING};
use super::recipient::{RECIPIENT_LEAD_MISSING, Recipient};
use super::release::Delivery;
use super::{
    APPRAISAL_ADVERSE, APPRAISALS_MISSING, AREA_NOT_ALLOWED, BUDGET_SUM, DURATION_EXCEEDED, ELIGIBILITY_EXPIRED, GENDER_MARKER_REQUIRED,
    JOINT_SPLIT, NEED_ELSEWHERE, NEED_REQUIRED, OVERHEAD_NOT_ALLOWED, PARTNER_INELIGIBLE, PARTNER_MISSING, PARTNER_NOT_LOCAL,
    RISK_MARKER_REQUIRED, SPLIT_SUM, Transition,
};
use crate::fund::{EXCHANGE_RATE_MISSING, FUND_INSUFFICIENT, FUND_PURPOSE_CLOSED, PURPOSE_BUDGET_EXCEEDED};
use crate::money::{Amount, CURRENCY_MISMATCH, Currency};
use crate::programme::context::Eligibility;
use crate::programme::rule_set::{ImplementerKind, RequesterKind, RuleSet};
use crate::refusal::Refusal;
use crate::word::Word;
use crate::words;

/// The whole, in basis points.
const WHOLE: u32 = 10_000;

words! {
    /// What a transition asks for.
    pub enum Guard {
        /// The instrument takes requests of this kind.
        Requester = "requester",
        /// The shares of places, sectors and countries are each the whole.
        Splits = "splits",
        /// The lines make the budget.
        Budget = "budget",
        /// The budget is within the ceiling, converted where it stands in another currency.
        Ceiling = "ceiling",
        /// The planned end is not too late.
        Duration = "duration",
        /// The area is one of the instrument's.
        Area = "area",
        /// A ranked need of the place is cited.
        Need = "need",
        /// Who carries it out is admitted and eligible.
        Implementer = "implementer",
        /// Indirect cost is within the rules.
        Overhead = "overhead",
        /// The budgets of several recipients make the whole.
        Recipients = "recipients",
        /// Every similar project was looked at.
        Overlaps = "overlaps",
        /// Enough appraisals, none adverse.
        Appraisals = "appraisals",
        /// A valid check of sensitivity to the conflict.
        ConflictCheck = "conflict_check",
        /// Accepted studies where they are required.
        Studies = "studies",
        /// A purpose is named under which a fund can pay all of it.
        FundPurpose = "fund_purpose",
        /// The budget is allocated by a fund.
        Funds = "funds",
        /// The gender marker is set.
        GenderMarker = "gender_marker",
        /// The risk marker is set.
        RiskMarker = "risk_marker",
        /// The country is eligible.
        Eligibility = "eligibility",
        /// Nothing was paid.
        Unpaid = "unpaid",
        /// No money is allocated any more.
        Released = "released",
        /// An agreement that both sides signed.
        Agreement = "agreement",
        /// The first payment.
        FirstPayment = "first_payment",
        /// Outputs that were verified.
        Outputs = "outputs",
        /// A certificate of what was handed over.
        Certificate = "certificate",
        /// The final report.
        FinalNarrative = "final_narrative",
        /// The final accounts.
        FinalAccounts = "final_accounts",
        /// The settlement of what was paid.
        Settlement = "settlement",
    }
}

words! {
    /// A category of a budget (United Nations Sustainable Development Group).
    pub enum BudgetCategory {
        /// Staff.
        Staff = "staff",
        /// Supplies, commodities, materials.
        Supplies = "supplies",
        /// Equipment, vehicles, furniture.
        Equipment = "equipment",
        /// Contractual services.
        Contractual = "contractual",
        /// Travel.
        Travel = "travel",
        /// Transfers and grants.
        Grants = "grants",
        /// General operating costs.
        Operating = "operating",
        /// Indirect cost.
        Indirect = "indirect",
    }
}

words! {
    /// What a project is shared out over.
    pub enum ShareDimension {
        /// Territorial units.
        Place = "place",
        /// Sectors.
        Sector = "sector",
        /// Countries.
        Country = "country",
    }
}

words! {
    /// What an appraisal advises.
    pub enum Opinion {
        /// To do it.
        Favourable = "favourable",
        /// Not to do it.
        Adverse = "adverse",
    }
}

/// A share of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    pub dimension: ShareDimension,
    pub term: String,
    pub bps: u32,
}

/// Who carries a project out, as their file tells today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Implementer {
    pub kind: ImplementerKind,
    pub registered: bool,
    pub active: bool,
    pub debarred_until: Option<NaiveDate>,
}

/// What a project asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub requester: RequesterKind,
    pub implementer: Option<Implementer>,
    pub area: Option<String>,
    pub shares: Vec<Share>,
    pub currency: Currency,
    pub budget: Amount,
    pub lines: Vec<(BudgetCategory, Amount)>,
    /// Those who have a part of the budget, where they are named.
    pub recipients: Vec<Recipient>,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub gender_marker: Option<u32>,
    pub risk_marker: Option<u32>,
    /// How many needs it cites, and those of meetings elsewhere.
    pub needs: usize,
    pub needs_elsewhere: Vec<String>,
}

/// The purpose under which a fund is to pay a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurposeFacts {
    pub currency: Currency,
    pub budget: Amount,
    pub closed_on: Option<NaiveDate>,
}

/// What others found about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// References of similar projects that nobody looked at, and of those of which it is a duplicate.
    pub overlaps: Vec<String>,
    /// References of projects of which it is found to be a part that was split off.
    pub splittings: Vec<String>,
    /// The purpose that it names, if it names one.
    pub purpose: Option<PurposeFacts>,
    pub opinions: Vec<Opinion>,
    pub check: Option<Check>,
    /// The election that is near, where it matters.
    pub election: Option<NaiveDate>,
    pub studies_required: Vec<StudyKind>,
    pub studies: Vec<Study>,
    /// What a fund allocated to it, in its currency.
    pub allocated: Amount,
    /// What projects under the same eligibility were approved for already, in its currency.
    pub approved_before: Amount,
    /// Rates between its currency and that of its ceiling.
    pub exchange: Exchange,
    pub eligibility: Option<Eligibility>,
    /// What was agreed and paid.
    pub finance: Finance,
    /// What was found of the work.
    pub delivery: Delivery,
    /// What is known of its work.
    pub work: Work,
    /// The certificate of what it hands over.
    pub certificate: Option<Certificate>,
    /// What is known of the end of its work.
    pub closure: Closure,
}

/// What guards look at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub today: NaiveDate,
    pub rules: &'a RuleSet,
    pub proposal: &'a Proposal,
    pub review: &'a Review,
}

impl Facts<'_> {
    /// Everything that stands before a transition.
    pub fn unmet(&self, transition: &Transition) -> Vec<Refusal> {
        self.against(transition.guards)
    }

    /// Everything that stands against some guards.
    fn against(&self, guards: &[Guard]) -> Vec<Refusal> {
        guards.iter().flat_map(|guard| self.check(*guard)).collect()
    }

    /// Refuses a transition whose guards are not all met: the first as code and facts, all of them as errors.
    pub fn require(&self, transition: &Transition) -> Result<(), Refusal> {
        self.require_all(transition.guards)
    }

    /// Refuses where guards are not all met: the first as code and facts, all of them as errors.
    pub fn require_all(&self, guards: &[Guard]) -> Result<(), Refusal> {
        let unmet = self.against(guards);
        // What concerns a member of what is asked for says which; the rest concerns the project.
        let told = |refusal: &Refusal| if refusal.errors.is_empty() { refusal.clone().at("").errors } else { refusal.errors.clone() };
        let errors = unmet.iter().flat_map(told).collect();
        match unmet.into_iter().next() {
            None => Ok(()),
            Some(first) => Err(Refusal { errors, ..first }),
        }
    }

    /// Every reason why a guard is not met.
    pub fn check(&self, guard: Guard) -> Vec<Refusal> {
        let one = |outcome: Result<(), Refusal>| outcome.err().into_iter().collect();
        match guard {
            Guard::Requester => {
                let admitted = self.rules.admit_requester(self.proposal.requester);
                one(admitted.map_err(|refusal| refusal.at("/proposal/requester_kind")))
            }
            Guard::Splits => self.splits(),
            Guard::Budget => one(self.budget()),
            Guard::Ceiling => {
                let asked = (self.proposal.budget, self.proposal.currency);
                let within = super::ceiling::require_within(self.rules, asked, &self.review.exchange, self.today);
                one(within.map_err(|refusal| refusal.at("/proposal/budget")))
            }
            Guard::Duration => one(self.duration()),
            Guard::Area => one(self.area()),
            Guard::Need => self.need(),
            Guard::Implementer => self.implementer(),
            Guard::Overhead => one(self.overhead()),
            Guard::Recipients => self.recipients(),
            Guard::Overlaps => self.overlaps(),
            Guard::Appraisals => self.appraisals(),
            Guard::ConflictCheck if self.rules.conflict_check_required => {
                super::check::unmet(self.review.check.as_ref(), self.review.election, self.today)
            }
            Guard::ConflictCheck => Vec::new(),
            Guard::Studies => super::check::studies_unmet(&self.review.studies_required, &self.review.studies, self.today),
            Guard::FundPurpose => one(self.purpose()),
            Guard::Funds => one(self.funds()),
            Guard::GenderMarker => one(self.gender_marker()),
            Guard::RiskMarker if self.rules.risk_marker_required && self.proposal.risk_marker.is_none() => {
                vec![RISK_MARKER_REQUIRED.refuse().at("/proposal/risk_marker")]
            }
            Guard::RiskMarker => Vec::new(),
            Guard::Eligibility => one(self.eligible()),
            Guard::Released => one(self.released()),
            Guard::Unpaid => self.review.finance.paid_already(self.proposal.currency).into_iter().collect(),
            Guard::Agreement => self.review.finance.unsigned(self.rules, self.today),
            Guard::FinalAccounts => self.review.finance.unclosed(self.rules, self.today, self.proposal.currency),
            Guard::Settlement => self.review.finance.under_way(self.proposal.currency),
            Guard::FirstPayment => self.review.finance.unpaid(&self.review.delivery.milestones_met).into_iter().collect(),
            Guard::Outputs => self.review.work.incomplete(self.today),
            Guard::Certificate => unsigned(self.review.certificate.as_ref()).into_iter().collect(),
            Guard::FinalNarrative => {
                let findings = self.review.work.require_no_finding(FindingSeverity::Major);
                findings.err().into_iter().chain(self.review.closure.unmet()).collect()
            }
        }
    }

    fn shown(&self, amount: Amount) -> String {
        amount.display(self.proposal.currency)
    }

    fn splits(&self) -> Vec<Refusal> {
        let mut found = Vec::new();
        for dimension in ShareDimension::ALL {
            let shares = || self.proposal.shares.iter().filter(|share| share.dimension == *dimension);
            let sum: u32 = shares().map(|share| share.bps).sum();
            let terms: BTreeSet<&str> = shares().map(|share| share.term.as_str()).collect();
            if sum != WHOLE || terms.len() != shares().count() {
                found.push(SPLIT_SUM.refuse().with("dimension", *dimension).with("sum", sum).at("/proposal/shares"));
            }
        }
        found
    }

    fn budget(&self) -> Result<(), Refusal> {
        let sum = Amount::sum(self.proposal.lines.iter().map(|(_, amount)| *amount)).unwrap_or_default();
        if sum == self.proposal.budget {
            return Ok(());
        }
        let refusal = BUDGET_SUM.refuse().with("sum", self.shown(sum)).with("budget", self.shown(self.proposal.budget));
        Err(refusal.with("currency", self.proposal.currency.code()).at("/proposal/lines"))
    }

    fn duration(&self) -> Result<(), Refusal> {
        let (from, to) = (self.proposal.starts_on, self.proposal.ends_on);
        let latest = self.rules.duration_months.map_or(NaiveDate::MAX, |months| add_months(from, months));
        if from <= to && to <= latest {
            return Ok(());
        }
        let refusal = DURATION_EXCEEDED.refuse().with("from", from).with("to", to);
        let refusal = if self.rules.duration_months.is_some() { refusal.with("latest", latest) } else { refusal.with("latest", "—") };
        Err(refusal.at("/proposal/ends_on"))
    }

    fn area(&self) -> Result<(), Refusal> {
        let allowed = &self.rules.areas;
        if allowed.is_empty() || self.proposal.area.as_ref().is_some_and(|area| allowed.contains(area)) {
            return Ok(());
        }
        Err(AREA_NOT_ALLOWED.refuse().with("allowed", allowed.clone()).at("/proposal/area"))
    }

    fn need(&self) -> Vec<Refusal> {
        let mut found = Vec::new();
        if self.rules.need_required && self.proposal.needs == 0 {
            found.push(NEED_REQUIRED.refuse().at("/proposal/need_ids"));
        }
        if !self.proposal.needs_elsewhere.is_empty() {
            found.push(NEED_ELSEWHERE.refuse().with("needs", self.proposal.needs_elsewhere.clone()).at("/proposal/need_ids"));
        }
        found
    }

    fn implementer(&self) -> Vec<Refusal> {
        let Some(implementer) = &self.proposal.implementer else { return vec![PARTNER_MISSING.refuse().at("/proposal/implementer")] };
        self.admit(implementer).into_iter().map(|refusal| refusal.at("/proposal/implementer")).collect()
    }

    /// What stands against somebody who would carry a project out, or a part of it.
    fn admit(&self, implementer: &Implementer) -> Vec<Refusal> {
        let mut found = Vec::new();
        let allowed = &self.rules.implementers;
        if !allowed.is_empty() && !allowed.contains(&implementer.kind) {
            found.push(PARTNER_NOT_LOCAL.refuse().with("kind", implementer.kind).with("allowed", spelled(allowed)));
        }
        let debarred = implementer.debarred_until.is_some_and(|until| self.today <= until);
        let reasons = [("not_registered", !implementer.registered), ("inactive", !implementer.active), ("debarred", debarred)];
        let reasons: Vec<String> = reasons.into_iter().filter(|(_, holds)| *holds).map(|(reason, _)| reason.to_owned()).collect();
        if !reasons.is_empty() {
            found.push(PARTNER_INELIGIBLE.refuse().with("reasons", reasons));
        }
        found
    }

    fn overhead(&self) -> Result<(), Refusal> {
        let indirect = self.proposal.lines.iter().filter(|(category, _)| *category == BudgetCategory::Indirect);
        let indirect = Amount::sum(indirect.map(|(_, amount)| *amount)).unwrap_or_default();
        let max = self.proposal.budget.share(i64::from(self.rules.indirect_bps_max));
        if indirect <= max {
            return Ok(());
        }
        let refusal = OVERHEAD_NOT_ALLOWED.refuse().with("indirect", self.shown(indirect)).with("max", self.shown(max));
        Err(refusal.with("currency", self.proposal.currency.code()).at("/proposal/lines"))
    }

    /// The parts of recipients make the budget, each of them is admitted, and who carries the project out is one of them.
    fn recipients(&self) -> Vec<Refusal> {
        let recipients = &self.proposal.recipients;
        let mut found = Vec::new();
        let sum = Amount::sum(recipients.iter().map(|one| one.part)).unwrap_or_default();
        if !recipients.is_empty() && sum != self.proposal.budget {
            let refusal = JOINT_SPLIT.refuse().with("sum", self.shown(sum)).with("budget", self.shown(self.proposal.budget));
            found.push(refusal.with("currency", self.proposal.currency.code()).at("/proposal/recipients"));
        }
        if !recipients.is_empty() && !recipients.iter().any(|one| one.leads) {
            found.push(RECIPIENT_LEAD_MISSING.refuse().at("/proposal/recipients"));
        }
        // Of who leads, the guard of the implementer tells.
        for (index, one) in recipients.iter().enumerate().filter(|(_, one)| !one.leads) {
            let pointer = format!("/proposal/recipients/{index}");
            found.extend(self.admit(&one.implementer).into_iter().map(|refusal| refusal.at(&pointer)));
        }
        found
    }

    fn overlaps(&self) -> Vec<Refusal> {
        let stopping = [(&DUPLICATE_UNRESOLVED, &self.review.overlaps), (&POSSIBLE_SPLITTING, &self.review.splittings)];
        let stopping = stopping.into_iter().filter(|(_, others)| self.rules.overlap_check_required && !others.is_empty());
        stopping.map(|(code, others)| code.refuse().with("references", others.clone())).collect()
    }

    fn appraisals(&self) -> Vec<Refusal> {
        let (required, given) = (usize::try_from(self.rules.appraisals).unwrap_or(usize::MAX), self.review.opinions.len());
        let mut found = Vec::new();
        if given < required {
            found.push(APPRAISALS_MISSING.refuse().with("required", required).with("given", given));
        }
        if self.review.opinions.contains(&Opinion::Adverse) {
            found.push(APPRAISAL_ADVERSE.refuse());
        }
        found
    }

    /// What names no purpose, or one that could never be allocated all of it, could never be approved.
    fn purpose(&self) -> Result<(), Refusal> {
        let (asked, currency) = (self.proposal.budget, self.proposal.currency);
        let refusal = match self.review.purpose {
            None => FUND_PURPOSE_MISSING.refuse(),
            Some(purpose) if purpose.currency != currency => {
                CURRENCY_MISMATCH.refuse().with("expected", purpose.currency.code()).with("requested", currency.code())
            }
            Some(PurposeFacts { closed_on: Some(closed_on), .. }) => FUND_PURPOSE_CLOSED.refuse().with("closed_on", closed_on),
            Some(purpose) if purpose.budget < asked => {
                let refusal = PURPOSE_BUDGET_EXCEEDED.refuse().with("possible", self.shown(purpose.budget));
                refusal.with("requested", self.shown(asked)).with("currency", currency.code())
            }
            Some(_) => return Ok(()),
        };
        Err(refusal.at("/proposal/fund_purpose_id"))
    }

    fn funds(&self) -> Result<(), Refusal> {
        if self.review.allocated >= self.proposal.budget {
            return Ok(());
        }
        if self.review.allocated.is_zero() {
            let refusal = PROJECT_NOT_ALLOCATED.refuse().with("requested", self.shown(self.proposal.budget));
            return Err(refusal.with("currency", self.proposal.currency.code()));
        }
        let refusal = FUND_INSUFFICIENT.refuse().with("possible", self.shown(self.review.allocated));
        Err(refusal.with("requested", self.shown(self.proposal.budget)).with("currency", self.proposal.currency.code()))
    }

    fn gender_marker(&self) -> Result<(), Refusal> {
        let rule = self.rules.gender_marker;
        let holds = self.proposal.gender_marker.map_or(!rule.required, |marker| (rule.minimum..=rule.maximum).contains(&marker));
        if holds {
            return Ok(());
        }
        let refusal = GENDER_MARKER_REQUIRED.refuse().with("minimum", rule.minimum).with("maximum", rule.maximum);
        Err(refusal.at("/proposal/gender_marker"))
    }

    /// Small sums need no eligibility of the country; above them it must be in force on the day of the decision.
    fn eligible(&self) -> Result<(), Refusal> {
        let Some((above, currency)) = self.rules.eligibility_above.as_ref().and_then(|amount| amount.read()) else { return Ok(()) };
        if currency != self.proposal.currency {
            return Err(EXCHANGE_RATE_MISSING.refuse().with("from", self.proposal.currency.code()).with("to", currency.code()));
        }
        let within = self.review.approved_before.checked_add(self.proposal.budget).is_some_and(|total| total <= above);
        let until = self.review.eligibility.map(|eligibility| eligibility.until);
        if within || until.is_some_and(|until| self.today <= until) {
            return Ok(());
        }
        let refusal = ELIGIBILITY_EXPIRED.refuse().with("above", above.display(currency)).with("currency", currency.code());
        Err(refusal.with("until", until.map_or_else(|| "—".to_owned(), |until| until.to_string())))
    }

    fn released(&self) -> Result<(), Refusal> {
        if self.review.allocated.is_zero() {
            return Ok(());
        }
        let refusal = PROJECT_ALLOCATED.refuse().with("allocated", self.shown(self.review.allocated));
        Err(refusal.with("currency", self.proposal.currency.code()))
    }
}

fn spelled<W: Word>(words: &[W]) -> Vec<String> {
    words.iter().map(|word| word.as_str().to_owned()).collect()
}
