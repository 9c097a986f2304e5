//! Configuration: environment variables `SIGIDA_*`, or a TOML file with the same names in lower case. Unknown keys are
//! refused. Secrets come from files or the environment, never from the command line.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use db::connection::Target;
use db::store::Sizes;
use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use serde::Deserialize;

use crate::issuer::policy::{self, IssuerPolicy};
use crate::server::Listening;
use crate::token::Keys;
use crate::token::rotation::Rotation;

/// The longest life of a token, in minutes.
const TOKEN_MINUTES_MAX: i64 = 10;

/// The longest life of a session, in hours: thirty days.
const SESSION_HOURS_MAX: i64 = 720;
/// The most failures that may be free.
const FAILURES_MAX: i64 = 1_000_000;
/// The longest that a proof of identity is recent, in minutes.
const STEP_UP_MINUTES_MAX: i64 = 60;
/// The highest quota of requests a minute.
const REQUESTS_MAX: u32 = 100_000_000;

/// How long sessions live, and how failed proofs of identity are slowed down.
#[derive(Clone, Debug)]
pub struct SignInPolicy {
    /// After how many seconds a session ends whatever happens.
    pub session_seconds: i64,
    /// For how many seconds a proof of identity is recent enough for grave acts.
    pub step_up_seconds: i64,
    /// Failures that cost no wait: of one login, from one address, altogether.
    pub failures_per_login: i64,
    pub failures_per_address: i64,
    pub failures_altogether: i64,
    /// Reverse proxies whose word on the caller's address is taken.
    pub trusted_proxies: Vec<IpAddr>,
    /// The public URL of the token operation: the audience of client assertions. Without it none is taken.
    pub token_url: Option<String>,
}

impl Default for SignInPolicy {
    fn default() -> Self {
        Self {
            session_seconds: default_session_hours() * 3600,
            step_up_seconds: default_step_up_minutes() * 60,
            failures_per_login: default_failures_per_login(),
            failures_per_address: default_failures_per_address(),
            failures_altogether: default_failures_altogether(),
            trusted_proxies: Vec::new(),
            token_url: None,
        }
    }
}

/// How many requests a caller may make a minute; 0 sets no limit.
#[derive(Clone, Copy, Debug)]
pub struct RatePolicy {
    /// All who come from one address without a proven token, together.
    pub per_address: u32,
    /// A principal, wherever they are.
    pub per_principal: u32,
    /// Of what is read for a reason, how many things a principal is told in 24 hours; 0 sets no limit.
    pub with_reason_per_day: u32,
    /// The same of all that is recorded.
    pub recorded_per_day: u32,
}

