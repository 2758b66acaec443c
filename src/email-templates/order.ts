import { badCursor } from '../contract/page.js';
import type { EmailTemplateOrder, EmailTemplateSummary } from './email-templates.contract.js';

/** A place in a sorted list: what it is sorted by, and the name, which makes it unique. */
type Place = readonly [value: string, eventType: string];

const LEVELS = ['info', 'warning', 'error'];

const VALUES = {
  eventType: () => '',
  displayName: ({ displayName }) => displayName.toLowerCase(),
  category: ({ category }) => category.toLowerCase(),
  level: ({ level }) => String(LEVELS.indexOf(level)),
  isModified: ({ isModified }) => (isModified ? '1' : '0'),
  updatedAt: ({ updatedAt }) => updatedAt ?? '',
} satisfies Record<string, (template: Summary) => string>;

/** What sorting needs. */
export type Summary = Pick<EmailTemplateSummary, 'eventType' | 'displayName' | 'category' | 'level' | 'isModified' | 'updatedAt'>;

export interface Order<T extends Summary> {
  compare(a: T, b: T): number;
  /** As text, for a cursor. */
  placeOf(template: T): string;
  /** Whether a template comes after a place. Throws CURSOR_INVALID for a text that is no place in this order. */
  isAfter(place: string): (template: T) => boolean;
}

export function orderBy<T extends Summary>(sort: EmailTemplateOrder): Order<T> {
  const isDescending = sort.startsWith('-');
  const valueOf = VALUES[sort.replace('-', '') as keyof typeof VALUES];
  const placeOf = (template: T): Place => [valueOf(template), template.eventType];
  const compare = (a: Place, b: Place): number => {
    const [first, second] = isDescending ? [b, a] : [a, b];
    if (a[0] !== b[0]) return first[0] < second[0] ? -1 : 1;
    const [one, other] = sort === '-eventType' ? [b, a] : [a, b];
    return one[1] === other[1] ? 0 : one[1] < other[1] ? -1 : 1;
  };
  return {
    compare: (a, b) => compare(placeOf(a), placeOf(b)),
    placeOf: (template) => JSON.stringify([sort, ...placeOf(template)]),
    isAfter: (text) => {
      const place = parsePlace(text, sort);
      return (template) => compare(placeOf(template), place) > 0;
    },
  };
}

function parsePlace(text: string, sort: EmailTemplateOrder): Place {
  const [order, ...place] = partsOf(text);
  if (order !== sort || place.length !== 2) throw badCursor();
  return place as unknown as Place;
}

function partsOf(text: string): string[] {
  try {
    const parts: unknown = JSON.parse(text);
    return Array.isArray(parts) && parts.every((part) => typeof part === 'string') ? parts : [];
  } catch {
    return [];
  }
}
