//! The budget, from its import to its approval.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

pub mod walk;

pub const SAMPLE: &str = include_str!("../data/sample/budget-ml-c01-2025.csv");

/// Prepares the year 2025 and opens a draft; gives the budget's path.
pub fn draft(town: &Town) -> String {
    let finance = town.client("finance-officer");
    finance.create(&town.path("/fiscal-years"), &json!({ "fiscal_year": 2025 })).expect(201);
    let body = json!({ "fiscal_year": 2025, "kind": "original", "title": "Budget primitif 2025" });
    town.path(&format!("/budgets/{}", finance.create(&town.path("/budgets"), &body).expect(201).id()))
}

fn import(town: &Town, budget: &str, csv: &str) -> Answer {
    town.client("finance-officer").put_lines(budget, "", "text/csv", csv.as_bytes())
}

/// A budget of the sample in consultation.
fn in_consultation(town: &Town) -> String {
    let budget = draft(town);
    import(town, &budget, SAMPLE).expect(200);
    town.client("mayor").act(&budget, "/consultation", &json!({})).expect(200);
    budget
}

fn consult(town: &Town) {
    town.on("2024-10-20");
    for place in ["chef-lieu", "village 04", "village 11"] {
        meet(town, "/consultations", place, "2024-10-05").expect(201);
    }
}

fn meet(town: &Town, kind: &str, place: &str, held_on: &str) -> Answer {
    let body = json!({
        "fiscal_year": 2025, "place": place, "held_on": held_on, "women": 40, "men": 51, "minutes_sha256": "b".repeat(64), "summary": "Priorités",
    });
    town.client("council-registrar").create(&town.path(kind), &body)
}

fn vote(town: &Town, budget: &str, change: &[(&str, Value)]) -> Answer {
    let mut body = json!({
        "held_on": "2024-10-28", "deliberation_number": "2024-07", "serving": 17, "present": 15,
        "votes_for": 12, "votes_against": 2, "abstentions": 1, "deliberation_sha256": "c".repeat(64),
    });
    for (member, value) in change {
        body[*member] = value.clone();
    }
    town.client("council-registrar").act(budget, "/vote", &body)
}

/// A budget of the sample, transmitted to the prefect.
pub fn transmitted(town: &Town) -> String {
    let budget = in_consultation(town);
    consult(town);
    meet(town, "/public-debates", "chef-lieu", "2024-10-19").expect(201);
    town.on("2024-11-02");
    town.client("mayor").act(&budget, "/tabling", &json!({})).expect(200);
    vote(town, &budget, &[]).expect(200);
    town.client("mayor").act(&budget, "/transmission", &json!({ "annexes_sha256": "d".repeat(64) })).expect(200);
    budget
}

fn prefect(town: &Town) -> Client {
    town.client("state-representative")
}

