import { Body, Delete, Get, Header, Path, Post, Put, Queries, Request, Response, Route, Security, SuccessResponse, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { Uuid } from '../contract/scalars.js';
import type { DefaultSubscriptionWrite, ExplainQuery, Explanation, RoleDefaultsList, Subscription, SubscriptionPage, SubscriptionQuery, SubscriptionWrite } from './subscriptions.contract.js';
import type { SubscriptionsService } from './subscriptions.service.js';

@Route('subscriptions')
@Tags('Subscriptions')
export class SubscriptionsController extends ApiController {
  constructor(private readonly subscriptions: SubscriptionsService) {
    super();
  }

  /**
   * Who asked for mail for which events, newest first. Filter by address, user or event type.
   * @summary List subscriptions
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public async listSubscriptions(@Queries() query: SubscriptionQuery): Promise<SubscriptionPage> {
    return this.subscriptions.list(query);
  }

  /**
   * From now on the address, or the user, gets a mail for each event that matches. Two subscriptions of one address that match the same event make one mail.
   * @summary Create a subscription
   */
  @Post()
  @Security('apiKey', ['administrator'])
  @SuccessResponse(201, 'Created')
  public async createSubscription(@Request() req: ApiRequest, @Body() body: SubscriptionWrite): Promise<Subscription> {
    const { subscription, version } = await this.subscriptions.create(req.user, body);
    return this.made(201, `/v1/subscriptions/${subscription.id}`, subscription, version);
  }

  /**
   * What the people of each role usually want mail for. `POST` to the same path subscribes somebody to the events of a role.
   * @summary List the default subscriptions of roles
   */
  @Get('defaults')
  @Security('apiKey', ['administrator', 'auditor'])
  public listDefaultSubscriptions(): RoleDefaultsList {
    return { items: this.subscriptions.roleDefaults() };
  }

  /**
   * Subscribes an address or a user to what the people of a role usually want mail for: one subscription, which you can change afterwards. Asked for
   * again, the one that is there is the answer (200).
   * @summary Create the default subscription of a role
   */
  @Post('defaults')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(201, 'Created')
  @Response<Subscription>(200, 'It was there already')
  public async createDefaultSubscription(@Request() req: ApiRequest, @Body() body: DefaultSubscriptionWrite): Promise<Subscription> {
    const { subscription, version, created } = await this.subscriptions.createDefaults(req.user, body);
    return this.made(created ? 201 : 200, `/v1/subscriptions/${subscription.id}`, subscription, version);
  }

  /**
   * Would this address get mail for an event of this type that was published now, and why, or why not? Each subscription of the address, its own or by
   * a user, is told of with what stands in its way.
   * @summary Explain who gets mail
   */
  @Get('explain')
  @Security('apiKey', ['administrator', 'auditor'])
  public async explainSubscription(@Queries() query: ExplainQuery): Promise<Explanation> {
    return this.subscriptions.explain(query);
  }

  /**
   * Who gets mail, for which events, and whether it is switched on.
   * @summary Read a subscription
   */
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
