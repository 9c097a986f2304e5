//! Cash offices: money in the hands of a cash officer, from the advance to the justification, and what stands in its way.

mod office;
mod race;
mod ticket;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::{assign, newcomer};
use crate::expenditure::{posting, postings};
use crate::harness::{Answer, Stage, Town};
use crate::on_both_engines;

/// Digests of documents that tests have no need to show: a different one for each number.
pub fn digest(number: u64) -> String {
    format!("{number:064x}")
}

/// What an imprest is founded on: it may pay 601 and 604, 50,000 at once.
fn imprest_terms(town: &Town, ceiling: &str) -> Value {
    json!({
        "kind": "imprest", "name": "Régie des menues dépenses", "act_reference": "2025-014/M-C01", "act_date": "2025-01-15",
        "act_sha256": digest(1), "ceiling": ceiling, "currency": "XOF", "max_unit_expense": "50000",
        "allowed_articles": ["601", "604"], "cash_officer_id": town.person("cash-officer"),
    })
}

/// What a collection office is founded on.
pub fn collection_terms(town: &Town, ceiling: &str) -> Value {
    json!({
        "kind": "collection", "name": "Régie des droits de marché", "act_reference": "2025-015/M-C01", "act_date": "2025-01-15",
        "act_sha256": digest(2), "ceiling": ceiling, "currency": "XOF", "bond": "100000",
        "cash_officer_id": town.person("cash-officer"),
    })
}

/// An office that the mayor founded.
fn founded(town: &Town, terms: &Value) -> String {
    town.path(&format!("/cash-offices/{}", town.client("mayor").create(&town.path("/cash-offices"), terms).expect(201).id()))
}

/// An office that the accountant activated.
pub fn active(town: &Town, terms: &Value) -> String {
    let office = founded(town, terms);
    town.client("accountant").act(&office, "/activation", &json!({})).expect(200);
    office
}

fn imprest(town: &Town, ceiling: &str) -> String {
    active(town, &imprest_terms(town, ceiling))
}

/// A collection office that was closed.
pub fn closed(town: &Town) -> String {
    let office = active(town, &collection_terms(town, "150000"));
    town.client("mayor").act(&office, "/closure", &json!({ "reason": "Marché fermé" })).expect(200);
    office
}

/// The accountant moves money: `/advances`, `/returns` or `/deposits`.
pub fn transfer(town: &Town, office: &str, action: &str, amount: &str) -> Answer {
    let body = json!({ "amount": amount, "currency": "XOF", "document_sha256": digest(3) });
    town.client("accountant").act(office, action, &body)
}

pub fn id_of(path: &str) -> String {
    path.rsplit('/').next().expect("an id").to_owned()
}

fn expense(town: &Town, office: &str, line: &str, amount: &str, receipt: u64) -> Value {
    json!({
        "cash_office_id": id_of(office), "budget_line_id": town.line(line), "payee": "Papeterie du marché", "label": "Ramettes",
        "amount": amount, "currency": "XOF", "spent_on": "2025-02-03", "receipt_sha256": digest(receipt),
    })
}

fn spend(town: &Town, office: &str, amount: &str, receipt: u64) -> Answer {
    let body = expense(town, office, "F-D-60-601-01", amount, receipt);
    town.client("cash-officer").create(&town.path("/imprest-expenses"), &body)
}

fn submit(town: &Town, office: &str, expenses: &[Uuid], total: &str) -> Answer {
    let body = json!({ "cash_office_id": id_of(office), "expense_ids": expenses, "total": total, "currency": "XOF" });
    town.client("cash-officer").create(&town.path("/justification-slips"), &body)
}

/// A slip that the mayor signed.
fn signed(town: &Town, office: &str, expenses: &[Uuid], total: &str) -> String {
    let slip = town.path(&format!("/justification-slips/{}", submit(town, office, expenses, total).expect(201).id()));
    town.client("mayor").act(&slip, "/signature", &json!({})).expect(200);
    slip
}

