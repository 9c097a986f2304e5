//! The commune's whole year, as the demonstration plays it through HTTP: it closes to the franc.

use serde_json::{Value, json};

use crate::harness::{Stage, Town};
use crate::on_both_engines;

/// Every account that is not even at the end, with its side and balance.
const CLOSING: [(&str, &str, i64); 21] = [
    ("12", "credit", 4_400_000),
    ("141", "credit", 28_000_000),
    ("231", "debit", 12_000_000),
    ("251", "debit", 2_500_000),
    ("401", "credit", 100_000),
    ("4047", "credit", 600_000),
    ("411", "debit", 4_501_000),
    ("443", "debit", 11_200_000),
    ("471", "credit", 36_000),
    ("515", "debit", 33_048_000),
    ("541", "debit", 300_000),
    ("601", "debit", 214_500),
    ("602", "debit", 800_000),
    ("632", "debit", 100_000),
    ("651", "debit", 600_000),
    ("661", "debit", 990_000),
    ("664", "debit", 200_000),
    ("711", "credit", 12_900_000),
    ("714", "credit", 8_742_500),
    ("722", "credit", 175_000),
    ("731", "credit", 11_500_000),
];

fn minor(value: &Value) -> i64 {
    value.as_str().expect("an amount").parse().expect("whole francs")
}

fn read(town: &Town, path: &str) -> Value {
    town.client("auditor").get(&town.path(&format!("/fiscal-years/2025{path}"))).expect(200).json()
}

/// What the balance of an account adds to a debit total.
fn net(row: &Value) -> i64 {
    minor(&row["closing_debit"]) - minor(&row["closing_credit"])
}

