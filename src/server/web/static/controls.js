// Buttons, keys and the quiet rules of starting: muted when the browser asks for it, and one tap to hear.

const IDLE_AFTER = 2500;
const element = (id) => document.getElementById(id);

export class Controls {
  #video;
  #source;
  #stage = element("stage");
  #wants;
  #idle = 0;
  #begun = false;
  #mutedByRule = false;

  constructor(video, source, options) {
    this.#video = video;
    this.#source = source;
    this.#wants = options.autoplay;
    video.muted = options.muted;
    this.#mutedByRule = options.muted;
    element("controls").hidden = !options.controls;
    element("pip").hidden = !document.pictureInPictureEnabled;
    this.#showStats(options.stats);
    this.#buttons();
    video.addEventListener("play", () => this.#paint());
    video.addEventListener("pause", () => this.#paint());
    video.addEventListener("volumechange", () => this.#paint());
    for (const kind of ["pointermove", "pointerdown", "keydown"]) document.addEventListener(kind, () => this.#awake());
    if (options.controls) document.addEventListener("keydown", (event) => this.#key(event));
    this.#stage.addEventListener("pointerleave", () => this.#sleep());
    this.#paint();
    this.#awake();
  }

  /** Called when there is something to play: plays it if that is wanted, with sound if that is allowed. */
  async tryToPlay() {
    if (!this.#video.paused) return;
    if (!this.#wants) {
      if (!this.#begun) this.#offer(true);
      return;
    }
    try {
      await this.#video.play();
      this.#begun = true;
      this.#offer(false);
    } catch (error) {
      if (error.name !== "NotAllowedError") return;
      if (this.#video.muted) return this.#offer(true);
      this.#video.muted = true;
      this.#mutedByRule = true;
      await this.tryToPlay();
    }
  }

  /** Whether the numbers are on the screen. */
  get statsShown() {
    return element("stats").classList.contains("shown");
  }

  update(latency, target) {
    const edge = latency !== null && latency < (target ?? 3) + 2;
    this.#stage.classList.toggle("at-edge", edge);
    element("live-text").textContent = latency === null || edge ? "Live" : "Go live";
  }

  #buttons() {
    const on = (id, act) => element(id).addEventListener("click", act);
    on("start", () => this.#toggle());
    on("play", () => this.#toggle());
    on("mute", () => this.#toggleSound());
    on("unmute", () => this.#toggleSound());
    on("live", () => this.#live());
    on("fullscreen", () => this.#fullscreen());
    on("pip", () => this.#pictureInPicture());
    on("stats-toggle", () => this.#showStats(!this.statsShown));
    element("volume").addEventListener("input", (event) => this.#setVolume(Number(event.target.value)));
    this.#video.addEventListener("dblclick", () => this.#fullscreen());
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = ["INPUT", "BUTTON"].includes(event.target.tagName);
    const acts = {
      k: () => this.#toggle(),
      " ": typing ? null : () => this.#toggle(),
      m: () => this.#toggleSound(),
      l: () => this.#live(),
      f: () => this.#fullscreen(),
      p: () => this.#pictureInPicture(),
      s: () => element("stats-toggle").click(),
      ArrowUp: typing ? null : () => this.#setVolume(this.#video.volume + 0.1),
      ArrowDown: typing ? null : () => this.#setVolume(this.#video.volume - 0.1),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  #toggle() {
    this.#wants = this.#video.paused;
    if (this.#wants) this.tryToPlay();
    else this.#video.pause();
  }

  #live() {
    this.#source.goLive();
    this.#wants = true;
    this.tryToPlay();
  }

  #toggleSound() {
    this.#mutedByRule = false;
    this.#video.muted = !this.#video.muted;
    if (!this.#video.muted && this.#video.volume === 0) this.#video.volume = 0.5;
    this.#paint();
  }

  #setVolume(volume) {
    this.#mutedByRule = false;
    this.#video.volume = Math.min(1, Math.max(0, volume));
    this.#video.muted = this.#video.volume === 0;
  }

  #fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.#stage.requestFullscreen) this.#stage.requestFullscreen().catch(() => {});
    else this.#video.webkitEnterFullscreen?.();
  }

  #pictureInPicture() {
    if (document.pictureInPictureElement) document.exitPictureInPicture();
    else this.#video.requestPictureInPicture?.().catch(() => {});
  }

  #showStats(shown) {
    element("stats").classList.toggle("shown", shown);
    element("stats-toggle").setAttribute("aria-pressed", String(shown));
  }

  #offer(shown) {
    element("start").hidden = !shown;
    if (shown) {
      element("overlay").classList.add("shown");
      element("spinner").hidden = true;
      element("headline").textContent = "";
      element("detail").textContent = "";
    }
  }

  #paint() {
    const { paused, muted, volume } = this.#video;
    this.#stage.classList.toggle("is-playing", !paused);
    this.#stage.classList.toggle("is-muted", muted);
    element("play").setAttribute("aria-label", paused ? "Play" : "Pause");
    element("mute").setAttribute("aria-label", muted ? "Sound on" : "Mute");
    element("volume").value = muted ? 0 : volume;
    element("unmute").hidden = !(muted && this.#mutedByRule && !paused);
  }

  #awake() {
    this.#stage.classList.remove("idle");
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#sleep(), IDLE_AFTER);
  }

  #sleep() {
    if (!this.#video.paused) this.#stage.classList.add("idle");
  }
}
