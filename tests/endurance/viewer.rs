//! A viewer of HLS: a multivariant playlist, then one rendition or two, part by part.

use std::time::{Duration, Instant};

use super::churn::Scene;
use super::http::{Connection, resolve};
use super::playlist::{Playlist, renditions};
use super::relay::Chance;
use super::secure::Secure;
use crate::Fault;

/// How long one answer may take: the longest that a request is held, and more.
const ANSWER: Duration = Duration::from_secs(20);
/// Parts behind the newest at which a viewer begins.
const BEHIND: usize = 3;

/// Watches a stream until the instant given.
pub(crate) async fn watch(
    scene: &Scene,
    stream: usize,
    mut chance: Chance,
    secure: bool,
    until: Instant,
) -> Result<(), Fault> {
    let mut connection = Line::open(scene, secure).await?;
    let index = format!("/live/{}/index.m3u8", scene.name(stream));
    let Some(()) = get(scene, stream, &mut connection, &index).await? else { return Ok(()) };
    let all = renditions(&connection.text());
    let mut media = all.iter().map(|media| resolve(&index, media));
    let picture = media.next().ok_or("a multivariant playlist without a variant")?;
    let sound = media.next().filter(|_| chance.hits(0.4));
    let pictures = rendition(scene, stream, &connection, picture, Chance::of(chance.next(), 1), until);
    let sounds = async {
        match sound {
            Some(sound) => {
                rendition(scene, stream, &connection, sound, Chance::of(chance.next(), 2), until).await
            }
            None => Ok(()),
        }
    };
    let (pictures, sounds) = tokio::join!(pictures, sounds);
    pictures.and(sounds)
}

/// What a viewer asks along.
enum Line {
    /// Plain HTTP/1.1, one request at a time.
    Plain(Connection),
    /// One connection for all that it asks for.
    Secure(Secure),
}

impl Line {
    async fn open(scene: &Scene, secure: bool) -> Result<Self, Fault> {
        if secure {
            Ok(Self::Secure(Secure::open(&scene.secure, None).await?))
        } else {
            Ok(Self::plain(scene))
        }
    }

    fn plain(scene: &Scene) -> Self {
        Self::Plain(Connection::new(&scene.http.to_string()))
    }

    /// One for what is asked for beside it.
    fn another(&self, scene: &Scene) -> Self {
        match self {
            Self::Plain(_) => Self::plain(scene),
            Self::Secure(secure) => Self::Secure(secure.clone()),
        }
    }

    async fn get(&mut self, path: &str) -> Result<u16, Fault> {
        match self {
            Self::Plain(connection) => connection.get(path).await,
            Self::Secure(secure) => secure.get(path).await,
        }
    }

    fn body(&self) -> &[u8] {
        match self {
            Self::Plain(connection) => connection.body(),
            Self::Secure(secure) => secure.body(),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.body()).into_owned()
    }
}

/// Follows one rendition: reloads are held, and every part that is new is fetched.
async fn rendition(
    scene: &Scene,
    stream: usize,
    line: &Line,
    media: String,
    mut chance: Chance,
    until: Instant,
) -> Result<(), Fault> {
    let [mut playlists, mut parts] = [(); 2].map(|()| line.another(scene));
    let delta = chance.hits(0.3);
    let (mut path, mut newest, mut init) = (media.clone(), None::<String>, None);
    while Instant::now() < until {
        let Some(()) = get(scene, stream, &mut playlists, &path).await? else { return Ok(()) };
        let playlist = Playlist::read(&playlists.text());
        if playlist.init.is_some() && playlist.init != init {
            init.clone_from(&playlist.init);
            media_of(scene, stream, &mut parts, &media, init.as_deref()).await?;
        }
        let seen = newest.as_ref().and_then(|newest| playlist.parts.iter().position(|part| part == newest));
        let edge = playlist.parts.len().saturating_sub(BEHIND);
        let from = seen.map_or(edge, |seen| seen + 1);
        for part in playlist.parts.iter().skip(from) {
            media_of(scene, stream, &mut parts, &media, Some(part)).await?;
            newest = Some(part.clone());
        }
        if chance.hits(0.05) {
            media_of(scene, stream, &mut parts, &media, playlist.segment.as_deref()).await?;
        }
        if playlist.ended {
            return Ok(());
        }
        path = format!("{media}?{}{}", playlist.query(), if delta { "&_HLS_skip=YES" } else { "" });
    }
    Ok(())
}

/// Fetches media beside its playlist, and compares it with what others were given.
async fn media_of(
    scene: &Scene,
    stream: usize,
    connection: &mut Line,
    playlist: &str,
    uri: Option<&str>,
) -> Result<(), Fault> {
    let Some(uri) = uri else { return Ok(()) };
    let path = resolve(playlist, uri);
    if get(scene, stream, connection, &path).await?.is_some() {
        scene.book.add("bytes of media", connection.body().len() as u64);
        scene.book.answered(&path, connection.body());
    }
    Ok(())
}

/// Asks for something; nothing comes where a fault explains why.
async fn get(scene: &Scene, stream: usize, connection: &mut Line, path: &str) -> Result<Option<()>, Fault> {
    let asked = Instant::now();
    let answer = tokio::time::timeout(ANSWER, connection.get(path)).await;
    match answer {
        Ok(Ok(status)) => Ok(scene.book.status(stream, path, asked, status).then_some(())),
        Ok(Err(error)) if scene.book.calm.holds(stream, asked, Instant::now()) => {
            scene.book.breach("a connection of a viewer broke", format!("{path}: {error}"));
            Err(error)
        }
        Ok(Err(error)) => Err(error),
        Err(late) => {
            scene.book.breach("a held request is not answered in time", path);
            Err(late.into())
        }
    }
}
