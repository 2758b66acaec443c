import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { atEnd } from '../process/mailroom-process.js';
import { type Block, blocksOf } from './blocks.js';
import { NOT_RUN } from './not-run.js';
import { type Ran, Shell } from './shell.js';
import { differences, missingLines } from './shown.js';

export interface PageOptions {
  /** The environment of the reader's shell. */
  env?: Record<string, string>;
  /** Files that the reader has got from somebody. */
  files?: Record<string, string | Buffer>;
  /** What stands on the page, and what it is in the test. May grow while the page is run. Everything in it has to be on the page. */
  replace?: Map<string, string>;
  /** What a reader fills in: `NAME=…`. Given the answer that the last block with one got. */
  fillIn?: Record<string, (answer: unknown) => string>;
  /** Before and after a block, by its name. */
  before?: Record<string, (shell: Shell) => unknown>;
  after?: Record<string, (ran: Ran, shell: Shell) => unknown>;
  /** Blocks that start something which goes on until the end of the page, and what that prints when it is there. */
  keepRunning?: Record<string, RegExp>;
  /** Blocks that are run in a way of their own. */
  handle?: Record<string, (text: string, shell: Shell) => unknown>;
}

/**
 * Does what a page says, block by block: `sh` is run, by one bash for the whole page, and the block behind it, in another language, is what that is said
 * to print. curl may be refused only where the page shows the refusal. Whatever is neither of these has to be in the table of what is not run.
 */
export async function runPage(page: string, options: PageOptions): Promise<Shell> {
  const shell = new Shell(options.env ?? {});
  atEnd(() => shell.close());
  for (const [name, content] of Object.entries(options.files ?? {})) writeFileSync(join(shell.folder, name), content);
  const run = new PageRun(page, shell, options);
  for (const block of run.blocks) await run.take(block);
  run.checkTables();
  return shell;
}

class PageRun {
  readonly blocks: Block[];
  private readonly replace: Map<string, string>;
  private readonly replaced = new Set<string>();
  private readonly filledIn = new Set<string>();
  /** Of the block before, if it was run. */
  private last: Ran | null = null;
  private answer: unknown = null;

  constructor(private readonly page: string, private readonly shell: Shell, private readonly options: PageOptions) {
    this.blocks = blocksOf(page);
    this.replace = options.replace ?? new Map<string, string>();
  }

  async take(block: Block): Promise<void> {
    try {
      await this.options.before?.[block.name]?.(this.shell);
      await this.act(block);
    } catch (error) {
      throw new Error(`${this.page}:${block.line} (${block.name}): ${(error as Error).message}`, { cause: error });
    }
  }

  private async act(block: Block): Promise<void> {
    const { name } = block;
    const text = this.asInTest(block.text);
    const [handle, until, notRun] = [this.options.handle?.[name], this.options.keepRunning?.[name], NOT_RUN[this.page]?.[name]];
    if (notRun !== undefined) this.last = null;
    else if (handle) await handle(text, this.shell);
    else if (until) await this.keepRunning(block, text, until);
    else if (block.language === 'sh') await this.runCommands(block, text);
    else if (this.last) this.compare(block, text, this.last);
    else throw new Error('nothing runs this block, and the table of what is not run (tests/docs/not-run.ts) does not name it');
  }

  private async keepRunning({ name }: Block, text: string, until: RegExp): Promise<void> {
    this.last = { stdout: await this.shell.start(text, until), stderr: '', statuses: [] };
    await this.options.after?.[name]?.(this.last, this.shell);
  }

  private async runCommands(block: Block, text: string): Promise<void> {
    const ran = await this.shell.run(text);
    const next = this.blocks[this.blocks.indexOf(block) + 1];
    if (/^ *curl /m.test(text) && ran.statuses.length === 0) throw new Error('no curl was run');
    const refusals = ran.statuses.filter((status) => status === 0 || status >= 400);
    const expected = next?.language === 'json' ? shownRefusal(next.text) : null;
    if (JSON.stringify(refusals) !== JSON.stringify(expected ?? [])) throw new Error(`curl got ${ran.statuses.join(', ')}: ${ran.stdout}${ran.stderr}`);
    this.last = ran;
    await this.options.after?.[block.name]?.(ran, this.shell);
  }

  private compare({ language }: Block, text: string, { stdout, stderr }: Ran): void {
    if (language === 'json') this.answer = JSON.parse(stdout);
    if (/^[\s{}[\]]*$/.test(text)) throw new Error('the block shows nothing');
    const faults = language === 'json' ? differences(JSON.parse(text), this.answer) : missingLines(text, stdout + stderr);
    if (faults.length > 0) throw new Error(`${faults.join('\n')}\nin ${stdout}${stderr}`);
    this.last = null;
  }

  /** The text of the page with what differs in the test. */
  private asInTest(text: string): string {
    let result = text;
    for (const [from, to] of this.replace) {
      if (result.includes(from)) this.replaced.add(from);
      result = result.replaceAll(from, to);
    }
    return result.replace(/^((?:export )?(\w+)=)…/gm, (_, start: string, name: string) => {
      this.filledIn.add(name);
      const value = this.options.fillIn?.[name];
      if (!value) throw new Error(`the test does not say what a reader fills in for ${name}`);
      return `${start}'${value(this.answer)}'`;
    });
  }

  /** Nothing in the test's tables may be about what is not on the page. */
  checkTables(): void {
    const { before = {}, after = {}, keepRunning = {}, handle = {}, fillIn = {} } = this.options;
    const names = [before, after, keepRunning, handle, NOT_RUN[this.page] ?? {}].flatMap(Object.keys);
    const unknown = [
      ...names.filter((name) => !this.blocks.some((block) => block.name === name)),
      ...[...this.replace.keys()].filter((from) => !this.replaced.has(from)),
      ...Object.keys(fillIn).filter((name) => !this.filledIn.has(name)),
    ];
    if (unknown.length > 0) throw new Error(`${this.page} has no ${unknown.join(', no ')}`);
  }
}

/** The status of a problem that the page shows; null: it shows none. */
function shownRefusal(text: string): number[] | null {
  const { status } = JSON.parse(text) as { status?: unknown };
  return typeof status === 'number' ? [status] : null;
}
