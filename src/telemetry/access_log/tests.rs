//! What the lines say, and what becomes of them.

use std::fs;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::waiting::{Added, Waiting};
use super::*;
use crate::base::{ClientId, Code, Connection, Door, RequestId, SystemClock, SystemEntropy, Timestamp};

const AT: Timestamp = Timestamp::from_micros(1_800_000_000_123_456);

fn connection() -> Connection {
    Connection {
        door: Door::MutualTls,
        peer: "203.0.113.7:40123".parse().unwrap(),
        tls_version: "TLSv1_3",
        group: "X25519MLKEM768",
        client_certificate: None,
        channel_binding: None,
    }
}

fn bare() -> AccessLine<'static> {
    AccessLine {
        at: AT,
        took: Duration::from_micros(812),
        request: None,
        connection: None,
        route: None,
        method: None,
        status: StatusCode::OK,
        refusal: None,
        received: None,
        sent: None,
        client: None,
    }
}

fn written(line: &AccessLine<'_>) -> Value {
    let mut bytes = Vec::new();
    line.write(&mut bytes);
    assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1);
    assert!(
        bytes
            .iter()
            .all(|byte| byte.is_ascii_graphic() || *byte == b' ' || *byte == b'\n')
    );
    serde_json::from_slice(&bytes).unwrap()
}

fn open(path: &std::path::Path, metrics: &Metrics) -> AccessLog {
    let destination = Destination::File(path.to_owned());
    AccessLog::open(destination, metrics.clone(), Arc::new(SystemClock)).unwrap()
}

#[test]
fn a_line_tells_what_became_of_a_request() {
    let (connection, client) = (connection(), ClientId::new("app"));
    let id = RequestId::new(AT, &SystemEntropy::default());
    let line = AccessLine {
        request: Some(id),
        connection: Some(&connection),
        route: Some(("payments", "signed")),
        method: Some(&Method::POST),
        status: StatusCode::FORBIDDEN,
        refusal: Some(Code::PolicyDenied),
        received: Some(512),
        sent: Some(70),
        client: Some(&client),
        ..bare()
    };
    let expected = json!({
        "time": "2027-01-15T08:00:00.123456Z", "request": id.to_string(), "door": "mutual", "route": "payments",
        "access": "signed", "method": "POST", "status": 403, "code": "policy-denied", "duration_us": 812, "bytes_in": 512,
        "bytes_out": 70, "tls": "TLSv1_3", "group": "X25519MLKEM768", "client": "app",
    });
    assert_eq!(written(&line), expected);
}

/// HDR-06
#[test]
fn nothing_that_a_peer_chose_is_told_and_no_name_can_forge_a_line() {
    let connection = connection();
    let line = AccessLine {
        connection: Some(&connection),
        ..bare()
    };
    assert!(!written(&line).to_string().contains("203.0.113"));
    let method = Method::from_bytes(b"ANNA-PAYS-BERT").unwrap();
    let line = AccessLine {
        method: Some(&method),
        ..bare()
    };
    assert_eq!(written(&line)["method"], "other");
    let name = "a\"}\r\n{\"status\":200,\\ \u{202e}\u{1f600}\u{1b}[31m";
    let line = AccessLine {
        route: Some((name, "signed")),
        ..bare()
    };
    assert_eq!(written(&line)["route"], name);
}

#[test]
fn what_was_added_is_in_the_file_when_the_last_handle_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    fs::write(&path, "{\"earlier\":true}\n").unwrap();
    let log = open(&path, &Metrics::default());
    let threads: Vec<_> = (0..12)
        .map(|_| {
            let log = log.clone();
            std::thread::spawn(move || (0..100).for_each(|_| log.add(&bare())))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    drop(log);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("{\"earlier\":true}\n"));
    assert_eq!(text.lines().count(), 1201);
    assert!(
        text.lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
}

#[test]
fn a_file_that_was_moved_away_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (
        folder.path().join("access.log"),
        folder.path().join("access.log.1"),
    );
    let log = open(&path, &Metrics::default());
    log.add(&bare());
    fs::rename(&path, &moved).unwrap();
    log.reopen();
    while !path.exists() {
        std::thread::yield_now();
    }
    log.add(&bare());
    drop(log);
    assert_eq!(fs::read_to_string(&moved).unwrap().lines().count(), 1);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
}

/// Descriptors may have run out, or the folder may take no files for a while.
#[test]
fn a_file_that_cannot_be_begun_anew_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, away) = (folder.path().join("logs"), folder.path().join("moved"));
    fs::create_dir(&inside).unwrap();
    let path = inside.join("access.log");
    let log = open(&path, &Metrics::default());
    fs::rename(&inside, &away).unwrap();
    log.reopen();
    log.add(&bare());
    while fs::metadata(away.join("access.log")).unwrap().len() == 0 {
        std::thread::yield_now();
    }
    fs::create_dir(&inside).unwrap();
    while !path.exists() {
        std::thread::yield_now();
    }
    drop(log);
}

#[test]
fn what_a_killed_process_left_of_a_line_spoils_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    fs::write(&path, "{\"time\":").unwrap();
    let log = open(&path, &Metrics::default());
    log.add(&bare());
    drop(log);
    let text = fs::read_to_string(&path).unwrap();
    let last = text.lines().last().unwrap();
    assert!(serde_json::from_str::<Value>(last).is_ok(), "{text}");
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn the_file_is_for_its_owner_and_group() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    drop(open(&path, &Metrics::default()));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    // The process's mask may take more away.
    assert_eq!(mode & 0o777 & !0o640, 0);
}

#[test]
fn a_place_that_takes_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("missing/access.log")] {
        let destination = Destination::File(path);
        assert!(AccessLog::open(destination, Metrics::default(), Arc::new(SystemClock)).is_err());
    }
}

/// `/dev/full` fails every write as a full disk does.
#[test]
fn lines_that_cannot_be_written_are_counted() {
    let metrics = Metrics::default();
    let log = open(std::path::Path::new("/dev/full"), &metrics);
    (0..3).for_each(|_| log.add(&bare()));
    drop(log);
    let text = metrics.render();
    assert!(
        text.contains("countersign_access_log_lost_total{reason=\"failed\"} 3"),
        "{text}"
    );
}

#[test]
fn without_room_lines_are_dropped_and_counted_and_what_is_there_stays_whole() {
    let waiting = Waiting::default();
    let mut called = 0;
    for _ in 0..20_000 {
        called += u32::from(waiting.add(&bare()) == Added::Much);
    }
    assert_eq!(called, 1, "the writer is called once, not for every line");
    let dropped = waiting.take_dropped();
    let (mut lines, mut bytes) = (0, 0);
    waiting.take_each(&mut Vec::new(), |taken| {
        assert!(taken.ends_with(b"}\n"));
        bytes += taken.len();
        lines += taken.iter().filter(|byte| **byte == b'\n').count() as u64;
    });
    assert!(
        bytes <= 1024 * 1024 && dropped > 0,
        "{bytes} bytes, {dropped} dropped"
    );
    assert_eq!(lines + dropped, 20_000);
    assert_eq!(waiting.take_dropped(), 0);
}

#[test]
fn a_log_that_is_off_takes_lines_and_keeps_none() {
    let log = AccessLog::default();
    assert!(!log.is_on());
    log.add(&bare());
    log.reopen();
}
