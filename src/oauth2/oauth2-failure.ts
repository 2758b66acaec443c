export type OAuth2FailureCode =
  | 'OAUTH2_SERVER_UNREACHABLE'
  | 'OAUTH2_CERTIFICATE_INVALID'
  | 'OAUTH2_TIMEOUT'
  | 'OAUTH2_SERVER_FAILED'
  | 'OAUTH2_TOKEN_REFUSED'
  | 'OAUTH2_RESPONSE_INVALID'
  | 'SMTP_ADDRESS_DENIED'
  | 'TIMED_OUT'
  | 'ABORTED';

/** The token server gave no token. Message and hint are for people; neither holds a secret. */
export class OAuth2Failure extends Error {
  constructor(
    readonly code: OAuth2FailureCode,
    message: string,
    readonly hint: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'OAuth2Failure';
  }
}
