//! Bad input: a clear refusal that points at the place, nothing stored, and never a failure of the service.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::rows;
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

/// A desk where the mayor commits fuel, with a body that would be accepted.
struct Counter {
    mayor: Client,
    path: String,
    body: Value,
}

impl Counter {
    fn open(town: &Town) -> Self {
        let body = json!({
            "budget_line_id": town.line("F-D-60-602-01"), "supplier_id": town.supplier("SUP-0012"),
            "label": "Carburant", "amount": "850000", "currency": "XOF",
        });
        let counter = Self { mayor: town.client("mayor"), path: town.path("/commitments"), body };
        let dry = format!("{}?dry_run=true", counter.path);
        counter.send(&dry, &[("content-type", "application/json")], counter.body.to_string().as_bytes()).expect(200);
        counter
    }

    /// Posts bytes with a fresh key.
    fn send(&self, path: &str, headers: &[(&str, &str)], bytes: &[u8]) -> Answer {
        let key = Uuid::new_v4().to_string();
        let headers: Vec<(&str, &str)> = [("idempotency-key", key.as_str())].into_iter().chain(headers.iter().copied()).collect();
        self.mayor.send("POST", path, &headers, bytes)
    }

    fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        self.send(&self.path, &[("content-type", "application/json")], body.as_ref())
    }

    /// Posts the good body with one member changed.
    fn with(&self, member: &str, value: &Value) -> Answer {
        let mut body = self.body.clone();
        body[member] = value.clone();
        self.post(body.to_string())
    }
}

/// Runs a battery and asserts that it left no trace.
fn without_a_trace(town: &Town, battery: impl FnOnce()) {
    let before = rows(town);
    battery();
    assert_eq!(rows(town), before, "nothing was stored");
    assert_eq!(town.article("602")["committed"], "0");
}

/// Everything that text must not hold.
fn bad_texts() -> Vec<String> {
    let deceiving = ['\u{0}', '\n', '\u{7F}', '\u{200B}', '\u{200F}', '\u{202E}', '\u{2066}', '\u{FEFF}'];
    let mut texts: Vec<String> = deceiving.iter().map(|c| format!("Carb{c}urant")).collect();
    texts.extend([String::new(), "   ".to_owned(), "é".repeat(301)]);
    texts
}

/// What the mayor reads.
fn get(town: &Town, path: &str) -> Answer {
    town.client("mayor").get(path)
}

