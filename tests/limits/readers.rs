//! Readers of frames: how far behind they may be, how often, and for how long they may take nothing.

use std::time::Duration;

use rillcast::live::{Bounds, Join, Reason, Ring, Slow, Taken};
use rillcast::media::{Limit, RingLimits};

use crate::item::Item;
use crate::source::epoch;
use crate::{Row, most, until};

pub(crate) fn rows() -> Vec<Row> {
    vec![
        most(Limit::RingHistory, |offset| {
            let limits = RingLimits::default();
            let ring = Ring::new(Bounds::of(&limits, 1));
            let history = limits.history.as_micros() as i64;
            ring.push(Item::new(0, 100, 0, true));
            ring.push(Item::new(1, 100, history + offset, true));
            (ring.occupancy().first > 0).then_some(Limit::RingHistory)
        }),
        until(Limit::RingJumps, |offset| {
            let jumps = RingLimits::default().jumps.saturating_add_signed(offset as isize);
            jumping(jumps as u32, Duration::from_secs(1)).then_some(Limit::RingJumps)
        }),
        until(Limit::RingJumpsWithin, |offset| {
            // The third of them comes so long after the first.
            let within = RingLimits::default().jumps_within.as_micros() as i64 - offset * 2;
            jumping(3, Duration::from_micros(within as u64 / 2)).then_some(Limit::RingJumpsWithin)
        }),
        until(Limit::RingBlocked, |offset| {
            let (limits, now) = (RingLimits::default(), epoch().mono);
            let ring = Ring::<Item>::new(Bounds::of(&limits, 1));
            let mut reader = ring.subscribe(Join::Live, Slow::SkipToStart, now);
            let millis = (limits.blocked.as_millis() as i64 + offset) as u64;
            reader.blocked(now, now + Duration::from_millis(millis)).then_some(Limit::RingBlocked)
        }),
    ]
}

/// Whether a reader is closed that is left behind so often, so far apart.
fn jumping(jumps: u32, apart: Duration) -> bool {
    let limits = RingLimits { bytes: 1_000, ..RingLimits::default() };
    let (ring, now) = (Ring::new(Bounds::of(&limits, 1)), epoch().mono);
    ring.push(Item::new(0, 100, 0, true));
    let mut reader = ring.subscribe(Join::LatestStart, Slow::SkipToStart, now);
    let mut number = 1;
    for jump in 0..jumps {
        for _ in 0..20 {
            ring.push(Item::new(number, 100, number as i64, true));
            number += 1;
        }
        let mut items = Vec::new();
        let at = now + apart * jump;
        match reader.take(at, 100, &mut items) {
            Taken::Closed(reason) => {
                assert_eq!(reason, Reason::SlowClientLagged, "at jump {jump}");
                return true;
            }
            taken => assert!(matches!(taken, Taken::Skipped { .. }), "{taken:?}"),
        }
        while reader.take(at, 100, &mut items) == Taken::Some {}
    }
    false
}
