/** What a page shows of an answer has to be in it. `…` stands for any text. */
export function differences(shown: unknown, real: unknown, path = 'the answer'): string[] {
  if (Array.isArray(shown)) return Array.isArray(real) ? inOrder(shown, real, path) : [`${path} is no list: ${JSON.stringify(real)}`];
  if (typeof shown === 'object' && shown !== null) {
    if (typeof real !== 'object' || real === null) return [`${path} is no object: ${JSON.stringify(real)}`];
    return Object.entries(shown).flatMap(([name, value]) =>
      name in real ? differences(value, (real as Record<string, unknown>)[name], `${path}.${name}`) : [`${path}.${name} is not there`]);
  }
  const same = typeof shown === 'string' && typeof real === 'string' ? pattern(shown).test(real) : shown === real;
  return same ? [] : [`${path} is ${JSON.stringify(real)}, and the page shows ${JSON.stringify(shown)}`];
}

/** A page may show some elements of a list only. An empty list is an empty list. */
function inOrder(shown: unknown[], real: unknown[], path: string): string[] {
  if (shown.length === 0) return real.length === 0 ? [] : [`${path} is not empty: ${JSON.stringify(real)}`];
  let at = 0;
  return shown.flatMap((element, index) => {
    const found = real.findIndex((one, position) => position >= at && differences(element, one).length === 0);
    at = found < 0 ? at : found + 1;
    if (found >= 0) return [];
    return real.length === 1 ? differences(element, real[0], `${path}[0]`) : [`${path} has nothing like the element ${index} of the page: ${JSON.stringify(real)}`];
  });
}

/** Each line of a page has to be in the output, in this order. */
export function missingLines(shown: string, output: string): string[] {
  const lines = output.split('\n').map((line) => line.trimEnd());
  let at = 0;
  return shown.split('\n').filter((line) => line.trim() !== '').flatMap((line) => {
    const found = lines.findIndex((one, position) => position >= at && pattern(line.trimEnd()).test(one));
    at = found < 0 ? at : found + 1;
    return found < 0 ? [`not in the output: ${line}`] : [];
  });
}

const pattern = (shown: string): RegExp => new RegExp(`^${shown.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('[^]*')}$`);
