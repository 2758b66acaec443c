import { Body, Get, Header, Put, Request, Route, Security, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { SmtpSettings, SmtpSettingsUpdate } from './smtp-settings.contract.js';
import type { SmtpSettingsService } from './smtp-settings.service.js';

@Route('smtp-settings')
@Tags('SMTP settings')
export class SmtpSettingsController extends ApiController {
  constructor(private readonly smtpSettings: SmtpSettingsService) {
    super();
  }

  /**
   * The mail server that Mailroom hands its mail to. Secrets are never shown.
   * @summary Read the SMTP settings
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public async getSmtpSettings(): Promise<SmtpSettings> {
    const { settings, version } = await this.smtpSettings.get();
    return this.entity(settings, version);
  }

  /**
   * Replaces the settings. What you leave out takes its default, except the password: it is kept while the destination stays the same.
   * Mail that waits for a retry is tried again at once. What you read can be sent back unchanged.
   * @summary Replace the SMTP settings
   */
  @Put()
  @Security('apiKey', ['administrator'])
  public async putSmtpSettings(@Request() req: ApiRequest, @Body() body: SmtpSettingsUpdate, @Header('If-Match') ifMatch?: string): Promise<SmtpSettings> {
    const { settings, version } = await this.smtpSettings.put(req.user, body, ifMatch);
    return this.entity(settings, version);
  }
}
