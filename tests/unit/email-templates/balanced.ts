import { expect } from '@jest/globals';

const VOID = new Set(['meta', 'br']);
const ATTRIBUTES = /^(?: [a-z-]+="[^"<]*")*$/;

function faultsOf(html: string): string[] {
  const open: string[] = [];
  const faults: string[] = [];
  for (const [tag, close, name, attributes] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)([^>]*)>/g)) {
    if (!ATTRIBUTES.test(attributes!) || (close && open.pop() !== name)) faults.push(tag);
    if (!close && !VOID.has(name!)) open.push(name!);
  }
  if (/[<>]/.test(html.replace(/<\/?[a-z][a-z0-9]*[^>]*>/g, ''))) faults.push('a bracket outside a tag');
  return [...faults, ...open];
}

/** Fails unless every element of an HTML document is closed in its order, and attributes are quoted. */
export function expectBalanced(html: string): void {
  expect(html.startsWith('<!DOCTYPE html>\n')).toBe(true);
  expect(faultsOf(html.replace(/<!--[\s\S]*?-->|<!DOCTYPE html>|(?<=<style>)[\s\S]*?(?=<\/style>)/g, ''))).toEqual([]);
}
