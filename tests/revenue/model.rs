//! A random walk over revenue: after each act, the service and a small model agree on every account that it moves.

use serde_json::{Value, json};

use super::{authorise, carried, debtor, draft, id, propose_reduction, propose_write_off, receive};
use crate::harness::{Answer, Chance, Town};

/// What a debt comes to.
#[derive(Default)]
struct Debt {
    path: String,
    amount: i64,
    carried: bool,
    /// Born out of an unclassified receipt, and collected by it.
    regularising: bool,
    reduced: i64,
    collected: i64,
    written_off: i64,
    recovered: i64,
    overpaid: i64,
}

impl Debt {
    fn outstanding(&self) -> i64 {
        self.amount - self.reduced - self.collected - self.written_off
    }
}

/// Money that came: how much of it settled, came after a write-off, and was too much.
struct Receipt {
    path: String,
    amount: i64,
    on: Option<usize>,
    parts: [i64; 3],
    cancelled: bool,
    regularised: bool,
}

/// What the accounts of revenue should say.
pub struct Revenue {
    debtor: String,
    debts: Vec<Debt>,
    receipts: Vec<Receipt>,
    refunded: i64,
}

const LINE: &str = "F-R-72-722-01";
const WRITE_OFFS: i64 = 600_000;

impl Revenue {
    /// A debtor, a levy, and arrears of 1,000,000 of the year before.
    pub fn open(town: &Town) -> Self {
        authorise(town, "722").expect(201);
        let debtor = debtor(town, "RED-0001").expect(201).text("/id");
        let arrears = Debt { path: carried(town, "TDRL 2024", "1000000"), amount: 1_000_000, carried: true, ..Debt::default() };
        Self { debtor, debts: vec![arrears], receipts: Vec::new(), refunded: 0 }
    }

    fn live(&self) -> impl Iterator<Item = &Receipt> {
        self.receipts.iter().filter(|one| !one.cancelled)
    }

    /// What came in, less what was refunded.
    pub fn cash(&self) -> i64 {
        self.live().map(|one| one.amount).sum::<i64>() - self.refunded
    }

    pub fn written_off(&self) -> i64 {
        self.debts.iter().map(|one| one.written_off).sum()
    }

