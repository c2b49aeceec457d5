// @segment/analytics-node
import { Analytics } from "@segment/analytics-node";
import { ACCOUNTS, HOST, KEY, end, failed, uses } from "./common.mjs";

const analytics = new Analytics({ writeKey: KEY, host: HOST });
analytics.on("error", failed);
const flush = () => analytics.flush();

for (const [n, account] of ACCOUNTS.entries()) {
  const userId = `${account}-user`;
  analytics.group({ userId, groupId: account, traits: { name: `Company ${n}`, plan: "pro" } });
  const traits = { name: `User ${n}`, email: `${userId}@example.com` };
  analytics.identify({ userId, traits, context: { groupId: account } });
}
await flush();
for await (const use of uses(94, flush)) {
  const context = use.named ? { groupId: use.account } : {};
  analytics.track({ userId: use.user, event: use.feature, properties: { format: "pdf" }, context });
}
await analytics.closeAndFlush();
end();
