// How fast to play: as fast as the stream comes, or a little faster while the viewer is further behind than wanted.
//
// hls.js can do this itself, but only with more than a second of media ahead, which a viewer of short parts never has:
// what the start cost, some 0.4 s, would stay for good.

/** Seconds too far behind at which catching up begins, and at which it is done. */
const BEGIN = 0.15;
const DONE = 0.03;
/** Part lengths, and seconds, that must lie ahead: nearer to the end hls.js stalls now and then, and then for seconds. */
const PARTS_AHEAD = 1.5;
const LEAST_AHEAD = 0.8;
/** Pitch is kept by the browser; faster than this, music and speech tell. */
const MOST = 1.25;

export class Pace {
  #catching = false;

  /** The playback rate for a viewer `behind` seconds more than wanted with `ahead` seconds buffered, of parts of `part` seconds. */
  rate(behind, ahead, part) {
    const enough = ahead > Math.max(PARTS_AHEAD * part, LEAST_AHEAD);
    this.#catching = enough && behind > (this.#catching ? DONE : BEGIN);
    if (!this.#catching) return 1;
    return Math.min(MOST, Math.max(1.05, Math.round((1 + behind / 4) * 20) / 20));
  }
}
