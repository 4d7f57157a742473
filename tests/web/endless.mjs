// Endless files in mpegts.js, each in a page of its own at the same time: node endless.mjs SECONDS URL...
//
// Prints one JSON line a file of how it fared; exits 1 when one of them had an error, ended, or did not play on.

import { launch, pause } from "./browser.mjs";
import { site } from "./site.mjs";

const FILES = {
  "/": ["players/page.html", "text/html"],
  "/page.js": ["players/endless.js", "text/javascript"],
  "/mpegts.js": ["node_modules/mpegts.js/dist/mpegts.js", "text/javascript"],
};

/** Seconds until every one of them shows a moving picture. */
const PATIENCE = 60;
const SAMPLE_EVERY = 250;
/** Of the seconds watched, how much must be played; and pictures decoded in each of them. */
const PLAYED = 0.8;
const PICTURES = 15;

const [seconds, ...urls] = process.argv.slice(2);

async function start(browser, origin, url) {
  const page = await browser.newPage({ viewport: { width: 700, height: 420 } });
  const exceptions = [];
  page.on("pageerror", (error) => exceptions.push(String(error)));
  await page.goto(`${origin}/?${new URLSearchParams({ url })}`);
  return { url, page, exceptions };
}

const sample = ({ page }) => page.evaluate(() => window.player?.sample() ?? null);
const round = (value) => Number(value.toFixed(2));

/** How one file fared between two samples, and what was wrong with it. */
function judge({ url, exceptions }, first, last) {
  const took = last.wall - first.wall;
  const played = last.currentTime - first.currentTime;
  const pictures = last.frames - first.frames;
  const faults = [...last.errors, ...exceptions];
  const must = (holds, fault) => holds || faults.push(fault);
  must(!last.paused && !last.ended, "it does not play");
  must(played >= PLAYED * Number(seconds), `it played ${round(played)} s of ${round(took)}`);
  must(pictures >= PICTURES * Number(seconds), `it decoded ${pictures} pictures`);
  must(last.sound > first.sound, "it decoded no sound");
  const { protocol, pathname } = new URL(url);
  return { file: protocol + pathname, seconds: round(took), played: round(played), pictures, faults };
}

const browser = await launch();
const server = await site(FILES);
try {
  const origin = `http://127.0.0.1:${server.address().port}`;
  const players = await Promise.all(urls.map((url) => start(browser, origin, url)));
  const until = Date.now() + PATIENCE * 1000;
  let first;
  for (;;) {
    first = await Promise.all(players.map(sample));
    if (first.every((taken) => taken && taken.frames > 10 && taken.currentTime > 0)) break;
    if (Date.now() > until) throw new Error(`not all of them play: ${JSON.stringify(first)}`);
    await pause(SAMPLE_EVERY);
  }
  await pause(Number(seconds) * 1000);
  const last = await Promise.all(players.map(sample));
  for (const [place, player] of players.entries()) {
    const told = judge(player, first[place], last[place]);
    console.log(JSON.stringify(told));
    if (told.faults.length > 0) process.exitCode = 1;
  }
} finally {
  await browser.close();
  server.close();
}
