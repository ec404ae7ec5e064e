//! Whoever connects and does not behave: bounded, and without effect.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};

use crate::house::*;

#[test]
fn what_is_no_request_is_refused() {
    let house = House::new();
    let _gateway = house.serve();
    block_on(async {
        let post = "POST /v1/login HTTP/1.1";
        assert_eq!(request(post, b"{").await.status, 400);
        assert_eq!(request(post, br#"{"user":"m.rossi","password":"x","public_key":"short"}"#).await.status, 400);
        assert_eq!(request(post, &vec![b' '; 20_000]).await.status, 400);
        let body = login_body("m.rossi", "pw-m.rossi").replace('{', "{\"admin\":true,");
        assert_eq!(request(post, body.as_bytes()).await.status, 400);
        assert_eq!(login(&"x".repeat(257), "x").await.status, 400);
        assert_eq!(login("m.rossi", &"x".repeat(1025)).await.status, 400);
        assert_eq!(request("GET /v1/login HTTP/1.1", b"").await.status, 405);
        assert_eq!(request("GET /v2/login HTTP/1.1", b"").await.status, 404);
        assert_eq!(request("GET /v1/session HTTP/1.1", b"").await.status, 401);
        assert_eq!(close("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "").await, 401);
        let short = "DELETE /v1/session HTTP/1.1\r\nAuthorization: Bearer short";
        assert_eq!(request(short, b"").await.status, 401);
        let huge = format!("GET / HTTP/1.1\r\nX-Padding: {}", "x".repeat(40_000));
        assert!([431, 0].contains(&request(&huge, b"").await.status));
        let many = format!("GET / HTTP/1.1{}", "\r\nX-A: b".repeat(200));
        assert!([431, 0].contains(&request(&many, b"").await.status));
    });
    assert_eq!(house.open_sessions(), 0);
}

#[test]
fn slow_clients_are_let_go_and_keep_nobody_waiting() {
    let house = House::new();
    let _gateway = house.serve();
    block_on(async {
        let silent = async {
            let mut stream = TcpStream::connect("127.0.0.1:443").await.unwrap();
            let began = Instant::now();
            let _ = stream.read(&mut [0; 16]).await;
            began.elapsed()
        };
        let after_tls = async {
            let mut stream = connect().await;
            let began = Instant::now();
            stream.write_all(b"POST /v1/login HTT").await.unwrap();
            let _ = stream.read(&mut [0; 16]).await;
            began.elapsed()
        };
        let half_a_body = async {
            let mut stream = connect().await;
            let began = Instant::now();
            stream.write_all(b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{").await.unwrap();
            let mut status = [0; 12];
            let _ = stream.read_exact(&mut status).await;
            assert_eq!(text(&status), "HTTP/1.1 400");
            began.elapsed()
        };
        let crowd = (0..200).map(|_| async {
            let mut stream = TcpStream::connect("127.0.0.1:443").await.unwrap();
            let _ = stream.read(&mut [0; 16]).await;
        });
        let worker = async {
            let began = Instant::now();
            open("m.rossi").await;
            began.elapsed()
        };
        let (silent, after_tls, half_a_body, _, worker) =
            tokio::join!(silent, after_tls, half_a_body, futures_util::future::join_all(crowd), worker);
        let about = |took: Duration, seconds: u64| {
            took > Duration::from_secs(seconds - 1) && took < Duration::from_secs(seconds + 8)
        };
        assert!(about(silent, 5), "a handshake that never comes: {silent:?}");
        assert!(about(after_tls, 10), "headers that never end: {after_tls:?}");
        assert!(about(half_a_body, 10), "a body that never ends: {half_a_body:?}");
        assert!(worker < Duration::from_secs(3), "a worker meanwhile: {worker:?}");
    });
}

#[test]
fn tls_below_1_3_is_not_spoken() {
    let house = House::new();
    let _gateway = house.serve();
    let offer = std::process::Command::new("openssl")
        .args(["s_client", "-connect", "127.0.0.1:443", "-tls1_2"])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("openssl");
    assert!(!offer.status.success());
}

#[test]
fn whoever_hangs_up_in_the_middle_of_a_login_leaves_nothing_open() {
    let house = House::new();
    let _gateway = house.serve();
    block_on(async {
        for _ in 0..20 {
            let body = login_body("m.rossi", "pw-m.rossi");
            let mut stream = connect().await;
            let head = format!("POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    });
    // Each was replaced by the next; the last ends when nobody ever comes.
    wait("every opening to have its close", || {
        let story = house.story();
        let count = |kind: &str| story.iter().filter(|line| line.starts_with(kind)).count();
        house.open_sessions() == 0 && count("session_opened") == count("session_closed")
    });
}
