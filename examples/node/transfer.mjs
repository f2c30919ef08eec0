// Asks for a transfer and follows it to its end, from any program that has a Temporal client.
//
//   node transfer.mjs --organization ID --record ID --actor ID --to ID --purpose continuity --key our-4711
//
// The same key asks once, however often this runs. Where the server is, TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE say.
// Ends with 0 when the record changed hands, 1 when a rule denied or the transfer ended otherwise,
// 3 when nothing answered: run the same command again.

import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Client, Connection, WithStartWorkflowOperation, WorkflowUpdateFailedError } from '@temporalio/client';

const NAMES = ['organization', 'record', 'actor', 'to', 'purpose', 'key'];
const PATIENCE = 30_000;
const AGAIN = 1_000;

/** The UUIDv5 of a name in an organization: what a key stands for. */
function uuid5(namespace, name) {
  const hash = createHash('sha1').update(Buffer.from(namespace.replaceAll('-', ''), 'hex')).update(name).digest();
  hash[6] = (hash[6] & 0x0f) | 0x50;
  hash[8] = (hash[8] & 0x3f) | 0x80;
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Start the workflow, which is the request, and wait for what its first step decided. */
async function ask(client, request) {
  const id = `transfer/${request.transfer_id}`;
  const until = Date.now() + PATIENCE;
  for (;;) {
    try {
      return await client.workflow.executeUpdateWithStart('request', {
        args: [request],
        updateId: `request/${request.transfer_id}`,
        startWorkflowOperation: WithStartWorkflowOperation.create('RecordTransfer', {
          args: [request],
          workflowId: id,
          taskQueue: 'passation-transfers',
          workflowIdConflictPolicy: 'USE_EXISTING',
        }),
      });
    } catch (error) {
      if (error instanceof WorkflowUpdateFailedError || Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN)); // the same id: it is carried out once
    }
  }
}

async function main() {
  const { values } = parseArgs({ options: Object.fromEntries(NAMES.map((name) => [name, { type: 'string' }])) });
  for (const name of NAMES) if (!values[name]) throw new TypeError(`--${name} is missing`);
  const request = {
    transfer_id: uuid5(values.organization, values.key),
    organization_id: values.organization,
    record_id: values.record,
    actor_id: values.actor,
    to_id: values.to,
    purpose: values.purpose,
    options: { include_confidential: false, raw_data: 'exclude', keep_copy: true },
  };

  const connection = await Connection.connect({ address: process.env.TEMPORAL_ADDRESS ?? '127.0.0.1:7233' });
  try {
    const client = new Client({ connection, namespace: process.env.TEMPORAL_NAMESPACE ?? 'default' });
    const asked = await ask(client, request);
    console.log(JSON.stringify({ transfer: asked.transfer_id, state: asked.state, respond_by: asked.respond_by }));
    const ended = await client.workflow.getHandle(`transfer/${request.transfer_id}`).result();
    console.log(JSON.stringify({ transfer: ended.transfer_id, state: ended.state }));
    return ended.state === 'accepted' ? 0 : 1;
  } finally {
    await connection.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const denial = error instanceof WorkflowUpdateFailedError ? error.cause?.type : undefined;
  console.error(JSON.stringify({ error: denial ?? String(error.message) }));
  process.exitCode = denial ? 1 : error instanceof TypeError ? 2 : 3;
}
