// Asks for a transfer over HTTP and follows it to its end, with nothing but Node itself.
//
//   node over-http.mjs --address URL --record D-00001 --to EMAIL --purpose continuity --key our-4711
//
// The token is in PASSATION_TOKEN; a service also names the member in whose name it speaks, in PASSATION_MEMBER.
// The same key asks once, however often this runs. Ends with 0 when the record changed hands, 1 when a rule denied
// or the transfer ended otherwise, 3 when nothing answered: run the same command again.

import { parseArgs } from 'node:util';

const NAMES = ['address', 'record', 'to', 'purpose', 'key'];
const PATIENCE = 60_000;
const AGAIN = 1_000;
const FINAL = ['accepted', 'refused', 'cancelled', 'expired', 'failed'];

const { values } = parseArgs({ options: Object.fromEntries(NAMES.map((name) => [name, { type: 'string' }])) });
const missing = NAMES.filter((name) => !values[name]);
if (missing.length > 0) {
  console.error(JSON.stringify({ error: 'missing', names: missing }));
  process.exit(2);
}

const headers = { Authorization: `Bearer ${process.env.PASSATION_TOKEN}`, 'Accept-Language': 'en' };
if (process.env.PASSATION_MEMBER) headers['Passation-On-Behalf-Of'] = process.env.PASSATION_MEMBER;

/** Send a request until something answers: an outage decides nothing, and the same key asks once. */
async function send(path, options = {}) {
  const until = Date.now() + PATIENCE;
  for (;;) {
    let answer;
    try {
      answer = await fetch(`${values.address}/v1${path}`, { ...options, headers: { ...headers, ...options.headers } });
      if (answer.status !== 503 && answer.status !== 429) return answer;
    } catch {
      // Nobody is there for the moment.
    }
    if (Date.now() > until) return null;
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}

/** The transfer, again whenever it changes; a connection that breaks is opened again. */
async function* follow(id) {
  for (;;) {
    const answer = await send(`/transfers/${id}/progress`, { headers: { Accept: 'text/event-stream' } });
    if (!answer?.ok) return;
    let text = '';
    try {
      for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        const events = text.split('\n\n');
        text = events.pop();
        for (const event of events) {
          const data = event.split('\n').find((line) => line.startsWith('data: '));
          if (data) yield JSON.parse(data.slice(6));
        }
      }
    } catch {
      // The process behind it was started again.
    }
  }
}

const asked = await send('/transfers', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', 'Idempotency-Key': values.key },
  body: JSON.stringify({ record: values.record, to: values.to, purpose: values.purpose }),
});
if (asked === null) process.exit(3);
if (!asked.ok) {
  const { code, variant, detail } = await asked.json();
  console.error(JSON.stringify({ error: variant ? `${code}/${variant}` : code, detail }));
  process.exit(1);
}
const { id } = await asked.json();
for await (const { state } of follow(id)) {
  console.log(JSON.stringify({ transfer: id, state }));
  if (FINAL.includes(state)) process.exit(state === 'accepted' ? 0 : 1);
}
process.exit(3);
