//! The machine: its table, the acceptance cases of its guards, and random lives held against a small machine written anew.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use proptest::prelude::*;

use super::agreement::{Agreement, ProjectAgreementSide, ProjectChannel};
use super::check::{Check, CheckResult, POLICE_STUDIES, Study, StudyConclusion, StudyKind};
use super::finance::Finance;
use super::guard::{BudgetCategory, Facts, Guard, Implementer, Opinion, Proposal, PurposeFacts, Review, Share, ShareDimension};
use super::recipient::Recipient;
use super::release::Delivery;
use super::*;
use crate::money::{Amount, Currency};
use crate::programme::Instrument;
use crate::programme::context::eligibility;
use crate::programme::rule_set::{ImplementerKind, RequesterKind, RuleSet, find, shipped};

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn usd() -> Currency {
    Currency::parse("USD").expect("known")
}

fn money(text: &str) -> Amount {
    Amount::parse(text, usd()).expect("an amount")
}

fn share(dimension: ShareDimension, term: &str, bps: u32) -> Share {
    Share { dimension, term: term.to_owned(), bps }
}

/// The mobilisation of the women of Gao.
fn gao() -> Proposal {
    Proposal {
        requester: RequesterKind::CivilSociety,
        implementer: Some(Implementer { kind: ImplementerKind::LocalAssociation, registered: true, active: true, debarred_until: None }),
        area: Some("training_awareness".to_owned()),
        shares: vec![
            share(ShareDimension::Place, "ML07", 10_000),
            share(ShareDimension::Sector, "women_in_elections", 10_000),
            share(ShareDimension::Country, "ML", 10_000),
        ],
        currency: usd(),
        budget: money("41970"),
        lines: vec![(BudgetCategory::Contractual, money("41970"))],
        recipients: Vec::new(),
        starts_on: day("2018-06-29"),
        ends_on: day("2018-12-29"),
        gender_marker: Some(2),
        risk_marker: Some(0),
        needs: 1,
        needs_elsewhere: Vec::new(),
    }
}

fn budget(text: &str) -> Proposal {
    Proposal { budget: money(text), lines: vec![(BudgetCategory::Contractual, money(text))], ..gao() }
}

/// Everything found that a recommendation and a decision ask for.
fn reviewed() -> Review {
    let study = |kind| Study { kind, conclusion: StudyConclusion::Favourable, accepted_on: day("2018-01-01") };
    Review {
        opinions: vec![Opinion::Favourable; 2],
        check: Some(Check {
            result: CheckResult::Pass,
            grave: Vec::new(),
            valid_until: day("2018-12-01"),
            analysed_on: day("2018-01-01"),
            neutrality: true,
            stale: false,
            uncovered: Vec::new(),
        }),
        studies: POLICE_STUDIES.map(study).to_vec(),
        purpose: Some(PurposeFacts { currency: usd(), budget: money("100000000"), closed_on: None }),
        allocated: money("100000000"),
        eligibility: eligibility(day("2018-06-30")),
        ..Review::default()
    }
}

fn quick() -> &'static RuleSet {
    find(Instrument::QuickImpact, 2).expect("shipped")
}

fn codes(rules: &RuleSet, proposal: &Proposal, review: &Review, action: ProjectAction, today: &str) -> Vec<&'static str> {
    let facts = Facts { today: day(today), rules, proposal, review };
    facts.unmet(action.transition().expect("a line")).into_iter().map(|refusal| refusal.code.name).collect()
}

fn submitting(proposal: &Proposal) -> Vec<&'static str> {
    codes(quick(), proposal, &Review::default(), A::Submit, "2018-06-01")
}

#[test]
fn the_table_has_one_line_for_each_of_the_eighteen_actions() {
    assert_eq!(TRANSITIONS.len(), 18);
    let actions: BTreeSet<ProjectAction> = TRANSITIONS.iter().map(|line| line.action).collect();
    assert_eq!(actions.len(), ProjectAction::ALL.len());
    for state in ProjectState::ALL {
        let reached = *state == S::Draft || TRANSITIONS.iter().any(|line| line.to == *state && !line.from.is_empty());
        assert!(reached, "{state} is reached from the draft");
    }
}

