import { afterAll, afterEach, beforeAll, beforeEach, describe } from '@jest/globals';
import { Bench, type BackEndUnderTest } from './bench.js';
import { testClosing } from './conformance-closing.js';
import { testDelivery } from './conformance-delivery.js';
import { testFaults } from './conformance-faults.js';
import { testProcesses } from './conformance-processes.js';

/** What the tests of one back end share: `bench` is new for each test. */
export interface Suite {
  bench: Bench;
  target: BackEndUnderTest;
  makeBackEnd: () => Promise<BackEndUnderTest>;
}

/** Everything that the contract of the job queue promises, on one back end. */
export function describeJobQueue(name: string, makeBackEnd: () => Promise<BackEndUnderTest>): void {
  describe(name, () => {
    const suite = { makeBackEnd } as Suite;
    beforeAll(async () => {
      suite.target = await makeBackEnd();
    });
    afterAll(async () => {
      await suite.target?.close();
    });
    beforeEach(() => {
      suite.bench = new Bench(suite.target.backEnd);
    });
    afterEach(async () => {
      await suite.bench.close();
    });

    describe('delivery', () => testDelivery(suite));
    describe('closing', () => testClosing(suite));
    describe('faults', () => testFaults(suite));
    describe('processes', () => testProcesses(suite));
  });
}
