//! Requests that two readers could part differently. A hidden one stands where the other reading would find it; whoever
//! reads before the service may take either, so the service takes none.

use super::wire::Wire;
use super::{Edge, SLACK, Stage, Town};
use db::store::Sizes;

pub const HIDDEN: &str = "GET /v1/hidden HTTP/1.1\r\nhost: x\r\n\r\n";
const NO_MORE: &str = "0\r\n\r\n";
const CHUNKED: &str = "transfer-encoding: chunked";

/// A POST with further header lines and what follows them.
fn post(headers: &str, rest: &str) -> String {
    format!("POST /v1/principals HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n\r\n{rest}{HIDDEN}")
}

/// Heads that nobody may read in two ways: 400, and the connection ends.
pub fn refused() -> Vec<(String, String)> {
    let lengths = [
        "5\r\ncontent-length: 0",
        "5\r\ncontent-length: 5",
        "5, 5",
        "5, 0",
        "+5",
        "-5",
        "0x5",
        "5.0",
        "",
        "5 5",
        "1_0",
        "٥",
        "18446744073709551621",
    ];
    let encodings = [
        "xchunked",
        "chunked, identity",
        "identity, chunked",
        "gzip, chunked",
        "chunked\r\ntransfer-encoding: chunked",
        "chunked\r\ntransfer-encoding: identity",
        "identity\r\ncontent-length: 5",
        "\"chunked\"",
        "\u{b}chunked",
        "chunked\u{b}",
        "chunked\0",
        "chunked;q=1",
        "\r\n chunked",
        "",
    ];
    let headers = [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "content-length: 5\ntransfer-encoding: chunked",
        "x: a\ntransfer-encoding: chunked\r\ncontent-length: 5",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "connection: close, transfer-encoding\r\ntransfer-encoding: chunked\r\ncontent-length: 5",
        "content-length : 5",
        "transfer-encoding : chunked\r\ncontent-length: 5",
        "transfer-encoding\t: chunked\r\ncontent-length: 5",
        "transfer-encoding chunked\r\ncontent-length: 5",
        " transfer-encoding: chunked\r\ncontent-length: 5",
        "x: a\r\n transfer-encoding: chunked\r\ncontent-length: 5",
        "x: a\rtransfer-encoding: chunked\r\ncontent-length: 5",
        "x: a\0b\r\ncontent-length: 5",
        ": chunked\r\ncontent-length: 5",
    ];
    let old = |headers: &str| post(headers, NO_MORE).replacen("HTTP/1.1", "HTTP/1.0", 1);
    let lines = [
        "GET /v1/meta HTTP/1.1\r\nhost: x\r\nhost: y",
        "GET /v1/meta HTTP/1.1",
        "GET /v1/meta HTTP/1.2\r\nhost: x",
        "GET /v1/meta HTTP/2.0\r\nhost: x",
        "GET /v1/meta",
        "GET /v1/meta /x HTTP/1.1\r\nhost: x",
        "GET\t/v1/meta\tHTTP/1.1\r\nhost: x",
        "GET  /v1/meta  HTTP/1.1\r\nhost: x",
        "GET /v1/me\r\nta HTTP/1.1\r\nhost: x",
        "PRI * HTTP/2.0\r\n\r\nSM",
        "GET /v1/meta HTTP/1.1\r\nhost: x\r\nx: a\n transfer-encoding: chunked",
        "GET /v1/meta\nx HTTP/1.1\r\nhost: x",
        "GET http://y/v1/meta HTTP/1.1\r\nhost: x\r\nhost: y",
    ];
    let mut all: Vec<String> = lengths.iter().map(|length| post(&format!("content-length: {length}"), "12345")).collect();
    all.extend(encodings.iter().map(|encoding| post(&format!("transfer-encoding: {encoding}"), NO_MORE)));
    all.extend(headers.iter().map(|headers| post(headers, NO_MORE)));
    all.extend([old(CHUNKED), old("transfer-encoding: chunked\r\nconnection: keep-alive\r\ncontent-length: 5")]);
    all.extend(lines.iter().map(|line| format!("{line}\r\n\r\n{HIDDEN}")));
    all.into_iter().map(|sent| (sent.replace(HIDDEN, "…"), sent)).collect()
}

