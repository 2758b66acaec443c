import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { blocksOf } from './blocks.js';
import { NOT_RUN } from './not-run.js';
import { differences, missingLines } from './shown.js';

const GUIDES = readdirSync('docs').filter((name) => name.endsWith('.md')).map((name) => join('docs', name));
const PAGES = ['README.md', ...GUIDES];
const textOf = (page: string): string => readFileSync(page, 'utf8');
const sources = (folder: string, ending: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(ending)).map((name) => readFileSync(join(folder, name), 'utf8'));
const TESTS = sources('tests', '.test.ts');
const CODE = [...sources('src', '.ts'), ...sources('openapi/client/src', '.ts')].join('\n');
const linksOf = (page: string): string[] => [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!).filter((target) => !/^\w+:/.test(target));

/** As GitHub makes them of headings. */
const anchorsOf = (page: string): string[] =>
  [...textOf(page).matchAll(/^#+ +(.+?)\s*$/gm)].map(([, heading]) => heading!.toLowerCase().replace(/[^\p{L}\p{N}\- _]/gu, '').replaceAll(' ', '-'));

describe.each(PAGES)('%s', (page) => {
  test('is run by a test when there is something to run in it', () => {
    const notRun = NOT_RUN[page] ?? {};
    const names = blocksOf(page).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(Object.keys(notRun)));
    if (names.some((name) => notRun[name] === undefined)) expect(TESTS.some((text) => text.includes(`'${page}'`))).toBe(true);
  });

  test('its links lead somewhere', () => {
    const broken = linksOf(page).filter((link) => {
      const [file, anchor] = link.split('#') as [string, string | undefined];
      const target = file === '' ? page : relative('.', join(dirname(page), file));
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
    });
    expect(broken).toEqual([]);
  });

  test('the codes and variables that it names exist', () => {
    const named = [...textOf(page).matchAll(/`(?:\d{3} )?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)].map(([, name]) => name!.replace(/_FILE$/, ''));
    expect(named.filter((name) => !CODE.includes(name))).toEqual([]);
  });
});

test('the README leads to every page', () => {
  expect(linksOf('README.md').map((link) => link.split('#')[0])).toEqual(expect.arrayContaining(GUIDES));
  expect(GUIDES.map((page) => basename(page))).toContain('first-mail.md');
});

test('no table of what is not run is about a page that is gone', () => {
  expect(PAGES).toEqual(expect.arrayContaining(Object.keys(NOT_RUN)));
});

test('what a page shows is compared: a field that is missing, another value, another order and a missing line are found', () => {
  const real = { id: '1f', status: 'sent', items: [{ name: 'a', reply: '250 OK' }, { name: 'b', n: 2 }] };
  expect(differences({ id: '…', items: [{ name: 'b', n: 2 }] }, real)).toEqual([]);
  expect(differences({ items: [{ name: 'a', reply: '250 …' }, { name: 'b' }] }, real)).toEqual([]);
  for (const wrong of [{ status: 'failed' }, { nothing: 1 }, { items: [] }, { items: [{ name: 'b' }, { name: 'a' }] }, { items: [{ n: '2' }] }, { id: null }, { items: 'a' }, { status: { a: 1 } }]) {
    expect(differences(wrong, real)).toHaveLength(1);
  }
  expect(missingLines('a …\n\n  c', 'a b\n  c  \n')).toEqual([]);
  expect(missingLines('c\na', 'a\nc')).toEqual(['not in the output: a']);
});