fn inspect(town: &Town, office: &str, counted: &str) -> Answer {
    let body = json!({ "counted": counted, "currency": "XOF", "minutes_sha256": digest(4) });
    town.client("accountant").act(office, "/inspections", &body)
}

pub fn member(town: &Town, resource: &str, name: &str) -> String {
    town.client("auditor").get(resource).expect(200).text(&format!("/{name}"))
}

pub fn warnings(town: &Town, office: &str) -> Value {
    town.client("auditor").get(office).expect(200).json()["warnings"].clone()
}

pub fn rows(town: &Town, list: &str) -> Vec<Value> {
    town.client("auditor").get(&town.path(list)).expect(200).json()["data"].as_array().expect("rows").clone()
}

/// One of everything that the room knows; gives every answer by the pattern of its operation below the organisation.
pub fn played(town: &Town) -> Vec<(&'static str, Answer)> {
    let mut answers = Vec::new();
    let mut note = |pattern: &'static str, answer: Answer| {
        assert!(answer.status < 300, "{pattern}: {answer:?}");
        answers.push((pattern, answer.clone()));
        answer
    };
    let accountant = town.client("accountant");
    let office = note("/cash-offices", town.client("mayor").create(&town.path("/cash-offices"), &imprest_terms(town, "300000"))).id();
    let office = town.path(&format!("/cash-offices/{office}"));
    note("/cash-offices/{cash_office_id}/activation", accountant.act(&office, "/activation", &json!({})));
    note("/cash-offices/{cash_office_id}/advances", transfer(town, &office, "/advances", "100000"));
    let kept = note("/imprest-expenses", spend(town, &office, "40000", 101)).id();
    let taken_back = note("/imprest-expenses", spend(town, &office, "10000", 102)).id();
    let taken_back = town.path(&format!("/imprest-expenses/{taken_back}"));
    let withdrawal = town.client("cash-officer").act(&taken_back, "/withdrawal", &json!({}));
    note("/imprest-expenses/{imprest_expense_id}/withdrawal", withdrawal);
    for accepted in [false, true] {
        let slip = note("/justification-slips", submit(town, &office, &[kept], "40000")).id();
        let slip = town.path(&format!("/justification-slips/{slip}"));
        note("/justification-slips/{justification_slip_id}/signature", town.client("mayor").act(&slip, "/signature", &json!({})));
        if accepted {
            note("/justification-slips/{justification_slip_id}/acceptance", accountant.act(&slip, "/acceptance", &json!({})));
        } else {
            let rejection = accountant.act(&slip, "/rejection", &json!({ "text": "Pièce illisible" }));
            note("/justification-slips/{justification_slip_id}/rejection", rejection);
        }
    }
    note("/cash-offices/{cash_office_id}/inspections", inspect(town, &office, "59000"));
    note("/cash-offices/{cash_office_id}/returns", transfer(town, &office, "/returns", "9000"));
    let appointment = json!({ "cash_officer_id": town.person("cash-officer") });
    note("/cash-offices/{cash_office_id}/appointment", town.client("mayor").act(&office, "/appointment", &appointment));
    let reason = json!({ "reason": "Congé du régisseur" });
    note("/cash-offices/{cash_office_id}/suspension", accountant.act(&office, "/suspension", &reason));
    let other = founded(town, &collection_terms(town, "1000"));
    note("/cash-offices/{cash_office_id}/closure", town.client("mayor").act(&other, "/closure", &reason));
    ticket::played(town, note);
    answers
}

