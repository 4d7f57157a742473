//! Frame: one message of a hand-over: four bytes of length, that much JSON, and descriptors beside it (unix(7),
//! SCM_RIGHTS).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;

/// Which way of handing over this is. Whoever changes what is said changes it.
pub(super) const PROTOCOL: u32 = 1;
/// Of a message. What is said is a hundred bytes.
const MOST: usize = 4 * 1024;
/// Descriptors beside a message: one for each listener there may be, and some more.
const DESCRIPTORS: usize = 8;
const SPACE: usize = rustix::cmsg_space!(ScmRights(DESCRIPTORS));

/// Says `message`, with `descriptors` beside it.
pub(super) async fn send(
    stream: &mut UnixStream,
    message: &impl Serialize,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    let length = u32::try_from(text.len()).map_err(|_| bad("a message that is too long"))?;
    let bytes = [length.to_be_bytes().as_slice(), &text].concat();
    if descriptors.is_empty() {
        return stream.write_all(&bytes).await;
    }
    let sent = stream.async_io(Interest::WRITABLE, || {
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        let fits = descriptors.len() <= DESCRIPTORS;
        if !(fits && beside.push(SendAncillaryMessage::ScmRights(descriptors))) {
            return Err(bad("too many descriptors"));
        }
        Ok(rustix::net::sendmsg(&*stream, &[IoSlice::new(&bytes)], &mut beside, SendFlags::NOSIGNAL)?)
    });
    let sent = sent.await?;
    stream.write_all(bytes.get(sent..).unwrap_or_default()).await
}

/// Hears a message, and what comes beside it into `descriptors`.
pub(super) async fn receive<T: DeserializeOwned>(
    stream: &UnixStream,
    descriptors: &mut Vec<OwnedFd>,
) -> io::Result<T> {
    let mut length = [0; 4];
    fill(stream, &mut length, descriptors).await?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MOST {
        return Err(bad("a message that is too long"));
    }
    let mut text = vec![0; length];
    fill(stream, &mut text, descriptors).await?;
    // Its own words repeat those of the peer.
    serde_json::from_slice(&text).map_err(|_| bad("a message that is not understood"))
}

async fn fill(stream: &UnixStream, mut into: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<()> {
    while !into.is_empty() {
        let count = stream.async_io(Interest::READABLE, || some(stream, into, descriptors)).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        into = into.get_mut(count..).unwrap_or_default();
    }
    Ok(())
}

fn some(stream: &UnixStream, into: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut runs = [IoSliceMut::new(into)];
    let heard = rustix::net::recvmsg(stream, &mut runs, &mut beside, RecvFlags::CMSG_CLOEXEC)?;
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            descriptors.extend(more);
        }
    }
    if heard.flags.contains(ReturnFlags::CTRUNC) || descriptors.len() > DESCRIPTORS {
        return Err(bad("too many descriptors"));
    }
    Ok(heard.bytes)
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[tokio::test]
    async fn a_message_comes_with_its_descriptors() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        for count in [0, 1, DESCRIPTORS] {
            let beside = vec![file.as_fd(); count];
            send(&mut ours, &("words", count), &beside).await.unwrap();
            let mut descriptors = Vec::new();
            let (words, said): (String, usize) = receive(&theirs, &mut descriptors).await.unwrap();
            assert_eq!((words.as_str(), said, descriptors.len()), ("words", count, count));
        }
    }

    #[tokio::test]
    async fn what_is_too_long_cut_short_or_nonsense_is_an_error() {
        let messages: [&[u8]; 4] = [b"\xff\xff\xff\xff", b"\0\0\x10\x01", b"\0\0\0\x05\"ab", b"\0\0\0\x02{]"];
        for bytes in messages {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            ours.write_all(bytes).await.unwrap();
            drop(ours);
            assert!(receive::<String>(&theirs, &mut Vec::new()).await.is_err(), "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn more_descriptors_than_there_can_be_listeners_are_neither_sent_nor_kept() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        assert!(send(&mut ours, &1, &[file.as_fd(); DESCRIPTORS + 1]).await.is_err());
        let mut descriptors = Vec::new();
        for _ in 0..3 {
            // Beside each byte of one message.
            let mut space = [MaybeUninit::uninit(); SPACE];
            let mut beside = SendAncillaryBuffer::new(&mut space);
            let four = [file.as_fd(); 4];
            assert!(beside.push(SendAncillaryMessage::ScmRights(&four)));
            rustix::net::sendmsg(&ours, &[IoSlice::new(&[0])], &mut beside, SendFlags::empty()).unwrap();
        }
        assert!(receive::<u8>(&theirs, &mut descriptors).await.is_err());
    }
}
