//! The program `sigida`.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use api::auth::Desk;
use api::clock::Clock;
use api::config::Config;
use api::contract::outline::operations;
use api::seal::Seal;
use api::token::Keys;
use api::token::rotation::Rotation;
use api::{demo, founding, server};
use clap::{Parser, Subcommand};
use db::connection::Target;
use db::store::Store;
use db::verify::Checked;

/// See ADR 15.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long another process is given to answer.
const PROBE_TIME: Duration = Duration::from_secs(4);

/// Municipal budgets and public accounting over HTTP.
///
/// Start with `sigida demo`: it needs no configuration. The other commands read the environment variables SIGIDA_*
/// or a configuration file (see README.md).
#[derive(Parser)]
#[command(name = "sigida", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API on the configured database.
    Serve {
        /// Configuration file (TOML); the environment wins over it.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Try everything: an embedded database with the real territory and a fictional commune.
    ///
    /// A file `database-url` in the folder names an empty PostgreSQL database to play on instead.
    Demo {
        /// Folder for the database and the signing key; kept for the next start.
        #[arg(long, default_value = "sigida-demo")]
        folder: PathBuf,
        /// Address to listen on.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
    },
    /// Bring the database up to date and load reference data; the first time, print the first administrator's code.
    Migrate {
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Recompute chains, ledger, credits and numbers; name the first thing wrong.
    Verify {
        #[arg(long)]
        config: Option<PathBuf>,
        /// Verify the database of a demonstration folder.
        #[arg(long, conflicts_with = "config")]
        folder: Option<PathBuf>,
    },
    /// Copy the SQLite database into a new file, also while the service runs, and verify the copy.
    ///
    /// The SHA-256 digest of the copy is kept beside it, in FILE.sha256. PostgreSQL is backed up by
    /// deploy/postgresql-backup.sh.
    Backup {
        /// File to make.
        file: PathBuf,
        #[arg(long)]
        config: Option<PathBuf>,
        /// Back up the database of a demonstration folder.
        #[arg(long, conflicts_with = "config")]
        folder: Option<PathBuf>,
    },
    /// Verify a backup and put it in the place of a SQLite database that is not there.
    ///
    /// The service must be stopped and its database moved away. PostgreSQL is restored by deploy/postgresql-restore.sh.
    Restore {
        /// Backup to restore.
        file: PathBuf,
        #[arg(long)]
        config: Option<PathBuf>,
        /// Restore the database of a demonstration folder.
        #[arg(long, conflicts_with = "config")]
        folder: Option<PathBuf>,
    },
    /// Print the contract (OpenAPI 3.1) as YAML.
    Openapi,
    /// Print a token for a principal, for those who hold the signing key.
    Token {
        /// Login of the principal, such as `mayor`.
        login: String,
        #[arg(long)]
        config: Option<PathBuf>,
        /// Use the key and the database of a demonstration folder.
        #[arg(long, conflicts_with = "config")]
        folder: Option<PathBuf>,
    },
    /// Put another signing key in the place of the present one, while the service runs and without an error for anyone.
    ///
    /// The next key is shown with the public keys first; after the wait it signs. The one before stays beside it and is
    /// believed until you remove it: its last token is over after ten minutes.
    RotateKey {
        #[arg(long)]
        config: Option<PathBuf>,
        /// Seconds until the next key signs. Others who verify tokens keep our public keys for five minutes.
        #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(5..=86_400), conflicts_with = "stolen")]
        wait: u64,
        /// The present key is in the wrong hands: sign with a new one at once, and believe no other.
        #[arg(long)]
        stolen: bool,
    },
    /// Ask the running service whether it is ready; exit code 0 means yes.
    Health {
        #[arg(long)]
        config: Option<PathBuf>,
        /// Address of the service, instead of the configured one.
        #[arg(long)]
        address: Option<SocketAddr>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("sigida: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), String> {
    match command {
        Command::Serve { config } => actix_web::rt::System::new().block_on(serve(config.as_deref())),
        Command::Demo { folder, listen } => {
            start_log(log::LevelFilter::Warn);
            actix_web::rt::System::new().block_on(demo::run(&folder, listen))
        }
        Command::Migrate { config } => actix_web::rt::System::new().block_on(migrate(config.as_deref())),
        Command::Verify { config, folder } => verify(&target(config.as_deref(), folder.as_deref())?),
        Command::Backup { file, config, folder } => {
            let checked = db::backup::backup(&target(config.as_deref(), folder.as_deref())?, &file).map_err(|fault| fault.to_string())?;
            println!("{}: backed up. {}", file.display(), told(&checked));
            Ok(())
        }
        Command::Restore { file, config, folder } => restore(&file, config.as_deref(), folder.as_deref()),
        Command::Openapi => {
            print!("{}", api::contract::yaml()?);
            Ok(())
        }
        Command::Token { login, config, folder } => token(&login, config.as_deref(), folder.as_deref()),
        Command::RotateKey { config, wait, stolen } => rotate_key(config.as_deref(), Duration::from_secs(wait), stolen),
        Command::Health { config, address } => health(config.as_deref(), address),
    }
}

/// Log lines on the standard error, escaped so that nothing foreign can forge one.
fn start_log(level: log::LevelFilter) {
    use std::io::Write as _;
    env_logger::Builder::new()
        .filter_level(level)
        .filter_module("actix_http", log::LevelFilter::Warn)
        .format(|out, record| {
            let text = record.args().to_string().escape_debug().to_string();
            writeln!(out, "{} {} {} {text}", chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.3fZ"), record.level(), record.target())
        })
        .init();
}

async fn serve(config: Option<&Path>) -> Result<(), String> {
    let config = Config::read(config)?;
    let keys = config.keys()?;
    start_log(config.log.filter());
    let store = Store::open_to_serve(&config.target, config.sizes).map_err(|fault| fault.to_string())?;
    say_second_wall(&store);
    let ready = store.read(db::reference::is_installed).await.map_err(|fault| fault.to_string())?;
    if !ready {
        return Err("the database is not installed: run `sigida migrate` first".to_owned());
    }
    let desk = Desk::new(store, Clock::default(), keys, operations()?)?.with_sign_in(config.sign_in).with_rates(config.rates);
    let seal = config.sealing_key_file.as_deref().map(Seal::from_file).transpose()?;
    let desk = desk.with_issuers(&config.issuers)?.with_seal(seal);
    let (server, address) = server::serve(desk, &config.listening).map_err(|error| format!("{}: {error}", config.listening.address))?;
    log::info!("listening on http://{address}");
    server.await.map_err(|error| error.to_string())
}

/// Tells the operator whether the second wall stands.
fn say_second_wall(store: &Store) {
    let wall = store.second_wall();
    if wall.is_up() { log::info!("{wall}") } else { log::warn!("{wall}") }
}

async fn migrate(config: Option<&Path>) -> Result<(), String> {
    let config = Config::read(config)?;
    if let Target::Sqlite(path) = &config.target
        && let Some(folder) = db::connection::folder_of(path)
    {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let store = Store::open(&config.target, config.sizes).map_err(|fault| fault.to_string())?;
    let clock = Clock::default();
    let loaded = db::reference::install(&store, clock.now(), clock.today()).await.map_err(|fault| fault.to_string())?;
    for what in &loaded {
        println!("loaded {what}");
    }
    match founding::first_administrator(&store, &clock).await? {
        Some(code) => println!("First administrator: login `{}`, one-time code {code} (good for 7 days, shown only now)", founding::LOGIN),
        None => println!("The database is up to date."),
    }
    if !store.second_wall().is_up() {
        println!("Note: {}.", store.second_wall());
    }
    Ok(())
}

fn target(config: Option<&Path>, folder: Option<&Path>) -> Result<Target, String> {
    match folder {
        Some(folder) => demo::target(folder),
        None => Ok(Config::read(config)?.target),
    }
}

fn verify(target: &Target) -> Result<(), String> {
    target.require_existing().map_err(|fault| fault.to_string())?;
    let mut conn = target.connect(true).map_err(|fault| fault.to_string())?;
    let checked = db::verify::verify(&mut conn).map_err(|failure| format!("NOT verified: {failure}"))?;
    println!("{}", told(&checked));
    Ok(())
}

fn told(checked: &Checked) -> String {
    format!(
        "Verified: {} organisations, {} events, {} entries, {} credits, {} number series.",
        checked.organisations, checked.events, checked.entries, checked.credits, checked.numbers
    )
}

fn restore(file: &Path, config: Option<&Path>, folder: Option<&Path>) -> Result<(), String> {
    let target = target(config, folder)?;
    if folder.is_none() {
        // A service whose files were moved away from under it would go on writing to them.
        let address = reachable(Config::listen(config)?);
        if TcpStream::connect_timeout(&address, PROBE_TIME).is_ok() {
            return Err(format!("the service is running at {address}: stop it first"));
        }
    }
    let checked = db::backup::restore(file, &target).map_err(|fault| fault.to_string())?;
    println!("{}: restored. {}", file.display(), told(&checked));
    Ok(())
}

fn token(login: &str, config: Option<&Path>, folder: Option<&Path>) -> Result<(), String> {
    let (keys, target): (Keys, Target) = match folder {
        Some(folder) => (demo::keys(folder)?, demo::target(folder)?),
        None => {
            let config = Config::read(config)?;
            (config.keys()?, config.target)
        }
    };
    target.require_existing().map_err(|fault| fault.to_string())?;
    let mut conn = target.connect(true).map_err(|fault| fault.to_string())?;
    let row = db::wall::reading(&mut conn, |conn| db::identity::find_principal_by_login(conn, login));
    let row = row.map_err(|_| format!("nobody signs in as {login:?}"))?;
    if row.disabled_at.is_some() {
        return Err(format!("{login:?} is disabled: no token of theirs is believed"));
    }
    if !row.can_sign_in() {
        return Err(format!("{login:?} is not activated yet: the one-time code makes them so (POST /v1/activations)"));
    }
    println!("{}", keys.sign(row.id.0, Clock::default().now().timestamp())?);
    Ok(())
}

fn rotate_key(config: Option<&Path>, wait: Duration, stolen: bool) -> Result<(), String> {
    let config = Config::read(config)?;
    let rotation = Rotation::of(config.signing_key()?);
    if stolen {
        println!("Key {} signs; tokens of any other are refused within five seconds.", rotation.replace()?);
        return Ok(());
    }
    let kid = rotation.begin(&config.verifying_key_files)?;
    println!("Key {kid} is shown, and signs in {} seconds.", wait.as_secs());
    std::thread::sleep(wait);
    rotation.complete()?;
    println!("Key {kid} signs. In eleven minutes no token of the one before is left: remove {} then.", rotation.previous.display());
    Ok(())
}

/// The address at which the service answers this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

fn health(config: Option<&Path>, address: Option<SocketAddr>) -> Result<(), String> {
    let address = reachable(match address {
        Some(address) => address,
        None => Config::listen(config)?,
    });
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PROBE_TIME)).build().into();
    agent.get(format!("http://{address}/health/ready")).call().map_err(|error| format!("http://{address}: {error}"))?;
    println!("ready");
    Ok(())
}