impl Default for RatePolicy {
    fn default() -> Self {
        Self {
            per_address: default_requests_per_address(),
            per_principal: default_requests_per_principal(),
            with_reason_per_day: default_reads_with_reason_per_day(),
            recorded_per_day: default_recorded_reads_per_day(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    database_url: Option<String>,
    database_url_file: Option<PathBuf>,
    signing_key_file: Option<PathBuf>,
    verifying_key_files: Option<String>,
    #[serde(default = "default_listen")]
    listen: SocketAddr,
    metrics_listen: Option<SocketAddr>,
    #[serde(default)]
    cors_origins: String,
    #[serde(default = "default_token_minutes")]
    token_minutes: i64,
    #[serde(default = "default_session_hours")]
    session_hours: i64,
    #[serde(default = "default_step_up_minutes")]
    step_up_minutes: i64,
    sealing_key_file: Option<PathBuf>,
    #[serde(default = "default_failures_per_login")]
    failures_per_login: i64,
    #[serde(default = "default_failures_per_address")]
    failures_per_address: i64,
    #[serde(default = "default_failures_altogether")]
    failures_altogether: i64,
    #[serde(default = "default_requests_per_address")]
    requests_per_address: u32,
    #[serde(default = "default_requests_per_principal")]
    requests_per_principal: u32,
    #[serde(default = "default_reads_with_reason_per_day")]
    reads_with_reason_per_day: u32,
    #[serde(default = "default_recorded_reads_per_day")]
    recorded_reads_per_day: u32,
    #[serde(default)]
    trusted_proxies: String,
    public_url: Option<String>,
    issuers_file: Option<PathBuf>,
    #[serde(default = "default_readers")]
    readers: usize,
    #[serde(default = "default_lanes")]
    lanes: usize,
    #[serde(default = "default_workers")]
    workers: usize,
    #[serde(default)]
    log: LogLevel,
}

/// How much is logged. Nothing finer than `debug`, which never shows values of statements.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

impl LogLevel {
    pub fn filter(self) -> log::LevelFilter {
        match self {
            LogLevel::Error => log::LevelFilter::Error,
            LogLevel::Warn => log::LevelFilter::Warn,
            LogLevel::Info => log::LevelFilter::Info,
            LogLevel::Debug => log::LevelFilter::Debug,
        }
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

fn default_token_minutes() -> i64 {
    TOKEN_MINUTES_MAX
}

/// A week.
fn default_session_hours() -> i64 {
    168
}

fn default_step_up_minutes() -> i64 {
    10
}

fn default_failures_per_login() -> i64 {
    5
}

fn default_failures_per_address() -> i64 {
    20
}

fn default_failures_altogether() -> i64 {
    500
}

/// Ten a second: many people behind one address of a town hall or of a mobile operator may read what is public, and sign in.
/// Those who have signed in do not count here.
fn default_requests_per_address() -> u32 {
    600
}

/// A hundred a second: more than a screen or a nightly synchronisation needs, and a small part of what the service can do.
fn default_requests_per_principal() -> u32 {
    6_000
}

/// What somebody who was given an unlocked telephone is told at most.
fn default_reads_with_reason_per_day() -> u32 {
    20
}

/// More than a day at the counter, and as much as the roll of a rural commune; far less than what somebody who leaves with the registers
/// would take along.
fn default_recorded_reads_per_day() -> u32 {
    2_000
}

fn default_readers() -> usize {
    Sizes::default().readers
}

fn default_lanes() -> usize {
    Sizes::default().lanes
}

fn default_workers() -> usize {
    2
}

/// A checked configuration.
#[derive(Debug)]
pub struct Config {
    pub target: Target,
    pub signing_key_file: Option<PathBuf>,
    /// Files of keys that are believed as well; they need not be there.
    pub verifying_key_files: Vec<PathBuf>,
    pub listening: Listening,
    pub token_seconds: i64,
    pub sign_in: SignInPolicy,
    /// With what secrets are sealed that have to be read again, if the operator has set it.
    pub sealing_key_file: Option<PathBuf>,
    /// Other identity providers whose word is taken.
    pub issuers: Vec<IssuerPolicy>,
    pub rates: RatePolicy,
    pub sizes: Sizes,
    pub log: LogLevel,
}

impl Config {
    /// Reads and checks the configuration, or says what is wrong with it.
    pub fn read(file: Option<&Path>) -> Result<Self, String> {
        Self::settings(file)?.check()
    }

    /// Only the address to listen on, for the probe, which needs no secrets.
    pub fn listen(file: Option<&Path>) -> Result<SocketAddr, String> {
        Ok(Self::settings(file)?.listen)
    }

    fn settings(file: Option<&Path>) -> Result<Settings, String> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            if !file.is_file() {
                return Err(format!("configuration file {} not found", file.display()));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        figment
            .merge(Env::prefixed("SIGIDA_").filter(|key| !key.starts_with("TEST_")))
            .extract()
            .map_err(|error| format!("configuration: {error}"))
    }

    /// The keys, from files of which the private ones can be read by their owner only.
    pub fn keys(&self) -> Result<Keys, String> {
        Keys::from_files(self.signing_key()?, &self.verifying_key_files, self.token_seconds)
    }

    /// The file of the key that signs.
    pub fn signing_key(&self) -> Result<&Path, String> {
        self.signing_key_file
            .as_deref()
            .ok_or_else(|| "no signing key: set SIGIDA_SIGNING_KEY_FILE to a PKCS #8 Ed25519 key in PEM".to_owned())
    }
}

/// The URL of the token operation under a public URL.
fn token_url(public: &str) -> Result<String, String> {
    let exact = url::Url::parse(public).is_ok_and(|url| is_safe(&url) && url.origin().ascii_serialization() == public);
    if exact {
        Ok(format!("{public}/v1/oauth/token"))
    } else {
        Err(format!("public_url: {public:?} is not such as https://budget.example"))
    }
}

/// Whether what is said there can be read and changed by nobody on the way.
pub fn is_safe(url: &url::Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    url.username().is_empty() && url.password().is_none() && (url.scheme() == "https" || (url.scheme() == "http" && loopback))
}

impl Settings {
    fn sign_in_policy(&self) -> Result<SignInPolicy, String> {
        if !(1..=SESSION_HOURS_MAX).contains(&self.session_hours) {
            return Err(format!("session_hours lies between 1 and {SESSION_HOURS_MAX}"));
        }
        if !(1..=STEP_UP_MINUTES_MAX).contains(&self.step_up_minutes) {
            return Err(format!("step_up_minutes lies between 1 and {STEP_UP_MINUTES_MAX}"));
        }
        let limits = [
            ("failures_per_login", self.failures_per_login),
            ("failures_per_address", self.failures_per_address),
            ("failures_altogether", self.failures_altogether),
        ];
        if let Some((name, _)) = limits.iter().find(|(_, limit)| !(1..=FAILURES_MAX).contains(limit)) {
            return Err(format!("{name} lies between 1 and {FAILURES_MAX}"));
        }
        let proxies = self.trusted_proxies.split(',').map(str::trim).filter(|proxy| !proxy.is_empty());
        let proxy = |text: &str| text.parse::<IpAddr>().map_err(|_| format!("trusted_proxies: {text:?} is not an address"));
        Ok(SignInPolicy {
            session_seconds: self.session_hours * 3600,
            step_up_seconds: self.step_up_minutes * 60,
            failures_per_login: self.failures_per_login,
            failures_per_address: self.failures_per_address,
            failures_altogether: self.failures_altogether,
            trusted_proxies: proxies.map(proxy).collect::<Result<_, _>>()?,
            token_url: self.public_url.as_deref().map(token_url).transpose()?,
        })
    }

    fn rate_policy(&self) -> Result<RatePolicy, String> {
        let limits = [
            ("requests_per_address", self.requests_per_address),
            ("requests_per_principal", self.requests_per_principal),
            ("reads_with_reason_per_day", self.reads_with_reason_per_day),
            ("recorded_reads_per_day", self.recorded_reads_per_day),
        ];
        if let Some((name, _)) = limits.iter().find(|(_, limit)| *limit > REQUESTS_MAX) {
            return Err(format!("{name} lies between 0 (no limit) and {REQUESTS_MAX}"));
        }
        Ok(RatePolicy {
            per_address: self.requests_per_address,
            per_principal: self.requests_per_principal,
            with_reason_per_day: self.reads_with_reason_per_day,
            recorded_per_day: self.recorded_reads_per_day,
        })
    }

    fn check(self) -> Result<Config, String> {
        let (sign_in, rates) = (self.sign_in_policy()?, self.rate_policy()?);
        let url = match (self.database_url, self.database_url_file) {
            (Some(_), Some(_)) => return Err("set database_url or database_url_file, not both".to_owned()),
            (Some(url), None) => url,
            (None, Some(file)) => {
                let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                text.trim().to_owned()
            }
            (None, None) => {
                return Err("no database: set SIGIDA_DATABASE_URL (sqlite:file or postgres://…) or SIGIDA_DATABASE_URL_FILE".to_owned());
            }
        };
        if !(1..=TOKEN_MINUTES_MAX).contains(&self.token_minutes) {
            return Err(format!("token_minutes lies between 1 and {TOKEN_MINUTES_MAX}"));
        }
        let cors_origins: Vec<String> =
            self.cors_origins.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned).collect();
        for origin in &cors_origins {
            let exact = url::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
            if !exact {
                return Err(format!("cors_origins: {origin:?} is not an exact origin such as https://dash.example"));
            }
        }
        let verifying_key_files = match (&self.verifying_key_files, &self.signing_key_file) {
            (Some(named), _) => named.split(',').map(str::trim).filter(|path| !path.is_empty()).map(PathBuf::from).collect(),
            (None, Some(signing)) => {
                let beside = Rotation::of(signing);
                vec![beside.next, beside.previous]
            }
            (None, None) => Vec::new(),
        };
        Ok(Config {
            target: Target::parse(&url)?,
            signing_key_file: self.signing_key_file,
            verifying_key_files,
            listening: Listening { address: self.listen, metrics: self.metrics_listen, cors_origins, workers: self.workers.clamp(1, 64) },
            token_seconds: self.token_minutes * 60,
            sign_in,
            sealing_key_file: self.sealing_key_file,
            issuers: self.issuers_file.as_deref().map(policy::read).transpose()?.unwrap_or_default(),
            rates,
            sizes: Sizes { readers: self.readers.clamp(2, 64), lanes: self.lanes.clamp(1, 64), ..Sizes::default() },
            log: self.log,
        })
    }
}
