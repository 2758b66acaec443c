import { Body, Get, Header, Path, Post, Produces, Queries, Request, Route, Security, SuccessResponse, Tags } from '@tsoa/runtime';
import { Readable } from 'node:stream';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { PageQuery } from '../contract/page.js';
import { closeOf } from '../contract/prefer.js';
import type { Uuid } from '../contract/scalars.js';
import type { SmtpTest, SmtpTestPage, SmtpTestRequest } from './smtp-tests.contract.js';
import type { SmtpTestsService } from './smtp-tests.service.js';
import { eventStream } from './event-stream.js';

@Route('smtp-tests')
@Tags('SMTP tests')
export class SmtpTestsController extends ApiController {
  constructor(private readonly tests: SmtpTestsService) {
    super();
  }

  /**
   * Sends a test e-mail over **every IP address** of the mail server, each within its own time-out; when one fails, the whole test fails, and the
   * others are still shown. Tests the saved settings, or those of the request, which are not saved.
   *
   * The test waits until no other e-mail is being sent; while it runs, other e-mail waits, and goes on by itself afterwards. `passed` means that the
   * server took the mail: check that it is delivered. Follow the test at `Location`, or at its `stream`; with `Prefer: wait=30` the answer comes when
   * it has ended, at most 30 seconds later. 409 `SMTP_DISABLED` while the e-mail client is disabled and the request brings no settings.
   * @summary Test SMTP settings
   * @param prefer `wait=N`: answer when the test has ended, at most N seconds (300) later; `respond-async`: at once, as without either (RFC 7240).
   */
  @Post()
  @Security('apiKey', ['administrator'])
  @SuccessResponse(202, 'Accepted')
  public async startSmtpTest(
    @Request() req: ApiRequest,
    @Body() body: SmtpTestRequest,
    @Header('Prefer') prefer?: string,
    @Header('Idempotency-Key') idempotencyKey?: string,
  ): Promise<SmtpTest> {
    const { response, replayed } = await this.tests.start(req.user, body, idempotencyKey);
    if (replayed) this.setHeader('Idempotency-Replayed', 'true');
    const test = await this.preferred(req, prefer, { queued: response, read: () => this.tests.get(response.id), isDone: ({ finishedAt }) => finishedAt !== null });
    return this.made(202, `/v1/smtp-tests/${response.id}`, test);
  }

  /**
   * The tests of the last two days, newest first, each with what came out for every address.
   * @summary List SMTP tests
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public async listSmtpTests(@Queries() query: PageQuery): Promise<SmtpTestPage> {
    return this.tests.list(query);
  }

  /**
   * A test with each address, each stage of its dialogue, the server's replies, the certificate chain, and the transcript.
   * @summary Read an SMTP test
   */
  @Get('{id}')
  @Security('apiKey', ['administrator', 'auditor'])
  public async getSmtpTest(@Path() id: Uuid): Promise<SmtpTest> {
    return this.entity(await this.tests.get(id));
  }

  /**
   * Server-Sent Events while the test runs: `status`, `stage` for each stage of each address as it ends, `address` when one is done, and at last
   * `test` with the whole test; then the stream ends. A test that has ended tells everything at once.
   * @summary Watch an SMTP test
   */
  @Get('{id}/stream')
  @Security('apiKey', ['administrator', 'auditor'])
  @Produces('text/event-stream')
  public async streamSmtpTest(@Request() req: ApiRequest, @Path() id: Uuid): Promise<Readable> {
    const changes = await this.tests.watch(id, closeOf(req));
    this.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
    this.setHeader('X-Accel-Buffering', 'no'); // proxies that buffer would make a stream a lump
    return req.method === 'HEAD' ? Readable.from([]) : eventStream(changes, req.res!);
  }
}
