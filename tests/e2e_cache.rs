//! Real caches in front: nginx and Varnish as docs/recipes/ configures them, with many viewers behind.
//!
//! However many they are, the origin is asked once for each part and each state of a playlist, and nobody is
//! handed a state that is older than one part. Both programs come from PATH; a test fails without them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test reports by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

#[path = "http/rig.rs"]
#[allow(dead_code, reason = "written for more tests than these")]
mod rig;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rig::{Encoder, Server, get, playable, settings};
use tokio::net::TcpStream;

const VIEWERS: usize = 24;
/// Parts each viewer follows.
const PARTS: usize = 12;
const NGINX: &str = include_str!("../docs/recipes/nginx-cache.conf");
const VARNISH: &str = include_str!("../docs/recipes/varnish.vcl");

/// A cache that runs until it is dropped.
struct Cache {
    child: Child,
    at: SocketAddr,
}

impl Drop for Cache {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The recipe with this test's addresses in place of its own; each must have been there.
fn recipe(text: &str, changes: &[(&str, String)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the recipe has no {from:?}");
        text.replace(from, to)
    })
}

impl Cache {
    fn spawn(command: &mut Command, at: SocketAddr) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Self { child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")), at }
    }

    fn nginx(origin: SocketAddr, folder: &Path) -> Self {
        let at = free();
        let site = recipe(
            NGINX,
            &[
                ("server 127.0.0.1:8080;", format!("server {origin};")),
                ("listen 80;", format!("listen {at};")),
                ("/var/cache/nginx/rillcast", folder.join("cache").display().to_string()),
            ],
        );
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {}/{kind};\n", folder.display()))
            .concat();
        let main = format!(
            "daemon off; master_process off; pid {0}/pid; error_log stderr warn;\nevents {{}}\n\
             http {{ access_log off;\n{temporary}{site} }}\n",
            folder.display(),
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, main).unwrap();
        Self::spawn(Command::new("nginx").arg("-p").arg(folder).arg("-c").arg(file), at)
    }

    fn varnish(origin: SocketAddr, folder: &Path) -> Self {
        let at = free();
        let port = format!(".port = \"{}\";", origin.port());
        let file = folder.join("default.vcl");
        std::fs::write(&file, recipe(VARNISH, &[(".port = \"8080\";", port)])).unwrap();
        let mut command = Command::new("varnishd");
        command.args(["-F", "-j", "none", "-s", "malloc,64m", "-T", "none", "-a"]).arg(at.to_string());
        Self::spawn(command.arg("-n").arg(folder.join("run")).arg("-f").arg(file), at)
    }

