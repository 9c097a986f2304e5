//! Pages of lists: opaque, signed cursors that belong to one list with its filters, and expire.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use db::fault::Fault;
use db::page::{Bounds, Keyset, Rows, Totalled};
use domain::money::{Amount, Currency, Total};
use hmac::{Hmac, KeyInit, Mac};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use utoipa::ToSchema;

use crate::auth::Call;
use crate::export::Form;
use crate::problem::{CURSOR_INVALID, Problem, REQUEST_PARAMETER_INVALID};
use crate::wire::AmountText;

/// Rows of a page when the caller does not say.
pub const LIMIT_DEFAULT: u32 = 50;
/// The most rows of a page.
pub const LIMIT_MAX: u32 = 200;
/// The most rows of a part of a list as a table (CSV, XLSX), and how many it has when the caller does not say.
pub const TABLE_MAX: u32 = 10_000;
/// How long a cursor is good, in seconds.
const CURSOR_LIFETIME: i64 = 90 * 24 * 3600;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows of this page.
    #[schema(max_items = 200)]
    pub data: Vec<T>,
    pub page: PageLinks,
    /// What the whole list adds up to, over all its pages, by currency; only where `totals=true` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 10, nullable = false)]
    pub totals: Option<Vec<ListTotal>>,
}

/// What a list adds up to in one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListTotal {
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    pub currency: String,
    /// Rows of the whole list in that currency.
    #[schema(minimum = 0)]
    pub count: i64,
    /// Exact sum of their amounts.
    #[schema(max_length = 42, example = "1250000")]
    pub amount: String,
}

impl<T> Page<T> {
    /// Adds what the whole list adds up to, if that was asked for.
    #[must_use]
    pub fn with_total(self, total: Option<Totalled>, currency: Currency) -> Self {
        let shown = |total: Totalled| ListTotal {
            currency: currency.code().to_owned(),
            count: total.rows,
            amount: Total::of_minor(total.minor).display(currency),
        };
        Self { totals: total.map(|total| vec![shown(total)]), ..self }
    }
}

/// Reads the bounds of an amount.
pub fn bounds(least: Option<AmountText>, most: Option<AmountText>, currency: Currency) -> Result<Bounds, Fault> {
    let minor = |text: Option<AmountText>, pointer: &str| {
        text.map(|text| Amount::parse(&text.0, currency).map(Amount::minor)).transpose().map_err(|refusal| refusal.at(pointer))
    };
    Ok(Bounds { least: minor(least, "?amount_min")?, most: minor(most, "?amount_max")? })
}

/// Where the list goes on.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageLinks {
    /// The cursor of the next page, for parameter `after`; null on the last page.
    #[schema(max_length = 1024)]
    pub next: Option<String>,
    /// The most rows of a page of this request.
    #[schema(minimum = 1, maximum = 200)]
    pub limit: u32,
}

#[derive(Serialize, Deserialize)]
struct Cursor<K> {
    list: String,
    key: K,
    until: i64,
}

/// How many bytes of a cursor seal it.
const SEAL: usize = 16;

fn seal(call: &Call, payload: &[u8]) -> Option<Hmac<Sha256>> {
    Some(Hmac::new_from_slice(&call.cursor_secret?).ok()?.chain_update(payload))
}

/// Reads the cursor and the limit of a list request.
pub fn keyset<K: DeserializeOwned>(call: &Call, after: Option<&str>, limit: Option<u32>) -> Result<Keyset<K>, Problem> {
    let (usual, most) = if call.form == Form::Json { (LIMIT_DEFAULT, LIMIT_MAX) } else { (TABLE_MAX, TABLE_MAX) };
    let limit = limit.unwrap_or(usual);
    if !(1..=most).contains(&limit) {
        return Err(Problem::unreadable(&REQUEST_PARAMETER_INVALID, "?limit", &format!("1 to {most}")));
    }
    let after = match after {
        None => None,
        Some(text) => Some(open(call, text).ok_or_else(|| Problem::from(&CURSOR_INVALID))?),
    };
    Ok(Keyset { after, limit: i64::from(limit) })
}

fn open<K: DeserializeOwned>(call: &Call, text: &str) -> Option<K> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (mac, payload) = bytes.split_at_checked(SEAL)?;
    seal(call, payload)?.verify_truncated_left(mac).ok()?;
    let cursor: Cursor<K> = serde_json::from_slice(payload).ok()?;
    (cursor.list == call.list && cursor.until >= call.now.timestamp()).then_some(cursor.key)
}

/// The cursor that goes on after a key.
fn cursor(call: &Call, key: &impl Serialize) -> Option<String> {
    let cursor = Cursor { list: call.list.clone(), key, until: call.now.timestamp() + CURSOR_LIFETIME };
    let payload = serde_json::to_vec(&cursor).ok()?;
    let mut bytes = seal(call, &payload)?.finalize().into_bytes().get(..SEAL)?.to_vec();
    bytes.extend(payload);
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// A page of views, with the cursor of the next.
pub fn page<R, K: Serialize, V>(
    call: &Call,
    keyset: &Keyset<impl Sized>,
    rows: Rows<R>,
    key: impl Fn(&R) -> K,
    view: impl Fn(R) -> V,
) -> Page<V> {
    let next = rows.rows.last().filter(|_| rows.more).and_then(|last| cursor(call, &key(last)));
    let limit = u32::try_from(keyset.limit).unwrap_or(LIMIT_MAX);
    Page { data: rows.rows.into_iter().map(view).collect(), page: PageLinks { next, limit }, totals: None }
}

/// A page of a feed, which never ends: it always tells where to go on.
pub fn feed<R, K: Serialize + Clone, V>(
    call: &Call,
    keyset: &Keyset<K>,
    rows: Rows<R>,
    key: impl Fn(&R) -> K,
    view: impl Fn(R) -> V,
) -> Page<V> {
    let reached = rows.rows.last().map(&key).or_else(|| keyset.after.clone());
    let mut page = page(call, keyset, rows, key, view);
    page.page.next = reached.and_then(|key| cursor(call, &key));
    page
}
