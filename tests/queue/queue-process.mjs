// A process of its own with one worker, run from the built program: argv[2] is { backEnd, prefix, kind, stuck } as JSON.
// It writes a line of JSON when it works, and one for each job that its handler starts. SIGTERM closes the queue.
import { createLogger } from '../../dist/logger.js';
import { createJobQueue } from '../../dist/queue/create-job-queue.js';
import { jobKind } from '../../dist/queue/job-queue.js';

const { backEnd, prefix, kind, stuck } = JSON.parse(process.argv[2]);
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const queue = await createJobQueue({ backEnd, prefix, logger: createLogger({ level: 'info', format: 'json' }) });
await queue.work(jobKind(kind, 1), async (payload) => {
  say({ handled: payload });
  if (stuck) await new Promise(() => undefined);
});
process.once('SIGTERM', () => void queue.close(1_000));
say({ ready: true });
