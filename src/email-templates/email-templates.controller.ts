import { Body, Delete, Get, Header, Path, Put, Queries, Request, Route, Security, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { EmailTemplate, EmailTemplatePage, EmailTemplateQuery, EmailTemplateWrite } from './email-templates.contract.js';
import { etagOfTemplate, type EmailTemplatesService } from './email-templates.service.js';

@Route('email-templates')
@Tags('E-mail templates')
export class EmailTemplatesController extends ApiController {
  constructor(private readonly templates: EmailTemplatesService) {
    super();
  }

  /**
   * The template of every event type, in the order of their names unless `sort` says otherwise.
   * @summary List e-mail templates
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public async listEmailTemplates(@Queries() query: EmailTemplateQuery): Promise<EmailTemplatePage> {
    return this.templates.list(query);
  }

  /**
   * The template from which the e-mails of an event type are made: the default, or what an administrator made of it.
   * @param eventType Name of the event type.
   * @example eventType "PasswordCheckFailed"
   * @summary Read an e-mail template
   */
  @Get('{eventType}')
  @Security('apiKey', ['administrator', 'auditor'])
  public async getEmailTemplate(@Path() eventType: string): Promise<EmailTemplate> {
    return this.shown(await this.templates.get(eventType));
  }

  /**
   * Replaces a template; events that are matched from now on use it. Macros are written `{{ Name }}`: the properties of the event type
   * (`GET /v1/event-types/{name}`) and whatever else an event carries. They may be piped through filters (`{{ AssetName | default: "an asset" | upcase }}`,
   * `{{ EventTimestamp | date: "%-d %b %Y" }}`) and used in `{% if %}`, `{% case %}`, `{% for %}` and `{% assign %}`, as the Liquid language has them. Templates cannot read
   * files or addresses, and are bounded in size, time (1 second for each part), memory and what they make (1,000,000 characters for each part).
   *
   * A template that cannot be parsed, or fails with sample values, is 400 `TEMPLATE_SYNTAX`, `TEMPLATE_LIMIT` or `TEMPLATE_RENDER`, with line, column and that line's text in
   * `errors`. A macro that the event type does not have renders blank, and is told of in `warnings`.
   * @param eventType Name of the event type.
   * @example eventType "PasswordCheckFailed"
   * @summary Replace an e-mail template
   */
  @Put('{eventType}')
  @Security('apiKey', ['administrator'])
  public async putEmailTemplate(@Request() req: ApiRequest, @Path() eventType: string, @Body() body: EmailTemplateWrite, @Header('If-Match') ifMatch?: string): Promise<EmailTemplate> {
    return this.shown(await this.templates.put(req.user, eventType, body, ifMatch));
  }

  /**
   * Resets a template to the default of its event type, and answers with that. E-mails that were made before stay as they are.
   * @param eventType Name of the event type.
   * @example eventType "PasswordCheckFailed"
   * @summary Reset an e-mail template
   */
  @Delete('{eventType}')
  @Security('apiKey', ['administrator'])
  public async resetEmailTemplate(@Request() req: ApiRequest, @Path() eventType: string, @Header('If-Match') ifMatch?: string): Promise<EmailTemplate> {
    return this.shown(await this.templates.reset(req.user, eventType, ifMatch));
  }

  private shown(template: EmailTemplate): EmailTemplate {
    return this.entity(template, etagOfTemplate(template));
  }
}
