//! A random walk over the acts of expenditure and revenue: after each, the service and a small model agree on every stage
//! and account, and kept balances are the sums of postings.

use super::*;
use crate::harness::Chance;
use crate::revenue::model::Revenue;

const CASH: i64 = 3_200_000;

/// The acts of [`step`], the frequent ones more often.
const ACTS: [usize; 52] = [
    0, 0, 0, 1, 2, 3, 4, 4, 4, 4, 8, 8, 8, 8, 10, 11, 11, 11, 11, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15, 17, 18, 19, 19, 20, 20,
    20, 22, 22, 23, 23, 23, 24, 24, 24, 24, 25, 25, 26, 26, 26,
];

/// The states of an order on which something is due.
const PAYABLE: [&str; 3] = ["accepted", "partly_paid", "returned"];

struct Commitment {
    path: String,
    amount: i64,
    verified: i64,
    live: bool,
}

struct Verification {
    path: String,
    on: usize,
    amount: i64,
    reduced: i64,
    ordered: i64,
    certified: bool,
    cancelled: bool,
}

struct Order {
    path: String,
    on: usize,
    amount: i64,
    withheld: i64,
    reduced: i64,
    paid: i64,
    reversed: i64,
    state: &'static str,
    before: &'static str,
    posted: bool,
    barred: bool,
}

impl Order {
    fn net(&self) -> i64 {
        self.amount - self.withheld - self.reduced
    }

    fn correctable(&self, cancels: bool, amount: i64) -> bool {
        let unpaid = self.net() - self.paid;
        let fits = if cancels { self.paid == 0 && amount == self.net() } else { amount < unpaid || (amount == unpaid && self.paid > 0) };
        PAYABLE.contains(&self.state) && fits
    }
}

struct Payment {
    path: String,
    on: usize,
    amount: i64,
    returned: bool,
}

struct Correction {
    path: String,
    on: usize,
    cancels: bool,
    amount: i64,
    accepted: bool,
}

/// Money claimed back; decided when the accountant accepted or rejected it.
struct Claim {
    path: String,
    on: usize,
    amount: i64,
    accepted: bool,
    decided: bool,
}

#[derive(Default)]
struct Model {
    /// The credit that was voted.
    open: i64,
    commitments: Vec<Commitment>,
    verifications: Vec<Verification>,
    orders: Vec<Order>,
    payments: Vec<Payment>,
    corrections: Vec<Correction>,
    claims: Vec<Claim>,
}

impl Model {
    /// Committed, verified, ordered, accepted, paid, available.
    fn stages(&self) -> Vec<String> {
        let mut sums = [0; 6];
        for one in &self.commitments {
            sums[0] += one.amount;
            sums[1] += one.verified;
        }
        for one in self.orders.iter().filter(|one| !["draft", "rejected", "cancelled"].contains(&one.state)) {
            sums[2] += one.amount - one.reduced - one.reversed;
            if one.posted {
                sums[3] += one.amount - one.reduced - one.reversed;
                sums[4] += one.withheld + one.paid - one.reversed;
            }
        }
        sums[5] = self.open - sums[0];
        assert!(sums[0] <= self.open && sums.windows(2).take(4).all(|pair| pair[1] <= pair[0]), "the model holds the chain: {sums:?}");
        sums.iter().map(ToString::to_string).collect()
    }

    fn available(&self) -> i64 {
        self.open - self.commitments.iter().map(|one| one.amount).sum::<i64>()
    }

    fn cash(&self) -> i64 {
        CASH - self.payments.iter().filter(|one| !one.returned).map(|one| one.amount).sum::<i64>()
    }

