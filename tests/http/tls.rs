//! HTTPS and RTMPS: handshakes good and bad, who speaks what on which port, and certificates that change.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rillcast::server::publish;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::rig::{Encoder, Server, get, hear, metric, playable, raw};
use crate::tls_rig::{BOTH, NOTICED, client, pair, secure, shake, tunnel};

const GET: &[u8] = b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n";
/// The beginning of a ClientHello.
const HALF_A_HELLO: &[u8] = &[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
const SECOND: Duration = Duration::from_secs(1);

fn trusting(folder: &Path) -> TlsConnector {
    client(&folder.join("self-signed.crt"), &["http/1.1"], BOTH)
}

#[tokio::test]
async fn both_versions_and_both_protocols_are_negotiated_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(secure(folder.path())).await;
    let cert = folder.path().join("self-signed.crt");
    for version in BOTH {
        for (offered, chosen) in [
            (&["h2", "http/1.1"][..], Some("h2")),
            (&["http/1.1", "h2"], Some("h2")),
            (&["http/1.1"], Some("http/1.1")),
            (&[], None),
        ] {
            let client = client(&cert, offered, &[version]);
            let socket = TcpStream::connect(server.at.https.unwrap()).await.unwrap();
            let stream = shake(&client, socket).await.unwrap();
            let (_, session) = stream.get_ref();
            assert_eq!(session.alpn_protocol(), chosen.map(str::as_bytes), "{offered:?}");
            assert_eq!(session.protocol_version(), Some(version.version));
        }
    }
    let odd = client(&cert, &["spdy/3"], BOTH);
    let socket = TcpStream::connect(server.at.https.unwrap()).await.unwrap();
    let error = shake(&odd, socket).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    assert_eq!(metric(&server, "rillcast_tls_handshake_failures_total").await, Some(1));
}

/// Hostile case 19: the wrong protocol on each port is turned away within a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_speaks_the_wrong_protocol_is_turned_away_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(secure(folder.path())).await;
    let (https, rtmps) = (server.at.https.unwrap(), server.at.rtmps.unwrap());
    let began = Instant::now();
    let (heard, closed) = raw(https, GET, SECOND).await;
    assert!(closed && heard.starts_with("HTTP/1.1 400 ") && heard.contains("speaks HTTPS"), "{heard}");
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{heard}");

    let rtmp = [&[3][..], &[0; 1536]].concat();
    let over = [&[22, 3, 1, 0, 6, 1, 0, 0, 196, 3, 3][..], &[21, 3, 3, 0, 2, 1, 0]].concat();
    for (what, at, bytes) in [
        ("RTMP on the port of HTTPS", https, &rtmp[..]),
        ("RTMP on the port of RTMPS", rtmps, &rtmp),
        ("HTTP on the port of RTMPS", rtmps, GET),
        ("TLS on the port of RTMP", server.at.rtmp, HALF_A_HELLO),
        ("a lone close_notify", https, &[21, 3, 3, 0, 2, 1, 0]),
        ("close_notify within a hello", https, &over),
        ("an alert as the hello", rtmps, &[22, 3, 1, 0, 4, 2, 0, 0, 0]),
        ("a record of the largest length", rtmps, &[22, 3, 1, 0xFF, 0xFF, 0, 0, 0]),
        ("SSL 2", https, &[0x80, 0x2E, 1, 0, 2, 0, 21]),
    ] {
        let (heard, closed) = raw(at, bytes, SECOND).await;
        assert!(closed && !heard.starts_with("HTTP"), "{what}: {heard:?}");
    }
    let (heard, closed) = raw(server.at.http, HALF_A_HELLO, SECOND).await;
    assert!(closed || heard.starts_with("HTTP/1.1 400 "), "TLS on the port of HTTP: {heard:?}");
    assert!(began.elapsed() < 4 * SECOND, "{:?}", began.elapsed());

    let mut stream = shake(&trusting(folder.path()), TcpStream::connect(https).await.unwrap()).await.unwrap();
    stream.write_all(GET).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200", "and the server goes on");
}

