//! Operations: the program as those who run it meet it. Commands, configuration, refusals to start, containers.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use serde_json::{Value, json};

use crate::harness::program::{Place, free_address, top};
use crate::harness::{Client, canary, postgres};

const COMMANDS: [&str; 10] = ["serve", "demo", "migrate", "verify", "backup", "restore", "openapi", "token", "rotate-key", "health"];

fn read(path: &str) -> String {
    std::fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn a_wrong_configuration_is_refused_with_its_reason() {
    let wrong = [
        ("SIGIDA_COLOUR", "blue", "colour"),
        ("SIGIDA_DATABASE_URL", "mysql://root:geheim@db/sigida", "unknown database scheme \"mysql\""),
        ("SIGIDA_DATABASE_URL", "sqlite::memory:", "names a file"),
        ("SIGIDA_DATABASE_URL", "postgres://sigida:geheim@db.example/sigida", "needs TLS"),
        ("SIGIDA_DATABASE_URL", "postgres://sigida:geheim@10.0.0.5/sigida?sslmode=prefer", "needs TLS"),
        ("SIGIDA_DATABASE_URL_FILE", "other", "not both"),
        ("SIGIDA_TOKEN_MINUTES", "60", "between 1 and 10"),
        ("SIGIDA_TOKEN_MINUTES", "0", "between 1 and 10"),
        ("SIGIDA_SESSION_HOURS", "721", "between 1 and 720"),
        ("SIGIDA_FAILURES_PER_LOGIN", "0", "failures_per_login"),
        ("SIGIDA_REQUESTS_PER_ADDRESS", "100000001", "between 0 (no limit) and 100000000"),
        ("SIGIDA_REQUESTS_PER_PRINCIPAL", "-1", "REQUESTS_PER_PRINCIPAL"),
        ("SIGIDA_TRUSTED_PROXIES", "10.0.0.0/8", "is not an address"),
        ("SIGIDA_LISTEN", "everywhere", "LISTEN"),
        ("SIGIDA_LOG", "trace", "trace"),
        ("SIGIDA_CORS_ORIGINS", "*", "not an exact origin"),
        ("SIGIDA_CORS_ORIGINS", "https://dash.example/", "not an exact origin"),
    ];
    for (name, value, why) in wrong {
        for command in ["serve", "migrate", "verify"] {
            let ended = Place::new().with(name, value).refuses(&[command], why);
            assert!(!ended.error.contains("geheim"), "a password is never shown: {:?}", ended.error);
        }
    }
    Place::new().without("SIGIDA_DATABASE_URL").refuses(&["serve"], "SIGIDA_DATABASE_URL");
    let unreachable = Place::new().with("SIGIDA_DATABASE_URL", "postgres://sigida:geheim@127.0.0.1:1/sigida");
    assert!(!unreachable.refuses(&["serve"], "").error.contains("geheim"));
}

#[test]
fn a_configuration_file_is_read_as_strictly_and_the_environment_wins() {
    let place = Place::new();
    let unknown = place.keep("unknown.toml", 0o600, "colour = \"blue\"\n");
    place.refuses(&["serve", "--config", &unknown], "colour");
    place.refuses(&["serve", "--config", "nowhere.toml"], "nowhere.toml not found");
    let good = place.keep("good.toml", 0o600, "database_url = \"mysql://x\"\ntoken_minutes = 60\n");
    place.refuses(&["serve", "--config", &good], "between 1 and 10");
    let place = place.with("SIGIDA_TOKEN_MINUTES", "5");
    place.refuses(&["serve", "--config", &good], "sigida migrate");
    place.without("SIGIDA_DATABASE_URL").refuses(&["serve", "--config", &good], "mysql");
}

#[test]
fn a_key_that_is_missing_foreign_or_open_to_others_is_refused() {
    let rsa = PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("a key");
    let der: Pkcs8V1Der<'static> = rsa.as_der().expect("DER");
    // Both halves of a pair, the public one of somebody else.
    let pair = Ed25519KeyPair::generate().expect("a pair");
    let mut halves = pair.to_pkcs8().expect("DER").as_ref().to_vec();
    *halves.last_mut().expect("the public half") ^= 1;
    let pem = |der: &[u8]| format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
    Place::new().without("SIGIDA_SIGNING_KEY_FILE").refuses(&["serve"], "SIGIDA_SIGNING_KEY_FILE");
    Place::new().with("SIGIDA_SIGNING_KEY_FILE", "nowhere.pem").refuses(&["serve"], "nowhere.pem");
    for text in [pem(der.as_ref()), pem(&halves), pem(b"garbage"), "geheim".to_owned(), String::new()] {
        let place = Place::new();
        let path = place.keep("other.pem", 0o600, &text);
        let ended = place.with("SIGIDA_SIGNING_KEY_FILE", &path).refuses(&["serve"], "signing key cannot be used");
        assert!(!ended.error.contains("geheim"), "{:?}", ended.error);
    }
    let place = Place::new();
    let key = std::fs::read_to_string(place.path("key.pem")).expect("the key");
    for mode in [0o604, 0o640, 0o644, 0o620] {
        let name = format!("open-{mode:o}.pem");
        let path = place.keep(&name, mode, &key);
        Place::new().with("SIGIDA_SIGNING_KEY_FILE", &path).refuses(&["serve"], "can be read by others: chmod 600");
    }
}

#[test]
fn a_database_that_is_not_installed_is_not_served() {
    let place = Place::new();
    for command in [&["serve"][..], &["verify"], &["token", "administrator"]] {
        place.refuses(command, "sigida migrate");
    }
    assert!(!Path::new(&place.path("sigida.db")).exists(), "looking makes no database");
    place.keep("sigida.db", 0o600, "");
    place.refuses(&["serve"], "sigida migrate");
    place.keep(
        "sigida.db",
        0o600,
        "This is a letter, not a database. It has more than a hundred bytes, so that nobody takes it for an empty file.",
    );
    let ended = place.run(&["serve"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    place.refuses(&["health"], "http://127.0.0.1");
}

#[test]
fn what_is_kept_is_for_its_owner_alone() {
    let place = Place::new();
    assert_eq!(place.run(&["migrate"]).code, Some(0));
    let running = place.serve(&["serve"], &["health"]);
    let (copy, other) = (place.path("copy.db"), Place::new());
    assert_eq!(place.run(&["backup", &copy]).code, Some(0));
    assert_eq!(other.run(&["restore", &copy]).code, Some(0));
    let restored = std::fs::metadata(other.path("sigida.db")).expect("restored");
    assert_eq!(restored.permissions().mode() & 0o777, 0o600);
    for kept in ["sigida.db", "sigida.db-wal", "sigida.db-shm", "copy.db", "copy.db.sha256", "key.pem"] {
        let mode = std::fs::metadata(place.path(kept)).expect(kept).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{kept}");
    }
    assert_eq!(running.terminate().0, Some(0));
}

#[test]
fn a_postgresql_that_may_lose_what_it_confirmed_is_refused() {
    if std::env::var_os("SIGIDA_TEST_POSTGRES_URL").is_some() {
        return; // How durable that server is is not known here.
    }
    let Some((name, db::connection::Target::Postgres(url))) = postgres::database(None) else { return };
    let place = Place::new().with("SIGIDA_DATABASE_URL", &url);
    for command in ["migrate", "serve"] {
        let said = place.refuses(&[command], "PostgreSQL runs with ").error;
        assert!(said.contains("= off"), "{said}");
    }
    postgres::drop_database(&name);
}

#[test]
fn an_installation_from_its_first_command_to_its_end() {
    let metrics = free_address();
    let place = Place::new().with("SIGIDA_METRICS_LISTEN", &metrics.to_string());
    let installed = place.run(&["migrate"]);
    assert_eq!(installed.code, Some(0), "{installed:?}");
    let code = Regex::new(r"one-time code (\S+)").expect("a pattern");
    let codes: Vec<&str> = code.captures_iter(&installed.out).map(|found| found.extract::<1>().1[0]).collect();
    assert_eq!(codes.len(), 1, "{}", installed.out);
    let again = place.run(&["migrate"]);
    assert_eq!((again.code, again.out.as_str()), (Some(0), "The database is up to date.\n"), "shown once, loaded once");
    let verified = place.run(&["verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(verified.out.starts_with("Verified: "), "{}", verified.out);

    // Whoever did not take up the one-time code has no token, and that is told instead of one that nobody believes.
    place.refuses(&["token", "administrator"], "\"administrator\" is not activated yet");
    let service = place.serve(&["serve"], &["health"]);
    let anyone = place.client(None);
    let password = "un long mot de passe 7";
    let sent = |path: &str, body: &Value| anyone.send("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes());
    sent("/v1/activations", &json!({ "code": codes[0], "password": password })).expect(200);
    let signed_in = sent("/v1/sessions", &json!({ "login": "administrator", "password": password })).expect(200);
    let token = place.run(&["token", "administrator"]);
    for token in [signed_in.text("/access_token"), token.out.trim().to_owned()] {
        let me = place.client(Some(token)).get("/v1/me").expect(200);
        assert_eq!(me.text("/principal/login"), "administrator");
    }
    place.refuses(&["token", "nobody"], "nobody signs in as \"nobody\"");
    anyone.get("/metrics").refused(404, "NOT_FOUND");
    let scraped = Client::new(&format!("http://{metrics}"), None).get("/metrics").expect(200);
    let figures = String::from_utf8_lossy(&scraped.bytes).into_owned();
    canary::told(&figures);
    for told in ["requests_total{operation=\"sign_in\",status=\"200\"}", "requests_total{operation=\"none\",status=\"404\"}"] {
        assert!(figures.contains(told), "{told} is not in {figures}");
    }

    let (code, said) = service.terminate();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("listening on http://127.0.0.1"), "{said}");
    assert!(!said.contains(password) && !said.contains(codes[0]), "no secret in the log: {said}");
    place.refuses(&["health"], "http://127.0.0.1");
    assert_eq!(place.run(&["verify"]).code, Some(0));
}

#[test]
fn every_command_explains_itself_and_takes_no_secret() {
    let place = Place::new();
    let general = place.run(&["--help"]);
    assert_eq!(general.code, Some(0));
    let options = Regex::new(r"--[a-z-]+|<[A-Z]+>").expect("a pattern");
    let known: BTreeSet<&str> = [
        "--config",
        "--folder",
        "--listen",
        "--address",
        "--wait",
        "--stolen",
        "--help",
        "--version",
        "<CONFIG>",
        "<FOLDER>",
        "<LISTEN>",
        "<ADDRESS>",
        "<LOGIN>",
        "<WAIT>",
        "<FILE>",
        "<COMMAND>",
    ]
    .into();
    for command in COMMANDS {
        assert!(general.out.contains(&format!("\n  {command} ")), "{}", general.out);
        let help = place.run(&[command, "--help"]);
        assert_eq!(help.code, Some(0), "{help:?}");
        assert!(help.out.contains(&format!("Usage: sigida {command}")), "{}", help.out);
        assert!(help.out.lines().next().is_some_and(|line| line.len() > 20), "{command} says what it does");
        for option in options.find_iter(&help.out) {
            assert!(known.contains(option.as_str()), "sigida {command} takes {}: is it a secret?", option.as_str());
        }
    }
    assert_eq!(
        general.out.lines().filter(|line| Regex::new(r"^  [a-z-]+ +\S").expect("a pattern").is_match(line)).count(),
        COMMANDS.len() + 1
    );
    assert_eq!(place.run(&[]).code, Some(2), "without a command it explains itself");
    assert_eq!(place.run(&["serv"]).code, Some(2));
    let version = place.run(&["--version"]);
    assert_eq!(version.out, format!("sigida {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_contract_is_printed_as_yaml() {
    let ended = Place::new().run(&["openapi"]);
    assert_eq!(ended.code, Some(0));
    let printed: Value = yaml_serde::from_str(&ended.out).expect("YAML");
    assert_eq!(printed, serde_json::to_value(api::contract::contract()).expect("the contract"));
}

fn compose() -> Value {
    yaml_serde::from_str(&read("docker-compose.yml")).expect("YAML")
}

fn words(value: &Value) -> Vec<&str> {
    value.as_array().map(|words| words.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

#[test]
fn the_containers_run_the_program_with_settings_that_it_knows() {
    let compose = compose();
    let dockerfile = read("Dockerfile");
    let service = &compose["services"]["sigida"];
    let entry: Vec<String> =
        serde_json::from_str(dockerfile.split("ENTRYPOINT ").nth(1).and_then(|rest| rest.lines().next()).expect("ENTRYPOINT"))
            .expect("words");
    assert_eq!(entry, ["/usr/local/bin/sigida"]);
    let mut place = Place::new().without("SIGIDA_DATABASE_URL").without("SIGIDA_SIGNING_KEY_FILE");
    let url = place.keep("database_url", 0o600, &format!("sqlite:{}\n", place.path("sigida.db")));
    let secrets = BTreeMap::from([("/run/secrets/database_url", url), ("/run/secrets/signing_key", place.path("key.pem"))]);
    let settings = service["environment"].as_object().expect("settings");
    assert!(settings.len() >= 3);
    let own: BTreeMap<String, String> =
        settings.iter().map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned())).collect();
    for (name, value) in &own {
        place = match secrets.get(value.as_str()) {
            Some(file) => {
                let secret = value.trim_start_matches("/run/secrets/");
                assert!(words(&service["secrets"]).contains(&secret) && compose["secrets"][secret]["file"].is_string(), "{secret}");
                place.with(name, file)
            }
            None => place.with(name, value),
        };
    }
    assert_eq!(own["SIGIDA_LISTEN"], "0.0.0.0:8080");
    assert_eq!(words(&service["ports"]), ["127.0.0.1:8080:8080"], "published on the host's own address only");
    // The port alone is another: 8080 may be taken where this runs.
    let place = place.with("SIGIDA_LISTEN", &format!("0.0.0.0:{}", free_address().port()));
    let migrate = &compose["services"]["migrate"];
    for (name, value) in migrate["environment"].as_object().expect("settings") {
        assert_eq!(service["environment"][name], *value, "{name} is the same for both");
    }
    assert_eq!(place.run(&words(&migrate["command"])).code, Some(0));
    let probe = words(&service["healthcheck"]["test"]);
    assert_eq!(probe[..2], ["CMD", entry[0].as_str()]);
    let running = place.serve(&words(&service["command"]), &probe[2..]);
    place.client(None).get("/v1/meta").expect(200);
    assert_eq!(running.terminate().0, Some(0));
    place.run(&probe[2..]).code.filter(|code| *code == 1).expect("the probe says no when nobody answers");
}

#[test]
fn the_composition_holds_together() {
    let compose = compose();
    let (services, secrets) = (compose["services"].as_object().expect("services"), compose["secrets"].as_object().expect("secrets"));
    let confidential = Regex::new(r"(?i)password|secret|key|url").expect("a pattern");
    for (name, service) in services {
        for secret in words(&service["secrets"]) {
            assert!(secrets.contains_key(secret), "{name}: {secret}");
        }
        for volume in words(&service["volumes"]) {
            let source = volume.split(':').next().unwrap_or_default();
            let there = if source.starts_with('.') { top().join(source).exists() } else { compose["volumes"].get(source).is_some() };
            assert!(there, "{name}: {source}");
        }
        for (other, _) in service["depends_on"].as_object().into_iter().flatten() {
            assert!(services.contains_key(other), "{name}: {other}");
        }
        for (setting, value) in
            service["environment"].as_object().into_iter().flatten().filter(|(setting, _)| confidential.is_match(setting))
        {
            assert!(
                setting.ends_with("_FILE") && value.as_str().is_some_and(|value| value.starts_with("/run/secrets/")),
                "{name}: {setting}"
            );
        }
        assert_eq!(words(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(words(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
    }
    assert_eq!(compose["services"]["postgres"]["network_mode"], "none", "the database is on no network");
    assert!(compose["services"]["postgres"]["ports"].is_null());
    for (_, secret) in secrets {
        assert!(secret["file"].as_str().is_some_and(|file| file.starts_with("./secrets/")), "{secret}");
    }
    let image = format!("sigida:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!((&compose["services"]["sigida"]["image"], &compose["services"]["migrate"]["image"]), (&json!(image), &json!(image)));
}

#[test]
fn the_image_is_built_as_the_workspace_allows_and_runs_as_nobody() {
    let (dockerfile, workspace, api) = (read("Dockerfile"), read("Cargo.toml"), read("api/Cargo.toml"));
    let build = dockerfile.lines().find(|line| line.contains("cargo build")).expect("a build");
    let words: Vec<&str> = build.split_whitespace().collect();
    assert!(words.contains(&"--locked"), "{build}");
    let after = |option: &str| words.iter().position(|word| *word == option).and_then(|at| words.get(at + 1).copied());
    let profile = after("--profile").expect("a profile");
    assert!(workspace.contains(&format!("[profile.{profile}]")), "{profile}");
    assert!(dockerfile.contains(&format!("COPY --from=build /build/target/{profile}/sigida /usr/local/bin/sigida")));
    let features = api.split("[features]").nth(1).and_then(|rest| rest.split("\n[").next()).expect("features");
    for feature in after("--features").expect("features").split(',') {
        assert!(features.lines().any(|line| line.starts_with(&format!("{feature} = "))), "{feature} is no feature of api");
    }
    let rust = Regex::new(r#"rust-version = "([\d.]+)""#).expect("a pattern").captures(&workspace).expect("a version")[1].to_owned();
    assert!(dockerfile.contains(&format!("FROM rust:{rust}")), "Rust {rust}");
    let user = dockerfile.lines().rfind(|line| line.starts_with("USER ")).expect("a user");
    assert!(Regex::new(r"^USER [1-9]\d+:[1-9]\d+$").expect("a pattern").is_match(user), "{user}");
    let stages: Vec<usize> = dockerfile.match_indices("\nFROM ").map(|(at, _)| at).collect();
    let last = dockerfile.find(user).expect("there");
    assert!(
        stages.iter().all(|stage| *stage < last) && last < dockerfile.find("ENTRYPOINT").expect("an entry"),
        "the last stage runs as {user}"
    );
    let probe = dockerfile.split("HEALTHCHECK ").nth(1).and_then(|rest| rest.split("CMD ").nth(1)).expect("a probe");
    assert_eq!(probe.trim(), r#"["/usr/local/bin/sigida","health"]"#);
    assert!(dockerfile.contains(r#"CMD ["serve"]"#));
    let ignored = read(".dockerignore");
    for secret in ["secrets", "*.pem", "*.db", "target", ".git"] {
        assert!(ignored.lines().any(|line| line == secret), ".dockerignore lets {secret} into the image");
    }
    assert!(read(".gitignore").lines().any(|line| line == "/secrets"));
}