    /// Whether there is something that an act is meant for.
    fn suits(&self, act: usize) -> bool {
        let order = |states: &[&str]| self.orders.iter().any(|one| states.contains(&one.state));
        match act {
            8 => self.verifications.iter().any(|one| !one.certified && !one.cancelled),
            11 => self.verifications.iter().any(|one| one.certified && !one.cancelled && one.ordered < one.amount - one.reduced),
            13 => order(&["draft"]),
            14 => order(&["signed"]),
            15 | 17 => order(&["transmitted"]),
            18 => order(&["rejected"]),
            20 => order(&PAYABLE),
            22 => self.payments.iter().any(|one| !one.returned),
            23 => self.corrections.iter().any(|one| !one.accepted),
            24 => order(&PAYABLE),
            25 => self.orders.iter().any(|one| one.paid > one.reversed),
            26 => self.claims.iter().any(|one| !one.decided),
            _ => true,
        }
    }

    /// Whether a verification still has room for an order.
    fn has_room(&self, on: usize, amount: i64) -> bool {
        let one = &self.verifications[on];
        one.certified && !one.cancelled && one.ordered + amount <= one.amount - one.reduced
    }

    /// What is no longer due is taken back from the verification and the commitment.
    fn take_back(&mut self, on: usize, amount: i64) {
        let verification = &mut self.verifications[on];
        verification.ordered -= amount;
        verification.reduced += amount;
        verification.cancelled = verification.reduced == verification.amount;
        let commitment = &mut self.commitments[verification.on];
        commitment.verified -= amount;
        commitment.live = true;
    }
}

