//! Tokens true and false: whatever is not exactly as the service signs it is refused alike.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;

use actix_web::dev::ServerHandle;
use api::auth::Desk;
use api::clock::Clock;
use api::contract::outline::operations;
use api::demo::year;
use api::server::{Listening, serve};
use api::token::{Bearer, Keys};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use db::store::{Sizes, Store};
use domain::id::{PrincipalId, SessionId};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{PASSWORD, activate, register, session};
use crate::access::told;
use crate::edge::Wire;
use crate::harness::town::UNHURRIED;
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// A second window on a town, whose signing key the story knows: whatever it wants signed is truly signed.
struct Window {
    town: Town,
    base: String,
    address: SocketAddr,
    handle: ServerHandle,
    pem: Vec<u8>,
    keys: Keys,
}

impl Window {
    fn open() -> Self {
        let town = Town::on_sqlite(Stage::Gathered);
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("window.pem");
        let keys = Keys::create(&key, 600).expect("a key");
        let pem = std::fs::read(&key).expect("the key");
        let target = town.target().clone();
        let (sender, receiver) = mpsc::channel();
        let window = Keys::from_pem(&pem, 600).expect("the key");
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let store = Store::open_migrated(&target, Sizes::default()).expect("the store opens");
                let desk = Desk::new(store, Clock::settable(year::FIRST_DAY), window, operations().expect("operations")).expect("a desk");
                let desk = desk.with_rates(UNHURRIED);
                let listening = Listening { workers: 1, ..Listening::on(([127, 0, 0, 1], 0).into()) };
                let (server, address) = serve(desk, &listening).expect("the server starts");
                sender.send((server.handle(), address)).expect("someone waits");
                server.await.expect("the server ends well");
            });
        });
        let (handle, address) = receiver.recv().expect("the server started");
        Self { town, base: format!("http://{address}"), address, handle, pem, keys }
    }

    fn ask(&self, token: &str) -> Answer {
        Client::new(&self.base, Some(token.to_owned())).get("/v1/me")
    }

    fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.keys.jwks().keys[0].common.key_id })
    }

    fn claims(&self) -> Value {
        let (who, now) = (self.town.person("mayor"), now());
        json!({ "iss": "sigida", "aud": "sigida", "sub": who, "iat": now, "nbf": now, "exp": now + 600, "jti": Uuid::new_v4() })
    }

    /// A token of any header and claims, with a true signature of the service's key over it.
    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let key = EncodingKey::from_ed_pem(&self.pem).expect("the key");
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::EdDSA).expect("a signature");
        format!("{signed}.{signature}")
    }

    /// A token with one member of the header changed, or removed by null; truly signed.
    fn with_header(&self, member: &str, value: &Value) -> String {
        self.sign(&changed(self.header(), member, value), &self.claims().to_string())
    }

    fn with_claim(&self, member: &str, value: &Value) -> String {
        self.sign(&self.header().to_string(), &changed(self.claims(), member, value))
    }

    /// A token signed with a secret that everyone can read, as HS256.
    fn keyed(&self, secret: &[u8]) -> String {
        let header = changed(self.header(), "alg", &json!("HS256"));
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(self.claims().to_string()));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256).expect("signed");
        format!("{signed}.{signature}")
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn changed(mut object: Value, member: &str, value: &Value) -> String {
    let members = object.as_object_mut().expect("an object");
    members.remove(member);
    if !value.is_null() {
        members.insert(member.to_owned(), value.clone());
    }
    object.to_string()
}

/// Every member with each of its values.
fn each(lists: &Value) -> Vec<(String, Value)> {
    let members = lists.as_object().expect("an object").iter();
    members.flat_map(|(name, values)| values.as_array().expect("values").iter().map(|value| (name.clone(), value.clone()))).collect()
}

