import { Body, Delete, Get, Header, Path, Post, Put, Queries, Request, Route, Security, SuccessResponse, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { Uuid } from '../contract/scalars.js';
import type { User, UserPage, UserQuery, UserWrite } from './users.contract.js';
import type { UsersService } from './users.service.js';

@Route('users')
@Tags('Users')
export class UsersController extends ApiController {
  constructor(private readonly users: UsersService) {
    super();
  }

  /**
   * The people whose address is kept here, newest first. Filter by address, or search names and addresses with `q`.
   * @summary List users
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public async listUsers(@Queries() query: UserQuery): Promise<UserPage> {
    return this.users.list(query);
  }

  /**
   * Adds somebody whose address subscriptions need not repeat: name the user in them by `userId`.
   * @summary Create a user
   */
  @Post()
  @Security('apiKey', ['administrator'])
  @SuccessResponse(201, 'Created')
  public async createUser(@Request() req: ApiRequest, @Body() body: UserWrite): Promise<User> {
    const { user, version } = await this.users.create(req.user, body);
    return this.made(201, `/v1/users/${user.id}`, user, version);
  }

  /**
   * Somebody who can subscribe, with the address that mail goes to.
   * @summary Read a user
   */
  @Get('{id}')
  @Security('apiKey', ['administrator', 'auditor'])
  public async getUser(@Path() id: Uuid): Promise<User> {
    const { user, version } = await this.users.get(id);
    return this.entity(user, version);
  }

  /**
   * Replaces a user. The user is read again when mail is about to be sent: a corrected address applies to mail that waits, and a user who was
   * disabled gets no more, also of what already waits.
   * @summary Replace a user
   */
  @Put('{id}')
  @Security('apiKey', ['administrator'])
  public async putUser(@Request() req: ApiRequest, @Path() id: Uuid, @Body() body: UserWrite, @Header('If-Match') ifMatch?: string): Promise<User> {
    const { user, version } = await this.users.put(req.user, id, body, ifMatch);
    return this.entity(user, version);
  }

  /**
   * Deletes a user with all subscriptions of the user. No more mail, also of what already waits: that becomes `skipped` when its turn comes.
   * @summary Delete a user
   */
  @Delete('{id}')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(204, 'Deleted')
  public async deleteUser(@Request() req: ApiRequest, @Path() id: Uuid, @Header('If-Match') ifMatch?: string): Promise<void> {
    await this.users.delete(req.user, id, ifMatch);
  }
}
