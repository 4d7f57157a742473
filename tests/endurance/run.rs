//! Run: begins everything, lets it go on, ends it in order, and waits until everything is as it was.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Options;
use super::book::Book;
use super::churn::{Scene, churn};
use super::encoder::{Encoder, Order, clips};
use super::faults::Faults;
use super::follower::follow;
use super::relay::{Chance, Relay};
use super::report::{Report, Shape, leftovers};
use super::server::Server;
use super::vitals::{Doctor, Lateness, Look};
use crate::Fault;

const SECOND: Duration = Duration::from_secs(1);
/// How long a server is left alone before it is looked at.
const REST: Duration = Duration::from_secs(2);
/// Every how manieth encoder goes through a relay, where more can go wrong.
const RELAYED: usize = 4;
/// How long after the end whatever is left is waited for, beyond the window and the grace: viewers are remembered, and
/// those who do not read are given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a soak; what it came to.
///
/// # Errors
/// When it cannot be run at all.
pub(crate) async fn run(options: Options) -> Result<Report, Fault> {
    let names: Vec<_> = (0..options.publishers).map(|n| format!("soak-{n}")).collect();
    let server = Arc::new(Server::start(&options, &names).await?);
    let book = Arc::new(Book::new());
    let late = Lateness::watch()?;
    let mut doctor = Doctor::new(server.clone(), book.clone());
    doctor.look().await?;
    tokio::time::sleep(REST).await;
    let before = doctor.look().await?;
    let scene = Arc::new(Scene::new(&server, names, book.clone()));

    let began = Instant::now();
    let looks = load(&options, &scene, &server, &mut doctor).await?;
    book.calm.disturb(None, Instant::now(), Instant::now() + 3600 * SECOND);
    let shape = Shape { before, looks, time: began.elapsed(), lateness: late.told(), ..Shape::default() };
    let (after, took) = rest(&options, &mut doctor, &shape).await?;
    drop(doctor);

    let (lines, mistakes) = server.logged();
    for mistake in mistakes {
        book.breach("the server logged an error", mistake);
    }
    let server = Arc::try_unwrap(server).map_err(|_| "somebody still uses the server")?;
    if !server.stop().await? {
        book.breach("the server did not stop in order", "SIGTERM");
    }
    let shape = Shape { after, took, lines, part: scene.longest_part(), ..shape };
    Ok(Report::new(options, &book, shape))
}

/// Publishers, viewers, followers and faults, for the time of the run; then all of them end.
async fn load(
    options: &Options,
    scene: &Arc<Scene>,
    server: &Arc<Server>,
    doctor: &mut Doctor,
) -> Result<Vec<Look>, Fault> {
    let mut chance = Chance::new(options.seed);
    let clips = clips()?;
    let (mut encoders, mut orders, mut relays) = (JoinSet::new(), Vec::new(), Vec::new());
    let now = Instant::now();
    scene.book.calm.disturb(None, now, now + 10 * SECOND);
    for (number, name) in scene.names.iter().enumerate() {
        let mut at = scene.rtmp;
        if number % RELAYED == RELAYED - 1 {
            let relay = Relay::to(scene.rtmp, chance.next()).await?;
            at = relay.at;
            relays.push((number, relay));
        }
        let (order, ordered) = watch::channel(Order::Publish);
        orders.push(order);
        let clip = clips.get(number % clips.len()).ok_or("no clips")?.clone();
        encoders.spawn(Encoder { number, name: name.clone(), at }.run(clip, ordered, scene.book.clone()));
        // Keyframes of different encoders do not come together.
        tokio::time::sleep(SECOND / 10).await;
    }
    let until = Instant::now() + options.time;
    let mut followers = JoinSet::new();
    for stream in 0..scene.names.len() {
        followers.spawn(follow(scene.clone(), stream));
    }
    let churning = tokio::spawn(churn(scene.clone(), Chance::of(options.seed, 1), options.sessions, until));
    let faults = Faults {
        scene: scene.clone(),
        server: server.clone(),
        encoders: orders,
        relays,
        clip: clips.first().ok_or("no clips")?.clone(),
        grace: options.grace,
        chance: Chance::of(options.seed, 2),
    };
    // The last one is over, and got over, when everything else ends.
    let calm = (options.time / 4).min(options.grace + 20 * SECOND);
    let faulting = tokio::spawn(faults.run(options.fault, until - calm));
    let looks = doctor.watch(until).await;
    churning.await?;
    let faults = faulting.await?;
    followers.shutdown().await;
    for encoder in &faults.encoders {
        encoder.send_replace(Order::Leave);
    }
    tokio::time::sleep(SECOND).await;
    // Nobody tells them anything any more, and their ways are gone.
    drop(faults);
    while encoders.join_next().await.is_some() {}
    Ok(looks)
}

/// Waits until everything that was taken is given back, as long as that may take; how it is then, and after how long.
async fn rest(options: &Options, doctor: &mut Doctor, shape: &Shape) -> Result<(Look, Duration), Fault> {
    let began = Instant::now();
    let most = options.rest + options.window + options.grace + PATIENCE;
    loop {
        let look = doctor.look().await?;
        let back =
            began.elapsed() >= options.rest && leftovers(&shape.before, &shape.looks, &look).is_empty();
        if back || began.elapsed() > most {
            return Ok((look, began.elapsed()));
        }
        tokio::time::sleep(SECOND).await;
    }
}
