import { Controller } from '@tsoa/runtime';
import type { Request } from 'express';
import type { Actor } from './actor.js';
import { digestOf, etagOf } from './etag.js';
import { closeOf, preferencesOf, readUntil } from './prefer.js';

/** The request after authentication. */
export type ApiRequest = Request & { user: Actor };

/** Work that was queued, how it is read again, and whether it was done. */
interface QueuedWork<T> {
  queued: T;
  read: () => Promise<T>;
  isDone: (resource: T) => boolean;
}

/** What all controllers share: how an answer carries its ETag and its Location. */
export abstract class ApiController extends Controller {
  /** Answers a single resource. `state` is its ETag, or the number that its writes count up; resources that are never written get a digest. */
  protected entity<T>(resource: T, state?: number | string): T {
    this.setHeader('ETag', typeof state === 'number' ? etagOf(state) : state ?? digestOf(resource));
    return resource;
  }

  /** Answers with a file at once; tsoa adds nothing to an answer that was sent. It has no ETag: that of the resource is for its JSON (RFC 9110 §8.8.1). */
  protected file(req: ApiRequest, { mediaType, fileName, bytes }: { mediaType: string; fileName: string; bytes: Buffer }): void {
    req.res!.status(200).set({ ...this.getHeaders(), 'Content-Type': mediaType, 'Content-Disposition': `attachment; filename="${fileName}"` }).send(bytes);
  }

  /**
   * What became of work that was queued, when the caller would wait for that (`Prefer: wait=N`), else the work as it was queued. Who would have
   * `respond-async` too is told whether it came to that (RFC 7240 §4.3).
   */
  protected async preferred<T>(req: ApiRequest, prefer: string | undefined, { queued, read, isDone }: QueuedWork<T>): Promise<T> {
    const { respondAsync, waitSeconds } = preferencesOf(prefer);
    req.res!.vary('Prefer');
    const resource = waitSeconds === null ? queued : await readUntil(queued, read, isDone, waitSeconds, closeOf(req));
    const applied = [...(respondAsync && !(waitSeconds !== null && isDone(resource)) ? ['respond-async'] : []), ...(waitSeconds === null ? [] : [`wait=${waitSeconds}`])];
    if (applied.length > 0) this.setHeader('Preference-Applied', applied.join(', '));
    return resource;
  }

  /** 202 with something else than the resource at `location`, so without its ETag. */
  protected queued<T>(location: string, answer: T): T {
    this.setStatus(202);
    this.setHeader('Location', location);
    return answer;
  }

  /** 201 or 202: a resource that now exists at `location`; 200 when it was there before. */
  protected made<T>(status: 200 | 201 | 202, location: string, resource: T, state?: number | string): T {
    this.setStatus(status);
    this.setHeader('Location', location);
    return this.entity(resource, state);
  }
}
