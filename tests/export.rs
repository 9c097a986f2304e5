//! Lists for people: narrowed alike everywhere, added up over all pages, and taken away as CSV or XLSX.

mod script;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cash_office;
use crate::contract::{Contract, filled};
use crate::expenditure::{commit_fuel, transmit_order, verify};
use crate::harness::{Answer, Stage, Town};
use crate::on_both_engines;
use crate::revenue::{authorise, debtor, order, receive};

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The lines of a table in text, without its mark.
fn lines(answer: &Answer) -> Vec<String> {
    let text = String::from_utf8(answer.bytes.clone()).expect("UTF-8");
    let text = text.strip_prefix('\u{FEFF}').expect("a byte order mark");
    text.split_terminator("\r\n").map(str::to_owned).collect()
}

/// The rows of a table by the names of their columns; no field of these tests holds a separator.
fn table(answer: &Answer) -> Vec<Vec<(String, String)>> {
    let lines = lines(answer);
    let head: Vec<&str> = lines[0].split(';').collect();
    lines[1..].iter().map(|line| head.iter().map(|name| (*name).to_owned()).zip(line.split(';').map(str::to_owned)).collect()).collect()
}

fn field(row: &[(String, String)], name: &str) -> String {
    row.iter().find(|(column, _)| column == name).unwrap_or_else(|| panic!("no {name} in {row:?}")).1.clone()
}

/// Commits on a line with a label of its own.
fn commit(town: &Town, line: &str, supplier: &str, label: &str, amount: &str, on: &str) -> String {
    let body = json!({
        "budget_line_id": town.line(line), "supplier_id": town.supplier(supplier), "label": label, "amount": amount, "currency": "XOF",
        "committed_on": on,
    });
    town.client("mayor").create(&town.path("/commitments"), &body).expect(201).id().to_string()
}

/// Three commitments: fuel twice, and paper once, with a label that a spreadsheet would compute.
fn three_commitments(town: &Town) -> [String; 3] {
    [
        commit(town, "F-D-60-602-01", "SUP-0012", "Carburant d'été, Ɲɔgɔndugu", "850000", "2025-01-15"),
        commit(town, "F-D-60-602-01", "SUP-0012", "Huile", "150000", "2025-02-01"),
        commit(town, "F-D-60-601-01", "SUP-0003", "=1+1", "40000", "2025-02-03"),
    ]
}

