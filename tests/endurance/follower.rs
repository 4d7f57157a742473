//! Followers: one a stream, who is at the live edge and knows when the next part is due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::churn::Scene;
use super::http::{Connection, resolve};
use super::playlist::{Playlist, renditions};
use crate::Fault;

/// How soon a stream whose encoder is well must be playable.
const PLAYABLE: Duration = Duration::from_secs(8);
/// What one answer may take beyond what it is held, on a machine that is busy.
const SLACK: Duration = Duration::from_secs(1);
/// What it may take while its stream is disturbed, or the whole server stood still.
const TROUBLED: Duration = Duration::from_secs(3);

/// Follows a stream through all its generations, until it is dropped.
pub(crate) async fn follow(scene: Arc<Scene>, stream: usize) {
    let mut ended = None;
    let mut waiting = Instant::now();
    loop {
        let mut connection = Connection::new(&scene.http.to_string());
        match first(&scene, stream, &mut connection).await {
            Ok(Some(media)) if ended.as_ref() != Some(&media) => {
                let _ = generation(&scene, stream, &mut connection, &media).await;
                ended = Some(media);
                waiting = Instant::now();
            }
            _ => {
                let now = Instant::now();
                if waiting.elapsed() > PLAYABLE && scene.book.calm.holds(stream, now - PLAYABLE, now) {
                    scene.book.breach("a stream is not playable", scene.name(stream));
                    waiting = now;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// The URI of the first rendition, when there is one.
async fn first(scene: &Scene, stream: usize, connection: &mut Connection) -> Result<Option<String>, Fault> {
    let path = format!("/live/{}/index.m3u8", scene.name(stream));
    let status = tokio::time::timeout(Duration::from_secs(10), connection.get(&path)).await??;
    if status != 200 {
        return Ok(None);
    }
    Ok(renditions(&connection.text()).first().map(|media| resolve(&path, media)))
}

/// Follows one generation to its end.
async fn generation(
    scene: &Scene,
    stream: usize,
    connection: &mut Connection,
    media: &str,
) -> Result<(), Fault> {
    let book = &scene.book;
    let mut known: Option<Playlist> = None;
    let mut last = None::<Instant>;
    loop {
        let path = match &known {
            None => media.to_owned(),
            Some(known) => format!("{media}?{}", known.query()),
        };
        let asked = Instant::now();
        let hold = 3 * known.as_ref().map_or(Duration::from_secs(2), |known| known.target);
        let answered = tokio::time::timeout(hold + 5 * TROUBLED, connection.get(&path)).await;
        let took = asked.elapsed();
        let calm = book.calm.holds(stream, asked, Instant::now());
        let (Ok(Ok(_)), true) = (&answered, took <= hold + if calm { SLACK } else { TROUBLED }) else {
            let what = format!("{path}: {took:.1?}, {}", answered.is_ok_and(|answer| answer.is_ok()));
            book.breach("a held request is not answered in time", what);
            return Err("no answer".into());
        };
        let status = answered??;
        if !book.status(stream, &path, asked, status) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            return Ok(());
        }
        let next = Playlist::read(&connection.text());
        if let Some(known) = &known {
            book.pages().holds.push(took);
            let constant = (next.target, next.part_target) == (known.target, known.part_target);
            if next.first < known.first || (next.msn, next.part) < (known.msn, known.part) || !constant {
                book.breach(
                    "a playlist goes back, or breaks a promise",
                    format!("{path}: {known:?}, {next:?}"),
                );
            }
            if (next.msn, next.part) > (known.msn, known.part) {
                let now = Instant::now();
                if let Some(last) = last.replace(now) {
                    let mut pages = book.pages();
                    let gaps = if calm { &mut pages.calm_gaps } else { &mut pages.troubled_gaps };
                    gaps.push(now - last);
                }
                scene.part_target(next.part_target);
            }
        }
        if next.ended {
            return Ok(());
        }
        known = Some(next);
    }
}
