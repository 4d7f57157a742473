// Other people's players on one stream, all at the same time: node players.mjs URL SECONDS
//
// Prints `{"event":"playing"}` when every one of them shows a moving picture; what happens to the stream after that
// is the caller's doing. Prints one JSON line a player of how it fared; exits 1 when one of them had a fatal error,
// stood still for too long, or did not play on at the end.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { launch, pause } from "./browser.mjs";

const FILES = {
  "/": ["players/page.html", "text/html"],
  "/page.js": ["players/page.js", "text/javascript"],
  "/hls.js": ["../../src/server/web/static/vendor/hls-1.7.4.min.js", "text/javascript"],
  "/shaka-player.js": ["node_modules/shaka-player/dist/shaka-player.compiled.js", "text/javascript"],
  "/video.js": ["node_modules/video.js/dist/video.min.js", "text/javascript"],
};
const PLAYERS = process.env.ONLY ? process.env.ONLY.split("|") : ["hls.js", "hls.js, low latency off", "shaka-player", "video.js"];

const [url, seconds = "60"] = process.argv.slice(2);
const verbose = process.argv.includes("--verbose");

/** Serves the players from an origin that is not the stream's, as most sites would. */
async function site() {
  const server = createServer(async ({ url: path }, answer) => {
    const [file, type] = FILES[path.split("?")[0]] ?? [];
    if (!file) return answer.writeHead(404).end();
    const body = await readFile(new URL(file, import.meta.url));
    answer.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(body);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

const browser = await launch();
const server = await site();
const t0 = Date.now();
const pages = await Promise.all(PLAYERS.map(async (name) => {
  const context = await browser.newContext({ viewport: { width: 700, height: 420 } });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (m) => ["error","warning"].includes(m.type()) && problems.push(`${((Date.now()-t0)/1000).toFixed(1)} ${m.text()} ${m.location().url}`));
  page.on("pageerror", (e) => problems.push(String(e)));
  if (process.env.TRACE && name.includes(process.env.TRACE)) {
    const t = (ms) => ((ms - (globalThis.from0 ?? t0)) / 1000).toFixed(2);
    page.on("requestfinished", async (r) => { const a = await r.response(); const b = r.timing(); const now = Date.now(); let extra = ""; if (r.url().includes("m3u8") && process.env.BODY) { const x = await a.text().catch(() => ""); const l = x.trim().split("\n"); extra = "\n   | " + l.filter(z=>!z.startsWith("#EXT-X-PROGRAM")).slice(-Number(process.env.BODY)).join("\n   | "); }
      console.error(t(b.startTime), "->", t(now), a.status(), r.url().replace(/^.*live.cam/, ""), extra); });
    page.on("requestfailed", (r) => console.error(t(r.timing().startTime), "->", t(Date.now()), "FAILED", r.failure()?.errorText, r.url().replace(/^.*live.cam/, "")));
  }
  if (process.env.DEBUG) page.on("console", (m) => console.error(((Date.now()-(globalThis.from0 ?? t0))/1000).toFixed(2), "C", m.text().slice(0, 400)));
  const query = new URLSearchParams({ ...(process.env.DEBUG ? {debug:1}:{}), player: name, url });
  await page.goto(`http://127.0.0.1:${server.address().port}/?${query}`);
  return { name, page, problems, samples: [] };
}));
const sampleAll = () => Promise.all(pages.map(async (p) => {
  const s = await p.page.evaluate(() => window.player?.sample() ?? null);
  if (s) p.samples.push(s);
  return s;
}));
for (;;) {
  const all = await sampleAll();
  if (all.every((s) => s && s.frames > 25)) break;
  if (Date.now() - t0 > 30000) { console.log(JSON.stringify(all)); break; }
  await pause(250);
}
console.log(JSON.stringify({ event: "playing" }));
const from = globalThis.from0 = Date.now();
while (Date.now() - from < Number(seconds) * 1000) { await pause(250); await sampleAll(); }
for (const p of pages) {
  console.log("==", p.name, await p.page.evaluate(() => window.player.version));
  let last = -1;
  for (const s of p.samples) {
    const t = Math.floor(s.wall - from / 1000);
    if (t === last) continue;
    last = t;
    console.log(t, "ct", s.currentTime.toFixed(2), "fr", s.frames, "rs", s.readyState, "ahead", s.ahead.toFixed(2), "lat", s.latency?.toFixed?.(2), "rate", s.playbackRate, s.paused ? "PAUSED" : "", s.ended ? "ENDED" : "");
  }
  console.log("fatal", p.samples.at(-1).fatal, "errors", p.samples.at(-1).errors);
  console.log(p.problems);
}
await browser.close();
server.close();
