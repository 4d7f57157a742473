// Other people's players on one stream, all at the same time: node players.mjs URL SECONDS
//
// Prints `{"event":"playing"}` when every one of them shows a moving picture; what happens to the stream after that
// is the caller's doing. Prints one JSON line a player of how it fared; exits 1 when one of them had a fatal error,
// stood still for too long, or did not play on near the live edge in the end.

import { launch, pause } from "./browser.mjs";
import { site } from "./site.mjs";

const FILES = {
  "/": ["players/page.html", "text/html"],
  "/page.js": ["players/page.js", "text/javascript"],
  "/hls.js": ["../../src/server/web/static/vendor/hls-1.7.4.min.js", "text/javascript"],
  "/shaka-player.js": ["node_modules/shaka-player/dist/shaka-player.compiled.js", "text/javascript"],
  "/video.js": ["node_modules/video.js/dist/video.min.js", "text/javascript"],
};

/** The players, and how many seconds behind the live edge they may be in the end. */
const PLAYERS = { "hls.js": 8, "hls.js, low latency off": 16, "shaka-player": 8, "video.js": 16 };

const SAMPLE_EVERY = 250;
/** Seconds until every player shows a picture. */
const PATIENCE = 60;
/** Seconds that a player may stand still altogether: what is lost, and as much again on a busy machine. */
const STILL = 15;
/** The last seconds, in which each must be playing. */
const END = 6;

const [url, seconds] = process.argv.slice(2);

/** Opens a player in a context of its own, so that no cache is shared. */
async function start(browser, origin, name) {
  const context = await browser.newContext({ viewport: { width: 700, height: 420 } });
  const page = await context.newPage();
  const exceptions = [];
  page.on("pageerror", (error) => exceptions.push(String(error)));
  await page.goto(`${origin}/?${new URLSearchParams({ player: name, url })}`);
  return { name, page, exceptions, samples: [] };
}

async function sample(player) {
  const taken = await player.page.evaluate(() => window.player?.sample() ?? null);
  if (taken) player.samples.push(taken);
  return taken;
}

const round = (value) => Number(value.toFixed(2));
const span = (samples, key) => samples.at(-1)[key] - samples[0][key];

/** How one player fared, and what was wrong with it. */
function judge({ name, version, samples, exceptions }) {
  const still = [];
  let stood = false;
  for (const [at, now] of samples.entries()) {
    const before = samples[at - 1] ?? now;
    const stands = at > 0 && now.currentTime - before.currentTime < 0.01;
    if (stands && !stood) still.push(0);
    if (stands) still[still.length - 1] += now.wall - before.wall;
    stood = stands;
  }
  const last = samples.at(-1);
  const end = samples.filter((taken) => taken.wall > last.wall - END);
  // Half a second is not yet a stall that anybody minds.
  const stalls = still.filter((length) => length > 0.5);
  const stalled = stalls.reduce((sum, length) => sum + length, 0);
  const faults = [...last.fatal, ...exceptions];
  const must = (holds, fault) => holds || faults.push(fault);
  must(!last.paused && !last.ended, "it does not play");
  must(stalled < STILL, `it stood still for ${round(stalled)} s`);
  must(span(end, "currentTime") > END / 2, `it played ${round(span(end, "currentTime"))} s in the last ${END}`);
  must(span(end, "frames") > 5 * END, `it showed ${span(end, "frames")} pictures in the last ${END} s`);
  must(last.behind < PLAYERS[name], `it is ${round(last.behind)} s behind`);
  const behind = { first: round(samples[0].behind), last: round(last.behind) };
  const pictures = span(samples, "frames");
  const told = { stalls: stalls.map(round), stalled: round(stalled), behind, pictures, errors: last.errors };
  return { player: name, version, seconds: round(span(samples, "wall")), ...told, faults };
}

const browser = await launch();
const server = await site(FILES);
try {
  const origin = `http://127.0.0.1:${server.address().port}`;
  const players = await Promise.all(Object.keys(PLAYERS).map((name) => start(browser, origin, name)));
  const until = Date.now() + PATIENCE * 1000;
  for (;;) {
    const all = await Promise.all(players.map(sample));
    if (all.every((taken) => taken && taken.frames > 25)) break;
    if (Date.now() > until) throw new Error(`not all of them play: ${JSON.stringify(all)}`);
    await pause(SAMPLE_EVERY);
  }
  players.forEach((player) => player.samples.splice(0));
  console.log(JSON.stringify({ event: "playing" }));
  const from = Date.now();
  while (Date.now() - from < Number(seconds) * 1000) {
    await Promise.all(players.map(sample));
    await pause(SAMPLE_EVERY);
  }
  for (const player of players) {
    const version = await player.page.evaluate(() => window.player.version);
    const told = judge({ ...player, version });
    console.log(JSON.stringify(told));
    if (told.faults.length > 0) process.exitCode = 1;
  }
} finally {
  await browser.close();
  server.close();
}
