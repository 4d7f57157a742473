// Whether the machine itself stood still or was busy with other things: what players showed meanwhile says little.

import { readFileSync } from "node:fs";

const TICK = 20;
/** Seconds that a timer may be late on a machine that is merely busy. */
const LATE = 0.3;
/** Share of the processors' time that their host may give to others. */
const STOLEN = 0.1;
/** Share of the time in which something was ready to run and had no processor. */
const CROWDED = 0.4;

/** Ticks of all processors together: those that the host took, and all of them. */
function ticks() {
  const [, ...fields] = readFileSync("/proc/stat", "utf8").split("\n", 1)[0].trim().split(/\s+/);
  // The last two are guests' time, which is in the first two already.
  const counted = fields.slice(0, 8).map(Number);
  return { stolen: counted[7], all: counted.reduce((sum, field) => sum + field, 0) };
}

/** Microseconds in which something waited for a processor; 0 where the system does not tell. */
function waited() {
  try {
    return Number(/^some .*total=(\d+)/m.exec(readFileSync("/proc/pressure/cpu", "utf8"))[1]);
  } catch {
    return 0;
  }
}

/** Watches until the function it returns is called, which tells what it saw. */
export function watchMachine() {
  const from = { ...ticks(), waited: waited(), at: performance.now() };
  let last = performance.now();
  let latest = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    latest = Math.max(latest, now - last - TICK);
    last = now;
  }, TICK);
  return () => {
    clearInterval(timer);
    const until = ticks();
    const late = latest / 1000;
    const stolen = (until.stolen - from.stolen) / Math.max(1, until.all - from.all);
    const crowded = (waited() - from.waited) / 1000 / (performance.now() - from.at);
    return { late, stolen, crowded, disturbed: late > LATE || stolen > STOLEN || crowded > CROWDED };
  };
}