on_both_engines! {
    Stage::Gathered, fn the_sample_budget_is_imported_balanced_voted_and_approved(town) {
        let budget = draft(town);
        let report = import(town, &budget, SAMPLE).expect(200);
        assert_eq!(report.text("/rows"), "72");
        assert_eq!(report.text("/totals/operating_revenue"), "73500000");
        assert_eq!(report.text("/totals/operating_expenditure"), "73500000");
        assert_eq!(report.text("/totals/capital_revenue"), "56000000");
        assert_eq!(report.text("/totals/capital_expenditure"), "56000000");
        assert_eq!(report.text("/totals/transfer_to_capital"), "15000000");
        assert_eq!(report.text("/totals/consolidated"), "114500000");
        assert_eq!(report.text("/totals/balanced"), "true");
        let exported = town.client("mayor").send("GET", &format!("{budget}/lines"), &[("accept", "text/csv")], &[]).expect(200);
        assert_eq!(String::from_utf8_lossy(&exported.bytes), SAMPLE, "the export is the import");

        town.client("mayor").act(&budget, "/consultation", &json!({})).expect(200);
        consult(town);
        meet(town, "/public-debates", "chef-lieu", "2024-10-19").expect(201);
        town.on("2024-11-02");
        town.client("mayor").act(&budget, "/tabling", &json!({})).expect(200);
        let voted = vote(town, &budget, &[]).expect(200);
        assert_eq!(voted.text("/state"), "voted");
        assert_eq!(voted.text("/warnings"), "[]");
        town.stranger().get(&budget).refused(404, "NOT_FOUND");
        town.client("partner-system").get(&budget).refused(404, "NOT_FOUND");
        town.client("mayor").act(&budget, "/transmission", &json!({ "annexes_sha256": "d".repeat(64) })).expect(200);
        town.client("mayor").act(&budget, "/approval", &json!({})).refused(403, "ROLE_MISSING");
        let approved = prefect(town).act(&budget, "/approval", &json!({})).expect(200);
        assert_eq!(approved.text("/state"), "approved");
        assert_eq!(town.stranger().get(&budget).expect(200).text("/totals/consolidated"), "114500000", "an approved budget is public");
        assert_eq!(town.article("602")["open"], "3400000");
    }

    Stage::Gathered, fn json_imports_like_csv(town) {
        let budget = draft(town);
        import(town, &budget, SAMPLE).expect(200);
        let lines = town.client("mayor").get(&format!("{budget}/lines")).expect(200).json()["lines"].as_array().expect("lines").clone();
        let members = ["section", "direction", "chapter", "article", "paragraph", "label_fr", "label_en", "function", "funding", "amount"];
        let lines: Vec<Value> = lines.iter().map(|line| {
            let mut row: serde_json::Map<String, Value> = members.iter().map(|name| ((*name).to_owned(), line[*name].clone())).collect();
            let flags = format!("{}{}", if line["mandatory"] == true { "O" } else { "" }, if line["executable"] == true { "" } else { "X" });
            row.insert("flags".to_owned(), json!(flags));
            for name in ["location", "plan_action"] {
                row.insert(name.to_owned(), json!(line[name].as_str().unwrap_or("")));
            }
            Value::Object(row)
        }).collect();
        let body = json!({ "lines": lines }).to_string();
        let report = town.client("finance-officer").put_lines(&budget, "", "application/json", body.as_bytes()).expect(200);
        assert_eq!(report.text("/rows"), "72");
        let exported = town.client("mayor").send("GET", &format!("{budget}/lines"), &[("accept", "text/csv")], &[]).expect(200);
        assert_eq!(String::from_utf8_lossy(&exported.bytes), SAMPLE);
    }

    Stage::Gathered, fn a_dry_run_reports_every_bad_row_at_once_and_stores_nothing(town) {
        let budget = draft(town);
        let header = SAMPLE.lines().next().expect("a header");
        let rows = [
            "F;R;71;711;01;TDRL;TDRL;01.1;OWN;;;;12 900 000",
            "F;R;71;711;02;TDRL;TDRL;01.1;OWN;;;;1600000,50",
            "F;D;22;22;00;Imprévues;Contingency;01.1;OWN;X;;;700000",
            "F;D;60;602;1;Carburant;Fuel;1.1;OWN;;;;-5",
            "F;D;60;603;01;Eau;Water;06.3;NOPE;;;;1250000",
            "F;D;60;604;01;Imprimés;Registers;01.6;OWN;O;;;900000",
            "F;D;60;604;01;Encore;Again;01.6;OWN;O;;;900000",
            "F;D;61;602;02;Mauvais chapitre;Wrong chapter;01.1;OWN;;;;1",
            "F;D;60;601;01;=cmd|x;Formula;01.1;OWN;;;;1",
            "Z;D;60;601;02;a;b;01.1;OWN;Q;;;1",
            "F;D;60;601;03;a\u{202E}b;b;01.1;OWN;;;;99999999999999999999",
        ];
        let csv = format!("\u{FEFF}{header}\r\n{}\r\n", rows.join("\r\n"));
        let finance = town.client("finance-officer");
        let report = finance.put_lines(&budget, "?dry_run=true", "text/csv", csv.as_bytes()).expect(200);
        assert_eq!((report.text("/valid"), report.text("/stored"), report.text("/rows")), ("false".to_owned(), "false".to_owned(), "11".to_owned()));
        let json = report.json();
        let problems = json["problems"].as_array().expect("problems");
        let found = |pointer: &str| problems.iter().find(|problem| problem["pointer"] == pointer).map_or("-", |problem| problem["code"].as_str().unwrap_or(""));
        for (pointer, code) in [
            ("/lines/0/amount", "AMOUNT_INVALID"),
            ("/lines/1/amount", "AMOUNT_INVALID"),
            ("/lines/2/article", "IMPORT_ARTICLE_UNKNOWN"),
            ("/lines/3/paragraph", "IMPORT_PARAGRAPH_INVALID"),
            ("/lines/3/function", "IMPORT_FUNCTION_UNKNOWN"),
            ("/lines/3/amount", "AMOUNT_INVALID"),
            ("/lines/4/funding", "IMPORT_FUNDING_UNKNOWN"),
            ("/lines/6/article", "IMPORT_DUPLICATE_ROW"),
            ("/lines/7/chapter", "IMPORT_CHAPTER_MISMATCH"),
            ("/lines/8/label_fr", "IMPORT_TEXT_FORMULA"),
            ("/lines/9/section", "IMPORT_SECTION_UNKNOWN"),
            ("/lines/10/label_fr", "IMPORT_TEXT_INVALID"),
            ("/lines/10/amount", "AMOUNT_INVALID"),
        ] {
            assert_eq!(found(pointer), code, "{pointer} in {problems:#?}");
        }
        let lost = problems.iter().find(|problem| problem["pointer"] == "/lines/2/article").expect("lost zero");
        assert!(lost["detail_en"].as_str().expect("text").contains("022"), "{lost}");
        // The same, meant: refused as a whole, with the same pointers, and nothing is stored.
        let refusal = finance.put_lines(&budget, "", "text/csv", csv.as_bytes()).refused(422, "IMPORT_ROW_INVALID");
        assert_eq!(refusal.pointers().len(), problems.len());
        assert_eq!(town.client("mayor").get(&format!("{budget}/lines")).expect(200).json()["lines"], json!([]));
        for unreadable in ["", "a;b;c\n1;2;3\n", &format!("{header};extra\n"), &format!("{header}\nF;R\n")] {
            finance.put_lines(&budget, "?dry_run=true", "text/csv", unreadable.as_bytes()).refused(400, "IMPORT_UNREADABLE");
        }
        finance.put_lines(&budget, "?dry_run=true", "text/csv", b"\xFF\xFEsection").refused(400, "IMPORT_UNREADABLE");
        finance.put_lines(&budget, "", "application/pdf", b"%PDF").refused(415, "MEDIA_TYPE_UNSUPPORTED");
    }

    Stage::Gathered, fn a_comma_separated_sheet_with_a_byte_order_mark_reads_the_same(town) {
        let budget = draft(town);
        let commas = format!("\u{FEFF}{}", SAMPLE.replace(',', " ").replace(';', ","));
        let report = import(town, &budget, &commas).expect(200);
        assert_eq!(report.text("/totals/operating_revenue"), "73500000");
    }

    Stage::Gathered, fn an_unbalanced_budget_is_not_tabled(town) {
        let budget = draft(town);
        consult(town);
        meet(town, "/public-debates", "chef-lieu", "2024-10-19").expect(201);
        let finance = town.client("finance-officer");
        let put = |csv: &str| finance.put_lines(&budget, "", "text/csv", csv.as_bytes()).expect(200);
        put(SAMPLE);
        town.client("mayor").act(&budget, "/consultation", &json!({})).expect(200);
        // Operating receipts one franc short.
        put(&SAMPLE.replace(";12900000", ";12899999"));
        let refusal = town.client("mayor").act(&budget, "/tabling", &json!({})).refused(422, "BUDGET_UNBALANCED");
        assert_eq!(refusal.text("/facts/operating_difference"), "-1");
        // Sections that balance, but what 023 gives is not what 021 receives.
        let moved = SAMPLE
            .replace("I;R;021;021;00;Prélèvement de la section de fonctionnement;Transfer from operating section;01.1;OWN;X;;;15000000",
                     "I;R;021;021;00;Prélèvement de la section de fonctionnement;Transfer from operating section;01.1;OWN;X;;;14000000")
            .replace("I;R;14;141;01;FNACT dotation d'investissement (DT);FNACT investment grant;01.8;ANICT;;;;28000000",
                     "I;R;14;141;01;FNACT dotation d'investissement (DT);FNACT investment grant;01.8;ANICT;;;;29000000");
        put(&moved);
        let refusal = town.client("mayor").act(&budget, "/tabling", &json!({})).refused(422, "BUDGET_UNBALANCED");
        assert_eq!(refusal.text("/facts/transfer_out"), "15000000");
        assert_eq!(refusal.text("/facts/transfer_in"), "14000000");
        // A mandatory article without credit, an investment without a place.
        put(&SAMPLE.replace("Insurance;01.1;OWN;O;;;360000", "Insurance;01.1;OWN;O;;;0").replace("Téléphone et internet;Telephone and internet;01.1;OWN;;;;640000", "Téléphone et internet;Telephone and internet;01.1;OWN;;;;1000000"));
        let refusal = town.client("mayor").act(&budget, "/tabling", &json!({})).refused(422, "BUDGET_MANDATORY_MISSING");
        assert_eq!(refusal.json()["facts"]["articles"], json!(["616"]));
        put(&SAMPLE.replace(";village 11;PDSEC-3.2;", ";;;"));
        let refusal = town.client("mayor").act(&budget, "/tabling", &json!({})).refused(422, "BUDGET_PLAN_LINK_MISSING");
        assert_eq!(refusal.json()["facts"]["lines"], json!(["I-D-23-233-01"]));
        put(SAMPLE);
        town.client("mayor").act(&budget, "/tabling", &json!({})).expect(200);
    }

    Stage::Gathered, fn consultation_debate_quorum_and_votes_are_required(town) {
        let budget = in_consultation(town);
        let mayor = town.client("mayor");
        let refusal = mayor.act(&budget, "/tabling", &json!({})).refused(422, "BUDGET_CONSULTATION_MISSING");
        assert_eq!(refusal.json()["facts"]["places"], json!(["chef-lieu", "village 04", "village 11"]));
        let transitions = mayor.get(&format!("{budget}/transitions")).expect(200).json();
        let codes: Vec<&str> = transitions[0]["unmet"].as_array().expect("unmet").iter().filter_map(|unmet| unmet["code"].as_str()).collect();
        assert_eq!(codes, ["BUDGET_CONSULTATION_MISSING", "BUDGET_DEBATE_MISSING"]);
        assert_eq!((&transitions[0]["action"], &transitions[0]["permitted"]), (&json!("table"), &json!(true)));
        assert_eq!(town.client("auditor").get(&format!("{budget}/transitions")).expect(200).json()[0]["permitted"], false);
        consult(town);
        mayor.act(&budget, "/tabling", &json!({})).refused(422, "BUDGET_DEBATE_MISSING");
        meet(town, "/public-debates", "chef-lieu", "2024-10-21").refused(422, "DATE_IN_FUTURE");
        meet(town, "/public-debates", "chef-lieu", "2024-10-19").expect(201);
        mayor.act(&budget, "/vote", &json!({})).refused(403, "ROLE_MISSING");
        vote(town, &budget, &[("held_on", json!("2024-10-20"))]).refused(409, "STATE_TRANSITION_INVALID");
        mayor.act(&budget, "/tabling", &json!({})).expect(200);
        import(town, &budget, SAMPLE).refused(409, "BUDGET_LINE_IMMUTABLE");
        town.on("2024-11-15");
        let refusal = vote(town, &budget, &[("present", json!(8)), ("votes_for", json!(8)), ("votes_against", json!(0)), ("abstentions", json!(0))]).refused(422, "BUDGET_NO_QUORUM");
        assert_eq!((refusal.text("/facts/present"), refusal.text("/facts/required")), ("8".to_owned(), "9".to_owned()));
        vote(town, &budget, &[("held_on", json!("2024-10-19"))]).refused(422, "BUDGET_DEBATE_MISSING");
        vote(town, &budget, &[("votes_for", json!(16))]).refused(422, "BUDGET_VOTE_INCONSISTENT");
        let rejected = vote(town, &budget, &[("votes_for", json!(7)), ("votes_against", json!(7))]).expect(200);
        assert_eq!(rejected.text("/state"), "rejected_by_council");
        // Reworked: the next edition is a copy that may be changed; the voted one stands.
        let reworked = mayor.act(&budget, "/rework", &json!({})).expect(200);
        assert_eq!((reworked.text("/edition"), reworked.text("/state")), ("2".to_owned(), "in_consultation".to_owned()));
        import(town, &budget, SAMPLE).expect(200);
        mayor.act(&budget, "/tabling", &json!({})).expect(200);
        let late = vote(town, &budget, &[("held_on", json!("2024-11-12"))]).expect(200);
        assert_eq!(late.json()["warnings"], json!(["BUDGET_VOTE_LATE"]), "late is told, not refused");
        mayor.act(&budget, "/transmission", &json!({})).refused(422, "BUDGET_DOCUMENTS_MISSING");
    }

    Stage::Gathered, fn the_prefect_returns_twice_and_settles_after_notice(town) {
        let budget = transmitted(town);
        let back = json!({ "reason": "mandatory", "text": "Assurances insuffisantes" });
        let again = |town: &Town| {
            let mayor = town.client("mayor");
            mayor.act(&budget, "/rework", &json!({})).expect(200);
            mayor.act(&budget, "/tabling", &json!({})).expect(200);
            vote(town, &budget, &[]).expect(200);
            mayor.act(&budget, "/transmission", &json!({})).expect(200);
        };
        assert_eq!(prefect(town).act(&budget, "/return", &back).expect(200).text("/return_reason"), "mandatory");
        let notice = json!({ "notice_reference": "MED-2024-11" });
        prefect(town).act(&budget, "/settlement", &notice).refused(422, "BUDGET_NOTICE_REQUIRED");
        again(town);
        prefect(town).act(&budget, "/return", &back).expect(200);
        let settled = prefect(town).act(&budget, "/settlement", &notice).expect(200);
        assert_eq!((settled.text("/state"), settled.text("/returns")), ("settled_ex_officio".to_owned(), "2".to_owned()));
        assert_eq!(town.article("602")["open"], "3400000", "settled ex officio is executable");
    }

    Stage::Gathered, fn only_the_competent_authority_approves(town) {
        let budget = transmitted(town);
        let admin = town.client("administrator");
        let other = json!({ "kind": "state_representation", "code": "OTHER", "name": "Gouvernorat fictif", "currency": "XOF", "fictional": true });
        let seat = admin.create("/v1/organisations", &other).expect(201).id();
        let principal = admin.create("/v1/principals", &json!({ "kind": "person", "login": "governor", "display_name": "Gouverneur" })).expect(201).id();
        let code = admin.create(&format!("/v1/principals/{principal}/activation-codes"), &json!({})).expect(200).text("/activation_code");
        admin.create("/v1/activations", &json!({ "code": code, "password": "un karité sous la pluie" })).expect(200);
        let role = json!({ "principal_id": principal, "role": "state_representative", "seat_id": seat, "valid_from": "2024-01-01" });
        admin.create(&town.path("/role-assignments"), &role).expect(201);
        let governor = town.client_of(domain::id::PrincipalId(principal));
        let refusal = governor.act(&budget, "/approval", &json!({})).refused(403, "SUPERVISOR_WRONG");
        assert_eq!(refusal.text("/facts/competent"), "Préfecture fictive");
        prefect(town).act(&budget, "/approval", &json!({})).expect(200);
    }

    Stage::Gathered, fn a_commune_has_one_original_budget_a_year(town) {
        let budget = draft(town);
        let body = json!({ "fiscal_year": 2025, "kind": "original", "title": "Second" });
        let refusal = town.client("finance-officer").create(&town.path("/budgets"), &body).refused(409, "BUDGET_DUPLICATE");
        assert!(budget.ends_with(&refusal.text("/facts/budget_id")));
        let body = json!({ "fiscal_year": 2025, "kind": "supplementary", "title": "Additionnel" });
        town.client("finance-officer").create(&town.path("/budgets"), &body).expect(201);
        let body = json!({ "fiscal_year": 2026, "kind": "original", "title": "Sans exercice" });
        town.client("finance-officer").create(&town.path("/budgets"), &body).refused(404, "NOT_FOUND");
        let again = json!({ "fiscal_year": 2025 });
        town.client("accountant").create(&town.path("/fiscal-years"), &again).refused(409, "FISCAL_YEAR_DUPLICATE");
        let early = json!({ "fiscal_year": 1999 });
        town.client("accountant").create(&town.path("/fiscal-years"), &early).refused(422, "BUDGET_NOMENCLATURE_INVALID");
    }

    Stage::Gathered, fn the_database_itself_refuses_to_change_a_voted_line(town) {
        use diesel::connection::SimpleConnection as _;
        transmitted(town);
        let mut conn = town.connection();
        for statement in [
            "UPDATE budget_lines SET initial = initial + 1 WHERE article = '602'",
            "DELETE FROM budget_lines WHERE article = '602'",
        ] {
            let error = conn.batch_execute(statement).expect_err("immutable");
            assert!(error.to_string().contains("immutable"), "{statement}: {error}");
        }
    }
}
