// Changes the rung of a ladder by hand every five seconds: node ladder.mjs URL SECONDS
//
// Prints one JSON object of what was measured; exits 1 when playback stalled after start-up, an error was fatal, a
// rung was never played, or the dates of two rungs disagree by more than a millisecond.

import { readdirSync } from "node:fs";
import { open, pause } from "./browser.mjs";

const EVERY = 5000;
/** Seconds after the first picture that are start-up. */
const STARTUP = 4;
const [url, seconds = "60"] = process.argv.slice(2);
const vendor = new URL("../../src/server/web/static/vendor/", import.meta.url);
const engine = readdirSync(vendor).find((name) => /^hls-.*\.min\.js$/.test(name));

const { browser, page, problems } = await open();
try {
  // Any page of the server that carries no policy of its own.
  await page.goto(new URL("/livez", url).href);
  await page.addScriptTag({ path: new URL(engine, vendor).pathname });
  await page.evaluate((url) => {
    const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true });
    document.body.append(video);
    const seen = { waits: [], errors: [], played: [], dates: [], msn: {}, seeks: 0 };
    const hls = new Hls({ lowLatencyMode: true, enableWorker: false });
    Object.assign(window, { video, hls, seen });
    const now = () => performance.now() / 1000;
    video.addEventListener("waiting", () => seen.waits.push(now()));
    hls.on(Hls.Events.ERROR, (_, { details, fatal, error }) => {
      seen.errors.push({ at: now(), details, fatal, text: String(error?.message ?? "") });
    });
    hls.on(Hls.Events.FRAG_CHANGED, (_, { frag }) => seen.played.push(frag.level));
    // A segment has one date, whichever rung tells of it.
    hls.on(Hls.Events.LEVEL_LOADED, (_, { level, details }) => {
      for (const { sn, rawProgramDateTime: text } of details.fragments) {
        if (text) (seen.msn[sn] ??= {})[level] = Date.parse(text);
      }
    });
    // What the media's own clock says against the playlist's date.
    const date = (frag, piece) => {
      const start = piece.elementaryStreams?.video?.startPTS;
      if (start === undefined || frag.type !== "main" || frag.programDateTime === null) return;
      seen.dates.push({ level: frag.level, sn: frag.sn, at: frag.programDateTime / 1000 - start });
    };
    hls.on(Hls.Events.FRAG_BUFFERED, (_, { frag, part }) => {
      // A segment begins with a keyframe, shown when it is decoded; other parts may begin with a later picture.
      if (!part) date(frag, frag);
      else if (part.index === 0) date(frag, part);
    });
    hls.loadSource(url);
    hls.attachMedia(video);
  }, url);
  const state = () =>
    page.evaluate(() => ({
      wall: performance.now() / 1000,
      time: video.currentTime,
      levels: hls.levels.length,
      level: hls.currentLevel,
      frames: video.getVideoPlaybackQuality().totalVideoFrames,
      latency: hls.latency,
    }));
  const begun = Date.now();
  while ((await state()).frames < 5) {
    if (Date.now() - begun > 20000) throw new Error(`not playing: ${JSON.stringify(await page.evaluate(() => seen))}`);
    await pause(100);
  }
  const first = await state();
  await pause(STARTUP * 1000);
  const from = await state();
  const samples = [from];
  const switches = [];
  let next = 0;
  while (samples.at(-1).wall - from.wall < Number(seconds)) {
    if ((samples.at(-1).wall - from.wall) * 1000 >= switches.length * EVERY) {
      // Up and down by more than one, and over every rung.
      next = (next + 2) % from.levels;
      switches.push(next);
      await page.evaluate((level) => (hls.nextLevel = level), next);
    }
    await pause(200);
    samples.push(await state());
  }
  const seen = await page.evaluate(() => seen);
  const last = samples.at(-1);
  const stalls = seen.waits.filter((at) => at > from.wall);
  const errors = seen.errors.filter((error) => error.at > from.wall);
  const progress = (last.time - from.time) / (last.wall - from.wall);
  const apart = (values) => (values.length ? Math.max(...values) - Math.min(...values) : 0);
  const listed = Object.values(seen.msn).map((dates) => Object.values(dates));
  const shared = listed.filter((dates) => dates.length > 1);
  const between = Math.max(0, ...shared.map(apart));
  const within = apart(seen.dates.map(({ at }) => at)) * 1000;
  const rungs = [...new Set(seen.played)].sort();
  const measured = {
    seconds: last.wall - from.wall,
    startup: from.wall - first.wall,
    switches,
    rungs,
    levels: from.levels,
    stalls: stalls.length,
    errors,
    progress,
    latency: last.latency,
    frames: last.frames - from.frames,
    dates: { segments: shared.length, betweenRungs: between, buffered: seen.dates.length, mediaClock: within },
  };
  const faults = [];
  const must = (holds, fault) => holds || faults.push(fault);
  must(stalls.length === 0, `${stalls.length} stalls`);
  must(!seen.errors.some((error) => error.fatal), "a fatal error");
  must(errors.every((error) => error.details !== "bufferStalledError"), "a stalled buffer");
  must(progress > 0.95 && progress < 1.1, `played ${progress} s a second`);
  must(rungs.length >= Math.min(from.levels, switches.length), `only rungs ${rungs} were played`);
  must(shared.length >= 3, `${shared.length} segments were listed by two rungs`);
  must(between <= 1, `dates of one segment are ${between} ms apart`);
  must(seen.dates.length >= 5, `${seen.dates.length} dates of buffered media`);
  must(within <= 1, `dates and media are ${within} ms apart`);
  // A browser looks for an icon of a bare page.
  const told = problems.filter((problem) => !problem.url?.endsWith("/favicon.ico"));
  must(told.length === 0, JSON.stringify(told));
  console.log(JSON.stringify({ url, ...measured, faults }, null, 2));
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  await browser.close();
}
