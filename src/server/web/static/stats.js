// What the viewer is getting, measured. Every number is in seconds unless its name says otherwise.

export class Stats {
  #video;
  #source;
  #clock;
  #opened = performance.now();
  #started = null;
  #waitingSince = null;
  #stalls = 0;
  #stalled = 0;
  #state = "connecting";

  constructor(video, source, clock) {
    this.#video = video;
    this.#source = source;
    this.#clock = clock;
    video.addEventListener("playing", () => this.#resumed());
    video.addEventListener("waiting", () => this.#waited());
    video.addEventListener("pause", () => this.#forget());
    video.addEventListener("emptied", () => this.#forget());
  }

  set state(state) {
    this.#state = state;
  }

  get state() {
    return this.#state;
  }

  /** Whether the picture is moving as it should. */
  get playing() {
    return this.#state === "playing" && !this.#video.paused;
  }

  /** From page open to the first moving picture, or null. */
  get startup() {
    return this.#started === null ? null : (this.#started - this.#opened) / 1000;
  }

  get currentTime() {
    return this.#video.currentTime;
  }

  get rate() {
    return this.#video.playbackRate;
  }

  /** How long ago the encoder sent what is on screen: wall clock less PROGRAM-DATE-TIME; null while unknown. */
  get latency() {
    const date = this.#source.hls ? this.#source.hls.playingDate : this.#nativeDate();
    return this.#started === null || !date ? null : (this.#clock.now() - date.getTime()) / 1000;
  }

  /** The latency the playlist and the player aim at; null while unknown. */
  get target() {
    return this.#source.hls?.targetLatency ?? null;
  }

  /** Seconds the viewer's clock was corrected by, from the server's Date headers. */
  get clockOffset() {
    return this.#clock.offset / 1000;
  }

  /** Media ahead of the playhead. */
  get buffer() {
    const { buffered, currentTime } = this.#video;
    for (let index = 0; index < buffered.length; index++) {
      if (buffered.start(index) <= currentTime + 0.1 && currentTime < buffered.end(index)) {
        return buffered.end(index) - currentTime;
      }
    }
    return 0;
  }

  /** Times the picture stopped for want of data after it had first moved. */
  get stalls() {
    return this.#stalls;
  }

  /** Seconds spent in them. */
  get stalled() {
    const open = this.#waitingSince === null ? 0 : performance.now() - this.#waitingSince;
    return (this.#stalled + open) / 1000;
  }

  get frames() {
    return this.#video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
  }

  get dropped() {
    return this.#video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0;
  }

  /** The rendition on screen: `{ width, height, bitrate, frameRate, codecs }`, or null. */
  get level() {
    const { hls } = this.#source;
    const level = hls?.levels?.[Math.max(0, hls.currentLevel)];
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (level) {
      const { bitrate, frameRate, videoCodec, audioCodec } = level;
      const codecs = [videoCodec, audioCodec].filter(Boolean).join(",");
      return { width: level.width || width, height: level.height || height, bitrate, frameRate, codecs };
    }
    return width ? { width, height, bitrate: null, frameRate: null, codecs: "" } : null;
  }

  /** "low latency", "standard", "native", or "" before anything is loaded. */
  get mode() {
    if (this.#source.native) return "native";
    const { hls } = this.#source;
    const details = hls?.latestLevelDetails ?? hls?.levels?.[Math.max(0, hls.currentLevel)]?.details;
    if (!details) return "";
    return hls.lowLatencyMode && details.partTarget > 0 && details.canBlockReload ? "low latency" : "standard";
  }

  #nativeDate() {
    const start = this.#video.getStartDate?.();
    if (!start || Number.isNaN(start.getTime())) return null;
    return new Date(start.getTime() + this.#video.currentTime * 1000);
  }

  #resumed() {
    this.#started ??= performance.now();
    if (this.#waitingSince !== null) this.#stalled += performance.now() - this.#waitingSince;
    this.#waitingSince = null;
  }

  #waited() {
    if (this.#started === null || this.#video.seeking || this.#waitingSince !== null) return;
    this.#waitingSince = performance.now();
    this.#stalls += 1;
  }

  #forget() {
    this.#waitingSince = null;
  }
}
