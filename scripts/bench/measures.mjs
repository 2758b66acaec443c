// What is compared with others. Each measure answers rows for the table; figures that are compared were taken in turn, in one run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { HOST, pause, programOnPath, script } from './processes.mjs';
import { CLIENTS, compared, CONNECTIONS, contentOf, fanOut, installation, load, MAILS, perSecond, PROPERTIES, median, rolesOf, ROUNDS, WARM_UP } from './runs.mjs';
import { startSink } from './sink.mjs';
import { SINGLE } from './world.mjs';

/** Mailroom and nodemailer in turn, over the same connections to the same sink. */
export async function against(world, { name, goal, measure, type, redis }) {
  const sink = await startSink();
  const mailroom = await installation(world, { redis, sink, roles: rolesOf(redis) });
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
    return [compared({ name, unit: 'mails/s', against: `nodemailer's pool`, goal }, ours, theirs)];
  } finally {
    await rival.end();
    await mailroom.end();
    await sink.end();
  }
}

async function nodemailerPool(sink, connections = CONNECTIONS) {
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
    const row = (what, field, more) => compared({ name: `POST /v1/events by ${CLIENTS} clients, ${what}`, against: 'bare Express handler with pg', ...more }, ours.map((result) => result[field]), theirs.map((result) => result[field]));
    return [row('accepted', 'perSecond', { unit: 'events/s', goal: 0.7 }), row('p50', 'p50', { unit: 'ms' }), row('p99', 'p99', { unit: 'ms' })];
  } finally {
    await bare.end();
    await mailroom.end();
    await database.drop();
    await sink.end();
  }
}

/** One event at a time, when nothing else is done: from its POST to the sink's 250. */
export async function latency(world, { redis }) {
  const sink = await startSink();
  const mailroom = await installation(world, { redis, sink, subscribers: 1, roles: rolesOf(redis) });
  try {
    const times = [];
    for (let count = 0; count < 250; count += 1) {
      const done = sink.more(1);
      const start = performance.now();
      await mailroom.front.publish(SINGLE, PROPERTIES);
      if (count < 50) await done;
      else times.push((await done) - start);
      await pause(20);
    }
    times.sort((a, b) => a - b);
    const name = `latency event → 250 when idle, ${redis ? 'Redis' : 'embedded default'}`;
    return [['p50', 0.5], ['p99', 0.99]].map(([what, share]) => ({ name: `${name}, ${what}`, unit: 'ms', value: times[Math.floor(times.length * share)] }));
  } finally {
    await mailroom.end();
    await sink.end();
  }
}

/** What the sink can take: Postfix's own source of mails, which builds nothing. */
export async function limit() {
  const program = programOnPath('smtp-source');
  if (program === null) return [];
  const sink = await startSink();
  try {
    const rates = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const done = sink.more(MAILS);
      const start = performance.now();
      const child = spawn(program, ['-d', '-s', CONNECTIONS, '-m', MAILS, '-l', 5_000, '-f', 'mailroom@example.com', '-t', 'subscriber@example.com', `${HOST}:${sink.port}`], { stdio: 'inherit' });
      rates.push(perSecond(MAILS, (await done) - start));
      await once(child, 'exit');
    }
    return [{ name: 'smtp-source -d, the limit of the sink', unit: 'mails/s', value: median(rates) }];
  } finally {
    await sink.end();
  }
}
