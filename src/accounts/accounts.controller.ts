import { Body, Delete, Get, Header, Path, Post, Put, Queries, Request, Route, Security, SuccessResponse, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { PageQuery } from '../contract/page.js';
import type { Uuid } from '../contract/scalars.js';
import type { Account, AccountPage, AccountPassword, AccountWrite } from './accounts.contract.js';
import type { AccountsService } from './accounts.service.js';

@Route('accounts')
@Tags('Accounts')
export class AccountsController extends ApiController {
  constructor(private readonly accounts: AccountsService) {
    super();
  }

  /**
   * Lists the directory and asset accounts, newest first. Passwords are never shown.
   * @summary List accounts
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public async listAccounts(@Queries() query: PageQuery): Promise<AccountPage> {
    return this.accounts.list(query);
  }

  /**
   * An account that the SMTP settings may log in with, by its id: whoever picks it there need not know its password. The password is sent to
   * the allowed servers only.
   * @summary Create an account
   */
  @Post()
  @Security('apiKey', ['administrator'])
  @SuccessResponse(201, 'Created')
  public async createAccount(@Request() req: ApiRequest, @Body() body: AccountWrite): Promise<Account> {
    const { account, version } = await this.accounts.create(req.user, body);
    return this.made(201, `/v1/accounts/${account.id}`, account, version);
  }

  /**
   * An account that the SMTP settings may log in with, and the servers that its password may be sent to. The password is never shown.
   * @summary Read an account
   */
  @Get('{id}')
  @Security('apiKey', ['administrator', 'auditor'])
  public async getAccount(@Path() id: Uuid): Promise<Account> {
    const { account, version } = await this.accounts.get(id);
    return this.entity(account, version);
  }

  /**
   * Replaces an account. A password that you leave out is kept, unless a server is added: then it is needed in the same request (400
   * `ACCOUNT_PASSWORD_REQUIRED`), so that nobody who does not know it can have it sent elsewhere. When you take away the server that the SMTP
   * settings name, mail waits until one of the two is corrected.
   * @summary Replace an account
   */
  @Put('{id}')
  @Security('apiKey', ['administrator'])
  public async putAccount(@Request() req: ApiRequest, @Path() id: Uuid, @Body() body: AccountWrite, @Header('If-Match') ifMatch?: string): Promise<Account> {
    const { account, version } = await this.accounts.put(req.user, id, body, ifMatch);
    return this.entity(account, version);
  }

  /**
   * The next connection to the mail server uses the new password, on every worker, without a restart.
   * @summary Rotate an account's password
   */
  @Put('{id}/password')
  @Security('apiKey', ['administrator'])
  public async putAccountPassword(@Request() req: ApiRequest, @Path() id: Uuid, @Body() body: AccountPassword, @Header('If-Match') ifMatch?: string): Promise<Account> {
    const { account, version } = await this.accounts.putPassword(req.user, id, body.password, ifMatch);
    return this.entity(account, version);
  }

  /**
   * Deletes an account with its password. 409 `ACCOUNT_IN_USE` while the SMTP settings log in with it.
   * @summary Delete an account
   */
  @Delete('{id}')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(204, 'Deleted')
  public async deleteAccount(@Request() req: ApiRequest, @Path() id: Uuid, @Header('If-Match') ifMatch?: string): Promise<void> {
    await this.accounts.delete(req.user, id, ifMatch);
  }
}
