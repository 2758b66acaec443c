import { Get, Path, Queries, Route, Security, Tags } from '@tsoa/runtime';
import { ApiController } from '../contract/api-controller.js';
import type { EventTypeQuery } from '../event-types/event-types.contract.js';
import type { EmailTemplate, EmailTemplatePage } from './email-templates.contract.js';
import type { EmailTemplatesService } from './email-templates.service.js';

@Route('email-templates')
@Tags('E-mail templates')
export class EmailTemplatesController extends ApiController {
  constructor(private readonly templates: EmailTemplatesService) {
    super();
  }

  /**
   * The template of every event type, in the order of their names.
   * @summary List e-mail templates
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public listEmailTemplates(@Queries() query: EventTypeQuery): EmailTemplatePage {
    return this.templates.list(query);
  }

  /**
   * The template from which the e-mails of an event type are made.
   * @param eventType Name of the event type.
   * @example eventType "PasswordCheckFailed"
   * @summary Read an e-mail template
   */
  @Get('{eventType}')
  @Security('apiKey', ['administrator', 'auditor'])
  public getEmailTemplate(@Path() eventType: string): EmailTemplate {
    return this.entity(this.templates.get(eventType));
  }
}
