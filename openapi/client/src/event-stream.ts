import { MailroomProblem } from './problem.js';

type Bytes = NonNullable<Response['body']>;

export interface StreamedEvent {
  event: string;
  data: unknown;
}

/** Server-Sent Events with JSON in them. Leaving the loop closes the connection; a stream that breaks off is a problem, not an end. */
export async function* eventsOf(stream: Bytes, signal?: AbortSignal | null): AsyncGenerator<StreamedEvent, void, undefined> {
  let [event, data]: [string, string[]] = ['message', []];
  for await (const line of linesOf(stream, signal)) {
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    else if (line === '') {
      if (data.length > 0) yield { event, data: parsed(data.join('\n')) };
      [event, data] = ['message', []];
    }
  }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (error) {
    throw MailroomProblem.ofConnection(error); // something between put it there
  }
}

async function* linesOf(stream: Bytes, signal?: AbortSignal | null): AsyncGenerator<string, void, undefined> {
  const [reader, decoder] = [stream.getReader() as ReadableStreamDefaultReader<Uint8Array>, new TextDecoder()];
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const lines = rest.split(/\r\n|\n|\r(?!$)/); // a CR at the end may be half of a CRLF
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw MailroomProblem.ofConnection(error);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
