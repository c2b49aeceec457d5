// @jitsu/js on Node. It wants a key of two parts, sends each event at once, and never again: so its fetch does.
import { jitsuAnalytics } from "@jitsu/js";
import { ACCOUNTS, HOST, KEY, end, failed, fetchAgain, uses } from "./common.mjs";

const jitsu = jitsuAnalytics({ host: HOST, writeKey: `keepwell:${KEY}`, fetch: fetchAgain, errorPolicy: failed });
let sent = [];
const flush = async () => {
  await Promise.all(sent);
  sent = [];
};

for (const [n, account] of ACCOUNTS.entries()) {
  const userId = `${account}-user`;
  await jitsu.group(account, { name: `Company ${n}`, plan: "pro" }, { userId });
  await jitsu.identify(userId, { name: `User ${n}`, email: `${userId}@example.com` }, { groupId: account });
}
for await (const use of uses(94, flush)) {
  sent.push(jitsu.track(use.feature, { format: "pdf" }, { userId: use.user, groupId: use.account }));
}
await flush();
end();