/// The ids of what [`played`] made, by the name of the parameter that takes them.
pub fn ids(town: &Town) -> BTreeMap<&'static str, String> {
    let first = |list: &str| rows(town, list).first().expect("played")["id"].as_str().expect("an id").to_owned();
    BTreeMap::from([
        ("cash_office_id", first("/cash-offices")),
        ("cash_movement_id", first("/cash-movements")),
        ("imprest_expense_id", first("/imprest-expenses")),
        ("justification_slip_id", first("/justification-slips")),
        ("cash_inspection_id", first("/cash-inspections")),
        ("ticket_kind_id", first("/ticket-kinds")),
        ("ticket_range_id", first("/ticket-ranges")),
        ("ticket_movement_id", first("/ticket-movements")),
    ])
}

on_both_engines! {
    Stage::Open, fn an_imprest_turns_over_with_exactly_the_postings_of_the_table(town) {
        let office = imprest(town, "300000");
        let advanced = transfer(town, &office, "/advances", "300000").expect(201);
        assert_eq!((advanced.text("/number"), advanced.text("/kind")), ("AR-2025-000001".to_owned(), "advance".to_owned()));
        let amounts = ["50000", "50000", "50000", "50000", "14500"];
        let expenses: Vec<Uuid> = (10..).zip(amounts).map(|(receipt, amount)| spend(town, &office, amount, receipt).expect(201).id()).collect();
        assert_eq!(["held", "spent", "in_hand"].map(|name| member(town, &office, name)), ["300000", "214500", "85500"]);
        assert_eq!(postings(town, "expenditure"), Vec::<Vec<_>>::new(), "nothing is charged before it is justified");
        let slip = signed(town, &office, &expenses, "214500");
        let accepted = town.client("accountant").act(&slip, "/acceptance", &json!({})).expect(200);
        assert_eq!((accepted.text("/number"), accepted.text("/state")), ("BJ-2025-000001".to_owned(), "accepted".to_owned()));
        assert_eq!(["held", "spent", "in_hand"].map(|name| member(town, &office, name)), ["85500", "0", "85500"]);
        assert_eq!(postings(town, "expenditure"), vec![vec![posting("601", "debit", "214500"), posting("541", "credit", "214500")]]);
        let charged = rows(town, "/regularisations");
        assert_eq!((&charged[0]["number"], &charged[0]["cause_id"]), (&json!("MR-2025-000001"), &json!(id_of(&slip))));
        transfer(town, &office, "/advances", "214500").expect(201);
        assert_eq!(
            postings(town, "treasury"),
            vec![
                vec![posting("541", "debit", "300000"), posting("515", "credit", "300000")],
                vec![posting("541", "debit", "214500"), posting("515", "credit", "214500")],
            ]
        );
        assert_eq!((&town.balance("541")["closing_debit"], &town.balance("601")["closing_debit"]), (&json!("300000"), &json!("214500")));
        assert_eq!(town.balance("515")["closing_debit"], "2685500");
        let article = town.article("601");
        for stage in ["committed", "verified", "ordered", "accepted", "paid"] {
            assert_eq!(article[stage], "214500", "{stage}");
        }
        assert_eq!(member(town, &office, "held"), "300000");
        assert!(rows(town, "/imprest-expenses").iter().all(|expense| expense["state"] == "justified"));
    }

    Stage::Open, fn a_slip_charges_each_line_once_and_only_with_credit(town) {
        let office = imprest(town, "300000");
        transfer(town, &office, "/advances", "300000").expect(201);
        let officer = town.client("cash-officer");
        let record = |line: &str, amount: &str, receipt: u64| {
            officer.create(&town.path("/imprest-expenses"), &expense(town, &office, line, amount, receipt)).expect(201).id()
        };
        let paper = [record("F-D-60-601-01", "10000", 10), record("F-D-60-601-01", "20000", 11)];
        let registers = record("F-D-60-604-01", "40000", 12);
        let body = json!({
            "budget_line_id": town.line("F-D-60-604-01"), "supplier_id": town.supplier("SUP-0012"), "label": "Registres",
            "amount": "870000", "currency": "XOF",
        });
        town.client("mayor").create(&town.path("/commitments"), &body).expect(201);
        let slip = signed(town, &office, &[paper[0], paper[1], registers], "70000");
        let accountant = town.client("accountant");
        let before = accountant.get(&town.path("/fiscal-years/2025/trial-balance")).json();
        let refusal = accountant.act(&slip, "/acceptance", &json!({})).refused(422, "COMMITMENT_CREDIT_INSUFFICIENT");
        assert_eq!(refusal.text("/facts/available"), "30000");
        assert_eq!(accountant.get(&town.path("/fiscal-years/2025/trial-balance")).json(), before, "nothing was charged");
        assert_eq!(member(town, &office, "spent"), "70000");
        let rejected = accountant.act(&slip, "/rejection", &json!({ "text": "Crédit insuffisant au 604" })).expect(200);
        assert_eq!((rejected.text("/state"), rejected.json()["expense_ids"].as_array().map(Vec::len)), ("rejected".to_owned(), Some(3)));
        // The register is put back in the box; the paper goes on a slip of its own.
        let register = town.path(&format!("/imprest-expenses/{registers}"));
        assert_eq!(officer.act(&register, "/withdrawal", &json!({})).expect(200).text("/state"), "withdrawn");
        assert_eq!(member(town, &office, "in_hand"), "270000");
        officer.act(&register, "/withdrawal", &json!({})).refused(409, "CASH_OFFICE_STATE_INVALID");
        let small = record("F-D-60-604-01", "30000", 12);
        let again = signed(town, &office, &[paper[0], paper[1], small], "60000");
        let accepted = accountant.act(&again, "/acceptance", &json!({})).expect(200);
        assert_eq!(accepted.text("/number"), "BJ-2025-000002");
        let mut charged = postings(town, "expenditure");
        charged.sort();
        assert_eq!(
            charged,
            vec![
                vec![posting("601", "debit", "30000"), posting("541", "credit", "30000")],
                vec![posting("604", "debit", "30000"), posting("541", "credit", "30000")],
            ]
        );
        assert_eq!((&town.article("604")["available"], &town.balance("541")["closing_debit"]), (&json!("0"), &json!("240000")));
        accountant.act(&again, "/acceptance", &json!({})).refused(409, "CASH_OFFICE_STATE_INVALID");
        accountant.act(&again, "/rejection", &json!({ "text": "non" })).refused(409, "CASH_OFFICE_STATE_INVALID");
        let kinds: Vec<Value> = rows(town, "/cash-movements?kind=justification").iter().map(|row| row["number"].clone()).collect();
        assert_eq!(kinds, [Value::Null, Value::Null], "the slip has the number");
    }

    Stage::Open, fn an_advance_is_bounded_by_the_ceiling_and_by_what_is_not_justified(town) {
        let office = founded(town, &imprest_terms(town, "300000"));
        let refusal = transfer(town, &office, "/advances", "1").refused(409, "CASH_OFFICE_CLOSED");
        assert_eq!(refusal.text("/facts/state"), "created");
        town.client("accountant").act(&office, "/activation", &json!({})).expect(200);
        let refusal = transfer(town, &office, "/advances", "300001").refused(422, "CASH_OFFICE_CEILING");
        assert_eq!((refusal.text("/facts/ceiling"), refusal.pointers()), ("300000".to_owned(), vec!["/amount".to_owned()]));
        transfer(town, &office, "/advances", "0").refused(422, "AMOUNT_ZERO");
        transfer(town, &office, "/advances", "100000").expect(201);
        let refusal = transfer(town, &office, "/advances", "60000").refused(422, "CASH_OFFICE_UNJUSTIFIED_BALANCE");
        assert_eq!((refusal.text("/facts/to_justify"), refusal.text("/facts/replenishable")), ("60000".to_owned(), "0".to_owned()));
        let spent = spend(town, &office, "50000", 10).expect(201).id();
        transfer(town, &office, "/advances", "50000").refused(422, "CASH_OFFICE_UNJUSTIFIED_BALANCE");
        let slip = signed(town, &office, &[spent], "50000");
        town.client("accountant").act(&slip, "/acceptance", &json!({})).expect(200);
        let refusal = transfer(town, &office, "/advances", "60000").refused(422, "CASH_OFFICE_UNJUSTIFIED_BALANCE");
        assert_eq!(refusal.text("/facts/to_justify"), "10000");
        transfer(town, &office, "/advances", "50000").expect(201);
        transfer(town, &office, "/deposits", "1").refused(422, "CASH_OFFICE_KIND_INVALID");
        // Once all is given back, another sum may be advanced.
        transfer(town, &office, "/returns", "100001").refused(422, "CASH_OFFICE_INSUFFICIENT");
        assert_eq!(transfer(town, &office, "/returns", "100000").expect(201).text("/number"), "RA-2025-000001");
        transfer(town, &office, "/advances", "300000").expect(201);
        let large = imprest(town, "5000000");
        assert_eq!(transfer(town, &large, "/advances", "4000000").refused(409, "PAYMENT_NO_CASH").text("/facts/account"), "515");
        let etag = town.client("accountant").get(&large).etag();
        let body = json!({ "amount": "1", "currency": "XOF", "document_sha256": digest(3) });
        town.client("accountant").act_on(&format!("{large}/advances"), &etag, &body).expect(201);
        town.client("accountant").act_on(&format!("{large}/advances"), &etag, &body).refused(412, "VERSION_STALE");
        town.on("2026-01-05");
        let refusal = transfer(town, &large, "/returns", "1").refused(409, "LEDGER_PERIOD_CLOSED");
        assert_eq!(refusal.text("/facts/fiscal_year"), "2026");
    }

    Stage::Open, fn an_expense_is_paid_by_the_officer_of_the_office_within_its_limits(town) {
        let office = imprest(town, "300000");
        transfer(town, &office, "/advances", "60000").expect(201);
        let officer = town.client("cash-officer");
        let path = town.path("/imprest-expenses");
        let with = |name: &str, value: Value| {
            let mut body = expense(town, &office, "F-D-60-601-01", "20000", 10);
            body[name] = value;
            officer.create(&path, &body)
        };
        let refusal = with("amount", json!("50001")).refused(422, "CASH_OFFICE_UNIT_MAX");
        assert_eq!(refusal.text("/facts/maximum"), "50000");
        let refusal = with("budget_line_id", json!(town.line("F-D-60-602-01"))).refused(422, "CASH_OFFICE_ARTICLE_NOT_ALLOWED");
        assert_eq!(refusal.json()["facts"]["allowed"], json!(["601", "604"]));
        assert_eq!(with("spent_on", json!("2025-02-04")).refused(422, "DATE_IN_FUTURE").pointers(), ["/spent_on"]);
        with("spent_on", json!("2024-12-31")).refused(422, "DATE_OUT_OF_YEAR");
        with("currency", json!("EUR")).refused(422, "CURRENCY_MISMATCH");
        with("budget_line_id", json!(town.line("F-R-71-711-01"))).refused(422, "COMMITMENT_IMPUTATION_INVALID");
        with("receipt_sha256", json!("x")).refused(400, "REQUEST_BODY_INVALID");
        let first = with("amount", json!("40000")).expect(201);
        let refusal = with("amount", json!("1000")).refused(409, "CASH_OFFICE_RECEIPT_DUPLICATE");
        assert_eq!(refusal.text("/facts/expense"), first.id().to_string());
        let refusal = spend(town, &office, "20001", 11).refused(422, "CASH_OFFICE_INSUFFICIENT");
        assert_eq!(refusal.text("/facts/in_hand"), "20000");
        spend(town, &office, "20000", 11).expect(201);
        spend(town, &office, "1", 12).refused(422, "CASH_OFFICE_INSUFFICIENT");
        // Another cash officer of the same commune keeps another office.
        let other = newcomer(town, "other-officer");
        assign(town, town.commune_id(), other, "cash_officer", "2025-01-01", None).expect(201);
        let body = expense(town, &office, "F-D-60-601-01", "1", 13);
        town.client_of(other).create(&path, &body).refused(403, "CASH_OFFICE_NOT_OFFICER");
        let withdrawn = town.path(&format!("/imprest-expenses/{}", first.id()));
        town.client_of(other).act(&withdrawn, "/withdrawal", &json!({})).refused(403, "CASH_OFFICE_NOT_OFFICER");
        let body = json!({ "cash_office_id": id_of(&office), "expense_ids": [first.id()], "total": "40000", "currency": "XOF" });
        town.client_of(other).create(&town.path("/justification-slips"), &body).refused(403, "CASH_OFFICE_NOT_OFFICER");
        town.client("mayor").create(&path, &expense(town, &office, "F-D-60-601-01", "1", 13)).refused(403, "ROLE_MISSING");
        let collection = active(town, &collection_terms(town, "1000"));
        spend(town, &collection, "1", 13).refused(422, "CASH_OFFICE_KIND_INVALID");
        // A deputy stands in for the cash officer.
        let appointment = json!({ "cash_officer_id": town.person("cash-officer"), "deputy_id": other });
        town.client("mayor").act(&office, "/appointment", &appointment).expect(200);
        town.client_of(other).act(&withdrawn, "/withdrawal", &json!({})).expect(200);
        town.client("mayor").act(&office, "/suspension", &json!({ "reason": "Contrôle" })).expect(200);
        spend(town, &office, "1", 13).refused(409, "CASH_OFFICE_CLOSED");
    }

    Stage::Open, fn a_slip_holds_free_expenses_of_one_office_and_their_exact_sum(town) {
        let office = imprest(town, "300000");
        let other = imprest(town, "300000");
        for one in [&office, &other] {
            transfer(town, one, "/advances", "100000").expect(201);
        }
        let own = spend(town, &office, "30000", 10).expect(201).id();
        let foreign = spend(town, &other, "30000", 11).expect(201).id();
        let refusal = submit(town, &office, &[own], "30001").refused(422, "JUSTIFICATION_SLIP_TOTAL");
        assert_eq!((refusal.text("/facts/stated"), refusal.text("/facts/computed")), ("30001".to_owned(), "30000".to_owned()));
        for (expenses, total) in [(vec![foreign], "30000"), (vec![own, own], "60000")] {
            submit(town, &office, &expenses, total).refused(409, "JUSTIFICATION_SLIP_EXPENSES");
        }
        submit(town, &office, &[], "1").refused(400, "REQUEST_BODY_INVALID");
        submit(town, &office, &[Uuid::new_v4()], "1").refused(404, "NOT_FOUND");
        let slip = town.path(&format!("/justification-slips/{}", submit(town, &office, &[own], "30000").expect(201).id()));
        let refusal = submit(town, &office, &[own], "30000").refused(409, "JUSTIFICATION_SLIP_EXPENSES");
        assert_eq!(refusal.json()["facts"]["expenses"], json!([own]));
        let path = town.path(&format!("/imprest-expenses/{own}"));
        town.client("cash-officer").act(&path, "/withdrawal", &json!({})).refused(409, "CASH_OFFICE_STATE_INVALID");
        town.client("accountant").act(&slip, "/acceptance", &json!({})).refused(409, "CASH_OFFICE_STATE_INVALID");
        let sent_back = town.client("mayor").act(&slip, "/rejection", &json!({ "text": "Sans objet" })).expect(200);
        assert_eq!(sent_back.text("/rejection_text"), "Sans objet");
        assert_eq!(member(town, &path, "state"), "recorded");
        town.client("mayor").act(&slip, "/signature", &json!({})).refused(409, "CASH_OFFICE_STATE_INVALID");
        let again = signed(town, &office, &[own], "30000");
        town.client("accountant").act(&again, "/acceptance", &json!({})).expect(200);
        let count = |query: &str| rows(town, &format!("/justification-slips?{query}")).len();
        assert_eq!((count("state=rejected"), count("state=accepted,signed"), count("fiscal_year=2024")), (1, 1, 0));
        assert_eq!(count(&format!("cash_office_id={}", id_of(&other))), 0);
        let count = |query: &str| rows(town, &format!("/imprest-expenses?{query}")).len();
        assert_eq!((count("amount_min=30001"), count("amount_max=30000"), count("state=justified"), count("from=2025-02-04")), (0, 2, 1, 0));
        assert_eq!((count("fiscal_year=2025&to=2025-02-03"), count(&format!("cash_office_id={}", id_of(&other)))), (2, 1));
        assert_eq!(count(&format!("budget_line_id={}", town.line("F-D-60-604-01"))), 0);
        let wrong = town.client("auditor").get(&town.path("/imprest-expenses?amount_min=1.5"));
        assert_eq!(wrong.refused(400, "AMOUNT_INVALID").pointers(), ["?amount_min"]);
    }

    Stage::Open, fn who_kept_the_office_or_signed_never_accepts_or_inspects(town) {
        let office = imprest(town, "300000");
        transfer(town, &office, "/advances", "100000").expect(201);
        let spent = spend(town, &office, "30000", 10).expect(201).id();
        let slip = signed(town, &office, &[spent], "30000");
        let admin = town.client("administrator");
        for role in ["authorising_officer", "accountant", "auditor", "state_representative"] {
            let refusal = assign(town, town.commune_id(), town.person("cash-officer"), role, "2025-01-01", None);
            refusal.refused(409, "ROLE_INCOMPATIBLE");
        }
        let held = admin.get(&town.path("/role-assignments")).expect(200).json()["data"].as_array().expect("rows").clone();
        let officer = json!(town.person("cash-officer"));
        let held = held.iter().find(|row| row["principal_id"] == officer).expect("held")["id"].as_str().expect("an id").to_owned();
        let end = town.path(&format!("/role-assignments/{held}/end"));
        admin.act_on(&end, "\"1\"", &json!({ "valid_to": "2025-02-03" })).expect(200);
        assign(town, town.commune_id(), town.person("cash-officer"), "accountant", "2025-02-04", None).expect(201);
        town.on("2025-02-05");
        std::thread::sleep(std::time::Duration::from_millis(2100));
        let turned = town.client("cash-officer");
        turned.act(&slip, "/acceptance", &json!({})).refused(403, "DUTIES_SAME_PERSON");
        let body = json!({ "counted": "70000", "currency": "XOF", "minutes_sha256": digest(4) });
        turned.act(&office, "/inspections", &body).refused(403, "DUTIES_SAME_PERSON");
        town.client("accountant").act(&slip, "/acceptance", &json!({})).expect(200);
        // The role ended: the office cannot be activated again before somebody is appointed.
        town.client("accountant").act(&office, "/suspension", &json!({ "reason": "Départ" })).expect(200);
        let transitions = town.client("accountant").get(&format!("{office}/transitions")).expect(200).json();
        assert_eq!(transitions[0]["unmet"], json!(["CASH_OFFICE_OFFICER_INVALID"]));
        town.client("accountant").act(&office, "/activation", &json!({})).refused(422, "CASH_OFFICE_OFFICER_INVALID");
        let successor = newcomer(town, "successor");
        assign(town, town.commune_id(), successor, "cash_officer", "2025-02-05", None).expect(201);
        town.client("mayor").act(&office, "/appointment", &json!({ "cash_officer_id": successor })).expect(200);
        town.client("accountant").act(&office, "/activation", &json!({})).expect(200);
        assert_eq!(member(town, &office, "activated_on"), "2025-02-03", "the first day stays");
    }
}