/// The ids that a query of a list finds.
fn found(town: &Town, list: &str, query: &str) -> BTreeSet<String> {
    let page = town.client("auditor").get(&town.path(&format!("{list}?{query}"))).expect(200).json();
    page["data"].as_array().expect("rows").iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

#[track_caller]
fn finds(town: &Town, list: &str, query: &str, expected: &[&String]) {
    assert_eq!(found(town, list, query), expected.iter().map(|id| (*id).clone()).collect(), "{list}?{query}");
}

/// What a list says that it adds up to.
fn total(town: &Town, list: &str, query: &str) -> Value {
    town.client("auditor").get(&town.path(&format!("{list}?totals=true{query}"))).expect(200).json()["totals"].clone()
}

fn in_francs(count: i64, amount: &str) -> Value {
    json!([{ "currency": "XOF", "count": count, "amount": amount }])
}

on_both_engines! {
    Stage::Open, fn every_list_is_a_table_with_a_head_and_a_name(town) {
        three_commitments(town);
        let auditor = town.client("auditor");
        let contract = Contract::read();
        let mut seen = 0;
        for operation in contract.operations().iter().filter(|operation| operation.method == "get") {
            let content = &operation.described["responses"]["200"]["content"];
            let reference = content["application/json"]["schema"]["$ref"].as_str().unwrap_or_default();
            if !reference.contains("/Page_") {
                continue;
            }
            seen += 1;
            assert!(content["text/csv"].is_object() && content[XLSX].is_object(), "{}", operation.path);
            let path = filled(town, &operation.path);
            let reader = town.client(crate::access::reader(operation.described["operationId"].as_str().unwrap_or_default()));
            let json = reader.get(&path).expect(200).json();
            let csv = reader.get(&format!("{path}?format=csv")).expect(200);
            assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
            let name = csv.header("content-disposition").expect("a name").to_owned();
            assert!(name.starts_with("attachment; filename=\"") && name.ends_with("-2025-02-03.csv\""), "{name}");
            let head = lines(&csv)[0].clone();
            if let Some(row) = json["data"][0].as_object() {
                for (member, _) in row.iter().filter(|(_, value)| !value.is_object()) {
                    let plain = head.split(';').any(|column| column == member || column.starts_with(&format!("{member}.")));
                    assert!(plain, "{path}: {member} is not in {head}");
                }
            }
            let xlsx = reader.send("GET", &path, &[("accept", XLSX), ("access-reason", "the suite")], &[]).expect(200);
            assert_eq!(xlsx.header("content-type"), Some(XLSX));
            assert!(xlsx.header("content-disposition").is_some_and(|name| name.ends_with(".xlsx\"")) && xlsx.bytes.starts_with(b"PK"));
            reader.send("GET", &path, &[("accept", "application/pdf")], &[]).refused(406, "NOT_ACCEPTABLE");
            reader.get(&format!("{path}?format=pdf")).refused(400, "REQUEST_PARAMETER_INVALID");
        }
        assert!(seen >= 15, "{seen} lists");
        auditor.get(&town.path("?format=csv")).refused(400, "REQUEST_PARAMETER_INVALID");
        let empty = auditor.get(&town.path("/commitments?format=csv&fiscal_year=2024")).expect(200);
        assert_eq!(lines(&empty).len(), 1, "the head is there without rows");
        assert!(lines(&empty)[0].starts_with("id;organisation_id;number;fiscal_year;budget_line_id;section;article;kind;supplier_id;label;"));
    }

    Stage::Open, fn a_table_says_what_json_says_and_computes_nothing(town) {
        three_commitments(town);
        let auditor = town.client("auditor");
        let path = town.path("/commitments");
        let rows = table(&auditor.get(&format!("{path}?format=csv")).expect(200));
        let json = auditor.get(&path).expect(200).json();
        assert_eq!(rows.len(), 3);
        for (row, seen) in rows.iter().zip(json["data"].as_array().expect("rows")) {
            for member in ["id", "number", "amount", "currency", "state", "committed_on", "recorded_at"] {
                assert_eq!(field(row, member), seen[member].as_str().expect("text"), "{member}");
            }
            assert_eq!(field(row, "fiscal_year"), "2025");
        }
        assert_eq!(field(&rows[2], "label"), "'=1+1", "a spreadsheet computes nothing");
        assert_eq!(field(&rows[0], "label"), "Carburant d'été, Ɲɔgɔndugu");
        let accepted = auditor.send("GET", &format!("{path}?fiscal_year=2025"), &[("accept", "text/csv")], &[]).expect(200);
        assert_eq!(table(&accepted).len(), 3);

        // Parts of a table follow each other by the header Link.
        let first = auditor.get(&format!("{path}?format=csv&limit=2")).expect(200);
        let link = first.header("link").expect("a next part").to_owned();
        let next = link.trim_start_matches('<').split('>').next().expect("an address").to_owned();
        let second = auditor.get(&next).expect(200);
        assert_eq!(table(&first).len() + table(&second).len(), 3);
        assert_eq!(second.header("link"), None);
        auditor.get(&format!("{path}?format=csv&limit=10000")).expect(200);
        assert_eq!(auditor.get(&format!("{path}?format=csv&limit=10001")).refused(400, "REQUEST_PARAMETER_INVALID").pointers(), ["?limit"]);
        auditor.get(&format!("{path}?format=json&limit=201")).refused(400, "REQUEST_PARAMETER_INVALID");
        auditor.get(&format!("{path}?format=csv&format=csv")).refused(400, "REQUEST_PARAMETER_INVALID");
        auditor.get(&format!("{path}?format=csv&colour=blue")).refused(400, "REQUEST_PARAMETER_INVALID");
        town.stranger().get(&format!("{path}?format=csv")).refused(401, "TOKEN_MISSING");
    }

    Stage::Open, fn commitments_are_narrowed_and_added_up(town) {
        let [summer, oil, paper] = three_commitments(town);
        let list = "/commitments";
        let (fuel, garage) = (town.line("F-D-60-602-01"), town.supplier("SUP-0012"));
        finds(town, list, "article=602", &[&summer, &oil]);
        finds(town, list, &format!("budget_line_id={fuel}&amount_max=150000"), &[&oil]);
        finds(town, list, &format!("supplier_id={garage}&from=2025-01-16"), &[&oil]);
        finds(town, list, "section=capital", &[]);
        finds(town, list, "section=operating&to=2025-01-31", &[&summer]);
        finds(town, list, "amount_min=40000&amount_max=150000", &[&oil, &paper]);
        finds(town, list, "state=active", &[&summer, &oil, &paper]);
        finds(town, list, "state=settled", &[]);
        for text in ["dete", "D%27%C3%89T%C3%89", "nyogondugu", "nogondugu", "carburant+d"] {
            let expected: &[&String] = if text == "nyogondugu" { &[] } else { &[&summer] };
            finds(town, list, &format!("q={text}"), expected);
        }
        for nothing in ["q=%25", "q=_", "q='"] {
            finds(town, list, nothing, &[]);
        }
        assert_eq!(total(town, list, ""), in_francs(3, "1040000"));
        assert_eq!(total(town, list, "&limit=1&article=602"), in_francs(2, "1000000"), "over all pages");
        assert_eq!(total(town, list, "&fiscal_year=2024"), in_francs(0, "0"));
        let auditor = town.client("auditor");
        assert!(auditor.get(&town.path(list)).expect(200).json().get("totals").is_none());
        for query in ["amount_min=1.5", "amount_max=-1", "amount_min=", "amount_min=1e3"] {
            let pointers = auditor.get(&town.path(&format!("{list}?{query}"))).refused(400, "AMOUNT_INVALID").pointers();
            assert_eq!(pointers, [format!("?{}", query.split('=').next().expect("a name"))]);
        }
        auditor.get(&town.path("/suppliers?totals=true")).refused(400, "REQUEST_PARAMETER_INVALID");
    }

    Stage::Open, fn the_whole_chain_is_narrowed_alike(town) {
        let commitment = town.path(&format!("/commitments/{}", commit_fuel(town, "850000").expect(201).id()));
        let verified = verify(town, &commitment, "F-0117/É", "850000").expect(201).id().to_string();
        let verification = town.path(&format!("/verifications/{verified}"));
        town.client("certifier").act(&verification, "/certification", &json!({})).expect(200);
        let order = transmit_order(town, &verification, "850000");
        let accountant = town.client("accountant");
        accountant.act(&order, "/acceptance", &json!({})).expect(200);
        let garage = town.supplier("SUP-0012");
        let pay = |due: &str, payee: &str, amount: &str, mode: &str| {
            let body = json!({ "payee_id": payee, "amount": amount, "currency": "XOF", "mode": mode });
            accountant.act(due, "/payments", &body).expect(201).id().to_string()
        };
        let one = pay(&order, &garage, "350000", "cheque");
        let two = pay(&order, &garage, "500000", "transfer");
        let debts = town.path("/fiscal-years/2025/carried-debts");
        let debt = accountant.get(&debts).expect(200).text("/data/0/id");
        let old = pay(&town.path(&format!("/carried-debts/{debt}")), &town.supplier("SUP-0003"), "100000", "transfer");
        let order_id = order.rsplit('/').next().expect("an id").to_owned();
        let commitment_id = commitment.rsplit('/').next().expect("an id").to_owned();
        let (line, paper) = (town.line("F-D-60-602-01"), town.line("F-D-60-601-01"));

        for (query, hit) in [
            ("article=602".to_owned(), true),
            ("article=601".to_owned(), false),
            (format!("budget_line_id={line}"), true),
            (format!("budget_line_id={paper}"), false),
            (format!("supplier_id={garage}"), true),
            (format!("commitment_id={commitment_id}"), true),
            ("from=2025-02-01&to=2025-02-03".to_owned(), true),
            ("from=2025-02-04".to_owned(), false),
            ("amount_min=850000&amount_max=850000".to_owned(), true),
            ("amount_max=849999".to_owned(), false),
            ("fiscal_year=2025".to_owned(), true),
            ("fiscal_year=2024".to_owned(), false),
        ] {
            for (list, id) in [("/verifications", &verified), ("/payment-orders", &order_id)] {
                finds(town, list, &query, if hit { std::slice::from_ref(&id) } else { &[] });
            }
        }
        finds(town, "/verifications", "state=ordered&q=0117+e", &[&verified]);
        finds(town, "/verifications", "state=recorded", &[]);
        finds(town, "/payment-orders", &format!("state=paid&verification_id={verified}"), &[&order_id]);
        finds(town, "/payments", "article=602", &[&one, &two]);
        finds(town, "/payments", &format!("budget_line_id={line}&mode=cheque"), &[&one]);
        finds(town, "/payments", &format!("budget_line_id={paper}"), &[]);
        finds(town, "/payments", "mode=transfer,mobile_money&amount_max=100000", &[&old]);
        finds(town, "/payments", &format!("payment_order_id={order_id}"), &[&one, &two]);
        finds(town, "/payments", &format!("carried_debt_id={debt}&from=2025-02-03&to=2025-02-03"), &[&old]);
        finds(town, "/payments", &format!("supplier_id={garage}&amount_min=400000"), &[&two]);
        finds(town, "/fiscal-years/2025/carried-debts", "outstanding=true&account=401&q=m+2024", &[&debt]);
        finds(town, "/fiscal-years/2025/carried-debts", "outstanding=false", &[]);
        finds(town, "/fiscal-years/2025/carried-debts", "amount_min=400001", &[]);

        assert_eq!(total(town, "/verifications", ""), in_francs(1, "850000"));
        assert_eq!(total(town, "/payment-orders", "&article=602"), in_francs(1, "850000"));
        assert_eq!(total(town, "/payments", ""), in_francs(3, "950000"));
        assert_eq!(total(town, "/payments", "&article=602&limit=1"), in_francs(2, "850000"));
        assert_eq!(total(town, "/fiscal-years/2025/carried-debts", ""), in_francs(1, "400000"));
        assert_eq!(total(town, "/regularisations", "&section=operating&article=602&from=2025-01-01&q=x&amount_min=1"), in_francs(0, "0"));

        let entries = "/fiscal-years/2025/entries";
        let accepted = found(town, entries, &format!("source_kind=payment_order&source_id={order_id}"));
        assert_eq!(accepted.len(), 1);
        assert_eq!(found(town, entries, "q=M-2025-000001&journal=expenditure"), accepted);
        assert_eq!(found(town, entries, "source_kind=payment&amount_min=350000&amount_max=350000").len(), 1);
        assert_eq!(total(town, entries, "&journal=treasury"), in_francs(3, "950000"));
        assert_eq!(found(town, "/fiscal-years/2025/accounts/602/entries", "journal=expenditure&amount_min=850000"), accepted);
        assert!(found(town, "/fiscal-years/2025/accounts/602/entries", "journal=treasury").is_empty());
    }

    Stage::Open, fn lists_without_money_are_narrowed_too(town) {
        let auditor = town.client("auditor");
        let count = |path: &str| auditor.get(path).expect(200).json()["data"].as_array().expect("rows").len();
        let of = |rest: &str| count(&town.path(rest));
        assert_eq!(of("/consultations"), 3);
        assert_eq!(of("/consultations?from=2024-10-04&to=2024-10-08"), 1);
        assert_eq!(of("/consultations?q=VILLAGE"), 2);
        assert_eq!(of("/public-debates?q=chef+lieu&fiscal_year=2025"), 1);
        assert_eq!(of("/budgets?kind=original&q=primitif&from=2024-10-28&to=2024-10-28"), 1);
        assert_eq!(of("/budgets?kind=amending"), 0);
        auditor.get(&town.path("/budgets?kind=monthly")).refused(400, "REQUEST_PARAMETER_INVALID");
        assert_eq!(of("/suppliers?code=SUP-0003&active=true&debarred=false"), 1);
        assert_eq!(of("/suppliers?debarred=true"), 0);
        assert_eq!(of("/suppliers?active=false"), 0);
        let garage = town.path(&format!("/suppliers/{}", town.supplier("SUP-0012")));
        let etag = auditor.get(&garage).expect(200).etag();
        let headers = [("content-type", "application/json"), ("idempotency-key", "debar-garage"), ("if-match", etag.as_str())];
        let body = json!({ "active": true, "debarred_until": "2025-02-03" }).to_string();
        town.client("mayor").send("PATCH", &garage, &headers, body.as_bytes()).expect(200);
        assert_eq!(of("/suppliers?debarred=true"), 1);
        town.on("2025-02-04");
        assert_eq!(of("/suppliers?debarred=true"), 0, "the exclusion is over");
        let mayor = town.person("mayor");
        assert_eq!(of(&format!("/role-assignments?principal_id={mayor}&role=authorising_officer,auditor&on=2025-01-01")), 1);
        assert_eq!(of("/role-assignments?role=auditor&on=2020-01-01"), 0);
        let events = |query: &str| count(&format!("/v1/events?organisation_id={}&{query}", town.commune_id()));
        assert_eq!(events(&format!("subject_kind=supplier&principal_id={mayor}")), 1);
        assert_eq!(events("subject_kind=supplier"), 3);
        assert_eq!(events("subject_kind=nothing"), 0);
        assert_eq!(events("to=2000-01-01"), 0);
        assert_eq!(events("from=2000-01-01&subject_kind=supplier"), 3);
    }

    Stage::Open, fn money_that_comes_in_is_narrowed_and_added_up(town) {
        authorise(town, "722").expect(201);
        let trader = debtor(town, "RED-0042").expect(201).id();
        let rent = order(town, "F-R-72-722-01", "200000", &json!({ "kind": "individual", "debtor_id": trader }));
        finds(town, "/revenue-orders", &format!("debtor_id={trader}"), &[&rent.rsplit('/').next().expect("an id").to_owned()]);
        receive(town, Some(&rent), "175000").expect(201);
        let mistaken = town.path(&format!("/receipts/{}", receive(town, Some(&rent), "5000").expect(201).id()));
        town.client("accountant").act(&mistaken, "/cancellation", &json!({ "reason": "x" })).expect(200);
        assert_eq!(total(town, "/revenue-orders", "&state=partly_collected&article=722&from=2025-02-03"), in_francs(1, "200000"));
        assert_eq!(total(town, "/revenue-orders", "&amount_max=199999"), in_francs(0, "0"));
        assert_eq!(total(town, "/receipts", ""), in_francs(2, "180000"));
        assert_eq!(total(town, "/receipts", "&cancelled=false&amount_min=1"), in_francs(1, "175000"));
        finds(town, "/receipts", "cancelled=true", &[&mistaken.rsplit('/').next().expect("an id").to_owned()]);
        for list in ["/refunds", "/revenue-adjustments", "/transfer-notifications", "/cash-movements", "/imprest-expenses"] {
            assert_eq!(total(town, list, "&from=2025-01-01&to=2025-12-31&amount_min=1&amount_max=2"), in_francs(0, "0"), "{list}");
        }
        for list in ["/justification-slips", "/payment-order-corrections"] {
            assert_eq!(total(town, list, "&from=2025-01-01&to=2025-12-31&amount_min=1&amount_max=2"), in_francs(0, "0"), "{list}");
        }
        town.client("auditor").get(&town.path("/receipts?amount_min=1,5")).refused(400, "AMOUNT_INVALID");
    }

    Stage::Open, fn the_money_of_cash_offices_is_added_up(town) {
        cash_office::played(town);
        let added = |list: &str| {
            let page = town.client("auditor").get(&town.path(&format!("{list}?totals=true&limit=200"))).expect(200).json();
            let rows = page["data"].as_array().expect("rows");
            let member = if list == "/justification-slips" { "total" } else { "amount" };
            let amounts = rows.iter().map(|row| row[member].as_str().expect("an amount").parse::<i64>().expect("francs"));
            assert!(!rows.is_empty(), "{list}");
            assert_eq!(page["totals"], in_francs(rows.len() as i64, &amounts.sum::<i64>().to_string()), "{list}");
        };
        ["/cash-movements", "/imprest-expenses", "/justification-slips"].into_iter().for_each(added);
    }
}
