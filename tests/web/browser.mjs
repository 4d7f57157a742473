// A headless Chromium, and what went wrong in its pages.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

/** The browser on PATH; fails when there is none, because a test that is skipped proves nothing. */
function executable() {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    for (const folder of (process.env.PATH ?? "").split(delimiter)) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not in this folder.
      }
    }
  }
  throw new Error("chromium is not on PATH: apt-get install chromium");
}

/** A browser; whoever asks for it closes it. */
export function launch() {
  return chromium.launch({ executablePath: executable(), args: FLAGS });
}

/** Opens a page; `problems` fills with console errors, policy breaches and failed requests as they happen. */
export async function open(viewport = { width: 1280, height: 860 }) {
  const browser = await launch();
  const page = await browser.newPage({ viewport });
  const problems = [];
  page.on("pageerror", (error) => problems.push({ kind: "exception", text: String(error) }));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    problems.push({ kind: "console", text: message.text(), url: message.location().url });
  });
  await page.addInitScript(() => {
    window.breaches = [];
    document.addEventListener("securitypolicyviolation", (event) => {
      window.breaches.push(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return { browser, page, problems };
}

/** The page's numbers at this moment, with the wall clock in seconds. */
export function sample(page) {
  return page.evaluate(() => {
    const { rillcast } = window;
    const names = ["state", "latency", "target", "buffer", "stalls", "stalled", "frames", "dropped"];
    names.push("currentTime", "rate", "mode", "level", "startup", "clockOffset");
    const taken = Object.fromEntries(names.map((name) => [name, rillcast?.[name] ?? null]));
    return { wall: performance.now() / 1000, ...taken };
  });
}

export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Samples until `wanted(sample)` holds; fails with the last sample after `seconds`. */
export async function until(page, seconds, what, wanted) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const taken = await sample(page);
    if (wanted(taken)) return taken;
    if (Date.now() > end) throw new Error(`not ${what} within ${seconds} s: ${JSON.stringify(taken)}`);
    await pause(100);
  }
}
