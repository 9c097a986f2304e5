//! Tokens true and false: whatever is not exactly as the service signs it is refused alike.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::time::Instant;

use actix_web::dev::ServerHandle;
use api::auth::Desk;
use api::clock::Clock;
use api::contract::outline::operations;
use api::demo::year;
use api::server::{Listening, serve};
use api::token::{Bearer, Keys};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use db::identity::Footing;
use db::store::{Sizes, Store};
use domain::id::{PrincipalId, SessionId};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use uuid::Uuid;

use super::hostile::{Hostile, KINDS, hostile};
use super::{PASSWORD, activate, register, session};
use crate::access::told;
use crate::contract::Contract;
use crate::edge::Wire;
use crate::harness::town::UNHURRIED;
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

pub fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// A second window on a town, whose signing key the story knows: whatever it wants signed is truly signed.
pub struct Window {
    pub town: Town,
    base: String,
    address: SocketAddr,
    handle: ServerHandle,
    folder: tempfile::TempDir,
    pem: Vec<u8>,
    pub keys: Keys,
    /// Another key that is believed.
    pub other: Keys,
    pub other_pem: Vec<u8>,
    /// A key that is believed until it is removed.
    pub removed: Keys,
    pub removed_pem: Vec<u8>,
}

impl Window {
    fn open() -> Self {
        Self::on(Town::on_sqlite(Stage::Gathered))
    }

    fn on(town: Town) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let files = ["window.pem", "other.pem", "removed.pem"].map(|name| folder.path().join(name));
        let [keys, other, removed] = files.each_ref().map(|path| Keys::create(path, 600).expect("a key"));
        let [pem, other_pem, removed_pem] = files.each_ref().map(|path| std::fs::read(path).expect("the key"));
        let target = town.target().clone();
        let (sender, receiver) = mpsc::channel();
        let window = Keys::from_files(&files[0], &files[1..], 600).expect("the keys");
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
        let base = format!("http://{address}");
        Self { town, base, address, handle, folder, pem, keys, other, other_pem, removed, removed_pem }
    }

    fn ask(&self, token: &str) -> Answer {
        Client::new(&self.base, Some(token.to_owned())).get("/v1/me")
    }

    pub fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.kid() })
    }

    pub fn claims(&self) -> Value {
        let (who, now) = (self.town.person("mayor"), now());
        json!({ "iss": "sigida", "aud": "sigida", "sub": who, "iat": now, "nbf": now, "exp": now + 600, "jti": Uuid::new_v4() })
    }

    /// A token of any header and claims, with a true signature of the service's key over it.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        self.sign_with(&self.pem, header, claims)
    }

    pub fn sign_bytes(&self, header: &[u8], claims: &[u8]) -> String {
        signed(&self.pem, header, claims)
    }

    /// The same with another key.
    pub fn sign_with(&self, pem: &[u8], header: &str, claims: &str) -> String {
        signed(pem, header.as_bytes(), claims.as_bytes())
    }

    /// As the service signs them.
    pub fn good(&self) -> String {
        self.sign(&self.header().to_string(), &self.claims().to_string())
    }

    pub fn kid(&self) -> String {
        self.keys.jwks().keys[0].common.key_id.clone().expect("a kid")
    }

    pub fn cursor_secret(&self) -> [u8; 32] {
        db::reference::find_cursor_secret(&mut self.town.connection()).expect("a secret")
    }

    /// A token with one member of the header changed, or removed by null; truly signed.
    pub fn with_header(&self, member: &str, value: &Value) -> String {
        self.sign(&changed(self.header(), member, value), &self.claims().to_string())
    }

    pub fn with_claim(&self, member: &str, value: &Value) -> String {
        self.sign(&self.header().to_string(), &changed(self.claims(), member, value))
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn signed(pem: &[u8], header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_ed_pem(pem).expect("the key");
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::EdDSA).expect("a signature");
    format!("{signed}.{signature}")
}

