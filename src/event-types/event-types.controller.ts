import { Body, Delete, Get, Header, Path, Put, Queries, Request, Response, Route, Security, SuccessResponse, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { DryRunQuery, EventTypeImpact, EventTypePage, EventTypeQuery, EventTypeResource, EventTypeWrite } from './event-types.contract.js';
import type { EventTypesService } from './event-types.service.js';

@Route('event-types')
@Tags('Event types')
export class EventTypesController extends ApiController {
  constructor(private readonly eventTypes: EventTypesService) {
    super();
  }

  /**
   * The catalogue, in the order of names: the types that Mailroom comes with, and those that other services added.
   * @summary List event types
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor', 'publisher'])
  public async listEventTypes(@Queries() query: EventTypeQuery): Promise<EventTypePage> {
    return this.eventTypes.list(query);
  }

  /**
   * One type with its properties: what to send when you publish it, and which macros its template has.
   * @param name Name of the event type.
   * @example name "PasswordCheckFailed"
   * @summary Read an event type
   */
  @Get('{name}')
  @Security('apiKey', ['administrator', 'auditor', 'publisher'])
  public async getEventType(@Path() name: string): Promise<EventTypeResource> {
    return this.entity(await this.eventTypes.get(name));
  }

  /**
   * Adds an event type of your own (201), or replaces it (200). From then on events of it are checked against its properties: one that lacks a
   * required property, or has one of another type, is refused. At most 1,000 types can be added.
   *
   * Send the definition at each start of your service: the same one again changes nothing. A publisher changes only types that were made with its key,
   * or with one of the same name that is gone, and adds at most 200. Its dry run tells how many subscriptions, and not which. Of built-in types nothing but `deliveryPolicy` can be changed, by an administrator (409 `EVENT_TYPE_BUILT_IN`).
   *
   * With `dryRun=true` nothing is changed; the answer lists what the change would break: templates that use a property that is gone or has another
   * type, and the subscriptions whose mails would have blanks then. With `If-None-Match: *` a type that is there already is left as it is (412).
   * @param name Name of the event type: 1 to 100 letters, digits, dots, hyphens and underscores, starting with a letter. It must differ from others in more than case, and not be `preview`.
   * @example name "InvoicePaid"
   * @param ifNoneMatch `*`: only add the type; when it is there already the answer is 412 and nothing is written.
   * @summary Add or replace an event type
   */
  @Put('{name}')
  @Security('apiKey', ['administrator', 'publisher'])
  @SuccessResponse(200, 'Replaced, or what would break')
  @Response<EventTypeResource>(201, 'Created')
  public async putEventType(
    @Request() req: ApiRequest,
    @Path() name: string,
    @Body() body: EventTypeWrite,
    @Queries() query: DryRunQuery,
    @Header('If-Match') ifMatch?: string,
    @Header('If-None-Match') ifNoneMatch?: string,
  ): Promise<EventTypeResource | EventTypeImpact> {
    if (query.dryRun === true) return this.eventTypes.impactOfPut(req.user, name, body, { ifMatch, ifNoneMatch });
    const { type, created } = await this.eventTypes.put(req.user, name, body, { ifMatch, ifNoneMatch });
    return created ? this.made(201, `/v1/event-types/${type.name}`, type) : this.entity(type);
  }

  /**
   * Deletes an event type that another service added, with its template. Subscriptions lose it, and those that ask for nothing else are deleted. Mail
   * that waits is still sent; new events of the type are refused, and one that was published a moment before may reach only those who subscribe to all events. `dryRun=true` lists all that beforehand, and deletes nothing (200).
   * @param name Name of the event type.
   * @example name "InvoicePaid"
   * @summary Delete an event type
   */
  @Delete('{name}')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(204, 'Deleted')
  @Response<EventTypeImpact>(200, 'What would be deleted')
  public async deleteEventType(@Request() req: ApiRequest, @Path() name: string, @Queries() query: DryRunQuery, @Header('If-Match') ifMatch?: string): Promise<EventTypeImpact | void> {
    if (query.dryRun === true) {
      this.setStatus(200);
      return this.eventTypes.impactOfDelete(name, ifMatch);
    }
    await this.eventTypes.delete(req.user, name, ifMatch);
  }
}
