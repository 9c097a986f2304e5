//! Tickets: every number is in one place, and what is sold is money.

use serde_json::{Value, json};

use super::{active, collection_terms, digest, id_of, imprest_terms, inspect, member, rows, transfer, warnings};
use crate::expenditure::{posting, postings};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

/// Registers a kind of ticket of the market.
fn kind(town: &Town, name: &str, face: &str) -> String {
    let body = json!({ "name": name, "face_value": face, "currency": "XOF", "article": "714" });
    town.client("mayor").create(&town.path("/ticket-kinds"), &body).expect(201).id().to_string()
}

fn receive(town: &Town, kind: &str, first: i64, last: i64) -> Answer {
    let body = json!({ "ticket_kind_id": kind, "first_number": first, "last_number": last, "document_sha256": digest(5) });
    town.client("accountant").create(&town.path("/ticket-ranges"), &body)
}

fn range(town: &Town, answer: &Answer) -> String {
    town.path(&format!("/ticket-ranges/{}", answer.id()))
}

/// Received tickets, as the path of their range.
fn received(town: &Town, kind: &str, first: i64, last: i64) -> String {
    range(town, &receive(town, kind, first, last).expect(201))
}

fn issue(town: &Town, range: &str, office: &str, first: i64, last: i64) -> Answer {
    let body = json!({ "cash_office_id": id_of(office), "first_number": first, "last_number": last, "document_sha256": digest(6) });
    town.client("accountant").act(range, "/issue", &body)
}

fn give_back(town: &Town, range: &str, first: i64, last: i64) -> Answer {
    let body = json!({ "first_number": first, "last_number": last, "document_sha256": digest(7) });
    town.client("accountant").act(range, "/return", &body)
}

fn sell(officer: &Client, range: &str, first: i64, last: i64, amount: &str) -> Answer {
    officer.act(range, "/sale", &json!({ "first_number": first, "last_number": last, "amount": amount, "currency": "XOF" }))
}

fn lose(town: &Town, range: &str, first: i64, last: i64) -> Answer {
    let body = json!({ "first_number": first, "last_number": last, "minutes_sha256": digest(8), "decision": "Décision 2025-03 du maire" });
    town.client("accountant").act(range, "/loss", &body)
}

/// Counts of a kind: received, in stock, issued, sold, returned, lost.
fn stock(town: &Town, kind: &str) -> [i64; 6] {
    let stock = town.client("auditor").get(&town.path("/ticket-stock")).expect(200).json();
    let own = stock.as_array().expect("kinds").iter().find(|row| row["ticket_kind_id"] == kind).expect("the kind").clone();
    let counts = ["received", "in_stock", "issued", "sold", "returned", "lost"].map(|name| own[name]["count"].as_i64().expect("a count"));
    assert_eq!(counts[0], counts[1..].iter().sum::<i64>(), "received = in stock + issued + sold + returned + lost");
    counts
}

