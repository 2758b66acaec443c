/** How much of the logs a support bundle holds. */
export interface SupportBundleQuery {
  /**
   * The SMTP sessions of how many days, counted back from now: 1 or 2. Older ones are not kept.
   * @isInt must be 1 or 2: SMTP sessions are kept for two days
   * @minimum 1 must be 1 or 2: SMTP sessions are kept for two days
   * @maximum 2 must be 1 or 2: SMTP sessions are kept for two days
   * @default 2
   */
  days?: number;
}