/// Takes one step: the act, whether the model allows it, and what it does to the model.
fn step(town: &Town, chance: &mut Chance, model: &mut Model, came: i64, count: usize) -> (String, bool, Answer) {
    let (mayor, finance, accountant) = (town.client("mayor"), town.client("finance-officer"), town.client("accountant"));
    let path = |kind: &str, answer: &Answer| {
        town.path(&format!("/{kind}/{}", if answer.status < 300 { answer.text("/id") } else { String::new() }))
    };
    let mut draw = || ACTS.get(chance.below(ACTS.len())).copied().expect("an act");
    let first = draw();
    let act = std::iter::repeat_with(draw).take(6).find(|act| model.suits(*act)).unwrap_or(first);
    if model.commitments.is_empty() || act == 0 {
        let amount = chance.amount(400_000);
        let answer = commit_fuel(town, &amount.to_string());
        let allowed = amount <= model.available();
        if allowed {
            model.commitments.push(Commitment { path: path("commitments", &answer), amount, verified: 0, live: true });
        }
        return (format!("commit {amount}"), allowed, answer);
    }
    let chosen = chance.pick(&model.commitments, |one| one.live && (act < 4 || one.verified < one.amount));
    if act < 4 {
        let available = model.available();
        let one = &mut model.commitments[chosen];
        let (name, body, allowed, amount) = match act {
            1 => {
                let amount = chance.amount(200_000);
                ("/increase", money(&amount.to_string()), one.live && amount <= available, one.amount + amount)
            }
            2 => ("/release", reason(), one.live && one.verified < one.amount, one.verified),
            _ => ("/cancellation", reason(), one.live && one.verified == 0, 0),
        };
        let answer = mayor.act(&one.path, name, &body);
        if allowed {
            (one.amount, one.live) = (amount, act == 1);
        }
        return (format!("{name} of commitment {chosen}"), allowed, answer);
    }
    if model.verifications.is_empty() || act == 4 {
        let one = &mut model.commitments[chosen];
        let amount = chance.amount((one.amount - one.verified).max(1) + 5);
        let answer = verify(town, &one.path, &format!("F-{count}"), &amount.to_string());
        let allowed = one.live && amount <= one.amount - one.verified;
        if allowed {
            one.verified += amount;
            let new = Verification {
                path: path("verifications", &answer),
                on: chosen,
                amount,
                reduced: 0,
                ordered: 0,
                certified: false,
                cancelled: false,
            };
            model.verifications.push(new);
        }
        return (format!("verify {amount} on commitment {chosen}"), allowed, answer);
    }
    let chosen = chance.pick(&model.verifications, |one| match act {
        8 => !one.certified && !one.cancelled,
        10 => one.ordered == 0 && !one.cancelled,
        _ => one.certified && one.ordered < one.amount - one.reduced,
    });
    if act == 8 {
        let one = &mut model.verifications[chosen];
        let allowed = !one.certified && !one.cancelled;
        let answer = town.client("certifier").act(&one.path, "/certification", &json!({}));
        one.certified |= allowed;
        return (format!("certify {chosen}"), allowed, answer);
    }
    if act == 10 {
        let one = &mut model.verifications[chosen];
        let allowed = one.ordered == 0 && !one.cancelled;
        let answer = mayor.act(&one.path, "/cancellation", &reason());
        if allowed {
            one.cancelled = true;
            let left = one.amount - one.reduced;
            let on = one.on;
            model.commitments[on].verified -= left;
            model.commitments[on].live = true;
        }
        return (format!("cancel verification {chosen}"), allowed, answer);
    }
    if model.orders.is_empty() || act == 11 {
        let one = &model.verifications[chosen];
        let left = one.amount - one.reduced - one.ordered;
        let amount = if chance.below(3) == 0 { left.max(1) } else { chance.amount(left + 2) };
        let withheld = if chance.below(3) == 0 { chance.amount(amount) } else { 0 };
        let kept = if withheld > 0 { json!([{ "kind": "tax", "amount": withheld.to_string() }]) } else { json!([]) };
        let body = with(money(&amount.to_string()), json!({ "deductions": kept }));
        let answer = finance.act(&one.path, "/payment-orders", &body);
        let allowed = model.has_room(chosen, amount);
        if allowed {
            let path = path("payment-orders", &answer);
            let (state, before) = ("draft", "draft");
            model.orders.push(Order {
                path,
                on: chosen,
                amount,
                withheld,
                reduced: 0,
                paid: 0,
                reversed: 0,
                state,
                before,
                posted: false,
                barred: false,
            });
        }
        return (format!("draft {amount} on verification {chosen}"), allowed, answer);
    }
    let wanted: &[&str] = match act {
        13 => &["draft"],
        14 => &["signed"],
        15 => &["transmitted", "requisitioned"],
        17 => &["transmitted"],
        18 => &["rejected"],
        19 => &["transmitted", "accepted", "partly_paid", "held"],
        25 => &["paid", "partly_paid"],
        _ => &PAYABLE,
    };
    let chosen = chance.pick(&model.orders, |one| wanted.contains(&one.state));
    let room = model.has_room(model.orders[chosen].on, model.orders[chosen].amount);
    let cash = model.cash() + came;
    let one = &mut model.orders[chosen];
    let (on, from) = (one.on, one.state);
    match act {
        13 => {
            let allowed = from == "draft" && room;
            let answer = mayor.act(&one.path, "/signature", &json!({}));
            if allowed {
                one.state = "signed";
                model.verifications[on].ordered += one.amount;
            }
            (format!("sign {chosen}"), allowed, answer)
        }
        14 => {
            let id = one.path.rsplit('/').next().expect("an id");
            let body = json!({ "payment_order_ids": [id], "total": one.amount.to_string(), "currency": "XOF" });
            let answer = mayor.create(&town.path("/payment-order-batches"), &body);
            let allowed = from == "signed";
            one.state = if allowed { "transmitted" } else { from };
            (format!("transmit {chosen}"), allowed, answer)
        }
        15 => {
            let allowed = ["transmitted", "requisitioned"].contains(&from);
            let answer = accountant.act(&one.path, "/acceptance", &json!({}));
            if allowed {
                one.state = if one.net() == 0 { "paid" } else { "accepted" };
                one.posted = true;
            }
            (format!("accept {chosen}"), allowed, answer)
        }
        17 => {
            let allowed = from == "transmitted";
            let barred = chance.below(2) == 0;
            let body = json!({ "reason": if barred { "R04" } else { "R06" }, "text": "x" });
            let answer = accountant.act(&one.path, "/rejection", &body);
            if allowed {
                (one.state, one.barred) = ("rejected", barred);
                model.verifications[on].ordered -= one.amount;
            }
            (format!("reject {chosen}"), allowed, answer)
        }
        18 => {
            let allowed = from == "rejected" && !one.barred && room;
            let answer = mayor.act(&one.path, "/requisition", &json!({ "reference": "x", "sha256": "e".repeat(64) }));
            if allowed {
                one.state = "requisitioned";
                model.verifications[on].ordered += one.amount;
            }
            (format!("requisition {chosen}"), allowed, answer)
        }
        19 => {
            let holds = from != "held" && chance.below(8) > 0;
            let body = json!({ "reason": "opposition", "text": "x" });
            let answer =
                if holds { accountant.act(&one.path, "/hold", &body) } else { accountant.act(&one.path, "/resumption", &json!({})) };
            let allowed = if holds { ["transmitted", "accepted", "partly_paid"].contains(&from) } else { from == "held" };
            if allowed && holds {
                (one.before, one.state) = (from, "held");
            } else if allowed {
                one.state = if one.before == "partly_paid" && one.paid == 0 { "returned" } else { one.before };
            }
            (format!("hold or resume {chosen}"), allowed, answer)
        }
        20 => {
            let left = one.net() - one.paid;
            let amount = if chance.below(2) == 0 { left.max(1) } else { chance.amount(left + 2) };
            let answer = pay(&accountant, &one.path, &town.supplier("SUP-0012"), &amount.to_string(), "transfer");
            let allowed = PAYABLE.contains(&from) && amount <= left && amount <= cash;
            if allowed {
                one.paid += amount;
                one.state = if one.paid == one.net() { "paid" } else { "partly_paid" };
                model.payments.push(Payment { path: path("payments", &answer), on: chosen, amount, returned: false });
            }
            (format!("pay {amount} on order {chosen}"), allowed, answer)
        }
        22 if !model.payments.is_empty() => {
            let chosen = chance.pick(&model.payments, |one| !one.returned);
            let payment = &mut model.payments[chosen];
            let order = &mut model.orders[payment.on];
            let allowed = !payment.returned && order.paid - payment.amount >= order.reversed;
            let answer = accountant.act(&payment.path, "/return", &reason());
            if allowed {
                payment.returned = true;
                order.paid -= payment.amount;
                order.state = if order.state == "held" { "held" } else { "returned" };
            }
            (format!("return payment {chosen}"), allowed, answer)
        }
        23 if !model.corrections.is_empty() => {
            let chosen = chance.pick(&model.corrections, |one| !one.accepted);
            let correction = &mut model.corrections[chosen];
            let order = &mut model.orders[correction.on];
            let allowed = !correction.accepted && order.correctable(correction.cancels, correction.amount);
            let answer = accountant.act(&correction.path, "/acceptance", &json!({}));
            if allowed {
                correction.accepted = true;
                let taken = if correction.cancels { order.amount - order.reduced } else { correction.amount };
                order.reduced += taken;
                if correction.cancels {
                    order.state = "cancelled";
                } else if order.net() == order.paid {
                    order.state = "paid";
                }
                let on = order.on;
                model.take_back(on, taken);
            }
            (format!("accept correction {chosen}"), allowed, answer)
        }
        25 => {
            let amount = chance.amount(one.paid + 2);
            let claimed: i64 = model
                .claims
                .iter()
                .filter(|claim| claim.on == chosen && (claim.accepted || !claim.decided))
                .map(|claim| claim.amount)
                .sum();
            let allowed = ["paid", "partly_paid", "returned"].contains(&from) && claimed + amount <= one.paid;
            let answer = mayor.act(&one.path, "/recoveries", &with(money(&amount.to_string()), reason()));
            if allowed {
                let path = path("revenue-orders", &answer);
                model.claims.push(Claim { path, on: chosen, amount, accepted: false, decided: false });
            }
            (format!("claim {amount} on order {chosen}"), allowed, answer)
        }
        26 if !model.claims.is_empty() => {
            let chosen = chance.pick(&model.claims, |one| !one.decided);
            let rejects = chance.below(4) == 0;
            let claim = &mut model.claims[chosen];
            let order = &mut model.orders[claim.on];
            let allowed = !claim.decided && (rejects || order.reversed + claim.amount <= order.paid);
            let answer = if rejects {
                accountant.act(&claim.path, "/rejection", &json!({ "reason": "amount", "text": "x" }))
            } else {
                accountant.act(&claim.path, "/acceptance", &json!({}))
            };
            if allowed {
                (claim.decided, claim.accepted) = (true, !rejects);
            }
            if allowed && !rejects {
                order.reversed += claim.amount;
                let (on, amount) = (order.on, claim.amount);
                model.take_back(on, amount);
            }
            (format!("decide claim {chosen}"), allowed, answer)
        }
        _ => {
            let cancels = chance.below(3) == 0;
            let amount = if cancels { one.net().max(1) } else { chance.amount((one.net() - one.paid).max(1)) };
            let answer = issue(town, &one.path, if cancels { "cancellation" } else { "reduction" }, &amount.to_string());
            let allowed = one.correctable(cancels, amount);
            if allowed {
                let path = path("payment-order-corrections", &answer);
                model.corrections.push(Correction { path, on: chosen, cancels, amount, accepted: false });
            }
            (format!("correct order {chosen} by {amount}"), allowed, answer)
        }
    }
}

