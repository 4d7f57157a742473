//! Viewers: what counting the viewer of one request costs.
//!
//! `cargo bench --bench viewers`. The book holds many viewers, who ask in turn, so that each is met in cold memory; once
//! by a session of the CMCD field, as the watch page sends it, once by one of the query, once by address and agent.
#![allow(missing_docs, clippy::unwrap_used)]

use std::net::IpAddr;
use std::time::Instant;

use divan::Bencher;
use rillcast::control::{Audience, Protocol, ViewerRequest, Viewers, cmcd_session};
use rillcast::media::{Now, StreamName, ViewerLimits, WallTime};

const VIEWERS: [u32; 3] = [100, 10_000, 100_000];
const AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

fn main() {
    divan::main();
}

/// What a request tells of its viewer.
struct Told {
    address: IpAddr,
    field: Option<String>,
    query: Option<String>,
}

#[allow(clippy::disallowed_methods, reason = "a request is stamped with the time")]
fn now() -> Now {
    Now { mono: Instant::now(), wall: WallTime { unix_micros: 0 } }
}

fn count(bencher: Bencher<'_, '_>, viewers: u32, told: impl Fn(u32) -> Told) {
    let book = Viewers::new(ViewerLimits::default(), Audience::default());
    let stream = StreamName::parse("bench").unwrap();
    let told: Vec<_> = (0..viewers).map(told).collect();
    let mut turn = told.iter().cycle();
    let mut next = || {
        let told = turn.next().unwrap();
        let session = cmcd_session(told.field.as_deref(), told.query.as_deref());
        let request = ViewerRequest {
            stream: &stream,
            protocol: Protocol::Hls,
            address: told.address,
            agent: Some(AGENT),
            session: session.as_deref(),
        };
        book.seen(&request, now()).unwrap();
    };
    (0..viewers).for_each(|_| next());
    bencher.bench_local(next);
}

fn address(n: u32) -> IpAddr {
    (0x0A00_0000 + n).to_be_bytes().into()
}

#[divan::bench(args = VIEWERS)]
fn by_session_in_the_field(bencher: Bencher<'_, '_>, viewers: u32) {
    let field = |n| Some(format!("sid=\"{n:032x}\""));
    count(bencher, viewers, |n| Told { address: address(n), field: field(n), query: None });
}

#[divan::bench(args = VIEWERS)]
fn by_session_in_the_query(bencher: Bencher<'_, '_>, viewers: u32) {
    let query =
        |n| Some(format!("_HLS_msn=4000&_HLS_part=2&CMCD=bl%3D1200%2Cmtp%3D48100%2Csid%3D%22{n:032x}%22"));
    count(bencher, viewers, |n| Told { address: address(n), field: None, query: query(n) });
}

#[divan::bench(args = VIEWERS)]
fn by_address_and_agent(bencher: Bencher<'_, '_>, viewers: u32) {
    let query = Some("_HLS_msn=4000&_HLS_part=2".to_owned());
    count(bencher, viewers, |n| Told { address: address(n), field: None, query: query.clone() });
}
