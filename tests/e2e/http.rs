//! An HTTP client that keeps its connections, over HTTP/1.1 or HTTP/2 with prior knowledge.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Longer than any answer may be held.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client<HttpConnector, Empty<Bytes>>,
    at: SocketAddr,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) took: Duration,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).expect("a text")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Http {
    pub(crate) fn new(at: SocketAddr, http2: bool) -> Self {
        let client = Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
        Self { client, at }
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.at));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).unwrap();
        let began = Instant::now();
        let answer = async {
            let (head, body) = self.client.request(request).await.expect(path).into_parts();
            let body = body.collect().await.expect(path).to_bytes();
            Answer { status: head.status, headers: head.headers, body, took: began.elapsed() }
        };
        tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| panic!("{path}: no answer in time"))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    /// GET of what must be there.
    pub(crate) async fn take(&self, path: &str) -> Answer {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        assert!(answer.headers.get("age").is_none(), "an origin sends no Age");
        answer
    }

    /// GET again until it is there.
    pub(crate) async fn appear(&self, path: &str) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.get(path).await;
            if answer.status == 200 {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "{path} does not appear: {}", answer.status);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

/// `reference` as seen from the document at `base`.
pub(crate) fn resolve(base: &str, reference: &str) -> String {
    if reference.starts_with('/') {
        return reference.to_owned();
    }
    let mut path: Vec<&str> = base.split('/').collect();
    path.pop();
    for step in reference.split('/') {
        match step {
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path.join("/")
}
