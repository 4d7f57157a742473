// Watches a live page and judges it: node watch.mjs URL SECONDS [--screenshot FILE] [--latency SECONDS] [--mode MODE]
//
// Prints what was measured as one line of JSON; exits 1 when the picture did not move, stalled after start-up, fell
// further behind than the limit (3 s), or the page complained.

import { parseArgs } from "node:util";
import { open, pause, until } from "./browser.mjs";
import { complaints, observe } from "./playing.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    screenshot: { type: "string" },
    latency: { type: "string", default: "3" },
    mode: { type: "string", default: "low latency" },
  },
});
const [url, seconds = "30"] = positionals;
const { browser, page, problems } = await open();
try {
  await page.goto(url);
  await until(page, 15, "playing", (taken) => taken.state === "playing");
  const limits = { latency: Number(values.latency), mode: values.mode };
  const { measured, faults } = await observe(page, Number(seconds), limits);
  faults.push(...(await complaints(page, problems)));
  if (values.screenshot) {
    await page.mouse.move(600, 400);
    await pause(400);
    await page.screenshot({ path: values.screenshot });
  }
  console.log(JSON.stringify({ url, ...measured, faults }));
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  await browser.close();
}
