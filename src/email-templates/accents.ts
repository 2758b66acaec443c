import type { EventLevel } from '../event-types/event-type.js';

/** How a mail presents itself: by the level of its event, or as something that the reader is asked to do. */
export type Accent = EventLevel | 'action';

interface AccentStyle {
  /** The level in words, because colour alone tells nothing to many readers. */
  label: string;
  /** The bar at the top; it suits light and dark backgrounds. */
  bar: string;
  /** The label's text and background on white: a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3). */
  ink: string;
  tint: string;
  /** The same on a dark background. */
  darkInk: string;
  darkTint: string;
}

export const ACCENTS: Readonly<Record<Accent, AccentStyle>> = {
  info: { label: 'Information', bar: '#3b7dd8', ink: '#1d4f91', tint: '#e8f0fb', darkInk: '#9cc4ff', darkTint: '#1b2b42' },
  action: { label: 'Action needed', bar: '#7a4fd0', ink: '#5a2ea6', tint: '#f0eafb', darkInk: '#cdb5ff', darkTint: '#2c2145' },
  warning: { label: 'Warning', bar: '#e0a100', ink: '#7a4b00', tint: '#fdf3d8', darkInk: '#ffd37a', darkTint: '#3a2d10' },
  error: { label: 'Error', bar: '#d13438', ink: '#a01c20', tint: '#fdecec', darkInk: '#ffb0b0', darkTint: '#431d20' },
};