    /// The net debit of each account.
    pub fn accounts(&self) -> [(&'static str, i64); 6] {
        let sum = |of: fn(&Debt) -> i64| self.debts.iter().map(of).sum::<i64>();
        let ordered = |one: &Debt| if one.carried { 0 } else { one.amount - one.reduced };
        [
            ("411", 600_000 + sum(|one| if one.regularising { 0 } else { one.outstanding() })),
            ("419", -sum(|one| one.overpaid)),
            ("471", -self.live().filter(|one| one.on.is_none() && !one.regularised).map(|one| one.amount).sum::<i64>()),
            ("651", self.written_off()),
            ("722", -sum(ordered)),
            ("751", -sum(|one| one.recovered)),
        ]
    }

    /// Revenue issued and collected in the operating section.
    pub fn section(&self) -> [i64; 2] {
        let own = || self.debts.iter().filter(|one| !one.carried);
        let recovered: i64 = self.debts.iter().map(|one| one.recovered).sum();
        let issued: i64 = own().map(|one| one.amount - one.reduced).sum();
        [issued + recovered, own().map(|one| one.collected).sum::<i64>() + recovered]
    }

    fn issue(&self, town: &Town, amount: i64, receipts: &[String]) -> String {
        let more = json!({ "kind": "individual", "debtor_id": self.debtor, "receipt_ids": receipts });
        let order = town.path(&format!("/revenue-orders/{}", draft(town, LINE, &amount.to_string(), &more).expect(201).id()));
        town.client("mayor").act(&order, "/issuance", &json!({})).expect(200);
        order
    }

    fn order(&mut self, town: &Town, amount: i64, receipts: &[String]) -> Answer {
        let order = self.issue(town, amount, receipts);
        self.debts.push(Debt { path: order.clone(), amount, ..Debt::default() });
        town.client("accountant").act(&order, "/acceptance", &json!({}))
    }

    /// Takes one step: the act, whether the model allows it, and what it does to the model.
    pub fn step(&mut self, town: &Town, chance: &mut Chance, cash: i64) -> (String, bool, Answer) {
        let accountant = town.client("accountant");
        let chosen = chance.below(self.debts.len());
        match chance.below(10) {
            0 | 1 => {
                let amount = chance.amount(300_000);
                if chance.below(5) == 0 {
                    let order = self.issue(town, amount, &[]);
                    let answer = accountant.act(&order, "/rejection", &json!({ "reason": "amount", "text": "x" }));
                    return (format!("reject an order of {amount}"), true, answer);
                }
                let answer = self.order(town, amount, &[]);
                (format!("order {amount}"), true, answer)
            }
            2..=4 => {
                let one = &mut self.debts[chosen];
                let amount = if chance.below(2) == 0 { one.outstanding().max(1) } else { chance.amount(one.outstanding() + 1_000) };
                let settled = amount.min(one.outstanding());
                let recovered = (amount - settled).min(one.written_off - one.recovered);
                let parts = [settled, recovered, amount - settled - recovered];
                let answer = receive(town, Some(&one.path), &amount.to_string());
                one.collected += parts[0];
                one.recovered += parts[1];
                one.overpaid += parts[2];
                let path = town.path(&format!("/receipts/{}", answer.clone().expect(201).id()));
                self.receipts.push(Receipt { path, amount, on: Some(chosen), parts, cancelled: false, regularised: false });
                (format!("collect {amount} on {chosen}"), true, answer)
            }
            5 => {
                let amount = chance.amount(50_000);
                let answer = receive(town, None, &amount.to_string());
                let path = town.path(&format!("/receipts/{}", answer.clone().expect(201).id()));
                self.receipts.push(Receipt { path, amount, on: None, parts: [0; 3], cancelled: false, regularised: false });
                (format!("receive {amount}"), true, answer)
            }
            6 if !self.receipts.is_empty() => {
                let chosen = chance.pick(&self.receipts, |one| !one.cancelled);
                let one = &mut self.receipts[chosen];
                let debt = one.on.map(|on| &mut self.debts[on]);
                let refunded = debt.as_ref().is_some_and(|debt| debt.overpaid < one.parts[2]);
                let allowed = !one.cancelled && !one.regularised && !refunded;
                let answer = accountant.act(&one.path, "/cancellation", &json!({ "reason": "Saisie par erreur" }));
                if allowed {
                    one.cancelled = true;
                    if let Some(debt) = debt {
                        debt.collected -= one.parts[0];
                        debt.recovered -= one.parts[1];
                        debt.overpaid -= one.parts[2];
                    }
                }
                (format!("cancel receipt {chosen}"), allowed, answer)
            }
            7 => {
                let one = &mut self.debts[chosen];
                let amount = chance.amount(one.outstanding() + 100);
                let proposed = if one.carried {
                    let used = WRITE_OFFS - one.written_off;
                    let answer = propose_write_off(town, &one.path, &amount.to_string());
                    if answer.status != 201 {
                        return (format!("write off {amount}"), amount <= one.outstanding() && amount <= used, answer);
                    }
                    (amount <= one.outstanding() && amount <= used, super::decide(town, &answer, "granted"))
                } else {
                    let answer = propose_reduction(town, &one.path, &amount.to_string(), None);
                    if answer.status != 201 {
                        return (format!("reduce {chosen} by {amount}"), amount <= one.outstanding(), answer);
                    }
                    (amount <= one.outstanding(), super::accept_adjustment(town, &answer))
                };
                let (allowed, answer) = proposed;
                match (allowed, one.carried) {
                    (true, true) => one.written_off += amount,
                    (true, false) => one.reduced += amount,
                    _ => {}
                }
                (format!("lower {chosen} by {amount}"), allowed, answer)
            }
            8 => {
                let free: Vec<usize> = (0..self.receipts.len())
                    .filter(|at| self.receipts[*at].on.is_none() && !self.receipts[*at].cancelled && !self.receipts[*at].regularised)
                    .collect();
                let Some(at) = free.get(chance.below(free.len())).copied() else { return self.step(town, chance, cash) };
                let amount = self.receipts[at].amount;
                let receipt = id(&self.receipts[at].path).to_owned();
                let answer = self.order(town, amount, &[receipt]);
                self.receipts[at].regularised = true;
                let debt = self.debts.last_mut().expect("just made");
                (debt.collected, debt.regularising) = (amount, true);
                (format!("regularise receipt {at}"), true, answer)
            }
            _ => {
                let one = &mut self.debts[chosen];
                let amount = chance.amount(one.overpaid + 1);
                let allowed = amount <= one.overpaid && amount <= cash;
                let body = json!({ "amount": amount.to_string(), "currency": "XOF", "mode": "transfer" });
                let answer = accountant.act(&one.path, "/refunds", &body);
                if allowed {
                    one.overpaid -= amount;
                    self.refunded += amount;
                }
                (format!("refund {amount} on {chosen}"), allowed, answer)
            }
        }
    }

    /// Compares what the service says of revenue with the model: accounts, the section, and kept balances with their postings.
    pub fn compare(&self, town: &Town, place: &str) {
        let year = town.path("/fiscal-years/2025");
        let auditor = town.client("auditor");
        let kept = auditor.get(&format!("{year}/trial-balance")).expect(200).json();
        let summed = auditor.get(&format!("{year}/trial-balance?as_of=2025-02-03")).expect(200).json();
        assert_eq!((&kept["accounts"], &kept["totals"]), (&summed["accounts"], &summed["totals"]), "{place}: kept and summed");
        let number = |value: &Value| value.as_str().expect("text").parse::<i64>().expect("a number");
        let rows = kept["accounts"].as_array().expect("accounts");
        for (account, expected) in self.accounts() {
            let row = rows.iter().find(|row| row["account"] == account);
            let net = row.map_or(0, |row| number(&row["closing_debit"]) - number(&row["closing_credit"]));
            assert_eq!(net, expected, "{place}: account {account}");
        }
        let execution = auditor.get(&format!("{year}/budget-execution")).expect(200).json();
        let section =
            execution["sections"].as_array().expect("sections").iter().find(|row| row["section"] == "operating").expect("one").clone();
        assert_eq!(["revenue_issued", "revenue_collected"].map(|name| number(&section[name])), self.section(), "{place}");
    }
}