#[test]
fn nothing_leads_out_of_a_closed_project() {
    for state in [S::FinanciallyClosed, S::Rejected, S::Withdrawn, S::Cancelled, S::Terminated] {
        assert!(state.is_final());
        for action in ProjectAction::ALL {
            assert_eq!(state.act(*action).map(|_| ()).map_err(|refusal| refusal.code.name), Err("CLOSED_IMMUTABLE"), "{state} {action}");
        }
    }
    let refusal = S::Draft.act(A::Approve).expect_err("not from here");
    assert_eq!((refusal.code.name, &refusal.facts["allowed"]), ("PROJECT_STATE_INVALID", &serde_json::json!(["submit", "withdraw"])));
}

#[test]
fn the_women_of_gao_are_within_the_ceiling_and_one_cent_more_is_not() {
    assert_eq!(submitting(&gao()), [""; 0]);
    assert_eq!(submitting(&budget("50000")), [""; 0]);
    let proposal = budget("50000.01");
    let facts = Facts { today: day("2018-06-01"), rules: quick(), proposal: &proposal, review: &Review::default() };
    let refusal = facts.check(Guard::Ceiling).pop().expect("refused");
    assert_eq!((refusal.code.name, &refusal.facts["max"]), ("CEILING_EXCEEDED", &serde_json::json!("50000.00")));
    let francs = Proposal { currency: Currency::XOF, ..gao() };
    assert_eq!(submitting(&francs), ["EXCHANGE_RATE_MISSING"], "nothing is compared across currencies");
}

#[test]
fn six_months_end_on_the_same_day_or_with_the_month() {
    let ends = |from: &str, to: &str| submitting(&Proposal { starts_on: day(from), ends_on: day(to), ..gao() });
    assert_eq!(ends("2018-06-29", "2018-12-29"), [""; 0]);
    assert_eq!(ends("2018-06-29", "2018-12-30"), ["DURATION_EXCEEDED"]);
    assert_eq!(ends("2018-08-31", "2019-02-28"), [""; 0]);
    assert_eq!(ends("2018-08-31", "2019-03-01"), ["DURATION_EXCEEDED"]);
    assert_eq!(ends("2018-08-31", "2018-08-30"), ["DURATION_EXCEEDED"]);
}

#[test]
fn a_guard_tells_all_reasons_at_once_in_both_languages() {
    let partner =
        Implementer { kind: ImplementerKind::InternationalNgo, registered: false, active: true, debarred_until: Some(day("2018-06-01")) };
    let proposal = Proposal {
        requester: RequesterKind::Community,
        implementer: Some(partner),
        area: None,
        shares: vec![share(ShareDimension::Place, "ML07", 5000), share(ShareDimension::Place, "ML07", 5000)],
        lines: vec![(BudgetCategory::Contractual, money("39033")), (BudgetCategory::Indirect, money("2937.90"))],
        recipients: vec![Recipient { implementer: partner, part: money("1"), leads: true }],
        needs_elsewhere: vec!["puits".to_owned()],
        ..gao()
    };
    let facts = Facts { today: day("2018-06-01"), rules: quick(), proposal: &proposal, review: &Review::default() };
    let refusal = facts.require(A::Submit.transition().expect("a line")).expect_err("refused");
    assert_eq!(refusal.code.name, "REQUESTER_KIND_NOT_ALLOWED");
    let told: Vec<&str> = refusal.errors.iter().map(|error| error.code).collect();
    assert_eq!(
        told,
        [
            "REQUESTER_KIND_NOT_ALLOWED",
            "SPLIT_SUM",
            "SPLIT_SUM",
            "SPLIT_SUM",
            "BUDGET_SUM",
            "AREA_NOT_ALLOWED",
            "NEED_ELSEWHERE",
            "PARTNER_NOT_LOCAL",
            "PARTNER_INELIGIBLE",
            "OVERHEAD_NOT_ALLOWED",
            "JOINT_SPLIT",
        ]
    );
    assert!(refusal.errors.iter().all(|error| !error.detail_fr.contains('{') && !error.detail_en.contains('{')), "{:?}", refusal.errors);
    assert!(refusal.errors.iter().any(|error| error.detail_en.contains("not_registered, debarred")));
    assert_eq!(submitting(&Proposal { implementer: None, ..gao() }), ["PARTNER_MISSING"]);
}

