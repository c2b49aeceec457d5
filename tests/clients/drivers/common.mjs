// What a driver is told (where to send, with which key, in whose name) and what it tells: the middle, and the end.
import { createInterface } from "node:readline";

export const [HOST, KEY, NAME] = process.argv.slice(2);
export const ACCOUNTS = [0, 1, 2].map((n) => `${NAME}-${n}`);
const FEATURES = ["Report Exported", "Dashboard Viewed"];
const failures = [];

// Uses in turns by a user of each account; half of them after the middle.
export async function* uses(count, flush) {
  for (let n = 0; n < count; n++) {
    if (n === Math.floor(count / 2)) await middle(flush);
    const account = ACCOUNTS[n % 3];
    yield { account, user: `${account}-user`, feature: FEATURES[n % 2], named: n % 10 !== 9 };
  }
}

// Say that the first half is there, and wait to be told to go on.
async function middle(flush) {
  await flush();
  console.log("middle");
  const lines = createInterface({ input: process.stdin });
  await new Promise((resolve) => lines.once("line", resolve));
  lines.close();
}

// Keep what a client says that it could not send.
export function failed(error) {
  failures.push(String(error?.reason ?? error));
}

// Say what failed; the exit code is 1 where anything did.
export function end() {
  console.log(JSON.stringify({ failures }));
  process.exit(failures.length ? 1 : 0);
}

// fetch for clients that try once only: what met a 429 or 503 or lost its answer is sent again, with the same ids.
export async function fetchAgain(url, options) {
  for (let tries = 1; ; tries++) {
    let answer;
    try {
      answer = await fetch(url, options);
    } catch (error) {
      if (tries === 8) throw error;
    }
    if (answer && ![429, 503].includes(answer.status)) return answer;
    if (answer && tries === 8) return answer;
    const seconds = Number(answer?.headers.get("retry-after")) || 0.5;
    await answer?.text();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}