/// One of everything that concerns tickets.
pub fn played(town: &Town, mut note: impl FnMut(&'static str, Answer) -> Answer) {
    let office = active(town, &collection_terms(town, "100000"));
    let body = json!({ "name": "Ticket joué", "face_value": "100", "currency": "XOF", "article": "714" });
    let kind = note("/ticket-kinds", town.client("mayor").create(&town.path("/ticket-kinds"), &body)).id().to_string();
    let whole = range(town, &note("/ticket-ranges", receive(town, &kind, 1, 100)));
    let issued = range(town, &note("/ticket-ranges/{ticket_range_id}/issue", issue(town, &whole, &office, 11, 60)));
    note("/ticket-ranges/{ticket_range_id}/sale", sell(&town.client("cash-officer"), &issued, 11, 30, "2000"));
    let rest = rows(town, "/ticket-ranges?state=issued")[0]["id"].as_str().expect("an id").to_owned();
    let rest = town.path(&format!("/ticket-ranges/{rest}"));
    note("/ticket-ranges/{ticket_range_id}/return", give_back(town, &rest, 51, 60));
    note("/ticket-ranges/{ticket_range_id}/loss", lose(town, &rest, 41, 42));
    note("/cash-offices/{cash_office_id}/deposits", transfer(town, &office, "/deposits", "1500"));
}

on_both_engines! {
    Stage::Open, fn market_fees_come_in_by_tickets_and_are_deposited(town) {
        let office = active(town, &collection_terms(town, "10000000"));
        let kind = kind(town, "Ticket de marché 500 F", "500");
        let tickets = received(town, &kind, 1, 20_000);
        let issued = range(town, &issue(town, &tickets, &office, 1, 17_485).expect(200));
        let sold = sell(&town.client("cash-officer"), &issued, 1, 17_485, "8742500").expect(201);
        assert_eq!((sold.text("/number"), sold.text("/amount")), ("Q-2025-000001".to_owned(), "8742500".to_owned()));
        let movements = town.client("auditor").get(&town.path("/ticket-movements?to_state=sold"));
        let movement = town.client("auditor").get(&town.path(&format!("/ticket-movements/{}", movements.expect(200).text("/data/0/id")))).expect(200);
        assert_eq!((movement.text("/count"), movement.text("/entry_id")), ("17485".to_owned(), sold.text("/entry_id")));
        assert_eq!(member(town, &office, "held"), "8742500");
        let paid_in = transfer(town, &office, "/deposits", "8742500").expect(201);
        assert_eq!(paid_in.text("/number"), "V-2025-000001");
        assert_eq!(
            postings(town, "treasury"),
            vec![
                vec![posting("542", "debit", "8742500"), posting("471", "credit", "8742500")],
                vec![posting("515", "debit", "8742500"), posting("542", "credit", "8742500")],
            ]
        );
        assert_eq!((&town.balance("542")["closing_debit"], &town.balance("471")["closing_credit"]), (&json!("0"), &json!("8742500")));
        assert_eq!((member(town, &office, "held"), member(town, &office, "undeposited_since")), ("0".to_owned(), "null".to_owned()));
        assert_eq!(stock(town, &kind), [20_000, 2_515, 0, 17_485, 0, 0]);
        let view = town.client("auditor").get(&town.path("/ticket-stock")).expect(200);
        assert_eq!((view.text("/0/sold/value"), view.text("/0/in_stock/value")), ("8742500".to_owned(), "1257500".to_owned()));
    }

    Stage::Open, fn every_ticket_stands_in_one_place(town) {
        let (one, two) = (active(town, &collection_terms(town, "1000000")), active(town, &collection_terms(town, "1000000")));
        let kind = kind(town, "Vignette vélo", "1000");
        let officer = town.client("cash-officer");
        let whole = received(town, &kind, 1, 1_000);
        // From the middle: what stands before keeps the range, what stands after becomes another.
        let issued = issue(town, &whole, &one, 101, 300).expect(200);
        assert_eq!((issued.text("/first_number"), issued.text("/last_number"), issued.text("/state")), ("101".to_owned(), "300".to_owned(), "issued".to_owned()));
        assert_eq!((member(town, &whole, "last_number"), member(town, &whole, "version")), ("100".to_owned(), "2".to_owned()));
        assert_eq!(stock(town, &kind), [1_000, 800, 200, 0, 0, 0]);
        let mine = range(town, &issued);
        sell(&officer, &mine, 101, 150, "50000").expect(201);
        let at = |first: i64| {
            let rows = rows(town, &format!("/ticket-ranges?ticket_kind_id={kind}"));
            let row = rows.iter().find(|row| row["first_number"] == first).unwrap_or_else(|| panic!("{first} begins no range")).clone();
            town.path(&format!("/ticket-ranges/{}", row["id"].as_str().expect("an id")))
        };
        assert_eq!(member(town, &mine, "state"), "sold", "the first part keeps the range");
        let lost = lose(town, &at(151), 201, 210).expect(200);
        assert_eq!(lost.text("/state"), "lost");
        assert_eq!(postings(town, "miscellaneous"), vec![vec![posting("462", "debit", "10000"), posting("471", "credit", "10000")]]);
        let back = give_back(town, &at(151), 151, 160).expect(200);
        assert_eq!((back.text("/state"), back.text("/cash_office_id")), ("returned".to_owned(), id_of(&one)));
        assert_eq!(stock(town, &kind), [1_000, 800, 130, 50, 10, 10]);
        let again = issue(town, &range(town, &back), &two, 151, 155).expect(200);
        assert_eq!((again.text("/cash_office_id"), again.text("/state")), (id_of(&two), "issued".to_owned()));
        // Lost from the stock or after the return: nobody owes them.
        lose(town, &at(301), 999, 1_000).expect(200);
        lose(town, &at(156), 156, 156).expect(200);
        assert_eq!(postings(town, "miscellaneous").len(), 1);
        assert_eq!(stock(town, &kind), [1_000, 798, 135, 50, 4, 13]);
        // Where tickets ended, they stay.
        for ended in [at(101), at(201)] {
            let (first, last): (i64, i64) = (member(town, &ended, "first_number").parse().expect("a number"), member(town, &ended, "last_number").parse().expect("a number"));
            issue(town, &ended, &one, first, last).refused(409, "CASH_OFFICE_STATE_INVALID");
            lose(town, &ended, first, last).refused(409, "CASH_OFFICE_STATE_INVALID");
        }
        let stocked = at(1);
        sell(&officer, &stocked, 1, 1, "1000").refused(409, "CASH_OFFICE_STATE_INVALID");
        give_back(town, &stocked, 1, 1).refused(409, "CASH_OFFICE_STATE_INVALID");
        for (first, last) in [(0, 5), (50, 101), (60, 50), (2_000, 3_000), (i64::MIN, i64::MAX)] {
            issue(town, &stocked, &one, first, last).refused(422, "TICKET_RANGE_INVALID");
        }
        let etag = town.client("accountant").get(&stocked).etag();
        let body = json!({ "cash_office_id": id_of(&one), "first_number": 1, "last_number": 2, "document_sha256": digest(6) });
        town.client("accountant").act_on(&format!("{stocked}/issue"), &etag, &body).expect(200);
        town.client("accountant").act_on(&format!("{stocked}/issue"), &etag, &body).refused(412, "VERSION_STALE");
        let count = |query: &str| rows(town, &format!("/ticket-movements?{query}")).len();
        assert_eq!((count("to_state=lost"), count("to_state=in_stock,sold"), count("from=2025-02-04"), count("to=2025-02-03")), (3, 2, 0, 9));
        assert_eq!((count(&format!("cash_office_id={}", id_of(&two))), count(&format!("ticket_kind_id={kind}"))), (1, 9));
        let count = |query: &str| rows(town, &format!("/ticket-ranges?{query}")).len();
        assert_eq!((count(&format!("cash_office_id={}&state=issued", id_of(&two))), count("state=sold,lost")), (1, 4));
    }

    Stage::Open, fn a_number_is_received_once(town) {
        let first = kind(town, "Ticket A", "100");
        let other = kind(town, "Ticket B", "100");
        let whole = received(town, &first, 100, 200);
        for (from, to) in [(100, 200), (1, 100), (200, 300), (150, 160), (1, 1_000)] {
            let refusal = receive(town, &first, from, to).refused(409, "TICKET_RANGE_OVERLAP");
            assert_eq!((refusal.text("/facts/first"), refusal.text("/facts/last")), ("100".to_owned(), "200".to_owned()), "{from} to {to}");
        }
        let office = active(town, &collection_terms(town, "1000000"));
        issue(town, &whole, &office, 120, 130).expect(200);
        assert_eq!(receive(town, &first, 125, 126).refused(409, "TICKET_RANGE_OVERLAP").text("/facts/first"), "120", "wherever it is");
        received(town, &first, 1, 99);
        received(town, &first, 201, 300);
        received(town, &other, 100, 200);
        for (from, to) in [(0, 5), (7, 6), (-5, 5), (400, 1_000_000_000), (i64::MIN, i64::MAX)] {
            receive(town, &first, from, to).refused(422, "TICKET_RANGE_INVALID");
        }
        let dear = kind(town, "Ticket d'or", "1000000000000000");
        receive(town, &dear, 1, 2).refused(422, "TICKET_RANGE_INVALID");
        received(town, &dear, 1, 1);
        receive(town, &dear, 2, 2).refused(422, "TICKET_RANGE_INVALID");
        let mayor = town.client("mayor");
        let register = |name: &str, face: &str, article: &str| {
            mayor.create(&town.path("/ticket-kinds"), &json!({ "name": name, "face_value": face, "currency": "XOF", "article": article }))
        };
        assert_eq!(register("Ticket A", "1", "714").refused(409, "TICKET_KIND_DUPLICATE").pointers(), ["/name"]);
        assert_eq!(register("Ticket C", "1", "601").refused(422, "CASH_OFFICE_ARTICLE_UNKNOWN").pointers(), ["/article"]);
        assert_eq!(register("Ticket C", "0", "714").refused(422, "AMOUNT_ZERO").pointers(), ["/face_value"]);
    }

    Stage::Open, fn tickets_and_money_agree_and_the_ceiling_holds(town) {
        let office = active(town, &collection_terms(town, "5000"));
        let kind = kind(town, "Ticket de marché", "100");
        let whole = received(town, &kind, 1, 100);
        let officer = town.client("cash-officer");
        let issued = range(town, &issue(town, &whole, &office, 1, 100).expect(200));
        for (declared, difference) in [("2900", "100"), ("3100", "-100"), ("0", "3000")] {
            let refusal = sell(&officer, &issued, 1, 30, declared).refused(422, "TICKET_SHORTAGE");
            assert_eq!((refusal.text("/facts/difference"), refusal.text("/facts/date")), (difference.to_owned(), "2025-02-03".to_owned()));
            assert_eq!(refusal.text("/facts/cash_officer"), town.person("cash-officer").to_string());
        }
        let refusal = sell(&officer, &issued, 1, 51, "5100").refused(422, "CASH_OFFICE_CEILING");
        assert_eq!(refusal.text("/facts/ceiling"), "5000");
        assert_eq!(stock(town, &kind), [100, 0, 100, 0, 0, 0], "a refused sale moves no ticket");
        let other = crate::access::newcomer(town, "other-officer");
        crate::access::assign(town, town.commune_id(), other, "cash_officer", "2025-01-01", None).expect(201);
        sell(&town.client_of(other), &issued, 1, 30, "3000").refused(403, "CASH_OFFICE_NOT_OFFICER");
        sell(&officer, &issued, 1, 30, "3000").expect(201);
        let rest = town.path(&format!("/ticket-ranges/{}", rows(town, "/ticket-ranges?state=issued")[0]["id"].as_str().expect("an id")));
        sell(&officer, &rest, 31, 51, "2100").refused(422, "CASH_OFFICE_CEILING");
        town.on("2025-02-10");
        sell(&officer, &rest, 31, 50, "2000").expect(201);
        assert_eq!(warnings(town, &office), json!(["CASH_OFFICE_CEILING_REACHED"]));
        town.on("2025-02-18");
        assert_eq!(warnings(town, &office), json!(["CASH_OFFICE_CEILING_REACHED"]));
        town.on("2025-02-19");
        assert_eq!(warnings(town, &office), json!(["CASH_OFFICE_DEPOSIT_DUE", "CASH_OFFICE_CEILING_REACHED"]));
        transfer(town, &office, "/deposits", "5001").refused(422, "CASH_OFFICE_INSUFFICIENT");
        transfer(town, &office, "/returns", "1").refused(422, "CASH_OFFICE_KIND_INVALID");
        transfer(town, &office, "/advances", "1").refused(422, "CASH_OFFICE_KIND_INVALID");
        transfer(town, &office, "/deposits", "4000").expect(201);
        assert_eq!((member(town, &office, "undeposited_since"), warnings(town, &office)), ("2025-02-19".to_owned(), json!([])));
        // A shortage is owed by the cash officer.
        assert_eq!(inspect(town, &office, "400").expect(201).text("/shortage"), "600");
        assert_eq!(postings(town, "treasury").last(), Some(&vec![posting("462", "debit", "600"), posting("542", "credit", "600")]));
        assert_eq!(member(town, &office, "held"), "400");
        // Suspended, it neither sells nor gets tickets, but settles.
        let reason = json!({ "reason": "Contrôle" });
        town.client("mayor").act(&office, "/suspension", &reason).expect(200);
        let last = town.path(&format!("/ticket-ranges/{}", rows(town, "/ticket-ranges?state=issued")[0]["id"].as_str().expect("an id")));
        sell(&officer, &last, 51, 52, "200").refused(409, "CASH_OFFICE_CLOSED");
        transfer(town, &office, "/deposits", "400").expect(201);
        let refusal = town.client("mayor").act(&office, "/closure", &reason).refused(409, "CASH_OFFICE_NOT_EMPTY");
        assert_eq!((refusal.text("/facts/held"), refusal.text("/facts/tickets")), ("0".to_owned(), "50".to_owned()));
        let back = range(town, &give_back(town, &last, 51, 100).expect(200));
        issue(town, &back, &office, 51, 60).refused(409, "CASH_OFFICE_CLOSED");
        town.client("mayor").act(&office, "/closure", &reason).expect(200);
        let imprest = active(town, &imprest_terms(town, "300000"));
        issue(town, &back, &imprest, 51, 60).refused(422, "CASH_OFFICE_KIND_INVALID");
        assert_eq!(rows(town, "/cash-movements?kind=collection").len(), 2);
        assert_eq!(rows(town, "/receipts").iter().map(|row| row["number"].clone()).collect::<Vec<Value>>(), ["Q-2025-000001", "Q-2025-000002"]);
    }
}
