import { createHash } from 'node:crypto';
import { Controller } from '@tsoa/runtime';
import type { Request } from 'express';
import type { Actor } from './actor.js';
import { canonicalJson } from './canonical-json.js';

/** The request after authentication. */
export type ApiRequest = Request & { user: Actor };

/** What all controllers share: how an answer carries its ETag and its Location. */
export abstract class ApiController extends Controller {
  /** Answers a single resource. `version` is the number that its writes count up; resources that are never written get a digest. */
  protected entity<T>(resource: T, version?: number): T {
    this.setHeader('ETag', version === undefined ? digest(resource) : etagOf(version));
    return resource;
  }

  /** 201 or 202: a resource that now exists at `location`. */
  protected made<T>(status: 201 | 202, location: string, resource: T, version?: number): T {
    this.setStatus(status);
    this.setHeader('Location', location);
    return this.entity(resource, version);
  }
}

export const etagOf = (version: number): string => `"${version}"`;

/** The same for the same content: a replayed answer comes out of the database with its properties in another order. */
const digest = (resource: unknown): string => `"${createHash('sha256').update(canonicalJson(resource)).digest('base64url').slice(0, 22)}"`;
