// Watches a playing page for a while: what was measured, and what of it was not good enough.

import { pause, sample } from "./browser.mjs";
import { watchMachine } from "./machine.mjs";

const SAMPLE_EVERY = 250;
/** Seconds after the first picture that are start-up: the player settles at its target latency in them. */
const STARTUP = 4;
/** In any window of this many seconds the picture must have moved. */
const WINDOW = 2;
/** How often it looks again on a disturbed machine: what was seen says little of the page then. */
const LOOKS = 3;

const round = (value) => (typeof value === "number" ? Number(value.toFixed(3)) : value);

/** Returns `{ measured, faults }`. `limits` holds `latency` in seconds and `mode`. */
export async function observe(page, seconds, limits) {
  for (let looks = 1; ; looks += 1) {
    const told = watchMachine();
    const { measured, faults } = await look(page, seconds, limits);
    const machine = told();
    const judged = { measured: { ...measured, machine: deep(machine), looks }, faults };
    if (faults.length === 0 || !machine.disturbed || looks === LOOKS) return judged;
    console.error(`the machine was disturbed, looking again: ${JSON.stringify(judged)}`);
  }
}

async function look(page, seconds, limits) {
  const samples = [await sample(page)];
  const from = samples[0].wall;
  while (samples.at(-1).wall - from < STARTUP + seconds) {
    await pause(SAMPLE_EVERY);
    samples.push(await sample(page));
  }
  const steady = samples.filter((taken) => taken.wall - from >= STARTUP);
  return judge(steady, limits);
}

function judge(steady, limits) {
  const [first, last] = [steady[0], steady.at(-1)];
  const wall = last.wall - first.wall;
  const latencies = steady.map((taken) => taken.latency).filter((latency) => latency !== null);
  const most = Math.max(...latencies);
  const sorted = [...latencies].sort((a, b) => a - b);
  const measured = {
    seconds: wall,
    startup: last.startup,
    mode: last.mode,
    level: last.level,
    latency: { least: sorted[0], median: sorted[sorted.length >> 1], most },
    target: last.target,
    clockOffset: last.clockOffset,
    buffer: { least: Math.min(...steady.map((taken) => taken.buffer)) },
    rate: { most: Math.max(...steady.map((taken) => taken.rate)) },
    progress: (last.currentTime - first.currentTime) / wall,
    framesPerSecond: (last.frames - first.frames) / wall,
    dropped: last.dropped - first.dropped,
    stalls: { startup: first.stalls, after: last.stalls - first.stalls, seconds: last.stalled },
  };
  const faults = [];
  const must = (holds, fault) => holds || faults.push(fault);
  must(last.state === "playing", `the page is ${last.state}`);
  must(measured.mode === limits.mode, `mode is "${measured.mode}", not "${limits.mode}"`);
  must(measured.stalls.after === 0, `${measured.stalls.after} stalls after start-up`);
  must(latencies.length === steady.length, `${steady.length - latencies.length} samples without a latency`);
  must(most < limits.latency, `latency reached ${most} s; the limit is ${limits.latency} s`);
  must(sorted[0] > 0, `latency fell to ${sorted[0]} s: the stream's clock is ahead`);
  must(measured.progress > 0.9 && measured.progress < 1.3, `played ${measured.progress} s a second`);
  const declared = last.level?.frameRate || 24;
  must(measured.framesPerSecond > 0.85 * declared, `${measured.framesPerSecond} frames a second of ${declared}`);
  faults.push(...frozen(steady));
  return { measured: deep(measured), faults };
}

/** The windows in which the clock or the decoder stood still. */
function frozen(steady) {
  const faults = [];
  for (const taken of steady) {
    const later = steady.find((other) => other.wall >= taken.wall + WINDOW);
    if (!later) break;
    const moved = later.currentTime > taken.currentTime && later.frames > taken.frames;
    if (!moved) faults.push(`the picture stood still at ${round(taken.wall)} s`);
  }
  return faults;
}

function deep(value) {
  if (value === null || typeof value !== "object") return round(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, deep(inner)]));
}

/** Console errors, exceptions and policy breaches that are not expected, as faults. */
export async function complaints(page, problems, expected = () => false) {
  const breaches = await page.evaluate(() => window.breaches);
  const told = problems.filter((problem) => !expected(problem));
  return [
    ...breaches.map((breach) => `content policy: ${breach}`),
    ...told.map((problem) => `${problem.kind}: ${problem.text} ${problem.url ?? ""}`),
  ];
}