/// Pieces of a body that end nowhere for sure: nothing that follows them is read.
pub fn cut() -> Vec<(String, String)> {
    let sizes = ["0x5", "+5", "-5", "", "10000000000000005", " 5", "0_5", "5;a\nb", "5;a\rb"];
    let pieces = ["5\n12345\r\n", "5\r12345\r\n", "5\r\n12345", "5\r\n1234567\r\n"];
    let mut all: Vec<String> = sizes.iter().map(|size| post(CHUNKED, &format!("{size}\r\n12345\r\n{NO_MORE}"))).collect();
    all.extend(pieces.iter().map(|piece| post(CHUNKED, &format!("{piece}{NO_MORE}"))));
    all.push(format!("GET /v1/meta HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{HIDDEN}", HIDDEN.len()));
    let upgrade = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==";
    all.push(format!("GET /v1/meta HTTP/1.1\r\nhost: x\r\n{upgrade}\r\n\r\n{HIDDEN}"));
    all.into_iter().map(|sent| (sent.replace(HIDDEN, "…"), sent)).collect()
}

/// What has one meaning, if an unusual one: the request behind it is one of its own.
pub fn plain() -> Vec<String> {
    let pieces = ["5 \r\n12345\r\n0\r\n\r\n", "5;a=b\r\n12345\r\n0\r\n\r\n", "0\r\ncontent-length: 40\r\n\r\n"];
    let mut all: Vec<String> = pieces.iter().map(|pieces| post(CHUNKED, pieces)).collect();
    all.push(post("content-length: 0000005", "12345"));
    all.push(post("transfer_encoding: chunked\r\ncontent-length: 5", "12345"));
    all.push(post("Transfer-Encoding: CHUNKED", NO_MORE));
    all.push(format!("GET /v1/meta HTTP/1.1\r\nhost: x\r\n{CHUNKED}\r\n\r\n{NO_MORE}{HIDDEN}"));
    let upgrade = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA";
    all.push(format!("GET /v1/meta HTTP/1.1\r\nhost: x\r\n{upgrade}\r\n\r\n{HIDDEN}"));
    all
}

#[test]
fn no_request_hides_in_another() {
    let town = Town::on_sqlite(Stage::Gathered);
    let edge = Edge::open(&town, Sizes::default());
    let send = |sent: &str| {
        let mut wire = Wire::open(edge.address);
        wire.send(sent.as_bytes());
        wire
    };
    let (refused, cut, plain) = (refused(), cut(), plain());
    let mut wires: Vec<(&str, &str, Wire)> = Vec::new();
    wires.extend(refused.iter().map(|(told, sent)| ("refused", told.as_str(), send(sent))));
    wires.extend(cut.iter().map(|(told, sent)| ("cut", told.as_str(), send(sent))));
    wires.extend(plain.iter().map(|sent| ("plain", sent.as_str(), send(sent))));
    for (kind, told, wire) in &mut wires {
        wire.wait_until(SLACK, |wire| wire.ended.is_some() || wire.statuses().len() > 1);
        let (statuses, ended) = (wire.statuses(), wire.ended.is_some());
        match *kind {
            "refused" => assert_eq!((statuses.as_slice(), ended), ([400].as_slice(), true), "{told:?}"),
            "cut" => assert!(statuses.len() == 1 && ended, "{told:?}: {statuses:?}, over: {ended}"),
            _ => assert!(matches!(statuses.as_slice(), [200 | 401, 404]), "{told:?}: {statuses:?}"),
        }
    }
    let sent = refused.len() + cut.len() + plain.len();
    eprintln!("{sent} requests of doubtful length: {} refused, {} cut off, {} of one meaning", refused.len(), cut.len(), plain.len());
    assert!(refused.len() + cut.len() >= 60);
}