#[test]
fn a_pilot_answers_a_need() {
    let pilot = find(Instrument::CommunityPilot, 1).expect("shipped");
    let submit = |needs| codes(pilot, &Proposal { needs, ..gao() }, &Review::default(), A::Submit, "2018-06-01");
    assert_eq!((submit(0), submit(1)), (vec!["NEED_REQUIRED"], vec![]));
}

#[test]
fn a_country_is_eligible_for_five_years_or_asks_for_little() {
    let facility = find(Instrument::PeacebuildingImmediate, 1).expect("shipped");
    let asked = |before: &str, today: &str| {
        let review = Review { approved_before: money(before), eligibility: eligibility(day(today)), ..reviewed() };
        let facts = Facts { today: day(today), rules: facility, proposal: &budget("100000"), review: &review };
        facts.check(Guard::Eligibility).into_iter().map(|refusal| refusal.code.name).collect::<Vec<_>>()
    };
    assert_eq!(asked("3000000", "2018-06-30"), [""; 0]);
    assert_eq!(asked("3000000", "2019-04-03"), ["ELIGIBILITY_EXPIRED"]);
    assert_eq!(asked("2800000", "2014-01-01"), [""; 0], "2.9 million need none");
    assert_eq!(asked("3000000", "2014-01-01"), ["ELIGIBILITY_EXPIRED"], "3.1 million do");
}

#[test]
fn a_decision_asks_for_money_markers_and_fresh_evidence() {
    let promotion = find(Instrument::GenderYouthPromotion, 1).expect("shipped");
    let decided = |proposal: &Proposal, review: &Review| codes(promotion, proposal, review, A::Approve, "2018-06-30");
    assert_eq!(decided(&gao(), &reviewed()), [""; 0]);
    let unmarked = Proposal { gender_marker: Some(1), risk_marker: None, ..gao() };
    assert_eq!(decided(&unmarked, &reviewed()), ["GENDER_MARKER_REQUIRED", "RISK_MARKER_REQUIRED"]);
    let short = Review { allocated: money("41969.99"), check: None, overlaps: vec!["QIP-2".to_owned()], ..reviewed() };
    assert_eq!(decided(&gao(), &short), ["DUPLICATE_UNRESOLVED", "FUND_INSUFFICIENT", "CSC_MISSING"]);
    let bare = Review { allocated: Amount::ZERO, splittings: vec!["QIP-2".to_owned()], ..reviewed() };
    assert_eq!(decided(&gao(), &bare), ["POSSIBLE_SPLITTING", "PROJECT_NOT_ALLOCATED"]);
    let police = Review { studies_required: POLICE_STUDIES.to_vec(), studies: Vec::new(), ..reviewed() };
    assert_eq!(decided(&gao(), &police), ["STUDY_MISSING"]);
    let against = Study { kind: StudyKind::Feasibility, conclusion: StudyConclusion::Unfavourable, accepted_on: day("2018-02-01") };
    let police = Review { studies: [reviewed().studies, vec![against]].concat(), ..police };
    assert_eq!(decided(&gao(), &police), ["STUDY_UNFAVOURABLE"]);
}

#[test]
fn nothing_is_recommended_that_could_never_be_approved() {
    let promotion = find(Instrument::GenderYouthPromotion, 1).expect("shipped");
    let purpose = |currency: &str, budget: &str, closed_on| {
        let currency = Currency::parse(currency).expect("known");
        Some(PurposeFacts { currency, budget: Amount::parse(budget, currency).expect("an amount"), closed_on })
    };
    let recommended = |proposal: &Proposal, purpose| {
        let review = Review { purpose, ..reviewed() };
        let facts = Facts { today: day("2018-06-30"), rules: promotion, proposal, review: &review };
        let told = facts.unmet(A::Recommend.transition().expect("a line")).into_iter();
        told.map(|refusal| (refusal.code.name, refusal.errors[0].pointer.clone())).collect::<Vec<_>>()
    };
    let at_purpose = |code| vec![(code, "/proposal/fund_purpose_id".to_owned())];
    assert_eq!(recommended(&gao(), purpose("USD", "41970", None)), []);
    assert_eq!(recommended(&gao(), None), at_purpose("FUND_PURPOSE_MISSING"));
    assert_eq!(recommended(&gao(), purpose("EUR", "41970", None)), at_purpose("CURRENCY_MISMATCH"));
    assert_eq!(recommended(&gao(), purpose("USD", "41969.99", None)), at_purpose("PURPOSE_BUDGET_EXCEEDED"));
    assert_eq!(recommended(&gao(), purpose("USD", "41970", Some(day("2018-01-01")))), at_purpose("FUND_PURPOSE_CLOSED"));
    let unmarked = Proposal { gender_marker: Some(1), risk_marker: None, ..gao() };
    let told = recommended(&unmarked, purpose("USD", "41970", None));
    let markers = [("GENDER_MARKER_REQUIRED", "gender_marker"), ("RISK_MARKER_REQUIRED", "risk_marker")];
    assert_eq!(told, markers.map(|(code, member)| (code, format!("/proposal/{member}"))));
}

