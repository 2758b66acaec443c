// What is measured. Each measure answers rows for the table; figures that are compared were taken in turn, in one run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import autocannon from 'autocannon';
import { KEY, startMailroom } from './mailroom.mjs';
import { forgetPeak, HOST, pause, peakMemory, programOnPath, script, until } from './processes.mjs';
import { startSink } from './sink.mjs';
import { FAN_OUT, SINGLE, subscribe } from './world.mjs';

export const MAILS = 10_000;
export const CONNECTIONS = 20;
const CLIENTS = 20;
const WARM_UP = 1_000;
const ROUNDS = 3;

const PROPERTIES = { AccountName: 'svc-backup', AssetName: 'db-server-17', AssetNetworkAddress: '192.0.2.17', ErrorMessage: 'The password does not match.' };

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const perSecond = (count, ms) => count / (ms / 1_000);

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

export async function nodemailerPool(sink, connections = CONNECTIONS) {
  const pool = script('nodemailer-pool.mjs');
  const send = async (content, recipients) => {
    const done = sink.more(recipients);
    const start = performance.now();
    const sent = pool.ask({ port: sink.port, connections, content, recipients });
    const took = (await done) - start;
    await sent;
    return took;
  };
  return { send, end: pool.end };
}

/** Mailroom and nodemailer in turn, over the same connections to the same sink. */
export async function against(world, { name, goal, measure, type, redis }) {
  const sink = await startSink();
  const mailroom = await installation(world, { redis, sink, roles: redis ? ['api', 'worker'] : ['all'] });
  const rival = await nodemailerPool(sink);
  try {
    await measure(mailroom, sink, measure === fanOut ? MAILS : WARM_UP);
    const content = await contentOf(mailroom, type);
    await rival.send(content, WARM_UP);
    const [ours, theirs] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      ours.push(perSecond(MAILS, await measure(mailroom, sink)));
      theirs.push(perSecond(MAILS, await rival.send(content, MAILS)));
    }
    console.log(ours.map(Math.round), theirs.map(Math.round)); return [{ name, unit: 'mails/s', value: median(ours), against: `nodemailer's pool`, other: median(theirs), ratio: median(ours.map((rate, index) => rate / theirs[index])), goal }];
  } finally {
    await rival.end();
    await mailroom.end();
    await sink.end();
  }
}

/** `POST /v1/events` of an API process, and a bare handler. */
export async function accepting(world) {
  const sink = await startSink();
  const mailroom = await installation(world, { redis: true, sink, subscribers: 1, roles: ['api'] });
  const database = await world.database();
  const bare = script('bare-handler.mjs');
  try {
    const { port } = await bare.ask({ databaseUrl: database.url });
    const [ours, theirs] = [[], []];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const [one, other] = [await load(mailroom.front.port, '/v1/events', SINGLE, MAILS), await load(port, '/events', SINGLE, MAILS)];
      if (round > 0) ours.push(one) && theirs.push(other); // the first warms up
    }
    const at = (results, field) => median(results.map((result) => result[field]));
    return [
      { name: 'POST /v1/events accepted', unit: 'events/s', value: at(ours, 'perSecond'), against: 'bare Express handler with pg', other: at(theirs, 'perSecond'), ratio: median(ours.map((one, index) => one.perSecond / theirs[index].perSecond)), goal: 0.7 },
      { name: 'POST /v1/events, p50', unit: 'ms', value: at(ours, 'p50'), against: 'bare Express handler with pg', other: at(theirs, 'p50') },
      { name: 'POST /v1/events, p99', unit: 'ms', value: at(ours, 'p99'), against: 'bare Express handler with pg', other: at(theirs, 'p99') },
    ];
  } finally {
    await bare.end();
    await mailroom.end();
    await database.drop();
    await sink.end();
  }
}