    async fn ready(&mut self) {
        let began = Instant::now();
        while TcpStream::connect(self.at).await.is_err() {
            assert!(self.child.try_wait().unwrap().is_none(), "the cache has ended");
            assert!(began.elapsed() < Duration::from_secs(20), "the cache does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What the origin has answered, by class of request.
async fn asked(server: &Server) -> BTreeMap<String, u64> {
    let (_, metrics) = get(server.at.admin, "/metrics", "").await;
    let mut all = BTreeMap::new();
    for line in metrics.lines() {
        let Some(rest) = line.strip_prefix("rillcast_http_requests_total{class=\"") else { continue };
        let class = rest.split('"').next().unwrap();
        *all.entry(class.to_owned()).or_default() += line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    }
    all
}

fn number(playlist: &str, name: &str) -> usize {
    let rest = playlist.split(name).nth(1).unwrap_or_else(|| panic!("{name} in {playlist}"));
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// Where the next part will be: the segment that is open, and how many parts of it there are.
fn next(playlist: &str) -> (usize, usize) {
    let open = number(playlist, "#EXT-X-MEDIA-SEQUENCE:") + playlist.matches("#EXTINF").count();
    let tail = playlist.rsplit("#EXTINF").next().unwrap();
    (open, tail.matches("#EXT-X-PART:").count())
}

/// Name of the part that comes next; its number tells how new a state is.
fn hint(playlist: &str) -> &str {
    playlist.split("TYPE=PART,URI=\"").nth(1).unwrap().split('"').next().unwrap()
}

/// What one viewer has asked for, and the oldest state it was handed, in parts behind the origin.
#[derive(Default)]
struct Seen {
    playlists: BTreeSet<String>,
    parts: BTreeSet<String>,
    behind: usize,
}

/// Follows the stream as a player does: each state of the playlist, and each part that is hinted.
async fn view(n: usize, cache: SocketAddr, origin: SocketAddr, folder: String) -> Seen {
    let mut seen = Seen::default();
    // Players add things of their own and list them in any order.
    let decoration = [String::new(), format!("&viewer={n}"), "&b=2".to_owned()][n % 3].clone();
    let encoding = ["", "Accept-Encoding: gzip, deflate\r\n", "Accept-Encoding: br;q=1.0, gzip\r\n"][n % 3];
    let plain = format!("{folder}media.m3u8");
    let (head, mut state) = get(cache, &plain, "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    for _ in 0..PARTS {
        let (msn, part) = next(&state);
        let directives = format!("_HLS_msn={msn}&_HLS_part={part}");
        let turned = format!("_HLS_part={part}{decoration}&_HLS_msn={msn}");
        let query = if n.is_multiple_of(2) { format!("{directives}{decoration}") } else { turned };
        let part_at = format!("{folder}{}", hint(&state));
        let url = format!("{plain}?{query}");
        // As players do: the part that is hinted is asked for together with the playlist that will list it.
        let (media, (head, packed)) = tokio::join!(get(cache, &part_at, ""), get(cache, &url, encoding));
        assert!(media.0.starts_with("http/1.1 200") && !media.1.is_empty(), "{part_at}: {}", media.0);
        assert!(head.starts_with("http/1.1 200"), "{url}: {head}");
        assert_eq!(head.contains("content-encoding: gzip"), !encoding.is_empty(), "{head}");
        let now = get(origin, &plain, "").await.1;
        seen.parts.insert(part_at);
        seen.playlists.insert(directives);
        // The compressed form does not pass as text; what it says is what the plain one says.
        state =
            if encoding.is_empty() { packed } else { get(cache, &format!("{plain}?{query}"), "").await.1 };
        assert!(!state.contains("viewer"), "what was asked is not repeated");
        let number = |playlist: &str| number(hint(playlist), "part-");
        seen.behind = seen.behind.max(number(&now).saturating_sub(number(&state)));
    }
    seen
}

/// Runs the viewers and holds the promises.
async fn many_cost_as_much_as_one(mut cache: Cache, server: Server, folder: String) {
    cache.ready().await;
    let before = asked(&server).await;
    let began = Instant::now();
    let viewers: Vec<_> =
        (0..VIEWERS).map(|n| tokio::spawn(view(n, cache.at, server.at.http, folder.clone()))).collect();
    let mut all = Seen::default();
    for viewer in viewers {
        let seen = viewer.await.unwrap();
        all.playlists.extend(seen.playlists);
        all.parts.extend(seen.parts);
        all.behind = all.behind.max(seen.behind);
    }
    let after = asked(&server).await;
    let cost = |class: &str| after.get(class).copied().unwrap_or(0) - before.get(class).copied().unwrap_or(0);
    assert_eq!(cost("Media"), all.parts.len() as u64, "one request a part");
    // The viewers' own looks at the origin are theirs; each state comes in two forms at most.
    let own = (VIEWERS * PARTS) as u64;
    let playlists = cost("Playlist") - own;
    let forms = 2 * all.playlists.len() as u64;
    let joins = began.elapsed().as_secs() + 2;
    assert!(playlists <= forms + joins, "{playlists} requests for {} states", all.playlists.len());
    assert!(all.behind <= 1, "a state {} parts old was handed out", all.behind);
    println!(
        "{VIEWERS} viewers, {} parts, {} states: the origin answered {} and {playlists}",
        all.parts.len(),
        all.playlists.len(),
        cost("Media"),
    );
}

async fn stage() -> (Server, Encoder, String, tempfile::TempDir) {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    (server, encoder, folder, tempfile::tempdir().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_behind_nginx_cost_the_origin_one_request() {
    let (server, encoder, media, folder) = stage().await;
    let cache = Cache::nginx(server.at.http, folder.path());
    many_cost_as_much_as_one(cache, server, media).await;
    drop(encoder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_behind_varnish_cost_the_origin_one_request() {
    let (server, encoder, media, folder) = stage().await;
    let cache = Cache::varnish(server.at.http, folder.path());
    many_cost_as_much_as_one(cache, server, media).await;
    drop(encoder);
}
