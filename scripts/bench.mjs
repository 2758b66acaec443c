// How fast Mailroom is, as ratios: what is compared is measured in turn, in one run on one machine. Prints a table; a whole run writes docs/benchmark.md,
// its picture and its figures as JSON. Bounded: some fifteen minutes. Usage: npm run bench [-- part of a measure's name …]
import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import * as conditions from './bench/conditions.mjs';
import * as measures from './bench/measures.mjs';
import { page } from './bench/page.mjs';
import { picture } from './bench/picture.mjs';
import { programOnPath } from './bench/processes.mjs';
import { CONNECTIONS, fanOut, singles } from './bench/runs.mjs';
import { FAN_OUT, SINGLE, startWorld } from './bench/world.mjs';

const docs = (name) => fileURLToPath(new URL(`../docs/${name}`, import.meta.url));

/** What takes Redis says so: it is left out where there is none. */
const MEASURES = [
  { title: 'fan-out, Redis', redis: true, run: (world) => measures.against(world, { name: 'fan-out, 1 event to 10,000, Redis', goal: 1, measure: fanOut, type: FAN_OUT, redis: true }) },
  { title: 'singles, Redis', redis: true, run: (world) => measures.against(world, { name: '10,000 events to 1 each, Redis', goal: 0.5, measure: singles, type: SINGLE, redis: true }) },
  { title: 'fan-out, embedded', run: (world) => measures.against(world, { name: 'fan-out, 1 event to 10,000, embedded default', goal: 0.6, measure: fanOut, type: FAN_OUT, redis: false }) },
  { title: 'singles, embedded', run: (world) => measures.against(world, { name: '10,000 events to 1 each, embedded default', goal: 0.3, measure: singles, type: SINGLE, redis: false }) },
  { title: 'accepting', redis: true, run: measures.accepting },
  { title: 'crowded', redis: true, run: conditions.crowded },
  { title: 'memory', redis: true, run: conditions.memory },
  { title: 'workers', redis: true, run: conditions.workers },
  { title: 'latency, Redis', redis: true, run: (world) => measures.latency(world, { redis: true }) },
  { title: 'latency, embedded', run: (world) => measures.latency(world, { redis: false }) },
  { title: 'limit', run: measures.limit },
];

const wanted = process.argv.slice(2);
const chosen = MEASURES.filter(({ title }) => wanted.length === 0 || wanted.some((part) => title.includes(part)));
const world = await startWorld();
const rows = [];
try {
  for (const [index, { title, redis, run }] of chosen.entries()) {
    if (redis && world.redisUrl === null) {
      console.log(`[${index + 1}/${chosen.length}] ${title}: left out, no REDIS_URL and no redis-server on PATH`);
      continue;
    }
    console.log(`[${index + 1}/${chosen.length}] ${title} …`);
    const found = await run(world);
    for (const row of found) console.log(`    ${line(row)}`);
    rows.push(...found);
  }
} finally {
  await world.end();
}

const machine = `${cpus().length} cores (${cpus()[0].model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release().split('.').slice(0, 2).join('.')}, Node ${process.versions.node}`;
const result = { date: new Date().toISOString().slice(0, 10), machine, sink: programOnPath('smtp-sink') ? 'smtp-sink' : 'light sink', connections: CONNECTIONS, rows: rows.map(rounded) };
console.table(Object.fromEntries(result.rows.map(({ name, ...row }) => [name, shown(row)])));
console.log(`${result.date}, ${machine}; sink: ${result.sink}`);
if (wanted.length === 0) {
  writeFileSync(docs('benchmark.json'), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(docs('benchmark.svg'), picture(result));
  writeFileSync(docs('benchmark.md'), page(result));
}

function rounded(row) {
  const figures = Object.entries(row).map(([name, value]) => [name, typeof value === 'number' ? Number(value.toPrecision(3)) : value]);
  return Object.fromEntries(figures);
}

function shown({ unit, value, against = '', other = '', ratio = '', goal, atMost }) {
  return { unit, Mailroom: value, against, other, ratio, goal: goal === undefined ? '' : `${atMost ? '≤' : '≥'} ${goal}`, met: goal === undefined ? '' : (atMost ? ratio <= goal : ratio >= goal) ? 'yes' : 'NO' };
}

function line(row) {
  const { name, unit, value, against, other, ratio } = rounded(row);
  return `${name}: ${value} ${unit}${other === undefined ? '' : `, ${against} ${other}, ratio ${ratio}`}`;
}
