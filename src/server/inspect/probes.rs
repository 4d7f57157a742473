//! Questions a player asks seldom: the same state again, as a delta, and what is to be refused.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::address::Address;
use super::client::{Ask, Fetched};
use super::world::{World, patience};
use crate::lint::{self, Asked, Class, Listing, Reload};
use crate::server::clock::Clock;

/// Asks for a state that is there, whole and as a delta, and compares. `before` is what a client had.
pub(super) async fn again(
    world: Arc<World>,
    name: String,
    address: Address,
    before: Arc<Listing>,
    (full, body): (Arc<Listing>, Bytes),
) {
    if let Some((listing, fetched)) = get(&world, &name, &address, &full).await
        && listing.position() == full.position()
    {
        world.found(&name, lint::same_state(&body, &fetched.body));
    }
    let control = full.control.clone().unwrap_or_default();
    if control.can_skip_until.is_none() || full.ended {
        return;
    }
    for skip in ["YES", "v2"] {
        if skip == "v2" && !control.can_skip_dateranges {
            continue;
        }
        let place = format!("{name} (delta)");
        let address = address.with(&format!("_HLS_skip={skip}"));
        let Some((delta, _)) = get(&world, &place, &address, &full).await else { continue };
        // The stream may have gone on meanwhile; then there is nothing to compare with.
        if delta.position() == full.position() {
            world.found(&place, lint::delta(&before, &delta, &full));
        }
    }
}

/// A playlist that can be had at once, held to the rules of one state.
async fn get(world: &World, place: &str, address: &Address, full: &Listing) -> Option<(Listing, Fetched)> {
    let ask = Ask { address, gzip: true, range: None, patience: patience(Some(full)) };
    let fetched = world.fetch(place, Class::Blocking, &ask, Some(full)).await.ok()?;
    if fetched.status != 200 {
        return None;
    }
    let (listing, findings) = lint::media_playlist(&fetched.body);
    world.found(place, findings);
    Some((listing, fetched))
}

/// Asks what is to be refused, and what is not though one might think so (§6.2.5.2).
pub(super) async fn once(world: Arc<World>, name: String, address: Address, listing: Arc<Listing>) {
    if !listing.control.as_ref().is_some_and(|control| control.can_block_reload) || listing.ended {
        return;
    }
    let far = listing.position().msn.saturating_add(50);
    let mut questions = vec![
        (Asked::Far(far), format!("_HLS_msn={far}"), "from far ahead"),
        (Asked::PartAlone, "_HLS_part=0".to_owned(), "of a part alone"),
        (Asked::Nonsense, "_HLS_msn=soon".to_owned(), "that is no number"),
    ];
    if let Some(old) = listing.media_sequence.checked_sub(1) {
        questions.push((Asked::Old(old), format!("_HLS_msn={old}&_HLS_part=0"), "of what has left"));
    }
    for (asked, query, what) in questions {
        let place = format!("{name} (reload {what})");
        let address = address.with(&query);
        // One that is held against the rules is held for long: a few seconds tell.
        let patience = Duration::from_secs(4);
        let ask = Ask { address: &address, gzip: true, range: None, patience };
        let class = if matches!(asked, Asked::Old(_)) { Class::Blocking } else { Class::Refused };
        let began = Clock::mono();
        let fetched = world.fetch(&place, class, &ask, Some(&listing)).await;
        let waited = Clock::mono().saturating_duration_since(began);
        let fetched = fetched.ok();
        let answer = fetched.as_ref().filter(|fetched| fetched.status == 200);
        let answer = answer.map(|fetched| lint::media_playlist(&fetched.body).0);
        world.found(
            &place,
            lint::reload(&Reload {
                asked,
                status: fetched.map(|fetched| fetched.status),
                answer: answer.as_ref(),
                waited,
                target: listing.target.unwrap_or(0),
            }),
        );
    }
    let Ok(unknown) = address.join("no-such-part-was-ever-named.m4s") else { return };
    let ask = Ask { address: &unknown, gzip: false, range: None, patience: Duration::from_secs(4) };
    // Whatever it says, it says it as errors are to be said.
    let _ = world.fetch(&format!("{name} (unknown part)"), Class::Refused, &ask, Some(&listing)).await;
}
