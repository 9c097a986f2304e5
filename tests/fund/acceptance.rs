//! What donors and their agents tell in figures, met to the cent.

use serde_json::{Value, json};

use super::{Scene, place, rate, register, scene, with};
use crate::harness::Stage;
use crate::on_both_engines;

/// A published statement of a fund, in whole dollars.
struct Published {
    contributions: i64,
    interest: i64,
    recipients_interest: i64,
    transferred: i64,
    transferred_to_funds: i64,
    refunds: i64,
    fee: i64,
    direct_cost: i64,
    bank_charges: i64,
    expenditure: i64,
}

const A: Published = Published {
    contributions: 756_821_732,
    interest: 20_006_220,
    recipients_interest: 3_122_214,
    transferred: 693_135_684,
    transferred_to_funds: 13_792_503,
    refunds: 48_030_831,
    fee: 7_484_571,
    direct_cost: 22_638_221,
    bank_charges: 29_699,
    expenditure: 535_464_931,
};

const B: Published = Published {
    contributions: 1_016_268_638,
    interest: 24_223_374,
    recipients_interest: 3_181_470,
    transferred: 928_973_453,
    transferred_to_funds: 40_832_220,
    refunds: 55_683_757,
    fee: 9_987_157,
    direct_cost: 26_204_342,
    bank_charges: 30_130,
    expenditure: 754_655_459,
};

impl Published {
    /// Moves the money as it was told. The fee is one per cent of the first contribution; the second bears none.
    fn play(&self, scene: &Scene<'_>) {
        let charged = self.fee * 100;
        for (reference, amount, fee_bps) in [("D-1", charged, 100), ("D-2", self.contributions - charged, 0)] {
            let amount = amount.to_string();
            let path = scene.town.path(&format!("/contributions/{}", scene.pledge(reference, &amount, &json!({})).expect(201).id()));
            scene.moved(&path, "commitment", &amount, &json!({ "fee_bps": fee_bps })).expect(200);
            scene.moved(&path, "receipt", &amount, &json!({})).expect(200);
        }
        let own = scene.own_account();
        let moves = [
            ("interest", self.interest),
            ("recipients_interest", self.recipients_interest),
            ("direct_cost", self.direct_cost),
            ("bank_charge", self.bank_charges),
        ];
        for (kind, amount) in moves {
            scene.moved(&own, kind, &amount.to_string(), &json!({})).expect(200);
        }
        let carried = scene.purpose("P-1", &self.transferred.to_string(), &[("ML07", 10_000)]);
        scene.allocate(&carried, &self.transferred.to_string()).expect(201);
        for (kind, amount) in [("disbursement", self.transferred), ("expenditure", self.expenditure), ("refund", self.refunds)] {
            scene.used(&carried, kind, &amount.to_string()).expect(200);
        }
        let other = scene.purpose("P-2", &self.transferred_to_funds.to_string(), &[("ML07", 10_000)]);
        scene.allocate(&other, &self.transferred_to_funds.to_string()).expect(201);
        scene.used(&other, "transfer", &self.transferred_to_funds.to_string()).expect(200);
    }
}

fn dollars(amount: i64) -> Value {
    json!(format!("{amount}.00"))
}

/// What one donor had contributed in the first of its currencies: pledged, committed, received.
fn contributed(statement: &Value) -> [String; 3] {
    ["pledged", "committed", "received"].map(|member| statement["donors"][0]["contributed"][0][member].as_str().expect("text").to_owned())
}