#[test]
fn what_is_missing_in_a_proposal_is_pointed_at() {
    let wanting = Proposal {
        implementer: None,
        area: None,
        shares: Vec::new(),
        lines: vec![(BudgetCategory::Indirect, money("1"))],
        ends_on: day("2030-01-01"),
        needs_elsewhere: vec!["puits".to_owned()],
        requester: RequesterKind::Community,
        ..budget("50000.01")
    };
    let facts = Facts { today: day("2018-06-01"), rules: quick(), proposal: &wanting, review: &Review::default() };
    let refusal = facts.require(A::Submit.transition().expect("a line")).expect_err("refused");
    let told: BTreeSet<&str> = refusal.errors.iter().map(|error| error.pointer.as_str()).collect();
    let members = ["area", "budget", "ends_on", "implementer", "lines", "need_ids", "requester_kind", "shares"];
    assert_eq!(told, members.iter().map(|member| format!("/proposal/{member}")).collect::<Vec<_>>().iter().map(String::as_str).collect());
}

#[test]
fn what_is_not_proven_stands_against_the_end() {
    assert_eq!(codes(quick(), &gao(), &reviewed(), A::Cancel, "2018-06-30"), ["PROJECT_ALLOCATED"]);
    assert_eq!(codes(quick(), &gao(), &reviewed(), A::CloseFinancial, "2018-06-30"), ["FINAL_REPORT_MISSING"]);
    assert_eq!(codes(quick(), &gao(), &reviewed(), A::Terminate, "2018-06-30"), [""; 0]);
}

#[test]
fn a_project_is_signed_by_both_sides_in_time_and_begins_when_it_is_paid() {
    let signed = Agreement {
        amount: money("41970"),
        tranches: vec![money("33576"), money("8394")],
        signed: ProjectAgreementSide::ALL.to_vec(),
        account_verified: true,
        channel: ProjectChannel::Direct,
    };
    let finance = Finance { approved_on: Some(day("2018-06-30")), agreement: Some(signed.clone()), ..Finance::default() };
    let told =
        |finance: &Finance, action, today: &str| codes(quick(), &gao(), &Review { finance: finance.clone(), ..reviewed() }, action, today);
    assert_eq!(told(&finance, A::Sign, "2018-09-28"), [""; 0]);
    assert_eq!(told(&finance, A::Sign, "2018-09-29"), ["APPROVAL_LAPSED"], "ninety days later at the latest");
    let bare = Agreement { signed: vec![ProjectAgreementSide::Partner], account_verified: false, ..signed };
    let unsigned = Finance { agreement: Some(bare), ..finance.clone() };
    assert_eq!(told(&unsigned, A::Sign, "2019-01-01"), ["AGREEMENT_UNSIGNED", "ACCOUNT_UNVERIFIED", "APPROVAL_LAPSED"]);
    assert_eq!(told(&Finance::default(), A::Sign, "2018-06-30"), ["AGREEMENT_MISSING"]);
    assert_eq!(told(&finance, A::Start, "2018-07-01"), ["PAYMENT_MISSING"]);
    // In kind nobody is paid, to no account: it begins with what was delivered.
    let goods = Agreement { account_verified: false, channel: ProjectChannel::InKind, ..finance.agreement.clone().expect("signed") };
    let goods = Finance { agreement: Some(goods), tranches_paid: vec![1], ..finance.clone() };
    assert_eq!((told(&goods, A::Sign, "2018-09-28"), told(&goods, A::Start, "2018-07-01")), (vec![], vec!["PAYMENT_MISSING"]));
    let delivered = Delivery { milestones_met: vec![1], ..Delivery::default() };
    let delivered = Review { finance: goods, delivery: delivered, ..reviewed() };
    assert_eq!(codes(quick(), &gao(), &delivered, A::Start, "2018-07-01"), [""; 0]);
    let paid = Finance { paid: money("33576"), tranches_paid: vec![1], ..finance };
    assert_eq!(told(&paid, A::Start, "2018-07-01"), [""; 0]);
    assert_eq!(told(&paid, A::Cancel, "2018-07-01"), ["PAYMENT_EXISTS", "PROJECT_ALLOCATED"]);
}

