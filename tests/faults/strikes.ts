import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../setup/wait.js';
import type { Supervised } from './cluster.js';
import type { Statement } from './pg-messages.js';
import type { SqlMoment } from './pg-proxy.js';
import { databaseIsUp, whileMatchingWaits } from './rows.js';
import type { Scene } from './scene.js';
import type { Caught, SmtpStep } from './smtp-sink.js';
import { portsOf } from './socket-owner.js';

/** Lies in wait for a moment, strikes in it, and starts again what it killed. Resolves with the number of SMTP connections that were open then. */
export type Strike = (scene: Scene) => Promise<number>;

const MOMENT_MS = 40_000;
const RECOVERY_MS = 30_000;
/** A lease holds for 10 s; what it held goes out within some seconds more. */
const FROZEN_MS = 15_000;

/** A process in the middle of a statement. */
export const killAtStatement = (victim: 'api' | 'first', moment: SqlMoment): Strike => async (scene) => {
  await statementReached(victim, moment, scene);
  return killAndStartAgain(scene.cluster[victim], scene);
};

/** The API when the publisher has its answer, and the queue does not know of the event yet. */
export const killApiBeforeNudge = (skip: number): Strike => async (scene) => {
  const { redisProxy, cluster: { api }, publisher } = scene;
  const job = redisProxy
    ? await inTime<string>((done) => redisProxy.arm('eventIds', skip, done))
    : (await statementReached('api', { at: 'before', skip, matches: ({ sql, values }) => sql.includes('add_job') && values.includes('eventIds') }, scene)).values;
  await waitFor(() => eventIdsIn(job).every((id) => [...publisher.accepted.values()].includes(id)), Boolean);
  return killAndStartAgain(api, scene);
};

/** Ids of events are of version 7; those of jobs are not. */
const eventIdsIn = (job: string): string[] => job.match(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g) ?? [];

/** The worker that has come to this step of a mail, whichever of the two it is. */
export const killAtSmtp = (step: SmtpStep, skip: number): Strike => async (scene) => {
  const caught = await stepReached(step, skip, scene);
  const ended = killAndStartAgain(workerOf(caught, scene), scene);
  caught.drop();
  return ended;
};

/** A worker stands still after a statement, for longer than its leases hold, and then goes on as if nothing had been. */
export const freezeAfterStatement = (matches: SqlMoment['matches']): Strike => async (scene) => {
  await statementReached('first', { at: 'after', matches }, scene);
  return standStill(scene.cluster.first, scene, () => scene.proxies.first.goOn());
};

/** The same in the middle of a mail, whichever worker it is. */
export const freezeAtSmtp = (step: SmtpStep, skip: number): Strike => async (scene) => {
  const caught = await stepReached(step, skip, scene);
  return standStill(workerOf(caught, scene), scene, () => caught.goOn());
};

/** Postgres, while a process is in the middle of a statement. The processes live on. */
export const killPostgresAtStatement = (asking: 'api' | 'first', moment: SqlMoment): Strike => async (scene) => {
  await statementReached(asking, moment, scene);
  const open = await killPostgres(scene);
  scene.proxies[asking].cut();
  await databaseIsUp(scene.servers.postgres.url, RECOVERY_MS);
  scene.sink.letGo();
  return open;
};

/** Postgres, while a mail has come to this step, which goes on when Postgres has died. */
export const killPostgresAtSmtp = (step: SmtpStep, skip: number): Strike => async (scene) => {
  const caught = await stepReached(step, skip, scene);
  const open = await killPostgres(scene);
  caught.goOn();
  await databaseIsUp(scene.servers.postgres.url, RECOVERY_MS);
  return open;
};

/** Redis when every event is accepted, and nobody can go on with matching them; it comes back empty. */
export const emptyRedisWhileEventsWait: Strike = async (scene) => {
  await whileMatchingWaits(scene.servers.postgres.url, async () => {
    await waitFor(() => scene.publisher.accepted.size, (count) => count === scene.events.length, MOMENT_MS);
    await emptyRedis(scene);
  });
  return 0;
};

/** Redis while a mail has come to this step; it comes back empty. */
export const emptyRedisAtSmtp = (step: SmtpStep, skip: number): Strike => async (scene) => {
  const caught = await stepReached(step, skip, scene);
  await emptyRedis(scene);
  caught.goOn();
  return 0;
};

/** All processes and all servers at once, while a mail has come to this step. */
export const killEverythingAtSmtp = (step: SmtpStep, skip: number): Strike => async (scene) => {
  const { cluster, servers } = scene;
  const caught = await stepReached(step, skip, scene);
  const [open] = await Promise.all([killPostgres(scene), servers.redis?.kill(), ...cluster.members.map((member) => member.kill())]);
  caught.drop();
  await Promise.all([databaseIsUp(servers.postgres.url, RECOVERY_MS), servers.redis?.startAgain()]);
  await Promise.all(cluster.members.map((member) => startAgain(member, scene)));
  return open;
};

const statementReached = (asking: 'api' | 'first', moment: SqlMoment, { proxies }: Scene): Promise<Statement> => inTime((done) => proxies[asking].arm(moment, done));

const stepReached = (step: SmtpStep, skip: number, { sink }: Scene): Promise<Caught> => inTime((done) => sink.arm(step, skip, done));

function workerOf({ clientPort }: Caught, { cluster, sink }: Scene): Supervised {
  const worker = cluster.workers.find(({ pid }) => portsOf(pid, sink.port).includes(clientPort));
  if (worker === undefined) throw new Error(`no worker has the connection from port ${clientPort}`);
  return worker;
}

async function killAndStartAgain(member: Supervised, scene: Scene): Promise<number> {
  member.standStill(); // at once, so that what is counted is what is killed
  const open = portsOf(member.pid, scene.sink.port).length;
  await member.kill();
  await startAgain(member, scene);
  return open;
}

/** Its connections end after it: what it had begun and not committed is rolled back. */
async function startAgain(member: Supervised, { cluster, proxies, redisProxy, sink }: Scene): Promise<void> {
  if (member === cluster.first) proxies.first.cut();
  if (member === cluster.api) proxies.api.cut();
  if (member === cluster.api) redisProxy?.cut();
  sink.letGo();
  await member.startAgain();
}

/** @param release lets go what held the worker before it stood still by itself */
async function standStill(member: Supervised, { sink }: Scene, release: () => void): Promise<number> {
  member.standStill();
  const open = portsOf(member.pid, sink.port).length;
  release();
  await delay(FROZEN_MS);
  member.goOn();
  return open;
}

async function killPostgres({ servers, sink }: Scene): Promise<number> {
  const open = sink.clientPorts.length;
  await servers.postgres.kill();
  return open;
}

async function emptyRedis({ servers: { redis } }: Scene): Promise<void> {
  await redis!.kill();
  await redis!.startAgain();
}

/** Resolves with what `lieInWait` gets; rejects when the moment does not come. */
async function inTime<T>(lieInWait: (done: (value: T) => void) => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => { timer = setTimeout(() => reject(new Error(`the moment did not come within ${MOMENT_MS} ms`)), MOMENT_MS); });
  try {
    return await Promise.race([new Promise<T>(lieInWait), late]);
  } finally {
    clearTimeout(timer);
  }
}