/// Tokens that are not exactly as the service issues them, by what is wrong.
fn hostile(window: &Window, bait: SocketAddr) -> Vec<(String, String)> {
    let lure = |path: &str| format!("http://{bait}/{path}");
    let good = window.sign(&window.header().to_string(), &window.claims().to_string());
    let parts: Vec<&str> = good.split('.').collect();
    let [head, body, signature] = parts[..] else { panic!("three parts") };
    let raw = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    let other_raw = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut raw = raw.clone();
        change(&mut raw);
        format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode(raw))
    };
    let mut tokens: Vec<(String, String)> = Vec::new();
    let mut add = |what: &str, token: String| tokens.push((what.to_owned(), token));

    for alg in ["none", "None", "nOnE", "", "HS256", "RS256", "ES256", "PS256", "EdDSA ", "eddsa"] {
        let header = URL_SAFE_NO_PAD.encode(changed(window.header(), "alg", &json!(alg)));
        add(&format!("alg {alg:?}, no signature"), format!("{header}.{body}."));
        add(&format!("alg {alg:?}, the signature of EdDSA"), format!("{header}.{body}.{signature}"));
        add(&format!("alg {alg:?}, truly signed"), window.with_header("alg", &json!(alg)));
    }
    let key = serde_json::to_value(&window.keys.jwks().keys[0]).expect("the key");
    let x = key["x"].as_str().expect("the public point");
    let point = URL_SAFE_NO_PAD.decode(x).expect("base64");
    let der = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", point.as_slice()].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(&der));
    let (lines, set) = (format!("{pem}\n"), key.to_string());
    for secret in [&point[..], x.as_bytes(), &der, pem.as_bytes(), lines.as_bytes(), set.as_bytes(), b""] {
        add("HS256 with what everyone knows as secret", window.keyed(secret));
    }
    add("HS256 with the key of cursors", window.keyed(&window.keys.derived));
    let kid = window.header()["kid"].as_str().expect("a kid").to_owned();
    let headers = json!({
        "alg": [null, 1, ["EdDSA"], {}],
        "typ": [null, "JWT", "rt+jwt", "AT+JWT", "id+jwt", "secevent+jwt", "", 7, ["at+jwt"]],
        "kid": [null, "other", "", "../../../dev/null", "' OR 1=1 --", [kid], "k".repeat(2000), format!("{kid}\u{0}")],
        "crit": [["exp"]], "b64": [false], "zip": ["DEF"], "cty": ["JWT"], "nonce": ["1"],
        "jku": [lure("keys")], "jwk": [key], "x5u": [lure("")], "x5c": [["MA=="]], "x5t": ["MA"], "x": [true],
    });
    for (member, value) in each(&headers) {
        add(&format!("header {member} {value}"), window.with_header(&member, &value));
    }
    let now = now();
    let now_and_a_half: Value = serde_json::from_str(&format!("{}.5", now + 300)).expect("a number");
    let claims = json!({
        "iss": [null, "other", "Sigida", "sigida/", ["sigida"]],
        "aud": [null, "other", "", "sigida ", [], ["other"], ["sigida"], ["sigida", "other"], { "sigida": 1 }],
        "sub": [null, "", "mayor", 7, Uuid::new_v4(), Uuid::nil(), window.town.commune_id(), [window.town.person("mayor")]],
        "jti": [null, "x"],
        "sid": ["", "mayor", 7, [], Uuid::new_v4(), Uuid::nil()],
        "iat": [null, "now", now - 3600, now + 20, now + 300, i64::MIN, i64::MAX],
        "exp": [null, now - 31, 0, -1, (now + 600).to_string(), now + 660, i64::MIN, i64::MAX, u64::MAX, [now + 600], 1e300, now_and_a_half],
        "nbf": [null, now - 1, now + 60, (now + 60).to_string(), i64::MAX, []],
    });
    for (member, value) in each(&claims) {
        add(&format!("claim {member} {value}"), window.with_claim(&member, &value));
    }
    let text = window.claims().to_string();
    let header = window.header().to_string();
    add("claims twice", window.sign(&header, &text.replacen('{', "{\"sub\":\"00000000-0000-0000-0000-000000000000\",", 1)));
    add("claims twice, the true one last", window.sign(&header, &text.replacen('}', &format!(",\"sub\":{}}}", window.claims()["sub"]), 1)));
    add("exp without end", window.sign(&header, &text.replacen('{', "{\"exp\":1e400,", 1)));
    add("header twice", window.sign(&header.replacen('{', "{\"alg\":\"none\",", 1), &text));
    add("kid twice", window.sign(&header.replacen('{', "{\"kid\":\"other\",", 1), &text));
    add("a lone surrogate", window.sign(&header, &text.replacen("sigida", "sigida\\ud800", 1)));
    let deep = format!("\"sub\":{}{},\"was\":", "[".repeat(200), "]".repeat(200));
    add("a subject 200 deep", window.sign(&header, &text.replacen("\"sub\":", &deep, 1)));
    let crowd: String = (0..4_000).map(|index| format!("\"c{index}\":1,")).collect();
    add("four thousand claims", window.sign(&header, &text.replacen('{', &format!("{{{crowd}"), 1)));
    add("claims that are no object", window.sign(&header, "[]"));
    add("a header that is no object", window.sign("[]", &text));
    add(
        "the signature of another",
        format!("{head}.{body}.{}", window.with_claim("x", &json!(1)).rsplit('.').next().expect("a signature")),
    );
    add("claims in no UTF-8", format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(b"{\"sub\":\"\xff\"}")));
    add("a byte order mark", window.sign(&header, &format!("\u{feff}{text}")));
    let another = URL_SAFE_NO_PAD.encode(changed(window.claims(), "sub", &json!(window.town.person("accountant"))));
    add("the claims of another", format!("{head}.{another}.{signature}"));
    add("the key of another service", crate::harness::town::keys().sign(window.town.person("mayor"), now).expect("a token"));
    add("nobody's", window.keys.sign(PrincipalId::new(), now).expect("a token"));
    add("expired", window.keys.sign(window.town.person("mayor"), now - 600 - 31).expect("a token"));
    add("not yet good", window.keys.sign(window.town.person("mayor"), now + 60).expect("a token"));

    add("no signature", format!("{head}.{body}."));
    add("no signature, no dot", format!("{head}.{body}"));
    add("half a signature", other_raw(&|raw| raw.truncate(32)));
    add("a longer signature", other_raw(&|raw| raw.push(0)));
    add("zeros as signature", other_raw(&|raw| raw.fill(0)));
    add("a padded signature", format!("{head}.{body}.{}", URL_SAFE.encode(&raw)));
    add("one bit off", other_raw(&|raw| raw[0] ^= 1));
    add("its last bits other", other_raw(&|raw| raw[63] ^= 0x10));
    let other_alphabet = (0..)
        .map(|index| window.with_claim("x", &json!(index)))
        .find(|token| token.rsplit('.').next().is_some_and(|part| part.contains(['-', '_'])));
    let (signed, part) = other_alphabet.as_deref().and_then(|token| token.rsplit_once('.')).expect("a token");
    add("the other alphabet", format!("{signed}.{}", part.replace('-', "+").replace('_', "/")));
    add("a fourth part", format!("{good}.{body}"));
    add("five parts", format!("{head}.{body}.{signature}.{body}.{signature}"));
    add("a trailing dot", format!("{good}."));
    add("a leading dot", format!(".{good}"));
    add("dots only", "..".to_owned());
    add("nothing", String::new());
    add("white space before", format!(" {good}"));
    add("white space within", format!("{head} .{body}.{signature}"));
    add("two tokens", format!("{good}, {good}"));
    add("JSON serialisation", json!({ "protected": head, "payload": body, "signature": signature }).to_string());
    add("8 KB", window.with_claim("x", &json!("y".repeat(8_000))));
    add("60 KB", format!("{head}.{}.{signature}", "e".repeat(60_000)));
    tokens
}

