//! The line on which a running server hands its listeners over to the next one: each side, and whoever is at the other end.

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use rillcast::control::Settings;
use rillcast::server::{TakeoverError, handing_over, taking_over};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::heap;
use crate::steps::Steps;

/// Of a conversation: to say what one is, to be ready, and to hear the last word.
const BOUND: Duration = Duration::from_secs(41);
/// Memory of one side: a message of 4 KiB as text and as it was read, and what the runtime has for a task.
const MEMORY: usize = 64 << 10;
/// A message.
const MOST: usize = 4 * 1_024;
/// Names of listeners, ours and others.
const NAMES: [&str; 7] = ["http", "rtmp", "admin", "https", "rtmps", "HTTP", ""];

thread_local! {
    // For ever: a runtime cannot end where threads do.
    static STAGE: &'static Stage = Box::leak(Box::new(Stage::new()));
}

/// What there is of both servers: a listener, and others to send beside it.
struct Stage {
    runtime: Runtime,
    listener: TcpListener,
    settings: Settings,
    /// A listener where it is wanted, one that is elsewhere, and what listens to nothing.
    things: [OwnedFd; 4],
    /// Where the running server is found again, and where nobody is.
    found: PathBuf,
    lost: PathBuf,
    _answers: UnixListener,
}

impl Stage {
    fn new() -> Self {
        let runtime =
            Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        let listen = || std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let (ours, other) = (listen(), listen());
        ours.set_nonblocking(true).expect("so it is");
        let mut settings = Settings::default();
        settings.listen.http = ours.local_addr().expect("an address");
        let nothing = std::fs::File::open("/dev/null").expect("nothing");
        let pair = UnixStream::pair().expect("a pair").0;
        let things = [ours.try_clone().expect("another").into(), other.into(), nothing.into(), pair.into()];
        let folder = std::env::temp_dir();
        let found = folder.join(format!("rillcast-fuzz-{}.sock", std::process::id()));
        let _ = std::fs::remove_file(&found);
        let answers = UnixListener::bind(&found).expect("a socket");
        let _guard = runtime.enter();
        let listener = TcpListener::from_std(ours).expect("a listener");
        drop(_guard);
        let lost = folder.join("rillcast-fuzz-nobody.sock");
        Self { runtime, listener, settings, things, found, lost, _answers: answers }
    }

    /// What comes of a conversation, in its time and its memory.
    fn hold<T>(&self, talk: impl Future<Output = T>) -> T {
        let timed = async { tokio::time::timeout(BOUND, talk).await.expect("an end") };
        let (came, most) = heap::of(|| self.runtime.block_on(timed));
        assert!(most <= MEMORY, "{most} bytes of memory");
        came
    }

    /// Says all of `lines` on `stream`, then nothing, or the end.
    fn say(&self, stream: &UnixStream, lines: &[Line]) {
        for line in lines {
            let beside: Vec<_> =
                line.beside.iter().map(|which| self.things[usize::from(which % 4)].as_fd()).collect();
            send(stream, &line.bytes, &beside);
        }
    }
}

/// What is said in one piece, and what is sent beside it.
struct Line {
    bytes: Vec<u8>,
    beside: Vec<u8>,
}

/// A conversation by steps, of the running server or of the next one: it ends in its time and in little memory, leaves no
/// descriptor open, and comes to something only if a plain reader finds that the right words were said.
pub fn handover(data: &[u8]) {
    let mut steps = Steps(data);
    let how = steps.byte();
    let mut lines = Vec::new();
    while !steps.is_empty() && lines.len() < 32 {
        lines.push(line(&mut steps));
    }
    let said: Vec<u8> = lines.iter().flat_map(|line| line.bytes.clone()).collect();
    STAGE.with(|stage| {
        let before = open();
        let (theirs, ours) = UnixStream::pair().expect("a pair");
        // All there is room for is said at once; who does not take it has heard enough.
        ours.set_nonblocking(true).expect("so it is");
        theirs.set_nonblocking(true).expect("so it is");
        stage.say(&ours, &lines);
        if how & 2 == 0 {
            let _ = ours.shutdown(std::net::Shutdown::Write);
        }
        match how & 1 {
            0 => running(stage, theirs, &ours, &said),
            _ => next(stage, theirs, how & 4 == 0, &said, &lines),
        }
        drop(ours);
        // Whoever looked for the running server again.
        stage._answers.set_nonblocking(true).expect("so it is");
        while stage._answers.accept().is_ok() {}
        assert_eq!(open(), before, "descriptors are left open");
    });
}