/// The machine once more, as text: where each state leads to, by which action.
const REFERENCE: &str = "
    draft: submit submitted, withdraw withdrawn
    submitted: start_review under_review, withdraw withdrawn
    under_review: return returned, recommend recommended, reject rejected, withdraw withdrawn
    returned: submit submitted, withdraw withdrawn
    recommended: approve approved, reject rejected, withdraw withdrawn
    approved: sign contracted, cancel cancelled
    contracted: start active, cancel cancelled
    active: suspend suspended, complete physically_completed, terminate terminated
    suspended: resume active, terminate terminated
    physically_completed: hand_over handed_over, close_operational operationally_closed
    handed_over: close_operational operationally_closed
    operationally_closed: close_financial financially_closed";

fn reference() -> BTreeMap<(String, String), String> {
    let mut ways = BTreeMap::new();
    for line in REFERENCE.lines().filter(|line| !line.trim().is_empty()) {
        let (from, list) = line.trim().split_once(": ").expect("a state");
        for way in list.split(", ") {
            let (action, to) = way.split_once(' ').expect("a way");
            ways.insert((from.to_owned(), action.to_owned()), to.to_owned());
        }
    }
    ways
}

/// What is wrong with a project, one thing at a time, and the actions that it stands before under some rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    Requester,
    Places,
    Lines,
    Cost,
    Length,
    Need,
    Partner,
    Overhead,
    Overlap,
    Splitting,
    Adverse,
    Check,
    Police,
    Purpose,
    Money,
    Gender,
    Risk,
}

const DEFECTS: [Defect; 17] = [
    Defect::Requester,
    Defect::Places,
    Defect::Lines,
    Defect::Cost,
    Defect::Length,
    Defect::Need,
    Defect::Partner,
    Defect::Overhead,
    Defect::Overlap,
    Defect::Splitting,
    Defect::Adverse,
    Defect::Check,
    Defect::Police,
    Defect::Purpose,
    Defect::Money,
    Defect::Gender,
    Defect::Risk,
];

/// A project that some rules allow, with its defects.
fn made(rules: &RuleSet, defects: &[Defect]) -> (Proposal, Review) {
    let (mut proposal, mut review) = (gao(), reviewed());
    let kind = rules.implementers.first().copied().unwrap_or(ImplementerKind::Commune);
    let good = Implementer { kind, registered: true, active: true, debarred_until: None };
    (proposal.implementer, proposal.gender_marker) = (Some(good), Some(rules.gender_marker.maximum));
    for defect in defects {
        match defect {
            Defect::Requester => proposal.requester = RequesterKind::Community,
            Defect::Places => proposal.shares[0].bps = 9999,
            Defect::Lines => proposal.lines.push((BudgetCategory::Travel, money("1"))),
            Defect::Cost => {
                proposal.budget = proposal.budget.checked_add(money("50000")).expect("small");
                proposal.lines.push((BudgetCategory::Staff, money("50000")));
            }
            Defect::Length => proposal.ends_on = day("2030-01-01"),
            Defect::Need => proposal.needs = 0,
            Defect::Partner => proposal.implementer = Some(Implementer { active: false, ..good }),
            Defect::Overhead => proposal.lines = vec![(BudgetCategory::Indirect, proposal.budget)],
            Defect::Overlap => review.overlaps.push("QIP-9".to_owned()),
            Defect::Splitting => review.splittings.push("QIP-8".to_owned()),
            Defect::Purpose => review.purpose = None,
            Defect::Adverse => review.opinions.push(Opinion::Adverse),
            Defect::Check => review.check = None,
            Defect::Police => (review.studies_required, review.studies) = (POLICE_STUDIES.to_vec(), Vec::new()),
            Defect::Money => review.allocated = money("1"),
            Defect::Gender => proposal.gender_marker = None,
            Defect::Risk => proposal.risk_marker = None,
        }
    }
    (proposal, review)
}

