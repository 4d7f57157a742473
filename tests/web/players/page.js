// One player with one stream: /?player=NAME&url=URL. What it does is read from `window.player`.
//
// Each player is set up as its manual says for live streams and not otherwise: what they need to play, a
// stranger's page would not know to give them.

const query = new URLSearchParams(location.search);
const url = query.get("url");
const video = document.getElementById("video");
const fatal = [];
const errors = [];

/** Loads a classic script; the players come as such. */
const script = (path) =>
  new Promise((done, failed) => {
    const element = Object.assign(document.createElement("script"), { src: path, onload: done, onerror: failed });
    document.head.append(element);
  });

const lastOf = (ranges) => (ranges.length ? ranges.end(ranges.length - 1) : null);
/** Seconds between a moment of the stream and now: the publisher's clock is this machine's. */
const since = (date) => (date ? (Date.now() - date.getTime()) / 1000 : null);

async function hlsjs(lowLatencyMode) {
  await script("/hls.js");
  const { Hls } = window;
  const hls = new Hls({ lowLatencyMode });
  hls.on(Hls.Events.ERROR, (_, { fatal: dead, type, details, reason, error, response }) => {
    const told = [type, details, reason ?? error?.message, response?.code, response?.url].filter(Boolean).join(" ");
    (dead ? fatal : errors).push(told);
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  return { version: Hls.version, behind: () => since(hls.playingDate) };
}

async function shakaPlayer() {
  await script("/shaka-player.js");
  const { shaka } = window;
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  const tell = (list, error) => list.push(`${error.category}.${error.code} ${JSON.stringify(error.data)}`);
  // An error is told before its handling, which lowers the severity of what is tried again.
  // A gap with nothing behind it yet is told as critical too; whether it goes on from there is seen by its pictures.
  const { Code, Severity } = shaka.util.Error;
  const ends = ({ code, severity }) => severity === Severity.CRITICAL && code !== Code.SEGMENT_MISSING;
  const hear = (error) => queueMicrotask(() => tell(ends(error) ? fatal : errors, error));
  player.addEventListener("error", ({ detail }) => hear(detail));
  await player.attach(video);
  player.configure({ streaming: { lowLatencyMode: true } });
  await player.load(url).catch((error) => tell(fatal, error));
  return { version: shaka.Player.version, behind: () => since(player.getPlayheadTimeAsDate()) };
}

async function videojs() {
  await script("/video.js");
  const { videojs } = window;
  // Its manual (docs/supported-features.md of http-streaming) does not promise low latency yet. With it on it gives a
  // stream up for good after ten parts in a row that add nothing to its buffer, now and then at the start already.
  const player = videojs(video, { html5: { vhs: { overrideNative: true, llhls: false } }, liveui: true });
  player.on("error", () => fatal.push(`${player.error().code} ${player.error().message}`));
  player.src({ src: url, type: "application/x-mpegURL" });
  return { version: videojs.VERSION, behind: () => lastOf(player.seekable()) - player.currentTime() };
}

const players = {
  "hls.js": () => hlsjs(true),
  "hls.js, low latency off": () => hlsjs(false),
  "shaka-player": shakaPlayer,
  "video.js": videojs,
};

window.addEventListener("error", ({ message }) => errors.push(message));
const { version, behind } = await players[query.get("player")]();
const shown = () => document.querySelector("video");
window.player = {
  version,
  sample() {
    const { currentTime, paused, ended, readyState, playbackRate, error } = shown();
    const { totalVideoFrames: frames } = shown().getVideoPlaybackQuality();
    const broken = error ? [`the video element: ${error.code} ${error.message}`] : [];
    const state = { currentTime, paused, ended, readyState, playbackRate, frames };
    return { wall: Date.now() / 1000, ...state, behind: behind(), fatal: [...fatal, ...broken], errors };
  },
};