on_both_engines! {
    Stage::Played, fn the_year_closes_to_the_franc(town) {
        let balance = read(town, "/trial-balance");
        let mut closing: Vec<(String, &str, i64)> = Vec::new();
        for row in balance["accounts"].as_array().expect("accounts").iter().filter(|row| net(row) != 0) {
            let side = if net(row) > 0 { "debit" } else { "credit" };
            closing.push((row["account"].as_str().expect("a code").to_owned(), side, net(row).abs()));
        }
        let expected: Vec<(String, &str, i64)> = CLOSING.iter().map(|(account, side, amount)| ((*account).to_owned(), *side, *amount)).collect();
        assert_eq!(closing, expected);
        for side in ["closing_debit", "closing_credit"] {
            assert_eq!(minor(&balance["totals"][side]), 66_453_500, "{side}");
        }
        assert_eq!(balance["balanced"], true);
    }

    Stage::Played, fn results_meet_the_treasury(town) {
        let execution = read(town, "/budget-execution");
        let section = |name: &str| execution["sections"].as_array().expect("sections").iter().find(|row| row["section"] == name).expect(name).clone();
        let (operating, capital) = (section("operating"), section("capital"));
        assert_eq!((minor(&operating["revenue_issued"]), minor(&operating["expenditure_accepted"])), (33_317_500, 2_904_500));
        assert_eq!((minor(&capital["revenue_issued"]), minor(&capital["expenditure_accepted"])), (28_000_000, 14_500_000));
        assert_eq!((minor(&operating["result"]), minor(&capital["result"])), (30_413_000, 13_500_000));
        // What was carried from earlier years and the results of both sections are the net of third parties and treasury.
        let cumulative = 4_400_000 + minor(&operating["result"]) + minor(&capital["result"]);
        let balance = read(town, "/trial-balance");
        let class = |digit: &str| -> i64 {
            let rows = balance["accounts"].as_array().expect("accounts").iter();
            rows.filter(|row| row["account"].as_str().is_some_and(|account| account.starts_with(digit))).map(net).sum()
        };
        assert_eq!((class("4"), class("5")), (14_965_000, 33_348_000));
        assert_eq!(cumulative, 48_313_000);
        assert_eq!(cumulative, class("4") + class("5"));
        let position = read(town, "/cash-position");
        assert_eq!(minor(&position["money_total"]), 33_348_000);
    }

    Stage::Played, fn figures_of_a_date_meet_the_ledger_of_that_date(town) {
        for month in 1..=11 {
            let at = format!("?as_of=2025-{month:02}-28");
            let (execution, balance) = (read(town, &format!("/budget-execution{at}")), read(town, &format!("/trial-balance{at}")));
            let class = |digits: [char; 2]| -> i64 {
                let rows = balance["accounts"].as_array().expect("accounts").iter();
                rows.filter(|row| row["account"].as_str().is_some_and(|account| account.starts_with(digits))).map(net).sum()
            };
            let results: i64 = execution["sections"].as_array().expect("sections").iter().map(|row| minor(&row["result"])).sum();
            assert_eq!(class(['4', '5']), 4_400_000 + results, "{at}");
            let operating = execution["sections"].as_array().expect("sections").iter().find(|row| row["section"] == "operating").expect("a section");
            assert_eq!(class(['6', '7']), -minor(&operating["result"]), "{at}");
        }
    }

    Stage::Played, fn the_fuel_article_stands_as_after_the_recovery(town) {
        let fuel = town.article("602");
        let stages = ["open", "committed", "verified", "ordered", "accepted", "paid", "available"].map(|stage| minor(&fuel[stage]));
        assert_eq!(stages, [3_400_000, 850_000, 800_000, 800_000, 800_000, 800_000, 2_550_000]);
        let commitments = town.client("auditor").get(&town.path("/commitments?limit=200")).expect(200).json();
        let commitment = commitments["data"].as_array().expect("rows").iter().find(|row| row["article"] == "602").expect("fuel").clone();
        let commitment = town.path(&format!("/commitments/{}", commitment["id"].as_str().expect("an id")));
        let why = serde_json::json!({ "reason": "Trop-perçu reversé" });
        town.client("mayor").act(&commitment, "/release", &why).expect(200);
        assert_eq!(minor(&town.article("602")["available"]), 2_600_000);
        assert_eq!(minor(&town.article("602")["committed"]), 800_000);
    }

    Stage::Played, fn arrears_are_told_both_ways(town) {
        let arrears = read(town, "/arrears");
        assert_eq!((&arrears["as_of"], &read(town, "/transfers")["as_of"]), (&json!("2025-11-28"), &json!("2025-11-28")));
        assert_eq!(minor(&arrears["payable"]["amount"]), 100_000, "the grant that the bank sent back");
        assert_eq!(minor(&arrears["receivable"]["amount"]), 4_501_000 + 11_200_000);
        let ages = arrears["receivable"]["ages"].as_array().expect("ages");
        assert_eq!(ages.iter().map(|age| minor(&age["amount"])).sum::<i64>(), 15_701_000);
        let transfers = read(town, "/transfers");
        let grant = transfers["lines"].as_array().expect("lines").iter().find(|line| line["code"] == "I-R-14-141-01").expect("the grant").clone();
        assert_eq!((minor(&grant["notified"]), minor(&grant["ordered"]), minor(&grant["received"])), (28_000_000, 28_000_000, 16_800_000));
    }

    Stage::Played, fn balances_of_the_past_are_those_of_the_postings(town) {
        let now = read(town, "/trial-balance");
        let then = read(town, "/trial-balance?as_of=2025-11-28");
        assert_eq!(now["accounts"], then["accounts"]);
        assert_eq!(read(town, "/budget-execution")["sections"], read(town, "/budget-execution?as_of=2025-11-28")["sections"]);
        for month in 1..=11 {
            let past = read(town, &format!("/trial-balance?as_of=2025-{month:02}-28"));
            assert_eq!(past["balanced"], true, "month {month}");
        }
        assert_eq!(minor(&read(town, "/budget-execution?as_of=2025-06-30")["sections"][0]["revenue_issued"]), 24_575_000);
    }
}
