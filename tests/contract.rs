//! The contract: `openapi.yaml` is current and complete, and the service answers as it says.

mod day;
mod place;
mod promise;
pub mod schema;

use std::collections::BTreeSet;

use domain::word::Word;
use regex::Regex;
use serde_json::{Value, json};

use crate::harness::{Answer, Stage, Town};
use crate::on_both_engines;
use crate::{budget, cash_office, expenditure, revenue};
pub use place::{code, filled};
use promise::{Promises, broken};
pub use schema::Contract;
use schema::text;

#[test]
fn the_written_contract_is_what_the_program_says() {
    let written = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.yaml")).unwrap_or_default();
    let said = api::contract::yaml().expect("the contract");
    let differs = written.lines().zip(said.lines()).position(|(one, other)| one != other);
    let line = differs.unwrap_or_else(|| written.lines().count().min(said.lines().count())) + 1;
    assert!(written == said, "openapi.yaml is not current from line {line} on; write it again: cargo run -- openapi > openapi.yaml");
    let read: Value = yaml_serde::from_str(&written).expect("YAML");
    assert!(read == serde_json::to_value(api::contract::contract()).expect("JSON"), "in YAML it says something else");
    // Readers of YAML 1.1 take these for truth values.
    let truths = ["on", "off", "yes", "no", "y", "n"];
    let bare = written.lines().find(|line| {
        let words = line.trim_start().trim_start_matches("- ");
        let (member, value) = words.split_once(':').unwrap_or((words, ""));
        truths.contains(&member) || truths.contains(&value.trim_start())
    });
    assert_eq!(bare, None);
}

/// The promises written down, with the version that made them.
fn promised() -> (String, Promises) {
    let written = std::fs::read_to_string(PROMISES).unwrap_or_default();
    let (version, facts) = written.split_once('\n').unwrap_or_default();
    (version.to_owned(), facts.lines().map(str::to_owned).collect())
}

const PROMISES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contract/promises.txt");

