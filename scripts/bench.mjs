import { startWorld, FAN_OUT, SINGLE } from './bench/world.mjs';
import { against, accepting, fanOut, singles } from './bench/measures.mjs';
const world = await startWorld();
const which = process.argv.slice(2);
const all = {
 fr: () => against(world, { name: 'fan-out Redis', goal: 1, measure: fanOut, type: FAN_OUT, redis: true }),
 sr: () => against(world, { name: 'singles Redis', goal: 0.5, measure: singles, type: SINGLE, redis: true }),
 fp: () => against(world, { name: 'fan-out Postgres', goal: 0.6, measure: fanOut, type: FAN_OUT, redis: false }),
 sp: () => against(world, { name: 'singles Postgres', goal: 0.3, measure: singles, type: SINGLE, redis: false }),
 ac: () => accepting(world),
};
try { for (const [k, f] of Object.entries(all)) if (which.length === 0 || which.includes(k)) console.table(await f()); } finally { await world.end(); }
