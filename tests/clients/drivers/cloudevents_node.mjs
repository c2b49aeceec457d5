// cloudevents (JavaScript), which makes messages that its users send: in turns binary and structured.
import { CloudEvent, HTTP } from "cloudevents";
import { HOST, KEY, NAME, end, fetchAgain, uses } from "./common.mjs";

let n = 0;
for await (const use of uses(100, async () => {})) {
  const data = { feature: use.feature, user_id: use.user };
  const event = new CloudEvent({ type: "usage.recorded", source: NAME, subject: use.account, data });
  const { headers, body } = n++ % 2 ? HTTP.structured(event) : HTTP.binary(event);
  const authorization = `Bearer ${KEY}`;
  const answer = await fetchAgain(`${HOST}/v1/events`, { method: "POST", headers: { ...headers, authorization }, body });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
}
end();
