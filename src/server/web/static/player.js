// The page: joins what is asked, the source, the numbers and the controls.

import { ServerClock } from "./clock.js";
import { Controls } from "./controls.js";
import { Encoder } from "./encoder.js";
import { readOptions } from "./options.js";
import { Source } from "./source.js";
import { Stats } from "./stats.js";

const UPDATE_EVERY = 250;
const SPARK_POINTS = 60;
const element = (id) => document.getElementById(id);

/** What the overlay says in each state: headline, detail, whether to spin. States without an entry show the picture. */
const words = (name) => ({
  connecting: ["Connecting…", "", true],
  starting: ["Starting…", "", true],
  waiting: [`${name} is not live yet.`, "This page will start by itself.", true],
  ended: [`${name} has ended.`, "This page will start by itself when it is live again.", false],
  forbidden: [`${name} is not open to you.`, "", false],
  busy: ["The server is busy.", "Trying again…", true],
  unreachable: ["The server cannot be reached.", "Trying again…", true],
  reconnecting: ["The connection was lost.", "Trying again…", true],
  buffering: ["", "", true],
  failed: ["This stream cannot be played here.", "", false],
  nameless: ["There is no stream by this name.", "A stream’s name has letters, digits, “-”, “_” and “.” only.", false],
});

class Page {
  constructor(options) {
    this.options = options;
    this.video = element("video");
    this.words = words(options.name ?? "");
    this.spark = [];
    document.title = options.name ?? "rillcast";
    element("name").textContent = options.name ?? "";
    const clock = new ServerClock();
    this.source = new Source(this.video, options.url, clock, options.engine, (...said) => this.tell(...said));
    this.stats = new Stats(this.video, this.source, clock);
    this.controls = new Controls(this.video, this.source, options);
    this.encoder = new Encoder(options.url);
    window.rillcast = this.stats;
    this.listen();
  }

  listen() {
    const { video } = this;
    video.addEventListener("playing", () => this.tell("playing"));
    video.addEventListener("waiting", () => this.stats.playing && this.tell("buffering"));
    video.addEventListener("canplay", () => this.controls.tryToPlay());
    setInterval(() => this.update(), UPDATE_EVERY);
  }

  start() {
    if (this.options.name === null) this.tell("nameless");
    else this.source.start();
  }

  tell(state, more) {
    if (this.stats.state === state && state !== "connecting") return;
    this.stats.state = state;
    document.body.dataset.state = state;
    element("state").textContent = state === "playing" ? "live" : state.replace("nameless", "not found");
    const entry = this.words[state];
    element("overlay").classList.toggle("shown", entry !== undefined);
    if (!entry) return;
    const [headline, detail, spins] = entry;
    element("headline").textContent = headline;
    element("detail").textContent = state === "failed" && more ? more : detail;
    element("spinner").hidden = !spins;
  }

  update() {
    const { stats } = this;
    const { latency, level } = stats;
    const show = (id, text) => {
      if (element(id).textContent !== text) element(id).textContent = text;
    };
    const seconds = (value) => `${value.toFixed(1)} s`;
    show("badge", latency === null ? "" : `${latency.toFixed(1)} s behind`);
    show("s-latency", latency === null ? "–" : `${latency.toFixed(2)} s`);
    show("s-buffer", stats.startup === null ? "–" : seconds(stats.buffer));
    show("s-picture", level ? `${level.width}×${level.height}${rate(level.frameRate)}` : "–");
    show("s-bitrate", level?.bitrate ? `${(level.bitrate / 1e6).toFixed(1)} Mbit/s` : "–");
    show("s-stalls", stats.stalls === 0 ? "none" : `${stats.stalls} · ${seconds(stats.stalled)}`);
    show("s-dropped", String(stats.dropped));
    show("s-mode", stats.mode || "–");
    if (this.controls.statsShown && stats.playing) this.encoder.ask();
    element("encoder").hidden = this.encoder.words === "–";
    show("s-encoder", this.encoder.words);
    this.controls.update(latency, stats.target);
    if (latency !== null && stats.playing) this.draw(latency);
  }

  draw(latency) {
    this.spark.push(latency);
    if (this.spark.length > SPARK_POINTS) this.spark.shift();
    const most = Math.max(3, ...this.spark);
    const points = this.spark.map((value, index) => {
      const x = (index * 120) / (SPARK_POINTS - 1);
      return `${x.toFixed(1)},${(27 - (26 * Math.max(0, value)) / most).toFixed(1)}`;
    });
    element("spark-line").setAttribute("points", points.join(" "));
  }
}

const rate = (value) => (value ? ` · ${Number(value.toFixed(2))}` : "");

new Page(readOptions(window.location)).start();
