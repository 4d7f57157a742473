//! Viewer: one of very many. A keep-alive connection, and as little work a response as can be.
//!
//! What all of them have in common is done once: requests are made once a state, a playlist is inflated and
//! read once, bodies pass through one buffer. What is left is the system calls.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use tokio::net::TcpStream;

use crate::Fault;
use crate::publish::Tail;

/// One read takes a whole part.
const SCRATCH: usize = 256 * 1024;

/// Where all viewers read into.
pub(crate) type Scratch = Rc<RefCell<Vec<u8>>>;

/// A buffer to read into.
pub(crate) fn scratch() -> Scratch {
    Rc::new(RefCell::new(vec![0; SCRATCH]))
}

/// One connection.
pub(crate) struct Viewer {
    stream: TcpStream,
    scratch: Scratch,
    /// A response head, until it is whole.
    head: Vec<u8>,
}

/// What of a body is kept.
pub(crate) enum Keep<'a> {
    /// All of it.
    Whole(&'a mut Vec<u8>),
    /// How it ends.
    End(&'a mut Tail),
}

impl Viewer {
    /// Connects to `authority`.
    pub(crate) async fn connect(authority: &str, scratch: Scratch) -> Result<Self, Fault> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, scratch, head: Vec::new() })
    }

    /// Sends `request` and answers the length of the body and when its last byte was there.
    pub(crate) async fn get(
        &mut self,
        request: &[u8],
        mut keep: Keep<'_>,
    ) -> Result<(usize, Instant), Fault> {
        self.send(request).await?;
        self.head.clear();
        let mut left = None;
        let mut length = 0;
        while left != Some(0) {
            self.stream.readable().await?;
            let mut scratch = self.scratch.borrow_mut();
            let got = match self.stream.try_read(&mut scratch) {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            };
            let mut bytes = scratch.get(..got).unwrap_or_default();
            if left.is_none() {
                let Some((body, declared)) = whole(&mut self.head, bytes)? else { continue };
                bytes = body;
                (length, left) = (declared, Some(declared));
            }
            keep.take(bytes);
            let after = left.unwrap_or(0).checked_sub(bytes.len());
            left = Some(after.ok_or("more than the declared length")?);
        }
        Ok((length, Instant::now()))
    }

    async fn send(&self, mut request: &[u8]) -> Result<(), Fault> {
        while !request.is_empty() {
            match self.stream.try_write(request) {
                Ok(sent) => request = request.get(sent..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Once `head` is whole with `bytes`: those of them after it, and Content-Length. Only 200 is no error.
fn whole<'a>(head: &mut Vec<u8>, bytes: &'a [u8]) -> Result<Option<(&'a [u8], usize)>, Fault> {
    let before = head.len();
    head.extend(bytes.iter().take(2_048));
    let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(head.get(..end).unwrap_or_default())?;
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200") {
        return Err(status.into());
    }
    let length = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let body = bytes.get((end + 4).saturating_sub(before)..).unwrap_or_default();
    Ok(Some((body, length.ok_or("no Content-Length")?)))
}

impl Keep<'_> {
    fn take(&mut self, bytes: &[u8]) {
        match self {
            Self::Whole(body) => body.extend_from_slice(bytes),
            Self::End(tail) => {
                let new = bytes.len().min(tail.len());
                tail.rotate_left(new);
                let (from, to) = (bytes.len() - new, tail.len() - new);
                if let (Some(from), Some(to)) = (bytes.get(from..), tail.get_mut(to..)) {
                    to.copy_from_slice(from);
                }
            }
        }
    }
}
