//! The rules of cash offices, as tables.

use super::*;

fn amount(minor: i64) -> Amount {
    Amount::from_minor(minor).expect("in range")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn office(kind: CashOfficeKind, held: i64, spent: i64) -> CashOffice {
    CashOffice {
        currency: Currency::XOF,
        kind,
        state: CashOfficeState::Active,
        ceiling: amount(300_000),
        held: amount(held),
        spent: amount(spent),
        standing_advance: amount(if kind == CashOfficeKind::Imprest { 300_000 } else { 0 }),
        max_unit_expense: (kind == CashOfficeKind::Imprest).then(|| amount(50_000)),
        articles: if kind == CashOfficeKind::Imprest { vec!["601".to_owned()] } else { Vec::new() },
        cash_officer: PrincipalId::default(),
        deputy: None,
        activated_on: Some(day("2025-01-02")),
        last_inspected_on: None,
        undeposited_since: None,
    }
}

fn code<T>(result: Result<T, Refusal>) -> &'static str {
    result.map_or_else(|refusal| refusal.code.name, |_| "ok")
}

#[test]
fn an_advance_replaces_what_was_justified_and_nothing_more() {
    let empty = CashOffice { standing_advance: Amount::ZERO, ..office(CashOfficeKind::Imprest, 0, 0) };
    assert_eq!(advance(&empty, amount(300_000)), Ok(amount(300_000)));
    assert_eq!(code(advance(&empty, amount(300_001))), "CASH_OFFICE_CEILING");
    let justified = office(CashOfficeKind::Imprest, 85_500, 0);
    assert_eq!(advance(&justified, amount(214_500)), Ok(amount(300_000)));
    assert_eq!(code(advance(&justified, amount(214_501))), "CASH_OFFICE_CEILING");
    let small = CashOffice { standing_advance: amount(100_000), ..office(CashOfficeKind::Imprest, 60_000, 0) };
    assert_eq!(advance(&small, amount(40_000)), Ok(amount(100_000)));
    let refusal = advance(&small, amount(100_000)).expect_err("60,000 are not justified");
    assert_eq!(refusal.code, &CASH_OFFICE_UNJUSTIFIED_BALANCE);
    assert_eq!(refusal.facts["to_justify"], "60000");
    let suspended = CashOffice { state: CashOfficeState::Suspended, ..justified };
    assert_eq!(code(advance(&suspended, amount(1))), "CASH_OFFICE_CLOSED");
    assert_eq!(code(advance(&office(CashOfficeKind::Collection, 0, 0), amount(1))), "CASH_OFFICE_KIND_INVALID");
}

#[test]
fn an_expense_is_paid_by_the_officer_on_an_allowed_article_with_money_that_is_there() {
    let office = office(CashOfficeKind::Imprest, 100_000, 70_000);
    let officer = office.cash_officer;
    assert_eq!(spend(&office, officer, "601", amount(30_000)), Ok(()));
    assert_eq!(code(spend(&office, officer, "601", amount(30_001))), "CASH_OFFICE_INSUFFICIENT");
    assert_eq!(code(spend(&office, officer, "602", amount(1))), "CASH_OFFICE_ARTICLE_NOT_ALLOWED");
    assert_eq!(code(spend(&office, officer, "601", amount(50_001))), "CASH_OFFICE_UNIT_MAX");
    assert_eq!(code(spend(&office, PrincipalId::new(), "601", amount(1))), "CASH_OFFICE_NOT_OFFICER");
    assert_eq!(code(give_back(&office, amount(30_001))), "CASH_OFFICE_INSUFFICIENT");
}

#[test]
fn a_collection_office_collects_to_its_ceiling_and_deposits_what_it_holds() {
    let office = office(CashOfficeKind::Collection, 200_000, 0);
    assert_eq!(collect_into(&office, amount(100_000)), Ok(()));
    assert_eq!(code(collect_into(&office, amount(100_001))), "CASH_OFFICE_CEILING");
    assert_eq!(deposit(&office, amount(200_000)), Ok(()));
    assert_eq!(code(deposit(&office, amount(200_001))), "CASH_OFFICE_INSUFFICIENT");
    let suspended = CashOffice { state: CashOfficeState::Suspended, ..office.clone() };
    assert_eq!(code(collect_into(&suspended, amount(1))), "CASH_OFFICE_CLOSED");
    assert_eq!(deposit(&suspended, amount(1)), Ok(()), "what it holds is still paid in");
    let closed = CashOffice { state: CashOfficeState::Closed, ..office };
    assert_eq!(code(deposit(&closed, amount(1))), "CASH_OFFICE_CLOSED");
}

