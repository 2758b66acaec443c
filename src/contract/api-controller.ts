import { Controller } from '@tsoa/runtime';
import type { Request } from 'express';
import type { Actor } from './actor.js';
import { digestOf, etagOf } from './etag.js';

/** The request after authentication. */
export type ApiRequest = Request & { user: Actor };

/** What all controllers share: how an answer carries its ETag and its Location. */
export abstract class ApiController extends Controller {
  /** Answers a single resource. `version` is the number that its writes count up; resources that are never written get a digest. */
  protected entity<T>(resource: T, version?: number): T {
    this.setHeader('ETag', version === undefined ? digestOf(resource) : etagOf(version));
    return resource;
  }

  /** Answers with a file at once; tsoa adds nothing to an answer that was sent. It has no ETag: that of the resource is for its JSON (RFC 9110 §8.8.1). */
  protected file(req: ApiRequest, { mediaType, fileName, bytes }: { mediaType: string; fileName: string; bytes: Buffer }): void {
    req.res!.status(200).set({ ...this.getHeaders(), 'Content-Type': mediaType, 'Content-Disposition': `attachment; filename="${fileName}"` }).send(bytes);
  }

  /** 201 or 202: a resource that now exists at `location`; 200 when it was there before. */
  protected made<T>(status: 200 | 201 | 202, location: string, resource: T, version?: number): T {
    this.setStatus(status);
    this.setHeader('Location', location);
    return this.entity(resource, version);
  }
}
