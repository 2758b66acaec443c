import { Body, Header, Path, Post, Request, Route, Security, SuccessResponse, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { Email } from '../emails/emails.contract.js';
import { wasTried } from '../emails/status.js';
import type { EmailPreview, SavedPreviewRequest, SendTestRequest, UnsavedPreviewRequest } from './email-previews.contract.js';
import type { EmailPreviewsService } from './email-previews.service.js';

@Route('email-templates')
@Tags('E-mail templates')
export class EmailPreviewsController extends ApiController {
  constructor(private readonly previews: EmailPreviewsService) {
    super();
  }

  /**
   * Shows the mail that a template which is not saved would make: with samples that look real, with properties of yours, or with those of a past event.
   * Nothing is saved or sent. A template that fails is 400, with the place of the fault.
   * @summary Preview an unsaved template
   */
  @Post('preview')
  @Security('apiKey', ['administrator', 'auditor'])
  @SuccessResponse(200, 'The mail')
  public async previewUnsavedTemplate(@Request() req: ApiRequest, @Body() body: UnsavedPreviewRequest): Promise<EmailPreview> {
    return this.previews.unsaved(req.user, body);
  }

  /**
   * Shows the mail that the saved template makes: with samples that look real, with properties of yours, or with those of a past event. Nothing is sent.
   * @param eventType Name of the event type.
   * @example eventType "PasswordCheckFailed"
   * @summary Preview a template
   */
  @Post('{eventType}/preview')
  @Security('apiKey', ['administrator', 'auditor'])
  @SuccessResponse(200, 'The mail')
  public async previewEmailTemplate(@Request() req: ApiRequest, @Path() eventType: string, @Body() body: SavedPreviewRequest): Promise<EmailPreview> {
    return this.previews.saved(req.user, eventType, body);
  }

  /**
   * Sends a mail of the saved template to one address, over the queue like any other; its subject begins with [Test]. No subscription is asked. Follow it at
   * `Location`. The event that it tells of is kept too, marked as a test. 409 `SMTP_DISABLED` while the e-mail client is disabled.
   * @param eventType Name of the event type.
   * @example eventType "PasswordCheckFailed"
   * @param prefer `wait=N`: answer when the e-mail was tried once, at most N seconds (300) later; `respond-async`: at once, as without either (RFC 7240).
   * @summary Send a template to an address
   */
  @Post('{eventType}/send-test')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(202, 'Accepted')
  public async sendTestEmail(@Request() req: ApiRequest, @Path() eventType: string, @Body() body: SendTestRequest, @Header('Prefer') prefer?: string, @Header('Idempotency-Key') idempotencyKey?: string): Promise<Email> {
    const { response, replayed } = await this.previews.sendTest(req.user, eventType, body, idempotencyKey);
    if (replayed) this.setHeader('Idempotency-Replayed', 'true');
    const email = await this.preferred(req, prefer, { queued: response, read: () => this.previews.testEmail(req.user, response.id), isDone: wasTried });
    return this.queued(`/v1/emails/${response.id}`, email);
  }
}
