import { type PassThrough, Readable } from 'node:stream';
import { ZipFile } from 'yazl';

export interface ZipEntry {
  /** Its path in the ZIP, with forward slashes. */
  name: string;
  /** Called when it is the entry's turn. */
  content(): string | AsyncIterable<string>;
}

/**
 * A ZIP file as a stream. Contents are read one after the other, and only as fast as the stream is read. The stream fails when a content
 * does; when it is destroyed, the reading stops.
 */
export function zipStream(entries: readonly ZipEntry[], modifiedAt: Date): Readable {
  const zip = new ZipFile();
  const output = zip.outputStream as PassThrough;
  zip.on('error', (error: Error) => output.destroy(error));
  for (const { name, content } of entries) {
    zip.addReadStreamLazy(name, { mtime: modifiedAt, mode: 0o100644 }, (read) => {
      if (!output.destroyed) read(null, tied(Readable.from(content(), { objectMode: false }), output));
    });
  }
  zip.end();
  return output;
}

/** Pipes carry data, and no faults: each end is told of the other's. */
function tied(source: Readable, output: PassThrough): Readable {
  const stop = (): void => void source.destroy();
  source.on('error', (error) => output.destroy(error)).on('close', () => output.off('close', stop));
  output.on('close', stop);
  return source;
}
