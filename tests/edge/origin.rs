//! Pages of other origins: those that are named, exactly, may read; nobody else is told anything.

use db::store::Sizes;

use super::{DASHBOARD, Edge, Stage, Town};

#[test]
fn pages_of_named_origins_may_read_and_no_others() {
    let town = Town::on_sqlite(Stage::Gathered);
    let edge = Edge::open(&town, Sizes::default());
    let mayor = edge.mayor(&town);
    let path = town.path("/suppliers");
    let told = |answer: &crate::harness::Answer| {
        let headers = answer.headers.iter().filter(|(name, _)| name.starts_with("access-control-allow-"));
        headers.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
    };
    let ask = |origin: &str| mayor.send("GET", &path, &[("origin", origin)], &[]);
    let preflight = |origin: &str, method: &str, headers: &str| {
        let asked = [("origin", origin), ("access-control-request-method", method), ("access-control-request-headers", headers)];
        edge.stranger().send("OPTIONS", &path, &asked, &[])
    };
    let allowed = ask(DASHBOARD).expect(200);
    assert_eq!(allowed.header("access-control-allow-origin"), Some(DASHBOARD));
    assert_eq!(allowed.header("access-control-allow-credentials"), None, "tokens are shown, cookies are not known");
    assert!(allowed.header("access-control-expose-headers").is_some_and(|exposed| exposed.to_lowercase().contains("etag")));
    assert!(allowed.header("vary").is_some_and(|vary| vary.contains("Origin")));
    let first = preflight(DASHBOARD, "POST", "authorization,content-type,idempotency-key,if-match");
    assert_eq!((first.status, first.header("access-control-allow-origin")), (200, Some(DASHBOARD)));
    let strangers = [
        "null",
        "*",
        "http://dash.example",
        "https://dash.example:8443",
        "https://dash.example.evil.test",
        "https://evil-dash.example",
        "https://evil.test/https://dash.example",
        "https://dash.example@evil.test",
        "https://sub.dash.example",
        "https://DASH.EXAMPLE.evil.test",
        "https://dash.example%60.evil.test",
        "https://dash_example",
        "https://dashxexample",
        "https://dash.example,https://evil.test",
        "https://dash.example https://evil.test",
        "file://",
        "evil",
    ];
    for origin in strangers {
        assert_eq!(told(&ask(origin)), Vec::<String>::new(), "{origin}");
        let refused = preflight(origin, "GET", "authorization");
        assert_eq!((refused.status, told(&refused)), (400, Vec::new()), "{origin}");
    }
    for (method, headers) in [("DELETE", "authorization"), ("TRACE", ""), ("GET", "x-forwarded-for"), ("POST", "cookie")] {
        let refused = preflight(DASHBOARD, method, headers);
        assert_eq!((refused.status, refused.header("access-control-allow-methods")), (400, None), "{method} {headers}");
    }
    for answer in [preflight("https://evil.test", "GET", ""), ask("https://evil.test")] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}
