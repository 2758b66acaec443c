import { MailroomError } from '../errors.js';

/** The parts of a template that are Liquid source, as they are named in the API. */
export const TEMPLATE_PARTS = ['subject', 'textBody', 'htmlBody'] as const;
export type TemplatePart = (typeof TEMPLATE_PARTS)[number];

/** `TEMPLATE_SYNTAX`: cannot be read. `TEMPLATE_LIMIT`: needs too much time, memory or output. `TEMPLATE_RENDER`: a filter refused its input. */
export type TemplateErrorCode = 'TEMPLATE_SYNTAX' | 'TEMPLATE_LIMIT' | 'TEMPLATE_RENDER';

export interface TemplatePlace {
  /** From 1. */
  line: number;
  /** From 1, in UTF-16 code units. */
  column: number;
  /** The text of that line, at most 200 characters of it. */
  lineText: string;
}

/** A template that cannot be parsed or rendered, with the place in its source where it went wrong. */
export class TemplateError extends MailroomError {
  readonly line: number;
  readonly column: number;
  readonly lineText: string;

  constructor(code: TemplateErrorCode, readonly part: TemplatePart, readonly reason: string, place: TemplatePlace, options?: ErrorOptions) {
    const message = `${reason} (line ${place.line}, column ${place.column}: ${place.lineText.trim()})`;
    super('invalid', code, message, [{ pointer: `/${part}`, message, ...place }], options);
    this.name = 'TemplateError';
    this.line = place.line;
    this.column = place.column;
    this.lineText = place.lineText;
  }
}
