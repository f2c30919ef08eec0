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
  const until = Date.now() + PATIENCE;
  let updateId = `request/${request.transfer_id}`;
  for (;;) {
    const start = new WithStartWorkflowOperation('RecordTransfer', {
      args: [request],
      workflowId: `transfer/${request.transfer_id}`,
      taskQueue: 'passation-transfers',
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
    start.workflowHandle().catch(() => {}); // fails with the update, which tells
    try {
      return await client.workflow.executeUpdateWithStart('request', {
        args: [request],
        updateId,
        startWorkflowOperation: start,
      });
    } catch (error) {
      if (denial(error) || error instanceof TypeError || Date.now() > until) throw error;
      // An outage: the same id, so that it is carried out once. Where an operator ended the workflow before it
      // could answer, the server remembers that under the id, and another one is needed.
      if (error instanceof WorkflowUpdateFailedError) updateId += '/again';
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  }
}

/** The rule that denied, such as `ELIG-3/same`; nothing where the error is no denial. */
function denial(error) {
  const type = error instanceof WorkflowUpdateFailedError ? error.cause?.type : undefined;
  return type === 'AcceptedUpdateCompletedWorkflow' ? undefined : type;
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
  console.error(JSON.stringify({ error: denial(error) ?? String(error.message) }));
  process.exitCode = denial(error) ? 1 : error instanceof TypeError ? 2 : 3;
}
