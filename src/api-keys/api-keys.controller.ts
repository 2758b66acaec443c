import { Body, Delete, Get, Header, Path, Post, Queries, Request, Route, Security, SuccessResponse, Tags } from '@tsoa/runtime';
import { ApiController, type ApiRequest } from '../contract/api-controller.js';
import type { PageQuery } from '../contract/page.js';
import type { Uuid } from '../contract/scalars.js';
import type { ApiKey, ApiKeyCreate, ApiKeyPage, ApiKeyWithSecret } from './api-keys.contract.js';
import { type ApiKeysService, etagOfKey } from './api-keys.service.js';

@Route('api-keys')
@Tags('API keys')
export class ApiKeysController extends ApiController {
  constructor(private readonly keys: ApiKeysService) {
    super();
  }

  /**
   * Lists the keys, newest first. The keys themselves are never shown again.
   * @summary List API keys
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public async listApiKeys(@Queries() query: PageQuery): Promise<ApiKeyPage> {
    return this.keys.list(query);
  }

  /**
   * Shows who a key belongs to, what it may do, when it expires and when it was last used. The key itself is never shown again.
   * @summary Read an API key
   */
  @Get('{id}')
  @Security('apiKey', ['administrator', 'auditor'])
  public async getApiKey(@Path() id: Uuid): Promise<ApiKey> {
    const key = await this.keys.get(id);
    return this.entity(key, etagOfKey(key));
  }

  /**
   * Makes a key for a service or a person. The answer is the only place where `key` is ever shown: Mailroom keeps a hash of it.
   * @summary Create an API key
   */
  @Post()
  @Security('apiKey', ['administrator'])
  @SuccessResponse(201, 'Created')
  public async createApiKey(@Request() req: ApiRequest, @Body() body: ApiKeyCreate): Promise<ApiKeyWithSecret> {
    const { key, ...shown } = await this.keys.create(req.user, body);
    return this.made(201, `/v1/api-keys/${shown.id}`, { ...shown, key }, etagOfKey(shown));
  }

  /**
   * Revokes a key. Its next request is refused, by every process. The last administrator key and the one that MAILROOM_ADMIN_KEY gives cannot be deleted (409).
   * @summary Delete an API key
   */
  @Delete('{id}')
  @Security('apiKey', ['administrator'])
  @SuccessResponse(204, 'Deleted')
  public async deleteApiKey(@Request() req: ApiRequest, @Path() id: Uuid, @Header('If-Match') ifMatch?: string): Promise<void> {
    await this.keys.delete(req.user, id, ifMatch);
  }
}