on_both_engines! {
    Stage::Open, fn an_amount_is_a_decimal_string_of_whole_francs(town) {
        let counter = Counter::open(town);
        without_a_trace(town, || {
            for unread in [json!(850_000), json!(1.5), json!(null), json!(true), json!(["850000"]), json!({ "xof": "850000" })] {
                let refusal = counter.with("amount", &unread).refused(400, "REQUEST_BODY_INVALID");
                assert_eq!(refusal.pointers(), ["/amount"], "{unread}");
            }
            let wrong = [
                "-5", "+5", "1e3", "850000.0", "1,5", "1000000000000001", "9223372036854775808", " 1", "1 ", "1 000", "1\u{a0}000", "١٢",
                "８５", "01", "00", "0x10", "NaN", "Infinity", "", ".5", "5.",
            ];
            for text in wrong {
                let refusal = counter.with("amount", &json!(text)).refused(400, "AMOUNT_INVALID");
                assert_eq!(refusal.pointers(), ["/amount"], "{text:?}");
            }
            assert_eq!(counter.with("amount", &json!("0")).refused(422, "AMOUNT_ZERO").pointers(), ["/amount"]);
            counter.with("amount", &json!("1000000000000000")).refused(422, "COMMITMENT_CREDIT_INSUFFICIENT");
        });
    }

    Stage::Open, fn accounts_are_kept_in_one_currency(town) {
        let counter = Counter::open(town);
        without_a_trace(town, || {
            for code in ["EUR", "xof", "XXXX", "", "XOF "] {
                let refusal = counter.with("currency", &json!(code)).refused(422, "CURRENCY_MISMATCH");
                assert_eq!(refusal.pointers(), ["/currency"], "{code:?}");
                assert_eq!(refusal.text("/facts/expected"), "XOF");
            }
            assert_eq!(counter.with("currency", &json!(952)).refused(400, "REQUEST_BODY_INVALID").pointers(), ["/currency"]);
        });
    }

    Stage::Open, fn text_holds_nothing_that_deceives(town) {
        let counter = Counter::open(town);
        without_a_trace(town, || {
            for text in bad_texts() {
                let refusal = counter.with("label", &json!(text)).refused(400, "REQUEST_BODY_INVALID");
                assert_eq!(refusal.pointers(), ["/label"], "{text:?}");
            }
            let lone = counter.body.to_string().replace("Carburant", "\\ud800");
            counter.post(lone).refused(400, "REQUEST_BODY_INVALID");
        });
        counter.with("label", &json!("ߞ".repeat(300))).expect(201);
    }

    Stage::Open, fn text_that_no_database_can_hold_is_refused_wherever_it_comes(town) {
        let (admin, counter) = (town.client("administrator"), Counter::open(town));
        without_a_trace(town, || {
            for member in ["amount", "currency", "label", "id"] {
                counter.with(member, &json!("1\u{0}")).refused(400, "REQUEST_BODY_INVALID");
            }
            let sign_in = json!({ "login": "mayor\u{0}", "password": "le karité fleurit tôt" });
            town.stranger().create("/v1/sessions", &sign_in).refused(400, "REQUEST_BODY_INVALID");
            let year = json!({ "fiscal_year": 2026, "nomenclature": "ML\u{7}\u{202E}" });
            let quoted = town.client("finance-officer").create(&town.path("/fiscal-years"), &year);
            let quoted = quoted.refused(422, "BUDGET_NOMENCLATURE_INVALID").text("/detail");
            assert!(quoted.contains("ML\u{FFFD}\u{FFFD}"), "what a refusal repeats deceives nobody: {quoted:?}");
            let year = json!({ "fiscal_year": 2026, "nomenclature": "ML\u{0}" });
            town.client("finance-officer").create(&town.path("/fiscal-years"), &year).refused(400, "REQUEST_BODY_INVALID");
            let form = "grant_type=client_credentials&client_id=a%00b&client_secret=x";
            let form_type = [("content-type", "application/x-www-form-urlencoded")];
            let answer = town.stranger().send("POST", "/v1/oauth/token", &form_type, form.as_bytes());
            assert!((400..500).contains(&answer.status), "{answer:?}");
            for path in ["/v1/events?kind=%00", "/v1/organisations?q=a%00b", "/v1/territorial-units?q=%00", "/v1/parameters?level=%00"] {
                admin.get(path).refused(400, "REQUEST_PARAMETER_INVALID");
            }
            for sign in ["%0A", "%7F", "%C2%9D", "%E2%80%8B", "%E2%80%AE"] {
                let refusal = admin.get(&format!("/v1/organisations?q=a{sign}b")).refused(400, "REQUEST_PARAMETER_INVALID");
                assert_eq!(refusal.pointers(), ["?q"], "{sign}");
            }
            for path in ["/v1/charts/%00", "/v1/nomenclatures/a%00", "/v1/problems/%00", "/v1/organisations/%00"] {
                admin.get(path).refused(404, "NOT_FOUND");
            }
            get(town, &town.path("/fiscal-years/2025/accounts/60%00/entries")).refused(404, "NOT_FOUND");
        });
    }

    Stage::Open, fn a_body_is_one_object_with_exactly_the_known_members(town) {
        let counter = Counter::open(town);
        let good = counter.body.to_string();
        without_a_trace(town, || {
            for unknown in ["role", "organisation_id", "number", "state", "committed_by", "Amount", "amount "] {
                let refusal = counter.with(unknown, &json!("accountant")).refused(400, "REQUEST_BODY_INVALID");
                assert_eq!(refusal.pointers(), [format!("/{unknown}")]);
            }
            for member in ["budget_line_id", "supplier_id", "label", "amount", "currency"] {
                let mut body = counter.body.clone();
                body.as_object_mut().expect("an object").remove(member);
                let refusal = counter.post(body.to_string()).refused(400, "REQUEST_BODY_INVALID");
                assert!(refusal.text("/errors/0/detail").contains(member), "{member}");
                let twice = good.replacen('{', &format!("{{\"{member}\":{},", counter.body[member]), 1);
                counter.post(twice).refused(400, "REQUEST_BODY_INVALID");
            }
            for id in ["budget_line_id", "supplier_id", "id"] {
                for wrong in [json!("nobody"), json!(7), json!([]), json!("01a20099-7b05-7616-8172")] {
                    let refusal = counter.with(id, &wrong).refused(400, "REQUEST_BODY_INVALID");
                    assert_eq!(refusal.pointers(), [format!("/{id}")]);
                }
            }
            for day in ["2025-02-30", "03/02/2025", "2025-2-3T00:00", ""] {
                let refusal = counter.with("committed_on", &json!(day)).refused(400, "REQUEST_BODY_INVALID");
                assert_eq!(refusal.pointers(), ["/committed_on"], "{day}");
            }
            let member = |name: &str| counter.body[name].clone();
            let by_position = json!([null, member("budget_line_id"), member("supplier_id"), "x", "1", "XOF", null]);
            let in_a_list = json!([counter.body]);
            let nested = "[".repeat(200) + &"]".repeat(200);
            let deep = "{\"label\":".repeat(200) + "1" + &"}".repeat(200);
            let bottomless = "[".repeat(200_000);
            let cut = &good[..good.len() - 1];
            let shapes = [
                by_position.to_string(), in_a_list.to_string(), nested, deep, bottomless, cut.to_owned(), format!("{good}{good}"),
                format!("{good} x"), format!("\u{feff}{good}"), "null".to_owned(), "\"\"".to_owned(), "1".to_owned(), String::new(),
                good.replace("\"850000\"", "NaN"), good.replace('"', "'"), format!("/* */{good}"), good.replace("XOF\"", "XOF\","),
            ];
            for shape in &shapes {
                let answer = counter.post(shape);
                assert_eq!(answer.status, 400, "{} {answer:?}", shape.chars().take(80).collect::<String>());
                answer.refused(400, "REQUEST_BODY_INVALID");
            }
            let latin = [good.as_bytes().split_at(good.find("Carburant").expect("the label")).0, b"\xe9\"}"].concat();
            counter.post(latin).refused(400, "REQUEST_BODY_INVALID");
        });
    }

    Stage::Open, fn a_body_has_a_kind_and_a_size(town) {
        let counter = Counter::open(town);
        let good = counter.body.to_string();
        without_a_trace(town, || {
            let large = good.replace("Carburant", &"x".repeat(300 * 1024));
            let refusal = counter.post(large).refused(413, "BODY_TOO_LARGE");
            assert_eq!(refusal.text("/facts/limit"), "262144");
            for kind in ["text/plain", "text/json", "application/xml", "application/jsonx", "multipart/form-data; boundary=x", "*/*", ""] {
                let refusal = counter.send(&counter.path, &[("content-type", kind)], good.as_bytes());
                assert_eq!(refusal.refused(415, "MEDIA_TYPE_UNSUPPORTED").text("/facts/accepted"), "application/json");
            }
            counter.send(&counter.path, &[], good.as_bytes()).refused(415, "MEDIA_TYPE_UNSUPPORTED");
        });
        counter.send(&counter.path, &[("content-type", "Application/JSON; charset=utf-8")], good.as_bytes()).expect(201);
    }

    Stage::Open, fn a_write_carries_a_key(town) {
        let counter = Counter::open(town);
        let good = counter.body.to_string();
        let with_key = |key: &str| {
            counter.mayor.send("POST", &counter.path, &[("content-type", "application/json"), ("idempotency-key", key)], good.as_bytes())
        };
        without_a_trace(town, || {
            let missing = counter.mayor.send("POST", &counter.path, &[("content-type", "application/json")], good.as_bytes());
            missing.refused(400, "IDEMPOTENCY_KEY_MISSING");
            for key in ["", "short-7", "two words", "a/b/c/d/e", "éééééééé", "\"12345678", &"k".repeat(65)] {
                with_key(key).refused(400, "IDEMPOTENCY_KEY_MISSING");
            }
        });
        with_key("a-key-8.").expect(201);
        assert_eq!(with_key("\"a-key-8.\"").expect(201).header("idempotency-replayed"), Some("true"), "quoted, it is the same");
    }

    Stage::Open, fn an_act_names_the_version_that_it_rests_on(town) {
        let counter = Counter::open(town);
        let commitment = town.path(&format!("/commitments/{}", counter.post(counter.body.to_string()).expect(201).id()));
        let papers = [crate::expenditure::paper("fuel_log")];
        let body = json!({
            "invoice_number": "F-1", "invoice_date": "2025-02-01", "amount": "1", "currency": "XOF", "documents": papers,
        });
        let body = body.to_string();
        let finance = town.client("finance-officer");
        let with_tag = |tag: Option<&str>| {
            let key = Uuid::new_v4().to_string();
            let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
            let headers: Vec<(&str, &str)> = headers.into_iter().chain(tag.map(|tag| ("if-match", tag))).collect();
            finance.send("POST", &format!("{commitment}/verifications"), &headers, body.as_bytes())
        };
        let before = rows(town);
        with_tag(None).refused(428, "VERSION_REQUIRED");
        let unread = [
            "", "*", "1", "1-json", "W/\"1-json\"", "\"\"", "\"x\"", "\"-1\"", "\"1", "\"1.0-json\"", "\"99999999999999999999-json\"",
        ];
        for tag in unread {
            with_tag(Some(tag)).refused(428, "VERSION_REQUIRED");
        }
        for tag in ["\"2-json\"", "\"0-json\"", "\"9223372036854775807-json\""] {
            assert_eq!(with_tag(Some(tag)).refused(412, "VERSION_STALE").text("/facts/current_version"), "1");
        }
        assert_eq!(rows(town), before, "nothing was stored");
        with_tag(Some("\"1-json\"")).expect(201);
        with_tag(Some("\"1-json\"")).refused(412, "VERSION_STALE");
    }

    Stage::Open, fn parameters_are_known_once_and_in_range(town) {
        let counter = Counter::open(town);
        let list = |query: &str| get(town, &format!("{}?{query}", counter.path));
        without_a_trace(town, || {
            let wrong = [
                "unknown=1", "Limit=1", "limit=1&limit=2", "limit=1&limit=1", "limit=0", "limit=201", "limit=abc", "limit=-1", "limit=1.5",
                "limit=", "limit=4294967297", "state=nonsense", "state=open,nonsense", "fiscal_year=abc", "fiscal_year=99999999999",
                "from=2025-02-30", "supplier_id=x", "dry_run=true",
            ];
            for query in wrong {
                let refusal = list(query).refused(400, "REQUEST_PARAMETER_INVALID");
                assert_eq!(refusal.pointers().len(), 1, "{query}");
            }
            assert_eq!(list("limit=201").pointers(), ["?limit"]);
            assert_eq!(list("state=nonsense").pointers(), ["?state"]);
            let long = format!("q={}", "x".repeat(101));
            for (query, place) in [
                ("unknown=1", "?unknown"), ("limit=1&limit=1", "?limit"), ("limit=abc", "?limit"), ("fiscal_year=1", "?fiscal_year"),
                ("from=2025-02-30", "?from"), ("supplier_id=x", "?supplier_id"), ("totals=1", "?totals"), ("q=%ff", "?q"), (&long, "?q"),
            ] {
                assert_eq!(list(query).refused(400, "REQUEST_PARAMETER_INVALID").pointers(), [place], "{query}");
            }
            for query in ["dry_run=yes", "dry_run=", "dry_run=true&dry_run=true", "dryrun=true"] {
                let path = format!("{}?{query}", counter.path);
                let answer = counter.send(&path, &[("content-type", "application/json")], counter.body.to_string().as_bytes());
                answer.refused(400, "REQUEST_PARAMETER_INVALID");
            }
        });
        list("limit=1").expect(200);
        list("limit=200").expect(200);
    }

    Stage::Open, fn a_list_in_a_body_has_the_length_that_the_contract_tells(town) {
        let orders = |count: usize| {
            let body = json!({ "payment_order_ids": vec![Uuid::new_v4(); count], "total": "1", "currency": "XOF" });
            town.client("mayor").create(&town.path("/payment-order-batches"), &body)
        };
        for count in [0, 201, 5_000] {
            assert_eq!(orders(count).refused(400, "REQUEST_BODY_INVALID").pointers(), ["/payment_order_ids"], "{count}");
        }
        orders(200).refused(404, "NOT_FOUND");
    }

    Stage::Open, fn a_cursor_is_taken_back_as_it_was_given(town) {
        let counter = Counter::open(town);
        for amount in ["1", "2", "3"] {
            counter.with("amount", &json!(amount)).expect(201);
        }
        let list = |query: &str| get(town, &format!("{}?{query}", counter.path));
        let next = list("limit=1&fiscal_year=2025").expect(200).text("/page/next");
        let second = list(&format!("limit=1&fiscal_year=2025&after={next}")).expect(200);
        assert_eq!(second.text("/data/0/amount"), "2");
        assert_eq!(list(&format!("after={next}&fiscal_year=2025&limit=2")).expect(200).json()["data"].as_array().map(Vec::len), Some(2));
        for filters in ["", "&fiscal_year=2024", "&fiscal_year=2025&state=open", "&supplier_id=01a20099-7b05-7616-8172-12b30f6362cb"] {
            list(&format!("after={next}{filters}")).refused(400, "CURSOR_INVALID");
        }
        let (padded, longer) = (format!("{next}="), format!("{next}A"));
        for garbage in ["", "garbage", "AAAA", "%F0%9F%92%A9", &padded, &longer, &next[1..], &next[..next.len() - 2]] {
            list(&format!("fiscal_year=2025&after={garbage}")).refused(400, "CURSOR_INVALID");
        }
        // The last character may carry bits that belong to no byte; every other one is sealed.
        for position in 0..next.len() - 1 {
            let other = if next.as_bytes()[position] == b'A' { "B" } else { "A" };
            let altered = format!("{}{other}{}", &next[..position], &next[position + 1..]);
            list(&format!("fiscal_year=2025&after={altered}")).refused(400, "CURSOR_INVALID");
        }
    }

    Stage::Gathered, fn refusals_speak_the_callers_language(town) {
        let title = |language: &str| {
            let headers: Vec<(&str, &str)> = Some(("accept-language", language)).filter(|_| !language.is_empty()).into_iter().collect();
            let answer = town.stranger().send("GET", "/v1/nothing", &headers, &[]).refused(404, "NOT_FOUND");
            (answer.header("content-language").expect("a language").to_owned(), answer.text("/title"))
        };
        let (french, english) = (("fr".to_owned(), "Introuvable".to_owned()), ("en".to_owned(), "Not found".to_owned()));
        let weighed = ["fr;q=0.9, en;q=0.8", "en;q=0.1,fr", "de, *", ";;;q=,,", "en;q=x", "en;q=2", "\u{1F4A9}"];
        for language in ["", "fr", "fr-ML", "bm"].into_iter().chain(weighed) {
            assert_eq!(title(language), french, "{language}");
        }
        for language in ["en", "EN", "en-GB", "en-GB, fr;q=0.5", "fr;q=0.2, en;q=0.3", "de, en"] {
            assert_eq!(title(language), english, "{language}");
        }
    }

    Stage::Open, fn paths_lead_somewhere_or_nowhere(town) {
        let commune = town.commune_id().to_string();
        let long = format!("/v1/problems/{}", "X".repeat(8_000));
        let nowhere = [
            "/", "/v1", "/v2/meta", "/v1/nothing", "/v1/meta/", "//v1/meta", "/v1//meta", "/V1/meta", "/v1/./meta", "/v1/x/../meta",
            "/v1/%2e%2e/v1/meta", "/v1/meta%2f", "/v1/meta;a=b", "/v1/meta.json", "/.env", "/metrics",
            "/v1/problems/..%2f..%2fetc%2fpasswd", "/v1/organisations/nobody", "/v1/organisations/%20", &long,
        ];
        for path in nowhere {
            town.stranger().get(path).refused(404, "NOT_FOUND");
        }
        for path in ["/commitments/nobody", "/commitments/", "/nothing", "/fiscal-years/abc", "/fiscal-years/9999999999"] {
            get(town, &town.path(path)).refused(404, "NOT_FOUND");
        }
        let cut = format!("/v1/organisations/{}/commitments", &commune[..35]);
        get(town, &cut).refused(404, "NOT_FOUND");
        get(town, &format!("/v1/organisations/{commune}%00/commitments")).refused(404, "NOT_FOUND");
    }

    Stage::Gathered, fn a_resource_says_which_methods_it_offers(town) {
        let routes = api::contract::outline::operations().expect("operations");
        for pattern in routes.keys().map(|(_, pattern)| pattern) {
            let mut offered: Vec<&str> = routes.keys().filter(|(_, known)| known == pattern).map(|(method, _)| method.as_str()).collect();
            offered.sort_unstable();
            let id = Uuid::new_v4().to_string();
            let fill = |segment| if str::starts_with(segment, '{') { id.as_str() } else { segment };
            let path = pattern.split('/').map(fill).collect::<Vec<_>>().join("/");
            let others = ["DELETE", "PUT", "PATCH", "POST", "GET"].into_iter().filter(|method| !offered.contains(method));
            for method in others {
                let refusal = town.client("mayor").send(method, &path, &[], &[]).refused(405, "METHOD_NOT_ALLOWED");
                assert_eq!(refusal.header("allow"), Some(offered.join(", ").as_str()), "{method} {path}");
            }
            let overridden = [("x-http-method-override", "POST"), ("x-method-override", "POST")];
            let refusal = town.client("mayor").send("DELETE", &path, &overridden, &[]);
            assert_eq!(refusal.status, 405);
        }
    }

    Stage::Open, fn every_answer_is_traceable_and_guarded(town) {
        let ask = |id: &str, path: &str| town.client("mayor").send("GET", path, &[("x-request-id", id)], &[]);
        for path in ["/v1/meta".to_owned(), town.path("/commitments"), "/v1/nothing".to_owned(), town.path("/commitments?limit=0")] {
            let answer = ask("a-plain-id-7", &path);
            assert_eq!(answer.header("x-request-id"), Some("a-plain-id-7"));
            if answer.status >= 400 {
                assert_eq!(answer.text("/request_id"), "a-plain-id-7");
                assert_eq!(answer.text("/instance"), path.split('?').next().expect("a path"));
                assert_eq!(answer.header("cache-control"), Some("no-store"));
            }
            for id in ["two words", "a\"b", "<script>", "é", "", &"x".repeat(65)] {
                let given = ask(id, &path).header("x-request-id").expect("an id").to_owned();
                assert!(Uuid::parse_str(&given).is_ok(), "{id:?} became {given}");
            }
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
            assert_eq!(answer.header("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
            assert!(answer.header("vary").is_some_and(|vary| vary.contains("Authorization")), "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), None, "no other origin is let in unasked");
            assert_eq!(answer.header("server"), None);
        }
        assert_eq!(get(town, &town.path("/commitments")).header("cache-control"), Some("private, no-cache"));
    }

    Stage::Gathered, fn opening_balances_balance_on_accounts_of_classes_1_to_5(town) {
        let finance = town.client("finance-officer");
        finance.create(&town.path("/fiscal-years"), &json!({ "fiscal_year": 2025 })).expect(201);
        let supplier = finance.create(&town.path("/suppliers"), &json!({ "code": "S-1", "name": "Papeterie" })).expect(201).id();
        let year = town.path("/fiscal-years/2025");
        let line = |account: &str, side: &str, amount: Value| json!({ "account": account, "side": side, "amount": amount });
        let cash = line("515", "debit", json!("400000"));
        let owed = line("401", "credit", json!("400000"));
        let debt = |account: &str, amount: &str| {
            json!({ "account": account, "supplier_id": supplier, "reference": format!("M-{amount}"), "amount": amount })
        };
        let open = |lines: &Value, debts: &Value| {
            town.client("accountant").act(&year, "/opening-balances", &json!({ "currency": "XOF", "lines": lines, "carried_debts": debts }))
        };
        let before = rows(town);
        let none = json!([]);
        let class = open(&json!([line("602", "debit", json!("1")), line("401", "credit", json!("1"))]), &none);
        assert_eq!(class.refused(422, "LEDGER_OPENING_CLASS").text("/facts/account"), "602");
        let uneven = open(&json!([cash, line("401", "credit", json!("399999"))]), &none).refused(422, "LEDGER_UNBALANCED");
        assert_eq!((uneven.text("/facts/debit"), uneven.text("/facts/credit")), ("400000".to_owned(), "399999".to_owned()));
        open(&json!([cash]), &none).refused(422, "LEDGER_UNBALANCED");
        for unknown in ["599999", "5", "1\u{301}", "5 15", "40１"] {
            let refusal = open(&json!([line(unknown, "debit", json!("400000")), owed]), &none).refused(422, "LEDGER_ACCOUNT_UNKNOWN");
            assert_eq!(refusal.text("/facts/account"), unknown);
        }
        open(&json!([line("5\u{0}15", "debit", json!("400000")), owed]), &none).refused(400, "REQUEST_BODY_INVALID");
        for amount in [json!(400_000), json!(1.5), json!(null)] {
            let refusal = open(&json!([cash, line("401", "credit", amount)]), &none).refused(400, "REQUEST_BODY_INVALID");
            assert_eq!(refusal.pointers(), ["/lines/1/amount"]);
        }
        let refusal = open(&json!([cash, line("401", "credit", json!("-400000"))]), &none).refused(400, "AMOUNT_INVALID");
        assert_eq!(refusal.pointers(), ["/lines/1/amount"]);
        let refusal = open(&json!([line("515", "debit", json!("0")), owed]), &none).refused(422, "AMOUNT_ZERO");
        assert_eq!(refusal.pointers(), ["/lines/0/amount"]);
        let refusal = open(&json!([line("515", "left", json!("1")), owed]), &none).refused(400, "REQUEST_BODY_INVALID");
        assert_eq!(refusal.pointers(), ["/lines/0/side"]);
        for debts in [json!([debt("401", "399999")]), json!([debt("401", "400000"), debt("401", "1")]), json!([debt("404", "400000")])] {
            let refusal = open(&json!([cash, owed]), &debts).refused(422, "LEDGER_CARRIED_DEBT_MISMATCH");
            assert_eq!(refusal.pointers(), ["/carried_debts"]);
        }
        let twice = open(&json!([cash, owed]), &json!([debt("401", "200000"), debt("401", "200000")]));
        twice.refused(409, "LEDGER_CARRIED_DEBT_DUPLICATE");
        let mut of_nobody = debt("401", "400000");
        of_nobody["supplier_id"] = json!(Uuid::new_v4());
        open(&json!([cash, owed]), &json!([of_nobody])).refused(404, "NOT_FOUND");
        assert_eq!(rows(town), before, "nothing was stored");
        open(&json!([cash, owed]), &json!([debt("401", "150000"), debt("401", "250000")])).expect(200);
        let after = rows(town);
        open(&json!([cash, owed]), &none).refused(409, "FISCAL_YEAR_OPEN");
        open(&none, &none).refused(409, "FISCAL_YEAR_OPEN");
        assert_eq!(rows(town), after, "opened once");
    }

    Stage::Open, fn what_exists_is_not_made_twice_nor_what_cannot_exist(town) {
        let (admin, counter) = (town.client("administrator"), Counter::open(town));
        let id = counter.post(counter.body.to_string()).expect(201).id();
        let before = rows(town);
        counter.with("id", &json!(id)).refused(409, "CONFLICT");
        let body = json!({ "kind": "person", "login": "mayor", "display_name": "Another mayor" });
        assert_eq!(admin.create("/v1/principals", &body).refused(409, "LOGIN_TAKEN").pointers(), ["/login"]);
        for year in [1959, 2201, -5, i32::MAX] {
            let body = json!({ "fiscal_year": year });
            town.client("finance-officer").create(&town.path("/fiscal-years"), &body).refused(400, "FISCAL_YEAR_INVALID");
        }
        let body = json!({ "principal_id": Uuid::new_v4(), "role": "certifier", "valid_from": "2025-01-01" });
        admin.create(&town.path("/role-assignments"), &body).refused(404, "NOT_FOUND");
        let body = json!({ "principal_id": town.person("mayor"), "role": "certifier", "valid_from": "2025-01-01" });
        admin.create(&format!("/v1/organisations/{}/role-assignments", Uuid::new_v4()), &body).refused(404, "NOT_FOUND");
        assert_eq!(rows(town), before, "nothing was stored");
    }
}

on_both_engines! {
    Stage::Open, fn dates_out_of_this_world_and_unknown_parameters_are_refused(town) {
        let auditor = town.client("auditor");
        for day in ["-9999-01-01", "+262142-12-31", "1899-12-31", "2201-01-01", "2025-02-29", "tomorrow"] {
            for path in ["/v1/parameters?on=", "/v1/territorial-units?on="] {
                let refusal = town.stranger().get(&format!("{path}{}", day.replace('+', "%2B"))).refused(400, "REQUEST_PARAMETER_INVALID");
                assert_eq!(refusal.pointers(), ["?on"], "{day}");
            }
            auditor.get(&town.path(&format!("/commitments?from={}", day.replace('+', "%2B")))).refused(400, "REQUEST_PARAMETER_INVALID");
            let body = json!({ "principal_id": town.person("mayor"), "role": "certifier", "valid_from": day });
            let refusal = town.client("administrator").create(&town.path("/role-assignments"), &body).refused(400, "REQUEST_BODY_INVALID");
            assert_eq!(refusal.pointers(), ["/valid_from"]);
        }
        town.stranger().get("/v1/meta?x=1").refused(400, "REQUEST_PARAMETER_INVALID");
        auditor.get("/v1/me?x=1").refused(400, "REQUEST_PARAMETER_INVALID");
        auditor.get(&town.path("/fiscal-years/2025/trial-balance?x=1")).refused(400, "REQUEST_PARAMETER_INVALID");
        auditor.get(&town.path("/fiscal-years/2025/budget-execution?x=1")).refused(400, "REQUEST_PARAMETER_INVALID");
    }
}