#[test]
fn hostile_tokens_are_refused_alike() {
    let window = Window::open();
    let good = window.sign(&window.header().to_string(), &window.claims().to_string());
    window.ask(&good).expect(200);
    window.ask(&window.with_claim("x", &json!("an unknown claim says nothing"))).expect(200);
    window.ask(&window.keys.sign(window.town.person("mayor"), now() - 600).expect("a token")).expect(200);
    let refusal = told(&window.ask("x").refused(401, "TOKEN_INVALID"));
    // Nobody is called for a key: it would have to come by here.
    let bait = TcpListener::bind("127.0.0.1:0").expect("a listener");
    bait.set_nonblocking(true).expect("never waits");
    let tokens = hostile(&window, bait.local_addr().expect("an address"));
    assert!(tokens.len() > 100, "{}", tokens.len());
    for (what, token) in tokens {
        let answer = window.ask(&token);
        assert_eq!(answer.status, 401, "{what}: {}", String::from_utf8_lossy(&answer.bytes));
        assert_eq!(told(&answer), refusal, "{what}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"sigida\""), "{what}");
    }
    assert!(bait.accept().is_err(), "somebody called for a key");
    // What a token says beside who speaks gives nothing.
    for (claim, value) in [("roles", json!(["administrator"])), ("scope", json!("administrator")), ("tid", json!(Uuid::nil()))] {
        let client = Client::new(&window.base, Some(window.with_claim(claim, &value)));
        client.get("/v1/principals").refused(403, "ROLE_MISSING");
    }
    // A megabyte does not fit into a head: the connection ends before anybody reads a token.
    for (token, status) in [("e".repeat(100_000), 401), (".".repeat(100_000), 401), ("e".repeat(1 << 20), 431)] {
        let mut large = Wire::open(window.address);
        large.send(format!("GET /v1/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n").as_bytes());
        large.wait(std::time::Duration::from_secs(10));
        assert_eq!(large.status(), Some(status), "{} bytes", token.len());
    }
    // Where anyone is let in, a bad token is no better than elsewhere.
    Client::new(&window.base, Some("x".to_owned())).get("/v1/organisations").refused(401, "TOKEN_INVALID");
}

