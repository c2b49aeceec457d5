// @rudderstack/rudder-sdk-node
import RudderAnalytics from "@rudderstack/rudder-sdk-node";
import { ACCOUNTS, HOST, KEY, end, failed, uses } from "./common.mjs";

// By default it tries three times more, 2 s apart where a 503 says so.
const analytics = new RudderAnalytics(KEY, { dataPlaneUrl: HOST, logLevel: "none", retryCount: 6, errorHandler: failed });
// One call sends twenty at most.
const flush = async () => {
  while (analytics.queue.length) await analytics.flush();
  await analytics.flush();
};

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
await flush();
end();