#[test]
fn the_days_without_a_deposit_count_from_the_last_deposit_or_the_first_receipt() {
    let (first, later) = (day("2025-03-03"), day("2025-03-10"));
    let empty = office(CashOfficeKind::Collection, 0, 0);
    assert_eq!(undeposited_since(&empty, CashMovementKind::Collection, amount(5), first), Some(first));
    let holding = CashOffice { undeposited_since: Some(first), ..office(CashOfficeKind::Collection, 5, 0) };
    assert_eq!(undeposited_since(&holding, CashMovementKind::Collection, amount(9), later), Some(first));
    assert_eq!(undeposited_since(&holding, CashMovementKind::Deposit, amount(2), later), Some(later));
    assert_eq!(undeposited_since(&holding, CashMovementKind::Deposit, Amount::ZERO, later), None);
    let due = |today: &str| warnings(&holding, day(today), Some(12), Some(15));
    assert_eq!(due("2025-03-18"), []);
    assert_eq!(due("2025-03-19"), [CashOfficeWarning::DepositDue]);
    let full = office(CashOfficeKind::Collection, 300_000, 0);
    assert_eq!(warnings(&full, first, Some(12), Some(15)), [CashOfficeWarning::CeilingReached]);
}

#[test]
fn an_inspection_is_due_a_year_after_the_last_or_after_the_beginning() {
    let never = office(CashOfficeKind::Imprest, 0, 0);
    let due = |office: &CashOffice, today: &str| warnings(office, day(today), Some(12), Some(15));
    assert_eq!(due(&never, "2026-01-02"), []);
    assert_eq!(due(&never, "2026-01-03"), [CashOfficeWarning::NotInspected]);
    let inspected = CashOffice { last_inspected_on: Some(day("2025-06-30")), ..never.clone() };
    assert_eq!(due(&inspected, "2026-01-03"), []);
    assert_eq!(due(&inspected, "2026-07-01"), [CashOfficeWarning::NotInspected]);
    assert_eq!(due(&CashOffice { state: CashOfficeState::Closed, ..never }, "2030-01-01"), []);
}

#[test]
fn an_inspection_finds_what_is_missing_or_too_much() {
    let office = office(CashOfficeKind::Imprest, 100_000, 30_000);
    assert_eq!(inspect(&office, amount(70_000)), Ok(Finding::Even));
    assert_eq!(inspect(&office, amount(60_000)), Ok(Finding::Shortage(amount(10_000))));
    assert_eq!(inspect(&office, amount(70_500)), Ok(Finding::Surplus(amount(500))));
    let created = CashOffice { state: CashOfficeState::Created, ..office };
    assert_eq!(code(inspect(&created, amount(0))), "CASH_OFFICE_CLOSED");
}

#[test]
fn an_office_is_founded_with_terms_of_its_kind_and_closed_empty() {
    let terms = |kind, max_unit_expense: Option<i64>, articles: &[&str]| Terms {
        kind,
        act_date: day("2025-01-02"),
        ceiling: amount(300_000),
        max_unit_expense: max_unit_expense.map(amount),
        articles: articles.iter().map(|article| (*article).to_owned()).collect(),
        cash_officer: PrincipalId::new(),
        deputy: None,
    };
    let today = day("2025-01-02");
    assert_eq!(found(&terms(CashOfficeKind::Imprest, Some(50_000), &["601"]), today), Ok(()));
    assert_eq!(found(&terms(CashOfficeKind::Collection, None, &[]), today), Ok(()));
    assert_eq!(code(found(&terms(CashOfficeKind::Imprest, Some(50_000), &["601"]), day("2025-01-01"))), "DATE_IN_FUTURE");
    for wrong in [
        terms(CashOfficeKind::Imprest, None, &["601"]),
        terms(CashOfficeKind::Imprest, Some(300_001), &["601"]),
        terms(CashOfficeKind::Imprest, Some(50_000), &[]),
        terms(CashOfficeKind::Collection, Some(1), &[]),
        terms(CashOfficeKind::Collection, None, &["714"]),
    ] {
        assert_eq!(code(found(&wrong, today)), "CASH_OFFICE_TERMS_INVALID");
    }
    assert_eq!(close(&office(CashOfficeKind::Imprest, 0, 0), 0), Ok(CashOfficeState::Closed));
    assert_eq!(code(close(&office(CashOfficeKind::Imprest, 1, 0), 0)), "CASH_OFFICE_NOT_EMPTY");
    assert_eq!(code(close(&office(CashOfficeKind::Collection, 0, 0), 1)), "CASH_OFFICE_NOT_EMPTY");
}

#[test]
fn the_posting_table_of_cash_offices() {
    let accounts = Part::ALL.iter().map(|part| (*part, part.as_str().to_owned())).collect();
    let accounts = PostingAccounts::new(accounts).expect("every part");
    let posted = |office, kind| {
        let lines = movement_postings(&accounts, office, kind, amount(5))?;
        Some(lines.into_iter().map(|line| line.account).collect::<Vec<_>>().join(" / "))
    };
    use CashMovementKind::{Advance, Collection as Collected, Deposit, Justification, Return, Shortage};
    use CashOfficeKind::{Collection, Imprest};
    for (office, kind, expected) in [
        (Imprest, Advance, Some("imprest / treasury")),
        (Imprest, Return, Some("treasury / imprest")),
        (Imprest, Shortage, Some("debtors / imprest")),
        (Imprest, Justification, None),
        (Collection, Deposit, Some("treasury / collection_office")),
        (Collection, Shortage, Some("debtors / collection_office")),
        (Collection, Collected, None),
    ] {
        assert_eq!(posted(office, kind).as_deref(), expected, "{kind}");
    }
}