on_both_engines! {
    Stage::Open, fn ac_29_inv_24_a_published_statement_is_met_line_by_line(town) {
        let scene = scene(town, &json!({}));
        A.play(&scene);
        let statement = scene.statement("");
        crate::fund::statement::adds_up(&statement);
        let flow = &statement["waterfall"];
        for (line, amount) in [
            ("contributions", A.contributions), ("interest", A.interest), ("recipients_interest", A.recipients_interest),
            ("total_source", 779_950_166), ("transferred", A.transferred), ("transferred_to_funds", A.transferred_to_funds),
            ("transfers", 706_928_187), ("refunds", A.refunds), ("fee", A.fee), ("direct_cost", A.direct_cost),
            ("bank_charges", A.bank_charges), ("total_use", 689_049_847), ("balance", 90_900_319), ("expenditure", A.expenditure),
            ("recipients_balance", 109_639_922), ("total_balance", 200_540_241),
        ] {
            assert_eq!(flow[line], dollars(amount), "{line}");
        }
        let rates = ["balance_bps", "recipients_balance_bps", "total_balance_bps"].map(|member| flow[member].clone());
        assert_eq!(rates, [json!(1201), json!(1582), json!(2650)]);
        town.verify().expect("nothing is wrong");
    }

    Stage::Open, fn ac_29_what_was_printed_otherwise_is_found_by_the_dollar(town) {
        let scene = scene(town, &json!({}));
        B.play(&scene);
        let printed = [
            ("contributions", B.contributions), ("total_source", 1_043_673_482), ("transfers", 969_805_672), ("refunds", B.refunds),
            ("recipients_refunds", 55_762_984), ("fee", B.fee), ("direct_cost", B.direct_cost), ("bank_charges", B.bank_charges),
        ];
        let figures: Vec<Value> = printed.iter().map(|(figure, amount)| json!({ "figure": figure, "amount": amount.to_string() })).collect();
        let body = json!({ "fund_id": scene.fund, "source": "Gateway", "as_of": "2024-12-31", "currency": "USD", "unit": "1", "figures": figures });
        let reports = town.path("/fund-reports");
        let report = town.client("accountant").create(&reports, &body).expect(201).json();
        let finding = |discrepancy: &str, figure: &str, difference: &str| {
            json!({ "discrepancy": discrepancy, "weight": "information", "figure": figure, "difference": difference })
        };
        assert_eq!(report["findings"], json!([finding("rounding", "transfers", "1.00"), finding("refund_timing", "recipients_refunds", "-79227.00")]));
        // The printed totals rest on the printed sub-total; what was printed as left with the recipients rests on nothing.
        let totals = [("total_use", 950_343_544), ("balance", 93_329_938), ("recipients_balance", 185_670_798), ("total_balance", 279_000_736)];
        let figures: Vec<Value> = totals.iter().map(|(figure, amount)| json!({ "figure": figure, "amount": amount.to_string() })).collect();
        let report = town.client("accountant").create(&reports, &with(body, &json!({ "figures": figures }))).expect(201).json();
        let found: Vec<(String, String)> = report["findings"].as_array().expect("findings").iter().map(|one| {
            let text = |member: &str| one[member].as_str().expect("text").to_owned();
            (text("discrepancy"), text("difference"))
        }).collect();
        let expected = [("rounding", "1.00"), ("rounding", "-1.00"), ("difference", "-67036561.00"), ("difference", "-67036562.00")];
        assert_eq!(found, expected.map(|(one, other)| (one.to_owned(), other.to_owned())));
        let listed = |fund: &str| town.client("auditor").get(&format!("{reports}?fund_id={fund}")).expect(200).json()["data"].as_array().map(Vec::len);
        assert_eq!([listed(&scene.fund.to_string()), listed(&uuid::Uuid::nil().to_string())], [Some(2), Some(0)]);
        town.client("auditor").get(&format!("{reports}/{}", report["id"].as_str().expect("an id"))).expect(200);
    }

    Stage::Open, fn ac_07_ac_10_a_ratio_and_a_list_that_are_told_are_held_against_the_books(town) {
        let scene = scene(town, &json!({ "fee_bps": 100 }));
        let charged = scene.given("DK-1", "62499986", &json!({}));
        let other = |code: &str, kind: &str| register(town, code, &format!("Donor {code}"), &json!({ "kind": kind })).expect(201).id();
        let mut named = vec!["Denmark".to_owned()];
        for index in 1..15 {
            let (code, kind) = (format!("D{index:02}"), if index == 14 { "multilateral" } else { "state" });
            let donor = other(&code, kind);
            scene.given(&code, "1", &json!({ "donor_id": donor }));
            named.push(format!("donor {code}"));
        }
        assert_eq!(town.client("auditor").get(&charged).text("/charged"), "624999.86");
        let purpose = scene.purpose("TF-1", "52600000", &[("ML07", 10_000)]);
        scene.allocate(&purpose, "52600000").expect(201);
        let statement = scene.statement("");
        let told = ["allocated", "unallocated"].map(|member| statement[member].clone());
        assert_eq!((told, &statement["allocated_bps"]), ([json!("52600000.00"), json!("9900000.00")], &json!(8416)));
        let reports = town.path("/fund-reports");
        let report = |more: Value| {
            let body = json!({
                "fund_id": scene.fund, "source": "Bulletin 41", "as_of": "2018-06-30", "currency": "USD", "unit": "100000", "contributors": named,
                "figures": [{ "figure": "contributions", "amount": "62500000" }, { "figure": "allocated", "amount": "52600000" }],
            });
            town.client("finance-officer").create(&reports, &with(body, &more))
        };
        let exact = report(json!({ "allocated_bps": 8400 })).expect(201).json();
        assert_eq!((&exact["findings"], &exact["recorded_allocated_bps"]), (&json!([]), &json!(8416)));
        let counts = ["stated", "recorded", "states", "multilaterals"].map(|member| exact["contributors"][member].clone());
        assert_eq!(counts, [json!(15), json!(15), json!(14), json!(1)]);
        let some = report(json!({ "allocated_bps": 8000 })).expect(201).json();
        assert_eq!(some["findings"], json!([{ "discrepancy": "stated_ratio", "weight": "warning", "figure": null, "difference": "416" }]));
        let belgium = register(town, "BE", "Belgique", &json!({})).expect(201).id();
        scene.given("BE-1", "1", &json!({ "donor_id": belgium }));
        let later = report(json!({})).expect(201).json();
        assert_eq!((&later["contributors"]["recorded"], &later["contributors"]["only_recorded"]), (&json!(16), &json!(["Belgique"])));
        assert_eq!(later["findings"], json!([{ "discrepancy": "donor_list", "weight": "warning", "figure": null, "difference": "1" }]));
        let more: Vec<String> = named.iter().cloned().chain(["Atlantis".to_owned()]).collect();
        let body = json!({ "fund_id": scene.fund, "source": "B", "as_of": "2018-06-30", "currency": "USD", "unit": "1", "contributors": more });
        let odd = town.client("finance-officer").create(&reports, &body).expect(201).json();
        assert_eq!((&odd["contributors"]["only_stated"], &odd["contributors"]["only_recorded"]), (&json!(["Atlantis"]), &json!(["Belgique"])));
        report(json!({ "id": odd["id"] })).refused(409, "FUND_RECORD_DUPLICATE");
        report(json!({ "fund_id": uuid::Uuid::nil() })).refused(404, "NOT_FOUND");
        report(json!({ "currency": "EUR" })).refused(422, "CURRENCY_MISMATCH");
        report(json!({ "as_of": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        report(json!({ "unit": "0" })).refused(422, "AMOUNT_ZERO");
        report(json!({ "unit": "1.001" })).refused(400, "AMOUNT_INVALID");
        town.client("partner-system").get(&reports).refused(403, "ROLE_MISSING");
    }

    Stage::Open, fn ac_28_fees_and_indirect_costs_come_out_to_the_cent(town) {
        let scene = scene(town, &json!({ "fee_bps": 100, "indirect_bps_max": 700 }));
        let given = scene.given("DK-1", "62500000", &json!({}));
        assert_eq!(town.client("auditor").get(&given).text("/charged"), "625000.00");
        let station = |more: Value| scene.define("TF-1", "181320", &[("ML07", 10_000)], &more);
        let refusal = station(json!({ "indirect_bps": 701 })).refused(422, "FUND_OVERHEAD_EXCEEDED");
        assert_eq!(refusal.pointers(), ["/indirect_bps"]);
        let purpose = station(json!({ "indirect_bps": 700 })).expect(201);
        assert_eq!(["budget", "direct", "indirect"].map(|member| purpose.text(&format!("/{member}"))), ["181320.00", "169457.94", "11862.06"]);
    }

    Stage::Open, fn ac_27_what_was_given_is_told_as_of_a_day_and_as_it_was_known(town) {
        let scene = scene(town, &json!({}));
        for (reference, amount, on) in [("UK-2013", "2700000", "2013-06-01"), ("UK-2017", "1000000", "2017-03-01")] {
            let on = json!({ "on": on });
            let path = town.path(&format!("/contributions/{}", scene.pledge(reference, amount, &on).expect(201).id()));
            scene.moved(&path, "commitment", amount, &on).expect(200);
            scene.moved(&path, "receipt", amount, &on).expect(200);
        }
        let movements = town.client("auditor").get(&town.path("/fund-movements?limit=200")).expect(200).json();
        let known_at = movements["data"].as_array().expect("rows").iter().map(|row| row["recorded_at"].as_str().expect("an instant")).max();
        let known_at = known_at.expect("movements").to_owned();
        let signed = json!({ "on": "2018-07-02" });
        let third = town.path(&format!("/contributions/{}", scene.pledge("UK-2018", "2300000", &signed).expect(201).id()));
        scene.moved(&third, "commitment", "2300000", &signed).expect(200);
        scene.moved(&third, "receipt", "2300000", &signed).expect(200);
        let at = |query: &str| scene.statement(&format!("?donor_id={}&{query}", scene.donor));
        assert_eq!(contributed(&at("to=2018-06-30")), ["3700000.00"; 3]);
        let all = at("to=2018-07-02");
        assert_eq!((contributed(&all), &all["total"]["received"]), (["6000000.00"; 3].map(str::to_owned), &json!("6000000.00")));
        assert_eq!(all["rates"], "historical");
        // Before it was recorded, nobody knew of it.
        let then = at(&format!("to=2018-07-02&known_at={known_at}"));
        assert_eq!((contributed(&then), &then["total"]["received"]), (["3700000.00"; 3].map(str::to_owned), &json!("3700000.00")));
        town.client("auditor").get(&town.path(&format!("/funds/{}/statement?known_at=yesterday", scene.fund))).refused(400, "REQUEST_PARAMETER_INVALID");
    }

    Stage::Open, fn ac_26_three_projects_at_the_border_are_asked_for_half_a_year_before_the_end(town) {
        let scene = scene(town, &json!({ "currency": "EUR" }));
        let border = json!({
            "currency": "EUR", "on": "2017-11-01", "ends_on": "2020-03-31",
            "earmark": { "territorial_unit_ids": [place(town, "ML05"), place(town, "ML07")], "minimum_purposes": 3 },
        });
        let austria = town.path(&format!("/contributions/{}", scene.pledge("AT-2017", "650000", &border).expect(201).id()));
        for kind in ["commitment", "receipt"] {
            scene.moved(&austria, kind, "650000", &json!({ "currency": "EUR", "on": "2017-12-01" })).expect(200);
        }
        let pay = |reference: &str, on: &str| {
            let euros = json!({ "currency": "EUR" });
            let purpose = scene.define(reference, "200000", &[("ML05", 10_000)], &euros).expect(201).id();
            let body = json!({ "amount": "200000", "currency": "EUR", "decision_reference": "PV", "on": on });
            town.client("mayor").act(&town.path(&format!("/fund-purposes/{purpose}")), "/allocations", &body).expect(201);
        };
        pay("AT-A", "2018-05-01");
        pay("AT-B", "2019-01-01");
        let alerts = |to: &str| scene.statement(&format!("?to={to}"))["alerts"].clone();
        let alert = alerts("2019-10-15");
        assert_eq!([&alert[0]["purposes"], &alert[0]["minimum_purposes"], &alert[0]["ends_on"]], [&json!(2), &json!(3), &json!("2020-03-31")]);
        assert_eq!(alerts("2019-09-30"), json!([]), "half a year is not there yet");
        pay("AT-C", "2019-10-15");
        assert_eq!((alerts("2019-10-15"), alerts("2019-10-14")[0]["purposes"].clone()), (json!([]), json!(2)));
    }

    Stage::Open, fn ac_11_goods_are_listed_and_make_what_was_given(town) {
        let scene = scene(town, &json!({ "currency": "XOF" }));
        let vehicles = |amount: &str| json!([{ "description": "Véhicules blindés (fictifs)", "quantity": 20, "amount": amount }]);
        let euros = json!({ "currency": "EUR", "goods": vehicles("3500000") });
        let germany = scene.pledge("DE-2016", "3500000", &euros).expect(201);
        assert_eq!(["/goods/0/amount", "/goods/0/mean"].map(|member| germany.text(member)), ["3500000.00", "175000.00"]);
        let germany = town.path(&format!("/contributions/{}", germany.id()));
        let parity = rate(town, "EUR", "XOF", "655.957", "2016-01-01").expect(201).id();
        scene.moved(&germany, "commitment", "3500000", &json!({ "currency": "EUR" })).expect(200);
        let named = json!({ "currency": "EUR", "exchange_rate_id": parity });
        assert_eq!(scene.moved(&germany, "receipt", "3500000", &named).expect(200).text("/received_value"), "2295849500");
        // A contribution in kind is worth what its goods are, and brings no money.
        let kind = |more: Value| scene.pledge("DE-2017", "3500000", &with(json!({ "currency": "EUR", "kind": "in_kind" }), &more));
        assert_eq!(kind(json!({})).refused(422, "CONTRIBUTION_GOODS").text("/facts/sum"), "0.00");
        assert_eq!(kind(json!({ "goods": vehicles("3499999") })).refused(422, "CONTRIBUTION_GOODS").pointers(), ["/goods"]);
        kind(json!({ "goods": vehicles("0") })).refused(422, "AMOUNT_ZERO");
        let goods = town.path(&format!("/contributions/{}", kind(json!({ "goods": vehicles("3500000") })).expect(201).id()));
        scene.moved(&goods, "commitment", "3500000", &json!({ "currency": "EUR" })).expect(200);
        let received = scene.moved(&goods, "receipt", "3500000", &json!({ "currency": "EUR" })).expect(200);
        assert_eq!((received.text("/received"), received.text("/received_value"), received.text("/available")), ("3500000.00".into(), "0".into(), "0".into()));
    }
}
