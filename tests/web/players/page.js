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
const behind = (date) => (date ? (Date.now() - date.getTime()) / 1000 : null);

async function hlsjs(lowLatencyMode) {
  await script("/hls.js");
  const { Hls } = window;
  const hls = new Hls({ lowLatencyMode, debug: query.has("debug") });
  hls.on(Hls.Events.ERROR, (_, { fatal: dead, type, details, reason, error, response }) => {
    const told = [type, details, reason ?? error?.message, response?.code, response?.url].filter(Boolean).join(" ");
    (dead ? fatal : errors).push(told);
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  return { version: Hls.version, latency: () => behind(hls.playingDate), edge: () => hls.latestLevelDetails?.edge };
}

async function shakaPlayer() {
  await script("/shaka-player.js");
  const { shaka } = window;
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  const hear = (error) => {
    const told = `${error.category}.${error.code} ${JSON.stringify(error.data)}`;
    (error.severity === shaka.util.Error.Severity.CRITICAL ? fatal : errors).push(told);
  };
  player.addEventListener("error", ({ detail }) => hear(detail));
  await player.attach(video);
  player.configure({ streaming: { lowLatencyMode: true } });
  await player.load(url).catch(hear);
  const latency = () => behind(player.getPlayheadTimeAsDate());
  return { version: shaka.Player.version, latency, edge: () => player.seekRange().end };
}

async function videojs() {
  await script("/video.js");
  const { videojs } = window;
  const player = videojs(video, { html5: { vhs: { overrideNative: true } }, liveui: true });
  player.on("error", () => fatal.push(`${player.error().code} ${player.error().message}`));
  player.src({ src: url, type: "application/x-mpegURL" });
  const edge = () => lastOf(player.seekable());
  return { version: videojs.VERSION, latency: () => edge() - player.currentTime(), edge };
}

const players = {
  "hls.js": () => hlsjs(true),
  "hls.js, low latency off": () => hlsjs(false),
  "shaka-player": shakaPlayer,
  "video.js": videojs,
};

window.addEventListener("error", ({ message }) => errors.push(message));
const { version, latency, edge } = await players[query.get("player")]();
const shown = () => document.querySelector("video");
window.player = {
  version,
  sample() {
    const { currentTime, paused, ended, readyState, playbackRate, buffered, error } = shown();
    const { totalVideoFrames: frames } = shown().getVideoPlaybackQuality();
    if (error) fatal.push(`the video element: ${error.code} ${error.message}`);
    const ahead = buffered.length ? lastOf(buffered) - currentTime : 0;
    const state = { currentTime, paused, ended, readyState, playbackRate, frames, ahead };
    return { wall: Date.now() / 1000, ...state, latency: latency(), edge: edge(), fatal, errors };
  },
};
