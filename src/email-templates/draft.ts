import type { Accent } from './accents.js';
import type { Fact, FactName } from './facts.js';

/**
 * What a default template says; its subject, text and HTML are made from this. All texts are Liquid source in plain text,
 * and must read well whichever properties an event has: use `default` and `if` so that nothing dangles.
 */
export interface Draft {
  /** What follows the event's display name in the subject, beginning with its own separator: `{% if UserName %}: {{ UserName }}{% endif %}`. */
  subject?: string;
  /** What happened, in a few words without a full stop. */
  heading: string;
  /** What happened, in one or two sentences. */
  lead: string;
  /** What that means. */
  meaning?: string;
  /** What the reader can do about it. */
  next?: string;
  facts?: ReadonlyArray<FactName | Fact>;
  /** The page to open, and the property that has its address. The audit log entry if there is no other. */
  action?: { label: string; property: string };
  /** How the mail presents itself; the level of the event if not said. */
  accent?: Accent;
}

export type Drafts = Readonly<Record<string, Draft>>;