/// A socket that sends one byte at a time.
struct Drip(TcpStream);

impl AsyncRead for Drip {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, out)
    }
}

impl AsyncWrite for Drip {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &bytes[..bytes.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_hello_in_single_bytes_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(secure(folder.path())).await;
    for at in [server.at.https.unwrap(), server.at.rtmps.unwrap()] {
        let socket = TcpStream::connect(at).await.unwrap();
        socket.set_nodelay(true).unwrap();
        shake(&client(&folder.path().join("self-signed.crt"), &[], BOTH), Drip(socket)).await.unwrap();
    }
}

#[tokio::test]
async fn a_handshake_has_a_deadline_and_waits_for_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = secure(folder.path());
    settings.limits.tls.handshake = Duration::from_millis(800);
    settings.limits.tls.in_flight_per_core = 1;
    let server = Server::start(settings).await;
    let https = server.at.https.unwrap();
    let began = Instant::now();
    let mut slow = Vec::new();
    for bytes in [HALF_A_HELLO; 16].into_iter().chain([&b""[..]; 16]) {
        let mut socket = TcpStream::connect(https).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        slow.push(socket);
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    // Every place is taken by those who do not go on; it is free again once their time is over.
    let socket = TcpStream::connect(https).await.unwrap();
    shake(&trusting(folder.path()), socket).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(790), "{:?}", began.elapsed());
    for mut socket in slow {
        let (heard, closed) = hear(&mut socket, SECOND).await;
        assert!(closed && heard.is_empty(), "{heard:?}");
    }
    assert!(began.elapsed() < Duration::from_millis(1_800), "{:?}", began.elapsed());
    assert_eq!(metric(&server, "rillcast_limit_hits_total{limit=\"tls.handshake\"}").await, Some(32));
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_given_up_behind_tls_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = secure(folder.path());
    settings.limits.http.write_stall = Duration::from_millis(500);
    let server = Server::start(settings).await;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&server.at.https.unwrap().into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let socket = TcpStream::from_std(socket.into()).unwrap();
    let mut stream = shake(&trusting(folder.path()), socket).await.unwrap();
    let asks = "GET /assets/hls-1.7.4.min.js HTTP/1.1\r\nHost: t\r\n\r\n".repeat(60);
    stream.write_all(asks.as_bytes()).await.unwrap();
    let began = Instant::now();
    while metric(&server, "rillcast_limit_hits_total{limit=\"http.write_stall\"}").await != Some(1) {
        assert!(began.elapsed() < Duration::from_secs(8), "still served");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoder_publishes_over_tls_and_hears_why_it_may_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(secure(folder.path())).await;
    let client = client(&folder.path().join("self-signed.crt"), &[], BOTH);
    let rtmp = tunnel(server.at.rtmps.unwrap(), client).await;
    let encoder = Encoder::start_at(rtmp, "cam");
    playable(&server, "cam").await;
    let reason = Encoder::start_at(rtmp, "cam").refused().await;
    assert!(reason.contains("already has a publisher"), "{reason}");
    encoder.stop().await;
}

/// Hostile case 54: what is wrong is said and not used, what is right is used without a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_taken_up_and_a_wrong_one_is_not() {
    let [one, two, used] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let (old, new) = (pair(one.path()).await, pair(two.path()).await);
    let (cert, key) = (used.path().join("cert.pem"), used.path().join("key.pem"));
    std::fs::write(&cert, &old.0).unwrap();
    std::fs::write(&key, &old.1).unwrap();
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    let mut settings = secure(used.path());
    settings.tls.self_signed = false;
    (settings.tls.cert, settings.tls.key) = (Some(cert.clone()), Some(key.clone()));
    settings.limits.http.head_time = 60 * SECOND;
    let server = Server::start(settings).await;
    let https = server.at.https.unwrap();
    let trusts = |folder: &tempfile::TempDir| {
        let client = trusting(folder.path());
        async move { shake(&client, TcpStream::connect(https).await.unwrap()).await }
    };
    let mut before = trusts(&one).await.unwrap();

