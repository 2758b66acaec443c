// What is compared with itself under other conditions: beside much mail that waits or is finished, and with more workers.
import { freePort, pause, peakMemory, until } from './processes.mjs';
import { compared, fanOut, installation, load, MAILS, perSecond, PROPERTIES, ROUNDS } from './runs.mjs';
import { startSink } from './sink.mjs';
import { FAN_OUT } from './world.mjs';

/** A fan-out beside what waits for a retry in an hour, and beside what is finished, and beside nothing. */
export async function crowded(world) {
  const sink = await startSink();
  const [none, waiting, finished] = [await installation(world, { redis: true, sink }), await installation(world, { redis: true, sink }), await installation(world, { redis: true, sink })];
  try {
    for (const mailroom of [none, waiting, finished]) await fanOut(mailroom, sink);
    await fill(waiting, 100_000, `'deferred', now() + interval '1 hour', now() + interval '1 hour', NULL`);
    await fill(finished, 1_000_000, `'sent', NULL, NULL, now()`);
    const rates = { none: [], waiting: [], finished: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [name, mailroom] of Object.entries({ none, waiting, finished })) rates[name].push(perSecond(MAILS, await fanOut(mailroom, sink)));
    }
    const row = (name, ours) => compared({ name, unit: 'mails/s', against: 'with none', goal: 0.9 }, ours, rates.none);
    return [row('fan-out while 100,000 wait', rates.waiting), row('fan-out beside 1,000,000 finished e-mails', rates.finished)];
  } finally {
    for (const mailroom of [none, waiting, finished]) await mailroom.end();
    await sink.end();
  }
}

/** @param state SQL: status, next_attempt_at, nudge_at, sent_at */
async function fill({ database }, count, state) {
  await database.query(`
    INSERT INTO emails (id, event_id, event_type, publisher_key_id, to_address, to_key, match_key, message_id, give_up_at, attempt_count, tries, status, next_attempt_at, nudge_at, sent_at)
    SELECT id, event_id, $2, publisher_key_id, address, address, address, '<' || id || '@example.com>', now() + interval '3 days', 1, 1, ${state}
    FROM (SELECT uuid_v7() AS id, 'filler' || n || '@example.com' AS address FROM generate_series(1, $1::int) n) made
    CROSS JOIN (SELECT id AS event_id, publisher_key_id FROM events LIMIT 1) event`, [count, FAN_OUT]);
  await database.query('VACUUM ANALYZE emails');
}

/** The most memory of an API and a worker process together, from their start to half a minute of many e-mails that wait for a dead relay. */
export async function memory(world) {
  const [many, few] = [await peakWhile(world, 10, MAILS), await peakWhile(world, 1, 1_000)];
  return [{ name: 'peak memory of API and worker while 100,000 wait', unit: 'MB', value: many, against: 'while 1,000 wait', other: few, ratio: many / few, goal: 1.2, atMost: true }];
}

async function peakWhile(world, events, subscribers) {
  const mailroom = await installation(world, { redis: true, sink: { port: await freePort() }, subscribers, roles: ['api', 'worker'] });
  try {
    for (let count = 0; count < events; count += 1) await mailroom.front.publish(FAN_OUT, PROPERTIES);
    const deferred = async () => Number((await mailroom.database.query(`SELECT count(*) FROM emails WHERE status = 'deferred'`))[0].count);
    await until(async () => (await deferred()) === events * subscribers, `${events * subscribers} e-mails wait`, 300, 500);
    await load(mailroom.front.port, '/v1/events', 'ApplianceSick', 2_000);
    await pause(15_000);
    return mailroom.processes.reduce((sum, { pid }) => sum + peakMemory(pid), 0);
  } finally {
    await mailroom.end();
  }
}

/** One and two worker processes, each with its own connections: to a relay that thinks, as they do, and to one that does not, where the machine is the limit. */
export async function workers(world) {
  const rows = [];
  for (const [delayMs, mails, name] of [[10, 4_000, '2 workers, relay that takes 10 ms for each answer'], [0, MAILS, '2 workers, relay that answers at once']]) {
    const sink = await startSink({ delayMs });
    const [one, two] = [await installation(world, { redis: true, sink, subscribers: mails, connections: 10, roles: ['api', 'worker'] }), await installation(world, { redis: true, sink, subscribers: mails, connections: 10, roles: ['api', 'worker', 'worker'] })];
    try {
      const [ones, twos] = [[], []];
      for (let round = 0; round <= ROUNDS; round += 1) {
        const [single, double] = [perSecond(mails, await fanOut(one, sink, mails)), perSecond(mails, await fanOut(two, sink, mails))];
        if (round > 0) ones.push(single) && twos.push(double);
      }
      rows.push(compared({ name, unit: 'mails/s', against: '1 worker' }, twos, ones));
    } finally {
      await one.end();
      await two.end();
      await sink.end();
    }
  }
  return rows;
}