fn running(stage: &Stage, theirs: UnixStream, ours: &UnixStream, said: &[u8]) {
    let (came, let_go) = stage.hold(async {
        let theirs = tokio::net::UnixStream::from_std(theirs).expect("a stream");
        handing_over(theirs, &stage.listener).await
    });
    let told = messages(said);
    let hello = told.first().and_then(Hello::of);
    let ours_too = hello.as_ref().is_some_and(|hello| hello.protocol == 1);
    assert!(!let_go || ours_too, "the store goes to nobody");
    let mut answer = Vec::new();
    let mut ours = ours;
    let _ = ours.read_to_end(&mut answer);
    let answers = messages(&answer);
    assert!(answers.iter().map(|one| one.1).sum::<usize>() == answer.len(), "cut short");
    let offered = answers.first().and_then(Hello::of);
    match came {
        Ok(version) => {
            assert!(let_go && told.get(1).is_some_and(|one| is_word(&one.0, "Ready")));
            assert_eq!(hello.map(|hello| hello.version), Some(version));
            assert_eq!(answers.last().map(|one| &one.0), Some(&json!("Draining")));
        }
        Err(reason) => {
            assert!(!reason.contains(char::is_control), "{reason:?}");
            assert!(answers.len() < 2, "{answers:?}");
        }
    }
    let Some(offered) = offered else { return assert!(!let_go && answer.is_empty()) };
    assert_eq!(offered.protocol, 1);
    assert_eq!(offered.listeners, if let_go { vec!["http"] } else { vec![] });
}

fn next(stage: &Stage, theirs: UnixStream, found: bool, said: &[u8], lines: &[Line]) {
    let path = if found { &stage.found } else { &stage.lost };
    let came = stage.hold(async {
        let theirs = tokio::net::UnixStream::from_std(theirs).expect("a stream");
        taking_over(theirs, path.clone(), &stage.settings).await
    });
    let told = messages(said);
    let offer = told.first().and_then(Hello::of);
    let beside: usize = lines.iter().map(|line| line.beside.len()).sum();
    let drains = told.get(1).is_some_and(|one| is_word(&one.0, "Draining"));
    match came {
        Ok(taken) => {
            let offer = offer.expect("an offer");
            assert!(offer.protocol == 1 && offer.listeners.len() <= beside);
            assert!(drains || !found, "it goes on while the other one does");
            for (name, at) in taken {
                assert!(offer.listeners.iter().any(|one| one == name));
                assert!(name == "http" && at == stage.settings.listen.http, "{name} is not wanted at {at}");
            }
        }
        Err(error) => {
            let told = error.to_string();
            assert!(!told.contains(char::is_control), "{told:?}");
            match error {
                // Beside a word there are no more descriptors than there can be listeners.
                TakeoverError::Late => assert!(found && (!drains || beside > 8)),
                TakeoverError::Protocol { theirs, .. } => {
                    assert_eq!(offer.map(|offer| offer.protocol), Some(theirs.into()));
                }
                TakeoverError::Broken(_) => {}
                other => panic!("{other}"),
            }
        }
    }
}

/// What a first message says, as a plain reader has it: by names, or in its order.
struct Hello {
    protocol: u64,
    version: String,
    listeners: Vec<String>,
}

impl Hello {
    fn of((text, _): &(Value, usize)) -> Option<Self> {
        let field = |name: &str, at: usize| text.get(name).or_else(|| text.get(at));
        let listeners = field("listeners", 2).and_then(Value::as_array).cloned().unwrap_or_default();
        Some(Self {
            protocol: field("protocol", 0)?.as_u64()?,
            version: field("version", 1)?
                .as_str()?
                .chars()
                .filter(|one| !one.is_control())
                .take(64)
                .collect(),
            listeners: listeners.iter().filter_map(|one| Some(one.as_str()?.to_owned())).collect(),
        })
    }
}

