// The page's modules that need no browser.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

/** The page's modules are served as they are, outside any package, so they are imported by their text. */
async function load(name) {
  const text = readFileSync(new URL(`../../src/server/web/static/${name}`, import.meta.url), "utf8");
  return import(`data:text/javascript,${encodeURIComponent(text)}`);
}

const { readOptions } = await load("options.js");
const { ServerClock } = await load("clock.js");
const { Encoder } = await load("encoder.js");
const { Pace } = await load("pace.js");
const read = (path) => readOptions(new URL(path, "http://localhost"));

test("the stream is named by the path", () => {
  assert.equal(read("/watch/demo").url, "/live/demo/index.m3u8");
  assert.equal(read("/watch/studio/cam-1/").url, "/live/studio/cam-1/index.m3u8");
  assert.equal(read("/embed/a%2Eb").name, "a.b");
  assert.equal(read("/embed/demo").kind, "embed");
});

test("a path without a stream's name names none", () => {
  for (const path of ["/watch/", "/watch/a%20b", "/watch/%E0%A4%A", "/watch/.a", "/watch/a/b/c/d/e", "/watch/a%22%3E"]) {
    assert.equal(read(path).name, null, path);
  }
  assert.equal(read(`/watch/${"a".repeat(65)}`).name, null);
});

test("an embed is told by its query what to show", () => {
  const { controls, muted, autoplay, stats } = read("/embed/demo?controls=0&muted=false&autoplay&stats=1");
  assert.deepEqual({ controls, muted, autoplay, stats }, { controls: false, muted: false, autoplay: true, stats: true });
  assert.equal(read("/embed/demo").stats, false);
  assert.equal(read("/watch/demo").stats, true);
});

const second = "Sat, 01 Jan 2022 00:00:10 GMT";
const at = Date.parse(second);

test("a right clock is not corrected by a coarse header", () => {
  const clock = new ServerClock();
  clock.learn(second, at + 850, at + 870);
  assert.equal(clock.offset, 0);
});

test("a wrong clock is corrected to within the headers' bounds", () => {
  const clock = new ServerClock();
  // The viewer is 60 s behind; two headers, made at the end and at the start of a second.
  clock.learn(second, at + 980 - 60000, at + 990 - 60000);
  clock.learn(second, at + 10 - 60000, at + 20 - 60000);
  assert.ok(Math.abs(clock.offset - 60000) <= 30, String(clock.offset));
});

test("a clock that was set starts anew, and nonsense is ignored", () => {
  const clock = new ServerClock();
  clock.learn(second, at - 60000, at - 59990);
  clock.learn(second, at, at + 10);
  assert.equal(clock.offset, 0);
  clock.learn("yesterday", 0, 0);
  clock.learn(null, 0, 0);
  assert.equal(clock.offset, 0);
});

test("a viewer of short parts catches up what the start cost", () => {
  const pace = new Pace();
  let behind = 0.42;
  for (let tick = 0; tick < 40; tick++) behind -= (pace.rate(behind, 0.8 + behind, 0.2) - 1) * 0.25;
  assert.ok(behind < 0.05, String(behind));
  assert.equal(pace.rate(behind, 0.9, 0.2), 1);
});

test("a little behind is left alone, and so is a viewer with too little ahead", () => {
  const pace = new Pace();
  assert.equal(pace.rate(0.12, 2, 0.5), 1);
  assert.equal(pace.rate(0.4, 0.85, 0.6), 1);
  assert.equal(pace.rate(0.4, 0.75, 0.2), 1);
  assert.equal(pace.rate(-0.3, 2, 0.5), 1);
});

test("nobody is played at more than a quarter faster", () => {
  assert.equal(new Pace().rate(20, 20, 0.5), 1.25);
});

test("what an encoder tells is asked for every five seconds, and more rarely where it tells nothing", async (context) => {
  let told = { latency_seconds: 0.254, frames_rendered: 900, frames_dropped: 3, frames_lagged: 0, frames_skipped: 1 };
  const asked = [];
  context.mock.method(globalThis, "fetch", async (url) => {
    asked.push(url);
    return { ok: told !== null, json: async () => told };
  });
  const encoder = new Encoder("/live/a/b/index.m3u8");
  assert.equal(encoder.words, "–");
  await encoder.ask(1000);
  assert.equal(encoder.words, "0.25 s · 3 dropped · 1 skipped");
  await encoder.ask(5999);
  assert.deepEqual(asked, ["/live/a/b/encoder.json"]);
  told = { latency_seconds: null, frames_rendered: 0, frames_dropped: 0, frames_lagged: 0, frames_skipped: 0 };
  await encoder.ask(6000);
  assert.equal(encoder.words, "–");
  told = null;
  await encoder.ask(35999);
  assert.equal(asked.length, 2);
  await encoder.ask(36000);
  assert.deepEqual([asked.length, encoder.words], [3, "–"]);
  await new Encoder(null).ask(0);
  assert.equal(asked.length, 3, "a page without a stream asks for nothing");
});