    // The certificate alone is half a pair.
    std::fs::write(&cert, &new.0).unwrap();
    let began = Instant::now();
    while metric(&server, "rillcast_tls_reload_failures_total").await != Some(1) {
        assert!(began.elapsed() < NOTICED, "the wrong pair was not noticed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    trusts(&one).await.expect("the old pair stays");
    std::fs::write(&key, &new.1).unwrap();
    let began = Instant::now();
    while metric(&server, "rillcast_tls_reloads_total").await != Some(1) {
        assert!(began.elapsed() < NOTICED, "the new pair was not noticed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let after = trusts(&two).await.expect("the new pair is shown");
    let shown = after.get_ref().1.peer_certificates().unwrap()[0].clone();
    assert_eq!(shown, CertificateDer::from_pem_slice(&new.0).unwrap());
    trusts(&one).await.expect_err("and the old one no more");
    before.write_all(GET).await.unwrap();
    let mut answer = [0; 12];
    before.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200", "who was connected stays connected");

    // A key that others can read now is a fault, too.
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let began = Instant::now();
    while metric(&server, "rillcast_tls_reload_failures_total").await != Some(2) {
        assert!(began.elapsed() < NOTICED, "the loose key was not noticed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    trusts(&two).await.unwrap();
    let expiry = metric(&server, "rillcast_tls_certificate_expiry_seconds").await.unwrap();
    assert!(expiry > 1_790_000_000, "{expiry}");
}

#[tokio::test]
async fn the_self_signed_certificate_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let first = pair(folder.path()).await;
    assert_eq!(pair(folder.path()).await, first);
    std::fs::remove_file(folder.path().join("self-signed.key")).unwrap();
    assert_ne!(pair(folder.path()).await, first, "half of it is made anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_waits_a_second_for_handshakes_and_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(secure(folder.path())).await;
    let (head, _) = get(server.at.http, "/livez", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let mut held = Vec::new();
    for at in [server.at.https.unwrap(), server.at.rtmps.unwrap()] {
        let mut socket = TcpStream::connect(at).await.unwrap();
        socket.write_all(HALF_A_HELLO).await.unwrap();
        held.push(socket);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let took = server.stop().await;
    assert!(took > SECOND * 9 / 10 && took < 2 * SECOND, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rillcast_publish_speaks_rtmps_to_whom_it_trusts() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(secure(folder.path())).await;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/bbb_720p25_avc_aac.mp4");
    let port = server.at.rtmps.unwrap().port();
    let options = |host: &str, ca: Option<&str>| publish::Options {
        files: vec![file.into()],
        url: format!("rtmps://{host}:{port}/live/cam?key=hush"),
        ca: ca.map(|name| folder.path().join(name)),
        repeat: true,
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let trusted = options("localhost", Some("self-signed.crt"));
    let encoder = tokio::spawn(publish::run(trusted, async {
        let _ = stopped.await;
    }));
    playable(&server, "cam").await;
    assert_eq!(metric(&server, "rillcast_publishers").await, Some(1));
    stop.send(()).unwrap();
    encoder.await.unwrap().unwrap();

    // An authority that did not sign it, a file with none in it, and a plain port.
    let other = tempfile::tempdir().unwrap();
    pair(other.path()).await;
    let foreign =
        publish::Options { ca: Some(other.path().join("self-signed.crt")), ..options("localhost", None) };
    let plain = publish::Options {
        url: format!("rtmps://localhost:{}/live/cam", server.at.rtmp.port()),
        ..options("localhost", Some("self-signed.crt"))
    };
    for (options, why) in [
        (foreign, "no TLS with localhost port"),
        (options("localhost", Some("self-signed.key")), "no certificate authorities to trust"),
        (plain, "no TLS with localhost port"),
    ] {
        let error = publish::run(options, std::future::pending()).await.unwrap_err();
        assert!(error.to_string().contains(why) && error.exit_code() == 1, "{error}");
    }
    server.stop().await;
}