/// Alone, or as one of several that could have had more.
fn is_word(text: &Value, word: &str) -> bool {
    text == word || *text == json!({ word: null })
}

/// Messages one behind the other, each with its length, up to one that is none.
fn messages(mut bytes: &[u8]) -> Vec<(Value, usize)> {
    let mut all = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((text, after)) = rest.split_at_checked(length).filter(|_| length <= MOST) else { break };
        let Ok(text) = serde_json::from_slice(text) else { break };
        all.push((text, length + 4));
        bytes = after;
    }
    all
}

fn line(steps: &mut Steps<'_>) -> Line {
    let step = steps.byte();
    let beside: Vec<u8> = (0..step >> 4).map(|_| steps.byte()).collect();
    let framed = |text: &[u8]| [&(text.len() as u32).to_be_bytes()[..], text].concat();
    let bytes = match step & 7 {
        0 | 1 => {
            let protocol = u32::from(step & 1 == 0) + u32::from(steps.byte() / 64);
            let count = steps.byte() % 10;
            let names: Vec<_> = (0..count).map(|_| NAMES[usize::from(steps.byte()) % 7]).collect();
            let text = json!({ "protocol": protocol, "version": steps.text(), "listeners": names });
            framed(text.to_string().as_bytes())
        }
        2 => framed(b"\"Ready\""),
        3 => framed(b"\"Draining\""),
        4 => framed(steps.body()),
        5 => steps.number().to_be_bytes().to_vec(),
        6 => {
            let depth = usize::from(steps.short() % 5_000);
            framed(&[b"[".repeat(depth), b"]".repeat(depth)].concat())
        }
        _ => steps.body().to_vec(),
    };
    Line { bytes, beside }
}

/// As much as is taken at once: whoever asks for more than a socket holds is not heard.
fn send(mut stream: &UnixStream, bytes: &[u8], beside: &[BorrowedFd<'_>]) {
    if beside.is_empty() || bytes.is_empty() {
        let _ = stream.write(bytes);
        return;
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if ancillary.push(SendAncillaryMessage::ScmRights(beside)) {
        let _ = rustix::net::sendmsg(stream, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL);
    }
}

/// How many descriptors this process has.
fn open() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("descriptors").count()
}

/// Both sides, well and badly.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let text = |text: &[u8]| [&(text.len() as u16).to_be_bytes()[..], text].concat();
    let hello = |step: u8, beside: &[u8], names: &[u8]| {
        [&[step | (beside.len() as u8) << 4][..], beside, &[0, names.len() as u8], names, &text(b"0.1.0")]
            .concat()
    };
    let (ready, draining) = (vec![2], vec![3]);
    let mut seeds = vec![
        [vec![0], hello(0, &[], &[]), ready.clone()].concat(),
        [vec![2], hello(0, &[], &[]), ready.clone()].concat(),
        [vec![2], hello(0, &[], &[])].concat(),
        [vec![0], hello(0, &[0, 1], &[]), ready.clone(), ready.clone()].concat(),
        [vec![0], hello(1, &[], &[]), ready.clone()].concat(),
        [vec![0], vec![4], text(br#"{"protocol":2,"version":"9"}"#)].concat(),
        [vec![0], vec![4], text(br#"[1,"9"]"#), ready].concat(),
        vec![0, 5, 255, 255, 255, 255],
        vec![0, 6, 0x10, 0],
        [vec![0, 7], text(b"GET / HTTP/1.1\r\n\r\n")].concat(),
    ];
    for how in [1, 3, 5, 7] {
        seeds.extend([
            [vec![how], hello(0, &[0], &[0]), draining.clone()].concat(),
            [vec![how], hello(0, &[0, 1, 2, 3], &[0, 1, 2, 3]), draining.clone()].concat(),
            [vec![how], hello(0, &[0], &[0, 1])].concat(),
            [vec![how], hello(0, &[0; 9], &[0; 9])].concat(),
            [vec![how], hello(1, &[], &[])].concat(),
            [vec![how], hello(0, &[], &[]), vec![2]].concat(),
        ]);
    }
    seeds
}
