import { Get, Path, Queries, Route, Security, Tags } from '@tsoa/runtime';
import { ApiController } from '../contract/api-controller.js';
import type { EventTypePage, EventTypeQuery, EventTypeResource } from './event-types.contract.js';
import type { EventTypesService } from './event-types.service.js';

@Route('event-types')
@Tags('Event types')
export class EventTypesController extends ApiController {
  constructor(private readonly eventTypes: EventTypesService) {
    super();
  }

  /**
   * The catalogue, in the order of names.
   * @summary List event types
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor', 'publisher'])
  public listEventTypes(@Queries() query: EventTypeQuery): EventTypePage {
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
  public getEventType(@Path() name: string): EventTypeResource {
    return this.entity(this.eventTypes.get(name));
  }
}
