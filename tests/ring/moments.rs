//! A generation's moments: order of arrival, epochs, and a publisher that is lost.

use std::time::Duration;

use rillcast::live::{Join, Moment, Publisher, Reason, Registry, Settings, Slow, Subscriber, Taken};
use rillcast::media::{CodecConfig, Now, StreamName, TrackId};

use crate::source::{Sent, Source, epoch};

fn join(registry: &Registry, source: &Source, now: Now) -> Publisher {
    let mut publisher = registry.publish(&StreamName::parse("cam").unwrap(), now).unwrap();
    source.tracks().into_iter().for_each(|track| publisher.configure(track, now));
    publisher
}

fn send(publisher: &mut Publisher, frames: &[Sent], start: Now) {
    for one in frames {
        let at = start.plus(one.frame.arrival.saturating_duration_since(start.mono));
        publisher.push(one.frame.clone(), at).unwrap();
    }
}

fn read(reader: &mut Subscriber<Moment>, now: Now) -> (Vec<Moment>, Taken) {
    let mut moments = Vec::new();
    loop {
        let taken = reader.take(now.mono, 100, &mut moments);
        if taken != Taken::Some {
            return (moments, taken);
        }
    }
}

#[test]
fn frames_of_all_tracks_come_in_the_order_they_arrived() {
    let (registry, start, source) = (Registry::new(Settings::default()), epoch(), Source::default());
    let mut publisher = join(&registry, &source, start);
    let generation = publisher.generation().clone();
    let mut reader = generation.moments().subscribe(Join::LatestStart, Slow::SkipToStart, start.mono);
    let frames = source.frames(4, start);
    send(&mut publisher, &frames, start);
    let (moments, taken) = read(&mut reader, start);
    assert_eq!(taken, Taken::Empty);
    let payloads = |moment: &Moment| (moment.frame.track, moment.frame.payload.clone());
    let sent: Vec<_> = frames.iter().map(|sent| (sent.frame.track, sent.frame.payload.clone())).collect();
    assert_eq!(moments.iter().map(payloads).collect::<Vec<_>>(), sent);
    let first = &moments[0];
    assert!(first.frame.key && first.frame.track == TrackId::VIDEO);
    assert_eq!((first.epoch.number, first.epoch.lead), (0, TrackId::VIDEO));
    assert_eq!(first.epoch.tracks, source.tracks());
    publisher.finish();
    assert_eq!(read(&mut reader, start).1, Taken::Closed(Reason::StreamEnded));
}

#[test]
fn a_lost_publisher_leaves_readers_waiting_and_the_next_goes_on_in_a_new_epoch() {
    let (registry, start, source) = (Registry::new(Settings::default()), epoch(), Source::default());
    let mut publisher = join(&registry, &source, start);
    let generation = publisher.generation().clone();
    let mut reader = generation.moments().subscribe(Join::LatestStart, Slow::Disconnect, start.mono);
    send(&mut publisher, &source.frames(3, start), start);
    drop(publisher);
    let (before, taken) = read(&mut reader, start);
    assert_eq!(taken, Taken::Empty, "within the grace nothing has ended");
    let back = start.plus(Duration::from_secs(5));
    let mut publisher = join(&registry, &source, back);
    send(&mut publisher, &source.frames(3, back), back);
    drop(publisher);
    let (after, taken) = read(&mut reader, back);
    assert_eq!(taken, Taken::Empty);
    assert!(before.iter().all(|moment| moment.epoch.number == 0));
    assert!(after[0].frame.key && after[0].frame.track == TrackId::VIDEO);
    assert!(after.iter().all(|moment| moment.epoch.number == after[0].epoch.number));
    assert!(after[0].epoch.number > 0);
    let last = before.iter().map(|moment| moment.frame.dts.micros()).max().unwrap();
    assert!(after[0].frame.dts.micros() >= last, "time never goes back");
    registry.tick(back.plus(Duration::from_secs(14)).mono);
    assert_eq!(read(&mut reader, back).1, Taken::Closed(Reason::StreamEnded));
    let mut late = generation.moments().subscribe(Join::LatestStart, Slow::SkipToStart, back.mono);
    assert!(!read(&mut late, back).0.is_empty(), "what it holds stays readable");
}

#[test]
fn a_new_configuration_comes_with_the_first_frame_it_is_for() {
    let (registry, start, source) = (Registry::new(Settings::default()), epoch(), Source::default());
    let mut publisher = join(&registry, &source, start);
    let generation = publisher.generation().clone();
    let mut reader = generation.moments().subscribe(Join::LatestStart, Slow::SkipToStart, start.mono);
    let frames = source.frames(6, start);
    let (first, second) = frames.split_at(frames.len() / 2 - 20);
    send(&mut publisher, first, start);
    let mut track = source.tracks().remove(0);
    let CodecConfig::Video(video) = &mut track.config else { panic!("{track:?}") };
    video.height = 1_080;
    publisher.configure(track.clone(), start.plus(Duration::from_secs(3)));
    send(&mut publisher, second, start);
    let moments = read(&mut reader, start).0;
    let at = moments.iter().position(|moment| moment.epoch.number == 1).unwrap();
    assert!(moments[at].frame.key && moments[at].frame.track == TrackId::VIDEO);
    assert_eq!(moments[at].epoch.tracks[0], track);
    assert_eq!(moments[at - 1].epoch.tracks[0], source.tracks()[0]);
    assert!(moments[at..].iter().all(|moment| moment.epoch.number == 1));
}
