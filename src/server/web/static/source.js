// Gets the stream into the video element: waits until it is live, plays it, and comes back when it was lost.

import { Pace } from "./pace.js";

const POLL_FIRST = 1000;
const POLL_MOST = 2000;
const RECOVER_EVERY = 5000;

/** A message for each answer that is not a playlist. */
function refusal(status) {
  if (status === 404 || status === 410) return "waiting";
  if (status === 401 || status === 403) return "forbidden";
  return "busy";
}

/** The media playlists a multivariant names: they change with every run of the stream. */
function renditions(text) {
  const uris = text.match(/URI="[^"]*"/g) ?? [];
  return [...uris, ...text.split("\n").filter((line) => line && !line.startsWith("#"))].join(" ");
}

/** What this page is counted by: one viewer, whatever its requests share an address with. */
function newSession() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Source {
  #video;
  #url;
  #session = null; // sent as a header (CMCD): in the query it would make caches keep every part once a viewer
  #clock;
  #tell;
  #hls = null;
  #pace = new Pace();
  #native;
  #playing = ""; // the renditions being played
  #ended = ""; // the renditions of the run that has ended
  #timer = 0;
  #polls = 0;
  #recovered = 0;
  #down = false;

  /** `tell(state, detail)` hears: connecting, waiting, forbidden, busy, unreachable, starting, reconnecting, ended, failed. */
  constructor(video, url, clock, engine, tell) {
    this.#video = video;
    this.#url = url;
    this.#clock = clock;
    this.#tell = tell;
    this.#native = wantsNative(video, engine);
    // The stream is of the page's own origin: another one would be asked for leave before every part.
    if (!this.#native) this.#session = newSession();
    video.addEventListener("ended", () => this.#end());
    video.addEventListener("timeupdate", () => this.#keepUp());
    video.addEventListener("error", () => {
      if (this.#native && video.error) this.#lost(video.error.message);
    });
  }

  get hls() {
    return this.#hls;
  }

  get native() {
    return this.#native;
  }

  start() {
    this.#tell("connecting");
    this.#poll();
  }

  /** Jumps to the live edge. */
  goLive() {
    const edge = this.#hls?.liveSyncPosition ?? lastSeekable(this.#video);
    if (edge !== null && Number.isFinite(edge)) this.#video.currentTime = edge;
  }

  async #poll() {
    clearTimeout(this.#timer);
    const answer = await this.#ask();
    if (answer.text === undefined) {
      if (!this.#down || answer.state === "waiting") this.#tell(answer.state, answer.detail);
      if (answer.state === "waiting") this.#drop();
      return this.#again();
    }
    const now = renditions(answer.text);
    if (now === this.#ended) return this.#again();
    if (this.#hls && now === this.#playing) {
      this.#hls.startLoad();
      return;
    }
    this.#playing = now;
    this.#attach();
  }

  async #ask() {
    const sent = Date.now();
    try {
      const headers = this.#session ? { "CMCD-Session": `sid="${this.#session}"` } : {};
      const response = await fetch(this.#url, { cache: "no-store", headers, signal: AbortSignal.timeout(10000) });
      if (!response.headers.has("Age")) this.#clock.learn(response.headers.get("Date"), sent, Date.now());
      if (response.ok) return { text: await response.text() };
      return { state: refusal(response.status), detail: `The server answered ${response.status}.` };
    } catch {
      return { state: "unreachable" };
    }
  }

  #again() {
    const delay = Math.min(POLL_MOST, POLL_FIRST * 1.25 ** this.#polls++);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#poll(), delay * (0.85 + 0.3 * Math.random()));
  }

  #attach() {
    this.#drop();
    this.#polls = 0;
    this.#tell("starting");
    if (this.#native) {
      this.#video.src = this.#url;
    } else if (globalThis.Hls?.isSupported()) {
      this.#attachHls();
    } else {
      this.#tell("failed", "This browser can play neither HLS nor Media Source streams.");
    }
  }

  #attachHls() {
    const { Hls } = globalThis;
    const hls = new Hls({
      lowLatencyMode: true,
      liveSyncOnStallIncrease: 0.5,
      // The browser lets go of what was played when it needs the room. hls.js 1.7.4 trims while it loads a segment's
      // parts, then forgets that segment, and waits for its parts to leave the playlist: four seconds of stall.
      backBufferLength: Infinity,
      // CMAF needs no transmuxing, and without a worker the policy can forbid them all.
      enableWorker: false,
      ...(this.#session && { cmcd: { sessionId: this.#session, useHeaders: true, includeKeys: ["sid"] } }),
    });
    // Further behind than this many target durations, jump. Set here: given to the constructor it would demand a
    // liveSyncDurationCount, and that would override the playlist's own hold-back.
    hls.config.liveMaxLatencyDurationCount = 8;
    this.#hls = hls;
    hls.on(Hls.Events.ERROR, (_, data) => this.#error(data));
    hls.on(Hls.Events.LEVEL_LOADED, (_, data) => this.#loaded(data));
    hls.on(Hls.Events.FRAG_BUFFERED, () => {
      this.#down = false;
    });
    hls.loadSource(this.#url);
    hls.attachMedia(this.#video);
  }

  /** Catches up gently, after the start and after a stall. */
  #keepUp() {
    const details = this.#hls?.latestLevelDetails;
    if (!details?.live || this.#hls.targetLatency === null) return;
    const { buffered, currentTime } = this.#video;
    const ahead = buffered.length ? buffered.end(buffered.length - 1) - currentTime : 0;
    const behind = this.#hls.latency - this.#hls.targetLatency;
    const rate = this.#pace.rate(behind, ahead, details.partTarget || details.targetduration);
    if (this.#video.playbackRate !== rate) this.#video.playbackRate = rate;
  }

  #loaded({ details, networkDetails, stats }) {
    const base = Date.now() - performance.now();
    const xhr = networkDetails;
    if (xhr?.getResponseHeader && !xhr.getResponseHeader("Age")) {
      this.#clock.learn(xhr.getResponseHeader("Date"), base + stats.loading.start, base + stats.loading.end);
    }
    // A run that was over before anything of it was seen is not played back.
    if (!details.live && this.#video.currentTime === 0) this.#end();
  }

  #error(data) {
    const { Hls } = globalThis;
    if (!data.fatal) return;
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && Date.now() - this.#recovered > RECOVER_EVERY) {
      this.#recovered = Date.now();
      this.#hls.recoverMediaError();
      return;
    }
    if (data.type !== Hls.ErrorTypes.NETWORK_ERROR) this.#drop();
    this.#lost(data.details);
  }

  #lost(detail) {
    this.#down = true;
    if (this.#native) this.#playing = "";
    this.#tell("reconnecting", detail);
    this.#again();
  }

  #end() {
    this.#ended = this.#playing;
    this.#drop();
    this.#tell("ended");
    this.#again();
  }

  #drop() {
    this.#down = false;
    this.#video.playbackRate = 1;
    if (this.#hls) {
      this.#hls.destroy();
      this.#hls = null;
    } else if (this.#native && this.#video.src) {
      this.#video.removeAttribute("src");
      this.#video.load();
    }
  }
}

function lastSeekable(video) {
  const { seekable } = video;
  return seekable.length ? seekable.end(seekable.length - 1) : null;
}

/** Native HLS where hls.js cannot run, and on phones with only a managed media source, where catch-up misbehaves. */
function wantsNative(video, engine) {
  const can = video.canPlayType("application/vnd.apple.mpegurl") !== "";
  if (engine === "native") return can;
  if (engine === "hls") return false;
  return can && !("MediaSource" in globalThis && globalThis.Hls?.isSupported());
}
