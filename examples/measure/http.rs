//! HTTP: just enough of a client: one keep-alive connection, one request at a time, bodies into one buffer.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Fault;

/// A connection to one server.
pub(crate) struct Connection {
    authority: String,
    stream: Option<TcpStream>,
    /// What came and was not used.
    buffer: Vec<u8>,
    body: Vec<u8>,
    cookies: Vec<String>,
}

/// The head of a response; its body is in the connection.
struct Head {
    status: u16,
    length: Option<usize>,
    chunked: bool,
    location: Option<String>,
    cookies: Vec<String>,
    close: bool,
}

/// Splits `http://authority/path` in two.
pub(crate) fn split(url: &str) -> Result<(&str, &str), Fault> {
    let rest = url.strip_prefix("http://").ok_or("only http:// URLs")?;
    Ok(rest.find('/').map_or((rest, "/"), |at| rest.split_at(at)))
}

/// The path that `reference`, found in the document at `base`, leads to.
pub(crate) fn resolve(base: &str, reference: &str) -> String {
    if let Ok((_, path)) = split(reference) {
        return path.to_owned();
    }
    if reference.starts_with('/') {
        return reference.to_owned();
    }
    let path = base.split('?').next().unwrap_or(base);
    let folder = path.rfind('/').map_or("/", |at| path.get(..=at).unwrap_or("/"));
    format!("{folder}{reference}")
}

impl Connection {
    /// A connection to `authority` (`host:port`), opened by the first request.
    pub(crate) fn new(authority: &str) -> Self {
        Self {
            authority: authority.to_owned(),
            stream: None,
            buffer: Vec::new(),
            body: Vec::new(),
            cookies: Vec::new(),
        }
    }

    /// The status of GET `path`, redirections followed; the body is then in [`body`](Self::body).
    pub(crate) async fn get(&mut self, path: &str) -> Result<u16, Fault> {
        let mut path = path.to_owned();
        for _ in 0..4 {
            let head = self.once(&path).await?;
            self.cookies.extend(head.cookies);
            match head.location.filter(|_| (300..400).contains(&head.status)) {
                Some(location) => path = resolve(&path, &location),
                None => return Ok(head.status),
            }
        }
        Err("too many redirections".into())
    }

    /// The last body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The last body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    async fn once(&mut self, path: &str) -> Result<Head, Fault> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                self.buffer.clear();
                let stream = TcpStream::connect(&self.authority).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        let cookies = match self.cookies.is_empty() {
            true => String::new(),
            false => format!("Cookie: {}\r\n", self.cookies.join("; ")),
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{cookies}\r\n", self.authority);
        stream.write_all(request.as_bytes()).await?;
        let head = self.head(&mut stream).await?;
        self.body.clear();
        match (head.length, head.chunked) {
            (Some(length), _) => self.sized(&mut stream, length).await?,
            (None, true) => self.chunked(&mut stream).await?,
            (None, false) => {
                self.body.append(&mut self.buffer);
                stream.read_to_end(&mut self.body).await?;
            }
        }
        if !head.close && (head.length.is_some() || head.chunked) {
            self.stream = Some(stream);
        }
        Ok(head)
    }

    async fn head(&mut self, stream: &mut TcpStream) -> Result<Head, Fault> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            more(stream, &mut self.buffer).await?;
        };
        let text: Vec<u8> = self.buffer.drain(..end).collect();
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let mut head = Head {
            status: status.ok_or("no status")?,
            length: None,
            chunked: false,
            location: None,
            cookies: Vec::new(),
            close: false,
        };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = value.parse().ok(),
                "transfer-encoding" => head.chunked = value.contains("chunked"),
                "location" => head.location = Some(value.to_owned()),
                "set-cookie" => head.cookies.extend(value.split(';').next().map(str::to_owned)),
                "connection" => head.close = value.eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
        if matches!(head.status, 204 | 304) {
            head.length = Some(0);
        }
        Ok(head)
    }

    async fn sized(&mut self, stream: &mut TcpStream, length: usize) -> Result<(), Fault> {
        let ready = self.buffer.len().min(length);
        self.body.extend(self.buffer.drain(..ready));
        self.body.reserve(length - ready);
        while self.body.len() < length {
            more(stream, &mut self.body).await?;
        }
        Ok(())
    }

    async fn chunked(&mut self, stream: &mut TcpStream) -> Result<(), Fault> {
        loop {
            let line = loop {
                if let Some(at) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                    break at;
                }
                more(stream, &mut self.buffer).await?;
            };
            let size: Vec<u8> = self.buffer.drain(..line + 2).collect();
            let size = usize::from_str_radix(String::from_utf8_lossy(&size).trim(), 16)?;
            while self.buffer.len() < size + 2 {
                more(stream, &mut self.buffer).await?;
            }
            self.body.extend(self.buffer.drain(..size));
            self.buffer.drain(..2);
            if size == 0 {
                return Ok(());
            }
        }
    }
}

async fn more(stream: &mut TcpStream, into: &mut Vec<u8>) -> Result<(), Fault> {
    into.reserve(64 * 1024);
    match stream.read_buf(into).await? {
        0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        _ => Ok(()),
    }
}
