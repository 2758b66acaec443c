import { expect } from '@jest/globals';
import type { Response } from 'supertest';
import type { FieldError } from '../../src/errors.js';
import type { Problem } from '../../src/contract/problem.js';

/** A line of a stack trace, or a place in our files. */
const STACK = /\n\s+at |node_modules|\.[jt]s:\d/;

/**
 * Asserts that a response is this problem, as RFC 9457 and the API's conventions shape it, and returns it.
 * @param errors the places that must be told, in this order; messages are compared only where they are given
 */
export function expectProblem(response: Response, status: number, code: string, errors?: Partial<FieldError>[]): Problem {
  const problem = JSON.parse(response.text) as Problem;
  expect({ status: response.status, code: problem.code }).toEqual({ status, code });
  expect(response.type).toBe('application/problem+json');
  expect(problem).toMatchObject({ type: `urn:mailroom:problem:${code}`, status, title: expect.stringMatching(/\w/), detail: expect.stringMatching(/\w/) });
  expect(problem.instance).toMatch(/^\//);
  expect(problem.requestId).toBe(response.headers['x-request-id']);
  expect(response.text).not.toMatch(STACK);
  if (errors !== undefined) expect(problem.errors).toEqual(errors.map((error) => ({ message: expect.any(String), ...error })));
  return problem;
}
