//! The demonstration: an embedded database, the real territory, one fictional commune and a believable piece of its
//! year, played through the API's own handlers.

pub mod cast;
pub mod endowment;
pub mod funds;
pub mod income;
mod life;
pub mod offices;
mod pilots;
pub mod player;
pub mod projects;
pub mod spending;
pub mod year;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use db::connection::Target;
use db::reference::install;
use db::store::{Sizes, Store};

use crate::auth::Desk;
use crate::clock::Clock;
use crate::config::SignInPolicy;
use crate::contract::outline::operations;
use crate::seal::Seal;
use crate::server::{Listening, serve};
use crate::token::Keys;

/// Tokens of a demonstration live long enough to try things out.
pub const TOKEN_SECONDS: i64 = 12 * 3600;

/// The file names in the folder of a demonstration.
const DATABASE: &str = "sigida.db";
const DATABASE_URL: &str = "database-url";
const SIGNING_KEY: &str = "signing-key.pem";
const SEALING_KEY: &str = "sealing.key";

/// The database of a demonstration folder: its own, or the one that its file `database-url` names.
pub fn target(folder: &Path) -> Result<Target, String> {
    match std::fs::read_to_string(folder.join(DATABASE_URL)) {
        Ok(url) => Target::parse(url.trim()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Target::Sqlite(folder.join(DATABASE))),
        Err(error) => Err(format!("{}: {error}", folder.join(DATABASE_URL).display())),
    }
}

/// The key pair of a demonstration folder; made at the first start.
pub fn keys(folder: &Path) -> Result<Keys, String> {
    Keys::create(&folder.join(SIGNING_KEY), TOKEN_SECONDS)
}

/// The business date on which a played demonstration stands.
pub fn today() -> NaiveDate {
    year::LAST_DAY
}

/// Runs the demonstration until it is stopped.
pub async fn run(folder: &Path, address: SocketAddr) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let store = Store::open(&target(folder)?, Sizes::default()).map_err(|fault| fault.to_string())?;
    if !store.second_wall().is_up() {
        log::warn!("{}", store.second_wall());
    }
    let clock = Clock::settable(year::FIRST_DAY);
    let loaded = install(&store, clock.now(), clock.today()).await.map_err(|fault| fault.to_string())?;
    println!("Sigida demo: data in {}", folder.display());
    for what in loaded {
        println!("  loaded {what}");
    }
    let keys = keys(folder)?;
    let administrator = cast::administrator(&store, &clock).await?;
    let first_token = keys.sign(administrator, clock.now().timestamp())?;
    let sign_in = SignInPolicy {
        token_url: Some(format!("http://{address}/v1/oauth/token")),
        // Its tokens are handed out once, for the whole day.
        step_up_seconds: TOKEN_SECONDS,
        ..SignInPolicy::default()
    };
    let seal = Seal::create(&folder.join(SEALING_KEY))?;
    let desk = Desk::new(store.clone(), clock.clone(), keys, operations()?)?.with_sign_in(sign_in).with_seal(Some(seal));
    let (server, bound) = serve(desk, &Listening::on(address)).map_err(|error| format!("{address}: {error}"))?;
    let handle = server.handle();
    let running = actix_web::rt::spawn(server);

    let played: Result<cast::Town, String> = {
        let (folder, clock, store) = (folder.to_owned(), clock.clone(), store.clone());
        let player = player::Player::new(bound, clock, self::keys(&folder)?, first_token);
        let town = cast::find(&store).await?;
        if let Some(town) = &town
            && !year::is_played(&store, town.commune).await?
        {
            handle.stop(false).await;
            return Err(format!("{} holds a demonstration that was interrupted: delete the folder and start again", folder.display()));
        }
        tokio::task::spawn_blocking(move || match town {
            Some(town) => Ok(town),
            None => {
                println!("  playing the year of {} (a fictional commune)…", cast::COMMUNE_CODE);
                let town = cast::gather(&player)?;
                year::play(&player, &town)?;
                endowment::allot(&player)?;
                projects::play(&player, &town)?;
                Ok(town)
            }
        })
        .await
        .map_err(|error| error.to_string())?
    };
    let town = match played {
        Ok(town) => town,
        Err(why) => {
            handle.stop(false).await;
            return Err(format!("the demo could not be played: {why}"));
        }
    };
    clock.set(year::LAST_DAY);
    announce(&store, folder, bound, &town).await?;
    running.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    println!("Stopped. Start again with the same folder to go on.");
    Ok(())
}

/// How this program was called: by cargo, which runs what it built in its folder, or by its own name.
fn called() -> String {
    let own = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    called_as(&own, std::env::var_os("CARGO").is_some(), cfg!(debug_assertions))
}

fn called_as(own: &Path, cargo: bool, debug: bool) -> String {
    let built = own.components().any(|part| part.as_os_str() == "target");
    match (cargo && built, debug) {
        (true, true) => "cargo run --".to_owned(),
        (true, false) => "cargo run --release --".to_owned(),
        (false, _) if own.as_os_str().is_empty() => "sigida".to_owned(),
        (false, _) => own.display().to_string(),
    }
}

async fn announce(store: &Store, folder: &Path, address: SocketAddr, town: &cast::Town) -> Result<(), String> {
    let keys = keys(folder)?;
    let organisation = town.commune;
    println!("\nAddress:   http://{address}");
    println!("API page:  http://{address}/docs/  (works offline)");
    println!("Business date: {} · commune {} ({organisation}), fictional", today(), cast::COMMUNE_CODE);
    println!("\nTokens, good for 12 hours (mint another: {} token --folder {} LOGIN):", called(), folder.display());
    let mut mayor = String::new();
    for login in cast::LOGINS {
        let wanted = login.to_owned();
        let row = store.read(move |conn| db::identity::find_principal_by_login(conn, &wanted)).await.map_err(|fault| fault.to_string())?;
        let token = keys.sign(row.id.0, Clock::default().now().timestamp())?;
        println!("\n  {login} — {}\n  {token}", row.display_name);
        if login == "mayor" {
            mayor = token;
        }
    }
    let base = format!("http://{address}/v1/organisations/{organisation}/fiscal-years/{}", year::FISCAL_YEAR);
    println!("\nTry (the first needs no token; published data is open):\n");
    println!("curl -s 'http://{address}/v1/territorial-units?q=kenieba'\n");
    println!("curl -s -H 'Authorization: Bearer {mayor}' {base}/trial-balance\n");
    println!("curl -s -H 'Authorization: Bearer {mayor}' {base}/budget-execution\n");
    println!("curl -s -H 'Authorization: Bearer {mayor}' http://{address}/v1/organisations/{organisation}/drawing-rights\n");
    println!("curl -s -H 'Authorization: Bearer {mayor}' 'http://{address}/v1/organisations/{organisation}/projects?limit=5'\n");
    println!("Ctrl-C stops it.");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_the_program_as_it_was_called() {
        let called = |own: &str, cargo, debug| called_as(Path::new(own), cargo, debug);
        assert_eq!(called("target/release/sigida", true, false), "cargo run --release --");
        assert_eq!(called("target/debug/sigida", true, true), "cargo run --");
        assert_eq!(called("target/release/sigida", false, false), "target/release/sigida");
        assert_eq!(called("/usr/local/bin/sigida", true, false), "/usr/local/bin/sigida");
        assert_eq!(called("./sigida", false, false), "./sigida");
        assert_eq!(called("", false, false), "sigida");
    }
}
