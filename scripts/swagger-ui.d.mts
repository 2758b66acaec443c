import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';

export const BROWSER_FLAGS: string[];

export class SwaggerUi {
  readonly page: Page;
  readonly complaints: string[];
  readonly origins: Set<string>;
  static open(browser: Browser, url: string, options?: BrowserContextOptions): Promise<SwaggerUi>;
  authorize(key: string): Promise<void>;
  operation(operationId: string): Promise<Operation>;
  firstStep(operationId: string): Promise<Operation>;
}

interface Operation {
  readonly block: Locator;
  readonly answer: Locator;
  readonly body: Locator;
  readonly executeButton: Locator;
  parameter(name: string): Locator;
  chooseFile(file: { name: string; mimeType: string; buffer: Buffer }): Promise<void>;
  execute(body?: unknown): Promise<Shown>;
  executeUntil(isReached: (shown: Shown) => boolean): Promise<Shown>;
}

export interface Shown {
  operation: Operation;
  status: number;
  body: any;
}

export const firstSteps: {
  setMailServer(ui: SwaggerUi, port: number): Promise<Shown>;
  testMailServer(ui: SwaggerUi): Promise<Shown>;
  subscribe(ui: SwaggerUi): Promise<Shown>;
  publish(ui: SwaggerUi): Promise<Shown>;
  waitForMail(ui: SwaggerUi, eventId: string): Promise<Shown>;
};