pub fn changed(mut object: Value, member: &str, value: &Value) -> String {
    let members = object.as_object_mut().expect("an object");
    members.remove(member);
    if !value.is_null() {
        members.insert(member.to_owned(), value.clone());
    }
    object.to_string()
}

/// One request to each room, wherever it leads.
fn doors() -> Vec<String> {
    let mut doors = BTreeMap::new();
    for operation in Contract::read().operations().into_iter().filter(|operation| operation.method == "get") {
        let segment = |segment: &str| if segment.starts_with('{') { Uuid::nil().to_string() } else { segment.to_owned() };
        let path = operation.path.split('/').map(segment).collect::<Vec<_>>().join("/");
        doors.entry(operation.described["tags"][0].to_string()).or_insert(path);
    }
    assert!(doors.len() >= 15, "{doors:?}");
    doors.into_values().collect()
}

#[test]
fn hostile_tokens_are_refused_alike_on_sqlite() {
    refuse_hostile_tokens(&Window::open());
}

#[test]
fn hostile_tokens_are_refused_alike_on_postgresql() {
    if let Some(town) = Town::on_postgresql(Stage::Gathered) {
        refuse_hostile_tokens(&Window::on(town));
    }
}

fn refuse_hostile_tokens(window: &Window) {
    let good = window.good();
    window.ask(&good).expect(200);
    window.ask(&window.with_claim("x", &json!("an unknown claim says nothing"))).expect(200);
    window.ask(&window.keys.sign(window.town.person("mayor"), now() - 600).expect("a token")).expect(200);
    let refusal = told(&window.ask("x").refused(401, "TOKEN_INVALID"));
    // Nobody is called for a key: it would have to come by here.
    let bait = TcpListener::bind("127.0.0.1:0").expect("a listener");
    bait.set_nonblocking(true).expect("never waits");
    let mayor = window.town.person("mayor");
    let [other, removed] = [&window.other, &window.removed].map(|keys| keys.sign(mayor, now()).expect("a token"));
    window.ask(&other).expect(200);
    window.ask(&removed).expect(200);
    std::fs::remove_file(window.folder.path().join("removed.pem")).expect("removed");
    session::dies(&Client::new(&window.base, Some(removed)));
    let tokens = hostile(window, bait.local_addr().expect("an address"));
    assert_eq!(tokens.iter().map(|token| token.kind).collect::<BTreeSet<_>>(), BTreeSet::from(KINDS), "one of each kind, and no other");
    assert!(tokens.len() > 200, "{}", tokens.len());
    let (doors, mut took) = (doors(), Vec::new());
    for (number, Hostile { kind, what, token }) in tokens.iter().enumerate() {
        let answer = window.ask(token);
        assert_eq!(answer.status, 401, "{kind}, {what}: {}", String::from_utf8_lossy(&answer.bytes));
        assert_eq!(told(&answer), refusal, "{kind}, {what}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"sigida\""), "{kind}, {what}");
        // No door is held less well than another.
        let client = Client::new(&window.base, Some(token.clone()));
        for door in doors.iter().cycle().skip(number).take(4) {
            let since = Instant::now();
            let answer = client.get(door).refused(401, "TOKEN_INVALID");
            took.push(since.elapsed());
            assert_eq!(told(&answer), refusal, "{door}: {kind}, {what}");
        }
    }
    took.sort_unstable();
    let (half, most) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    eprintln!(
        "S2: {} false tokens, at {} doors: {} refused alike, half of them within {half:?}, 99 of 100 within {most:?}",
        tokens.len(),
        doors.len(),
        took.len()
    );
    window.ask(&other).expect(200);
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
    let good = window.good();
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
            let footing = session.map_or(Footing::Secret, |id| Footing::Session(SessionId(id)));
            let bearer = Bearer { principal: PrincipalId(principal), footing };
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
