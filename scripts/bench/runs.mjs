// How one run of a measure is made: an installation, its work, and what is compared.
import autocannon from 'autocannon';
import { KEY, startMailroom } from './mailroom.mjs';
import { HOST } from './processes.mjs';
import { FAN_OUT, SINGLE, subscribe } from './world.mjs';

export const MAILS = 10_000;
export const CONNECTIONS = 20;
export const CLIENTS = 20;
export const WARM_UP = 1_000;
export const ROUNDS = 3;

export const PROPERTIES = { AccountName: 'svc-backup', AssetName: 'db-server-17', AssetNetworkAddress: '192.0.2.17', ErrorMessage: 'The password does not match.' };

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
export const perSecond = (count, ms) => count / (ms / 1_000);

/** Mailroom with a relay that is the sink, on a database of its own. */
export async function installation(world, { redis, sink, subscribers = MAILS, roles = ['all'], connections = CONNECTIONS, execArgv = [] }) {
  const database = await world.database();
  await subscribe(database, subscribers);
  const processes = [];
  for (const role of roles) processes.push(await startMailroom({ databaseUrl: database.url, redisUrl: redis ? world.redisUrl : null, role, execArgv }));
  const [front] = processes;
  await front.connect(sink, connections);
  return {
    database,
    front,
    processes,
    end: async () => {
      for (const process of processes.reverse()) await process.end();
      await database.drop();
    },
  };
}

/** One event to all subscribers: milliseconds from its POST to the sink's last 250. */
export async function fanOut({ front }, sink, mails = MAILS) {
  const done = sink.more(mails);
  const start = performance.now();
  await front.publish(FAN_OUT, PROPERTIES);
  return (await done) - start;
}

/** Many events with one subscriber each, published by 20 clients: milliseconds to the sink's last 250. */
export async function singles({ front }, sink, events = MAILS) {
  const done = sink.more(events);
  const start = performance.now();
  const accepted = await load(front.port, '/v1/events', SINGLE, events);
  if (accepted.ok !== events) throw new Error(`${accepted.ok} of ${events} events were accepted`);
  return (await done) - start;
}

/** @returns requests that were answered 2xx, requests a second, and milliseconds at percentiles */
export async function load(port, path, type, amount) {
  const body = JSON.stringify({ type, properties: PROPERTIES });
  const [start, options] = [performance.now(), { method: 'POST', connections: CLIENTS, amount, body, headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' } }];
  let end = start;
  const result = await new Promise((resolve, reject) => {
    const run = autocannon({ ...options, url: `http://${HOST}:${port}${path}` }, (error, done) => (error ? reject(error) : resolve(done)));
    run.on('response', () => { end = performance.now(); }); // its own duration is told in whole ticks
  });
  return { ok: result['2xx'], perSecond: perSecond(result['2xx'], end - start), p50: result.latency.p50, p99: result.latency.p99 };
}

/** Everything of a mail that nodemailer is to build: the rendered content of the last event of a type. */
export async function contentOf({ database }, type) {
  const [content] = await database.query('SELECT subject, text_body AS text, html_body AS html FROM email_contents c JOIN events e ON e.id = c.event_id WHERE e.type = $1 ORDER BY e.id DESC LIMIT 1', [type]);
  return content;
}

/** As each back end is deployed: with Redis an API and a worker process, by default one process that is both. */
export const rolesOf = (redis) => (redis ? ['api', 'worker'] : ['all']);

/** The median of each, and the median of the ratios round by round: the machine's speed drifts. */
export const compared = (row, ours, theirs) => ({ ...row, value: median(ours), other: median(theirs), ratio: median(ours.map((value, index) => value / theirs[index])) });
