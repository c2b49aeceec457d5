// posthog-node
import { PostHog } from "posthog-node";
import { ACCOUNTS, HOST, KEY, end, failed, uses } from "./common.mjs";

const posthog = new PostHog(KEY, { host: HOST });
posthog.on("error", failed);
// What it gives up is told to the handler above.
const flush = () => posthog.flush().catch(() => {});

for (const [n, account] of ACCOUNTS.entries()) {
  const distinctId = `${account}-user`;
  posthog.groupIdentify({ groupType: "company", groupKey: account, properties: { name: `Company ${n}`, plan: "pro" } });
  posthog.identify({ distinctId, properties: { name: `User ${n}`, email: `${distinctId}@example.com` } });
}
await flush();
for await (const use of uses(94, flush)) {
  const groups = use.named ? { company: use.account } : undefined;
  posthog.capture({ distinctId: use.user, event: use.feature, properties: { format: "pdf" }, groups });
}
// By default it waits 30 s.
await posthog.shutdown(60_000);
end();