/// Within a version callers are not broken; `SIGIDA_TEST_PROMISES=write` adds new promises, and drops old ones only when the
/// version of the workspace was raised.
#[test]
fn callers_of_this_version_are_not_broken() {
    let now = Contract::read().promises();
    let version = concat!("version ", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
    let (before, promised) = promised();
    let broken = if before == version { broken(&promised, &now) } else { Vec::new() };
    assert!(broken.is_empty(), "callers of {version} would break; raise the version or keep it:\n{}", broken.join("\n"));
    if std::env::var("SIGIDA_TEST_PROMISES").is_ok_and(|wish| wish == "write") {
        let facts: String = now.iter().map(|fact| format!("{fact}\n")).collect();
        std::fs::write(PROMISES, format!("{version}\n{facts}")).expect("written");
        return;
    }
    let new: Vec<&String> = now.difference(&promised).take(10).collect();
    assert!(before == version && promised == now, "new promises are not written down (SIGIDA_TEST_PROMISES=write): {new:#?} …");
}

#[test]
fn what_breaks_a_caller_is_named() {
    let contract = Contract::read();
    let before = contract.promises();
    let breaks = |change: &dyn Fn(&mut Value)| {
        let mut changed = contract.0.clone();
        change(&mut changed);
        broken(&before, &Contract(changed).promises())
    };
    let path = "/v1/organisations/{organisation_id}/commitments";
    assert_eq!(breaks(&|_| ()), Vec::<String>::new());
    let gone = breaks(&|contract| drop(contract["paths"].as_object_mut().expect("paths").remove(path)));
    assert!(gone.contains(&format!("no longer: commit_expenditure is POST {path}")), "{gone:?}");
    let view = |contract: &mut Value, change: &dyn Fn(&mut Value)| change(&mut contract["components"]["schemas"]["CommitmentView"]);
    let dropped = breaks(&|contract| view(contract, &|view| drop(view["properties"].as_object_mut().expect("members").remove("amount"))));
    assert_eq!(dropped, ["no longer: CommitmentView has amount string"]);
    let optional =
        breaks(&|contract| view(contract, &|view| view["required"].as_array_mut().expect("members").retain(|member| member != "amount")));
    assert_eq!(optional, ["no longer: CommitmentView always amount"]);
    let retyped = breaks(&|contract| view(contract, &|view| view["properties"]["amount"]["type"] = json!("integer")));
    assert_eq!(retyped, ["no longer: CommitmentView has amount string"]);
    let asked = breaks(&|contract| {
        contract["components"]["schemas"]["NewCommitment"]["required"].as_array_mut().expect("members").push(json!("documents"));
    });
    assert_eq!(asked, ["newly: NewCommitment needs documents"]);
    let word = breaks(&|contract| {
        contract["components"]["schemas"]["PaymentMode"]["enum"].as_array_mut().expect("words").retain(|word| word != "cheque");
    });
    assert_eq!(word, ["no longer: PaymentMode has the word cheque"]);
}

#[test]
fn every_operation_is_described_and_declares_who_may_call_it() {
    let contract = Contract::read();
    let tags: BTreeSet<String> = contract.0["tags"].as_array().expect("tags").iter().map(|tag| text(&tag["name"])).collect();
    let braces = Regex::new(r"\{(\w+)\}").expect("a pattern");
    let (mut ids, mut used) = (BTreeSet::new(), BTreeSet::new());
    for operation in contract.operations() {
        let name = operation.name();
        for member in ["summary", "description", "operationId"] {
            assert!(text(&operation.described[member]).len() > 3, "{name} has no {member}");
        }
        assert!(text(&operation.described["description"]).contains("**Who**"), "{name} does not say who may call it");
        let id = text(&operation.described["operationId"]);
        assert!(ids.insert(id.clone()), "{id} stands twice");
        assert_eq!(operation.described["tags"].as_array().map(Vec::len), Some(1), "{name} has one tag");
        used.insert(text(&operation.described["tags"][0]));
        let named: BTreeSet<String> = braces.captures_iter(&operation.path).map(|found| found[1].to_owned()).collect();
        assert_eq!(operation.parameters("path"), named, "{name}");
    }
    assert_eq!(used, tags, "the tags are the rooms in use");
    let declared: BTreeSet<String> = api::access::OPERATIONS.iter().map(|operation| operation.id.to_owned()).collect();
    assert_eq!(api::access::OPERATIONS.len(), declared.len(), "an operation is declared twice in access.rs");
    assert_eq!(ids, declared, "access.rs declares exactly the operations that there are");
}

#[test]
fn every_operation_says_how_it_answers_and_how_it_refuses() {
    let contract = Contract::read();
    for operation in contract.operations() {
        let name = operation.name();
        let responses = operation.responses();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{name} never succeeds");
        for (status, response) in &responses {
            assert!(!text(&response["description"]).is_empty(), "{name} {status} has no description");
            let carried: BTreeSet<&str> =
                response["headers"].as_object().into_iter().flatten().map(|(header, _)| header.as_str()).collect();
            let counted = api::rate::counts(&operation.path);
            let expected = [
                ("Access-Control-Allow-Origin", true),
                ("RateLimit", counted),
                ("RateLimit-Policy", counted),
                ("Retry-After", ["429", "503"].contains(&status.as_str())),
            ];
            for (header, is_expected) in expected {
                assert_eq!(carried.contains(header), is_expected, "{name} {status} {header}");
            }
            if status == "304" {
                assert!(response["content"].is_null(), "{name} 304 has no content");
                continue;
            }
            let content = response["content"].as_object().unwrap_or_else(|| panic!("{name} {status} has no content"));
            assert!(content.values().all(|kind| kind["schema"].is_object()), "{name} {status} has no schema");
            if status.starts_with('4') || status.starts_with('5') {
                let problem = json!({ "$ref": "#/components/schemas/Problem" });
                assert_eq!(content.keys().collect::<Vec<_>>(), ["application/problem+json"], "{name} {status}");
                assert_eq!(content["application/problem+json"]["schema"], problem, "{name} {status}");
            }
        }
        let declared = api::access::operation(&text(&operation.described["operationId"])).expect("declared");
        let mut expected = vec!["400", "401", "500", "503"];
        expected.extend(api::rate::counts(&operation.path).then_some("429"));
        if operation.path.contains('{') {
            expected.push("404");
        }
        let headers = operation.parameters("header");
        match declared.effect {
            api::access::Effect::Read => assert_eq!(operation.method, "get", "{name}"),
            api::access::Effect::Create => {
                assert!(headers.contains("Idempotency-Key"), "{name}");
                expected.push("422");
            }
            api::access::Effect::Act => {
                assert!(headers.contains("Idempotency-Key") && headers.contains("If-Match"), "{name}");
                expected.extend(["412", "422", "428"]);
            }
            api::access::Effect::Secret => {}
        }
        for status in expected {
            assert!(responses.contains_key(status), "{name} does not say when it answers {status}");
        }
    }
}

/// The operations that each rule of the linter is switched off for.
fn excepted(rule: &str) -> BTreeSet<String> {
    let written = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../.spectral.yaml")).expect("the linter's rules");
    let written: Value = yaml_serde::from_str(&written).expect("YAML");
    assert_eq!(written["rules"], Value::Null, "no rule is switched off for all");
    let groups = written["overrides"].as_array().expect("exceptions").iter().filter(|group| group["rules"][rule] == "off");
    let places = groups.flat_map(|group| group["files"].as_array().expect("places").iter().map(text));
    let name = |place: String| {
        let (path, method) = place.strip_prefix("openapi.yaml#/paths/")?.rsplit_once('/')?;
        Some(format!("{} {}", method.to_uppercase(), path.replace("~1", "/").replace("~0", "~")))
    };
    places.map(|place| name(place.clone()).unwrap_or_else(|| panic!("{place} is no operation"))).collect()
}

#[test]
fn what_the_linter_excepts_is_what_the_service_excepts() {
    let contract = Contract::read();
    let names = |wanted: &dyn Fn(&schema::Operation) -> bool| -> BTreeSet<String> {
        contract.operations().iter().filter(|operation| wanted(operation)).map(schema::Operation::name).collect()
    };
    let takes_no_token = |operation: &schema::Operation| operation.described["security"] == json!([]);
    let uncounted = names(&|operation| !api::rate::counts(&operation.path));
    assert_eq!(excepted("owasp:api2:2023-write-restricted"), names(&|operation| takes_no_token(operation) && operation.method != "get"));
    assert_eq!(excepted("owasp:api2:2023-read-restricted"), names(&|operation| takes_no_token(operation) && operation.method == "get"));
    assert_eq!(excepted("owasp:api4:2023-rate-limit"), uncounted);
    assert_eq!(excepted("owasp:api4:2023-rate-limit-responses-429"), uncounted);
}

#[test]
fn bodies_are_strict_and_texts_bounded() {
    let contract = Contract::read();
    for operation in contract.operations() {
        let name = operation.name();
        let places = ["/requestBody/content", "/responses/200/content", "/responses/201/content"];
        for (place, kinds) in places.iter().filter_map(|place| Some((place, operation.described.pointer(place)?.as_object()?))) {
            for (_, content) in kinds.iter().filter(|(kind, _)| *kind != "text/csv") {
                contract.visit(&content["schema"], "", &mut |schema, at| {
                    let is_number = schema["type"] == "number" || schema["type"] == json!(["number", "null"]);
                    assert!(!is_number || name.contains("territorial"), "{name} {place}{at}: only coordinates are floats");
                    let is_text = schema["type"] == "string" || schema["type"] == json!(["string", "null"]);
                    let bounded = ["maxLength", "format", "pattern", "enum"].iter().any(|bound| schema.get(*bound).is_some());
                    assert!(!is_text || bounded, "{name} {place}{at}: a text without bounds");
                    let is_strict = schema["additionalProperties"] == false;
                    assert!(!place.contains("Body") || schema["type"] != "object" || is_strict, "{name} {place}{at} takes unknown members");
                });
            }
        }
        for parameter in operation.described["parameters"].as_array().into_iter().flatten() {
            contract.visit(&parameter["schema"], "", &mut |schema, _| {
                let is_text = schema["type"] == "string" || schema["type"] == json!(["string", "null"]);
                let bounded = ["maxLength", "format", "pattern", "enum"].iter().any(|bound| schema.get(*bound).is_some());
                assert!(!is_text || bounded, "{name}: parameter {} has no bounds", parameter["name"]);
            });
        }
    }
}

#[test]
fn every_body_has_an_example_that_is_as_its_schema_says() {
    let contract = Contract::read();
    let mut shown = BTreeSet::new();
    for operation in contract.operations() {
        let id = text(&operation.described["operationId"]);
        let kinds = operation.described["requestBody"]["content"].as_object().into_iter().flatten();
        for (kind, content) in kinds.filter(|(kind, _)| !kind.starts_with("text/")) {
            let example = &content["example"];
            assert!(example.is_object(), "{id} shows no {kind}");
            let faults = contract.faults_of(&content["schema"], example);
            assert!(faults.is_empty(), "{id} shows a body that it does not take: {faults:#?}");
            let none = contract.faults_of(&content["schema"], &json!({ "no_such_member": 1 }));
            assert!(!none.is_empty(), "{id} takes anything");
            shown.insert(id.clone());
        }
    }
    let kept: BTreeSet<String> = api::contract::example::examples().map(|(operation, _)| operation.to_owned()).collect();
    assert_eq!(kept, shown, "there are examples of exactly the operations that take a body");
}

#[test]
fn words_are_spelled_in_the_contract_as_on_the_wire() {
    fn spelled<W: Word>(contract: &Contract, name: &str) {
        let words: Vec<&str> = W::ALL.iter().map(|word| word.as_str()).collect();
        assert_eq!(contract.0["components"]["schemas"][name]["enum"], json!(words), "{name}");
    }
    let contract = Contract::read();
    spelled::<domain::territory::TerritorialLevel>(&contract, "TerritorialLevel");
    spelled::<domain::territory::CodeScheme>(&contract, "CodeScheme");
    spelled::<domain::organisation::OrganisationKind>(&contract, "OrganisationKind");
    spelled::<domain::identity::Role>(&contract, "Role");
    spelled::<domain::budget::BudgetKind>(&contract, "BudgetKind");
    spelled::<domain::ledger::Journal>(&contract, "Journal");
    spelled::<domain::expenditure::order::PaymentOrderState>(&contract, "PaymentOrderState");
    spelled::<domain::expenditure::order::RejectionReason>(&contract, "RejectionReason");
    spelled::<domain::expenditure::payment::PaymentMode>(&contract, "PaymentMode");
    spelled::<domain::cash_office::CashMovementKind>(&contract, "CashMovementKind");
    spelled::<domain::cash_office::CashOfficeWarning>(&contract, "CashOfficeWarning");
    spelled::<domain::cash_office::ticket::TicketState>(&contract, "TicketState");
    spelled::<domain::revenue::RevenueOrderKind>(&contract, "RevenueOrderKind");
    spelled::<domain::revenue::RevenueOrderState>(&contract, "RevenueOrderState");
    spelled::<domain::revenue::RevenueAdjustmentKind>(&contract, "RevenueAdjustmentKind");
}

#[test]
fn an_answer_that_drifts_from_its_schema_is_noticed() {
    let contract = Contract::read();
    let schema = json!({ "$ref": "#/components/schemas/OrganisationView" });
    let good = json!({
        "id": uuid::Uuid::now_v7(), "kind": "commune", "code": "ML-C01", "name": "Commune", "territorial_unit_id": null,
        "supervisor_id": null, "treasury_post_id": uuid::Uuid::now_v7(), "currency": "XOF", "fictional": true, "version": 1, "aliases": [],
    });
    assert!(contract.matches(&schema, &good));
    let bad = [
        ("id", json!("7")),
        ("kind", json!("Commune")),
        ("code", json!("x".repeat(41))),
        ("supervisor_id", json!(7)),
        ("currency", json!(null)),
        ("fictional", json!("true")),
        ("version", json!(0)),
        ("version", json!(1.5)),
        ("other", json!(1)),
    ];
    for (member, value) in bad {
        let mut changed = good.clone();
        changed[member] = value.clone();
        assert!(!contract.matches(&schema, &changed), "{member} as {value}");
    }
    let mut changed = good;
    changed.as_object_mut().expect("an object").remove("name");
    assert!(!contract.matches(&schema, &changed), "a required member is missing");
}

#[test]
fn an_answer_without_what_every_answer_carries_is_noticed() {
    let contract = Contract::read();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let good = Answer {
        status: 429,
        headers: vec![
            header("content-type", "application/problem+json"),
            header("ratelimit-policy", "\"address\";q=600;w=60"),
            header("ratelimit", "\"address\";r=0;t=1"),
            header("retry-after", "1"),
        ],
        bytes: json!({ "type": "/", "title": "", "status": 429, "code": "TOO_MANY_REQUESTS", "detail": "" }).to_string().into_bytes(),
    };
    let differences = |answer: &Answer| contract.differences("get", "/v1/meta", answer, true);
    assert_eq!(differences(&good), Vec::<String>::new());
    for place in 1..good.headers.len() {
        let mut without = good.clone();
        without.headers.remove(place);
        assert_eq!(differences(&without).len(), 1, "without {}", good.headers[place].0);
        let mut otherwise = good.clone();
        otherwise.headers[place].1 = "soon".to_owned();
        assert!(!differences(&otherwise).is_empty(), "with another {}", good.headers[place].0);
    }
    assert_eq!(differences(&Answer { status: 418, ..good }).len(), 1);
}

#[test]
fn the_contract_and_its_pages_are_served_by_the_service_itself() {
    let town = Town::on_sqlite(Stage::Gathered);
    let anyone = town.stranger();
    let served = anyone.get("/openapi.json").expect(200);
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(served.json(), Contract::read().0);
    let page = anyone.get("/docs/").expect(200);
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'self'") && !policy.contains("http"), "the browser loads nothing from elsewhere: {policy}");
    let html = String::from_utf8_lossy(&page.bytes).into_owned();
    let initializer = String::from_utf8_lossy(&anyone.get("/docs/swagger-initializer.js").expect(200).bytes).into_owned();
    assert!(initializer.contains("\"/openapi.json\""), "{initializer}");
    for page in [&html, &initializer] {
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("=\"//"), "{page}");
    }
    let assets = Regex::new(r#"(?:src|href)="(?:\./)?([^"]+)""#).expect("a pattern");
    let assets: Vec<&str> = assets.captures_iter(&html).map(|found| found.extract::<1>().1[0]).collect();
    assert!(assets.len() >= 5, "{html}");
    for asset in assets {
        assert!(!anyone.get(&format!("/docs/{asset}")).expect(200).bytes.is_empty(), "{asset}");
    }
    assert_eq!(anyone.get("/docs").status / 100, 2, "followed to /docs/");
}

#[test]
fn every_problem_has_two_languages_a_status_and_a_page_of_its_own() {
    let town = Town::on_sqlite(Stage::Gathered);
    let anyone = town.stranger();
    let listed = anyone.get("/v1/problems").expect(200).json();
    let problems = listed.as_array().expect("problems");
    let facts = Regex::new(r"\{\w+\}").expect("a pattern");
    let named =
        |detail: &Value| facts.find_iter(detail.as_str().unwrap_or("")).map(|fact| fact.as_str().to_owned()).collect::<BTreeSet<_>>();
    let mut codes = BTreeSet::new();
    for problem in problems {
        let code = text(&problem["code"]);
        assert!(codes.insert(code.clone()), "{code} stands twice");
        for member in ["title_fr", "title_en", "detail_fr", "detail_en"] {
            assert!(!text(&problem[member]).trim().is_empty(), "{code} has no {member}");
        }
        assert_eq!(named(&problem["detail_fr"]), named(&problem["detail_en"]), "{code} tells other facts in French than in English");
        assert!((400..600).contains(&problem["status"].as_u64().expect("a status")), "{code}");
        assert_eq!(&anyone.get(&format!("/v1/problems/{code}")).expect(200).json(), problem);
    }
    assert_eq!(codes.len(), api::problem::all_codes().count());
    anyone.get("/v1/problems/NO_SUCH_CODE").refused(404, "NOT_FOUND");
    let refusal = anyone.get("/v1/nowhere").refused(404, "NOT_FOUND");
    assert_eq!(anyone.get(&refusal.text("/type")).expect(200).text("/code"), "NOT_FOUND", "a problem's type can be read");
}

on_both_engines! {
    Stage::Open, fn every_answer_is_as_its_schema_says(town) {
        let contract = Contract::read();
        let organisation = "/v1/organisations/{organisation_id}";
        let post = |rest: &str, answer: Answer| contract.holds("post", &format!("{organisation}{rest}"), answer);
        let (mayor, finance, accountant) = (town.client("mayor"), town.client("finance-officer"), town.client("accountant"));
        let meeting = json!({
            "fiscal_year": 2025, "place": "chef-lieu", "held_on": "2025-01-05", "women": 40, "men": 51,
            "minutes_sha256": "b".repeat(64), "summary": "Priorités",
        });
        for kind in ["/consultations", "/public-debates"] {
            let held = town.client("council-registrar").create(&town.path(kind), &meeting);
            post(kind, held.expect(201));
        }
        let supplier = json!({ "code": "SUP-9001", "name": "Quincaillerie du Fleuve" });
        post("/suppliers", finance.create(&town.path("/suppliers"), &supplier).expect(201));

        let commitment = post("/commitments", expenditure::commit_fuel(town, "850000").expect(201)).id();
        let verified = expenditure::verify(town, &town.path(&format!("/commitments/{commitment}")), "F-1", "850000").expect(201);
        let verification = post("/commitments/{commitment_id}/verifications", verified).id();
        let verification = town.path(&format!("/verifications/{verification}"));
        let certified = town.client("certifier").act(&verification, "/certification", &json!({})).expect(200);
        post("/verifications/{verification_id}/certification", certified);
        let amount = json!({ "amount": "850000", "currency": "XOF" });
        let drafted = finance.act(&verification, "/payment-orders", &amount).expect(201);
        let id = post("/verifications/{verification_id}/payment-orders", drafted).id();
        let order = town.path(&format!("/payment-orders/{id}"));
        post("/payment-orders/{payment_order_id}/signature", mayor.act(&order, "/signature", &json!({})).expect(200));
        let batch = json!({ "payment_order_ids": [id], "total": "850000", "currency": "XOF" });
        post("/payment-order-batches", mayor.create(&town.path("/payment-order-batches"), &batch).expect(201));
        post("/payment-orders/{payment_order_id}/acceptance", accountant.act(&order, "/acceptance", &json!({})).expect(200));
        post("/payment-orders/{payment_order_id}/corrections", expenditure::issue(town, &order, "reduction", "1").expect(201));
        let payment = json!({ "payee_id": town.supplier("SUP-0012"), "amount": "850000", "currency": "XOF", "mode": "transfer" });
        post("/payment-orders/{payment_order_id}/payments", accountant.act(&order, "/payments", &payment).expect(201));

        for (path, answer) in revenue::every_act(town) {
            post(path, answer);
        }

        post("/fiscal-years/{year}/entry-imports", crate::ledger::import::imported(town));
        post("/commitments", expenditure::commit_fuel(town, "9900000").refused(422, "COMMITMENT_CREDIT_INSUFFICIENT"));
        let wrong = finance.create(&town.path("/suppliers"), &json!({ "code": 7 }));
        post("/suppliers", wrong.refused(400, "REQUEST_BODY_INVALID"));
        let missing = town.stranger().get(&format!("/v1/organisations/{}", uuid::Uuid::nil()));
        contract.holds("get", organisation, missing.refused(404, "NOT_FOUND"));

        crate::endowment::played(town);
        crate::fund::every_act(town);
        cash_office::played(town).into_iter().for_each(|(rest, answer)| drop(post(rest, answer)));
        for operation in contract.operations().iter().filter(|operation| operation.method == "get") {
            let reader = crate::access::reader(&text(&operation.described["operationId"]));
            contract.holds("get", &operation.path, town.client(reader).get(&filled(town, &operation.path)).expect(200));
        }
    }

    Stage::Gathered, fn a_draft_and_its_imports_are_as_their_schemas_say(town) {
        let contract = Contract::read();
        let path = |rest: &str| format!("/v1/organisations/{{organisation_id}}/budgets/{{budget_id}}{rest}");
        let draft = budget::draft(town);
        let finance = town.client("finance-officer");
        let wrong = finance.put_lines(&draft, "?dry_run=true", "text/csv", b"section;direction\nZ;Z\n");
        contract.holds("put", &path("/lines"), wrong);
        contract.holds("put", &path("/lines"), finance.put_lines(&draft, "", "text/csv", budget::SAMPLE.as_bytes()).expect(200));
        let half: Vec<&str> = budget::SAMPLE.lines().filter(|line| !line.starts_with("I;")).collect();
        contract.holds("put", &path("/lines"), finance.put_lines(&draft, "", "text/csv", half.join("\n").as_bytes()).expect(200));
        let refusal = town.client("mayor").act(&draft, "/consultation", &json!({})).refused(422, "BUDGET_EMPTY_SECTION");
        contract.holds("post", &path("/consultation"), refusal);
        contract.holds("put", &path("/lines"), finance.put_lines(&draft, "", "text/csv", budget::SAMPLE.as_bytes()).expect(200));
        let opened = town.client("mayor").act(&draft, "/consultation", &json!({})).expect(200);
        contract.holds("post", &path("/consultation"), opened);
        for rest in ["", "/lines", "/transitions"] {
            contract.holds("get", &path(rest), town.client("mayor").get(&format!("{draft}{rest}")).expect(200));
        }
    }
}