#[test]
fn a_token_comes_once_in_its_header() {
    let window = Window::open();
    let good = window.sign(&window.header().to_string(), &window.claims().to_string());
    let stranger = Client::new(&window.base, None);
    let ask = |value: &str| stranger.send("GET", "/v1/me", &[("authorization", value)], &[]);
    ask(&format!("Bearer {good}")).expect(200);
    ask(&format!("bearer {good}")).expect(200);
    let basic = format!("Basic {}", STANDARD.encode("mayor:password"));
    for value in [&basic, &format!("Basic {good}"), &good, "Bearer", "Bearer ", "", &format!("Bearer: {good}"), &format!("JWT {good}")] {
        ask(value).refused(401, "TOKEN_INVALID");
    }
    let authorised = Client::new(&window.base, Some(good.clone()));
    let again = format!("Bearer {good}");
    authorised.send("GET", "/v1/me", &[("authorization", &again)], &[]).refused(401, "TOKEN_INVALID");
    stranger.get(&format!("/v1/me?access_token={good}")).refused(401, "TOKEN_MISSING");
    let cookie = format!("access_token={good}; token={good}");
    stranger.send("GET", "/v1/me", &[("cookie", &cookie), ("x-access-token", &good)], &[]).refused(401, "TOKEN_MISSING");
}

#[test]
fn no_character_of_a_token_can_be_another() {
    let window = Window::open();
    let good = window.keys.sign(window.town.person("mayor"), now()).expect("a token");
    let client = |token: &str| window.ask(token).status;
    assert_eq!(client(&good), 200);
    for (position, was) in good.bytes().enumerate() {
        let put = |character: u8| {
            let mut altered = good.clone().into_bytes();
            altered[position] = character;
            String::from_utf8(altered).expect("text")
        };
        // Every other character, without the network …
        for other in (0..0x80).filter(|other| *other != was) {
            assert_eq!(window.keys.verify(&put(other)), None, "{position}");
        }
        let (before, after) = good.split_at(position);
        assert_eq!(window.keys.verify(&format!("{before}{}", &after[1..])), None, "without {position}");
        assert_eq!(window.keys.verify(&format!("{before}A{after}")), None, "more at {position}");
        // … and one of them through it. The last character of each part holds bits that belong to no byte: such a change
        // would leave the bytes as they are, but only the spelling whose idle bits are zero is read.
        assert_eq!(client(&put(if was == b'A' { b'B' } else { b'A' })), 401, "{position}");
    }
}

on_both_engines! {
    Stage::Gathered, fn a_token_speaks_for_a_living_session_of_its_own_person_only(town) {
        session::person(town, "amadou");
        session::person(town, "fatou");
        let keys = crate::harness::town::keys();
        let tokens = session::begin(town, "amadou");
        let client = session::holder(town, &tokens);
        let own = client.get("/v1/me").expect(200).text("/principal/id").parse().expect("an id");
        let id = client.get("/v1/me/sessions").expect(200).text("/data/0/id").parse().expect("an id");
        let fatou = session::holder(town, &session::begin(town, "fatou"));
        let other = fatou.get("/v1/me").expect(200).text("/principal/id").parse().expect("an id");
        let speak = |principal: Uuid, session: Option<Uuid>| {
            let bearer = Bearer { principal: PrincipalId(principal), session: session.map(SessionId) };
            keys.sign_for(bearer, now()).expect("a token")
        };
        town.bearer(&speak(own, Some(id))).get("/v1/me").expect(200);
        let (_, code) = register(town, "partner_system", "a-dashboard");
        let false_ones = [
            ("nobody", speak(Uuid::new_v4(), None)),
            ("nobody, in a session", speak(Uuid::new_v4(), Some(id))),
            ("an organisation", speak(town.commune_id(), None)),
            ("a session that never was", speak(own, Some(Uuid::new_v4()))),
            ("the session of another", speak(other, Some(id))),
            ("a session as its person", speak(id, Some(id))),
            ("a person as their session", speak(own, Some(own))),
            ("a system in the session of a person", speak(town.person("partner-system").0, Some(id))),
            ("a refresh token", tokens.text("/refresh_token")),
            ("a one-time code", code.clone()),
            ("a password", PASSWORD.replace(' ', "-").replace(|c: char| !c.is_ascii(), "x")),
        ];
        let refusal = told(&town.bearer("x").get("/v1/me").refused(401, "TOKEN_INVALID"));
        for (what, token) in false_ones {
            assert_eq!(told(&town.bearer(&token).get("/v1/me")), refusal, "{what}");
        }
        // Nor is a token good where a secret of another kind is asked for.
        for answer in [session::renew(&town.stranger(), &tokens.text("/access_token")), activate(town, &tokens.text("/access_token"), PASSWORD)] {
            assert!(matches!(answer.status, 400 | 401), "{answer:?}");
        }
        // What was good before the person left is good no more.
        client.create("/v1/me/sign-out", &json!({})).expect(200);
        session::dies(&client);
        town.client("administrator").act(&format!("/v1/principals/{other}"), "/suspension", &json!({})).expect(200);
        session::dies(&fatou);
        session::dies(&town.bearer(&speak(other, None)));
    }
}
