// What the encoder tells of itself: OBS does, with multitrack video. Asked for only while somebody looks.

const EVERY = 5000;
const PATIENCE = 30000;

export class Encoder {
  #url;
  #due = 0;
  #told = null;

  /** `playlist` is the address of the stream's multivariant playlist. */
  constructor(playlist) {
    this.#url = playlist?.replace(/index\.m3u8$/, "encoder.json");
  }

  /** Asks again, if it is time. */
  async ask(now = performance.now()) {
    if (!this.#url || now < this.#due) return;
    this.#due = now + EVERY;
    try {
      const response = await fetch(this.#url);
      this.#told = response.ok ? await response.json() : null;
    } catch {
      this.#told = null;
    }
    if (this.words === "–") this.#due = now + PATIENCE;
  }

  /** Latency from composition to arrival, and the frames that the viewer never had a chance to see. */
  get words() {
    const { latency_seconds: latency = null, frames_rendered, frames_dropped, frames_lagged, frames_skipped } = this.#told ?? {};
    if (latency === null && !frames_rendered) return "–";
    const lost = [
      [frames_dropped, "dropped"],
      [frames_lagged, "late"],
      [frames_skipped, "skipped"],
    ].filter(([count]) => count > 0);
    const parts = lost.map(([count, word]) => `${count} ${word}`);
    if (latency !== null) parts.unshift(`${latency.toFixed(2)} s`);
    return parts.join(" · ") || "well";
  }
}
