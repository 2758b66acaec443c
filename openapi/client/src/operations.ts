import type { FileOperation } from './generated/contract.gen.js';
import type * as generated from './generated/sdk.gen.js';
import type { MailroomProblem } from './problem.js';
import type { SmtpTestEvent } from './smtp-test-events.js';

type Generated = typeof generated;

/** What a call takes: body, path, query and headers as the contract has them, and a signal that ends it. */
export type Input<F> = F extends (options: infer Options extends object) => unknown ? Pick<Options, Extract<keyof Options, 'body' | 'path' | 'query' | 'headers' | 'signal'>> : never;

type Answer<F> = F extends (options: never) => infer Answered ? Awaited<Answered> : never;
type Answered<F> = Answer<F> extends infer One ? (One extends { data: infer Data } ? Exclude<Data, undefined> : never) : never;
/** An operation that answers JSON or a file answers JSON, unless it is asked for the file. */
type Content<F> = [Exclude<Answered<F>, Blob>] extends [never] ? Blob : Exclude<Answered<F>, Blob>;

/** What a file is read as. */
export interface FileFormat {
  text: string;
  blob: Blob;
  arrayBuffer: ArrayBuffer;
  /** Read as it comes. */
  stream: NonNullable<Response['body']>;
}

/** What a call that does not throw gives. */
export type Result<T> = { data: T; error: undefined; response: Response } | { data: undefined; error: MailroomProblem; response: Response | undefined };

type Styled<T, IsResult> = IsResult extends true ? Result<T> : T;
type Plain<F, IsResult> = Record<never, never> extends Input<F> ? (options?: Input<F>) => Promise<Styled<Content<F>, IsResult>> : (options: Input<F>) => Promise<Styled<Content<F>, IsResult>>;
type AsFile<F, IsResult> = <Format extends keyof FileFormat>(options: Input<F> & { parseAs: Format }) => Promise<Styled<FileFormat[Format], IsResult>>;
type Call<Name extends keyof Generated, IsResult> = Name extends FileOperation ? AsFile<Generated[Name], IsResult> & Plain<Generated[Name], IsResult> : Plain<Generated[Name], IsResult>;

/** The operations that answer Server-Sent Events, and their events. */
interface Streams {
  streamSmtpTest: SmtpTestEvent;
}

/** Every operation of the contract under its operationId. A call gives what Mailroom answers, or throws a MailroomProblem. */
export type Operations = {
  [Name in keyof Generated]: Name extends keyof Streams ? (options: Input<Generated[Name]>) => AsyncGenerator<Streams[Name], void, undefined> : Call<Name, false>;
};

/** The same without throwing, with the whole answer: for its headers, such as the ETag. */
export type Results = {
  [Name in Exclude<keyof Generated, keyof Streams>]: Call<Name, true>;
};

/** The items of a list. */
export type Items<Page> = Page extends { items: (infer Item)[] } ? Item : never;
