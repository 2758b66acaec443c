import { Body, Get, Header, Path, Post, Queries, Request, Route, Security, SuccessResponse, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { Uuid } from '../contract/scalars.js';
import type { EmailPage, EmailQuery, EmailRetryFilter, EmailsRetried, EmailWithAttempts } from './emails.contract.js';
import type { EmailsService } from './emails.service.js';
import { wasTried } from './status.js';

@Route('emails')
@Tags('E-mails')
export class EmailsController extends ApiController {
  constructor(private readonly emails: EmailsService) {
    super();
  }

  /**
   * Lists the e-mails, newest first. A publisher sees those of its own events.
   * @summary List e-mails
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor', 'publisher'])
  public async listEmails(@Request() req: ApiRequest, @Queries() query: EmailQuery): Promise<EmailPage> {
    return this.emails.list(req.user, query);
  }

  /**
   * Sends again all e-mails that match: those that are `failed`, `skipped`, `cancelled` or `unconfirmed`. Each gets a new retry window of three days.
   *
   * A request queues up to 100,000 of them, oldest first. When `more` is true in the answer, repeat it for the others.
   * @summary Retry e-mails by filter
   */
  @Post('retry')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(202, 'Accepted')
  public async retryEmails(@Request() req: ApiRequest, @Body() body: EmailRetryFilter): Promise<EmailsRetried> {
    return this.queued('/v1/emails?status=queued', await this.emails.retryMany(req.user, body));
  }

  /**
   * One e-mail with all its attempts: which server address was tried, how far it came, and what the server said.
   * @summary Read an e-mail
   */
  @Get('{id}')
  @Security('apiKey', ['administrator', 'auditor', 'publisher'])
  public async getEmail(@Request() req: ApiRequest, @Path() id: Uuid): Promise<EmailWithAttempts> {
    return this.entity(await this.emails.get(req.user, id));
  }

  /**
   * Queues an e-mail again that is `failed`, `skipped`, `cancelled` or `unconfirmed` (409 otherwise), with a new retry window of three days.
   * @param prefer `wait=N`: answer when the e-mail was tried once more, at most N seconds (300) later; `respond-async`: at once, as without either (RFC 7240).
   * @summary Retry an e-mail
   */
  @Post('{id}/retry')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(202, 'Accepted')
  public async retryEmail(@Request() req: ApiRequest, @Path() id: Uuid, @Header('If-Match') ifMatch?: string, @Header('Prefer') prefer?: string): Promise<EmailWithAttempts> {
    const queued = await this.emails.retry(req.user, id, ifMatch);
    const email = await this.preferred(req, prefer, { queued, read: () => this.emails.get(req.user, id), isDone: wasTried });
    return this.made(202, `/v1/emails/${id}`, email);
  }

  /**
   * Cancels an e-mail that waits (409 when it is being sent or finished). It can be retried later.
   * @summary Cancel an e-mail
   */
  @Post('{id}/cancel')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(200, 'Cancelled')
  public async cancelEmail(@Request() req: ApiRequest, @Path() id: Uuid, @Header('If-Match') ifMatch?: string): Promise<EmailWithAttempts> {
    return this.entity(await this.emails.cancel(req.user, id, ifMatch));
  }
}
