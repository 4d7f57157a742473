//! Who may come in: viewers, publishers who guess keys, and anybody when memory is short.

use std::net::IpAddr;
use std::sync::Arc;

use rillcast::base::Secret;
use rillcast::control::{
    Access, Audience, Claim, DeclaredStream, Denied, KeyHash, Memory, Protocol, Strain, Verdict,
    ViewerRequest, Viewers,
};
use rillcast::media::{Limit, StreamName, ViewerLimits};

use crate::rtmp::plus;
use crate::source::epoch;
use crate::{Row, most, until};

pub(crate) fn rows() -> Vec<Row> {
    vec![
        most(Limit::ViewersPerStream, |offset| {
            let limits = ViewerLimits { per_stream: 5, ..ViewerLimits::default() };
            watching(limits, (0..plus(5, offset)).map(|n| ("cam".to_owned(), n as u8)))
        }),
        most(Limit::ViewersTotal, |offset| {
            let limits = ViewerLimits { total: 5, ..ViewerLimits::default() };
            watching(limits, (0..plus(5, offset)).map(|n| (format!("cam-{n}"), n as u8)))
        }),
        most(Limit::ViewersPerAddress, |offset| {
            let limits = ViewerLimits { per_address: 5, ..ViewerLimits::default() };
            watching(limits, (0..plus(5, offset)).map(|n| (format!("cam-{n}"), 1)))
        }),
        until(Limit::Memory, |offset| {
            let memory = Memory::default();
            memory.sample(850_u64.saturating_add_signed(offset), 1_000);
            (memory.strain() >= Strain::Viewers).then(|| Denied::Memory.limit()).flatten()
        }),
        until(Limit::AccessAttempts, |offset| {
            let streams = vec![DeclaredStream {
                name: StreamName::parse("cam").unwrap(),
                keys: vec![KeyHash::new("the-right-key").unwrap()],
            }];
            let access = Access::new(streams, false);
            let ask = |path: &str| {
                let key = None::<&Secret>;
                let now = epoch().mono;
                access.authorize(&Claim { path, key, address: [192, 0, 2, 1].into(), now })
            };
            (0..plus(10, offset)).for_each(|n| drop(ask(&format!("wrong-{n}"))));
            match ask("the-right-key") {
                Verdict::Allow(_) => None,
                Verdict::Refuse { reason, .. } => Denied::from(reason).limit(),
            }
        }),
    ]
}

/// Who is the first not to be let in, of those who want to see a stream from an address.
fn watching(limits: ViewerLimits, who: impl Iterator<Item = (String, u8)>) -> Option<Limit> {
    let viewers = Arc::new(Viewers::new(limits, Audience::default()));
    let mut inside = Vec::new();
    for (stream, address) in who {
        let stream = StreamName::parse(&stream).unwrap();
        let address: IpAddr = [192, 0, 2, address].into();
        let request =
            ViewerRequest { stream: &stream, protocol: Protocol::Flv, address, agent: None, session: None };
        match viewers.admit(&request, epoch()) {
            Ok(viewer) => inside.push(viewer),
            Err(denied) => return denied.limit(),
        }
    }
    None
}
