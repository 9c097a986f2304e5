//! Organisations: the public directory of what owns data.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

/// A real unit by its code of 2015.
fn unit(town: &Town, pcode: &str) -> String {
    let found = town.stranger().get(&format!("/v1/territorial-units?scheme=pcode&edition=2015&code={pcode}")).expect(200);
    found.text("/data/0/id")
}

/// Registers an organisation of the given kind; further members change or add to the body.
fn register(town: &Town, kind: &str, code: &str, change: &[(&str, Value)]) -> Answer {
    town.client("administrator").create("/v1/organisations", &described(kind, code, change))
}

fn described(kind: &str, code: &str, change: &[(&str, Value)]) -> Value {
    let mut body = json!({ "kind": kind, "code": code, "name": "Organisation", "currency": "XOF" });
    for (member, value) in change {
        body[*member] = value.clone();
    }
    body
}

/// The codes that a query of the directory finds.
fn found(anyone: &Client, query: &str) -> Vec<String> {
    let page = anyone.get(&format!("/v1/organisations?{query}")).expect(200).json();
    let mut codes: Vec<String> =
        page["data"].as_array().expect("rows").iter().map(|row| row["code"].as_str().expect("a code").to_owned()).collect();
    codes.sort();
    codes
}

on_both_engines! {
    Stage::Gathered, fn anyone_reads_the_directory(town) {
        let anyone = town.stranger();
        let codes = found(&anyone, "fictional=true");
        assert_eq!(codes, ["ML-AUDIT", "ML-C01", "ML-C01-PERC", "ML-C01-PREF"]);
        let commune = anyone.get(&town.path("")).expect(200);
        assert_eq!(["/code", "/currency", "/fictional"].map(|member| commune.text(member)), ["ML-C01", "XOF", "true"]);
        let supervisor = anyone.get(&format!("/v1/organisations/{}", commune.text("/supervisor_id"))).expect(200);
        assert_eq!(supervisor.text("/kind"), "state_representation");
        anyone.get(&format!("/v1/organisations/{}", Uuid::nil())).refused(404, "NOT_FOUND");
        anyone.get("/v1/organisations/ML-C01").refused(404, "NOT_FOUND");
    }

    Stage::Gathered, fn an_organisation_is_found_by_its_other_names(town) {
        let admin = town.client("administrator");
        let path = format!("/v1/organisations/{}", register(town, "partner", "ARGA", &[("name", json!("Alliance pour refonder la gouvernance"))]).expect(201).id());
        let anyone = town.stranger();
        let before = anyone.get(&path).expect(200);
        assert_eq!(before.json()["aliases"], json!([]));
        let names = json!({ "aliases": ["ARGA-Mali", "Réseau de la gouvernance"] });
        let after = admin.act(&path, "/aliases", &names).expect(200);
        assert_eq!((&after.json()["aliases"], after.text("/version")), (&names["aliases"], "2".to_owned()));
        assert_eq!([found(&anyone, "q=arga%20mali"), found(&anyone, "q=reseau")], [["ARGA"], ["ARGA"]]);
        admin.act_on(&format!("{path}/aliases"), &before.etag(), &names).refused(412, "VERSION_STALE");
        town.client("finance-officer").act_on(&format!("{path}/aliases"), &after.etag(), &names).refused(404, "NOT_FOUND");
        admin.act(&path, "/aliases", &json!({ "aliases": [] })).expect(200);
        assert!(found(&anyone, "q=reseau").is_empty());
    }

    Stage::Gathered, fn the_directory_is_filtered_without_accents(town) {
        let segou = [("name", json!("Région de Ségou")), ("territorial_unit_id", json!(unit(town, "ML04")))];
        register(town, "region", "ML-SEGOU", &segou).expect(201);
        register(town, "partner", "ONG-1", &[("name", json!("Bɛnkadi — l'entraide"))]).expect(201);
        let anyone = town.stranger();
        assert_eq!(found(&anyone, "q=SEGOU"), ["ML-SEGOU"]);
        assert_eq!(found(&anyone, "q=r%C3%A9gion%20de%20s%C3%A9gou"), ["ML-SEGOU"]);
        assert_eq!(found(&anyone, "q=benkadi%20lentraide"), ["ONG-1"]);
        assert_eq!(found(&anyone, "kind=partner"), ["ONG-1"]);
        assert_eq!(found(&anyone, "kind=commune"), ["ML-C01"]);
        assert!(!found(&anyone, "fictional=false").contains(&"ML-C01".to_owned()));
        assert_eq!(found(&anyone, &format!("territorial_unit_id={}", unit(town, "ML04"))), ["ML-SEGOU"]);
        assert!(found(&anyone, "q=%25").is_empty(), "no wildcard");
        anyone.get("/v1/organisations?kind=village").refused(400, "REQUEST_PARAMETER_INVALID");
        let first = anyone.get("/v1/organisations?limit=2").expect(200);
        let rest = anyone.get(&format!("/v1/organisations?limit=200&after={}", first.text("/page/next"))).expect(200).json();
        assert_eq!(first.json()["data"].as_array().map(Vec::len), Some(2));
        let whole = anyone.get("/v1/organisations?limit=200").expect(200).json();
        assert_eq!(rest["data"].as_array().expect("rows")[..], whole["data"].as_array().expect("rows")[2..]);
    }

    Stage::Gathered, fn only_the_platform_registers_organisations(town) {
        let body = described("partner", "ONG-2", &[]);
        town.stranger().create("/v1/organisations", &body).refused(401, "TOKEN_MISSING");
        for login in ["mayor", "accountant", "state-representative", "auditor", "partner-system"] {
            town.client(login).create("/v1/organisations", &body).refused(403, "ROLE_MISSING");
        }
        let made = town.client("administrator").create("/v1/organisations", &body).expect(201);
        assert_eq!(made.header("location"), Some(format!("/v1/organisations/{}", made.id()).as_str()));
        let read = town.stranger().get(&format!("/v1/organisations/{}", made.id())).expect(200);
        assert_eq!((read.json(), read.etag()), (made.json(), made.etag()));
        assert_eq!(read.text("/fictional"), "false", "real unless it says otherwise");
    }

    Stage::Gathered, fn a_local_government_governs_a_unit_of_its_level_and_nobody_else_does(town) {
        let commune = json!(unit(town, "ML010116"));
        register(town, "commune", "ML-C02", &[]).refused(422, "ORGANISATION_UNIT_REQUIRED");
        let refusal = register(town, "cercle", "ML-K02", &[("territorial_unit_id", commune.clone())]);
        let refusal = refusal.refused(422, "ORGANISATION_UNIT_REQUIRED");
        assert_eq!((refusal.text("/facts/level"), refusal.pointers()), ("cercle".to_owned(), vec!["/territorial_unit_id".to_owned()]));
        register(town, "partner", "ONG-3", &[("territorial_unit_id", commune.clone())]).refused(422, "ORGANISATION_UNIT_UNEXPECTED");
        register(town, "commune", "ML-C02", &[("territorial_unit_id", json!(Uuid::now_v7()))]).refused(404, "NOT_FOUND");
        register(town, "commune", "ML-C02", &[("territorial_unit_id", commune.clone())]).expect(201);
        register(town, "commune", "ML-C03", &[("territorial_unit_id", commune)]).refused(409, "ORGANISATION_DUPLICATE");
    }

    Stage::Gathered, fn what_is_described_wrongly_is_not_registered(town) {
        let before = found(&town.stranger(), "limit=200");
        register(town, "partner", "ML-C01", &[]).refused(409, "ORGANISATION_DUPLICATE");
        register(town, "partner", "ONG-4", &[("id", json!(town.commune_id()))]).refused(409, "ORGANISATION_DUPLICATE");
        let refusal = register(town, "partner", "ONG-4", &[("currency", json!("XXQ"))]).refused(400, "REQUEST_BODY_INVALID");
        assert_eq!(refusal.pointers(), ["/currency"]);
        for member in ["supervisor_id", "treasury_post_id"] {
            register(town, "partner", "ONG-4", &[(member, json!(Uuid::now_v7()))]).refused(404, "NOT_FOUND");
        }
        for (member, value) in [
            ("kind", json!("village")), ("code", json!("")), ("code", json!("x".repeat(41))), ("name", json!("a\u{202E}b")),
            ("fictional", json!("yes")), ("colour", json!("blue")), ("territorial_unit_id", json!("ML0101")),
        ] {
            let refusal = register(town, "partner", "ONG-4", &[(member, value.clone())]).refused(400, "REQUEST_BODY_INVALID");
            assert_eq!(refusal.pointers(), [format!("/{member}")], "{value}");
        }
        assert_eq!(found(&town.stranger(), "limit=200"), before, "a refused request changes nothing");
    }

    Stage::Gathered, fn the_service_keeps_its_own_organisation(town) {
        assert_eq!(found(&town.stranger(), "kind=platform").len(), 1);
        let refusal = register(town, "platform", "PLATFORM-2", &[]).refused(400, "REQUEST_BODY_INVALID");
        assert_eq!(refusal.pointers(), ["/kind"]);
    }

    Stage::Gathered, fn what_the_client_has_is_not_sent_again_in_any_encoding(town) {
        let anyone = town.stranger();
        let path = town.path("");
        let plain = anyone.get(&path).expect(200);
        let mut tags = vec![plain.etag()];
        for encoding in ["gzip", "br"] {
            let packed = anyone.send("GET", &path, &[("accept-encoding", encoding)], &[]).expect(200);
            assert_eq!(packed.header("content-encoding"), Some(encoding));
            assert_ne!(packed.bytes, plain.bytes);
            assert!(packed.header("vary").is_some(), "caches keep encodings apart");
            tags.push(packed.etag());
        }
        assert_eq!(tags.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "a strong tag for each encoding: {tags:?}");
        for tag in &tags {
            for encoding in ["identity", "gzip", "br"] {
                let headers = [("accept-encoding", encoding), ("if-none-match", tag.as_str())];
                let again = anyone.send("GET", &path, &headers, &[]).expect(304);
                assert!(again.bytes.is_empty(), "{tag} {encoding}");
            }
        }
        for other in ["\"2-json\"", "\"11-json\"", "\"1\"", "\"\""] {
            anyone.send("GET", &path, &[("if-none-match", other)], &[]).expect(200);
        }
        let several = format!("\"9-json\", W/{}", tags[1]);
        anyone.send("GET", &path, &[("if-none-match", &several)], &[]).expect(304);
    }

    Stage::Gathered, fn a_head_is_an_answer_without_its_body(town) {
        let anyone = town.stranger();
        for path in [town.path(""), "/v1/organisations".to_owned(), "/v1/meta".to_owned(), "/health/ready".to_owned()] {
            let head = anyone.send("HEAD", &path, &[], &[]).expect(200);
            let whole = anyone.get(&path).expect(200);
            assert!(head.bytes.is_empty(), "{path}");
            for name in ["content-type", "etag", "content-length", "cache-control"] {
                assert_eq!(head.header(name), whole.header(name), "{path}: {name}");
            }
        }
        anyone.send("HEAD", &format!("/v1/organisations/{}", Uuid::nil()), &[], &[]).expect(404);
        let head = anyone.send("HEAD", &town.path(""), &[("if-none-match", &anyone.get(&town.path("")).etag())], &[]);
        assert_eq!((head.status, head.bytes.len()), (304, 0));
    }
}
