const WIDTH = 100;
const INDENT = '    ';

const coloured = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
const paint = (code) => (text) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text);
const [bold, dim, green, cyan] = ['1', '2', '32', '36'].map(paint);

let number = 0;

/** What the step that is being shown is called; for the message when it fails. */
export let step = 'the preparation';

export const title = (text) => console.log(`\n${bold(text)}`);

export function beginStep(text) {
  number += 1;
  step = `step ${number}, "${text}"`;
  console.log(`\n${green(String(number).padStart(2))}  ${bold(text)}`);
}

export const say = (text) => console.log(dim(wrap(text, ' ', INDENT)));

/** What is seen between a request and the next. */
export const note = (text) => console.log(INDENT.repeat(2) + text);

/** Names and values in two columns; a value of null is left out. */
export function facts(rows, indent = INDENT) {
  const shown = Object.entries(rows).filter(([, value]) => value !== null && value !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length));
  for (const [name, value] of shown) console.log(`${indent}${dim(name.padEnd(width))}  ${wrap(String(value), ' ', ' '.repeat(indent.length + width + 2)).trimStart()}`);
}

/** A request in a line, or a few when its body is long; JSON as it could be sent. */
export function request(method, path, body) {
  const start = `${INDENT}${cyan(`${method} ${path}`)}`;
  const json = body ? JSON.stringify(body, null, 1).replace(/\n\s*/g, ' ') : '';
  const oneLine = INDENT.length + method.length + path.length + json.length + 2 <= WIDTH;
  console.log(oneLine ? `${start} ${json}`.trimEnd() : `${start}\n${wrap(json, /(?<=,) (?=")/, INDENT.repeat(2))}`);
}

export function answer(status, fields) {
  console.log(`${INDENT}${green(status)}`);
  facts(fields, INDENT.repeat(2));
}

/** Equal columns under their names. */
export function table(rows) {
  const names = Object.keys(rows[0]);
  const widths = names.map((name) => Math.max(name.length, ...rows.map((row) => String(row[name]).length)));
  const line = (cells) => INDENT.repeat(2) + cells.map((cell, index) => String(cell).padEnd(widths[index])).join('  ').trimEnd();
  console.log(dim(line(names)));
  for (const row of rows) console.log(line(names.map((name) => row[name])));
}

/** Text as it is, in a frame that is open to the right. */
export function quote(caption, text) {
  console.log(`${INDENT}${dim(`┌ ${caption}`)}`);
  for (const line of text.trimEnd().split('\n')) console.log(`${INDENT}${dim('│')} ${line}`.trimEnd());
  console.log(`${INDENT}${dim('└')}`);
}

/** Fills lines of at most WIDTH characters, breaking at the separator only. */
function wrap(text, separator, indent) {
  const lines = [];
  for (const part of text.split(separator)) {
    const last = lines.at(-1);
    if (last !== undefined && indent.length + last.length + 1 + part.length <= WIDTH) lines[lines.length - 1] = `${last} ${part}`;
    else lines.push(part);
  }
  return lines.map((line) => indent + line).join('\n');
}
