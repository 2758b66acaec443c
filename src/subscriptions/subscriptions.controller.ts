import { Body, Delete, Get, Header, Path, Post, Put, Queries, Request, Route, Security, SuccessResponse, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { Uuid } from '../contract/scalars.js';
import type { Subscription, SubscriptionPage, SubscriptionQuery, SubscriptionWrite } from './subscriptions.contract.js';
import type { SubscriptionsService } from './subscriptions.service.js';

@Route('subscriptions')
@Tags('Subscriptions')
export class SubscriptionsController extends ApiController {
  constructor(private readonly subscriptions: SubscriptionsService) {
    super();
  }

  /**
   * Lists the subscriptions, newest first.
   * @summary List subscriptions
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public async listSubscriptions(@Queries() query: SubscriptionQuery): Promise<SubscriptionPage> {
    return this.subscriptions.list(query);
  }

  /**
   * From now on the address gets a mail for each event that matches. Two subscriptions of one address that match the same event make one mail.
   * @summary Create a subscription
   */
  @Post()
  @Security('apiKey', ['administrator'])
  @SuccessResponse(201, 'Created')
  public async createSubscription(@Request() req: ApiRequest, @Body() body: SubscriptionWrite): Promise<Subscription> {
    const { subscription, version } = await this.subscriptions.create(req.user, body);
    return this.made(201, `/v1/subscriptions/${subscription.id}`, subscription, version);
  }

  /** @summary Read a subscription */
  @Get('{id}')
  @Security('apiKey', ['administrator', 'auditor'])
  public async getSubscription(@Path() id: Uuid): Promise<Subscription> {
    const { subscription, version } = await this.subscriptions.get(id);
    return this.entity(subscription, version);
  }

  /**
   * Replaces a subscription. What you leave out takes its default.
   * @summary Replace a subscription
   */
  @Put('{id}')
  @Security('apiKey', ['administrator'])
  public async putSubscription(@Request() req: ApiRequest, @Path() id: Uuid, @Body() body: SubscriptionWrite, @Header('If-Match') ifMatch?: string): Promise<Subscription> {
    const { subscription, version } = await this.subscriptions.put(req.user, id, body, ifMatch);
    return this.entity(subscription, version);
  }

  /**
   * No more mail for events that are published from now on; what already waits is still sent.
   * @summary Delete a subscription
   */
  @Delete('{id}')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(204, 'Deleted')
  public async deleteSubscription(@Request() req: ApiRequest, @Path() id: Uuid, @Header('If-Match') ifMatch?: string): Promise<void> {
    await this.subscriptions.delete(req.user, id, ifMatch);
  }
}
