// The server's clock, as far as HTTP Date headers tell it.
//
// A Date header is whole seconds, made somewhere between request and response: each one bounds the difference
// between the two clocks. The bounds are intersected, and the smallest correction they allow is used, so a viewer
// whose clock is right is not disturbed by the header's coarseness.

export class ServerClock {
  #low = -Infinity;
  #high = Infinity;

  /** Learns from a response's Date header; `sent` and `received` are Date.now() values in milliseconds. */
  learn(header, sent, received) {
    const date = Date.parse(header ?? "");
    if (!Number.isFinite(date)) return;
    const low = date - received;
    const high = date + 1000 - sent;
    if (low > this.#high || high < this.#low) {
      // One of the clocks was set: what was known before is void.
      this.#low = low;
      this.#high = high;
    } else {
      this.#low = Math.max(this.#low, low);
      this.#high = Math.min(this.#high, high);
    }
  }

  /** Milliseconds to add to the viewer's clock. */
  get offset() {
    if (this.#low > 0) return this.#low;
    return this.#high < 0 ? this.#high : 0;
  }

  now() {
    return Date.now() + this.offset;
  }
}
