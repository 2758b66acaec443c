import type { Timestamp, Uuid } from '../contract/scalars.js';
import type { SmtpSettingsUpdate } from '../smtp-settings/smtp-settings.contract.js';

/** `timedOut`: every failure was a time-out. */
export type SmtpTestStatus = 'queued' | 'running' | 'passed' | 'failed' | 'timedOut';
export type SmtpTestAddressStatus = 'pending' | 'running' | 'passed' | 'failed' | 'timedOut';
export type SmtpStageStatus = 'passed' | 'warned' | 'failed' | 'skipped';

/** @example { "sendTo": "you@example.com", "timeoutSeconds": 30 } */
export interface SmtpTestRequest {
  /**
   * Where the test e-mails go: one for each address of the server.
   * @maxLength 320 must have at most 320 characters
   */
  sendTo: string;
  /**
   * The From address of this test. Left out: that of the settings.
   * @maxLength 512 must have at most 512 characters
   */
  senderAddress?: string | null;
  /**
   * For each address of the server, from the start of its own delivery, not from queueing.
   * @isInt must be a whole number from 1 to 255
   * @minimum 1 must be a whole number from 1 to 255
   * @maximum 255 must be a whole number from 1 to 255
   * @default 30
   */
  timeoutSeconds?: number;
  /** Settings to test that are not saved (yet). A stored secret is used for them only when their destination is that of the saved ones. */
  settings?: SmtpSettingsUpdate;
}

/** One step of the SMTP dialogue. */
export interface SmtpTestStage {
  /** `connect`, `greeting`, `ehlo`, `startTls` or `tls`, `auth`, `mailFrom`, `rcptTo`, `data`, `quit`, in the order of the dialogue. */
  name: 'connect' | 'greeting' | 'ehlo' | 'startTls' | 'tls' | 'auth' | 'mailFrom' | 'rcptTo' | 'data' | 'quit';
  /** `warned`: it went on, but look at the message. `skipped`: not reached, or not asked for. */
  status: SmtpStageStatus;
  /** @isInt */
  durationMs: number;
  /** What the server said. */
  reply: string | null;
  /** Stable; set when the stage failed or warned. */
  code: string | null;
  message: string | null;
  /** What to change. */
  hint: string | null;
}

export interface SmtpTestCertificate {
  subject: string;
  issuer: string;
  subjectAltNames: string[];
  validFrom: Timestamp;
  validTo: Timestamp;
  serialNumber: string;
  /** SHA-256. */
  fingerprint: string;
  selfSigned: boolean;
}

/** What was negotiated, and what the server showed. */
export interface SmtpTestTls {
  /** @example "TLSv1.3" */
  protocol: string;
  cipher: string;
  /** Whether the chain and the name passed every check, also when `verifyCertificate` is off. */
  trusted: boolean;
  /** Which checks failed, the deciding one first. */
  faults: { code: string; message: string; hint: string }[];
  /** The server's certificate first. */
  chain: SmtpTestCertificate[];
}

/** One IP address of the server. */
export interface SmtpTestAddress {
  address: string;
  /** The host that has this address: the server itself, or one of its MX hosts. */
  host: string;
  /** @isInt */
  port: number;
  status: SmtpTestAddressStatus;
  /** @isInt */
  durationMs: number | null;
  /** The id under which the server's log has the mail, when its reply tells. */
  queueId: string | null;
  /** What came of it, in a sentence. */
  message: string | null;
  stages: SmtpTestStage[];
  tls: SmtpTestTls | null;
  /** The whole dialogue; credentials are redacted. */
  transcript: string | null;
}

/** A test of SMTP settings. Kept two days. */
export interface SmtpTest {
  id: Uuid;
  status: SmtpTestStatus;
  sendTo: string;
  senderAddress: string | null;
  /** @isInt */
  timeoutSeconds: number;
  /** Whether the saved settings were tested, or those of the request. */
  settings: 'saved' | 'candidate';
  /** Set when no address could be tried. */
  code: string | null;
  /** What came of it, in a sentence. */
  message: string | null;
  /** What to change. */
  hint: string | null;
  addresses: SmtpTestAddress[];
  /** Name of the key that asked for it. */
  requestedBy: string;
  createdAt: Timestamp;
  startedAt: Timestamp | null;
  finishedAt: Timestamp | null;
}

export interface SmtpTestPage {
  items: SmtpTest[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}
