// Opens a page before its stream is live: node early.mjs URL SECONDS
//
// Prints `{"event":"waiting"}` once the page says in words that the stream is not live: the caller starts the
// publisher then. The page must start by itself. Prints what was measured as one more JSON line; exits 1 on a fault.

import { open, until } from "./browser.mjs";
import { complaints, observe } from "./playing.mjs";

const [url, seconds = "5"] = process.argv.slice(2);
const { browser, page, problems } = await open();
try {
  await page.goto(url);
  await until(page, 10, "waiting", (taken) => taken.state === "waiting");
  const said = await page.locator("#overlay").innerText();
  const faults = [];
  if (!/is not live yet\.\s*This page will start by itself\./.test(said)) faults.push(`the page says: ${said}`);
  console.log(JSON.stringify({ event: "waiting", said }));
  const since = Date.now();
  await until(page, 40, "playing", (taken) => taken.state === "playing");
  const waited = (Date.now() - since) / 1000;
  const { measured, faults: seen } = await observe(page, Number(seconds), { latency: 3, mode: "low latency" });
  // While the stream is not live, the answer is 404 and the browser says so in its console.
  const expected = (problem) => /\b404\b/.test(problem.text) && problem.url?.endsWith("/index.m3u8");
  faults.push(...seen, ...(await complaints(page, problems, expected)));
  console.log(JSON.stringify({ event: "played", url, waited, ...measured, faults }));
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  await browser.close();
}
