//! The beginning of a random walk: votes until one is carried, on a budget of which a line is chosen by chance.

use super::*;
use crate::harness::Chance;

/// What fuel and stationery share, and what is asked for fuel.
struct Draft {
    shared: i64,
    fuel: i64,
}

impl Draft {
    fn new(chance: &mut Chance) -> Self {
        let shared = ["601", "602"].map(amount_of).iter().sum();
        Self { shared, fuel: 2_000_000 + chance.amount(shared - 2_000_001) }
    }

    /// The sample with the chosen figures; out of balance by some francs if so wanted.
    fn lines(&self, off_by: i64) -> String {
        let figures = [("601", self.shared - self.fuel), ("602", self.fuel + off_by)];
        let line = |line: &str| {
            let (head, _) = line.rsplit_once(';').expect("columns");
            let chosen = figures.iter().find(|(article, _)| line.split(';').nth(3) == Some(article));
            chosen.map_or_else(|| line.to_owned(), |(_, amount)| format!("{head};{amount}"))
        };
        SAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn amount_of(article: &str) -> i64 {
    let line = SAMPLE.lines().find(|line| line.split(';').nth(3) == Some(article)).expect("the article");
    line.rsplit(';').next().and_then(|amount| amount.trim().parse().ok()).expect("an amount")
}

/// One vote by chance, told as a plain reading of the rules expects: whether it was carried, or nothing if it was no vote.
fn random_vote(town: &Town, budget: &str, chance: &mut Chance) -> Option<bool> {
    let mut count = |most: usize| i64::try_from(chance.below(most + 1)).expect("small");
    let (serving, present) = (17, count(18));
    let [votes_for, votes_against, abstentions] = [count(14), count(6), count(2)];
    let change = [
        ("present", json!(present)),
        ("votes_for", json!(votes_for)),
        ("votes_against", json!(votes_against)),
        ("abstentions", json!(abstentions)),
    ];
    let said = vote(town, budget, &change);
    if present > serving || votes_for + votes_against + abstentions > present {
        said.refused(422, "BUDGET_VOTE_INCONSISTENT");
        return None;
    }
    if present < 9 {
        said.refused(422, "BUDGET_NO_QUORUM");
        return None;
    }
    let carried = votes_for > votes_against;
    let state = if carried { "voted" } else { "rejected_by_council" };
    assert_eq!(said.expect(200).text("/state"), state, "{votes_for} for, {votes_against} against");
    Some(carried)
}

/// Votes a budget and opens the year; gives the credit of fuel.
pub fn open(town: &Town, chance: &mut Chance) -> i64 {
    let (mayor, finance) = (town.client("mayor"), town.client("finance-officer"));
    let budget = in_consultation(town);
    consult(town);
    meet(town, "/public-debates", "chef-lieu", "2024-10-19").expect(201);
    town.on("2024-10-28");
    let mut drafted = Draft::new(chance);
    loop {
        if chance.below(3) == 0 {
            import(town, &budget, &drafted.lines(1)).expect(200);
            mayor.act(&budget, "/tabling", &json!({})).refused(422, "BUDGET_UNBALANCED");
        }
        import(town, &budget, &drafted.lines(0)).expect(200);
        mayor.act(&budget, "/tabling", &json!({})).expect(200);
        // Refused votes leave the budget tabled; a lost one sends it back to be drafted again.
        let carried = loop {
            if let Some(carried) = random_vote(town, &budget, chance) {
                break carried;
            }
        };
        if carried {
            break;
        }
        mayor.act(&budget, "/rework", &json!({})).expect(200);
        drafted = Draft::new(chance);
    }
    mayor.act(&budget, "/transmission", &json!({ "annexes_sha256": "d".repeat(64) })).expect(200);
    town.client("state-representative").act(&budget, "/approval", &json!({})).expect(200);
    town.on("2025-02-03");
    finance.create(&town.path("/suppliers"), &json!({ "code": "SUP-0012", "name": "Station-service (fictive)" })).expect(201);
    let stationer = json!({ "code": "SUP-0003", "name": "Papeterie (fictive)" });
    let stationer = finance.create(&town.path("/suppliers"), &stationer).expect(201).id();
    let side = |account: &str, side: &str, amount: &str| json!({ "account": account, "side": side, "amount": amount });
    let opening = json!({
        "currency": "XOF",
        "lines": [side("515", "debit", "3200000"), side("411", "debit", "1600000"), side("401", "credit", "400000"), side("12", "credit", "4400000")],
        "carried_debts": [{ "account": "401", "supplier_id": stationer, "reference": "M-2024-000113", "amount": "400000" }],
    });
    town.client("accountant").act(&town.path("/fiscal-years/2025"), "/opening-balances", &opening).expect(200);
    drafted.fuel
}
