import { Body, Get, Header, Path, Post, Queries, Request, Route, Security, SuccessResponse, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { Uuid } from '../contract/scalars.js';
import type { AcceptedEvents, Event, EventBatch, EventPage, EventPublish, EventQuery } from './events.contract.js';
import type { EventsService } from './events.service.js';

@Route('events')
@Tags('Events')
export class EventsController extends ApiController {
  constructor(private readonly events: EventsService) {
    super();
  }

  /**
   * Accepts an event. The answer comes as soon as it is durably stored; subscribers are looked up, and their e-mails made and sent, after that.
   * Follow it at `Location`.
   *
   * With an `Idempotency-Key` a repeated request within 24 hours gets the first answer again and makes no second event.
   * @summary Publish an event
   */
  @Post()
  @Security('apiKey', ['administrator', 'publisher'])
  @SuccessResponse(202, 'Accepted')
  public async publishEvent(@Request() req: ApiRequest, @Body() body: EventPublish, @Header('Idempotency-Key') idempotencyKey?: string): Promise<Event> {
    const { response, replayed } = await this.events.publish(req.user, body, idempotencyKey);
    return this.accepted(`/v1/events/${response.id}`, response, replayed);
  }

  /**
   * Accepts up to 1,000 events at once: all of them, or, when one is not valid, none.
   * @summary Publish a batch of events
   */
  @Post('batch')
  @Security('apiKey', ['administrator', 'publisher'])
  @SuccessResponse(202, 'Accepted')
  public async publishEvents(@Request() req: ApiRequest, @Body() body: EventBatch, @Header('Idempotency-Key') idempotencyKey?: string): Promise<AcceptedEvents> {
    const { response, replayed } = await this.events.publishBatch(req.user, body, idempotencyKey);
    return this.accepted('/v1/events', response, replayed);
  }

  /**
   * Lists the events, newest first, each with the counts of its e-mails by status. A publisher sees its own events.
   * @summary List events
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor', 'publisher'])
  public async listEvents(@Request() req: ApiRequest, @Queries() query: EventQuery): Promise<EventPage> {
    return this.events.list(req.user, query);
  }

  /**
   * One event, with the counts of its e-mails by status. A publisher sees its own events.
   * @summary Read an event
   */
  @Get('{id}')
  @Security('apiKey', ['administrator', 'auditor', 'publisher'])
  public async getEvent(@Request() req: ApiRequest, @Path() id: Uuid): Promise<Event> {
    return this.entity(await this.events.get(req.user, id));
  }

  private accepted<T>(location: string, resource: T, replayed: boolean): T {
    if (replayed) this.setHeader('Idempotency-Replayed', 'true');
    return this.made(202, location, resource);
  }
}
