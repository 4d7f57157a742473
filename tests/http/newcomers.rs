//! Who has come to a server and asked nothing yet when it is told to stop: what they ask is on its way, and answered.

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::Server;
use crate::tls_rig::{BOTH, client, secure, shake};

const SECOND: Duration = Duration::from_secs(1);
const HTTP1: &[u8] = b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n";
/// The preface, no settings, and the same request in 15 bytes: GET, http, a literal path and authority (RFC 7541).
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\
    \0\0\x0d\x01\x05\0\0\0\x01\x82\x86\x04\x06/livez\x01\x01t";

/// Says `words`, and hears what comes until there is an answer, or the end.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, words: &[u8]) -> String {
    stream.write_all(words).await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"ok\n") && stream.read_buf(&mut heard).await.unwrap() > 0 {}
    String::from_utf8_lossy(&heard).into_owned()
}

/// Shakes hands as an encoder does.
async fn greet(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut hello = [0; 1_537];
    hello[0] = 3;
    stream.write_all(&hello).await.unwrap();
    stream.read_exact(&mut [0; 3_073]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_answers_who_has_come_and_asks_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(secure(folder.path())).await;
    let (http, https) = (server.at.http, server.at.https.unwrap());
    let mut sockets = Vec::new();
    for at in [http, http, http, https, https, https, server.at.rtmp, server.at.rtmps.unwrap()] {
        sockets.push(TcpStream::connect(at).await.unwrap());
    }
    let [plain, plain2, silent, tls, tls2, mute, rtmp, rtmps] = <[_; 8]>::try_from(sockets).unwrap();
    tokio::time::sleep(SECOND / 10).await;
    let stopping = tokio::spawn(server.stop());
    tokio::time::sleep(SECOND / 2).await;
    let client = |protocols| client(&folder.path().join("self-signed.crt"), protocols, BOTH);
    let (old, new) = (client(&["http/1.1"]), client(&["h2"]));

    let answer = ask(plain, HTTP1).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
    assert!(ask(shake(&old, tls).await.unwrap(), HTTP1).await.ends_with("ok\n"));
    for answer in [ask(plain2, HTTP2).await, ask(shake(&new, tls2).await.unwrap(), HTTP2).await] {
        assert!(answer.contains("ok\n"), "{answer:?}");
    }
    greet(rtmp).await;
    greet(shake(&client(&[]), rtmps).await.unwrap()).await;
    // And who asks nothing keeps nobody.
    let began = Instant::now();
    assert!(stopping.await.unwrap() < 2 * SECOND);
    for mut stream in [silent, mute] {
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    }
    assert!(began.elapsed() < 2 * SECOND);
}
