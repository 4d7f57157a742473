//! Hand-overs that succeed, and those that do not: then the running server goes on with everything that it had.

use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use super::super::sockets::{Inherited, Wanted};
use super::super::{TakeoverError, Taking};
use super::*;
use crate::control::Settings;

/// A server that may be taken over from.
struct Running {
    folder: tempfile::TempDir,
    wanted: Wanted,
    handing: JoinHandle<Option<Store>>,
}

impl Running {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut settings = Settings::default();
        settings.listen.http = socket.local_addr().unwrap();
        let line = Line::open(path(folder.path(), None), false).await.unwrap();
        let data = folder.path().to_owned();
        let mut store = Some(Store::open(&data).unwrap());
        let handing = tokio::spawn(async move {
            line.hand_over(vec![Passing::new("http", &socket).unwrap()], &mut store, &data).await;
            store
        });
        Self { folder, wanted: Wanted::of(&settings), handing }
    }

    async fn take(&self) -> Result<(Taking, Inherited), TakeoverError> {
        Taking::begin(path(self.folder.path(), None), &self.wanted).await
    }

    /// Whether another process could write to its data.
    fn has_its_store(&self) -> bool {
        matches!(Store::open(self.folder.path()), Err(StoreError::InUse { .. }))
    }

    async fn has_its_store_back(&self) {
        for _ in 0..500 {
            if self.has_its_store() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the store is lost");
    }
}

#[tokio::test]
async fn listeners_and_store_go_to_the_next_server_when_it_is_ready() {
    let running = Running::start().await;
    assert!(running.has_its_store());
    let (taking, mut inherited) = running.take().await.unwrap();
    let store = Store::open(running.folder.path()).unwrap();
    let socket = inherited.take("http").unwrap();
    assert!(inherited.take("rtmp").is_none());
    assert!(!running.handing.is_finished());
    taking.ready().await.unwrap();
    assert!(running.handing.await.unwrap().is_none());
    assert!(std::net::TcpStream::connect(socket.local_addr().unwrap()).is_ok());
    // The socket's file is the next one's to replace.
    let at = path(running.folder.path(), None);
    assert!(at.exists());
    let next = Line::open(at.clone(), true).await.unwrap();
    assert_eq!(fs::metadata(&at).unwrap().mode() & 0o777, 0o600);
    drop((next, store));
    assert!(!at.exists());
}

#[tokio::test]
async fn a_next_server_that_dies_before_it_is_ready_changes_nothing() {
    let running = Running::start().await;
    for _ in 0..3 {
        let taken = running.take().await.unwrap();
        drop(Store::open(running.folder.path()).unwrap());
        drop(taken);
        running.has_its_store_back().await;
    }
    let (taking, _) = running.take().await.unwrap();
    taking.ready().await.unwrap();
    running.handing.await.unwrap();
}

#[tokio::test]
async fn nonsense_from_our_own_user_changes_nothing() {
    let running = Running::start().await;
    for bytes in [&b""[..], b"\0\0\0\x02{}", b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = UnixStream::connect(path(running.folder.path(), None)).await.unwrap();
        stream.write_all(bytes).await.unwrap();
    }
    let (taking, _) = running.take().await.unwrap();
    taking.ready().await.unwrap();
}

#[tokio::test]
async fn another_protocol_is_said_to_be_one_on_both_sides() {
    let running = Running::start().await;
    let mut stream = UnixStream::connect(path(running.folder.path(), None)).await.unwrap();
    let other = Hello { protocol: PROTOCOL + 1, version: "9.9".into(), listeners: vec![] };
    frame::send(&mut stream, &other, &[]).await.unwrap();
    let mut descriptors = Vec::new();
    let offer: Hello = frame::receive(&stream, &mut descriptors).await.unwrap();
    assert_eq!((offer.protocol, offer.listeners.len(), descriptors.len()), (PROTOCOL, 0, 0));
    assert!(running.has_its_store());

    let folder = tempfile::tempdir().unwrap();
    let at = path(folder.path(), None);
    let listener = UnixListener::bind(&at).unwrap();
    let older = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        frame::send(&mut stream, &other, &[]).await.unwrap();
    });
    let told = Taking::begin(at, &running.wanted).await.unwrap_err().to_string();
    assert!(told.contains("version 9.9") && told.contains(&format!("protocol {}", PROTOCOL + 1)), "{told}");
    older.await.unwrap();
}

#[tokio::test]
async fn what_the_other_process_says_of_itself_forges_no_line() {
    let frame = |text: &str| [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let long = "9".repeat(3_000);
    for said in [
        r#"{"protocol":2,"version":"1\n[2J"}"#,
        r#"{"protocol":1,"version":"1\nERROR"}"#,
        r#"{"protocol":"\nERROR","version":"1"}"#,
        &format!(r#"{{"protocol":2,"version":"{long}"}}"#),
    ] {
        let said = [frame(said), frame(r#"{"\nERROR":1}"#)].concat();
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(&said).await.unwrap();
        let passing = [Passing::new("http", &listener).unwrap()];
        let told = converse(theirs, &passing, &mut Some(())).await.unwrap_err().to_string();
        assert!(!told.contains(char::is_control) && told.len() < 200, "{told:?}");

        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(&said).await.unwrap();
        let wanted = Wanted::of(&Settings::default());
        let Err(error) = Taking::ask(theirs, "nowhere".into(), &wanted).await else { continue };
        let told = error.to_string();
        assert!(!told.contains(char::is_control) && told.len() < 200, "{told:?}");
    }
}

#[tokio::test]
async fn without_a_running_server_it_is_said_where_one_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = path(folder.path(), None);
    // A process that was killed leaves its socket behind.
    drop(std::os::unix::net::UnixListener::bind(&at).unwrap());
    let told = Taking::begin(at.clone(), &Wanted::of(&Settings::default())).await.unwrap_err();
    assert!(told.to_string().contains(at.to_str().unwrap()), "{told}");
    // And the next one replaces it, but not one that is answered at.
    let line = Line::open(at.clone(), false).await.unwrap();
    assert!(Line::open(at.clone(), false).await.is_err());
    drop(line);
    assert!(!at.exists());
}

#[tokio::test]
async fn a_folder_that_was_made_for_the_socket_goes_with_it_unless_something_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(Line::open(path(&data, None), false).await.unwrap());
    assert!(!data.exists());
    let line = Line::open(path(&data, None), false).await.unwrap();
    assert_eq!(fs::metadata(&data).unwrap().mode() & 0o777, 0o700);
    fs::write(data.join("kept"), "").unwrap();
    drop(line);
    assert!(data.join("kept").exists());
    assert_eq!(path(&data, Some(Path::new("/run/rillcast"))), Path::new("/run/rillcast/takeover.sock"));
}