/// Whether a defect stands before an action, said anew from the table of the instruments.
fn stands(instrument: &str, defect: Defect, action: &str) -> bool {
    let (quick, peace) = (instrument == "quick_impact", instrument.starts_with("peacebuilding") || instrument == "gender_youth_promotion");
    let (submit, review, recommend, approve) = (action == "submit", action == "start_review", action == "recommend", action == "approve");
    match defect {
        Defect::Requester => submit && quick,
        Defect::Places | Defect::Lines | Defect::Partner | Defect::Overhead => submit,
        Defect::Cost => (submit || approve) && quick,
        Defect::Length => submit && instrument != "bilateral",
        Defect::Need => submit && instrument == "community_pilot",
        Defect::Overlap | Defect::Splitting => (review || approve) && instrument != "bilateral",
        Defect::Adverse | Defect::Purpose => recommend,
        Defect::Check | Defect::Police => recommend || approve,
        Defect::Money => approve || action == "cancel",
        Defect::Gender => (recommend || approve) && (peace || instrument == "community_pilot"),
        Defect::Risk => (recommend || approve) && peace,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_lives_under_every_rule_set_go_as_in_a_machine_written_anew(
        steps in prop::collection::vec((0_usize..6, 0_usize..64, prop::collection::vec(0_usize..200, 0..3)), 1..60),
    ) {
        let ways = reference();
        for rules in shipped() {
            // Six projects of an instrument, each with its state in both machines and whether it was ever approved.
            let mut lives = vec![(S::Draft, "draft".to_owned(), false); 6];
            for (which, action, defects) in &steps {
                let (state, told, approved) = &mut lives[*which];
                // Two of three draws are ways out of the state, so that lives get on.
                let open: Vec<ProjectAction> = state.transitions().map(|way| way.action).collect();
                let action = match open.get(action % (open.len() * 2 + 1)) {
                    Some(way) => *way,
                    None => open.get(action % open.len().max(1)).copied().unwrap_or(ProjectAction::ALL[action % ProjectAction::ALL.len()]),
                };
                let defects: Vec<Defect> = defects.iter().filter_map(|index| DEFECTS.get(*index).copied()).collect();
                let (proposal, review) = made(rules, &defects);
                let facts = Facts { today: day("2018-06-30"), rules, proposal: &proposal, review: &review };
                let next = ways.get(&(told.clone(), action.as_str().to_owned()));
                match (state.act(action), next) {
                    (Err(_), None) => {}
                    (Ok(way), Some(next)) => {
                        prop_assert_eq!(way.to.as_str(), next);
                        let kept = matches!(way.guards, [] | [Guard::Requester | Guard::Overlaps | Guard::Appraisals | Guard::Ceiling | Guard::Unpaid, ..]);
                        // The review gives money; what is given up has none left but where the defect says so.
                        let review = if action == A::Cancel && !defects.contains(&Defect::Money) { Review { allocated: Amount::ZERO, ..review.clone() } } else { review.clone() };
                        let unmet = Facts { review: &review, ..facts }.unmet(way);
                        let expected = defects.iter().any(|defect| stands(rules.instrument.as_str(), *defect, action.as_str()));
                        if kept {
                            prop_assert_eq!(!unmet.is_empty(), expected, "{} {} {:?}: {:?}", rules.instrument, action, defects, unmet);
                        }
                        // Where the service keeps no evidence yet, the walk goes on as if there were some.
                        if !kept || unmet.is_empty() {
                            (*state, *told) = (way.to, next.clone());
                            *approved |= way.to == S::Approved;
                        }
                    }
                    (found, next) => prop_assert!(false, "{}: {} {}: {:?} for {:?}", rules.instrument, told, action, found.map(|way| way.to), next),
                }
                let counted = |class: StateClass| lives.iter().filter(|(state, _, _)| state.class() == Some(class)).count();
                let sum: usize = StateClass::ALL.iter().map(|class| counted(*class)).sum();
                prop_assert_eq!(lives.iter().filter(|(_, _, approved)| *approved).count(), sum, "approved are those of the four classes");
            }
        }
    }
}