fn walk(town: &Town, seed: u64, steps: usize) {
    let mut chance = Chance(seed);
    let mut model = Model { open: crate::budget::walk::open(town, &mut chance), ..Model::default() };
    let mut revenue = Revenue::open(town);
    let mut done = 0;
    for count in 0..steps {
        let of_revenue = chance.below(3) == 0;
        let cash = model.cash() + revenue.cash();
        let (name, allowed, answer) =
            if of_revenue { revenue.step(town, &mut chance, cash) } else { step(town, &mut chance, &mut model, revenue.cash(), count) };
        let said = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert_eq!(allowed, (200..300).contains(&answer.status), "seed {seed}, step {count}, {name}: {} {said}", answer.status);
        assert!(answer.status < 500, "{name}: {said}");
        done += usize::from(allowed);
        assert_eq!(stages(town, "602"), model.stages(), "seed {seed}, step {count}, {name}");
        revenue.compare(town, &format!("seed {seed}, step {count}, {name}"));
        if count % 25 == 0 {
            for order in &model.orders {
                assert_eq!(town.client("auditor").get(&order.path).text("/state"), order.state, "step {count}, {}", order.path);
            }
        }
    }
    assert!(done > steps / 3, "{done} of {steps} acts were done");
    let came = (model.orders.len(), model.payments.len(), model.corrections.iter().filter(|one| one.accepted).count());
    let claimed = model.claims.iter().filter(|one| one.accepted).count();
    assert!(steps < 200 || (came.1 > 2 && came.2 + claimed > 0), "orders, payments, corrections: {came:?}; claims: {claimed}");
    let standing = || model.orders.iter().filter(|one| one.posted && one.state != "cancelled");
    let reversed = || model.orders.iter().map(|one| one.reversed).sum::<i64>();
    assert_eq!(closing(town, "602"), standing().map(|one| one.amount - one.reduced).sum::<i64>() - reversed());
    assert_eq!(closing(town, "462"), reversed());
    assert_eq!(closing(town, "401"), -400_000 - standing().map(|one| one.net() - one.paid).sum::<i64>());
    assert_eq!(closing(town, "442"), -standing().map(|one| one.withheld).sum::<i64>());
    assert_eq!(closing(town, "515"), model.cash() + revenue.cash());
}

#[test]
fn the_chain_of_stages_holds_after_every_act() {
    let chosen = std::env::var("SIGIDA_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    walk(&Town::on_sqlite(Stage::Gathered), chosen.unwrap_or(0x5eed_0001), 400);
    if let Some(town) = Town::on_postgresql(Stage::Gathered) {
        walk(&town, chosen.unwrap_or(0x5eed_0002), 120);
    }
}
