import { readFileSync } from 'node:fs';

/** A fenced block of a page. */
export interface Block {
  /** The heading that it stands under, and its number there: `Send a mail 2`. */
  name: string;
  /** What stands behind the fence: `sh`, `json`, …; empty for none. */
  language: string;
  text: string;
  /** Of the fence, from 1. */
  line: number;
}

const FENCE = /^( *)(```+|~~~+) *(\S*)\s*$/;
const HEADING = /^#+ +(.+?)\s*$/;

/** Every fenced block of a page, in order. */
export function blocksOf(page: string): Block[] {
  const lines = readFileSync(page, 'utf8').split('\n');
  const counts = new Map<string, number>();
  const blocks: Block[] = [];
  let heading = '';
  for (let at = 0; at < lines.length; at += 1) {
    heading = HEADING.exec(lines[at]!)?.[1] ?? heading;
    const [, indent, fence, language] = FENCE.exec(lines[at]!) ?? [];
    if (fence === undefined) continue;
    const end = lines.findIndex((line, number) => number > at && line.trim() === fence);
    if (end < 0) throw new Error(`${page}:${at + 1}: the block does not end`);
    const count = (counts.get(heading) ?? 0) + 1;
    counts.set(heading, count);
    const text = lines.slice(at + 1, end).map((line) => `${line.startsWith(indent!) ? line.slice(indent!.length) : line}\n`).join('');
    blocks.push({ name: `${heading} ${count}`, language: language!, text, line: at + 1 });
    at = end;
  }
  return blocks;
}
