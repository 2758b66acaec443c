/** How the e-mails of an event type read. Macros are written `{{ Name }}`, in the Liquid language. */
export interface EmailTemplate {
  /** @example "PasswordCheckFailed" */
  eventType: string;
  /** @example "Password Check Failed" */
  displayName: string;
  category: string;
  /** One line. Macros are allowed. */
  subject: string;
  /** The plain text part. */
  textBody: string;
  /** The HTML part; null: made from the text. */
  htmlBody: string | null;
  /** The Reply-To address; null: none. */
  replyTo: string | null;
}

/** A template in the list: without its bodies. */
export interface EmailTemplateSummary {
  eventType: string;
  displayName: string;
  category: string;
  subject: string;
}

export interface EmailTemplatePage {
  items: EmailTemplateSummary[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}
